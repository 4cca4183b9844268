"""Boxes as x1, y1, x2, y2 in any one unit: intersection over union, containment, one-to-one matching."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

IOU_THRESHOLD = 0.5  # over which a box counts as found (HERM-Bench; referring expressions since Mao et al., 2016)
Boxes = Sequence[Sequence[float]] | np.ndarray


def iou(first: Boxes, second: Boxes) -> np.ndarray:
    """Intersection over union of every pair, (M, N) for M and N boxes; 0 where both are empty."""
    a = np.asarray(first, dtype=np.float64).reshape(-1, 1, 4)
    b = np.asarray(second, dtype=np.float64).reshape(1, -1, 4)
    shared = _intersection(a, b)
    union = _area(a) + _area(b) - shared
    found: np.ndarray = np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)
    return found


def best_iou(first: Boxes, second: Boxes) -> float:
    """The largest intersection over union of a box of one set with one of the other; 0 where a set is empty."""
    return float(iou(first, second).max(initial=0.0))


def containment(inner: Sequence[float], outer: Sequence[float]) -> float:
    """The share of the first box's area that lies inside the second, 0 to 1."""
    a, b = np.asarray(inner, dtype=np.float64), np.asarray(outer, dtype=np.float64)
    return float(_intersection(a, b) / max(float(_area(a)), 1e-9))


def contains_point(box: Sequence[float], point: Sequence[float] | np.ndarray) -> bool:
    """Whether a point (x, y) lies in a box, its border included."""
    return bool(box[0] <= point[0] <= box[2] and box[1] <= point[1] <= box[3])


def count_matches(predicted: Boxes, gold: Boxes, threshold: float = IOU_THRESHOLD) -> int:
    """How many gold boxes can be matched at once, each by a predicted box of its own with an IoU over the threshold."""
    if not len(predicted) or not len(gold):
        return 0
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import maximum_bipartite_matching

    met = maximum_bipartite_matching(csr_array(iou(predicted, gold) > threshold), perm_type="column")
    return int((met >= 0).sum())


def _intersection(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    sides = np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2])
    shared: np.ndarray = np.prod(np.clip(sides, 0, None), axis=-1)
    return shared


def _area(boxes: np.ndarray) -> np.ndarray:
    area: np.ndarray = np.prod(boxes[..., 2:] - boxes[..., :2], axis=-1)
    return area
