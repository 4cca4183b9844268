"""The version, read by the package metadata too (``dynamic`` in pyproject.toml)."""

__version__ = "0.2.0"
