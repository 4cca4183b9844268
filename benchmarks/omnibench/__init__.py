"""OmniBench (arXiv 2409.15272): one image, one sound, and a question that needs both."""
