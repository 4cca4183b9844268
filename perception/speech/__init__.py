"""The transcript: speech recognition and word alignment."""
