"""Face mesh: lips, head pose and gaze from one frame.

MediaPipe's face mesh (Kartynnik et al., "Real-time Facial Surface Geometry from Monocular Video on Mobile GPUs", 2019)
and iris landmarks (Ablavatski et al., "Real-time Pupil Tracking from Monocular Video for Digital Puppetry", 2020), run
on LiteRT. Points are numbered as in MediaPipe.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from omnisense.perception.vision.litert import CropNetwork, Region, rotation_matrix, to_image_points

MODEL = "face-mesh"
_MIN_PRESENCE = 0.5
_MARGIN = 1.5  # of the region over the face, as in the mesh's training
_EYE_MARGIN = 2.3
_CUT = 0.15  # of a region's side: a face whose middle lies so near to the left or right edge is cut by it
_INNER_LIPS = ((13, 14), (82, 87), (312, 317))
_LIP_CORNERS = (61, 291)
_FOREHEAD, _CHIN = 10, 152
_RIGHT_EYE, _LEFT_EYE = 33, 263  # outer corners
_EYES = ((33, 133), (362, 263))  # outer and inner corner of the right eye, inner and outer of the left
_UPRIGHT_PITCH_DEG = -5.0  # forehead to chin of people who look straight ahead (the median over seven talking heads)
# An eyeball has a radius of about 12 mm and the opening between its lids a width of about 30.
_EYEBALL_PER_WIDTH = 12 / 30
_HALF_CONTACT_DEG = 10.0  # gaze this far off the camera is perceived as eye contact half of the time
_FREE_PITCH_DEG = 15.0


class FaceMeshResult(NamedTuple):
    """What the mesh measures of one face in one frame.

    Attributes:
        region: where to look for the face in the next frame.
        opening: distance between the lips, in face heights.
        width: of the mouth, in face heights.
        pose_deg: yaw (to the viewer's right), pitch (up), roll (clockwise) in degrees.
        facing_camera: 0 (looks away) to 1 (looks into the camera); None without gaze.
    """

    region: Region
    opening: float
    width: float
    pose_deg: tuple[float, float, float]
    facing_camera: float | None


class FaceMesh:
    """MediaPipe's face mesh and iris networks. Not thread-safe: one per thread.

    Args:
        folder: of the two ``.tflite`` files.

    Raises:
        ModelError: the folder does not contain the two models.
    """

    def __init__(self, folder: Path) -> None:
        self._mesh = CropNetwork(folder / "face_landmark.tflite", MODEL)
        self._iris = CropNetwork(folder / "iris_landmark.tflite", MODEL)

    def estimate(self, image: np.ndarray, region: Region, with_gaze: bool = True) -> FaceMeshResult | None:
        """Fit the mesh to the face in a region of a frame.

        Args:
            image: (H, W, 3) uint8 RGB.
            region: around the face.
            with_gaze: False leaves out the gaze, which takes two thirds of the time.

        Returns:
            None when there is no face in the region.
        """
        points, presence = self._fit(image, region)
        if presence < _MIN_PRESENCE:
            return None
        height = max(float(np.linalg.norm(points[_FOREHEAD] - points[_CHIN])), 1e-6)
        opening = np.mean([np.linalg.norm(points[a, :2] - points[b, :2]) for a, b in _INNER_LIPS]) / height
        width = float(np.linalg.norm(points[_LIP_CORNERS[0], :2] - points[_LIP_CORNERS[1], :2])) / height
        pose = _head_pose_deg(points)
        gaze = [self._iris_offset(image, points, eye) for eye in _EYES] if with_gaze else None
        facing = _facing_camera(pose, gaze) if gaze else None
        return FaceMeshResult(_region_around(points), float(opening), width, pose, facing)

    def _fit(self, image: np.ndarray, region: Region) -> tuple[np.ndarray, float]:
        """Return points (468, 3) in pixels and the probability that there is a face."""
        from_edge = min(region.center[0], image.shape[1] - region.center[0])
        # The mirror image makes a face whole that the edge cuts in half; of others there would be two.
        border = cv2.BORDER_REFLECT if from_edge < _CUT * region.side else cv2.BORDER_REPLICATE
        (raw, presence), to_image = self._mesh(image, region, border)
        points: np.ndarray = raw.reshape(-1, 3).astype(np.float64)
        depth = points[:, 2] * region.side / self._mesh.size
        probability = float(1 / (1 + np.exp(-presence.ravel()[0])))
        return np.c_[to_image_points(points[:, :2], to_image), depth], probability

    def _iris_offset(self, image: np.ndarray, points: np.ndarray, eye: tuple[int, int]) -> float:
        """Return the distance of the iris from the center of the eye towards the image's right, in eye widths."""
        a, b = points[eye[0], :2], points[eye[1], :2]
        across = b - a if b[0] >= a[0] else a - b
        width = max(float(np.linalg.norm(across)), 1e-6)
        region = Region((a + b) / 2, float(np.arctan2(across[1], across[0])), width * _EYE_MARGIN)
        (_, iris), to_image = self._iris(image, region)
        center = to_image_points(iris.reshape(-1, 3)[:1, :2], to_image)[0]
        return float((center - (a + b) / 2) @ across / width**2)


def region_of_face(box: np.ndarray, landmarks: np.ndarray, width: int, height: int) -> Region:
    """Return the region in which the mesh should look for a detected face.

    Args:
        box: (4,) in fractions of the frame.
        landmarks: (5, 2) in fractions of the frame, the right and left eye first.
        width: of the frame in pixels.
        height: of the frame in pixels.
    """
    left, top, right, bottom = box * [width, height, width, height]
    across = (landmarks[1] - landmarks[0]) * [width, height]
    side = _MARGIN * max(right - left, bottom - top)
    return Region(
        np.array([(left + right) / 2, (top + bottom) / 2]), float(np.arctan2(across[1], across[0])), float(side)
    )


def _region_around(points: np.ndarray) -> Region:
    across = points[_LEFT_EYE, :2] - points[_RIGHT_EYE, :2]
    roll = float(np.arctan2(across[1], across[0]))
    rotation = rotation_matrix(roll)
    upright = points[:, :2] @ rotation
    low, high = upright.min(axis=0), upright.max(axis=0)
    return Region(rotation @ ((low + high) / 2), roll, _MARGIN * float((high - low).max()))


def _head_pose_deg(points: np.ndarray) -> tuple[float, float, float]:
    """Return yaw, pitch and roll from the mesh's depth: of the line of the eyes and the line from forehead to chin."""
    eyes = points[_LEFT_EYE] - points[_RIGHT_EYE]
    roll = np.arctan2(eyes[1], eyes[0])
    yaw = np.arctan2(eyes[2], np.hypot(eyes[0], eyes[1]))
    down = points[_CHIN] - points[_FOREHEAD]
    pitch = np.arctan2(-down[2], np.hypot(down[0], down[1]))
    return float(np.degrees(yaw)), float(np.degrees(pitch)) - _UPRIGHT_PITCH_DEG, float(np.degrees(roll))


def _facing_camera(pose_deg: tuple[float, float, float], iris_offsets: list[float]) -> float:
    yaw, pitch, _ = pose_deg
    eyes_deg = np.degrees(np.arcsin(np.clip(np.mean(iris_offsets) / _EYEBALL_PER_WIDTH, -1, 1)))
    # Eyes move up and down with the lids, which hides it: of the pitch, only what eyes do not compensate counts.
    away_deg = np.hypot(yaw + eyes_deg, max(0.0, abs(pitch) - _FREE_PITCH_DEG))
    return float(0.5 ** ((away_deg / _HALF_CONTACT_DEG) ** 2))
