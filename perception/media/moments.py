"""Moments: when something happens in a clip, and which few frames show most of it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from omnisense.perception.types import AudioStream, FaceTrack, Streams, VisualStream
from omnisense.perception.vision.expressions import expression_phases

# Something is seen best soon after its onset: an expression that has just changed, the first frame of a shot.
_ONSET_S = 1.0
_EVEN_SHARE, _EVEN_FRAMES = 0.25, 4  # what perception does not name happens in between
_CLOSENESS_COST = 0.7  # the share of its weight that a moment loses beside another frame
_SILENCE_S = 5.0  # after which speech counts though the speaker is the same
_EDGE_S = 0.5  # a face that is there from the start did not enter
_POSTURES = frozenset({"standing", "sitting", "crouching", "lying down"})


class Moment(NamedTuple):
    """Something that happens: any frame from ``start_s`` to ``end_s`` shows it. Its weight is from 0 to 1."""

    start_s: float
    end_s: float
    weight: float


def moment_times(streams: Streams, count: int) -> tuple[float, ...]:
    """Return increasing times, in seconds, of at most ``count`` frames of a clip.

    Frames are taken one by one, each where it shows the most of what no frame shows yet. What lies close to a frame
    that is taken already counts less, so that a lively minute does not take them all. Frames that are left over halve
    the longest stretches without a frame; up to a quarter of the frames are kept back until no stretch is longer than
    that of four evenly spread frames.

    Args:
        streams: percepts of the clip.
        count: at least 1.
    """
    duration_s = streams.clip.duration_s
    if duration_s <= 0:
        return (0.0,)
    moments = [m for m in find_moments(streams) if m.start_s < duration_s]
    ranked = _cover(moments, count, duration_s / (8 * count))
    times: list[float] = []
    for spread in range(int(count * _EVEN_SHARE) + 1):
        times = ranked[: count - spread]
        while len(times) < count:
            times.append(_longest_gap(times, duration_s).middle_s)
        if _longest_gap(times, duration_s).length_s <= _EVEN_FRAMES * duration_s / count:
            break
    return tuple(sorted({round(min(time, duration_s), 3) for time in times}))


def find_moments(streams: Streams) -> list[Moment]:
    """Return what happens in a clip, in no order."""
    visual, audio = streams.visual, streams.audio
    found: list[Moment] = []
    if isinstance(visual, VisualStream):
        found += [_onset(cut_s, 0.7) for cut_s in visual.shot_cuts_s]
        for face in visual.faces:
            found += _face_moments(face, visual, streams.clip.duration_s)
    if isinstance(audio, AudioStream):
        found += _sound_moments(audio)
    return found + [Moment(e.start_s, e.end_s, e.weight) for own in streams.channels for e in own.events]


def _onset(start_s: float, weight: float, end_s: float | None = None) -> Moment:
    return Moment(start_s, start_s + _ONSET_S if end_s is None else min(end_s, start_s + _ONSET_S), weight)


def _face_moments(face: FaceTrack, visual: VisualStream, duration_s: float) -> Iterator[Moment]:
    if face.start_s > _EDGE_S:
        yield _onset(face.start_s, 0.8)
    if face.end_s < duration_s - _EDGE_S:
        yield _onset(face.end_s, 0.5)
    phases = expression_phases(face, visual.expression_labels, visual.min_expression)
    for before, phase in zip([None, *phases], phases, strict=False):
        if before or phase.expression != "neutral":
            weight = 0.9 if before and phase.expression != "neutral" else 0.5
            yield _onset(phase.start_s, weight * phase.score, phase.end_s)
    for gesture in face.gestures:
        yield Moment(gesture.start_s, gesture.end_s, 0.2 if gesture.kind in _POSTURES else 0.6)


def _sound_moments(audio: AudioStream) -> Iterator[Moment]:
    turns = sorted(audio.speaker_turns, key=lambda turn: turn.start_s)
    for before, turn in zip([None, *turns], turns, strict=False):
        if before is None or before.speaker != turn.speaker:
            yield _onset(turn.start_s, 0.7, turn.end_s)
        elif turn.start_s - before.end_s >= _SILENCE_S:
            yield _onset(turn.start_s, 0.4, turn.end_s)
    for event in audio.events:
        yield Moment(event.start_s, event.end_s, 0.3 if event.kind == "overlap" else 0.6)


def _cover(moments: list[Moment], count: int, near_s: float) -> list[float]:
    """Return up to ``count`` times, the best first.

    Args:
        moments: what happens.
        count: upper bound.
        near_s: at this distance from another frame a moment has regained half of what closeness costs it.
    """
    if not moments:
        return []
    starts, ends, weights = (np.array(column, dtype=float) for column in zip(*moments, strict=True))
    shows = (starts[None] <= ends[:, None]) & (ends[:, None] <= ends[None])  # at the end of each moment: these moments
    times: list[float] = []
    while len(times) < count and weights.any():
        distance_s = np.min(np.abs(ends[:, None] - np.array([-np.inf, *times])[None]), axis=1)
        closeness = near_s / (distance_s + near_s)
        best = int(np.argmax(shows @ weights * (1 - _CLOSENESS_COST * closeness)))
        seen = shows[best] & (weights > 0)
        times.append(float((starts[seen].max() + ends[seen].min()) / 2))
        weights[seen] = 0.0
    return times


class _Gap(NamedTuple):
    length_s: float
    middle_s: float


def _longest_gap(times: list[float], duration_s: float) -> _Gap:
    """Return the longest stretch without a frame; one at an end of the clip counts twice: its frame is on one side."""
    if not times:
        return _Gap(duration_s, duration_s / 2)
    edges = sorted(times)
    gaps = [_Gap(b - a, (a + b) / 2) for a, b in itertools.pairwise(edges)]
    gaps += [_Gap(2 * edges[0], edges[0] / 2), _Gap(2 * (duration_s - edges[-1]), (edges[-1] + duration_s) / 2)]
    return max(gaps)
