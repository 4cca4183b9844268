"""Body pose and hands of a person whose face is tracked, from one frame.

MediaPipe's pose (Bazarevsky et al., "BlazePose: On-device Real-time Body Pose Tracking", 2020) and hands (Zhang et al.,
"MediaPipe Hands: On-device Real-time Hand Tracking", 2020), run on LiteRT. The body is searched for below the face and
hands around it: a hand at the face says more about a person than one in the lap. What was found is followed from frame
to frame.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from omnisense.perception.geometry import contains_point
from omnisense.perception.images.scene import KEYPOINTS, BoxPx, Joint
from omnisense.perception.vision.litert import CropNetwork, Region, follow_region, rotation_matrix, to_image_points

MODEL = "body"
# Of the pose's 33 points, those that scene.KEYPOINTS names.
_KEYPOINT_INDICES = (0, 2, 5, 7, 8, 11, 12, 13, 14, 15, 16, 23, 24, 25, 26, 27, 28)
_HIPS, _REACH = 33, 34  # two points more: the center of the hips, and one as far from it as the body extends
_MIN_PRESENCE, _MIN_VISIBILITY = 0.5, 0.7
_BODY_BELOW, _BODY_SIDE = 3.0, 10.0  # in face heights: the region in which a body is first searched for
_HANDS_BELOW, _HANDS_SIDE = 0.3, 3.0
_MAX_HANDS = 2
# The palm detector takes chins for palms; the hand network, run on what it finds, does not.
_MIN_PALM_SCORE, _MIN_HAND_SCORE = 0.3, 0.8
_WRIST, _MIDDLE, _RING, _INDEX = 0, 9, 13, 5
_PALM_POINTS = (0, 1, 2, 3, 5, 6, 9, 10, 13, 14, 17, 18)  # without the fingertips, which move most


class Hand(NamedTuple):
    """A hand: points (21, 2) in pixels, from the wrist to the little finger's tip, and where to look for it next."""

    points: np.ndarray
    region: Region


class BodyState(NamedTuple):
    """One person in one frame.

    Attributes:
        joints: by the names of ``scene.KEYPOINTS``, in pixels; only those that are visible and in the frame.
        hands: near the face. Whose they are is unknown: another person's hand may touch it.
        region: where to look for the body next; None where none was found.
    """

    joints: Mapping[str, Joint]
    hands: tuple[Hand, ...]
    region: Region | None


class BodyEstimator:
    """MediaPipe's pose, palm and hand networks. Not thread-safe: one per thread.

    Args:
        folder: of the three ``.tflite`` files.

    Raises:
        ModelError: the folder does not contain the three models.
    """

    def __init__(self, folder: Path) -> None:
        self._pose, self._palms, self._hand = (
            CropNetwork(folder / f"{name}.tflite", MODEL)
            for name in ("pose_landmark", "palm_detection", "hand_landmark")
        )
        self._anchors = _palm_anchors(self._palms.size)

    def estimate(self, image: np.ndarray, face_px: BoxPx, previous: BodyState | None = None) -> BodyState:
        """Estimate the body and hands that belong to a face.

        Args:
            image: (H, W, 3) uint8 RGB.
            face_px: the face's box in pixels.
            previous: the result for the same person in an earlier frame.
        """
        joints, region = self._estimate_body(image, face_px, previous.region if previous else None)
        search = _search_region(face_px, _HANDS_BELOW, _HANDS_SIDE)
        hands: list[Hand] = []
        for hand in previous.hands if previous else ():
            found = self._estimate_hand(image, hand.region)
            if found is None or _is_known(found.region, [h.region for h in hands]):
                continue
            if _has_center_of(search, found.region):
                hands.append(found)
        if len(hands) < _MAX_HANDS:
            hands += self._detect_hands(image, search, hands)
        return BodyState(joints, tuple(hands[:_MAX_HANDS]), region)

    def _estimate_body(
        self, image: np.ndarray, face_px: BoxPx, previous: Region | None
    ) -> tuple[Mapping[str, Joint], Region | None]:
        region = follow_region(previous, _search_region(face_px, _BODY_BELOW, _BODY_SIDE))
        for _ in range(1 if region is previous else 2):  # the first pass is a guess from the face alone
            (raw, presence, *_), to_image = self._pose(image, region)
            values: np.ndarray = raw.reshape(-1, 5).astype(np.float64)
            points = to_image_points(values[:, :2], to_image)
            # The nose of another person's body lies elsewhere.
            if presence.item() < _MIN_PRESENCE or not contains_point(face_px, points[0]):
                return {}, None
            reach = points[_REACH] - points[_HIPS]
            roll = float(np.arctan2(reach[1], reach[0]) + np.pi / 2)
            region = Region(points[_HIPS], roll, 2.5 * float(np.linalg.norm(reach)))
        height, width = image.shape[:2]
        visible = 1 / (1 + np.exp(-values[:, 3])) >= _MIN_VISIBILITY
        indices = [*_KEYPOINT_INDICES]
        joints = {
            name: Joint(float(x), float(y), True)
            for name, (x, y), is_visible in zip(KEYPOINTS, points[indices], visible[indices], strict=True)
            if is_visible and 0 <= x < width and 0 <= y < height
        }
        return joints, region

    def _estimate_hand(self, image: np.ndarray, region: Region) -> Hand | None:
        (raw, presence, *_), to_image = self._hand(image, region)
        if presence.item() < _MIN_HAND_SCORE:
            return None
        points = to_image_points(raw.reshape(21, 3)[:, :2].astype(np.float64), to_image)
        return Hand(points, _region_of_hand(points))

    def _detect_hands(self, image: np.ndarray, search: Region, known: list[Hand]) -> list[Hand]:
        (raw, logits), to_image = self._palms(image, search)
        scores = 1 / (1 + np.exp(-np.clip(logits.ravel(), -60, 60)))
        found: list[Hand] = []
        tried: list[Region] = [hand.region for hand in known]
        for index in np.argsort(-scores)[: (scores >= _MIN_PALM_SCORE).sum()]:
            palm, anchor = raw[0, index], self._anchors[index]
            points = to_image_points(anchor + palm[4:].reshape(7, 2), to_image)
            center = to_image_points(anchor[None] + palm[None, :2], to_image)[0]
            side = float(palm[2:4].max()) * float(np.linalg.norm(to_image[:, 0]))
            region = _region_of_palm(center, side, points[2] - points[0])
            if _is_known(region, tried):
                continue
            tried.append(region)
            hand = self._estimate_hand(image, region)
            found += [hand] if hand else []
        return found


def _search_region(face_px: BoxPx, below: float, side: float) -> Region:
    left, top, right, bottom = face_px
    height = bottom - top
    return Region(np.array([(left + right) / 2, (top + bottom) / 2 + below * height]), 0.0, side * height)


def _has_center_of(search: Region, region: Region) -> bool:
    half = search.side / 2
    return contains_point((*(search.center - half), *(search.center + half)), region.center)


def _is_known(region: Region, others: Sequence[Region]) -> bool:
    """Return whether the region is where one of the others is."""
    return any(np.linalg.norm(region.center - other.center) < 0.3 * other.side for other in others)


def _region_of_palm(center: np.ndarray, side: float, up: np.ndarray) -> Region:
    """Return the region of the whole hand, from its palm and the vector from wrist to middle finger."""
    roll = float(np.arctan2(up[1], up[0]) + np.pi / 2)
    return Region(center + rotation_matrix(roll) @ np.array([0, -0.5 * side]), roll, 2.6 * side)


def _region_of_hand(points: np.ndarray) -> Region:
    up = (points[_INDEX] + points[_RING]) / 4 + points[_MIDDLE] / 2 - points[_WRIST]
    roll = float(np.arctan2(up[1], up[0]) + np.pi / 2)
    rotation = rotation_matrix(roll)
    upright = points[[*_PALM_POINTS]] @ rotation
    low, high = upright.min(axis=0), upright.max(axis=0)
    side = float((high - low).max())
    return Region(rotation @ ((low + high) / 2 + np.array([0, -0.1 * side])), roll, 2.0 * side)


def _palm_anchors(size: int) -> np.ndarray:
    """Return the palm detector's anchors (2016, 2) in pixels of its crop: two per cell of 8, six per cell of 16."""
    layers = []
    for step, count in ((8, 2), (16, 6)):
        centers = np.arange(step / 2, size, step)
        grid = np.stack(np.meshgrid(centers, centers), axis=-1).reshape(-1, 2)
        layers.append(np.repeat(grid, count, axis=0))
    return np.concatenate(layers)
