"""Helpers for tests: tiny models built on the spot."""
