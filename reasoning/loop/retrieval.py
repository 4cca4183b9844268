"""The windows of a clip that a question is about, found by a search of its timeline."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from omnisense.perception.percepts import Percepts
from omnisense.perception.types import Channel
from omnisense.reasoning.loop.appraisal import EvidenceSpan
from omnisense.reasoning.search import Hit, search_timeline

_HITS = 16
_MAX_EVENT_S = 60.0  # a longer event, such as the summary of a person, is no moment
_GAP_S, _MARGIN_S, _MAX_WINDOW_S = 6.0, 2.0, 20.0
_TEMPERATURE = 0.08  # of the scores: a similarity of .1 more is three to four times as likely


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
    """Return the windows that a question is about, the best first, and a note on the search if it was limited."""
    found = search_timeline(percepts, question, limit=_HITS)
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
    duration_s = percepts.clip.duration_s
    return [_window(g, w / total, duration_s) for g, w in zip(groups, weights, strict=True)], found.note


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
