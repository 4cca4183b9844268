"""Fit the head that reads the emotion of speech, and write its card.

It reads what the text emotion heads say, and the sentence embedding, and gives the scores of Ekman's emotions and
neutral. It is fitted on comments that the large heads have not seen, on dialogues (CaSiNo), and on lines of everyday
talk that were written for this purpose (``spoken_lines.toml``), which count several times.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from omnisense import models
from omnisense.perception.emotion import text
from omnisense.perception.emotion.linear import LinearHead
from omnisense.perception.emotion.reliability import reliability_table
from omnisense.perception.emotion.tables import membership, read_goemotions, read_words
from omnisense.perception.emotion.text_heads import (
    SHIPPED_SPOKEN,
    SPOKEN_FEELING_SHARE,
    TOP_LAYER,
    TextHeads,
    group_features,
)
from omnisense.perception.emotion.train_text import (
    CALIBRATION_STRIDE,
    HELD_OUT_STRIDE,
    THIRDS,
    Lines,
    dialogue_figures,
    fit_groups,
    platt,
    read_casino,
)

# How many directions of the embedding are used, and how many comments a written line counts for. Chosen on every other
# written line and on the second third of CaSiNo's dialogues; 192 directions, or a weight of 1, read both worse.
_DIRECTIONS, _WEIGHT = 64, 5.0


class _Rows(NamedTuple):
    """Sentences as the head sees them.

    Attributes:
        said: (N, 38) of the large heads.
        embedding: (N, 384).
        truth: (N, 7) which emotions each has.
    """

    said: np.ndarray
    embedding: np.ndarray
    truth: np.ndarray

    def at(self, chosen: np.ndarray) -> _Rows:
        return _Rows(*(values[chosen] for values in self))


def train_spoken(goemotions: Path, casino: Path, output: Path) -> dict[str, Any]:
    """Fit the head on top of the text emotion heads that ship, and write it with its card.

    Args:
        goemotions: folder of GoEmotions.
        casino: folder of CaSiNo.
        output: existing folder.

    Returns:
        The figures of the model card.

    Raises:
        InputError: the data cannot be read.
    """
    heads, embedder = TextHeads.load(), text.SentenceEmbedder(models.fetch(text.EMBEDDING))
    labels = read_words(goemotions / "labels.txt")
    sentences, truth = read_goemotions(goemotions / "train.tsv.gz", len(labels))
    unseen, wanted = sentences[::HELD_OUT_STRIDE], truth[::HELD_OUT_STRIDE] @ membership(labels) > 0
    dialogues, written = read_casino(casino), read_spoken_lines()
    features = [embedder.embed(of) for of in (unseen, dialogues.sentences, written.sentences)]
    rows = [
        _Rows(group_features(of, heads.logits(of, found)), found[:, TOP_LAYER], is_true)
        for of, found, is_true in zip(
            (unseen, dialogues.sentences, written.sentences),
            features,
            (wanted, _one_of(dialogues.emotions), _one_of(written.emotions)),
            strict=True,
        )
    ]
    third, is_odd = dialogues.dialogues % THIRDS, written.dialogues % 2 == 1
    head = _fit(rows, third, np.ones(len(is_odd), bool))
    head.save(output / f"{SHIPPED_SPOKEN}.npz")
    head, half = LinearHead.load(output / f"{SHIPPED_SPOKEN}.npz"), _fit(rows, third, ~is_odd)
    figures = {
        "written lines": len(is_odd),
        "bytes": (output / f"{SHIPPED_SPOKEN}.npz").stat().st_size,
        "dialogues": dialogue_figures(heads, dialogues, features[1], third == 2, head),
        "dialogues, as writing": dialogue_figures(heads, dialogues, features[1], third == 2),
        "lines": dialogue_figures(heads, written, features[2], is_odd, half),
        "lines, as writing": dialogue_figures(heads, written, features[2], is_odd),
    }
    (output / f"{SHIPPED_SPOKEN}.md").write_text(_card(figures), "utf-8")
    return figures


def read_spoken_lines() -> Lines:
    """Return the written lines; instead of a dialogue each has its place among those of its emotion."""
    found = tomllib.loads(resources.files(__package__).joinpath("spoken_lines.toml").read_text("utf-8"))
    rows = [(line, label, i) for label, of in found.items() for i, line in enumerate(of.strip().splitlines())]
    sentences, emotions, places = zip(*rows, strict=True)
    return Lines(list(sentences), np.array(emotions), np.array(places))


def _one_of(emotions: np.ndarray) -> np.ndarray:
    truth: np.ndarray = emotions[:, None] == np.array(tuple(text.EKMAN))
    return truth


def _fit(rows: Sequence[_Rows], third: np.ndarray, chosen: np.ndarray) -> LinearHead:
    """Return the head, fitted on most comments, a third of the dialogues and chosen (N,) written lines, calibrated."""
    comments, dialogues, written = rows
    is_fit = np.arange(len(comments.said)) % CALIBRATION_STRIDE > 0
    parts = (comments.at(is_fit), dialogues.at(third == 0), written.at(chosen))
    used = _Rows(*(np.concatenate(values) for values in zip(*parts, strict=True)))
    weights = np.concatenate([np.full(len(part.said), w) for part, w in zip(parts, (1.0, 1.0, _WEIGHT), strict=True)])
    mean = used.embedding.mean(axis=0)
    directions = np.linalg.svd(used.embedding - mean, full_matrices=False)[2][:_DIRECTIONS].T
    head = fit_groups(
        np.hstack([used.said, (used.embedding - mean) @ directions]), used.truth, tuple(text.EKMAN), weights
    )
    head = _on_embedding(head, mean, directions)
    held = [comments.at(~is_fit), dialogues.at(third == 1)]
    logits = [head.logits(np.hstack([part.said, part.embedding])) for part in held]
    slope, offset = platt(np.concatenate(logits), np.concatenate([part.truth for part in held]))
    return replace(head, weights=head.weights * slope, bias=head.bias * slope + offset)


def _on_embedding(head: LinearHead, mean: np.ndarray, directions: np.ndarray) -> LinearHead:
    """Return a head on directions (384, D) of the embedding around its mean as one on the embedding itself."""
    own = len(head.mean) - directions.shape[1]
    folded = directions @ (head.weights[own:] / head.scale[own:, None])
    weights = np.vstack([head.weights[:own], folded])
    bias = head.bias - (head.mean[own:] / head.scale[own:]) @ head.weights[own:]
    return replace(
        head,
        mean=np.concatenate([head.mean[:own], mean]),
        scale=np.concatenate([head.scale[:own], np.ones(len(mean))]),
        weights=weights,
        bias=bias,
    )


def _card(figures: dict[str, Any]) -> str:
    names = {
        "dialogues": "the last third of CaSiNo",
        "dialogues, as writing": "the same, by the head for writing",
        "lines": "every other written line, by a head without them",
        "lines, as writing": "the same, by the head for writing",
    }
    keys = ("n", "macro_f1", "accuracy", "neutral given a feeling", "others given one")
    table = "\n".join(
        f"| {name} | {' | '.join(str(figures[part][key]) for key in keys)} | {figures[part]['reliability']['ece']} |"
        for part, name in names.items()
    )
    return f"""# Text emotion of speech (`{SHIPPED_SPOKEN}.npz`)

One sigmoid for each of Ekman's emotions and neutral, on what the text emotion heads say (`text_emotion.md`), the length
and the punctuation of the sentence, and {_DIRECTIONS} directions of its embedding (all-MiniLM-L6-v2). Transcripts of
speech are read with it, typed texts with the head for writing. {figures["bytes"] / 1000:.0f} kB.

- **Data**: comments of GoEmotions (Apache-2.0) that the other heads have not seen, a third of the dialogues of CaSiNo
  (CC BY 4.0), as for the head for writing, and {figures["written lines"]} lines of everyday talk written for this
  purpose (`spoken_lines.toml`). It is calibrated with other comments and another third of the dialogues.
- **Neutral or not**: a feeling counts only where its group of emotions has {SPOKEN_FEELING_SHARE:g} times the score of
  neutral, chosen on the second third of CaSiNo.

| judged by | lines | macro-F1 | accuracy | neutral given a feeling | others given one | calibration error |
| --- | --- | --- | --- | --- | --- | --- |
{table}

What is reached on television dialogue, which nothing was fitted on, is in `benchmarks/results/perception.md`.

**Reliability**: how often a line has the emotion with the highest score, by that score.

The last third of CaSiNo:

{reliability_table(figures["dialogues"]["reliability"])}

Every other written line, by a head that was fitted without them:

{reliability_table(figures["lines"]["reliability"])}

**Limits.** English. The lines are of one hand, each with the emotion that it was written for: plainer than what people
say. A line stands alone; what came before it, and how it is said, do not count. Irony is not looked for.

Made by `python -m omnisense.perception.emotion.train spoken GOEMOTIONS CASINO`.
"""
