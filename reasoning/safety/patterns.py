"""Explicit signs of risk by pattern, in English, Spanish, French and German (``patterns.toml``)."""

from __future__ import annotations

import functools
import re
import tomllib
from pathlib import Path
from typing import Any, NamedTuple

from omnisense.reasoning.loop.appraisal import HarmCategory

_ANSWER_WORDS = 12  # at most, of an answer that only says yes or no
_Compiled = tuple[re.Pattern[str], re.Pattern[str] | None]  # what shows it, and what rules it out


class Sign(NamedTuple):
    """Words that show a risk; ``is_certain`` where they need no second look."""

    category: str
    grade: str
    matched: str
    is_certain: bool


def find_signs(sentence: str) -> list[Sign]:
    """Return the signs of risk in a sentence, figures of speech left out: the certain ones first."""
    signs, figures = _patterns()
    literal = figures.sub(" ", sentence)
    found = [
        Sign(category, grade, match.group(0), certain)
        for category, grade, certain, regex in signs
        if (match := regex.search(literal))
    ]
    return sorted(found, key=lambda sign: not sign.is_certain)


def is_figure_of_speech(sentence: str) -> bool:
    """Whether a sentence has words that only sound like a risk: "this traffic is killing me"."""
    return bool(_patterns()[1].search(sentence))


def is_imagined(sentence: str) -> bool:
    """Whether a sentence tells of monsters and the like, and of no person who may do harm."""
    return _is_of("imagined", sentence)


def is_everyday(sentence: str) -> bool:
    """Whether a sentence tells of a small injury, of ordinary medicine or of giving up a habit."""
    return _is_of("everyday", sentence)


def is_past(sentence: str) -> bool:
    """Whether a sentence tells of something long ago, and says nothing of now."""
    return _is_of("past", sentence)


def harm_by_pattern(sentence: str) -> HarmCategory | None:
    """Return the kind of harm that the words of a sentence of a reply show by pattern."""
    return next(
        (kind for kind, any_of, unless in _reply_patterns() if any_of.search(sentence) and not _has(unless, sentence)),
        None,
    )


def is_grief(sentence: str) -> bool:
    """Whether a sentence says that somebody else has died, and nothing of what the person means to do."""
    return _is_of("grief", sentence)


def is_affirmation(answer: str) -> bool:
    """Whether a short answer to a question says yes, or does not say no."""
    return len(answer.split()) <= _ANSWER_WORDS and _is_of("affirmation", answer.strip())


def is_denial(answer: str) -> bool:
    """Whether an answer to a question says no."""
    return _has(_compiled("affirmation")[1], answer)


def _is_of(table: str, sentence: str) -> bool:
    any_of, unless = _compiled(table)
    return bool(any_of.search(sentence)) and not _has(unless, sentence)


def _has(unless: re.Pattern[str] | None, sentence: str) -> bool:
    return unless is not None and bool(unless.search(sentence))


@functools.cache
def _compiled(name: str) -> _Compiled:
    return _compile(_tables()[name])


def _compile(table: dict[str, Any]) -> _Compiled:
    any_of = re.compile("|".join(table["any"]), re.IGNORECASE)
    return any_of, re.compile("|".join(table["unless"]), re.IGNORECASE) if "unless" in table else None


@functools.lru_cache(maxsize=1)
def _reply_patterns() -> list[tuple[HarmCategory, re.Pattern[str], re.Pattern[str] | None]]:
    return [(row["category"], *_compile(row)) for row in _tables()["reply"]]


def _tables() -> dict[str, Any]:
    return tomllib.loads(Path(__file__).with_name("patterns.toml").read_text("utf-8"))


@functools.lru_cache(maxsize=1)
def _patterns() -> tuple[list[tuple[str, str, bool, re.Pattern[str]]], re.Pattern[str]]:
    tables = _tables()
    signs = [
        (row["category"], row["grade"], row.get("certain", False), re.compile("|".join(row["any"]), re.IGNORECASE))
        for row in tables["risk"]
    ]
    return signs, re.compile("|".join(tables["figures_of_speech"]["any"]), re.IGNORECASE)
