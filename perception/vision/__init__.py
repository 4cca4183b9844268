"""What is seen: faces, their landmarks and expressions, bodies and gestures."""
