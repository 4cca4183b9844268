"""What is heard besides the words: voice activity, prosody, speakers and audio events."""
