"""HumanSense (arXiv 2508.10576): 15 tasks on four levels, from what is seen to how to respond.

Read in this order: ``tasks`` and ``data`` (what is asked), ``templates`` (the authors' own prompts), ``paper`` (their
scoring, quirks included), ``build`` (a benchmark in the official format out of free material).
"""
