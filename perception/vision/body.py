"""Body and hands of a person whose face is followed, from one frame.

MediaPipe's pose (Bazarevsky et al., "BlazePose: On-device Real-time Body Pose Tracking", 2020) and hands (Zhang et al.,
"MediaPipe Hands: On-device Real-time Hand Tracking", 2020), run on LiteRT. The body is looked for below the face, hands
around it: a hand at the face says more of a person than one in the lap. What was found is followed from look to look.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from omnisense.perception.geometry import contains_point
from omnisense.perception.images.scene import KEYPOINTS, BoxPx, Joint
from omnisense.perception.vision.patches import PatchNetwork, Region, placed, put_back, turned

MODEL = "body"
# Of the pose's 33 points, those that people.KEYPOINTS names.
_POINTS = (0, 2, 5, 7, 8, 11, 12, 13, 14, 15, 16, 23, 24, 25, 26, 27, 28)
_HIPS, _REACH = 33, 34  # two points more: the middle of the hips, and one as far from it as the body reaches
_PRESENT, _SEEN = 0.5, 0.7
_BODY_BELOW, _BODY_SIDE = 3.0, 10.0  # in heights of the face: where a body is looked for first
_HANDS_BELOW, _HANDS_SIDE = 0.3, 3.0
_HANDS = 2
# The detector takes chins for palms; the hand network, run on what it finds, does not.
_PALM, _HAND = 0.3, 0.8
_WRIST, _MIDDLE, _RING, _INDEX = 0, 9, 13, 5
_PALM_POINTS = (0, 1, 2, 3, 5, 6, 9, 10, 13, 14, 17, 18)  # without the fingers' ends, which move most


class Hand(NamedTuple):
    """A hand: points (21, 2) in pixels, from the wrist to the little finger's tip, and where to look for it next."""

    points: np.ndarray
    region: Region


class BodyState(NamedTuple):
    """One person in one frame.

    Attributes:
        joints: by the names of ``people.KEYPOINTS``, in pixels; only those that are seen and in the frame.
        hands: near the face. Whose they are is not known: somebody else's hand may be at it.
        region: where to look for the body next; None where none was found.
    """

    joints: Mapping[str, Joint]
    hands: tuple[Hand, ...]
    region: Region | None


class BodyReader:
    """Not thread-safe: one per thread.

    Raises:
        ModelError: the folder does not hold the three models.
    """

    def __init__(self, folder: Path) -> None:
        self._pose, self._palms, self._hand = (
            PatchNetwork(folder / f"{name}.tflite", MODEL)
            for name in ("pose_landmark", "palm_detection", "hand_landmark")
        )
        self._anchors = _anchors(self._palms.size)

    def look(self, image: np.ndarray, face_px: BoxPx, before: BodyState | None = None) -> BodyState:
        """The body and hands that belong to a face.

        Args:
            image: (H, W, 3) uint8 RGB.
            face_px: the face's box in pixels.
            before: of the same person a moment ago.
        """
        joints, region = self._body(image, face_px, before.region if before else None)
        around = _around(face_px, _HANDS_BELOW, _HANDS_SIDE)
        hands: list[Hand] = []
        for hand in before.hands if before else ():
            found = self._hand_in(image, hand.region)
            if found and _within(found.region, around) and not _tried(found.region, [h.region for h in hands]):
                hands.append(found)
        if len(hands) < _HANDS:
            hands += self._new_hands(image, around, hands)
        return BodyState(joints, tuple(hands[:_HANDS]), region)

    def _body(
        self, image: np.ndarray, face_px: BoxPx, before: Region | None
    ) -> tuple[Mapping[str, Joint], Region | None]:
        region = put_back(before, _around(face_px, _BODY_BELOW, _BODY_SIDE))
        for _ in range(1 if region is before else 2):  # the first try is a guess from the face alone
            (raw, presence, *_), back = self._pose(image, region)
            marks: np.ndarray = raw.reshape(-1, 5).astype(np.float64)
            points = placed(marks[:, :2], back)
            if presence.item() < _PRESENT or not contains_point(
                face_px, points[0]
            ):  # somebody else's body has another nose
                return {}, None
            reach = points[_REACH] - points[_HIPS]
            roll = float(np.arctan2(reach[1], reach[0]) + np.pi / 2)
            region = Region(points[_HIPS], roll, 2.5 * float(np.linalg.norm(reach)))
        height, width = image.shape[:2]
        seen = 1 / (1 + np.exp(-marks[:, 3])) >= _SEEN
        joints = {
            name: Joint(float(x), float(y), True)
            for name, (x, y), known in zip(KEYPOINTS, points[[*_POINTS]], seen[[*_POINTS]], strict=True)
            if known and 0 <= x < width and 0 <= y < height
        }
        return joints, region

    def _hand_in(self, image: np.ndarray, region: Region) -> Hand | None:
        (raw, presence, *_), back = self._hand(image, region)
        if presence.item() < _HAND:
            return None
        points = placed(raw.reshape(21, 3)[:, :2].astype(np.float64), back)
        return Hand(points, _region_of_hand(points))

    def _new_hands(self, image: np.ndarray, around: Region, known: list[Hand]) -> list[Hand]:
        (raw, scores), back = self._palms(image, around)
        chance = 1 / (1 + np.exp(-np.clip(scores.ravel(), -60, 60)))
        found: list[Hand] = []
        tried: list[Region] = [hand.region for hand in known]
        for at in np.argsort(-chance)[: (chance >= _PALM).sum()]:
            palm = raw[0, at]
            marks = placed(self._anchors[at] + palm[4:].reshape(7, 2), back)
            middle = placed(self._anchors[at][None] + palm[None, :2], back)[0]
            side = float(palm[2:4].max()) * float(np.linalg.norm(back[:, 0]))
            region = _region_of_palm(middle, side, marks[2] - marks[0])
            if _tried(region, tried):
                continue
            tried.append(region)
            hand = self._hand_in(image, region)
            found += [hand] if hand else []
        return found


def _around(face_px: BoxPx, below: float, side: float) -> Region:
    left, top, right, bottom = face_px
    height = bottom - top
    return Region(np.array([(left + right) / 2, (top + bottom) / 2 + below * height]), 0.0, side * height)


def _within(region: Region, around: Region) -> bool:
    return bool((np.abs(region.centre - around.centre) <= around.side / 2).all())


def _tried(region: Region, others: Sequence[Region]) -> bool:
    """Whether it is where one of the others is."""
    return any(np.linalg.norm(region.centre - other.centre) < 0.3 * other.side for other in others)


def _region_of_palm(centre: np.ndarray, side: float, up: np.ndarray) -> Region:
    """The whole hand, from its palm and the way from wrist to middle finger."""
    roll = float(np.arctan2(up[1], up[0]) + np.pi / 2)
    return Region(centre + turned(roll) @ np.array([0, -0.5 * side]), roll, 2.6 * side)


def _region_of_hand(points: np.ndarray) -> Region:
    up = (points[_INDEX] + points[_RING]) / 4 + points[_MIDDLE] / 2 - points[_WRIST]
    roll = float(np.arctan2(up[1], up[0]) + np.pi / 2)
    turn = turned(roll)
    upright = points[[*_PALM_POINTS]] @ turn
    low, high = upright.min(axis=0), upright.max(axis=0)
    side = float((high - low).max())
    return Region(turn @ ((low + high) / 2 + np.array([0, -0.1 * side])), roll, 2.0 * side)


def _anchors(size: int) -> np.ndarray:
    """Where the palm detector's answers stand (2016, 2), in pixels of its patch: two a cell of 8, six a cell of 16."""
    layers = []
    for step, count in ((8, 2), (16, 6)):
        middles = np.arange(step / 2, size, step)
        grid = np.stack(np.meshgrid(middles, middles), axis=-1).reshape(-1, 2)
        layers.append(np.repeat(grid, count, axis=0))
    return np.concatenate(layers)
