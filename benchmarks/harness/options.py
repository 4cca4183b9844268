"""The options of a row, each with the letter that its place gives it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from omnisense.benchmarks.harness.question_files import RowError
from omnisense.reasoning.answers.question import strip_letter

_MOST_OPTIONS = 26
_UNMARKED = re.compile(r"([A-Z])(?:\s+[-–—]\s+|\s*．\s*|\s+)(?=\S)")  # "B blue", "B - blue", a full-width full stop


def option_texts(options: Any) -> list[str]:
    """Return the options of a row as texts; numbers are written out.

    Raises:
        RowError: they are not a list of two to 26 texts or numbers.
    """
    if not isinstance(options, list) or not 2 <= len(options) <= _MOST_OPTIONS:
        raise RowError("impossible answer", "there are no options to choose from")
    if not all(isinstance(option, str | int | float) for option in options):
        raise RowError("impossible answer", "an option is no text")
    return [str(option) for option in options]


def letter_options(options: Iterable[str]) -> tuple[str, ...]:
    """Put letters in front of options, A first."""
    return tuple(f"{chr(65 + i)}. {option}" for i, option in enumerate(options))


def lettered_options(options: Any) -> tuple[str, ...]:
    """Return options with their letters, A first; those without get theirs, small letters become capital ones.

    Options that stand in another order than their letters are put in order, since a right answer names its letter. Of
    several options a single one may have a wrong letter: its place counts.

    Raises:
        RowError: they are not a list of two to 26 texts, or it is not clear which letter is whose.
    """
    texts = [text.strip() for text in option_texts(options)]
    places = [chr(65 + i) for i in range(len(texts))]
    heads = _heads(texts, places)
    if sorted(heads) == places:
        texts, heads = [texts[heads.index(letter)] for letter in places], places
    in_place = [head for head, letter in zip(heads, places, strict=True) if head == letter]
    off = [head for head, letter in zip(heads, places, strict=True) if head not in ("", letter)]
    if len(off) == len(texts) or (in_place and off and (len(off) > 1 or len(in_place) < 2)):
        said = ", ".join(text[:2] for text in texts)
        raise RowError("impossible answer", f"the options are not lettered from A on ({said})")
    if not in_place:  # "I. e." or "R) ..." is how the text of an option begins
        return letter_options(texts)
    return tuple(map(_with_letter, places, texts, heads))


def _heads(texts: Sequence[str], places: Sequence[str]) -> list[str]:
    """Return the letter that each option begins with; an empty text for one that begins with none.

    A letter without a mark counts where all have theirs so, or where it is its place's among others with marks; ``A``
    and ``I`` are words, too.
    """
    marked = [text.lstrip("([")[:1].upper() if strip_letter(text) != text else "" for text in texts]
    unmarked = [found[1] if (found := _UNMARKED.match(text)) else "" for text in texts]
    if unmarked == list(places):
        return unmarked
    return [
        mark or (bare if bare == place and bare not in "AI" and any(marked) else "")
        for mark, bare, place in zip(marked, unmarked, places, strict=True)
    ]


def _with_letter(letter: str, text: str, head: str) -> str:
    """Return an option with a letter; it stays as it is where it has that letter and a mark."""
    bare = strip_letter(text)
    if not head:
        return f"{letter}. {text}"
    if bare == text:
        return f"{letter}. {_UNMARKED.sub('', text, count=1)}"
    if text.lstrip("([").startswith(letter):
        return text
    return text.replace(text.lstrip("([")[0], letter, 1)
