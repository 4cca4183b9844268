"""Media files: clips, frame sampling, decoding and encoding."""
