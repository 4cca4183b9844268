"""Perception of a live stream of audio and frames."""
