"""Benchmarks: any model, and our own agent, on questions about people; and the speed of OmniSense itself.

- ``harness``: the evaluation harness shared by all suites; start with ``harness.suite``
- ``suites``: the registry, one line for each suite
- ``humansense``, ``herm``: the suites; ``herm.engine`` makes HERM-style data from images
- ``perception``: the error of each perception stage on labelled clips
- ``speed``: OmniSense's speed beside its parts and named peers
"""
