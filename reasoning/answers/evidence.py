"""The events of a clip that bear on a question, as text for a policy."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from omnisense.perception.percepts import Percepts
from omnisense.perception.speech.confidence import confidence_of
from omnisense.perception.types import Channel, Event, Segment, Transcript
from omnisense.reasoning.answers.asked import Asked
from omnisense.reasoning.answers.channels import ChannelName, QuestionChannels
from omnisense.reasoning.answers.question import Question, strip_letter
from omnisense.reasoning.search import similarities

EVIDENCE_TOKENS = 500
_EVENT_CHANNELS: Mapping[ChannelName, tuple[Channel, ...]] = {
    "tone": ("speech", "voice"), "expression": ("face",), "text emotion": ("speech",), "words": ("speech",),
    "gesture": ("face",), "gaze": ("face",), "speaker": ("speech", "voice", "person"),
    "people": ("face", "person", "scene"),
    "events": ("face", "speech", "voice", "scene"), "time": ("face", "speech", "voice"),
}  # fmt: skip
_CHANNEL_BONUS, _WINDOW_BONUS, _SIMILARITY = 0.4, 0.6, 1.5  # beside an event's own weight, 0 to 1
_UNCLEAR = 0.2  # confidence under which words are not shown: misheard ones mislead
_WORDS_OF = re.compile(r" \(words of [^)]*\)")


def render_evidence(
    question: Question, channels: QuestionChannels, percepts: Percepts, max_tokens: int = EVIDENCE_TOKENS
) -> str:
    """Return the timeline as text: all of it, or of a long one the events that bear on the question.

    Args:
        question: with its options, which name events too.
        channels: what it asks about.
        percepts: of the clip.
        max_tokens: about how long the text may get.
    """
    timeline = percepts.timeline()
    clear = replace(timeline, events=tuple(_without_misheard(e, percepts) for e in timeline.events))
    whole = clear.render(max_tokens)
    if not whole.endswith("left out)"):
        return whole
    asked = Asked.of(question, channels, percepts)
    wanted = " ".join([question.text, *map(strip_letter, question.options)])
    near, _ = similarities(wanted, [event.text for event in clear.events])
    favoured = {c for name in channels.relevance for c in _EVENT_CHANNELS[name]}
    start_s, end_s = asked.window
    is_windowed = asked.window != (0.0, float("inf"))

    def score(event: Event, similarity: float) -> float:
        inside = is_windowed and event.start_s <= end_s and event.end_s >= start_s
        return (
            event.weight
            + _SIMILARITY * similarity
            + _CHANNEL_BONUS * (event.channel in favoured)
            + _WINDOW_BONUS * inside
            + _WINDOW_BONUS * (event == asked.anchor)
        )

    scored = tuple(replace(e, weight=score(e, float(s))) for e, s in zip(clear.events, near, strict=True))
    return replace(clear, events=scored).render(max_tokens)


def _without_misheard(event: Event, percepts: Percepts) -> Event:
    """Return an event of speech without its words where the recognizer was not sure of them."""
    if event.channel != "speech" or not isinstance(percepts.transcript, Transcript):
        return event
    said = [s for s in percepts.transcript.segments if _is_of(event, s)]
    if not said or confidence_of(said) >= _UNCLEAR:
        return event
    who = _WORDS_OF.sub("", event.text.partition(': "')[0]).replace(" says", " speaks", 1)
    return replace(event, text=f"{who}; the words are unclear, or of another language")


def _is_of(event: Event, segment: Segment) -> bool:
    return abs(event.start_s - segment.start_s) < 0.01 and abs(event.end_s - segment.end_s) < 0.01
