"""Media files: opening clips, choosing frames, decoding and encoding."""
