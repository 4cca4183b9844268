"""Train the vocal emotion head on clean, noisy, band-limited and reverberant speech, and write its model card."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from omnisense.perception.audio.chunks import voice_activity
from omnisense.perception.emotion import voice
from omnisense.perception.emotion.degrade import degrade
from omnisense.perception.emotion.linear import LinearHead
from omnisense.perception.emotion.reliability import read_reliability, reliability_table
from omnisense.perception.emotion.tables import read_labels
from omnisense.perception.media.clip import open_clip
from omnisense.perception.media.decode import SAMPLE_RATE_HZ

CALM = "neutral"
_C = 0.003  # inverse strength of the ridge; .001 to .01 give within .03 of the same figures
# Added to the score of calm speech: a feeling that is heard in a calm voice costs more than one that is missed. Chosen
# on degraded copies of speakers that the head had not heard.
_CALM_BIAS = 0.5
_COPIES = ("clean", "noise", "band", "room", "all", "room", "all")  # of each recording


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
    from sklearn.metrics import confusion_matrix

    rows = read_labels(data / "labels.csv")
    copies = _training_features([open_clip(data / row["file"]).audio() for row in rows])
    truth, speakers = (np.array([row[key] for row in rows]) for key in ("emotion", "speaker"))
    labels = tuple(sorted(set(truth)))
    _fit(copies, truth, labels).save(output / f"{voice.SHIPPED}.npz")
    heads = _unseen_heads(copies, truth, speakers, labels)
    scores = np.stack([_scores_by(heads, copy, speakers) for copy in copies])
    clean = np.array(labels)[scores[0].argmax(axis=1)]
    figures = {
        "conditions": {kind: voice_figures(scores[i], truth, labels) for i, kind in enumerate(_COPIES[:5])},
        "uar": _uar(truth, clean),
        "chance": round(1 / len(labels), 3),
        "by_speaker": {str(s): _uar(truth[speakers == s], clean[speakers == s]) for s in sorted(set(speakers))},
        "labels": list(labels),
        "confusion": confusion_matrix(truth, clean, labels=list(labels)).tolist(),
        "utterances": len(rows),
        "reliability": read_reliability(
            scores[:5].max(axis=2).ravel(),
            (np.array(labels)[scores[:5].argmax(axis=2)] == truth).ravel(),
        ),
    }
    (output / f"{voice.SHIPPED}.md").write_text(_card(figures), "utf-8")
    return figures


def voice_figures(scores: np.ndarray, truth: np.ndarray, labels: Sequence[str], clear: float = 0.8) -> dict[str, Any]:
    """Return how well utterances are read.

    Args:
        scores: (N, K) of the labels.
        truth: (N,) labels.
        labels: the K classes.
        clear: score from which a feeling is said.

    Returns:
        ``uar``, the unweighted average recall; of calm speech, the share whose top class is a feeling (``calm, top is
        a feeling``) and the share that is said to have one (``calm, said a feeling``); the share that is wrong with a
        clear score (``sure and wrong``); ``ece``, the expected calibration error.
    """
    found, top = np.array(labels)[scores.argmax(axis=1)], scores.max(axis=1)
    calm, wrong = truth == CALM, found != truth
    return {
        "uar": _uar(truth, found),
        "calm, top is a feeling": round(float(np.mean(wrong[calm])), 3),
        "calm, said a feeling": round(float(np.mean(wrong[calm] & (top[calm] >= clear))), 3),
        "sure and wrong": round(float(np.mean(wrong & (top >= clear))), 3),
        "ece": read_reliability(top, ~wrong)["ece"],
    }


def unseen_voice_scores(
    data: Path, rows: Sequence[dict[str, str]], degraded: Callable[[np.ndarray, int], np.ndarray] | None = None
) -> tuple[tuple[str, ...], np.ndarray]:
    """Return labels (K,) and scores (N, K) of EmoDB's rows, each by a head that has not heard its speaker.

    Args:
        data: folder of EmoDB.
        rows: of its ``labels.csv``.
        degraded: makes the recording that is scored, of one (N,) at 16 kHz and the row's number; by default as it is.

    Raises:
        MediaError: a file cannot be read.
    """
    from omnisense.perception.audio.models import load_pitch_model

    pitch = load_pitch_model()
    recordings = [open_clip(data / row["file"]).audio() for row in rows]
    labels, heads = unseen_voice_heads(data, rows)
    heard = recordings if degraded is None else [degraded(r, i) for i, r in enumerate(recordings)]
    features = np.stack([voice.voice_features(samples, pitch) for samples in heard])
    return labels, _scores_by(heads, features, np.array([row["speaker"] for row in rows]))


def unseen_voice_heads(data: Path, rows: Sequence[dict[str, str]]) -> tuple[tuple[str, ...], dict[str, LinearHead]]:
    """Return the labels, and for each speaker a head that is trained on all others.

    Args:
        data: folder of EmoDB.
        rows: of its ``labels.csv``.

    Raises:
        MediaError: a file cannot be read.
    """
    copies = _training_features([open_clip(data / row["file"]).audio() for row in rows])
    truth, speakers = (np.array([row[key] for row in rows]) for key in ("emotion", "speaker"))
    labels = tuple(sorted(set(truth)))
    return labels, _unseen_heads(copies, truth, speakers, labels)


def _training_features(recordings: Sequence[np.ndarray]) -> np.ndarray:
    """Return features (copies, N, 189) of the recordings, cut at voice activity as perception cuts them."""
    from omnisense.perception.audio.models import load_pitch_model

    pitch = load_pitch_model()
    return np.stack(
        [
            [
                voice.voice_features(_spoken_part(degrade(samples, kind, np.random.default_rng([i, number]))), pitch)
                for i, samples in enumerate(recordings)
            ]
            for number, kind in enumerate(_COPIES)
        ]
    )


def _spoken_part(samples: np.ndarray) -> np.ndarray:
    """Return an utterance without the silence around it; whole, where too little of it is taken for speech."""
    speech = voice_activity(samples)
    if not speech or speech[-1].end_s - speech[0].start_s < voice.MIN_S:
        return samples
    return samples[round(speech[0].start_s * SAMPLE_RATE_HZ) : round(speech[-1].end_s * SAMPLE_RATE_HZ)]


def _unseen_heads(
    copies: np.ndarray, truth: np.ndarray, speakers: np.ndarray, labels: tuple[str, ...]
) -> dict[str, LinearHead]:
    return {str(s): _fit(copies[:, speakers != s], truth[speakers != s], labels) for s in sorted(set(speakers))}


def _scores_by(heads: dict[str, LinearHead], features: np.ndarray, speakers: np.ndarray) -> np.ndarray:
    scores: np.ndarray = np.stack([heads[s].scores(f[None])[0] for s, f in zip(speakers, features, strict=True)])
    return scores


def _fit(copies: np.ndarray, truth: np.ndarray, labels: tuple[str, ...]) -> LinearHead:
    from sklearn.linear_model import LogisticRegression

    features, targets = np.concatenate(copies), np.tile(truth, len(copies))
    mean, scale = features.mean(axis=0), features.std(axis=0) + 1e-6
    model = LogisticRegression(C=_C, class_weight="balanced", max_iter=5000)
    model.fit((features - mean) / scale, targets)
    order = [list(model.classes_).index(label) for label in labels]
    bias = model.intercept_[order] + np.where(np.array(labels) == CALM, _CALM_BIAS, 0.0)
    return LinearHead(labels, mean, scale, model.coef_[order].T, bias, np.zeros(0))


def _uar(truth: np.ndarray, found: np.ndarray) -> float:
    from sklearn.metrics import recall_score

    return round(float(recall_score(truth, found, average="macro")), 3)


def _card(figures: dict[str, Any]) -> str:
    labels = figures["labels"]
    rows = [
        f"| {label} | {' | '.join(str(n) for n in row)} |"
        for label, row in zip(labels, figures["confusion"], strict=True)
    ]
    by_speaker = ", ".join(f"{s}: {u:.2f}" for s, u in figures["by_speaker"].items())
    names = {"clean": "as recorded", "noise": "colored noise, 5-25 dB", "band": "narrow bands", "room": "rooms"}
    conditions = [
        f"| {names.get(kind, 'room, noise and band')} | {' | '.join(f'{f[k]:.3f}' for k in f)} |"
        for kind, f in figures["conditions"].items()
    ]
    head = " | ".join(next(iter(figures["conditions"].values())))
    return f"""# Vocal emotion head (`{voice.SHIPPED}.npz`)

Multinomial logistic regression on 189 standard features of one utterance: statistics of 20 cepstra and their movement,
pitch, range of loudness, long-term spectrum (`emotion/voice.py`). Level does not count.

- **Classes**: {", ".join(labels)}.
- **Data**: {figures["utterances"]} utterances of EmoDB (Burkhardt et al., "A Database of German Emotional Speech",
  Interspeech 2005; CC0): German, seven actors, ten fixed sentences, a studio; each as it is and in six degraded copies
  (`emotion/degrade.py`).
- **Unweighted average recall, each speaker left out in turn**: **{figures["uar"]:.3f}** as recorded (chance
  {figures["chance"]:.2f}). By speaker: {by_speaker}.

Every speaker left out in turn, under the kinds of degradation that the head is trained on. "Said" is a score of .8 or
more, from which the timeline names a tone. `python -m omnisense.benchmarks.perception DATA --part voice` measures
noise, lines and rooms of other kinds.

| condition | {head} |
| --- |{" --- |" * len(next(iter(figures["conditions"].values())))}
{chr(10).join(conditions)}

**Confusion** as recorded (rows: truth, columns: guess):

| | {" | ".join(labels)} |
| --- |{" --- |" * len(labels)}
{chr(10).join(rows)}

**Reliability** over all conditions of the table: how often the top class is right, by its score.

{reliability_table(figures["reliability"])}

**Limits.** Acted emotion of German adults: on spontaneous speech, other languages or children expect less, and read the
scores as how a voice *sounds*, never as what a person feels. Joy and anger are both loud and high, and the ones most
often taken for each other. The shipped head has heard all seven speakers: figures on EmoDB itself say nothing of it
unless the speaker was left out.

Made by `python -m omnisense.perception.emotion.train voice EMODB`.
"""
