"""WorldSense (arXiv 2502.04326): questions about videos that need picture and sound together."""
