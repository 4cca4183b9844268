"""How much risk a sentence shows, and what harm a reply would do: heads on the sentence embedding.

The embedding is the one of text emotion (all-MiniLM-L6-v2). The heads were fitted on the sentences of
``sentences.csv``, ``replies.csv`` and two free sets
(:mod:`omnisense.reasoning.safety.train`); ``risk.md`` is their card.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from omnisense.perception.emotion.linear import LinearHead
from omnisense.perception.emotion.text import EMBEDDING, SentenceEmbedder
from omnisense.reasoning.safety.kernel import KernelHead
from omnisense.reasoning.search import find_embedder

FOLDER = Path(__file__).parent
RISK, GRADE, CATEGORY, PERSON, TIME, HARM = (
    "risk",
    "risk_grade",
    "risk_category",
    "risk_person",
    "risk_time",
    "reply_harm",
)
WITHOUT_EMBEDDING = f"'{EMBEDDING}' is not here: risk was looked for by patterns alone"
_GRADES = ("none", "distress", "risk", "imminent")
_KERNEL_SHARE = 0.75  # chosen on the split "held-out" and on ordinary comments
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


def split_sentences(text: str) -> list[str]:
    """Return the sentences of a text, long ones in pieces that the embedding reads whole."""
    sentences = []
    for sentence in re.split(r"(?<=[.!?\u2026])\s+|\n+", text):
        words = sentence.split()
        sentences += [" ".join(words[i : i + _MAX_WORDS]) for i in range(0, len(words), _MAX_WORDS)]
    if len(sentences) > _MAX_SENTENCES:
        sentences = sentences[: _MAX_SENTENCES // 2] + sentences[-_MAX_SENTENCES // 2 :]
    return [sentence for sentence in sentences if re.search(r"\w", sentence)]


def score_risk(sentences: tuple[str, ...]) -> tuple[RiskScores, ...] | None:
    """Return the scores of sentences; None where the embedding model is absent."""
    embedder = find_embedder()
    return _score_risk(embedder, sentences) if embedder else None


def score_harm(sentences: tuple[str, ...]) -> tuple[tuple[str, float], ...] | None:
    """Return the likeliest harm of each sentence of a reply, with the probability of any harm; None without model."""
    embedder = find_embedder()
    return _score_harm(embedder, sentences) if embedder else None


def calmed(sentence: str) -> str:
    """Return a sentence of a reply without exclamation marks, which make praise look like urging."""
    return sentence.replace("!", ".")


@functools.lru_cache(maxsize=256)
def _score_risk(embedder: SentenceEmbedder, sentences: tuple[str, ...]) -> tuple[RiskScores, ...]:
    if not sentences:
        return ()
    features = embedder.embed(sentences)
    head = load_head(GRADE)
    none, distress, risk, imminent = (head.scores(features)[:, head.labels.index(grade)] for grade in _GRADES)
    risks = _pooled(load_risk_head().probabilities(features), risk + imminent)
    calm = ((1 - risks) * distress / (distress + none)).tolist()
    at_once = (risks * imminent / (risk + imminent)).tolist()
    category, person, time = (_likeliest(load_head(name), features) for name in (CATEGORY, PERSON, TIME))
    return tuple(
        RiskScores(calm[i], float(risks[i]), at_once[i], category[i], person[i], time[i]) for i in range(len(sentences))
    )


def _pooled(kernel: np.ndarray, linear: np.ndarray) -> np.ndarray:
    """Return the probabilities at the weighted mean of the log-odds of the kernel and of the linear head.

    The kernel knows hints and slang that the linear head does not, and takes strange sentences for risks, which the
    linear head does not: together they raise fewer alarms at ordinary comments than it does alone.
    """
    odds = [np.log(np.clip(p, 1e-6, 1 - 1e-6) / np.clip(1 - p, 1e-6, 1 - 1e-6)) for p in (kernel, linear)]
    pooled: np.ndarray = (1 + np.tanh((_KERNEL_SHARE * odds[0] + (1 - _KERNEL_SHARE) * odds[1]) / 2)) / 2
    return pooled


def _likeliest(head: LinearHead, features: np.ndarray) -> list[str]:
    return [head.labels[k] for k in head.scores(features).argmax(axis=1)]


@functools.lru_cache(maxsize=256)
def _score_harm(embedder: SentenceEmbedder, sentences: tuple[str, ...]) -> tuple[tuple[str, float], ...]:
    if not sentences:
        return ()
    head = load_head(HARM)
    rows = head.scores(embedder.embed([calmed(sentence) for sentence in sentences]))
    safe = head.labels.index("none")
    harms = [k for k in range(len(head.labels)) if k != safe]
    return tuple((head.labels[harms[int(row[harms].argmax())]], float(1 - row[safe])) for row in rows)


@functools.lru_cache(maxsize=1)
def load_risk_head() -> KernelHead:
    """Return the head that tells a risk, imminent or not, from everything else.

    Raises:
        ModelError: it is missing or damaged.
    """
    return KernelHead.load(FOLDER / f"{RISK}.npz")


@functools.lru_cache(maxsize=8)
def load_head(name: str) -> LinearHead:
    """Return a head that ships beside this file.

    Raises:
        ModelError: it is missing or damaged.
    """
    return LinearHead.load(FOLDER / f"{name}.npz")


def read_sentences(name: str) -> Sequence[dict[str, str]]:
    """Return the rows of ``sentences.csv`` or ``replies.csv``."""
    import csv

    with (FOLDER / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def read_split(name: str, split: str) -> tuple[list[dict[str, str]], int]:
    """Return the rows of a split, and how many were left out because the gate was made with a near copy of them.

    Only rows of the unseen splits are left out: those with a Jaccard similarity of at least 0.6 between the set of
    their words and that of a row outside of the unseen splits (to fit on, to choose with, or held out).

    Args:
        name: ``sentences.csv`` or ``replies.csv``.
        split: as in the column ``split``.
    """
    rows = read_sentences(name)
    own = [row for row in rows if row["split"] == split]
    if not split.endswith("unseen"):
        return own, 0
    made_with = [_words(row["text"]) for row in rows if not row["split"].endswith("unseen")]
    kept = [row for row in own if not _has_near_copy(_words(row["text"]), made_with)]
    return kept, len(own) - len(kept)


def _words(text: str) -> frozenset[str]:
    return frozenset(re.findall(r"\w+", text.lower()))


def _has_near_copy(words: frozenset[str], others: Sequence[frozenset[str]]) -> bool:
    for other in others:
        shared = len(words & other)
        if shared >= _NEAR_COPY_FROM * (len(words) + len(other) - shared):
            return True
    return False
