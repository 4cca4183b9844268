"""A linear classification head: standardized features to scores, in one small file."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import numpy as np

from omnisense.errors import ModelError


@dataclass(frozen=True)
class LinearHead:
    """Standardization, one matrix, then softmax or one sigmoid per label.

    Attributes:
        labels: the K classes.
        mean: (D,) of the training features.
        scale: (D,) standard deviation of the training features.
        weights: (D, K).
        bias: (K,).
        thresholds: (K,) from which a label counts as present (one sigmoid per label), or empty for softmax.
    """

    labels: tuple[str, ...]
    mean: np.ndarray
    scale: np.ndarray
    weights: np.ndarray
    bias: np.ndarray
    thresholds: np.ndarray

    def logits(self, features: np.ndarray) -> np.ndarray:
        """Return (N, K) logits of (N, D) features."""
        result: np.ndarray = ((features - self.mean) / self.scale) @ self.weights.astype(np.float32) + self.bias
        return result

    def scores(self, features: np.ndarray) -> np.ndarray:
        """Return (N, K) scores, 0 to 1, of (N, D) features; rows of a softmax head sum to 1."""
        logits = self.logits(features)
        if len(self.thresholds):
            independent: np.ndarray = (1 + np.tanh(logits / 2)) / 2  # the sigmoid, without overflow
            return independent
        return softmax(logits)

    def save(self, path: Path) -> None:
        """Write the head; the weights in half precision, which halves the file."""
        np.savez_compressed(
            path,
            labels=np.array(self.labels),
            mean=self.mean.astype(np.float32),
            scale=self.scale.astype(np.float32),
            weights=self.weights.astype(np.float16),
            bias=self.bias.astype(np.float32),
            thresholds=self.thresholds.astype(np.float32),
        )

    @classmethod
    def load(cls, path: Path | None = None, shipped: str = "") -> LinearHead:
        """Read a file of :meth:`save`.

        Args:
            path: of the file.
            shipped: the name of a head that ships with OmniSense, instead of a path.

        Raises:
            ModelError: the file does not exist or has another form.
        """
        labels, *arrays = read_arrays(("labels", "mean", "scale", "weights", "bias", "thresholds"), path, shipped)
        return cls(tuple(labels.tolist()), *arrays)


def softmax(logits: np.ndarray) -> np.ndarray:
    """Return (N, K) probabilities of (N, K) logits; each row sums to 1."""
    exponents = np.exp(logits - logits.max(axis=1, keepdims=True))
    result: np.ndarray = exponents / exponents.sum(axis=1, keepdims=True)
    return result


def read_arrays(names: Sequence[str], path: Path | None = None, shipped: str = "") -> list[np.ndarray]:
    """Return the arrays of a saved head; nothing in the file is unpickled.

    Args:
        names: of the arrays.
        path: of the file.
        shipped: the name of a head that ships with OmniSense, instead of a path.

    Raises:
        ModelError: the file does not exist or has another form.
    """
    source = path or resources.files(__package__).joinpath(f"{shipped}.npz")
    try:
        with np.load(io.BytesIO(source.read_bytes()), allow_pickle=False) as file:
            return [file[name] for name in names]
    except (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise ModelError(
            f"the classification head cannot be loaded ({error})", "Train it again, or reinstall OmniSense.", path
        ) from error
