"""The written sentences of ``replies.toml``, and the choice among them."""

from __future__ import annotations

import functools
import re
import tomllib
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omnisense.reasoning.loop.guided.events import MIXED
from omnisense.reasoning.loop.guided.reading import Reading
from omnisense.reasoning.loop.paraphrase import to_second_person


@dataclass(frozen=True)
class Topic:
    """What somebody talks about, with sentences for it.

    Attributes:
        name: for the trace.
        pattern: what shows it.
        valence: ``positive``, ``negative`` or ``any``.
        say: sentences that interpret; ask: that explore; idea: what helps many people, for who asks for advice.
        child_say: the same for a child, likewise child_ask.
        feeling: the one that goes with it; empty where it may be any.
        is_light: whether it is nothing grave, and asks for no reaction.
        of_children: whether children speak so.
        is_event: whether it is a kind of event, which tells less than a topic.
        needs_joy: whether its words are glad only where the others are: a wedding is also told of with a sigh.
    """

    name: str
    pattern: re.Pattern[str]
    valence: str
    say: tuple[str, ...]
    ask: tuple[str, ...]
    idea: str = ""
    child_say: tuple[str, ...] = ()
    child_ask: tuple[str, ...] = ()
    feeling: str = ""
    is_light: bool = False
    of_children: bool = False
    is_event: bool = False
    needs_joy: bool = False


_NOWHERE = r"(?!)"  # matches nothing
_GLAD, _PLAINLY_BAD = 0.1, -0.2  # sentiment of clauses
_OPPOSED = {"positive", "negative"}


@functools.lru_cache(maxsize=1)
def phrases() -> Mapping[str, Any]:
    """Return the sentences by section."""
    return tomllib.loads(Path(__file__).with_name("replies.toml").read_text("utf-8"))


@functools.lru_cache(maxsize=1)
def topics() -> tuple[Topic, ...]:
    """Return the topics, the most specific first."""
    return _topics("topic")


@functools.lru_cache(maxsize=1)
def events() -> Mapping[str, Topic]:
    """Return what is said of the kinds of events, by kind."""
    return {topic.name: topic for topic in _topics("event")}


def _topics(section: str) -> tuple[Topic, ...]:
    return tuple(
        Topic(
            name=row["name"],
            pattern=re.compile(row.get("pattern", _NOWHERE), re.IGNORECASE),
            valence=row["valence"],
            say=tuple(row["say"]),
            ask=tuple(row["ask"]),
            idea=row.get("idea", ""),
            child_say=tuple(row.get("child_say", ())),
            child_ask=tuple(row.get("child_ask", ())),
            feeling=row.get("feeling", ""),
            is_light=row.get("light", False),
            of_children=row.get("of_children", False),
            is_event=section == "event",
            needs_joy=row.get("needs_joy", False),
        )
        for row in phrases()[section]
    )


def find_topics(reading: Reading) -> list[tuple[Topic, dict[str, str]]]:
    """Return the topics of what was said that fit its valence, each with the words that fill its sentences.

    Where no word shows one that has a valence, the kind of event that is told is the topic.
    """
    found = []
    for topic in topics():
        match = topic.pattern.search(reading.text.replace("\u2019", "'"))
        opposite = {"positive": "negative", "negative": "positive"}.get(topic.valence)
        is_result = topic.name in (
            "good result",
            "pain gone",
            "exam passed",
        )  # "not cancer" is read as negative, and is not
        is_result |= topic.valence == "positive" and _is_told_plainly(topic, reading)
        is_glad = reading.valence == "positive" or "!!" in reading.text
        is_unsure = (
            topic.needs_joy and not is_glad and (reading.valence == "negative" or not _is_told_plainly(topic, reading))
        )
        is_wished = topic.valence == "positive" and reading.is_unreal
        is_denied = reading.lean == opposite or (topic.valence == "positive" and reading.event == MIXED)
        if match and not (is_wished or is_unsure or is_denied) and (reading.valence != opposite or is_result):
            groups = match.groupdict().items()
            filled = {key.rstrip("0123456789"): to_second_person(value) for key, value in groups if value}
            found.append((topic, filled))
    event = events().get(reading.event)
    if event and all(topic.valence == "any" for topic, _ in found) and {event.valence, reading.valence} != _OPPOSED:
        found.insert(0, (event, {}))
    return found


def shown_valences(text: str) -> set[str]:
    """Return the valences of the topics of a text."""
    return {topic.valence for topic in topics() if topic.pattern.search(text)} - {"any"}


def _is_told_plainly(topic: Topic, reading: Reading) -> bool:
    """Whether a clause that is not bad itself shows a glad topic, and nothing else in the words is plainly bad."""
    shown = [c.sentiment for c in reading.clauses if topic.pattern.search(c.text.replace("\u2019", "'"))]
    others = min((c.sentiment for c in reading.clauses), default=0.0)
    return max(shown, default=-1.0) >= _GLAD and others > _PLAINLY_BAD


@functools.lru_cache(maxsize=1)
def _written() -> frozenset[str]:
    """Return the sentences of ``replies.toml`` that hold nothing to fill in."""

    def texts(value: Any) -> list[str]:
        if isinstance(value, str):
            return [value]
        values = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        return [text for one in values for text in texts(one)]

    return frozenset(sentence for text in texts(phrases()) if "{" not in text for sentence in split_sentences(text))


def not_written(reply: str) -> list[str]:
    """Return the sentences of a composed reply that restate something: the others were written by people."""
    return [sentence for sentence in split_sentences(reply) if sentence not in _written()]


def split_sentences(text: str) -> list[str]:
    """Return the sentences of a reply; what is quoted is not split."""
    masked = re.sub(r'"[^"]{2,}"', lambda quote: f'"{"_" * (len(quote[0]) - 3)}{quote[0][-2]}"', text)
    ends = [match.end() for match in re.finditer(r'[.!?]"?\s+(?=[A-Z"])', masked)]
    return [text[start:end].strip() for start, end in zip([0, *ends], [*ends, len(text)], strict=True)]


class Picker:
    """Picks sentences: the same for the same words and seed, and none that an earlier reply of the conversation has.

    Args:
        key: what the choice depends on.
        used: earlier replies.
        avoid: what marks sentences that are picked only where there are no others.
    """

    def __init__(self, key: str, used: Sequence[str], avoid: re.Pattern[str] | None = None) -> None:
        self._key, self._used, self._avoid = key, " ".join(used), avoid

    def pick(self, options: Sequence[str], choice: str, /, **filled: str) -> str:
        """Return one of the options.

        Args:
            options: at least one.
            choice: its name; different choices of one reply are independent.
            filled: the words to fill in.
        """
        if self._avoid is not None:
            options = [option for option in options if not self._avoid.search(option)] or options
        start = zlib.crc32(f"{self._key}|{choice}".encode()) % len(options)
        ordered = [*options[start:], *options[:start]]
        texts = [option.format(**filled) for option in ordered]
        return next((text for text in texts if text not in self._used), texts[0])

    def index(self, count: int, name: str) -> int:
        """Return a number below ``count``."""
        return zlib.crc32(f"{self._key}|{name}".encode()) % count
