"""Fit the heads of the safety gate: ``python -m omnisense.reasoning.safety.train GOEMOTIONS COUNSELCHAT``.

GOEMOTIONS is a folder with ``train.tsv.gz`` (text, label numbers, id; Apache-2.0): ordinary comments, against false
alarms, beside the everyday sentences that other heads of OmniSense are fitted on. COUNSELCHAT is one with the CSV of
CounselChat (MIT): counsellors' answers, which are safe replies. Most of the time goes into the larger embedding of
15,000 sentences; the same sentences give the same heads. Risk and harm are told by support vector machines
(:mod:`omnisense.reasoning.safety.kernel`), one on each embedding. The grade and the kind of harm are multinomial
logistic regressions with balanced classes; kind, person and time are fitted on the sentences that have them.
``python -m omnisense.reasoning.safety.measure`` then measures the whole gate and writes the card.
"""

from __future__ import annotations

import csv
import gzip
import re
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from omnisense import models
from omnisense.perception.emotion import text as text_emotion
from omnisense.perception.emotion.linear import LinearHead
from omnisense.perception.emotion.text import EMBEDDING, SentenceEmbedder, load_embedder
from omnisense.reasoning.safety.heads import (
    CATEGORY,
    FOLDER,
    GRADE,
    HARM,
    HARMFUL,
    HARMFUL_AGAIN,
    LARGER,
    LARGER_POOLING,
    PERSON,
    RISK,
    RISK_AGAIN,
    TIME,
    HarmHead,
    Larger,
    RiskHeads,
    calmed,
    read_sentences,
    split_sentences,
)
from omnisense.reasoning.safety.kernel import KernelHead, fit_kernel_head
from omnisense.reasoning.safety.patterns import find_signs, harm_by_pattern

# Inverse strength of the ridge, chosen on the split "tune".
_C = {GRADE: 0.003, CATEGORY: 0.01, PERSON: 0.003, TIME: 0.003, HARM: 0.03}
# The truth of the linear heads of a risk, by the head.
COLUMNS = {GRADE: "grade", CATEGORY: "category", PERSON: "who", TIME: "when"}
_COMMENTS, _ANSWERS = 3000, 1500  # how many are drawn
_EVERYDAY_WEIGHT = 3.0  # of the safe replies written for this, which are few beside those of counsellors
_SAD_LABELS = {9, 12, 14, 16, 19, 24, 25}  # disappointment, embarrassment, fear, grief, nervousness, remorse, sadness
# Everyday sentences by kind, and the kinds in which nobody is sad, afraid or hurt.
_LOOP = FOLDER.parent / "loop" / "guided"
_EVERYDAY = (Path(text_emotion.__file__).with_name("spoken_lines.toml"), _LOOP / "phrasings.toml")
# Everyday messages by kind and writer, of whom the first counts: with all, as the gate reads them, as many alarms found
# fewer risks on sets that were not fitted on (49 of 60 instead of 55).
_MESSAGES, _WRITER = _LOOP / "events.csv", "1"
_UNTROUBLED = {"neutral", "joy", "surprise", "success", "happy event", "ordinary", "fact", "advice", "help", "clip"}
_UNTROUBLED |= {"agent", "memory", "thanks", "greeting", "goodbye", "joke", "joke request", "correction", "small talk"}
_UNTROUBLED |= {"answer", "telling"}
# Sentences of replies that are known to be safe.
_WRITTEN = (_LOOP / "replies.toml", FOLDER / "care.toml")


def main() -> None:
    """Run from the command line."""
    data = Data(Path(sys.argv[1]), Path(sys.argv[2]))
    rows, replies = read_sentences("sentences.csv"), read_sentences("replies.csv")
    risk, harm = data.risk_heads(rows), data.harm_head(replies)
    names = (RISK, GRADE, CATEGORY, PERSON, TIME, RISK_AGAIN)
    heads: dict[str, KernelHead | LinearHead] = dict(zip(names, risk, strict=True))
    heads |= dict(zip((HARMFUL, HARM, HARMFUL_AGAIN), harm, strict=True))
    for name, head in heads.items():
        head.save(FOLDER / f"{name}.npz")
    print(f"{len(rows)} sentences, {len(data.comments)} comments, {len(replies)} sentences of replies")


class Data:
    """What is fitted on beside the sentences of the two lists: ordinary comments, and replies that do no harm.

    Args:
        goemotions: folder of the comments.
        counselchat: folder of counsellors' answers.
    """

    def __init__(self, goemotions: Path, counselchat: Path) -> None:
        graded = [*_ordinary_comments(goemotions), *_everyday_sentences()]
        self.comments = [{"text": text, "grade": grade, "category": "none"} for text, grade in graded]
        self.safe = [sentence for path in _WRITTEN for sentence in _sentences(path)] + _counsel(counselchat)
        self._first = _Remembered(load_embedder(models.fetch(EMBEDDING)))
        self._larger = _Remembered(load_embedder(models.fetch(LARGER), LARGER_POOLING))

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """Return (N, D) features of sentences by the embedding of the first reading."""
        return self._first.embed(texts)

    def embed_again(self, texts: Sequence[str]) -> np.ndarray:
        """Return (N, D) features of sentences by the larger embedding of the second reading."""
        return self._larger.embed(texts)

    def reader(self, texts: Sequence[str]) -> Larger:
        """Return what a second reading needs of sentences."""
        return lambda chosen: self.embed_again([texts[i] for i in chosen])

    def risk_heads(self, rows: Sequence[dict[str, str]]) -> RiskHeads:
        """Fit the heads of risk.

        Args:
            rows: of ``sentences.csv``; a category that is not known is empty.
        """
        every = [*rows, *self.comments]
        features = self.embed([row["text"] for row in every])

        def head(name: str, column: str) -> LinearHead:
            chosen = [
                i
                for i, row in enumerate(every)
                if name == GRADE or (row["category"] not in ("none", "") and row[column])
            ]
            return _fit(features[chosen], [every[i][column] for i in chosen], _C[name])

        is_risk = [row["grade"] in ("risk", "imminent") for row in every]
        again = fit_kernel_head(self.embed_again([row["text"] for row in every]), is_risk)
        grade, category, person, time = (head(name, column) for name, column in COLUMNS.items())
        return RiskHeads(fit_kernel_head(features, is_risk), grade, category, person, time, again)

    def harm_head(self, replies: Sequence[dict[str, str]]) -> HarmHead:
        """Fit the heads of the harm of replies.

        Args:
            replies: rows of ``replies.csv``.
        """
        labelled = [(row["text"], row["harm"]) for row in replies] + [(sentence, "none") for sentence in self.safe]
        weights = [_EVERYDAY_WEIGHT if row["harm"] == "none" else 1.0 for row in replies] + [1.0] * len(self.safe)
        texts, kinds = [calmed(text) for text, _ in labelled], [harm for _, harm in labelled]
        features, is_harmful = self.embed(texts), [kind != "none" for kind in kinds]
        return HarmHead(
            fit_kernel_head(features, is_harmful, weights),
            _fit(features, kinds, _C[HARM], weights),
            fit_kernel_head(self.embed_again(texts), is_harmful, weights),
        )


class _Remembered:
    """An embedder that embeds each sentence once."""

    def __init__(self, embedder: SentenceEmbedder) -> None:
        self._embedder = embedder
        self._features: dict[str, np.ndarray] = {}

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """Return (N, D) features."""
        new = [text for text in dict.fromkeys(texts) if text not in self._features]
        if new:
            self._features.update(zip(new, self._embedder.embed(new), strict=True))
        return np.stack([self._features[text] for text in texts])


def _ordinary_comments(folder: Path) -> list[tuple[str, str]]:
    """Return comments of GoEmotions with a grade by their label; those with a sign of risk are left out."""
    with gzip.open(folder / "train.tsv.gz", "rt", encoding="utf-8", newline="") as file:
        rows = [row[:2] for row in csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE) if row[1].isdigit()]
    chosen = np.random.default_rng(0).permutation(len(rows))[:_COMMENTS]
    graded = [(text, "distress" if int(label) in _SAD_LABELS else "none") for text, label in (rows[i] for i in chosen)]
    return [(text, grade) for text, grade in graded if not find_signs(text)]


def _everyday_sentences() -> list[tuple[str, str]]:
    """Return everyday sentences with a grade by their kind; those with a sign of risk are left out."""
    kinds = [kind for path in _EVERYDAY for kind in tomllib.loads(path.read_text("utf-8")).items()]
    said = [(line, kind) for kind, lines in kinds for line in lines.splitlines()]
    with _MESSAGES.open(encoding="utf-8", newline="") as file:
        said += [(row["text"], row["event"]) for row in csv.DictReader(file) if row["writer"] == _WRITER]
    graded = {
        text: "none" if kind in _UNTROUBLED else "distress"
        for text, kind in said
        if len(text.split()) > 2 and not find_signs(text)
    }
    return list(graded.items())


def _counsel(folder: Path) -> list[str]:
    """Return sentences of counsellors' answers, which are safe; those that look harmful by pattern are left out."""
    csv.field_size_limit(10_000_000)
    with gzip.open(next(folder.glob("*.csv.gz")), "rt", encoding="utf-8", newline="") as file:
        answers = [row["answerText"] or "" for row in csv.DictReader(file)]
    sentences = [s for answer in answers for s in split_sentences(re.sub(r"<[^>]*>", " ", answer)) if " " in s]
    distinct = list(dict.fromkeys(sentences))
    chosen = np.random.default_rng(0).permutation(len(distinct))[:_ANSWERS]
    return [distinct[i] for i in chosen if harm_by_pattern(distinct[i]) is None]


def _sentences(path: Path) -> list[str]:
    """Return the sentences in a file of written replies."""

    def strings(value: object) -> list[str]:
        if isinstance(value, str):
            return [value]
        parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        return [text for part in parts for text in strings(part)]

    texts = [text for text in strings(tomllib.loads(path.read_text("utf-8"))) if text[:1].isupper()]
    return list(dict.fromkeys(sentence for text in texts for sentence in split_sentences(text) if " " in sentence))


def _fit(
    features: np.ndarray, truth: Sequence[str], inverse_strength: float, sample_weights: Sequence[float] | None = None
) -> LinearHead:
    from sklearn.linear_model import LogisticRegression

    mean, scale = features.mean(axis=0), features.std(axis=0) + 1e-6
    model = LogisticRegression(C=inverse_strength, max_iter=1000, class_weight="balanced")
    model.fit((features - mean) / scale, np.array(truth), sample_weight=sample_weights)
    weights, bias = model.coef_.T, model.intercept_
    if len(model.classes_) == 2:  # one logit of a sigmoid, as two of a softmax
        weights, bias = np.hstack([-weights / 2, weights / 2]), np.hstack([-bias / 2, bias / 2])
    return LinearHead(tuple(model.classes_.tolist()), mean, scale, weights, bias, np.zeros(0))


if __name__ == "__main__":
    main()
