"""How well perception reads people, measured on real clips: ``python -m omnisense.benchmarks.perception DATA``.

``words`` (errors, word times), ``voices`` (who speaks when), ``faces`` (who is talking, expression), ``feelings`` (the
shipped heads), ``cost`` (speed, memory, live delay); ``compose`` makes the clips whose truth is known by construction.
"""
