"""EmoBench-M (arXiv 2502.04424): emotions in videos, in conversations, and in humour and sarcasm; 13 sets."""
