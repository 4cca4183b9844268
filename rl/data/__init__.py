"""Training data: reading and splitting question files, and converters that make them."""
