"""HumanSense (arXiv 2508.10576): 15 tasks on four levels, from basic perception to how to respond.

Read in this order: ``suite`` (what the harness sees), ``tasks`` and ``loading`` (the questions), ``templates`` (the
authors' prompts), ``official_score`` (their scoring, quirks included), ``report_spec``, and ``build`` (a benchmark in
the official format from free material).
"""
