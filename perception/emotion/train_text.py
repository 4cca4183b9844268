"""Train the text emotion heads from GoEmotions and CaSiNo, and write their card."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from omnisense import models
from omnisense.errors import InputError
from omnisense.perception.emotion import text
from omnisense.perception.emotion.linear import LinearHead
from omnisense.perception.emotion.reliability import read_reliability
from omnisense.perception.emotion.tables import f1_scores, membership, read_goemotions, read_words
from omnisense.perception.emotion.terms import TermHead, split_terms
from omnisense.perception.emotion.text_card import text_card
from omnisense.perception.emotion.text_heads import (
    SHIPPED,
    SHIPPED_GROUPS,
    SHIPPED_TERMS,
    TextHeads,
    group_features,
)

_EPOCHS, _BATCH, _RATE, _DECAY = 12, 512, 3e-3, 1.0  # of the head on the embedding
HELD_OUT_STRIDE = 5  # every fifth training text is held out from the two large heads
CALIBRATION_STRIDE = 4  # every fourth of these is held out from the head of the groups too
_TERMS, _LEAST_TEXTS, _TERM_C = 6000, 3, 3.0
_GROUP_C, _BALANCE = 0.02, 0.5  # of the head of the groups: rare emotions weigh more, by this power of their rarity
THIRDS = 3  # of CaSiNo's dialogues: to fit on, to choose and calibrate with, to judge by
_EMOTICON = re.compile("[\U0001f300-\U0001faff\u2600-\u27bf]|:\\)|:\\(")
_SAYS = {"🙂": "joy", ":)": "joy", "☹": "sadness", ":(": "sadness", "😮": "surprise", "😡": "anger"}
_WARM = {"small-talk", "showing-empathy", "vouch-fair", "promote-coordination"}  # strategies that may carry a feeling
_DEALS = ("Submit", "Accept", "Reject", "Walk")  # moves of the negotiation, not words


@dataclass(frozen=True)
class Lines:
    """Lines of dialogues.

    Attributes:
        sentences: N of them.
        emotions: (N,) one of Ekman's or ``neutral``.
        dialogues: (N,) number of the dialogue.
    """

    sentences: list[str]
    emotions: np.ndarray
    dialogues: np.ndarray


def train_text(goemotions: Path, casino: Path, output: Path) -> dict[str, Any]:
    """Train the heads and write them with their card.

    Args:
        goemotions: folder of GoEmotions.
        casino: folder of CaSiNo.
        output: existing folder.

    Returns:
        The figures of the model card.

    Raises:
        InputError: the data cannot be read.
    """
    labels = read_words(goemotions / "labels.txt")
    sentences, truth = read_goemotions(goemotions / "train.tsv.gz", len(labels))
    dev, dev_truth = read_goemotions(goemotions / "dev.tsv.gz", len(labels))
    lines = read_casino(casino)
    embedder = text.SentenceEmbedder(models.fetch(text.EMBEDDING))
    features, line_features = embedder.embed(sentences), embedder.embed(lines.sentences)
    held = np.arange(len(sentences)) % HELD_OUT_STRIDE == 0
    seen = [s for s, is_held in zip(sentences, held, strict=True) if not is_held]
    unseen = [s for s, is_held in zip(sentences, held, strict=True) if is_held]
    columns = (*labels, *(f"any {group}" for group in text.EKMAN))
    wanted = np.hstack([truth, truth @ membership(labels) > 0]).astype(np.float32)
    embedding = fit_embedding(features[~held], wanted[~held], columns)
    large = _calibrated(embedding, fit_terms(seen, wanted[~held], columns), unseen, features[held], wanted[held] > 0)
    heads = _with_groups(large, unseen, features[held], wanted[held] > 0, lines, line_features)
    save(heads, output)
    heads = TextHeads.load(output)
    figures = {
        "train": len(sentences),
        "dev": len(dev),
        "bytes": sum((output / f"{name}.npz").stat().st_size for name in (SHIPPED, SHIPPED_TERMS, SHIPPED_GROUPS)),
        **text_figures(heads, dev, embedder.embed(dev), dev_truth > 0),
        "dialogue": dialogue_figures(heads, lines, line_features, lines.dialogues % THIRDS == 2),
    }
    (output / f"{SHIPPED}.md").write_text(text_card(figures), "utf-8")
    return figures


def save(heads: TextHeads, folder: Path) -> None:
    """Write the three files."""
    heads.embedding.save(folder / f"{SHIPPED}.npz")
    heads.terms.save(folder / f"{SHIPPED_TERMS}.npz")
    heads.groups.save(folder / f"{SHIPPED_GROUPS}.npz")


def read_casino(folder: Path) -> Lines:
    """Return lines of CaSiNo whose emotion is known: by their one emoticon, which is removed, or as neutral.

    Neutral are lines that annotators gave a strategy that only speaks of the goods, and that have no emoticon.

    Raises:
        InputError: the file cannot be read.
    """
    path = folder / "casino_train.json.gz"
    try:
        with gzip.open(path, "rt", encoding="utf-8") as file:
            dialogues = json.load(file)
    except (OSError, ValueError) as error:
        raise InputError(f"the dialogues cannot be read ({error})", "Give CaSiNo's folder.", path) from error
    rows: list[tuple[str, str, int]] = []
    for dialogue in dialogues:
        strategies = {said: set(names.split(",")) for said, names in dialogue.get("annotations", [])}
        for message in dialogue["chat_logs"]:
            said = message["text"]
            emotion = _emotion_of(said, strategies.get(said))
            plain = " ".join(_EMOTICON.sub(" ", said.replace("\ufe0f", "")).split())
            if emotion and " " in plain and not said.startswith(_DEALS):
                rows.append((plain, emotion, dialogue["dialogue_id"]))
    sentences, emotions, numbers = zip(*rows, strict=True)
    return Lines(list(sentences), np.array(emotions), np.array(numbers))


def _emotion_of(said: str, strategies: set[str] | None) -> str:
    """Return the emotion of a line; empty where it is not known."""
    found = {_SAYS.get(sign, "") for sign in _EMOTICON.findall(said.replace("\ufe0f", ""))}
    if found:
        return found.pop() if len(found) == 1 else ""
    return "neutral" if strategies and not strategies & _WARM else ""


def fit_embedding(features: np.ndarray, truth: np.ndarray, labels: tuple[str, ...]) -> LinearHead:
    """Fit one sigmoid per label. Rare labels weigh more, by the root of their rarity."""
    import torch

    mean, scale = features.mean(axis=0), features.std(axis=0) + 1e-6
    generator = torch.Generator().manual_seed(0)
    inputs, wanted = torch.from_numpy((features - mean) / scale), torch.from_numpy(truth)
    share = wanted.mean(dim=0)
    weights = torch.zeros(inputs.shape[1], wanted.shape[1], requires_grad=True)
    bias = torch.log(share / (1 - share)).requires_grad_(True)
    optimizer = torch.optim.AdamW([weights, bias], lr=_RATE, weight_decay=_DECAY)
    steps = -(-len(inputs) // _BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, _RATE, total_steps=_EPOCHS * steps)
    loss_of = torch.nn.BCEWithLogitsLoss(pos_weight=((1 - share) / share).sqrt())
    for _ in range(_EPOCHS):
        for chosen in torch.randperm(len(inputs), generator=generator).split(_BATCH):
            optimizer.zero_grad()
            loss_of(inputs[chosen] @ weights + bias, wanted[chosen]).backward()
            optimizer.step()
            schedule.step()
    return LinearHead(labels, mean, scale, weights.detach().numpy(), bias.detach().numpy(), np.full(len(labels), 0.5))


def fit_terms(sentences: Sequence[str], truth: np.ndarray, labels: tuple[str, ...]) -> TermHead:
    """Fit one logistic regression per label on TF-IDF of words and pairs of words."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    vectorizer = TfidfVectorizer(analyzer=split_terms, sublinear_tf=True, min_df=_LEAST_TEXTS, max_features=_TERMS)
    inputs = vectorizer.fit_transform(sentences)
    fitted = [LogisticRegression(C=_TERM_C, solver="liblinear").fit(inputs, column > 0) for column in truth.T]
    return TermHead(
        labels,
        tuple(vectorizer.get_feature_names_out().tolist()),
        vectorizer.idf_,
        np.stack([model.coef_[0] for model in fitted], axis=1),
        np.array([model.intercept_[0] for model in fitted]),
    )


def _calibrated(
    embedding: LinearHead, terms: TermHead, sentences: Sequence[str], features: np.ndarray, truth: np.ndarray
) -> TextHeads:
    """Return both heads with half the weight, calibrated, and thresholds, by texts that they have not seen."""
    mean = (embedding.logits(features) + terms.logits(sentences)) / 2
    fine = mean.shape[1] - len(text.EKMAN)
    slope, offset = platt(mean[:, :fine], truth[:, :fine])
    embedding = replace(embedding, weights=embedding.weights * slope / 2, bias=embedding.bias * slope / 2 + offset)
    terms = replace(terms, weights=terms.weights * slope / 2, bias=terms.bias * slope / 2)
    scores = 1 / (1 + np.exp(-(slope * mean + offset)))
    embedding = replace(embedding, thresholds=best_thresholds(scores, truth))
    return TextHeads(embedding, terms, embedding)


def _with_groups(
    large: TextHeads,
    sentences: Sequence[str],
    features: np.ndarray,
    truth: np.ndarray,
    lines: Lines,
    line_features: np.ndarray,
) -> TextHeads:
    """Return the heads with one for the groups: fitted on most of the comments and a third of the dialogues."""
    labels = tuple(text.EKMAN)
    comments, said = (
        group_features(of, large.embedding.logits(with_) + large.terms.logits(of))
        for of, with_ in ((sentences, features), (lines.sentences, line_features))
    )
    wanted = truth[:, -len(labels) :]
    line_wanted = lines.emotions[:, None] == np.array(labels)
    is_fit, third = np.arange(len(comments)) % CALIBRATION_STRIDE > 0, lines.dialogues % THIRDS
    head = fit_groups(
        np.concatenate([comments[is_fit], said[third == 0]]),
        np.concatenate([wanted[is_fit], line_wanted[third == 0]]),
        labels,
    )
    slope, offset = platt(
        head.logits(np.concatenate([comments[~is_fit], said[third == 1]])),
        np.concatenate([wanted[~is_fit], line_wanted[third == 1]]),
    )
    head = replace(head, weights=head.weights * slope, bias=head.bias * slope + offset)
    return replace(large, groups=replace(head, thresholds=best_thresholds(head.scores(comments), wanted)))


def fit_groups(
    features: np.ndarray, truth: np.ndarray, labels: tuple[str, ...], row_weights: np.ndarray | None = None
) -> LinearHead:
    """Fit one sigmoid per label; rare labels weigh more, and rows by ``row_weights`` (N,), if given."""
    from sklearn.linear_model import LogisticRegression

    mean, scale = features.mean(axis=0), features.std(axis=0) + 1e-6
    share = np.average(truth, axis=0, weights=row_weights)
    weights = np.where(truth, ((1 - share) / share) ** _BALANCE, 1.0)
    if row_weights is not None:
        weights = weights * row_weights[:, None]
    fitted = [
        LogisticRegression(C=_GROUP_C, max_iter=1000).fit(
            (features - mean) / scale, truth[:, k], sample_weight=weights[:, k]
        )
        for k in range(len(labels))
    ]
    columns, bias = np.stack([m.coef_[0] for m in fitted], axis=1), np.array([m.intercept_[0] for m in fitted])
    return LinearHead(labels, mean, scale, columns, bias, np.full(len(labels), 0.5))


def platt(logits: np.ndarray, truth: np.ndarray) -> tuple[float, float]:
    """Return the slope and the offset, one for all labels, that make the highest score a probability (Platt, 1999)."""
    from sklearn.linear_model import LogisticRegression

    top = logits.argmax(axis=1)
    rows = np.arange(len(logits))
    model = LogisticRegression(C=1e6).fit(logits[rows, top][:, None], truth[rows, top])
    return float(model.coef_[0, 0]), float(model.intercept_[0])


def best_thresholds(scores: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Return the thresholds (K,) with the highest F1."""
    grid = np.linspace(0.02, 0.95, 187)
    found = np.stack([f1_scores(truth, scores >= threshold) for threshold in grid])
    best: np.ndarray = grid[found.argmax(axis=0)]
    return best


def text_figures(heads: TextHeads, sentences: Sequence[str], features: np.ndarray, truth: np.ndarray) -> dict[str, Any]:
    """Return how well comments are read.

    Args:
        heads: to judge.
        sentences: N of them.
        features: (N, 2688) of the embedding.
        truth: (N, 28) which labels each has.

    Returns:
        For the 28 labels and for the groups ``macro_f1``, ``f1`` by label, and ``reliability`` of the highest score.
    """
    fine, groups = heads.scores(sentences, features)
    wanted = truth.astype(np.float32) @ membership(heads.labels) > 0
    figures: dict[str, Any] = {}
    for name, labels, thresholds, scores, right in (
        (SHIPPED, heads.labels, heads.thresholds, fine, truth),
        (SHIPPED_GROUPS, heads.groups.labels, heads.groups.thresholds, groups, wanted),
    ):
        f1, top = f1_scores(right, scores >= thresholds), scores.argmax(axis=1)
        rows = np.arange(len(top))
        figures[name] = {
            "macro_f1": round(float(f1.mean()), 3),
            "f1": dict(zip(labels, f1.round(2).tolist(), strict=True)),
            "reliability": read_reliability(scores[rows, top], right[rows, top]),
        }
    return figures


def dialogue_figures(
    heads: TextHeads, lines: Lines, features: np.ndarray, chosen: np.ndarray, spoken: LinearHead | None = None
) -> dict[str, Any]:
    """Return how well lines of dialogues are read, where ``chosen`` (N,) is true; by the head ``spoken``, if given.

    Returns:
        ``n``, ``macro_f1`` and ``accuracy`` of the likeliest group; ``neutral given a feeling`` and ``others given
        one``, shares of the lines; ``reliability``.
    """
    sentences = [s for s, is_chosen in zip(lines.sentences, chosen, strict=True) if is_chosen]
    truth, labels = lines.emotions[chosen], np.array(heads.groups.labels)
    fine, groups = heads.scores(sentences, features[chosen], spoken)
    top = labels[groups.argmax(axis=1)]
    felt = np.array(
        [
            bool(text.feelings_of(heads, *row, spoken is not None)[:1] not in ((), ("neutral",)))
            for row in zip(fine, groups, strict=True)
        ]
    )
    known = sorted(set(truth))
    f1 = f1_scores(truth[:, None] == np.array(known), top[:, None] == np.array(known))
    is_neutral = truth == "neutral"
    return {
        "n": len(truth),
        "macro_f1": round(float(f1.mean()), 3),
        "accuracy": round(float((top == truth).mean()), 3),
        "neutral given a feeling": round(float(felt[is_neutral].mean()), 3),
        "others given one": round(float(felt[~is_neutral].mean()), 3),
        "reliability": read_reliability(groups.max(axis=1), top == truth),
    }
