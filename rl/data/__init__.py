"""Training data: question files, their split, training rows, and converters of public datasets."""
