"""Questions: their text, the parser of replies, and answers from percepts."""
