"""The people in a still image and the objects around them.

Coordinates are pixels of the upright image, as in COCO annotations: body angles need the true proportions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np

from omnisense.perception import geometry
from omnisense.perception.media.clip import open_clip
from omnisense.perception.media.sampling import Sampling

KEYPOINTS = (
    "nose", "left_eye", "right_eye", "left_ear", "right_ear", "left_shoulder", "right_shoulder", "left_elbow",
    "right_elbow", "left_wrist", "right_wrist", "left_hip", "right_hip", "left_knee", "right_knee", "left_ankle",
    "right_ankle",
)  # fmt: skip
MIN_SIDE_PX = 2.0  # boxes with a shorter side are not used
BoxPx = tuple[float, float, float, float]


class Joint(NamedTuple):
    """A keypoint in pixels.

    Attributes:
        x, y: position.
        visible: False for a keypoint that is annotated but occluded.
    """

    x: float
    y: float
    visible: bool


@dataclass(frozen=True)
class Person:
    """A person in an image.

    Attributes:
        id: unique in the data set.
        box_px: x1, y1, x2, y2.
        joints: keypoints by their names in ``KEYPOINTS``; left and right are the person's own.
        outline: the segmentation mask as polygons (N, 2); empty where it is not known.
        score: confidence of the detector; 1 for an annotation.
    """

    id: str
    box_px: BoxPx
    joints: Mapping[str, Joint] = field(default_factory=dict)
    outline: tuple[np.ndarray, ...] = ()
    score: float = 1.0

    @property
    def width(self) -> float:
        """Width of the box in pixels."""
        return self.box_px[2] - self.box_px[0]

    @property
    def height(self) -> float:
        """Height of the box in pixels."""
        return self.box_px[3] - self.box_px[1]

    @property
    def area(self) -> float:
        """Area of the box in square pixels."""
        return geometry.area(self.box_px)

    @property
    def center(self) -> tuple[float, float]:
        """Center (x, y) of the box in pixels."""
        return geometry.center(self.box_px)


class SceneObject(NamedTuple):
    """An object: its COCO class name and its box."""

    name: str
    box_px: BoxPx


@dataclass(frozen=True)
class Scene:
    """An image with its people and objects.

    Attributes:
        path: the image file.
        id: the image's id in annotations and file names.
        width, height: of the upright image in pixels.
        people, objects: the people and the other objects in the image.
        crowds: regions of people who are not annotated one by one.
        captions: human-written captions.
        source: where ``people``, ``joints`` and ``captions`` come from.
        dropped: number of annotations or detections that are not used, by reason.
    """

    path: Path
    id: str
    width: int
    height: int
    people: tuple[Person, ...]
    objects: tuple[SceneObject, ...] = ()
    crowds: tuple[BoxPx, ...] = ()
    captions: tuple[str, ...] = ()
    source: Mapping[str, str] = field(default_factory=dict)
    dropped: Mapping[str, int] = field(default_factory=dict)


class SceneReader(Protocol):
    """Finds people and objects in images."""

    def read(self, images: Sequence[Path]) -> list[Scene | Exception]:
        """Return for each image its scene, or the exception that was raised for it."""
        ...


def load_image(path: Path) -> np.ndarray:
    """Return an upright image as (H, W, 3) uint8 RGB, in its full size.

    Args:
        path: the image file.

    Raises:
        MediaError: the file is missing, damaged, not an image, or too large to decode safely.
    """
    image: np.ndarray = open_clip(path).frames(Sampling(rule="count", count=1, max_pixels=None)).images[0]
    return image
