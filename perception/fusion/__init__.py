"""The streams joined: who is speaking, one summary per person, one timeline."""
