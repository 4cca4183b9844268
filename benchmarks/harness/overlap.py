"""How far boxes meet: intersection over union, and matching one to one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

RIGHT_OVER = 0.5  # IoU above which a box counts as found (HERM-Bench, and referring expressions since Mao et al., 2016)


def overlaps(first: Sequence[Sequence[float]], second: Sequence[Sequence[float]]) -> np.ndarray:
    """Intersection over union of each box with each other, (len(first), len(second)), boxes as x1, y1, x2, y2."""
    a = np.asarray(first, dtype=np.float64).reshape(-1, 1, 4)
    b = np.asarray(second, dtype=np.float64).reshape(1, -1, 4)
    sides = np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2])
    shared = np.prod(np.clip(sides, 0, None), axis=-1)
    union = np.prod(a[..., 2:] - a[..., :2], axis=-1) + np.prod(b[..., 2:] - b[..., :2], axis=-1) - shared
    found: np.ndarray = np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)
    return found


def best_overlap(first: Sequence[Sequence[float]], second: Sequence[Sequence[float]]) -> float:
    """The largest overlap between a box of one set and one of the other; 0 where a set is empty."""
    return float(overlaps(first, second).max(initial=0.0))


def matched(given: Sequence[Sequence[float]], right: Sequence[Sequence[float]], over: float = RIGHT_OVER) -> int:
    """How many right boxes can be met at once, each by a given box of its own."""
    if not len(given) or not len(right):
        return 0
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import maximum_bipartite_matching

    met = maximum_bipartite_matching(csr_array(overlaps(given, right) > over), perm_type="column")
    return int((met >= 0).sum())
