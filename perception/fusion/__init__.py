"""Fusion of the streams: active speakers, one summary per person, one timeline."""
