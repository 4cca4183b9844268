"""Boxes as x1, y1, x2, y2 in any one unit: overlap, distance, one-to-one matching, conversion from x, y, w, h."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

IOU_THRESHOLD = 0.5  # over which a box counts as found (HERM-Bench; referring expressions since Mao et al., 2016)
Box = tuple[float, float, float, float]
Boxes = Sequence[Sequence[float]] | np.ndarray


def iou(first: Boxes, second: Boxes) -> np.ndarray:
    """Return the intersection over union of every pair, (M, N) for M and N boxes; 0 where both are empty."""
    a = np.asarray(first, dtype=np.float64).reshape(-1, 1, 4)
    b = np.asarray(second, dtype=np.float64).reshape(1, -1, 4)
    shared = _intersection(a, b)
    union = _area(a) + _area(b) - shared
    found: np.ndarray = np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)
    return found


def best_iou(first: Boxes, second: Boxes) -> float:
    """Return the largest intersection over union of a box of one set with one of the other; 0 where a set is empty."""
    return float(iou(first, second).max(initial=0.0))


def containment(inner: Sequence[float], outer: Sequence[float]) -> float:
    """Return the share of the first box's area that lies inside the second, 0 to 1."""
    a, b = np.asarray(inner, dtype=np.float64), np.asarray(outer, dtype=np.float64)
    return float(_intersection(a, b) / max(float(_area(a)), 1e-9))


def contains_point(box: Sequence[float], point: Sequence[float] | np.ndarray) -> bool:
    """Return whether a point (x, y) lies in a box, its border included."""
    return bool(box[0] <= point[0] <= box[2] and box[1] <= point[1] <= box[3])


def area(box: Sequence[float]) -> float:
    """Return the area of a box."""
    return (box[2] - box[0]) * (box[3] - box[1])


def center(box: Sequence[float]) -> tuple[float, float]:
    """Return the center (x, y) of a box."""
    return (box[0] + box[2]) / 2, (box[1] + box[3]) / 2


def gap(a: Sequence[float], b: Sequence[float]) -> float:
    """Return the shortest distance between two boxes; 0 where they overlap or touch."""
    return math.hypot(max(a[0] - b[2], b[0] - a[2], 0.0), max(a[1] - b[3], b[1] - a[3], 0.0))


def distance_to_point(box: Sequence[float], point: Sequence[float] | np.ndarray) -> float:
    """Return the shortest distance between a box and a point (x, y); 0 where the box contains the point."""
    x, y = float(point[0]), float(point[1])
    return gap((x, y, x, y), box)


def to_xywh(box: Sequence[float]) -> Box:
    """Return a box x1, y1, x2, y2 as x, y, width, height."""
    return box[0], box[1], box[2] - box[0], box[3] - box[1]


def from_xywh(xywh: Sequence[float]) -> Box:
    """Return a box x, y, width, height as x1, y1, x2, y2."""
    x, y, w, h = xywh
    return x, y, x + w, y + h


def normalize(box: Sequence[float], width: float, height: float) -> Box:
    """Return a box in pixels (corners, or x, y, width, height) as fractions of an image."""
    return box[0] / width, box[1] / height, box[2] / width, box[3] / height


def denormalize(box: Sequence[float], width: float, height: float) -> Box:
    """Return a box in fractions of an image (corners, or x, y, width, height) in pixels."""
    return box[0] * width, box[1] * height, box[2] * width, box[3] * height


def clip_xywh(xywh: Sequence[float], width: float, height: float, min_side: float = 0.0) -> Box | None:
    """Return a box x, y, width, height as x1, y1, x2, y2, clipped to an image.

    Args:
        xywh: the box, as read from a file.
        width, height: of the image, in the box's unit.
        min_side: a box with a shorter side is None.

    Returns:
        The clipped box; None if ``xywh`` is not four finite numbers or too little of it is in the image.
    """
    try:
        x, y, w, h = map(float, xywh)
    except (TypeError, ValueError):
        return None
    if not all(map(math.isfinite, (x, y, w, h))):
        return None
    x1, y1, x2, y2 = max(x, 0.0), max(y, 0.0), min(x + w, float(width)), min(y + h, float(height))
    return (x1, y1, x2, y2) if x2 - x1 >= min_side and y2 - y1 >= min_side else None


def contains_points(box: Sequence[float], points: np.ndarray) -> np.ndarray:
    """Return (N,) whether each of the points (N, 2) lies in a box, its border included."""
    inside: np.ndarray = np.all((points >= box[:2]) & (points <= box[2:]), axis=-1)
    return inside


def count_matches(predicted: Boxes, gold: Boxes, threshold: float = IOU_THRESHOLD) -> int:
    """Return how many gold boxes can be matched at once, each to a different predicted box over the IoU threshold."""
    if not len(predicted) or not len(gold):
        return 0
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import maximum_bipartite_matching

    matches = maximum_bipartite_matching(csr_array(iou(predicted, gold) > threshold), perm_type="column")
    return int((matches >= 0).sum())


def _intersection(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    sides = np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2])
    shared: np.ndarray = np.prod(np.clip(sides, 0, None), axis=-1)
    return shared


def _area(boxes: np.ndarray) -> np.ndarray:
    area: np.ndarray = np.prod(boxes[..., 2:] - boxes[..., :2], axis=-1)
    return area
