"""Speed, measured beside named peers: ``python -m omnisense.benchmarks.speed``."""
