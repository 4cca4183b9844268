"""What a run reports: evaluation, curves, sample completions, a model card and ``result.json``."""
