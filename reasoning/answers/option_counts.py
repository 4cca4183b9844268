"""Find the option that holds the number in a reply, where all options are numbers or ranges ("more than 3")."""

from __future__ import annotations

import functools
import re
from typing import NamedTuple

from omnisense.reasoning.answers.parse_values import numbers_in_digits, read_number
from omnisense.reasoning.answers.question import strip_letter

_MOST_WORDS = 5  # of an option that is a number: "more than 3 people"
_N = r"(\d+(?:\.\d+)?)"
_OVER = re.compile(rf"\b(?:more\s+than|over|above|mehr\s+als|plus\s+de|más\s+de)\s+{_N}", re.IGNORECASE)
_FROM = re.compile(rf"\bat\s+least\s+{_N}|\b{_N}\s+(?:or|and)\s+(?:more|over|above)\b|\b{_N}\s*\+", re.IGNORECASE)
_UNDER = re.compile(rf"\b(?:less|fewer)\s+than\s+{_N}|\b(?:under|below)\s+{_N}", re.IGNORECASE)
_UP_TO = re.compile(rf"\b(?:at\s+most|up\s+to)\s+{_N}|\b{_N}\s+or\s+(?:less|fewer)\b", re.IGNORECASE)
_BETWEEN = re.compile(rf"\b{_N}\s*(?:-|–|to|and|or)\s*{_N}\b", re.IGNORECASE)


class _Range(NamedTuple):
    """Which numbers a text means: above ``low`` or from it on, below ``high`` or up to it."""

    low: float
    high: float
    with_low: bool = True
    with_high: bool = True

    def holds(self, number: float) -> bool:
        above = number >= self.low if self.with_low else number > self.low
        return above and (number <= self.high if self.with_high else number < self.high)


def counted_option(text: str, options: tuple[str, ...]) -> str:
    """Return the letter of the only option that holds the number, or is the range, in a reply; empty when none does.

    Args:
        text: without markup.
        options: of the question, each with its letter.
    """
    ranges = _ranges(options)
    if not ranges:
        return ""
    if value := read_number(text).value:
        holding = [i for i, found in enumerate(ranges) if found.holds(float(value))]
    else:
        said = _open_range(numbers_in_digits(text)) or _range(text)
        holding = [i for i, found in enumerate(ranges) if found == said]
    return chr(65 + holding[0]) if len(holding) == 1 else ""


@functools.lru_cache(maxsize=1024)
def _ranges(options: tuple[str, ...]) -> tuple[_Range, ...]:
    """Return what numbers each option means; empty where one means none, or two mean the same."""
    found = []
    for text in map(strip_letter, options):
        said = _range(text) if 0 < len(text.split()) <= _MOST_WORDS else None
        if said is None:
            return ()
        found.append(said)
    return tuple(found) if len(set(found)) == len(found) else ()


def _range(text: str) -> _Range | None:
    text = numbers_in_digits(text)
    if open_range := _open_range(text):
        return open_range
    if between := _BETWEEN.search(text):
        return _Range(float(between[1]), float(between[2]))
    value = read_number(text).value
    return _Range(float(value), float(value)) if value else None


def _open_range(text: str) -> _Range | None:
    most = float("inf")
    if over := _OVER.search(text):
        return _Range(float(over[1]), most, with_low=False)
    if start := _FROM.search(text):
        return _Range(float(next(filter(None, start.groups()))), most)
    if under := _UNDER.search(text):
        return _Range(-most, float(next(filter(None, under.groups()))), with_high=False)
    if up_to := _UP_TO.search(text):
        return _Range(-most, float(next(filter(None, up_to.groups()))))
    return None
