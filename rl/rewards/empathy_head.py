"""Levels of empathy in a reply, from linear heads on the sentence embedding: a reward without a judge.

The mechanisms are EPITOME's (Sharma et al., 2020): emotional reactions, interpretations and explorations, each at level
0 (none), 1 (weak) or 2 (strong). A reply's features are the maximum over its sentences, since one sentence is enough
for a mechanism. EPITOME is for non-commercial research, so no weights ship: ``omnisense train empathy-head`` fits them.

Two sets of heads are fitted on different posts: one for the reward, and one that judges what is trained with it.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from omnisense.errors import InputError, ModelError
from omnisense.perception.emotion.linear import LinearHead
from omnisense.reasoning.safety.heads import split_sentences
from omnisense.reasoning.search import require_embedder
from omnisense.rl.data.epitome import MECHANISMS, read_pairs
from omnisense.rl.progress import OnProgress

LEVELS = ("0", "1", "2")
_TEST, _JUDGE = 0.25, 0.3  # shares of the posts: to measure on, and of the rest to fit the judging heads on
_C = 3e-4  # inverse strength of the penalty on squared weights; the features are standardized, 2,688 for a sentence
_NO_SCALE = 1e-6
_USAGE = "Fit heads with `omnisense train empathy-head --epitome DIR --output FOLDER`."


class HeadFigures(NamedTuple):
    """How a head agrees with the annotators on held-out posts.

    Attributes:
        mechanism: of empathy.
        accuracy: share of replies whose level is right.
        macro_f1: mean F1 of the three levels.
        commonest: accuracy of always taking the commonest level.
        pairs: how many were measured.
    """

    mechanism: str
    accuracy: float
    macro_f1: float
    commonest: float
    pairs: int


class EmpathyHeads:
    """Heads for the three mechanisms.

    Args:
        heads: by mechanism.
    """

    def __init__(self, heads: dict[str, LinearHead]) -> None:
        self._heads = heads

    @classmethod
    def load(cls, folder: Path, name: str = "reward") -> EmpathyHeads:
        """Load the heads in a folder.

        Args:
            folder: that ``omnisense train empathy-head`` wrote.
            name: ``reward``, or ``judge`` for those that no reward uses.

        Raises:
            InputError: there are none.
        """
        try:
            return cls({mechanism: LinearHead.load(_file(folder, name, mechanism)) for mechanism in MECHANISMS})
        except ModelError as error:
            raise InputError("the empathy heads cannot be loaded", _USAGE, folder) from error

    def levels(self, replies: Sequence[str]) -> dict[str, list[float]]:
        """Return by mechanism the expected level of each reply, 0 to 2."""
        if not replies:
            return {mechanism: [] for mechanism in self._heads}
        features = embed_replies(replies)
        return {name: (head.scores(features) @ np.arange(3)).tolist() for name, head in self._heads.items()}


def embed_replies(replies: Sequence[str]) -> np.ndarray:
    """Return features (N, D) of replies: the maximum over their sentences.

    Raises:
        ModelError: the embedding model is absent.
    """
    embedder = require_embedder()
    sentences = [split_sentences(reply) or ["."] for reply in replies]
    rows = embedder.embed([sentence for group in sentences for sentence in group])
    ends = np.cumsum([len(group) for group in sentences])
    return np.stack([rows[end - len(group) : end].max(0) for group, end in zip(sentences, ends, strict=True)])


def train_heads(epitome: Path, folder: Path, seed: int, on_progress: OnProgress) -> list[HeadFigures]:
    """Fit heads on EPITOME, write them, and measure those of the reward on posts that neither set was fitted on.

    Args:
        epitome: a folder with EPITOME's three files.
        folder: for the heads.
        seed: of the split, which is by seeker's post.
        on_progress: receives a line for each step.

    Raises:
        InputError: a file is missing.
        ModelError: the embedding model is absent.
    """
    pairs = read_pairs(epitome)
    on_progress(f"embedding {len(pairs)} replies")
    features = embed_replies([pair.reply for pair in pairs])
    posts = sorted({pair.post_id for pair in pairs})
    random.Random(seed).shuffle(posts)
    tested = set(posts[: round(len(posts) * _TEST)])
    judged = set(posts[len(tested) : len(tested) + round((len(posts) - len(tested)) * _JUDGE)])
    parts = np.array([2 if p.post_id in tested else 1 if p.post_id in judged else 0 for p in pairs])
    folder.mkdir(parents=True, exist_ok=True)
    figures = []
    for mechanism in MECHANISMS:
        levels = np.array([pair.levels[mechanism] for pair in pairs])
        for part, name in enumerate(("reward", "judge")):
            head = fit_head(features[parts == part], levels[parts == part])
            head.save(_file(folder, name, mechanism))
            if name == "reward":
                figures.append(_measure(mechanism, head, features[parts == 2], levels[parts == 2]))
    return figures


def fit_head(features: np.ndarray, levels: np.ndarray) -> LinearHead:
    """Fit a multinomial logistic regression of the levels on standardized features."""
    from sklearn.linear_model import LogisticRegression

    mean, scale = features.mean(0), np.maximum(features.std(0), _NO_SCALE)
    model = LogisticRegression(C=_C, max_iter=500).fit((features - mean) / scale, levels)
    weights, bias = np.zeros((features.shape[1], 3)), np.full(3, -30.0)
    if len(model.classes_) == 2:  # the difference of two classes
        (low, high), half = model.classes_, model.coef_[0] / 2
        weights[:, low], weights[:, high], bias[[low, high]] = -half, half, [0.0, model.intercept_[0]]
    else:
        weights[:, model.classes_], bias[model.classes_] = model.coef_.T, model.intercept_
    return LinearHead(LEVELS, mean, scale, weights, bias, np.array([]))


def _measure(mechanism: str, head: LinearHead, features: np.ndarray, levels: np.ndarray) -> HeadFigures:
    from sklearn.metrics import f1_score

    found = head.scores(features).argmax(1)
    return HeadFigures(
        mechanism,
        float((found == levels).mean()),
        float(f1_score(levels, found, average="macro")),
        float(np.bincount(levels).max() / len(levels)),
        len(levels),
    )


def _file(folder: Path, name: str, mechanism: str) -> Path:
    return folder / f"{name}-{mechanism.replace(' ', '-')}.npz"
