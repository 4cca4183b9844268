"""The windows of a clip that a question is about, found by a search of its timeline."""

from __future__ import annotations

import math
import string
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar

from omnisense.perception.fusion.people import summarize_people
from omnisense.perception.percepts import Percepts
from omnisense.perception.types import AudioStream, Channel, Missing, Transcript, VisualStream
from omnisense.reasoning.answers.values import times_in
from omnisense.reasoning.loop.appraisal import EvidenceSpan
from omnisense.reasoning.policies.messages import Messages, message
from omnisense.reasoning.search import Hit, search_timeline
from omnisense.text import one_line

_HITS = 16
_MAX_EVENT_S = 30.0  # a longer event, such as a pause or the summary of a person, is no moment
_NAMED_S = 10.0  # after a time that is named
_GAP_S, _MARGIN_S, _MAX_WINDOW_S = 6.0, 2.0, 20.0
_TEXT_CHARS = 160
_TEMPERATURE = 0.08  # of the scores: a similarity of .1 more is three to four times as likely


class _Interval(Protocol):
    @property
    def start_s(self) -> float: ...
    @property
    def end_s(self) -> float: ...


_Timed = TypeVar("_Timed", bound=_Interval)


@dataclass(frozen=True)
class Window:
    """A part of a clip.

    Attributes:
        start_s: in seconds from the start of the clip; likewise ``end_s``.
        text: its best event in words, with its time.
        share: of the search's belief that the question is about it; the shares of all windows sum to 1.
        channels: of the events that were found in it.
        spans: these events, the best first.
    """

    start_s: float
    end_s: float
    text: str
    share: float
    channels: tuple[Channel, ...]
    spans: tuple[EvidenceSpan, ...]


def find_windows(percepts: Percepts, question: str, limit: int = 4) -> tuple[list[Window], str]:
    """Return the windows that a question is about, the best first, and a note on the search if it was limited.

    Where the question names a time ("at 12:30"), only events near it count.
    """
    duration_s = percepts.clip.duration_s
    named = times_in(question, duration_s)
    start_s, end_s = (named.start_s - _GAP_S, named.end_s + _NAMED_S) if named else (0.0, duration_s)
    found = search_timeline(percepts, question, limit=_HITS, start_s=start_s, end_s=end_s)
    hits = [hit for hit in found.hits if hit.event.end_s - hit.event.start_s <= _MAX_EVENT_S]
    groups: list[list[Hit]] = []
    for hit in hits:  # the best first: each hit joins the window that it is near to, or begins one
        near = next((group for group in groups if _is_near(hit, group)), None)
        if near is not None:
            near.append(hit)
        elif len(groups) < limit:
            groups.append([hit])
    weights = [math.exp(group[0].score / _TEMPERATURE) for group in groups]
    total = sum(weights) or 1.0
    if named and not groups:
        bare = Window(max(0.0, start_s), min(end_s, duration_s), f"[{named.start_s:.1f}s]", 1.0, ("face",), ())
        return [bare], found.note
    return [_window(g, w / total, duration_s) for g, w in zip(groups, weights, strict=True)], found.note


def within(percepts: Percepts, start_s: float, end_s: float) -> Percepts:
    """Return percepts with only what touches a window; times still count from the start of the clip."""

    def touching(items: Sequence[_Timed]) -> tuple[_Timed, ...]:
        return tuple(item for item in items if item.start_s < end_s and item.end_s > start_s)

    visual, audio, transcript = percepts.visual, percepts.audio, percepts.transcript
    if isinstance(visual, VisualStream):
        cuts = tuple(cut_s for cut_s in visual.shot_cuts_s if start_s <= cut_s <= end_s)
        visual = replace(visual, faces=touching(visual.faces), shot_cuts_s=cuts)
    if isinstance(audio, AudioStream):
        audio = replace(
            audio,
            speech=touching(audio.speech),
            pauses=touching(audio.pauses),
            utterances=touching(audio.utterances),
            speaker_turns=touching(audio.speaker_turns),
            events=touching(audio.events),
        )
    if isinstance(transcript, Transcript):
        transcript = replace(transcript, segments=touching(transcript.segments))
    segments = touching(percepts.speaker_segments)
    people = summarize_people(
        None if isinstance(visual, Missing) else visual,
        None if isinstance(audio, Missing) else audio,
        None if isinstance(transcript, Missing) else transcript,
        segments,
    )
    return replace(
        percepts, visual=visual, audio=audio, transcript=transcript, speaker_segments=segments, people=people
    )


def window_prompt(question: str, texts: Sequence[str]) -> tuple[Messages, list[str]]:
    """Return the prompt that lets a policy choose among windows, and its options: a letter for each."""
    letters = list(string.ascii_uppercase[: len(texts)])
    lines = [f"{letter}. {one_line(text[:_TEXT_CHARS])}" for letter, text in zip(letters, texts, strict=True)]
    moments = "\n".join(["Moments of the clip:", *lines])
    asked = f"Question: {one_line(question)}\n{moments}\nWhich moment is the question about? One letter."
    return [message("user", asked)], letters


def _is_near(hit: Hit, group: Sequence[Hit]) -> bool:
    start_s = min(h.event.start_s for h in group)
    end_s = max(h.event.end_s for h in group)
    fits = max(end_s, hit.event.end_s) - min(start_s, hit.event.start_s) <= _MAX_WINDOW_S - 2 * _MARGIN_S
    return fits and hit.event.start_s <= end_s + _GAP_S and hit.event.end_s >= start_s - _GAP_S


def _window(group: Sequence[Hit], share: float, duration_s: float) -> Window:
    best = group[0].event
    start_s = max(0.0, min(hit.event.start_s for hit in group) - _MARGIN_S)
    end_s = min(duration_s, max(hit.event.end_s for hit in group) + _MARGIN_S)
    if end_s - start_s > _MAX_WINDOW_S:  # one long event: its beginning says most
        end_s = start_s + _MAX_WINDOW_S
    spans = tuple(EvidenceSpan(h.event.id, h.event.start_s, h.event.end_s, h.event.text) for h in group)
    return Window(start_s, end_s, best.line(), share, tuple(dict.fromkeys(h.event.channel for h in group)), spans)
