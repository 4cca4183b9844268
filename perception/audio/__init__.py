"""The audio stream: voice activity, speakers, prosody and audio events."""
