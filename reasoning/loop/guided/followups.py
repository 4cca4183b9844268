"""Questions about the concrete thing that a person tells of: in their own words, where no topic has a question."""

from __future__ import annotations

import functools
import re
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from omnisense.reasoning.loop.guided.reading import RELATIONS, Clause


class _FollowUp(NamedTuple):
    pattern: re.Pattern[str]
    ask: tuple[str, ...]
    bad: tuple[str, ...]


def follow_ups(clauses: Sequence[Clause], is_bad: bool) -> list[str]:
    """Return questions about what the first clause tells that names something; empty where none does.

    Args:
        clauses: of the person's words.
        is_bad: whether the feeling about it is a bad one.
    """
    for row in _follow_ups():
        for clause in clauses:
            found = row.pattern.search(clause.text)
            sentences = (row.bad or row.ask) if is_bad else row.ask
            if found and sentences:
                filled = {name: _theirs(words) for name, words in found.groupdict().items()}
                return [sentence.format(**filled) for sentence in sentences]
    return []


def _theirs(words: str) -> str:
    """Return words of the person as the agent says them; somebody of theirs without "my" gets a "your"."""
    if words.lower() in RELATIONS:
        return f"your {words.lower()}"
    return re.sub(r"\b(?:my|our)\b", "your", re.sub(r"^The\b", "the", words), flags=re.IGNORECASE)


@functools.lru_cache(maxsize=1)
def _follow_ups() -> tuple[_FollowUp, ...]:
    rows = tomllib.loads(Path(__file__).with_name("followups.toml").read_text("utf-8"))["followup"]
    return tuple(
        _FollowUp(
            re.compile(row["pattern"].replace("{relations}", "|".join(RELATIONS)), 0 if row.get("case") else re.I),
            tuple(row["ask"]),
            tuple(row.get("bad", ())),
        )
        for row in rows
    )
