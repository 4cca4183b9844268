"""Expression phases: a face's expression scores, smoothed and segmented; the starts are the onsets."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from omnisense.perception.types import MIN_EXPRESSION, FaceTrack, Position

_SMOOTHING_S = 1.5  # scores are averaged over this long: single frames of a talking face mislead
_MIN_PHASE_S = 1.0
# Neutral faces get .3 to .45 for sad, afraid or angry where the model errs (talking heads of GRID), sad ones .6 and
# more: negative expressions take so much more than others to be told.
_NEGATIVE_MORE = 0.15
NEGATIVE = ("angry", "disgust", "fear", "sad")


@dataclass(frozen=True)
class Phase:
    """An interval in which a face shows mostly one expression; ``score`` is its mean, 0 to 1."""

    track: str
    position: Position
    start_s: float
    end_s: float
    expression: str
    score: float


def expression_phases(face: FaceTrack, labels: tuple[str, ...], min_expression: float = MIN_EXPRESSION) -> list[Phase]:
    """Return the intervals of one clear expression; one that is shorter than 1 s joins its longer neighbor.

    An interval in which no expression is clear (:func:`is_clear`) is left out.

    Args:
        face: a track.
        labels: of its expression scores.
        min_expression: as the visual stream has it.
    """
    if not face.expression:
        return []
    times, scores = np.array(face.times_s), np.array(face.expression)
    step_s = float(np.median(np.diff(times))) if len(times) > 1 else 0.0
    first = np.searchsorted(times, times - _SMOOTHING_S / 2 - 1e-9)
    after = np.searchsorted(times, times + _SMOOTHING_S / 2 + 1e-9, side="right")
    smooth = np.array([scores[a:b].mean(axis=0) for a, b in zip(first, after, strict=True)])
    runs = _runs(smooth.argmax(axis=1).tolist(), max(1, round(_MIN_PHASE_S / step_s)) if step_s else 1)
    phases = []
    for begin, last, label in runs:
        score = float(scores[begin : last + 1, label].mean())
        if not is_clear(labels[label], score, min_expression):
            continue
        end_s = face.end_s if last == len(times) - 1 else float(times[last + 1])
        phases.append(
            Phase(
                face.id,
                face.position,
                round(float(times[begin]), 2),
                round(end_s, 2),
                labels[label],
                round(score, 3),
            )
        )
    return phases


def is_clear(expression: str, score: float, min_expression: float = MIN_EXPRESSION) -> bool:
    """Return whether a mean score is enough to say that a face shows an expression."""
    return score >= min_expression + (_NEGATIVE_MORE if expression in NEGATIVE else 0.0) - 1e-9


def _runs(labels: list[int], min_length: int) -> list[tuple[int, int, int]]:
    """Return (first, last, label) of equal neighbors; runs under ``min_length`` are merged into the longer neighbor."""
    runs: list[list[int]] = []
    for i, label in enumerate(labels):
        if runs and runs[-1][2] == label:
            runs[-1][1] = i
        else:
            runs.append([i, i, label])

    def length(run: list[int]) -> int:
        return run[1] - run[0] + 1

    while len(runs) > 1 and length(shortest := min(runs, key=length)) < min_length:
        index = runs.index(shortest)
        neighbors = [runs[i] for i in (index - 1, index + 1) if 0 <= i < len(runs)]
        longer = max(neighbors, key=length)
        longer[0], longer[1] = min(longer[0], shortest[0]), max(longer[1], shortest[1])
        del runs[index]
        runs = _join_equal(runs)
    return [(first, last, label) for first, last, label in runs]


def _join_equal(runs: list[list[int]]) -> list[list[int]]:
    joined: list[list[int]] = []
    for run in runs:
        if joined and joined[-1][2] == run[2]:
            joined[-1][1] = run[1]
        else:
            joined.append(run)
    return joined
