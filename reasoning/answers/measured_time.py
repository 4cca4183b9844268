"""When something happens, how long it lasts, and in which order."""

from __future__ import annotations

import math
import re

import numpy as np

from omnisense.perception.types import AudioStream, Event, VisualStream
from omnisense.perception.vision.expressions import expression_phases
from omnisense.reasoning.answers.asked import Asked, Measurement, normalize
from omnisense.reasoning.answers.channels import ChannelName
from omnisense.reasoning.answers.values import emotion_of, nearness, seconds_of, times_in
from omnisense.reasoning.search import search_events, similarities

_EVENT_CHANNELS: dict[ChannelName, tuple[str, ...]] = {
    "tone": ("speech", "voice"), "text emotion": ("speech",), "words": ("speech",), "speaker": ("speech", "voice"),
    "expression": ("face",), "gesture": ("face",), "gaze": ("face",),
}  # fmt: skip
_MIN_FOUND = 0.4  # similarity from which an event is what a question or an option names
_OF_CLIP = re.compile(r"(?:length|long|duration).{0,12}\b(?:clip|video|recording|film)\b")
_ASKS_LAST = re.compile(r"\b(?:last|finally|latest|later|at the end)\b", re.IGNORECASE)


def measure_time(asked: Asked) -> Measurement | None:
    """Return when what the question names happens, or how long it lasts."""
    return _duration(asked) if asked.channels.time == "duration" else _moment(asked)


def _moment(asked: Asked) -> Measurement | None:
    duration_s = asked.percepts.clip.duration_s
    spans = {letter: times_in(text, duration_s, parts=True) for letter, text in asked.options()}
    if len({span for span in spans.values() if span}) < 2:
        return None
    hits = search_events(_candidates(asked), asked.question.text, limit=1).hits
    if not hits or hits[0].score < _MIN_FOUND:
        return None
    event, scale_s = hits[0].event, 0.05 * duration_s + 0.5
    near = {a: math.exp(-span.distance_to(event.start_s) / scale_s) if span else 0.0 for a, span in spans.items()}
    shares = normalize({a: value / (sum(near.values()) or 1.0) for a, value in near.items()})
    reliability = 0.7 * asked.relevance["time"] * min(1.0, hits[0].score)
    return Measurement("time", shares, round(reliability, 3), f"at {event.start_s:.1f} s: {event.text}", (event.id,))


def _candidates(asked: Asked) -> list[Event]:
    channels = {c for name in asked.relevance for c in _EVENT_CHANNELS.get(name, ())}
    events = [e for e in asked.percepts.timeline().events if e.channel != "person"]
    return [e for e in events if e.channel in channels and (not asked.who or e.who in asked.who)] or events


def _duration(asked: Asked) -> Measurement | None:
    found = _measured_s(asked)
    if found is None:
        return None
    length_s, what = found
    if asked.question.kind == "number":
        lengths: dict[str, float | None] = {str(n): float(n) for n in range(11)}
    else:
        lengths = {letter: seconds_of(text) for letter, text in asked.options()}
    if len({s for s in lengths.values() if s is not None}) < 2:
        return None
    near = {a: nearness(length_s, s) if s is not None else 0.0 for a, s in lengths.items()}
    shares = normalize({a: value / (sum(near.values()) or 1.0) for a, value in near.items()})
    return Measurement("time", shares, round(0.7 * asked.relevance["time"], 3), f"{what}: {length_s:.1f} s")


def _measured_s(asked: Asked) -> tuple[float, str] | None:
    """Return the length that a question asks for, and what it is of."""
    text, percepts = asked.question.text.lower(), asked.percepts
    audio, visual = percepts.audio, percepts.visual
    if re.search(r"\b(?:pause|silence|silent|quiet)\b", text) and isinstance(audio, AudioStream):
        return max((p.duration_s for p in audio.pauses), default=0.0), "the longest pause"
    if _OF_CLIP.search(text):
        return percepts.clip.duration_s, "the clip"
    if "speaker" in asked.relevance or "words" in asked.relevance or "tone" in asked.relevance:
        own = [p.speaking_s for p in percepts.people if p.id in asked.who]
        if own:
            return sum(own), "speech of this person"
        return (sum(s.duration_s for s in audio.speech), "speech") if isinstance(audio, AudioStream) else None
    feeling = emotion_of(text)
    if "expression" in asked.relevance and feeling and isinstance(visual, VisualStream):
        phases = [
            p
            for f in visual.faces
            if asked.concerns(f.id)
            for p in expression_phases(f, visual.expression_labels, visual.min_expression)
        ]
        return sum(
            p.end_s - p.start_s for p in phases if emotion_of(p.expression) == feeling
        ), f"the face shows {feeling}"
    hits = search_events(_candidates(asked), asked.question.text, limit=1).hits
    if not hits or hits[0].score < _MIN_FOUND:
        return None
    return hits[0].event.end_s - hits[0].event.start_s, hits[0].event.text


def measure_events(asked: Asked) -> Measurement | None:
    """Return which of the events that the options name comes first, last, or next to the event of the question."""
    events = [e for e in asked.percepts.timeline().events if e.channel != "person"]
    if asked.question.kind not in ("one", "several") or not events:
        return None
    lines = [event.text for event in events]
    starts = np.array([event.start_s for event in events])
    span_s = max(float(starts.max() - starts.min()), 1.0)
    scores: dict[str, float] = {}
    cited: dict[str, Event] = {}
    for letter, text in asked.options():
        near = similarities(text, lines)[0] - _MIN_FOUND
        value = np.clip(near, 0.0, None) * _fitness(asked, starts, span_s)
        best = int(value.argmax())
        scores[letter], cited[letter] = float(value[best]), events[best]
    if sum(s > 0 for s in scores.values()) == 0:
        return None
    total = sum(scores.values())
    chosen = max(scores, key=scores.__getitem__)
    shares = normalize({letter: s / total for letter, s in scores.items()})
    reason = f"at {cited[chosen].start_s:.1f} s: {cited[chosen].text}"
    reliability = 0.5 * asked.relevance["events"]
    return Measurement("events", shares, round(reliability, 3), reason, (cited[chosen].id,))


def _fitness(asked: Asked, starts: np.ndarray, span_s: float) -> np.ndarray:
    """Return how well events at these times fit the part of the clip that is asked about, 0 to 1."""
    place: np.ndarray = (starts - starts.min()) / span_s
    early: np.ndarray = 1 - place
    if asked.channels.time == "beginning":
        return early
    if asked.channels.time == "end" or (asked.channels.time == "order" and _ASKS_LAST.search(asked.question.text)):
        return place
    if asked.anchor is not None:
        window = asked.window
        inside = (starts >= window.start_s - 0.01) & (starts <= window.end_s)
        edge = window.start_s if asked.relation == "after" else window.end_s
        near: np.ndarray = np.where(inside, np.exp(-np.abs(starts - min(edge, 1e9)) / (0.25 * span_s)), 0.05)
        return near
    if asked.channels.time == "order" and re.search(r"\bfirst|earliest\b", asked.question.text, re.IGNORECASE):
        return early
    return np.ones_like(place)
