"""Live perception of streamed audio and frames."""
