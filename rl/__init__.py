"""Training on top of the reasoning floor. Nothing is here yet: GRPO and SFT with TRL come with their own change."""
