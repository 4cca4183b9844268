"""How far recognized words are to be trusted: speech of another language comes out as phantom phrases."""

from __future__ import annotations

from collections.abc import Sequence

from omnisense.perception.types import Segment

# Recognizer confidence: of all foreign utterances that were measured under the first, of English ones over the second.
UNSURE, SURE = 0.6, 0.8


def confidence_of(segments: Sequence[Segment]) -> float:
    """Return how far the words of segments are to be trusted, 0 (misheard, perhaps another language) to 1.

    Segments without a confidence, such as typed ones, are left out; where none has one, the words are trusted.
    """
    known = [(s.confidence, max(len(s.text), 1)) for s in segments if s.confidence is not None]
    if not known:
        return 1.0 if segments else 0.0
    mean = sum(confidence * length for confidence, length in known) / sum(length for _, length in known)
    return min(1.0, max(0.0, (mean - UNSURE) / (SURE - UNSURE)))
