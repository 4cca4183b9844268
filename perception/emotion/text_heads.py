"""The text emotion heads that ship with OmniSense: ``text_emotion.md`` is their card.

The logits of a head on the sentence embedding and of one on the words (TF-IDF) add up: the words alone are nearly as
good as the embedding, and err elsewhere. Both have a column for each of GoEmotions' 28 labels and of Ekman's groups. A
small head reads these logits, the length and the punctuation, and gives the scores of the groups; it has seen dialogues
too, where most of what is said is neutral. What is spoken is read by another such head, which has seen everyday talk
and reads the embedding too (``text_emotion_spoken.md``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from omnisense.perception.emotion.linear import LinearHead
from omnisense.perception.emotion.terms import TermHead

SHIPPED, SHIPPED_TERMS, SHIPPED_GROUPS = "text_emotion", "text_emotion_terms", "text_emotion_ekman"
SHIPPED_SPOKEN = "text_emotion_spoken"
# A feeling counts only where its group of emotions has this share of the score of neutral: as small as leaves neutral
# lines of dialogues (a third of CaSiNo's) without a feeling in two of three cases.
FEELING_SHARE = 1.0
SPOKEN_FEELING_SHARE = 1.2  # of speech: as small as leaves five of six of these lines without a feeling
TOP_LAYER = slice(3 * 384, 4 * 384)  # of the features of the embedding: the mean over the words at its last layer


@dataclass(frozen=True)
class TextHeads:
    """The three heads.

    Attributes:
        embedding: on features of the sentence embedding, 35 columns.
        terms: on the words, 35 columns.
        groups: on what the two say together, Ekman's emotions and neutral.
    """

    embedding: LinearHead
    terms: TermHead
    groups: LinearHead

    @property
    def labels(self) -> tuple[str, ...]:
        """GoEmotions' labels; the columns of the groups come after them."""
        return self.embedding.labels[: -len(self.groups.labels)]

    @property
    def thresholds(self) -> np.ndarray:
        """(28,) from which a label counts as present."""
        return self.embedding.thresholds[: len(self.labels)]

    @classmethod
    def load(cls, folder: Path | None = None) -> TextHeads:
        """Read the heads that ship with OmniSense, or those of a folder.

        Raises:
            ModelError: a file does not exist or has another form.
        """
        if folder is None:
            return cls(
                LinearHead.load(shipped=SHIPPED),
                TermHead.load(shipped=SHIPPED_TERMS),
                LinearHead.load(shipped=SHIPPED_GROUPS),
            )
        embedding, terms, groups = (folder / f"{name}.npz" for name in (SHIPPED, SHIPPED_TERMS, SHIPPED_GROUPS))
        return cls(LinearHead.load(embedding), TermHead.load(terms), LinearHead.load(groups))

    def logits(self, sentences: Sequence[str], features: np.ndarray) -> np.ndarray:
        """Return what the two large heads say together, (N, 35).

        Args:
            sentences: N of them.
            features: (N, 2688) of the embedding.
        """
        logits: np.ndarray = self.embedding.logits(features) + self.terms.logits(sentences)
        return logits

    def scores(
        self, sentences: Sequence[str], features: np.ndarray, spoken: LinearHead | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the scores of the 28 labels (N, 28) and of the groups (N, 7), one sigmoid each.

        Args:
            sentences: N of them.
            features: (N, 2688) of the embedding.
            spoken: the head that gives the scores of the groups where the sentences were spoken.
        """
        logits = self.logits(sentences, features)
        fine: np.ndarray = (1 + np.tanh(logits[:, : len(self.labels)] / 2)) / 2  # the sigmoid, without overflow
        if spoken:
            return fine, spoken.scores(spoken_features(sentences, logits, features))
        return fine, self.groups.scores(group_features(sentences, logits))


def group_features(sentences: Sequence[str], logits: np.ndarray) -> np.ndarray:
    """Return what the head of the groups reads (N, 38): the logits (N, 35), the length and the punctuation."""
    manner = [
        (np.log(len(sentence.split()) + 1), sentence.rstrip().endswith("?"), "!" in sentence) for sentence in sentences
    ]
    return np.hstack([logits, np.array(manner, dtype=np.float32).reshape(len(manner), 3)])


def spoken_features(sentences: Sequence[str], logits: np.ndarray, features: np.ndarray) -> np.ndarray:
    """Return what the head for speech reads (N, 422): what the head of the groups does, and the embedding (N, 384)."""
    return np.hstack([group_features(sentences, logits), features[:, TOP_LAYER]])
