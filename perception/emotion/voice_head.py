"""The vocal emotion head: multinomial logistic regression on an RBF kernel with some of the training utterances.

A linear head reads calm speech in a room, where echoes fill its pauses, as sad; moving its border moves it in every
recording. With a kernel the border can lie elsewhere in rooms. The kernel is approximated by landmarks (Williams and
Seeger, "Using the Nyström Method to Speed Up Kernel Machines", NIPS 2000).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from omnisense.perception.emotion.linear import read_arrays, softmax

_ARRAYS = ("labels", "mean", "scale", "landmarks", "weights", "bias")
_LANDMARKS = 1000  # 1,400 do no better
# How fast the kernel falls with the mean squared distance of the features, and the inverse strength of the ridge.
# Chosen on degraded copies of speakers that were left out, from .15 to .8 and 1 to 20; a strength of 10 is as often
# right, but surer where it is wrong.
_GAMMA, _C = 0.5, 3.0
_LEAST_EIGENVALUE = 1e-6


@dataclass(frozen=True)
class VoiceHead:
    """Standardization, the kernel with each landmark, one matrix, then softmax.

    Attributes:
        labels: the K classes.
        mean: (D,) of the training features.
        scale: (D,) standard deviation of the training features.
        landmarks: (M, D) standardized features of training utterances.
        weights: (M, K).
        bias: (K,).
    """

    labels: tuple[str, ...]
    mean: np.ndarray
    scale: np.ndarray
    landmarks: np.ndarray
    weights: np.ndarray
    bias: np.ndarray

    def scores(self, features: np.ndarray) -> np.ndarray:
        """Return (N, K) scores of (N, D) features; each row sums to 1."""
        near = _kernel((features - self.mean) / self.scale, self.landmarks.astype(np.float64))
        return softmax(near @ self.weights + self.bias)

    def save(self, path: Path) -> None:
        """Write the head; the landmarks in half precision, which halves the file."""
        np.savez_compressed(
            path,
            labels=np.array(self.labels),
            mean=self.mean.astype(np.float32),
            scale=self.scale.astype(np.float32),
            landmarks=self.landmarks.astype(np.float16),
            weights=self.weights.astype(np.float32),
            bias=self.bias.astype(np.float32),
        )

    @classmethod
    def load(cls, path: Path | None = None, shipped: str = "") -> VoiceHead:
        """Read a file of :meth:`save`.

        Args:
            path: of the file.
            shipped: the name of a head that ships with OmniSense, instead of a path.

        Raises:
            ModelError: the file does not exist or has another form.
        """
        labels, *arrays = read_arrays(_ARRAYS, path, shipped)
        return cls(tuple(labels.tolist()), *arrays)


def fit_voice_head(
    features: np.ndarray, truth: np.ndarray, weights: np.ndarray, labels: Sequence[str], seed: int = 0
) -> VoiceHead:
    """Return a head for labels.

    Args:
        features: (N, D) of utterances.
        truth: (N,) of the labels.
        weights: (N,) of the utterances; beside these all labels count alike.
        labels: the K classes, in the order of the head's scores.
        seed: draws the landmarks.
    """
    from sklearn.linear_model import LogisticRegression

    mean, scale = features.mean(axis=0), features.std(axis=0) + 1e-6
    points = (features - mean) / scale
    landmarks = points[np.random.default_rng(seed).permutation(len(points))[:_LANDMARKS]]
    values, vectors = np.linalg.eigh(_kernel(landmarks, landmarks))
    whiten = vectors / np.sqrt(np.maximum(values, 0.0) + _LEAST_EIGENVALUE)
    model = LogisticRegression(C=_C, class_weight="balanced", max_iter=300)
    model.fit(_kernel(points, landmarks) @ whiten, truth, sample_weight=weights)
    order = [list(model.classes_).index(label) for label in labels]
    return VoiceHead(tuple(labels), mean, scale, landmarks, whiten @ model.coef_[order].T, model.intercept_[order])


def _kernel(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return (N, M) kernel values of (N, D) and (M, D) standardized features."""
    squared = (a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1) - 2 * a @ b.T
    result: np.ndarray = np.exp(-_GAMMA / a.shape[1] * np.maximum(squared, 0.0))
    return result
