"""IntentBench (HumanOmniV2, arXiv 2506.21277): what people intend, feel and hide, in videos with sound."""
