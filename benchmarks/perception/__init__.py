"""Accuracy and cost of perception on real clips: ``python -m omnisense.benchmarks.perception DATA``.

``transcription`` (word errors, word times), ``diarization`` (who speaks when), ``faces`` (active speaker detection,
expression), ``pose`` (bodies and hands), ``emotion`` (the shipped heads), ``cost`` (speed, memory, live delay);
``compose`` makes clips whose ground truth is known by construction, ``long_clips`` those of ten minutes in which
``moments``, a command of its own, counts what chosen frames show.
"""
