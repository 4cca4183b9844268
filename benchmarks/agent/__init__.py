"""The agent beside its bare policy: ``python -m omnisense.benchmarks.agent DATA``.

Questions with one right answer, the cost of a turn, and replies to people with room for human judgements.
"""
