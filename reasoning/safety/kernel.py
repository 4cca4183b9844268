"""A support vector machine on sentence features: whether a sentence is of a kind, as a probability.

Where a linear head adds up what each feature says, this compares a sentence with those that it was fitted on: hints and
slang lie close to each other, and a figure of speech close to what it sounds like.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from omnisense.perception.emotion.linear import read_arrays

_DIMENSIONS = 256  # of the principal components; 512 give the same figures
_GAMMA, _C = 1.0, 3.0  # of the kernel, on vectors of length 1, and of the margin; chosen on the split "tune"
_FOLDS = 5


@dataclass(frozen=True)
class KernelHead:
    """Standardization, principal components of length 1, an RBF kernel, and a sigmoid over the margin.

    Attributes:
        mean: (D,) of the training features.
        scale: (D,) standard deviation of the training features.
        components: (D, P).
        vectors: (N, P), the support vectors.
        duals: (N,), their weights.
        bias: (1,) of the margin.
        sigmoid: (2,), slope and offset, which turn a margin into a probability (Platt, "Probabilistic outputs for
            support vector machines", 1999).
    """

    mean: np.ndarray
    scale: np.ndarray
    components: np.ndarray
    vectors: np.ndarray
    duals: np.ndarray
    bias: np.ndarray
    sigmoid: np.ndarray

    def probabilities(self, features: np.ndarray) -> np.ndarray:
        """Return (N,) probabilities of (N, D) features."""
        points = _project(features, self.mean, self.scale, self.components.astype(np.float32))
        vectors = self.vectors.astype(np.float32)
        squared = (vectors**2).sum(axis=1) + 1.0 - 2.0 * points @ vectors.T
        margins = np.exp(-_GAMMA * squared) @ self.duals + self.bias[0]
        result: np.ndarray = (1 + np.tanh((self.sigmoid[0] * margins + self.sigmoid[1]) / 2)) / 2
        return result

    def nearness(self, features: np.ndarray) -> np.ndarray:
        """Return (N,) cosines of (N, D) features to the nearest support vector of the kind, -1 to 1.

        Where it is low the sentence is like none of the kind that the head was fitted on: its probability is a guess.
        """
        points = _project(features, self.mean, self.scale, self.components.astype(np.float32))
        result: np.ndarray = (points @ self.vectors[self.duals > 0].astype(np.float32).T).max(axis=1)
        return result

    def save(self, path: Path) -> None:
        """Write the head; components and vectors in half precision."""
        arrays = {field.name: getattr(self, field.name).astype(np.float32) for field in fields(self)}
        halved = {name: arrays[name].astype(np.float16) for name in ("components", "vectors")}
        np.savez_compressed(path, **{**arrays, **halved})

    @classmethod
    def load(cls, path: Path) -> KernelHead:
        """Read a file of :meth:`save`; nothing in it is unpickled.

        Raises:
            ModelError: the file does not exist or has another form.
        """
        return cls(*read_arrays([field.name for field in fields(cls)], path))


def fit_kernel_head(
    features: np.ndarray, truth: Sequence[bool], sample_weights: Sequence[float] | None = None
) -> KernelHead:
    """Fit a head; both kinds have the same weight, and the sigmoid is fitted on margins of left-out sentences.

    Args:
        features: (N, D).
        truth: (N,) whether each is of the kind.
        sample_weights: (N,), all the same by default.
    """
    from sklearn.decomposition import PCA
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import cross_val_predict
    from sklearn.svm import SVC

    mean, scale = features.mean(axis=0), features.std(axis=0) + 1e-6
    solver = "covariance_eigh" if len(features) > features.shape[1] else "auto"
    components = PCA(_DIMENSIONS, svd_solver=solver, random_state=0).fit((features - mean) / scale).components_.T
    points, kinds = _project(features, mean, scale, components), np.array(truth)
    kernel = np.exp(-2 * _GAMMA * (1 - points @ points.T))  # at once: several times faster than one pair at a time
    machine = SVC(C=_C, kernel="precomputed", class_weight="balanced")
    weights = np.ones(len(kinds)) if sample_weights is None else np.array(sample_weights)
    margins = cross_val_predict(
        machine, kernel, kinds, cv=_FOLDS, method="decision_function", params={"sample_weight": weights}
    )
    sigmoid = LogisticRegression(class_weight="balanced").fit(margins[:, None], kinds)
    machine.fit(kernel, kinds, sample_weight=weights)
    return KernelHead(
        mean,
        scale,
        components,
        points[machine.support_],
        machine.dual_coef_[0],
        machine.intercept_,
        np.array([sigmoid.coef_[0, 0], sigmoid.intercept_[0]]),
    )


def _project(features: np.ndarray, mean: np.ndarray, scale: np.ndarray, components: np.ndarray) -> np.ndarray:
    # PCA would subtract the mean of the standardized features, which is zero.
    points = ((features - mean) / scale) @ components
    result: np.ndarray = points / np.maximum(np.linalg.norm(points, axis=1, keepdims=True), 1e-9)
    return result
