"""Nods and shakes of the head, out of its pose over time."""

from __future__ import annotations

import itertools

import numpy as np

from omnisense.perception.percepts import Gesture

# People nod and shake at 1 to 5 Hz (Hadar et al., "Head movement correlates of juncture and stress at sentence level",
# 1983, find ordinary nods around 2 Hz), over a slower drift of the head that is taken off.
_DRIFT_S = 1.0
_MIN_SWING_DEG = {"nod": 4.0, "shake": 6.0}  # from one turning point to the next; talking heads sway by less
_MAX_SWING_S = 0.6
_MIN_SWINGS = 4  # down, up, down, up: people who talk move their heads down and up once all the time
_DOMINANT = 1.3  # against the movement about the other axis
_HOLE_S = 0.2


def head_gestures(times_s: np.ndarray, pose_deg: np.ndarray) -> list[Gesture]:
    """Gestures in a head's pose.

    Args:
        times_s: (T,) increasing, about 25 a second; holes part stretches.
        pose_deg: (T, 3) yaw, pitch, roll in degrees.
    """
    if len(times_s) < 8:
        return []
    found: list[Gesture] = []
    for part in np.split(np.arange(len(times_s)), np.flatnonzero(np.diff(times_s) > _HOLE_S) + 1):
        if len(part) >= 8:
            yaw, pitch = (_steadied(times_s[part], pose_deg[part, axis]) for axis in (0, 1))
            found += _swings(times_s[part], pitch, yaw, "nod")
            found += _swings(times_s[part], yaw, pitch, "shake")
    return sorted(found, key=lambda gesture: gesture.start_s)


def _steadied(times_s: np.ndarray, angle: np.ndarray) -> np.ndarray:
    """Without the slow drift, and without the mesh's jitter from frame to frame."""
    from scipy.ndimage import uniform_filter1d

    step_s = max(float(np.median(np.diff(times_s))), 1e-3)
    calm = uniform_filter1d(angle, 3)
    return np.asarray(calm - uniform_filter1d(calm, max(3, round(_DRIFT_S / step_s)), mode="nearest"))


def _swings(times_s: np.ndarray, angle: np.ndarray, other: np.ndarray, kind: str) -> list[Gesture]:
    """Runs of large, quick swings to and fro about one axis."""
    turns = np.r_[0, np.flatnonzero(np.diff(np.sign(np.diff(angle))) != 0) + 1, len(angle) - 1]
    gestures: list[Gesture] = []
    run: list[int] = []
    for a, b in itertools.pairwise(turns.tolist()):
        large = abs(angle[b] - angle[a]) >= _MIN_SWING_DEG[kind] and times_s[b] - times_s[a] <= _MAX_SWING_S
        if large:
            run = run or [a]
            run.append(b)
        if (not large or b == turns[-1]) and run:
            if len(run) > _MIN_SWINGS and np.ptp(angle[run]) >= _DOMINANT * np.ptp(other[run[0] : run[-1] + 1]):
                start_s, end_s = float(times_s[run[0]]), float(times_s[run[-1]])
                gestures.append(Gesture(round(start_s, 2), round(end_s, 2), kind, (len(run) - 1) // 2))
            run = []
    return gestures
