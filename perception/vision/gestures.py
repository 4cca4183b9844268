"""Gestures over time: nods and shakes out of the head's pose, and what arms and hands do and the body's posture."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from omnisense.perception.images.scene import BoxPx, Joint, Person
from omnisense.perception.types import Gesture
from omnisense.perception.vision.pose import pose_of

if TYPE_CHECKING:
    from omnisense.perception.vision.body import BodyState

# People nod and shake at 1 to 5 Hz (Hadar et al., "Head movement correlates of juncture and stress at sentence level",
# 1983, find ordinary nods around 2 Hz), over a slower drift of the head that is taken off.
_DRIFT_S = 1.0
_MIN_SWING_DEG = {"nod": 4.0, "shake": 6.0}  # from one turning point to the next; talking heads sway by less
_MAX_SWING_S = 0.6
_MIN_SWINGS = 4  # down, up, down, up: people who talk move their heads down and up once all the time
_DOMINANT = 1.3  # against the movement about the other axis
_HOLE_S = 0.2

# Every kind of gesture, as a timeline tells of it.
VERBS = {
    "nod": "nods",
    "shake": "shakes the head",
    "hand at mouth": "holds a hand to the mouth",
    "hand at eyes": "holds a hand to the eyes",
    "hand at face": "holds a hand to the face",
    "hand raised": "raises a hand",
    "hands raised": "raises both hands",
    "arms crossed": "has the arms crossed",
    "leaning to the left": "leans to the left",
    "leaning to the right": "leans to the right",
    "standing": "stands",
    "sitting": "sits",
    "crouching": "crouches",
    "lying down": "lies down",
}
HEAD_GESTURES = ("nod", "shake")  # all others are held
POSTURES = ("standing", "sitting", "crouching", "lying down")
_AT_FACE = 5  # of a hand's 21 points inside the face's box: fewer than two fingers are beside it
_NEAR = 0.15  # in heights of the face
HELD_GAP_S = 1.3  # two looks may miss what goes on
_HELD_S = 0.3


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


def acts(stance: BodyState, face_px: BoxPx, landmarks_px: np.ndarray) -> tuple[str, ...]:
    """What arms, hands and body show in one frame, of the kinds in ``VERBS``; empty where nothing that is known.

    Args:
        stance: joints and hands in pixels.
        face_px: the face's box; landmarks_px: (5, 2) right eye, left eye, nose, right and left corner of the mouth.
    """
    height = face_px[3] - face_px[1]
    joints = stance.joints
    found = [_touch(hand.points, face_px, landmarks_px, _NEAR * height) for hand in stance.hands]
    raised = sum(_raised(joints, side, face_px) for side in ("left", "right"))
    if raised and not any(found):
        found.append("hands raised" if raised == 2 else "hand raised")
    if _crossed(joints):
        found.append("arms crossed")
    if joints:
        x, y = [joint.x for joint in joints.values()], [joint.y for joint in joints.values()]
        pose = pose_of(Person("", (min(x), min(y), max(x), max(y)), joints))
        found += [word for word in (pose.posture, pose.torso) if word in VERBS]
    return tuple(dict.fromkeys(word for word in found if word))


def _raised(joints: Mapping[str, Joint], side: str, face_px: BoxPx) -> bool:
    """Whether a hand is above its shoulder, and not so near the face that it may be at it."""
    wrist, shoulder = joints.get(f"{side}_wrist"), joints.get(f"{side}_shoulder")
    if wrist is None or shoulder is None:
        return False
    left, top, right, bottom = face_px
    beside = math.dist(wrist[:2], ((left + right) / 2, (top + bottom) / 2)) > bottom - top
    return beside and shoulder.y - wrist.y > 0.5 * (bottom - top)


def _touch(hand: np.ndarray, face_px: BoxPx, landmarks_px: np.ndarray, near_px: float) -> str:
    """Which part of the face a hand (21, 2) is at; empty for a hand elsewhere."""
    left, top, right, bottom = face_px
    inside = (hand[:, 0] >= left) & (hand[:, 0] <= right) & (hand[:, 1] >= top) & (hand[:, 1] <= bottom)
    if inside.sum() < _AT_FACE:
        return ""
    eyes, mouth = landmarks_px[:2], landmarks_px[3:].mean(axis=0)
    if min(np.linalg.norm(hand - mouth, axis=1)) <= near_px:
        return "hand at mouth"
    at_eyes = any(min(np.linalg.norm(hand - eye, axis=1)) <= near_px for eye in eyes)
    return "hand at eyes" if at_eyes else "hand at face"


def _crossed(joints: Mapping[str, Joint]) -> bool:
    """Each wrist at the other arm's elbow."""
    names = [f"{side}_{name}" for name in ("shoulder", "elbow", "wrist") for side in ("left", "right")]
    if any(name not in joints for name in names):
        return False
    unit = math.dist(joints["left_shoulder"][:2], joints["right_shoulder"][:2])
    return all(
        math.dist(joints[f"{a}_wrist"][:2], joints[f"{b}_elbow"][:2]) < 0.45 * unit
        for a, b in (("left", "right"), ("right", "left"))
    )


def held(looks: Sequence[tuple[float, tuple[str, ...]]]) -> list[Gesture]:
    """Stretches of time over which an act was seen, from acts frame by frame in order of time.

    A look or two that miss it do not end it; what was seen but once does not count, save in a still picture.
    """
    runs: dict[str, list[list[float]]] = {}
    for time_s, kinds in looks:
        for kind in kinds:
            known = runs.setdefault(kind, [])
            if known and time_s - known[-1][1] <= HELD_GAP_S:
                known[-1][1] = time_s
            else:
                known.append([time_s, time_s])
    least_s = _HELD_S if len(looks) > 1 else 0.0
    found = [
        Gesture(round(start_s, 2), round(end_s, 2), kind, 1)
        for kind, known in runs.items()
        for start_s, end_s in known
        if end_s - start_s >= least_s
    ]
    return sorted(found, key=lambda gesture: (gesture.start_s, gesture.kind))
