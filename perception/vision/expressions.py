"""Expressions over time: a face's scores smoothed into phases, whose starts are the onsets."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from omnisense.perception.types import FaceTrack

_SMOOTHING_S = 1.5  # an expression is a mean over this long: single frames of a talking face mislead
_MIN_PHASE_S = 1.0


@dataclass(frozen=True)
class Phase:
    """A stretch in which a face showed mostly one expression; ``score`` is its mean share, 0 to 1."""

    track: str
    position: str
    start_s: float
    end_s: float
    expression: str
    score: float


def expression_phases(face: FaceTrack, labels: tuple[str, ...]) -> list[Phase]:
    """Stretches of one dominant expression, smoothed over 1.5 s; shorter than 1 s joins its neighbour."""
    if not face.expression:
        return []
    times, scores = np.array(face.times_s), np.array(face.expression)
    step_s = float(np.median(np.diff(times))) if len(times) > 1 else 0.0
    near = np.abs(times[:, None] - times[None]) <= _SMOOTHING_S / 2
    smooth = near @ scores / near.sum(axis=1, keepdims=True)
    runs = _runs(smooth.argmax(axis=1).tolist(), max(1, round(_MIN_PHASE_S / step_s)) if step_s else 1)
    phases = []
    for first, last, label in runs:
        end_s = face.end_s if last == len(times) - 1 else float(times[last + 1])
        phases.append(
            Phase(
                face.id,
                face.position,
                round(float(times[first]), 2),
                round(end_s, 2),
                labels[label],
                round(float(scores[first : last + 1, label].mean()), 3),
            )
        )
    return phases


def _runs(labels: list[int], min_length: int) -> list[tuple[int, int, int]]:
    """(first, last, label) of equal neighbours; runs under ``min_length`` are given to the longer neighbour."""
    runs: list[list[int]] = []
    for i, label in enumerate(labels):
        if runs and runs[-1][2] == label:
            runs[-1][1] = i
        else:
            runs.append([i, i, label])

    def length(run: list[int]) -> int:
        return run[1] - run[0] + 1

    while len(runs) > 1 and length(shortest := min(runs, key=length)) < min_length:
        at = runs.index(shortest)
        neighbours = [runs[i] for i in (at - 1, at + 1) if 0 <= i < len(runs)]
        heir = max(neighbours, key=length)
        heir[0], heir[1] = min(heir[0], shortest[0]), max(heir[1], shortest[1])
        del runs[at]
        runs = _joined(runs)
    return [(first, last, label) for first, last, label in runs]


def _joined(runs: list[list[int]]) -> list[list[int]]:
    joined: list[list[int]] = []
    for run in runs:
        if joined and joined[-1][2] == run[2]:
            joined[-1][1] = run[1]
        else:
            joined.append(run)
    return joined
