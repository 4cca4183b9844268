"""Sentences of a reply: what is synthesized at once."""

from __future__ import annotations

import re

# A sentence ends at its mark, with closing quotes and brackets; not after a title, an initial or within a number.
_END = re.compile(r"(?<=[.!?\u2026])[\"'\u201d\u2019)\]]*\s+(?=\S)")
_TITLES = frozenset("mr mrs ms dr prof st vs etc e.g i.e no".split())
_MIN_CHARS = 3


def split_sentences(text: str) -> list[str]:
    """Return the sentences of a text in order, each with its punctuation."""
    found: list[str] = []
    for paragraph in re.split(r"\n+", text.strip()):
        start = 0
        for end in _END.finditer(paragraph):
            if _is_end(paragraph[start : end.start()], paragraph[end.end()]):
                found.append(paragraph[start : end.end()].strip())
                start = end.end()
        found.append(paragraph[start:].strip())
    return [sentence for sentence in found if any(c.isalnum() for c in sentence)]


def _is_end(sentence: str, following: str) -> bool:
    if following.islower() or len(sentence.strip()) < _MIN_CHARS:
        return False
    if not sentence.endswith("."):
        return True
    word = re.split(r"\s", sentence[:-1])[-1].strip("(\"'")
    return word.lower() not in _TITLES and not (len(word) == 1 and word.isupper() and word != "I")
