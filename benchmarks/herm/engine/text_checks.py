"""Checks of model-written texts: what fails them is dropped, and the template-based text stays."""

from __future__ import annotations

import re
from collections import Counter

PHRASE = re.compile(r"<p>(.+?)</p>")  # a grounded phrase
_MAX_WORDS, _MIN_WORDS = 120, 3
_REFUSAL = re.compile(r"\b(?:as an ai|i cannot|i can't|i'm sorry|unable to)\b", re.IGNORECASE)
_FUNCTION_WORDS = set(
    "the and with who that are his her their they she has have while also there this for from into which where being "
    "person".split()
)


def find_fault(text: str) -> str:
    """Return why a text is not used: its length, a refusal, repetition, or too few words; empty for a usable text."""
    words = text.split()
    if len(words) < _MIN_WORDS:
        return "too short"
    if len(words) > _MAX_WORDS:
        return "too long"
    if _REFUSAL.search(text):
        return "a refusal"
    if max(Counter(words).values()) > max(4, len(words) // 4):
        return "repetition"
    return "" if sum(c.isalpha() or c.isspace() for c in text) > 0.7 * len(text) else "no words"


def find_rewriting_fault(original: str, written: str) -> str:
    """Return why a rewritten text is not used: it must keep every phrase and content word, and add none."""
    if fault := find_fault(written):
        return fault
    if sorted(PHRASE.findall(written)) != sorted(PHRASE.findall(original)):
        return "a person's phrase is lost"
    if new := content_words(written) - content_words(original):
        return f"new words ({', '.join(sorted(new)[:3])})"
    if content_words(original) - content_words(written):
        return "something is left out"
    return "nothing is changed" if written == original else ""


def content_words(text: str) -> set[str]:
    """Return the words of a text without function words, in lower case."""
    return set(re.findall(r"[a-z]{3,}", text.lower())) - _FUNCTION_WORDS
