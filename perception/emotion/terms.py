"""A linear head on the words of a sentence: TF-IDF of single words and pairs, without another package to run it."""

from __future__ import annotations

import functools
import itertools
import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from omnisense.errors import ModelError
from omnisense.perception.emotion.linear import read_arrays

_TERM = re.compile(r"[a-z]+(?:'[a-z]+)?|[!?]+")
_MASK = re.compile(r"\[[A-Z]+\]")  # GoEmotions has [NAME] and [RELIGION] in place of names


@dataclass(frozen=True)
class TermHead:
    """TF-IDF with sublinear term frequencies and rows of length 1, then one matrix; as scikit-learn has them.

    Attributes:
        labels: the K classes.
        vocabulary: the V terms, single words and pairs of neighbours.
        idf: (V,) inverse document frequencies.
        weights: (V, K).
        bias: (K,).
    """

    labels: tuple[str, ...]
    vocabulary: tuple[str, ...]
    idf: np.ndarray
    weights: np.ndarray
    bias: np.ndarray

    def logits(self, sentences: Sequence[str]) -> np.ndarray:
        """Return (N, K) float32, one row per sentence; the bias alone where no word is known."""
        rows = [self._logits_of(sentence) for sentence in sentences]
        return np.array(rows, dtype=np.float32).reshape(len(rows), len(self.labels))

    def _logits_of(self, sentence: str) -> np.ndarray:
        counts = Counter(at for term in split_terms(sentence) if (at := self._places.get(term)) is not None)
        if not counts:
            return self.bias
        places = list(counts)
        values = np.array([1 + math.log(counts[at]) for at in places]) * self.idf[places]
        result: np.ndarray = (values / np.linalg.norm(values)) @ self.weights[places].astype(np.float32) + self.bias
        return result

    @functools.cached_property
    def _places(self) -> dict[str, int]:
        return {term: at for at, term in enumerate(self.vocabulary)}

    def save(self, path: Path) -> None:
        """Write the head; the weights in half precision."""
        np.savez_compressed(
            path,
            labels=np.array(self.labels),
            vocabulary=np.array("\n".join(self.vocabulary)),
            idf=self.idf.astype(np.float16),
            weights=self.weights.astype(np.float16),
            bias=self.bias.astype(np.float32),
        )

    @classmethod
    def load(cls, path: Path | None = None, shipped: str = "") -> TermHead:
        """Read a file of :meth:`save`; nothing in it is unpickled.

        Args:
            path: of the file.
            shipped: the name of a head that ships with OmniSense, instead of a path.

        Raises:
            ModelError: the file does not exist or has another form.
        """
        labels, terms, *arrays = read_arrays(("labels", "vocabulary", "idf", "weights", "bias"), path, shipped)
        vocabulary = tuple(str(terms).split("\n"))
        head = cls(tuple(labels.tolist()), vocabulary, *arrays)
        if head.weights.shape != (len(vocabulary), len(head.labels)):
            raise ModelError("the classification head is incomplete", "Train it again, or reinstall OmniSense.", path)
        return head


def split_terms(sentence: str) -> list[str]:
    """Return the words of a sentence, its question and exclamation marks, and the pairs of neighbours of these."""
    words = _TERM.findall(_MASK.sub(" ", sentence).lower().replace("\u2019", "'"))
    return words + [f"{a} {b}" for a, b in itertools.pairwise(words)]
