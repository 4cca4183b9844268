"""Daily-Omni (arXiv 2505.17862): sounds and pictures of daily life that have to be put together."""
