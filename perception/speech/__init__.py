"""What is said: transcription and word alignment."""
