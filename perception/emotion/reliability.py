"""Reliability of a classifier's scores: how often it is right, by how sure it is."""

from __future__ import annotations

from typing import Any

import numpy as np

_BINS = 10


def read_reliability(confidence: np.ndarray, is_right: np.ndarray) -> dict[str, Any]:
    """Return the numbers of a reliability diagram.

    Args:
        confidence: (N,) scores of what was predicted, 0 to 1.
        is_right: (N,) whether it was right.

    Returns:
        ``ece``, the expected calibration error (Guo et al., "On Calibration of Modern Neural Networks", 2017), and
        ``bins`` of equal width that are not empty: ``from``, ``to``, ``n``, ``mean score`` and ``right``.
    """
    inside = np.minimum((confidence * _BINS).astype(int), _BINS - 1)
    bins = [
        {
            "from": k / _BINS,
            "to": (k + 1) / _BINS,
            "n": int((inside == k).sum()),
            "mean score": round(float(confidence[inside == k].mean()), 3),
            "right": round(float(is_right[inside == k].mean()), 3),
        }
        for k in range(_BINS)
        if (inside == k).any()
    ]
    error = sum(b["n"] * abs(b["mean score"] - b["right"]) for b in bins) / max(len(confidence), 1)
    return {"ece": round(float(error), 3), "bins": bins}


def reliability_table(reliability: dict[str, Any]) -> str:
    """Return the numbers of :func:`read_reliability` as a Markdown table, with the calibration error under it."""
    lines = ["| score | n | mean score | right |", "| --- | --- | --- | --- |"]
    lines += [
        f"| {b['from']:.1f}-{b['to']:.1f} | {b['n']} | {b['mean score']:.3f} | {b['right']:.3f} |"
        for b in reliability["bins"]
    ]
    return "\n".join([*lines, "", f"Expected calibration error: {reliability['ece']:.3f}."])
