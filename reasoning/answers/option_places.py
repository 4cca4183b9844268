"""Finds where a text writes out an option's words.

The words are compared as strings: a regular expression for each option would have to be compiled for each question,
which takes a hundred times longer than to score a short reply.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from omnisense.reasoning.answers.question import strip_letter

UNSPACED = r"\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"  # Chinese, Japanese and Korean need no spaces around a letter
WORD = rf"[^\W{UNSPACED}]"  # a character of a word
OPEN, CLOSE = r"[(\[{\"'<]", r"[)\]}\"'>]"
_OPENED = re.compile(rf"(?<!{WORD}){OPEN}{{0,3}}\Z")
_CLOSED = re.compile(rf"{CLOSE}{{0,3}}(?!{WORD})")
_MOST_BEFORE = 16  # characters of a letter, its brackets, its separator and the spaces between them
_LETTER_BEFORE = re.compile(
    rf"(?<!{WORD}){OPEN}{{0,3}}(?:([B-HJ-Z])\s{{0,2}}{CLOSE}?\s{{0,2}}[.:,、)-]?\s{{0,2}}"
    # "a smile" is no option A, but at the start of a line or after a tick
    rf"|(?<![^\n✓✗])([A])\s|(?<=[✓✗]\s)([A])\s"
    rf"|([AI])\s{{0,2}}(?:{CLOSE}\s{{0,2}}[.:,、)-]?|[.:,、)-]|\n|(?<=\w)\s(?={OPEN}))\s{{0,2}}){OPEN}{{0,3}}\Z",
    re.IGNORECASE,
)
_LETTER_AFTER = re.compile(rf"{CLOSE}{{0,2}}\s?[(\[]([A-Z])[)\]]", re.IGNORECASE)  # "sadness (C)"
_WORD = re.compile(WORD)
_OTHER_SPACE = re.compile(r"[^\S ]")
_IS = re.compile(r"(?<=\w) is ")
_TWO_LETTERS = re.compile(r"\b[A-Z]\b.*\b[A-Z]\b")


class OptionText(NamedTuple):
    """The words of an option.

    Attributes:
        place: of the option among the question's.
        parts: the words in lower case, split where " is " may be "'s ".
        length: characters of all of them.
        names_letters: whether they name letters, as "Both A and B" does.
    """

    place: int
    parts: tuple[str, ...]
    length: int
    names_letters: bool


@functools.lru_cache(maxsize=1024)
def texts_of(options: tuple[str, ...]) -> tuple[OptionText, ...]:
    """Return the words of the options that have any."""
    found = []
    for index, option in enumerate(options[:26]):
        written = (
            strip_letter(unicodedata.normalize("NFKC", option))
            .replace("’", "'")
            .replace("cannot", "can't")
            .strip(' .。"')
        )
        words = " ".join(written.split())
        if words:
            parts = tuple(_IS.split(lower(words)))
            found.append(OptionText(index, parts, len(words), bool(_TWO_LETTERS.search(words))))
    return tuple(found)


@functools.lru_cache(maxsize=64)  # a reply is searched for each option
def lower(text: str) -> str:
    """Return a text in lower case with a space for each character of space, every character at its place."""
    lowered = text.lower()
    if len(lowered) != len(text):  # the lower case of one letter, the Turkish İ, has two characters
        lowered = "".join(c.lower() if len(c.lower()) == 1 else c for c in text)
    return _OTHER_SPACE.sub(" ", lowered)


def mark_with_letter(text: str, option: OptionText, mark: str) -> str:
    """Return a text with a mark where it writes an option with its letter before ("B. sad") or after it ("sad (B)").

    Args:
        text: without more than one space in a row.
        option: to find.
        mark: to write there.
    """
    pieces, last, letter = [], 0, chr(65 + option.place)
    for start, end in _places(lower(text), option):
        if start < last:
            continue
        before = _LETTER_BEFORE.search(text, max(last, start - _MOST_BEFORE), start)
        closed = _CLOSED.match(text, end)
        begins = _begins_word(text, start)
        if begins and before and closed and before[before.lastindex or 0].upper() == letter:
            pieces += [text[last : before.start()], mark]
            last = closed.end()
        elif begins and (after := _LETTER_AFTER.match(text, end)) and after[1].upper() == letter:
            pieces += [text[last:start], mark]
            last = after.end()
    return "".join([*pieces, text[last:]])


def mark_alone(text: str, options: Sequence[OptionText], marks: Sequence[str]) -> str:
    """Return a text with a mark for each option whose words stand in it, of two at a place the longer one's.

    Args:
        text: without more than one space in a row.
        options: to find.
        marks: for each of them.
    """
    lowered = lower(text)
    found = [
        (start, -option.length, closed.end(), mark)
        for option, mark in zip(options, marks, strict=True)
        for start, end in _places(lowered, option)
        if (closed := _CLOSED.match(text, end)) and _OPENED.search(text, max(0, start - 3), start)
    ]
    pieces, last = [], 0
    for start, _, end, mark in sorted(found):
        if start >= last and (opened := _OPENED.search(text, max(last, start - 3), start)):
            pieces += [text[last : opened.start()], mark]
            last = end
    return "".join([*pieces, text[last:]])


def _places(lowered: str, option: OptionText) -> Iterator[tuple[int, int]]:
    """Yield where an option's words start and end in a text in lower case."""
    first, *others = option.parts
    start = lowered.find(first)
    while start >= 0:
        end = start + len(first)
        for part in others:
            joint = next((j for j in (" is ", "'s ") if lowered.startswith(j + part, end)), "")
            end = end + len(joint) + len(part) if joint else -1
            if end < 0:
                break
        if end >= 0:
            yield start, end
        start = lowered.find(first, start + 1)


def _begins_word(text: str, start: int) -> bool:
    """Whether a word begins at a place, after a capital letter too: "sad" begins one in "Bsad", but not in "bsad"."""
    return start == 0 or text[start - 1].isupper() or not (_WORD.match(text[start - 1]) and _WORD.match(text[start]))
