"""A face's mesh: lips, head pose and where the eyes look, from one frame.

MediaPipe's face mesh (Kartynnik et al., "Real-time Facial Surface Geometry from Monocular Video on Mobile GPUs", 2019)
and iris landmarks (Ablavatski et al., "Real-time Pupil Tracking from Monocular Video for Digital Puppetry", 2020), run
on LiteRT. Points are numbered as MediaPipe numbers them.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from omnisense.perception.vision.patches import PatchNetwork, Region, placed, turned

_PRESENT = 0.5
_MARGIN = 1.5  # of the region over the face, as the mesh was trained
_EYE_MARGIN = 2.3
_INNER_LIPS = ((13, 14), (82, 87), (312, 317))
_LIP_CORNERS = (61, 291)
_FOREHEAD, _CHIN = 10, 152
_EYES = ((33, 133), (362, 263))  # outer and inner corner of the right eye, inner and outer of the left
_UPRIGHT_PITCH_DEG = -5.0  # forehead to chin of people who look straight ahead (the median over seven talking heads)
# An eyeball has a radius of about 12 mm and the opening between its lids a width of about 30.
_EYEBALL_PER_WIDTH = 12 / 30
_CONTACT_DEG = 10.0  # gaze this far off is still felt as half a contact


class FaceMeshResult(NamedTuple):
    """What a mesh says of one face in one frame.

    Attributes:
        region: where to look for it in the next frame.
        opening: between the lips, as a share of the face's height; width of the mouth likewise.
        pose_deg: yaw (to the viewer's right), pitch (up), roll (clockwise) in degrees.
        facing: 0 to 1, how much it looks into the camera; None where the eyes were not asked for.
    """

    region: Region
    opening: float
    width: float
    pose_deg: tuple[float, float, float]
    facing: float | None


class FaceMesh:
    """Not thread-safe: one per thread.

    Raises:
        ModelError: the folder does not hold the two models.
    """

    def __init__(self, folder: Path) -> None:
        self._mesh = PatchNetwork(folder / "face_landmark.tflite", "face-mesh")
        self._iris = PatchNetwork(folder / "iris_landmark.tflite", "face-mesh")

    def look(self, image: np.ndarray, region: Region, eyes: bool = True) -> FaceMeshResult | None:
        """The face in a region of a (H, W, 3) uint8 RGB frame, or None when no mesh fits.

        ``eyes`` False leaves out the gaze, which takes two thirds of the time.
        """
        points, presence = self._points(image, region)
        if presence < _PRESENT:
            return None
        height = max(float(np.linalg.norm(points[_FOREHEAD] - points[_CHIN])), 1e-6)
        opening = np.mean([np.linalg.norm(points[a, :2] - points[b, :2]) for a, b in _INNER_LIPS]) / height
        width = float(np.linalg.norm(points[_LIP_CORNERS[0], :2] - points[_LIP_CORNERS[1], :2])) / height
        pose = _pose_deg(points)
        facing = _facing(pose, [self._gaze(image, points, eye) for eye in _EYES]) if eyes else None
        return FaceMeshResult(_region_of(points), float(opening), width, pose, facing)

    def _points(self, image: np.ndarray, region: Region) -> tuple[np.ndarray, float]:
        (raw, presence), back = self._mesh(image, region)
        points: np.ndarray = raw.reshape(-1, 3).astype(np.float64)
        depth = points[:, 2] * region.side / self._mesh.size
        return np.c_[placed(points[:, :2], back), depth], float(1 / (1 + np.exp(-presence.ravel()[0])))

    def _gaze(self, image: np.ndarray, points: np.ndarray, eye: tuple[int, int]) -> float:
        """How far the iris is from the middle of the eye towards the picture's right, in widths of the eye."""
        a, b = points[eye[0], :2], points[eye[1], :2]
        across = b - a if b[0] >= a[0] else a - b
        width = max(float(np.linalg.norm(across)), 1e-6)
        region = Region((a + b) / 2, float(np.arctan2(across[1], across[0])), width * _EYE_MARGIN)
        (_, iris), back = self._iris(image, region)
        centre = placed(iris.reshape(-1, 3)[:1, :2], back)[0]
        return float((centre - (a + b) / 2) @ across / width**2)


def region_of_face(box: np.ndarray, landmarks: np.ndarray, width: int, height: int) -> Region:
    """Where the mesh should look for a detected face: box (4,) and landmarks (5, 2) in fractions of the frame."""
    left, top, right, bottom = box * [width, height, width, height]
    across = (landmarks[1] - landmarks[0]) * [width, height]
    side = _MARGIN * max(right - left, bottom - top)
    return Region(
        np.array([(left + right) / 2, (top + bottom) / 2]), float(np.arctan2(across[1], across[0])), float(side)
    )


def _region_of(points: np.ndarray) -> Region:
    across = points[263, :2] - points[33, :2]
    roll = float(np.arctan2(across[1], across[0]))
    turn = turned(roll)
    upright = points[:, :2] @ turn
    low, high = upright.min(axis=0), upright.max(axis=0)
    return Region(turn @ ((low + high) / 2), roll, _MARGIN * float((high - low).max()))


def _pose_deg(points: np.ndarray) -> tuple[float, float, float]:
    """Yaw, pitch and roll from the mesh's own depth: the line of the eyes and the line from forehead to chin."""
    eyes = points[263] - points[33]
    roll = np.arctan2(eyes[1], eyes[0])
    yaw = np.arctan2(eyes[2], np.hypot(eyes[0], eyes[1]))
    down = points[_CHIN] - points[_FOREHEAD]
    pitch = np.arctan2(-down[2], np.hypot(down[0], down[1]))
    return float(np.degrees(yaw)), float(np.degrees(pitch)) - _UPRIGHT_PITCH_DEG, float(np.degrees(roll))


def _facing(pose_deg: tuple[float, float, float], offsets: list[float]) -> float:
    yaw, pitch, _ = pose_deg
    eyes = np.degrees(np.arcsin(np.clip(np.mean(offsets) / _EYEBALL_PER_WIDTH, -1, 1)))
    # Eyes go up and down with the lids, which hides it: of the pitch, only what eyes do not make up for counts.
    away = np.hypot(yaw + eyes, max(0.0, abs(pitch) - 15.0))
    return float(0.5 ** ((away / _CONTACT_DEG) ** 2))
