"""Train the shipped heads again from the data sets, and write their model cards.

    python -m omnisense.perception.emotion.train voice EMODB [OUTPUT]        # half a minute
    python -m omnisense.perception.emotion.train text GOEMOTIONS [OUTPUT]    # five minutes on two cores

EMODB is a folder with ``labels.csv`` (file, speaker, emotion) and the audio files; GOEMOTIONS one with ``train.tsv.gz``
and ``dev.tsv.gz`` (text, label numbers, id) and ``labels.txt``. Without OUTPUT the files of the package are replaced.
Everything is seeded: the same data give the same head and the same figures.
"""

from __future__ import annotations

import csv
import gzip
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from omnisense import models
from omnisense.errors import InputError, OmniSenseError
from omnisense.perception.emotion import text, voice
from omnisense.perception.emotion.linear import LinearHead
from omnisense.perception.media.clip import open_clip

_HERE = Path(__file__).parent
_VOICE_C = 0.03  # inverse strength of the ridge; .01 to 1 give within .015 of the same figure
_TEXT_EPOCHS, _TEXT_BATCH, _TEXT_RATE, _TEXT_DECAY = 12, 512, 3e-3, 1.0
_THRESHOLD_STRIDE = 5  # every fifth training text is held out to choose thresholds


# --- voice --------------------------------------------------------------------------------------------------


def train_voice(data: Path, output: Path) -> dict[str, Any]:
    """Train on EmoDB, evaluate with each speaker held out in turn, write ``voice_emotion.npz`` and its model card.

    Args:
        data: folder of EmoDB.
        output: existing folder.

    Returns:
        The figures of the model card.

    Raises:
        InputError: the data cannot be read.
    """
    from sklearn.metrics import confusion_matrix, recall_score

    from omnisense.perception.audio.models import load_pitch_model

    rows = read_labels(data / "labels.csv")
    pitch = load_pitch_model()
    features = np.stack([voice.voice_features(open_clip(data / row["file"]).audio(), pitch) for row in rows])
    truth = np.array([row["emotion"] for row in rows])
    speakers = np.array([row["speaker"] for row in rows])
    labels = tuple(sorted(set(truth)))
    predicted = np.array(labels)[_unseen_scores(features, features, truth, speakers, labels).argmax(axis=1)]
    _fit_voice(features, truth, labels).save(output / f"{voice.SHIPPED}.npz")
    figures = {
        "uar": round(float(recall_score(truth, predicted, average="macro")), 3),
        "chance": round(1 / len(labels), 3),
        "by_speaker": {
            str(s): round(float(recall_score(truth[speakers == s], predicted[speakers == s], average="macro")), 2)
            for s in sorted(set(speakers))
        },
        "labels": list(labels),
        "confusion": confusion_matrix(truth, predicted, labels=list(labels)).tolist(),
        "utterances": len(rows),
    }
    (output / f"{voice.SHIPPED}.md").write_text(_voice_card(figures), "utf-8")
    return figures


def unseen_voice_scores(
    data: Path, rows: Sequence[dict[str, str]], degrade: Callable[[np.ndarray, int], np.ndarray] | None = None
) -> tuple[tuple[str, ...], np.ndarray]:
    """Return labels (K,) and scores (N, K) of EmoDB's rows, each by a head that has not heard its speaker.

    Args:
        data: folder of EmoDB.
        rows: of its ``labels.csv``.
        degrade: makes the recording that is scored, of one (N,) at 16 kHz and the row's number; by default as it is.

    Raises:
        MediaError: a file cannot be read.
    """
    from omnisense.perception.audio.models import load_pitch_model

    pitch = load_pitch_model()
    recordings = [open_clip(data / row["file"]).audio() for row in rows]
    features = np.stack([voice.voice_features(recording, pitch) for recording in recordings])
    heard = features
    if degrade:
        heard = np.stack([voice.voice_features(degrade(r, i), pitch) for i, r in enumerate(recordings)])
    truth, speakers = (np.array([row[key] for row in rows]) for key in ("emotion", "speaker"))
    labels = tuple(sorted(set(truth)))
    return labels, _unseen_scores(features, heard, truth, speakers, labels)


def _unseen_scores(
    features: np.ndarray, heard: np.ndarray, truth: np.ndarray, speakers: np.ndarray, labels: tuple[str, ...]
) -> np.ndarray:
    """Return the scores of what is ``heard`` of each speaker, by heads fitted on the features of all others."""
    scores: np.ndarray = np.zeros((len(features), len(labels)), np.float32)
    for speaker in sorted(set(speakers)):
        held_out = speakers == speaker
        scores[held_out] = _fit_voice(features[~held_out], truth[~held_out], labels).scores(heard[held_out])
    return scores


def _fit_voice(features: np.ndarray, truth: np.ndarray, labels: tuple[str, ...]) -> LinearHead:
    from sklearn.linear_model import LogisticRegression

    mean, scale = features.mean(axis=0), features.std(axis=0) + 1e-6
    model = LogisticRegression(C=_VOICE_C, class_weight="balanced", max_iter=5000)
    model.fit((features - mean) / scale, truth)
    order = [list(model.classes_).index(label) for label in labels]
    return LinearHead(labels, mean, scale, model.coef_[order].T, model.intercept_[order], np.zeros(0))


def read_labels(path: Path) -> list[dict[str, str]]:
    """Return the rows of a ``labels.csv``.

    Raises:
        InputError: it cannot be read.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))
    except OSError as error:
        raise InputError(
            f"the labels cannot be read ({error.strerror})", "Give the data set's folder.", path
        ) from error


def _voice_card(figures: dict[str, Any]) -> str:
    labels = figures["labels"]
    rows = [
        f"| {label} | {' | '.join(str(n) for n in row)} |"
        for label, row in zip(labels, figures["confusion"], strict=True)
    ]
    by_speaker = ", ".join(f"{s}: {u:.2f}" for s, u in figures["by_speaker"].items())
    return f"""# Vocal emotion head (`{voice.SHIPPED}.npz`)

Multinomial logistic regression on 189 standard features of one utterance: statistics of 20 cepstra and their movement,
pitch, range of loudness, long-term spectrum (`emotion/voice.py`). Level does not count.

- **Classes**: {", ".join(labels)}.
- **Data**: {figures["utterances"]} utterances of EmoDB (Burkhardt et al., "A Database of German Emotional Speech",
  Interspeech 2005; CC0): German, seven actors, ten fixed sentences, a studio.
- **Unweighted average recall, each speaker left out in turn**: **{figures["uar"]:.3f}** (chance
  {figures["chance"]:.2f}). By speaker: {by_speaker}.
- **Confusion** (rows: truth, columns: guess):

| | {" | ".join(labels)} |
| --- |{" --- |" * len(labels)}
{chr(10).join(rows)}

**Limits.** Acted emotion of German adults in a quiet room: on spontaneous speech, other languages, children or a noisy
line expect less, and read the scores as how a voice *sounds*, never as what a person feels. Joy and anger are both loud
and high, and the ones most often taken for each other.

Made by `python -m omnisense.perception.emotion.train voice EMODB`.
"""


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
        scores = f1_scores(dev_wanted > 0, shipped.scores(dev_features) >= shipped.thresholds)
        figures[name] = {
            "macro_f1": round(float(scores.mean()), 3),
            "f1": dict(zip(labels, scores.round(2).tolist(), strict=True)),
        }
    (output / f"{text.SHIPPED}.md").write_text(_text_card(figures), "utf-8")
    return figures


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

**Limits.** English, written, Reddit: spoken sentences are shorter and plainer, and irony is not looked for. A sentence
stands alone; what came before it does not count. The rarest labels (`grief`, `pride`, `relief`) have 77 to 153 training
texts. Feelings *named* are not feelings *had*.

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
