"""Train the shipped heads again from the data sets, and write their model cards.

    python -m omnisense.perception.emotion.train voice EMODB [OUTPUT]        # ten minutes on one core
    python -m omnisense.perception.emotion.train text GOEMOTIONS [OUTPUT]    # five minutes on two cores

EMODB is a folder with ``labels.csv`` (file, speaker, emotion) and the audio files; GOEMOTIONS one with ``train.tsv.gz``
and ``dev.tsv.gz`` (text, label numbers, id) and ``labels.txt``. Without OUTPUT the files of the package are replaced.
Everything is seeded: the same data give the same head and the same figures.
"""

from __future__ import annotations

import gzip
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from omnisense import models
from omnisense.errors import InputError, OmniSenseError
from omnisense.perception.emotion import text
from omnisense.perception.emotion.linear import LinearHead
from omnisense.perception.emotion.reliability import read_reliability, reliability_table
from omnisense.perception.emotion.train_voice import train_voice

_HERE = Path(__file__).parent
_TEXT_EPOCHS, _TEXT_BATCH, _TEXT_RATE, _TEXT_DECAY = 12, 512, 3e-3, 1.0
_THRESHOLD_STRIDE = 5  # every fifth training text is held out to choose thresholds


# --- text ---------------------------------------------------------------------------------------------------


def train_text(data: Path, output: Path) -> dict[str, Any]:
    """Train on GoEmotions, choose thresholds on held-out training texts, evaluate on dev; write two heads and a card.

    Args:
        data: folder of GoEmotions.
        output: existing folder.

    Returns:
        The figures of the model card.

    Raises:
        InputError: the data cannot be read.
    """
    fine = tuple(_read_words(data / "labels.txt"))
    groups = tuple(text.EKMAN)
    embedder = text.SentenceEmbedder(models.fetch(text.EMBEDDING))
    (texts, truth), (dev_texts, dev_truth) = (
        read_goemotions(data / f"{s}.tsv.gz", len(fine)) for s in ("train", "dev")
    )
    features, dev_features = embedder.embed(texts), embedder.embed(dev_texts)
    figures: dict[str, Any] = {"train": len(texts), "dev": len(dev_texts)}
    for name, labels, wanted, dev_wanted in (
        (text.SHIPPED, fine, truth, dev_truth),
        (
            text.SHIPPED_GROUPS,
            groups,
            (truth @ membership(fine) > 0).astype(np.float32),
            dev_truth @ membership(fine) > 0,
        ),
    ):
        head = _fit_text(features, wanted, labels)
        head.save(output / f"{name}.npz")
        shipped = LinearHead.load(output / f"{name}.npz")
        figures[name] = text_figures(shipped, dev_features, dev_wanted > 0)
    (output / f"{text.SHIPPED}.md").write_text(_text_card(figures), "utf-8")
    return figures


def text_figures(head: LinearHead, features: np.ndarray, truth: np.ndarray) -> dict[str, Any]:
    """Return how well texts are read.

    Args:
        head: one sigmoid per label.
        features: (N, D) of the texts.
        truth: (N, K) which labels each text has.

    Returns:
        ``macro_f1``, ``f1`` by label, and ``reliability`` of the label with the highest score.
    """
    scores = head.scores(features)
    f1, top = f1_scores(truth, scores >= head.thresholds), scores.argmax(axis=1)
    return {
        "macro_f1": round(float(f1.mean()), 3),
        "f1": dict(zip(head.labels, f1.round(2).tolist(), strict=True)),
        "reliability": read_reliability(scores.max(axis=1), truth[np.arange(len(top)), top]),
    }


def membership(labels: Sequence[str]) -> np.ndarray:
    """Return (28, 7) which of GoEmotions' labels belong to which of Ekman's emotions."""
    return np.array([[label in text.EKMAN[group] for group in text.EKMAN] for label in labels], dtype=np.float32)


def _read_words(path: Path) -> list[str]:
    try:
        return path.read_text("utf-8").split()
    except OSError as error:
        raise InputError(
            f"the labels cannot be read ({error.strerror})", "Give the data set's folder.", path
        ) from error


def read_goemotions(path: Path, num_labels: int) -> tuple[list[str], np.ndarray]:
    """Return the texts of a GoEmotions file, and (N, num_labels) which labels each has.

    Raises:
        InputError: the file cannot be read.
    """
    try:
        with gzip.open(path, "rt", encoding="utf-8") as file:
            rows = [line.rstrip("\n").split("\t") for line in file]
    except OSError as error:
        raise InputError(f"the texts cannot be read ({error})", "Give the data set's folder.", path) from error
    truth: np.ndarray = np.zeros((len(rows), num_labels), np.float32)
    for i, row in enumerate(rows):
        truth[i, [int(k) for k in row[1].split(",")]] = 1
    return [row[0] for row in rows], truth


def _fit_text(features: np.ndarray, truth: np.ndarray, labels: tuple[str, ...]) -> LinearHead:
    """Fit one sigmoid per label. Rare labels weigh more, by the root of their rarity; thresholds maximize F1."""
    held_out = np.arange(len(features)) % _THRESHOLD_STRIDE == 0
    mean, scale = features.mean(axis=0), features.std(axis=0) + 1e-6
    weights, bias = _fit_weights((features[~held_out] - mean) / scale, truth[~held_out])
    head = LinearHead(labels, mean, scale, weights, bias, np.full(len(labels), 0.5))
    scores = head.scores(features[held_out])
    return LinearHead(labels, mean, scale, weights, bias, _best_thresholds(scores, truth[held_out] > 0))


def _fit_weights(features: np.ndarray, truth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    import torch

    generator = torch.Generator().manual_seed(0)
    inputs, wanted = torch.from_numpy(features), torch.from_numpy(truth)
    share = wanted.mean(dim=0)
    weights = torch.zeros(inputs.shape[1], wanted.shape[1], requires_grad=True)
    bias = torch.log(share / (1 - share)).requires_grad_(True)
    optimizer = torch.optim.AdamW([weights, bias], lr=_TEXT_RATE, weight_decay=_TEXT_DECAY)
    steps = -(-len(inputs) // _TEXT_BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, _TEXT_RATE, total_steps=_TEXT_EPOCHS * steps)
    loss_of = torch.nn.BCEWithLogitsLoss(pos_weight=((1 - share) / share).sqrt())
    for _ in range(_TEXT_EPOCHS):
        for chosen in torch.randperm(len(inputs), generator=generator).split(_TEXT_BATCH):
            optimizer.zero_grad()
            loss_of(inputs[chosen] @ weights + bias, wanted[chosen]).backward()
            optimizer.step()
            schedule.step()
    return weights.detach().numpy(), bias.detach().numpy()


def _best_thresholds(scores: np.ndarray, truth: np.ndarray) -> np.ndarray:
    grid = np.linspace(0.05, 0.95, 91)
    found = np.stack([f1_scores(truth, scores >= threshold) for threshold in grid])
    best: np.ndarray = grid[found.argmax(axis=0)]
    return best


def f1_scores(truth: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Return (K,) F1 per label, of (N, K) boolean truths and predictions."""
    hits = (truth & predicted).sum(axis=0)
    result: np.ndarray = 2 * hits / np.maximum(truth.sum(axis=0) + predicted.sum(axis=0), 1)
    return result


def _text_card(figures: dict[str, Any]) -> str:
    fine, groups = figures[text.SHIPPED], figures[text.SHIPPED_GROUPS]

    def listed(scores: dict[str, float]) -> str:
        return ", ".join(f"{label} {score:.2f}" for label, score in sorted(scores.items(), key=lambda kv: -kv[1]))

    return f"""# Text emotion heads (`{text.SHIPPED}.npz`, `{text.SHIPPED_GROUPS}.npz`)

One sigmoid a label on features of a sentence embedding, all-MiniLM-L6-v2 (`emotion/text.py`).

- **Classes**: the 27 emotions of GoEmotions and neutral; Ekman's six and neutral, as GoEmotions groups them.
- **Data**: GoEmotions (Demszky et al., "GoEmotions: A Dataset of Fine-Grained Emotions", ACL 2020; Apache-2.0):
  {figures["train"]:,} English Reddit comments to train on, {figures["dev"]:,} (dev) to judge by. Thresholds were chosen
  on every fifth training text, which the weights have not seen.
- **Macro-F1 on dev**: 28 labels **{fine["macro_f1"]:.3f}**, Ekman **{groups["macro_f1"]:.3f}** (the paper's fine-tuned
  BERT: .46 and .64 on test).
- **F1, Ekman**: {listed(groups["f1"])}.
- **F1, 28 labels**: {listed(fine["f1"])}.

**Reliability** on dev: how often a text has the label with the highest score, by that score. The scores are too high,
since rare labels weigh more in training: they rank the labels, and are no probabilities.

Ekman:

{reliability_table(groups["reliability"])}

28 labels:

{reliability_table(fine["reliability"])}

**Limits.** English, written, Reddit: spoken sentences are shorter and plainer, and irony is not looked for. A sentence
stands alone; what came before it does not count. The rarest labels (`grief`, `pride`, `relief`) have 77 to 153 training
texts. Feelings *named* are not feelings *had*. On television dialogue (MELD dev, 1,109 sentences, only measured on) 43
of 100 neutral sentences are given a feeling.

Made by `python -m omnisense.perception.emotion.train text GOEMOTIONS`.
"""


def main(arguments: list[str]) -> int:
    """Run the command in the module's docstring; return its exit code."""
    trainers = {"voice": train_voice, "text": train_text}
    if len(arguments) not in (2, 3) or arguments[0] not in trainers:
        print(__doc__, file=sys.stderr)
        return 2
    output = Path(arguments[2]) if len(arguments) == 3 else _HERE
    try:
        output.mkdir(parents=True, exist_ok=True)
        print(json.dumps(trainers[arguments[0]](Path(arguments[1]), output), indent=1))
    except OmniSenseError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
