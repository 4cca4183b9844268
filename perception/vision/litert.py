"""Small LiteRT networks that run on upright square crops of an image: face mesh, iris, body pose, palms and hands."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np

from omnisense.compat import without_xnnpack_banner
from omnisense.errors import ModelError
from omnisense.perception.geometry import best_iou

_MIN_OVERLAP = 0.2  # a followed region with less IoU with where its face is has drifted off


class Region(NamedTuple):
    """A square of the image: its center in pixels, the roll of its content in radians, and its side in pixels."""

    center: np.ndarray
    roll: float
    side: float


class CropNetwork:
    """A network that takes a square RGB crop. Not thread-safe.

    Args:
        path: the ``.tflite`` file.
        model: its name in the model list, for error messages.

    Raises:
        ModelError: the file does not exist or is no such network.
    """

    def __init__(self, path: Path, model: str) -> None:
        from ai_edge_litert.interpreter import Interpreter

        with without_xnnpack_banner():
            try:
                self._interpreter: Any = Interpreter(model_path=str(path), num_threads=1)
            except ValueError as error:
                raise ModelError(
                    f"the model cannot be loaded ({error})", f"Run `omnisense models pull {model}`.", path
                ) from error
            self._interpreter.allocate_tensors()
        self._input = self._interpreter.get_input_details()[0]
        self._outputs = [output["index"] for output in self._interpreter.get_output_details()]
        self.size = int(self._input["shape"][1])

    def __call__(
        self, image: np.ndarray, region: Region, border: int = cv2.BORDER_REPLICATE
    ) -> tuple[list[np.ndarray], np.ndarray]:
        """Run the network on a region of a (H, W, 3) uint8 RGB image.

        Args:
            image: which the region may reach out of.
            region: what the network sees.
            border: what lies beyond the image, as in OpenCV: its outermost pixels again, or its mirror image.

        Returns:
            The network's output tensors, and the affine matrix (2, 3) from pixels of the crop to pixels of the image.
        """
        crop, to_image = _crop_region(image, region, self.size, border)
        self._interpreter.set_tensor(self._input["index"], crop.astype(np.float32)[None] / 255)
        self._interpreter.invoke()
        return [self._interpreter.get_tensor(index) for index in self._outputs], to_image


def to_image_points(points: np.ndarray, to_image: np.ndarray) -> np.ndarray:
    """Return points (N, 2) of a crop in pixels of the image."""
    moved: np.ndarray = points @ to_image[:, :2].T + to_image[:, 2]
    return moved


def follow_region(previous: Region | None, expected: Region) -> Region:
    """Return where to look next: the previous region, or the expected one if there is none or it has drifted off."""
    if previous is not None and best_iou([_upright_box(previous)], [_upright_box(expected)]) >= _MIN_OVERLAP:
        return previous
    return expected


def _upright_box(region: Region) -> list[float]:
    """Return the box of a region without its roll."""
    half = region.side / 2
    return [*(region.center - half), *(region.center + half)]


def _crop_region(image: np.ndarray, region: Region, size: int, border: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the region, upright, as (size, size, 3), and the matrix (2, 3) from its pixels to the image's."""
    rotation = rotation_matrix(region.roll)
    corners = [region.center + rotation @ (np.array(c) * region.side / 2) for c in ((-1, -1), (1, -1), (-1, 1))]
    to_crop = cv2.getAffineTransform(
        np.array(corners, dtype=np.float32), np.array([[0, 0], [size, 0], [0, size]], dtype=np.float32)
    )
    crop = cv2.warpAffine(image, to_crop, (size, size), flags=cv2.INTER_LINEAR, borderMode=border)
    return crop, cv2.invertAffineTransform(to_crop)


def rotation_matrix(roll: float) -> np.ndarray:
    """Return the matrix (2, 2) that rotates by an angle in radians."""
    return np.array([[np.cos(roll), -np.sin(roll)], [np.sin(roll), np.cos(roll)]])
