"""Live spoken conversation: turn taking, interruptions, and replies that start while they are written."""
