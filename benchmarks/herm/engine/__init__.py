"""The data engine of HERM: annotations, questions and training rows from images of people."""
