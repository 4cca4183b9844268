"""Measurements. ``speed/`` times OmniSense beside its parts and named peers."""
