"""A question as it is put to measurements: who and which part of the clip it is about, and its possible answers."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from omnisense.perception.fusion.people import describe_position
from omnisense.perception.percepts import Percepts
from omnisense.perception.types import Channel, Event, VisualStream
from omnisense.reasoning.answers.channels import ChannelName, QuestionChannels
from omnisense.reasoning.answers.question import Question, strip_letter
from omnisense.reasoning.answers.values import TimeRange, side, times_in
from omnisense.reasoning.search import search_events

FLOOR = 0.02  # no measurement rules an answer out
_MIN_ANCHOR = 0.45  # similarity from which an event is the one that a question names
_RELATION = re.compile(
    r"\b(right after|just before|after|before|while|during|once|when|until)\b\s+(.{3,})", re.IGNORECASE
)
_PERSON_SIDE = re.compile(
    r"\b(?:on|to|at) the (left|right)\b|\b(left|right)[- ]hand\b|\bin the (middle|centre|center)\b"
    r"|\b(left|right|middle) (?:person|man|woman|face|one|speaker)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Measurement:
    """What one channel says to a question.

    Attributes:
        channel: which.
        probabilities: of each possible answer, as :meth:`Question.candidates` names them; they sum to 1.
        reliability: 0 to 1: how far the channel is to be trusted here, and asked about.
        reason: what was measured, in words.
        evidence: ids of the events that it rests on.
    """

    channel: ChannelName
    probabilities: Mapping[str, float]
    reliability: float
    reason: str
    evidence: tuple[str, ...] = ()

    def line(self) -> str:
        """Return the measurement as a line for a prompt or a note."""
        cited = f" ({', '.join(self.evidence[:6])})" if self.evidence else ""
        return f"{self.channel}: {self.reason}{cited}"


@dataclass(frozen=True)
class Observation:
    """Scores of something over an interval, by what they are scores of; ``weight`` is how much it counts."""

    start_s: float
    end_s: float
    scores: Mapping[str, float]
    weight: float = 1.0


@dataclass(frozen=True)
class Asked:
    """A question about a clip.

    Attributes:
        question: the question.
        channels: what it asks about.
        percepts: of the clip.
        window: the part of the clip that it names; the whole where it names none.
        relation: how the part lies to an event that the question names: ``after``, ``before``, ``during``, or ``""``.
        anchor: that event.
        who: ids of the faces and speakers that it is about; empty for everybody.
    """

    question: Question
    channels: QuestionChannels
    percepts: Percepts
    window: TimeRange
    relation: str = ""
    anchor: Event | None = None
    who: frozenset[str] = frozenset()

    @classmethod
    def of(cls, question: Question, channels: QuestionChannels, percepts: Percepts) -> Asked:
        """Return a question with what it says of people and times resolved in a clip."""
        duration_s = percepts.clip.duration_s
        named = times_in(question.text, duration_s) if channels.time != "duration" else None
        relation, anchor = _anchor(question.text, percepts) if channels.time in ("order", "none") else ("", None)
        window = named or TimeRange(0.0, math.inf)
        if anchor is not None and named is None:
            window = {
                "after": TimeRange(anchor.end_s, math.inf),
                "before": TimeRange(0.0, anchor.start_s),
                "during": TimeRange(anchor.start_s, anchor.end_s),
            }[relation]
        return cls(question, channels, percepts, window, relation, anchor, _who(question.text, percepts))

    @property
    def relevance(self) -> Mapping[ChannelName, float]:
        """See :class:`QuestionChannels`."""
        return self.channels.relevance

    def options(self) -> list[tuple[str, str]]:
        """Return the possible answers of a choice, with the text of each."""
        question = self.question
        if question.kind == "label":
            return [(label, label) for label in question.candidates()]
        return [(a, strip_letter(o)) for a, o in zip(question.letters, question.options, strict=True)]

    def concerns(self, who: str) -> bool:
        """Whether the question is about a face or speaker."""
        return not self.who or who in self.who

    def select(self, observations: Iterable[Observation]) -> list[Observation]:
        """Return the observations of the part of the clip that is asked about, weighted by how long they lie in it.

        Of the beginning it is the first one, of the end the last; after an event the first that follows.
        """
        start_s, end_s = self.window
        found = []
        for seen in sorted(observations, key=lambda o: (o.start_s, o.end_s)):
            shared_s = min(seen.end_s, end_s) - max(seen.start_s, start_s)
            if shared_s > 0 or (shared_s == 0 and seen.start_s == seen.end_s):
                weight = seen.weight * max(shared_s, 0.1)
                found.append(Observation(seen.start_s, seen.end_s, seen.scores, weight))
        if not found:
            return []
        if self.channels.time == "beginning" or self.relation == "after":
            return [o for o in found if o.start_s < found[0].end_s and o.start_s - found[0].start_s < 0.5]
        if self.channels.time == "end" or self.relation == "before":
            last = max(found, key=lambda o: o.end_s)
            return [o for o in found if last.end_s - o.end_s < 0.5]
        return found

    def events(self, channels: Sequence[Channel], seen: Sequence[Observation]) -> tuple[str, ...]:
        """Return the ids of the events of some channels at the time of observations."""
        return tuple(
            event.id
            for event in self.percepts.timeline().events
            if event.channel in channels
            and any(event.start_s < o.end_s - 0.01 and event.end_s > o.start_s + 0.01 for o in seen)
        )


def mean_scores(seen: Sequence[Observation]) -> dict[str, float]:
    """Return the weighted mean of the scores of observations."""
    total = sum(o.weight for o in seen) or 1.0
    names = dict.fromkeys(name for o in seen for name in o.scores)
    return {name: sum(o.weight * o.scores.get(name, 0.0) for o in seen) / total for name in names}


def normalize(scores: Mapping[str, float]) -> dict[str, float]:
    """Return scores raised to the floor, so that they sum to 1."""
    total = sum(max(value, FLOOR) for value in scores.values()) or 1.0
    return {key: max(value, FLOOR) / total for key, value in scores.items()}


def share_among(
    asked: Asked, scores: Mapping[str, float], value_of: Callable[[str], str | None]
) -> tuple[dict[str, float], float] | None:
    """Return the probabilities of the answers from scores of what their texts name, and the part of the scores used.

    Args:
        asked: the question: a choice, or one of yes and no (then the question's own text names the value).
        scores: by value; they sum to about 1.
        value_of: reads a value out of a text; None or empty where there is none.

    Returns:
        None where fewer than two different values are named, or what is asked for is not measured.
    """
    if asked.question.kind == "yes_no":
        value = value_of(asked.question.text)
        if not value or value not in scores:
            return None
        yes = min(max(scores[value], 0.05), 0.95)
        return {"yes": yes, "no": 1 - yes}, 1.0
    named = {letter: value_of(text) or "" for letter, text in asked.options()}
    values = [value for value in named.values() if value]
    if len(set(values)) < 2 or not set(values) & set(scores):
        return None
    shares = {letter: scores.get(v, 0.0) / max(values.count(v), 1) if v else 0.0 for letter, v in named.items()}
    return normalize(shares), min(1.0, sum(shares.values()))


def _anchor(text: str, percepts: Percepts) -> tuple[str, Event | None]:
    """Return how a question relates to an event, and the event that its clause names best."""
    found = _RELATION.search(text)
    if found is None:
        return "", None
    events = [e for e in percepts.timeline().events if e.channel != "person"]
    hits = search_events(events, found[2].rstrip("?. "), limit=1).hits
    if not hits or hits[0].score < _MIN_ANCHOR:
        return "", None
    word = found[1].lower()
    relation = (
        "after"
        if word in ("after", "right after", "once")
        else "before"
        if "before" in word or word == "until"
        else "during"
    )
    return relation, hits[0].event


def _who(text: str, percepts: Percepts) -> frozenset[str]:
    """Return the ids of the person whom a question names by place or id; empty where it names nobody."""
    people = percepts.people
    if named := re.search(r"\bperson-\d+\b", text):
        chosen = [p for p in people if p.id == named[0]]
        return frozenset(i for p in chosen for i in (p.id, p.speaker, *p.faces) if i)
    place = _PERSON_SIDE.search(text)
    if place is None or not isinstance(percepts.visual, VisualStream):
        return frozenset()
    wanted = side(next(group for group in place.groups() if group).lower())
    faces = percepts.visual.faces
    own = {f.id for f in faces if side(describe_position(f, faces).split()[-1]) == wanted}
    speakers = {i for p in people if own & set(p.faces) for i in (p.id, p.speaker) if i}
    return frozenset(own | speakers)
