"""The visual stream: faces, landmarks, expressions, bodies and gestures."""
