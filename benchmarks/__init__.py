"""Benchmarks: any model, and our own agent, on questions about people; and the speed of OmniSense itself.

- ``harness``: the evaluation harness shared by all suites; start with ``harness.suite``
- ``suites``: the registry, one line for each suite
- ``humansense``, ``herm``, ``intentbench``, ``dailyomni``, ``worldsense``, ``emobench``, ``omnibench``: the suites;
  ``herm.engine`` makes HERM-style data from images
- ``exports``: data sets and records in the forms of other harnesses
- ``agent``: the agent beside its bare policy, what a turn costs, and replies to people
- ``choices``: ways to score the options of a choice
- ``perception``: the error of each perception stage on labelled clips
- ``speed``: OmniSense's speed beside its parts and named peers
- ``trust``: attacks, damaged files, killed processes and memory
- ``results``: what was measured
"""
