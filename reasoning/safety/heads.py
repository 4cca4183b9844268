"""How much risk a sentence shows, and what harm a reply would do: heads on the sentence embedding.

The embedding is the one of text emotion (all-MiniLM-L6-v2). What it leaves in doubt is read again with a larger one
(all-mpnet-base-v2), where that is on this machine; other sentences pay nothing for it. The heads were fitted on the
sentences of ``sentences.csv``, ``replies.csv`` and two free sets (:mod:`omnisense.reasoning.safety.train`); ``risk.md``
is their card.
"""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from omnisense.perception.emotion.linear import LinearHead
from omnisense.perception.emotion.text import EMBEDDING, Pooling, SentenceEmbedder
from omnisense.reasoning.safety.kernel import KernelHead
from omnisense.reasoning.search import find_embedder

FOLDER = Path(__file__).parent
LARGER = "all-mpnet-base-v2"  # 109 million parameters, five times those of the first
LARGER_POOLING = Pooling((12,))
RISK, GRADE, CATEGORY, PERSON, TIME = "risk", "risk_grade", "risk_category", "risk_person", "risk_time"
RISK_AGAIN, HARMFUL_AGAIN = "risk_again", "reply_harmful_again"  # on the larger embedding
HARMFUL, HARM = "reply_harmful", "reply_harm"
Larger = Callable[[Sequence[int]], np.ndarray]  # the features, by the larger embedding, of sentences by their index
# Sets by other writers, or apart from the rest, by the splits that hold them: each is left out in turn to validate.
SOURCES = {
    "first": ("unseen",),
    "second": ("second-tune", "second-unseen"),
    "third": ("third-tune", "third-unseen"),
    "fourth": ("fourth-unseen",),
    "fifth": ("fifth",),
    "sixth": ("sixth",),
    "everyday": ("everyday",),
}
WITHOUT_EMBEDDING = f"'{EMBEDDING}' is not here: risk was looked for by patterns alone"
_GRADES = ("none", "distress", "risk", "imminent")
_KERNEL_SHARE = 0.75  # chosen with each source of sentences left out (``validate.py``)
# Below this nearness to the sentences of risk, the log-odds of a risk fall by so much for each unit: the kernel takes
# strange sentences for risks. Chosen on the fifth set, left out, and the sixth, which no head was fitted on.
_NEAR_FROM, _STRANGE = 0.5, 8.0
# The second reading: of probabilities in between, its weight beside the first, and what is added to the log-odds of
# both together, so that one threshold serves with it and without it. Chosen with the fourth, fifth, sixth and everyday
# sources left out, and on everyday talk that no head was fitted on (``risk.md``).
DOUBT, _AGAIN_SHARE, _AGAIN_BIAS = (0.2, 0.98), 0.5, 0.2
_MAX_WORDS = 45  # the embedding reads 64 tokens
_MAX_SENTENCES = 60  # of a long text, the first and the last
_NEAR_COPY_FROM = 0.6  # Jaccard similarity of the sets of words


class RiskScores(NamedTuple):
    """What the heads say of one sentence.

    Attributes:
        distress: probability that it shows distress without risk, 0 to 1.
        risk: probability of a risk, imminent or not, 0 to 1.
        imminent: the part of ``risk`` that is imminent.
        category: the likeliest kind of risk.
        person: whom it is about, ``self`` or ``other``.
        time: ``now`` or ``past``.
    """

    distress: float
    risk: float
    imminent: float
    category: str
    person: str
    time: str


class RiskHeads(NamedTuple):
    """The heads that together say how much risk a sentence shows.

    Attributes:
        risk: a risk, imminent or not, against everything else.
        grade: ``none``, ``distress``, ``risk`` or ``imminent``.
        category: of a risk.
        person: of a risk.
        time: of a risk.
        again: as ``risk``, on the larger embedding.
    """

    risk: KernelHead
    grade: LinearHead
    category: LinearHead
    person: LinearHead
    time: LinearHead
    again: KernelHead

    def scores(self, features: np.ndarray, larger: Larger | None = None) -> tuple[RiskScores, ...]:
        """Return the scores of sentences.

        Args:
            features: (N, D).
            larger: for the second reading; without it the first stands.
        """
        grades = self.grade.scores(features)
        none, distress, risk, imminent = (grades[:, self.grade.labels.index(grade)] for grade in _GRADES)
        pooled = _pooled(self.risk.probabilities(features), risk + imminent)
        first = _shifted(pooled, _strangeness(self.risk, features))
        risks = _read_again(first, self.again, larger, is_shifted=True)
        calm = ((1 - risks) * distress / (distress + none)).tolist()
        at_once = (risks * imminent / (risk + imminent)).tolist()
        kinds, persons, times = (_likeliest(head, features) for head in (self.category, self.person, self.time))
        return tuple(
            RiskScores(calm[i], float(risks[i]), at_once[i], kinds[i], persons[i], times[i]) for i in range(len(risks))
        )


class HarmHead(NamedTuple):
    """The heads that say whether a sentence of a reply does harm, and which.

    Attributes:
        harmful: any harm against none; alone it is better than with the other (``validate.py``).
        kind: the kinds of harm and ``none``.
        again: as ``harmful``, on the larger embedding.
    """

    harmful: KernelHead
    kind: LinearHead
    again: KernelHead

    def scores(self, features: np.ndarray, larger: Larger | None = None) -> tuple[tuple[str, float], ...]:
        """Return the likeliest harm, and the probability of any, of sentences.

        Args:
            features: (N, D).
            larger: for the second reading; without it the first stands.
        """
        harmful = _read_again(self.harmful.probabilities(features), self.again, larger)
        rows, safe = self.kind.scores(features), self.kind.labels.index("none")
        harms = [k for k in range(len(self.kind.labels)) if k != safe]
        return tuple(
            (self.kind.labels[harms[int(row[harms].argmax())]], float(p)) for row, p in zip(rows, harmful, strict=True)
        )


def split_sentences(text: str) -> list[str]:
    """Return the sentences of a text, long ones in pieces that the embedding reads whole."""
    sentences = []
    for sentence in re.split(r"(?<=[.!?\u2026])\s+|\n+", text):
        words = sentence.split()
        sentences += [" ".join(words[i : i + _MAX_WORDS]) for i in range(0, len(words), _MAX_WORDS)]
    if len(sentences) > _MAX_SENTENCES:
        sentences = sentences[: _MAX_SENTENCES // 2] + sentences[-_MAX_SENTENCES // 2 :]
    return [sentence for sentence in sentences if re.search(r"\w", sentence)]


def neighbours(sentences: Sequence[str]) -> list[str]:
    """Return each two sentences that follow each other, together, if the embedding reads them whole."""
    pairs = (f"{first} {second}" for first, second in itertools.pairwise(sentences))
    return [pair for pair in pairs if len(pair.split()) <= _MAX_WORDS]


def score_risk(sentences: tuple[str, ...]) -> tuple[RiskScores, ...] | None:
    """Return the scores of sentences; None where the embedding model is absent."""
    embedder = find_embedder()
    return _score_risk(embedder, find_larger(), sentences) if embedder else None


def score_harm(sentences: tuple[str, ...]) -> tuple[tuple[str, float], ...] | None:
    """Return the likeliest harm of each sentence of a reply, with the probability of any harm; None without model."""
    embedder = find_embedder()
    return _score_harm(embedder, find_larger(), sentences) if embedder else None


def find_larger() -> SentenceEmbedder | None:
    """Return the larger embedder; None where it is absent."""
    return find_embedder(LARGER, LARGER_POOLING)


def calmed(sentence: str) -> str:
    """Return a sentence of a reply without exclamation marks, which make praise look like urging."""
    return sentence.replace("!", ".")


@functools.lru_cache(maxsize=256)
def _score_risk(
    embedder: SentenceEmbedder, larger: SentenceEmbedder | None, sentences: tuple[str, ...]
) -> tuple[RiskScores, ...]:
    return load_risk_heads().scores(embedder.embed(sentences), reader(larger, sentences)) if sentences else ()


def reader(embedder: SentenceEmbedder | None, sentences: Sequence[str]) -> Larger | None:
    """Return what a second reading needs of sentences; None without embedder."""
    return (lambda chosen: embedder.embed([sentences[i] for i in chosen])) if embedder else None


def _read_again(
    probabilities: np.ndarray, head: KernelHead, larger: Larger | None, is_shifted: bool = False
) -> np.ndarray:
    """Return probabilities, those in doubt at the weighted mean of the log-odds of both readings.

    Args:
        probabilities: (N,), of the first reading.
        head: of the second.
        larger: for the second; without it the first stands.
        is_shifted: whether what is like nothing that the head was fitted on loses probability.
    """
    doubtful = np.flatnonzero((probabilities >= DOUBT[0]) & (probabilities <= DOUBT[1]))
    if larger is None or not len(doubtful):
        return probabilities
    features = larger(doubtful.tolist())
    odds = _AGAIN_SHARE * _log_odds(head.probabilities(features)) + _AGAIN_BIAS
    odds += (1 - _AGAIN_SHARE) * _log_odds(probabilities[doubtful])
    result = probabilities.copy()
    result[doubtful] = _sigmoid(odds + _strangeness(head, features) if is_shifted else odds)
    return result


def _strangeness(head: KernelHead, features: np.ndarray) -> np.ndarray:
    """Return what the log-odds of (N, D) features change by for being unlike all that the head was fitted on."""
    result: np.ndarray = -_STRANGE * np.maximum(0, _NEAR_FROM - head.nearness(features))
    return result


def _pooled(kernel: np.ndarray, linear: np.ndarray) -> np.ndarray:
    """Return the probabilities at the weighted mean of the log-odds of the kernel and of the linear head.

    The kernel knows hints and slang that the linear head does not, and takes strange sentences for risks, which the
    linear head does not: together they raise fewer alarms at ordinary comments than it does alone.
    """
    return _sigmoid(_KERNEL_SHARE * _log_odds(kernel) + (1 - _KERNEL_SHARE) * _log_odds(linear))


def _shifted(probabilities: np.ndarray, by: np.ndarray) -> np.ndarray:
    """Return probabilities with their log-odds moved."""
    return _sigmoid(_log_odds(probabilities) + by)


def _log_odds(probabilities: np.ndarray) -> np.ndarray:
    result: np.ndarray = np.log(np.clip(probabilities, 1e-6, 1 - 1e-6) / np.clip(1 - probabilities, 1e-6, 1 - 1e-6))
    return result


def _sigmoid(log_odds: np.ndarray) -> np.ndarray:
    result: np.ndarray = (1 + np.tanh(log_odds / 2)) / 2
    return result


def _likeliest(head: LinearHead, features: np.ndarray) -> list[str]:
    return [head.labels[k] for k in head.scores(features).argmax(axis=1)]


@functools.lru_cache(maxsize=256)
def _score_harm(
    embedder: SentenceEmbedder, larger: SentenceEmbedder | None, sentences: tuple[str, ...]
) -> tuple[tuple[str, float], ...]:
    if not sentences:
        return ()
    calm = [calmed(sentence) for sentence in sentences]
    return load_harm_head().scores(embedder.embed(calm), reader(larger, calm))


@functools.lru_cache(maxsize=1)
def load_risk_heads() -> RiskHeads:
    """Return the heads of risk.

    Raises:
        ModelError: one is missing or damaged.
    """
    grade, category, person, time = (_load(name) for name in (GRADE, CATEGORY, PERSON, TIME))
    risk, again = (KernelHead.load(FOLDER / f"{name}.npz") for name in (RISK, RISK_AGAIN))
    return RiskHeads(risk, grade, category, person, time, again)


@functools.lru_cache(maxsize=1)
def load_harm_head() -> HarmHead:
    """Return the head of the harm of replies.

    Raises:
        ModelError: it is missing or damaged.
    """
    return HarmHead(
        KernelHead.load(FOLDER / f"{HARMFUL}.npz"), _load(HARM), KernelHead.load(FOLDER / f"{HARMFUL_AGAIN}.npz")
    )


def _load(name: str) -> LinearHead:
    return LinearHead.load(FOLDER / f"{name}.npz")


def read_sentences(name: str) -> Sequence[dict[str, str]]:
    """Return the rows of ``sentences.csv`` or ``replies.csv``."""
    import csv

    with (FOLDER / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


class LeftOut(NamedTuple):
    """Sentences of one source, and all others.

    Attributes:
        own: of the source, without near copies of one of the others.
        near_copies: how many were left out of ``own``.
        others: of all other sources.
    """

    own: list[dict[str, str]]
    near_copies: int
    others: list[dict[str, str]]


def leave_out(name: str, source: str) -> LeftOut:
    """Return the sentences of a source apart from all others.

    A near copy of another sentence does not count: the Jaccard similarity of their sets of words is at least 0.6.

    Args:
        name: ``sentences.csv`` or ``replies.csv``.
        source: one of ``SOURCES``.
    """
    rows = read_sentences(name)
    own = [row for row in rows if row["split"] in SOURCES[source]]
    others = [row for row in rows if row["split"] not in SOURCES[source]]
    words = [_words(row["text"]) for row in others]
    kept = [row for row in own if not _has_near_copy(_words(row["text"]), words)]
    return LeftOut(kept, len(own) - len(kept), others)


def _words(text: str) -> frozenset[str]:
    return frozenset(re.findall(r"\w+", text.lower()))


def _has_near_copy(words: frozenset[str], others: Sequence[frozenset[str]]) -> bool:
    for other in others:
        shared = len(words & other)
        if shared >= _NEAR_COPY_FROM * (len(words) + len(other) - shared):
            return True
    return False
