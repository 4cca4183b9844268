"""Explicit signs of risk by pattern, in English, Spanish, French and German (``patterns.toml``)."""

from __future__ import annotations

import functools
import re
import tomllib
from pathlib import Path
from typing import Any, NamedTuple


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


def is_grief(sentence: str) -> bool:
    """Whether a sentence says that somebody else has died, and nothing of what the person means to do."""
    is_about_death, means_to = _grief_patterns()
    return bool(is_about_death.search(sentence)) and not means_to.search(sentence)


@functools.lru_cache(maxsize=1)
def _grief_patterns() -> tuple[re.Pattern[str], re.Pattern[str]]:
    table = _tables()["grief"]
    any_of, unless = (re.compile("|".join(table[name]), re.IGNORECASE) for name in ("any", "unless"))
    return any_of, unless


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
