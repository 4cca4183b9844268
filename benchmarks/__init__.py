"""Benchmarks: any model, and our own agent, on questions about people; and what OmniSense's own speed is.

Read in this order: ``items`` (what is asked), ``prompting`` (how), ``systems`` (of whom), ``score`` (how replies are
scored), ``worker`` and ``crews`` (who does the work), ``records`` and ``runner`` (a run), ``statistics``, ``summary``,
``charts`` and ``report`` (what it found). ``humansense/`` is the first suite, ``herm/`` the second, with the engine
that makes such data out of pictures; ``speed/`` times OmniSense beside its parts and named peers.
"""
