"""Gestures over time: nods and shakes of the head, what hands and arms do, and posture."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from omnisense.perception.geometry import contains_points
from omnisense.perception.images.scene import BoxPx, Joint, Person
from omnisense.perception.types import Gesture, GestureKind
from omnisense.perception.vision.pose import describe_pose

if TYPE_CHECKING:  # it imports OpenCV, which the timeline does not need
    from omnisense.perception.vision.body import BodyState

# Gestures in words, as the timeline has them.
GESTURE_PHRASES: dict[GestureKind, str] = {
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
HEAD_GESTURES: tuple[GestureKind, ...] = ("nod", "shake")  # movements; all others are held
POSTURES: tuple[GestureKind, ...] = ("standing", "sitting", "crouching", "lying down")
MAX_GESTURE_GAP_S = 1.3  # two body estimates may miss a gesture that continues

# People nod and shake at 1 to 5 Hz (Hadar et al., "Head movement correlates of juncture and stress at sentence level",
# 1983, find ordinary nods around 2 Hz), over a slower drift of the head that is subtracted.
_DRIFT_S = 1.0
_MIN_SWING_DEG: dict[GestureKind, float] = {"nod": 4.0, "shake": 6.0}  # between turning points; talkers sway by less
_MAX_SWING_S = 0.6
_MIN_SWINGS = 4  # down, up, down, up: people who talk move their heads down and up once all the time
_DOMINANCE = 1.3  # over the movement about the other axis
_MAX_GAP_S = 0.2
_MIN_FRAMES = 8
_MIN_POINTS_AT_FACE = 5  # of a hand's 21 points in the face box: fewer than two fingers are beside it
_TOUCH_DISTANCE = 0.15  # in face heights
_MIN_HELD_S = 0.3


# --- head ---------------------------------------------------------------------------------------------------


def detect_head_gestures(times_s: np.ndarray, pose_deg: np.ndarray) -> list[Gesture]:
    """Return nods and shakes in a series of head poses.

    Args:
        times_s: (T,) increasing, about 25 per second; the series is split at gaps.
        pose_deg: (T, 3) yaw, pitch, roll in degrees.
    """
    if len(times_s) < _MIN_FRAMES:
        return []
    found: list[Gesture] = []
    for part in np.split(np.arange(len(times_s)), np.flatnonzero(np.diff(times_s) > _MAX_GAP_S) + 1):
        if len(part) >= _MIN_FRAMES:
            yaw, pitch = (_remove_drift(times_s[part], pose_deg[part, axis]) for axis in (0, 1))
            found += _detect_swings(times_s[part], pitch, yaw, "nod")
            found += _detect_swings(times_s[part], yaw, pitch, "shake")
    return sorted(found, key=lambda gesture: gesture.start_s)


def _remove_drift(times_s: np.ndarray, angle: np.ndarray) -> np.ndarray:
    """Return angles (T,) without slow drift and without the mesh's jitter from frame to frame."""
    from scipy.ndimage import uniform_filter1d

    step_s = max(float(np.median(np.diff(times_s))), 1e-3)
    smooth = uniform_filter1d(angle, 3)
    return np.asarray(smooth - uniform_filter1d(smooth, max(3, round(_DRIFT_S / step_s)), mode="nearest"))


def _detect_swings(times_s: np.ndarray, angle: np.ndarray, other: np.ndarray, kind: GestureKind) -> list[Gesture]:
    """Return runs of large, quick swings back and forth about one axis."""
    turning = np.r_[0, np.flatnonzero(np.diff(np.sign(np.diff(angle))) != 0) + 1, len(angle) - 1]
    gestures: list[Gesture] = []
    run: list[int] = []
    for a, b in itertools.pairwise(turning.tolist()):
        large = abs(angle[b] - angle[a]) >= _MIN_SWING_DEG[kind] and times_s[b] - times_s[a] <= _MAX_SWING_S
        if large:
            run = run or [a]
            run.append(b)
        if (not large or b == turning[-1]) and run:
            if len(run) > _MIN_SWINGS and np.ptp(angle[run]) >= _DOMINANCE * np.ptp(other[run[0] : run[-1] + 1]):
                start_s, end_s = float(times_s[run[0]]), float(times_s[run[-1]])
                gestures.append(Gesture(round(start_s, 2), round(end_s, 2), kind, (len(run) - 1) // 2))
            run = []
    return gestures


# --- body ---------------------------------------------------------------------------------------------------


def classify_body(body: BodyState, face_px: BoxPx, landmarks_px: np.ndarray) -> tuple[GestureKind, ...]:
    """Return the gestures and the posture of arms, hands and body in one frame; empty where none is recognized.

    Args:
        body: joints and hands in pixels.
        face_px: the face's box in pixels.
        landmarks_px: (5, 2) right eye, left eye, nose, right and left corner of the mouth.
    """
    height = face_px[3] - face_px[1]
    joints = body.joints
    found = [_classify_hand(hand.points, face_px, landmarks_px, _TOUCH_DISTANCE * height) for hand in body.hands]
    raised = sum(_is_raised(joints, side, face_px) for side in ("left", "right"))
    if raised and not any(found):
        found.append("hands raised" if raised == 2 else "hand raised")
    if _are_arms_crossed(joints):
        found.append("arms crossed")
    if joints:
        x, y = [joint.x for joint in joints.values()], [joint.y for joint in joints.values()]
        pose = describe_pose(Person("", (min(x), min(y), max(x), max(y)), joints))
        found += [kind for kind in GESTURE_PHRASES if kind == pose.posture]
        found += [kind for kind in GESTURE_PHRASES if kind == pose.torso]
    return tuple(dict.fromkeys(kind for kind in found if kind is not None))


def _is_raised(joints: Mapping[str, Joint], side: str, face_px: BoxPx) -> bool:
    """Return whether a hand is above its shoulder, and not so near the face that it may touch it."""
    wrist, shoulder = joints.get(f"{side}_wrist"), joints.get(f"{side}_shoulder")
    if wrist is None or shoulder is None:
        return False
    left, top, right, bottom = face_px
    is_away = math.dist(wrist[:2], ((left + right) / 2, (top + bottom) / 2)) > bottom - top
    return is_away and shoulder.y - wrist.y > 0.5 * (bottom - top)


def _classify_hand(
    hand: np.ndarray, face_px: BoxPx, landmarks_px: np.ndarray, max_distance_px: float
) -> GestureKind | None:
    """Return which part of the face a hand (21, 2) touches; None for a hand elsewhere."""
    if contains_points(face_px, hand).sum() < _MIN_POINTS_AT_FACE:
        return None
    eyes, mouth = landmarks_px[:2], landmarks_px[3:].mean(axis=0)
    if min(np.linalg.norm(hand - mouth, axis=1)) <= max_distance_px:
        return "hand at mouth"
    at_eyes = any(min(np.linalg.norm(hand - eye, axis=1)) <= max_distance_px for eye in eyes)
    return "hand at eyes" if at_eyes else "hand at face"


def _are_arms_crossed(joints: Mapping[str, Joint]) -> bool:
    """Return whether each wrist is at the other arm's elbow."""
    names = [f"{side}_{name}" for name in ("shoulder", "elbow", "wrist") for side in ("left", "right")]
    if any(name not in joints for name in names):
        return False
    unit = math.dist(joints["left_shoulder"][:2], joints["right_shoulder"][:2])
    return all(
        math.dist(joints[f"{a}_wrist"][:2], joints[f"{b}_elbow"][:2]) < 0.45 * unit
        for a, b in (("left", "right"), ("right", "left"))
    )


def merge_gestures(observations: Sequence[tuple[float, tuple[GestureKind, ...]]]) -> list[Gesture]:
    """Return held gestures as intervals.

    One or two frames without a gesture do not end it. One that is seen in a single frame does not count, except in a
    still image.

    Args:
        observations: time in seconds and gestures of each frame, in order of time.
    """
    intervals: dict[GestureKind, list[list[float]]] = {}
    for time_s, kinds in observations:
        for kind in kinds:
            known = intervals.setdefault(kind, [])
            if known and time_s - known[-1][1] <= MAX_GESTURE_GAP_S:
                known[-1][1] = time_s
            else:
                known.append([time_s, time_s])
    min_s = _MIN_HELD_S if len(observations) > 1 else 0.0
    found = [
        Gesture(round(start_s, 2), round(end_s, 2), kind, 1)
        for kind, known in intervals.items()
        for start_s, end_s in known
        if end_s - start_s >= min_s
    ]
    return sorted(found, key=lambda gesture: (gesture.start_s, gesture.kind))
