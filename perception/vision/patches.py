"""Small LiteRT networks on upright square patches of a picture: what the face mesh, the body and the hands share."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np

from omnisense.compat import without_xnnpack_banner
from omnisense.errors import ModelError
from omnisense.perception.geometry import best_iou

_MIN_OVERLAP = 0.2  # a region that shares less with where its face is has slid off


class Region(NamedTuple):
    """A square of the picture, in pixels: its centre, the roll of what is in it in radians, and its side."""

    centre: np.ndarray
    roll: float
    side: float


class PatchNetwork:
    """A network that takes a square RGB patch and gives tensors. Not thread-safe.

    Raises:
        ModelError: the file is not there or no such network.
    """

    def __init__(self, path: Path, name: str) -> None:
        from ai_edge_litert.interpreter import Interpreter

        with without_xnnpack_banner():
            try:
                self._interpreter: Any = Interpreter(model_path=str(path), num_threads=1)
            except ValueError as error:
                raise ModelError(
                    f"the model cannot be read ({error})", f"Run `omnisense models pull {name}`.", path
                ) from error
            self._interpreter.allocate_tensors()
        self._input = self._interpreter.get_input_details()[0]
        self._outputs = [output["index"] for output in self._interpreter.get_output_details()]
        self.size = int(self._input["shape"][1])

    def __call__(self, image: np.ndarray, region: Region) -> tuple[list[np.ndarray], np.ndarray]:
        """Run on a region of a (H, W, 3) uint8 RGB picture.

        Returns:
            The network's tensors, and the matrix (2, 3) from the patch's pixels back to the picture's.
        """
        patch, back = _patch(image, region, self.size)
        self._interpreter.set_tensor(self._input["index"], patch.astype(np.float32)[None] / 255)
        self._interpreter.invoke()
        return [self._interpreter.get_tensor(index) for index in self._outputs], back


def placed(points: np.ndarray, back: np.ndarray) -> np.ndarray:
    """Points (N, 2) of a patch in the picture's pixels."""
    there: np.ndarray = points @ back[:, :2].T + back[:, 2]
    return there


def put_back(region: Region | None, expected: Region) -> Region:
    """Where to look for what is followed: where it was, unless that has slid off it or there was none."""
    return region if region is not None and best_iou([_box(region)], [_box(expected)]) >= _MIN_OVERLAP else expected


def _box(region: Region) -> list[float]:
    """The square that a region would be without its roll."""
    half = region.side / 2
    return [*(region.centre - half), *(region.centre + half)]


def _patch(image: np.ndarray, region: Region, size: int) -> tuple[np.ndarray, np.ndarray]:
    """The region upright as (size, size, 3), and the matrix (2, 3) from its pixels back to the picture's."""
    turn = turned(region.roll)
    corners = [region.centre + turn @ (np.array(c) * region.side / 2) for c in ((-1, -1), (1, -1), (-1, 1))]
    there = cv2.getAffineTransform(
        np.array(corners, dtype=np.float32), np.array([[0, 0], [size, 0], [0, size]], dtype=np.float32)
    )
    patch = cv2.warpAffine(image, there, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return patch, cv2.invertAffineTransform(there)


def turned(roll: float) -> np.ndarray:
    """The matrix (2, 2) that turns by an angle in radians."""
    return np.array([[np.cos(roll), -np.sin(roll)], [np.sin(roll), np.cos(roll)]])
