"""Which kind of event a person tells (a loss, a success, a worry), and whether it is a good or a bad one.

A linear head on the sentence embedding of text emotion and, where the larger embedding of the safety gate is on this
machine, another on that: the mean of their probabilities counts. ``heads.md`` is their card.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from omnisense.perception.emotion.linear import LinearHead
from omnisense.reasoning.safety.heads import find_larger

Valence = Literal["positive", "negative", "neutral"]
EVENT_HEAD, EVENT_HEAD_AGAIN = (Path(__file__).with_name(name) for name in ("event.npz", "event_again.npz"))
MIXED = "mixed"  # glad and sad at once
ORDINARY = "ordinary"  # nothing good or bad
_GOOD_EVENTS = frozenset({"success", "happy event"})
# Probability from which an event is spoken of, by both heads and by the first alone, and how much more it takes for a
# good one: a cheerful mistake is the worse one. Chosen with each writer left out: 9 of 10 are right then.
_CLEAR, _CLEAR_ALONE, _TO_CHEER = 0.6, 0.7, 0.05
_CLEARLY_MIXED = 0.5


class Told(NamedTuple):
    """The kind of event that is told, where that is clear, and its valence, where that is."""

    event: str = ""
    lean: Valence = "neutral"


class EventHeads:
    """The heads; the second is read only where its embedding is on this machine."""

    def __init__(self) -> None:
        self._first, self._second = LinearHead.load(EVENT_HEAD), LinearHead.load(EVENT_HEAD_AGAIN)

    def read(self, text: str, features: np.ndarray) -> Told:
        """Return what a text tells.

        Args:
            text: at most some 50 words.
            features: (1, D) of it, by the embedding of text emotion.
        """
        scores, clear = self._first.scores(features)[0], _CLEAR_ALONE
        if (larger := find_larger()) is not None:
            scores, clear = (scores + self._second.scores(larger.embed([text]))[0]) / 2, _CLEAR
        return _told(dict(zip(self._first.labels, scores.tolist(), strict=True)), clear)


def _told(scores: dict[str, float], clear: float) -> Told:
    if scores[MIXED] >= _CLEARLY_MIXED:
        return Told(MIXED)
    good = sum(scores[name] for name in _GOOD_EVENTS)
    bad = 1 - good - scores[MIXED] - scores[ORDINARY]
    lean: Valence = "positive" if good >= clear + _TO_CHEER else "negative" if bad >= clear else "neutral"
    best = max(scores, key=scores.__getitem__)
    is_clear = scores[best] >= clear and (lean == "positive" or best not in _GOOD_EVENTS)
    return Told(best if is_clear else "", lean)
