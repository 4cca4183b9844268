"""Policies: language and omni models behind ``write`` and ``choose``."""
