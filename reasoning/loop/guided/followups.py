"""Questions about the concrete thing that a person tells of: in their own words, where no topic has a question."""

from __future__ import annotations

import functools
import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from omnisense.reasoning.loop.guided.noun_phrases import is_plural, noun_phrases
from omnisense.reasoning.loop.guided.reading import RELATIONS, Clause

_NEUTRAL = 0.02  # sentiment up to which a clause has none


Tone = Literal["good", "neutral", "bad"]


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


def about_things(clauses: Sequence[Clause], tone: Tone, options: Mapping[str, Sequence[str]]) -> list[str]:
    """Return questions about the thing that the clause with most feeling names; empty where none is named.

    Args:
        clauses: of the person's words.
        tone: of the feeling about it.
        options: questions with {it}, for ``one`` thing and for ``several``.
    """
    is_bad, is_neutral = tone == "bad", tone == "neutral"
    sign, least = (1, -_NEUTRAL) if is_bad else (-1, _NEUTRAL)  # nothing bad is asked of a thing that was not bad
    fitting = [clause for clause in clauses if is_neutral or sign * clause.sentiment <= least]
    for clause in sorted(fitting, key=lambda one: sign * one.sentiment):
        phrases = noun_phrases(clause.text, places=False)
        named = [phrase for phrase in phrases if phrase.split()[-1].lower() not in RELATIONS]
        if tone != "good":  # else it is rather a thing beside the one that the words are about
            named = [phrase for phrase in named if phrase.startswith("your ") or _is_subject(phrase, clause.text)]
        if named:
            it = named[0]
            return [ask.format(it=it) for ask in options["several" if is_plural(it) else "one"]]
    return []


def _is_subject(phrase: str, clause: str) -> bool:
    return phrase.split()[1].lower() in [word.lower() for word in clause.split()[1:2]]


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
