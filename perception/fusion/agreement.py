"""Where a person's face, vocal emotion and words agree, or contradict each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from omnisense.perception.types import MIN_EXPRESSION, Agreement, FaceTrack, Segment, Utterance
from omnisense.perception.vision.expressions import is_clear

CLEAR_TONE = 0.8  # vocal emotion is the least reliable channel: its top class must be this probable
_CLEAR_VALENCE = 0.4  # from which a channel counts as clear, -1 to 1
_MAX_GAP_S = 2.0  # between intervals with the same text that are joined
_VALENCE = {
    **dict.fromkeys(("happy", "happiness", "joy", "positive"), 1.0),
    **dict.fromkeys(("sad", "sadness", "angry", "anger", "fear", "disgust", "negative"), -1.0),
}
_ADJECTIVES = {"anger": "angry", "happiness": "happy", "sadness": "sad", "joy": "joyful", "fear": "afraid"}


@dataclass(frozen=True)
class _Reading:
    """One channel over an interval: valence, -1 (negative) to 1 (positive), and in words."""

    valence: float
    text: str


def find_agreements(
    name: str,
    faces: Sequence[FaceTrack],
    utterances: Sequence[Utterance],
    segments: Sequence[Segment],
    expressions: Sequence[str],
    tones: Sequence[str],
    min_expression: float = MIN_EXPRESSION,
) -> list[Agreement]:
    """Compare a person's channels, sentence by sentence (without a transcript, utterance by utterance).

    Args:
        name: of the person, in words.
        faces: the person's tracks.
        utterances: of the person.
        segments: of the person.
        expressions: labels of the faces' expression scores.
        tones: labels of the utterances' emotion scores.
        min_expression: as the visual stream has it.

    Returns:
        Intervals in which at least two channels are clear.
    """
    found: list[Agreement] = []
    for segment in segments or [Segment(u.start_s, u.end_s, "") for u in utterances]:
        readings = [
            _read_face(faces, segment, expressions, min_expression),
            _read_voice(utterances, segment, tones),
            _read_words(segment),
        ]
        clear = [reading for reading in readings if reading is not None]
        if len(clear) >= 2:
            found.append(_compare(name, segment, clear))
    return _merge(found)


def _compare(name: str, segment: Segment, readings: Sequence[_Reading]) -> Agreement:
    positive, negative = [r for r in readings if r.valence > 0], [r for r in readings if r.valence < 0]
    if positive and negative:
        first, second = (positive, negative) if len(positive) <= len(negative) else (negative, positive)
        text = f"{name} {' and '.join(r.text for r in first)}, but {' and '.join(r.text for r in second)}"
    else:
        text = f"{name} {', '.join(r.text for r in readings[:-1])} and {readings[-1].text}"
    return Agreement(segment.start_s, segment.end_s, bool(positive and negative), text)


def _read_face(
    faces: Sequence[FaceTrack], span: Segment, labels: Sequence[str], min_expression: float
) -> _Reading | None:
    scores = [
        s
        for face in faces
        if face.expression
        for t, s in zip(face.times_s, face.expression, strict=True)
        if span.start_s - 0.25 <= t <= span.end_s + 0.25
    ]
    if not scores or not labels:
        return None
    mean = np.mean(scores, axis=0)
    top = int(mean.argmax())
    valence = sum(float(v) * _VALENCE.get(label, 0.0) for label, v in zip(labels, mean, strict=True))
    is_told = abs(valence) >= _CLEAR_VALENCE and is_clear(labels[top], float(mean[top]), min_expression)
    return _Reading(valence, f"looks {labels[top]}") if is_told else None


def _read_voice(utterances: Sequence[Utterance], span: Segment, labels: Sequence[str]) -> _Reading | None:
    near = [u for u in utterances if u.emotion and min(u.end_s, span.end_s) - max(u.start_s, span.start_s) > 0]
    if not near or not labels:
        return None
    mean = np.mean([u.emotion for u in near], axis=0)
    top = int(mean.argmax())
    valence = _VALENCE.get(labels[top], 0.0)
    if mean[top] < CLEAR_TONE or not valence:
        return None
    return _Reading(valence, f"sounds {_ADJECTIVES.get(labels[top], labels[top])}")


def _read_words(segment: Segment) -> _Reading | None:
    if segment.sentiment is None or abs(segment.sentiment) < _CLEAR_VALENCE:
        return None
    kind = "kind or glad" if segment.sentiment > 0 else "unhappy"
    return _Reading(segment.sentiment, f"says something {kind}")


def _merge(found: Sequence[Agreement]) -> list[Agreement]:
    merged: list[Agreement] = []
    for part in found:
        if merged and merged[-1].text == part.text and part.start_s - merged[-1].end_s < _MAX_GAP_S:
            merged[-1] = replace(merged[-1], end_s=part.end_s)
        else:
            merged.append(part)
    return merged
