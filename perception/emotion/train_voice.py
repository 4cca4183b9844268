"""Train the vocal emotion head on clean and degraded speech, and write its model card."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from omnisense.errors import ModelError
from omnisense.perception.audio.chunks import voice_activity
from omnisense.perception.emotion import voice
from omnisense.perception.emotion.degrade import KINDS, degrade
from omnisense.perception.emotion.reliability import read_reliability, reliability_table
from omnisense.perception.emotion.tables import read_labels
from omnisense.perception.emotion.voice_head import VoiceHead, fit_voice_head
from omnisense.perception.media.clip import open_clip
from omnisense.perception.media.decode import SAMPLE_RATE_HZ

CALM = "neutral"
# Added to the score of calm speech: a feeling that is heard in a calm voice costs more than one that is missed. Calm
# speech in rooms, where most of these are, weighs more too. Chosen with each speaker left out, on the copies' kinds of
# degradation and in three rooms that are neither trained nor measured on: the least bias with which a feeling is the
# top class of at most one calm utterance in eight, in each of these.
_CALM_BIAS, _CALM_WEIGHT_IN_ROOMS = 0.8, 2.0
_COPIES = (  # of each recording
    *("clean", "noise", "band", "room", "all", "room", "all"),
    *("call", "voices", "call", "voices", "room", "all", "room", "noise", "noise"),
)
_PAUSE_S = 0.6  # where perception cuts an utterance; it joins the parts again where it can


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
    heard = _training_features(data, rows)
    truth, speakers = (np.array([row[key] for row in rows]) for key in ("emotion", "speaker"))
    labels = tuple(sorted(set(truth)))
    _fit(heard, truth, labels, np.full(len(rows), True)).save(output / f"{voice.SHIPPED}.npz")
    heads = _unseen_heads(heard, truth, speakers, labels)
    scores = np.stack(
        [_scores_by(heads, copy, speakers) for copy in heard.whole[[_COPIES.index(kind) for kind in KINDS]]]
    )
    clean = np.array(labels)[scores[0].argmax(axis=1)]
    figures = {
        "conditions": {kind: voice_figures(scores[i], truth, labels) for i, kind in enumerate(KINDS)},
        "uar": _uar(truth, clean),
        "chance": round(1 / len(labels), 3),
        "by_speaker": {str(s): _uar(truth[speakers == s], clean[speakers == s]) for s in sorted(set(speakers))},
        "labels": list(labels),
        "confusion": confusion_matrix(truth, clean, labels=list(labels)).tolist(),
        "utterances": len(rows),
        "reliability": read_reliability(
            scores.max(axis=2).ravel(),
            (np.array(labels)[scores.argmax(axis=2)] == truth).ravel(),
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


def unseen_voice_heads(data: Path, rows: Sequence[dict[str, str]]) -> tuple[tuple[str, ...], dict[str, VoiceHead]]:
    """Return the labels, and for each speaker a head that is trained on all others.

    Args:
        data: folder of EmoDB.
        rows: of its ``labels.csv``.

    Raises:
        MediaError: a file cannot be read.
    """
    truth, speakers = (np.array([row[key] for row in rows]) for key in ("emotion", "speaker"))
    labels = tuple(sorted(set(truth)))
    return labels, _unseen_heads(_training_features(data, rows), truth, speakers, labels)


def save_unseen_heads(data: Path, rows: Sequence[dict[str, str]], folder: Path) -> dict[str, Path]:
    """Return the files of :func:`unseen_voice_heads` by speaker, in a folder.

    They are made where one is missing, or is of an earlier form of head.

    Args:
        data: folder of EmoDB.
        rows: of its ``labels.csv``.
        folder: of the files.

    Raises:
        MediaError: a recording cannot be read.
    """
    files = {speaker: folder / f"{speaker}.npz" for speaker in sorted({row["speaker"] for row in rows})}
    if not all(_is_readable(file) for file in files.values()):
        folder.mkdir(parents=True, exist_ok=True)
        for speaker, head in unseen_voice_heads(data, rows)[1].items():
            head.save(files[speaker])
    return files


def _is_readable(file: Path) -> bool:
    try:
        VoiceHead.load(file)
    except ModelError:
        return False
    return True


class _Heard(NamedTuple):
    """Features of recordings in several copies: of whole utterances, and of the parts between their long pauses.

    Attributes:
        whole: (copies, N, D).
        parts: (P, D) of all copies.
        rows: (P,) the recording of each part.
        copies: (P,) the number of its copy.
        weights: (P,) of the parts; those of one utterance count as much as it does.
    """

    whole: np.ndarray
    parts: np.ndarray
    rows: np.ndarray
    copies: np.ndarray
    weights: np.ndarray


def _training_features(data: Path, rows: Sequence[dict[str, str]]) -> _Heard:
    """Return the features of copies of the recordings, cut at voice activity as perception cuts them."""
    from omnisense.perception.audio.models import load_pitch_model

    pitch = load_pitch_model()
    recordings = [open_clip(data / row["file"]).audio() for row in rows]
    whole, parts = [], []
    for number, kind in enumerate(_COPIES):
        for i, (row, samples) in enumerate(zip(rows, recordings, strict=True)):
            others = [r for j, r in enumerate(recordings) if j != i and rows[j]["speaker"] == row["speaker"]]
            degraded = degrade(samples, kind, np.random.default_rng([i, number]), others)
            spoken, *cut = _spoken_parts(degraded)
            whole.append(voice.voice_features(spoken, pitch))
            parts += [(i, number, 1 / len(cut), voice.voice_features(part, pitch)) for part in cut]
    return _Heard(
        np.stack(whole).reshape(len(_COPIES), len(rows), -1),
        np.array([features for *_, features in parts]).reshape(len(parts), whole[0].shape[-1]),
        np.array([i for i, *_ in parts], dtype=int),
        np.array([number for _, number, *_ in parts], dtype=int),
        np.array([weight for *_, weight, _ in parts]),
    )


def _spoken_parts(samples: np.ndarray) -> list[np.ndarray]:
    """Return an utterance without the silence around it, and its parts where it has long pauses.

    The utterance is whole where too little of it is taken for speech; parts that are too short are left out.
    """
    speech = voice_activity(samples)
    if not speech or speech[-1].end_s - speech[0].start_s < voice.MIN_S:
        return [samples]
    edges = [[speech[0].start_s, speech[0].end_s]]
    for span in speech[1:]:
        if span.start_s - edges[-1][1] < _PAUSE_S:
            edges[-1][1] = span.end_s
        else:
            edges.append([span.start_s, span.end_s])
    cut = edges if len(edges) > 1 else []
    kept = [(speech[0].start_s, speech[-1].end_s), *((a, b) for a, b in cut if b - a >= voice.MIN_S)]
    return [samples[round(a * SAMPLE_RATE_HZ) : round(b * SAMPLE_RATE_HZ)] for a, b in kept]


def _unseen_heads(
    heard: _Heard, truth: np.ndarray, speakers: np.ndarray, labels: tuple[str, ...]
) -> dict[str, VoiceHead]:
    return {str(s): _fit(heard, truth, labels, speakers != s) for s in sorted(set(speakers))}


def _scores_by(heads: dict[str, VoiceHead], features: np.ndarray, speakers: np.ndarray) -> np.ndarray:
    scores: np.ndarray = np.stack([heads[s].scores(f[None])[0] for s, f in zip(speakers, features, strict=True)])
    return scores


def _fit(heard: _Heard, truth: np.ndarray, labels: tuple[str, ...], chosen: np.ndarray) -> VoiceHead:
    """Return a head for labels, trained on the copies and parts of chosen (N,) recordings."""
    in_rooms = np.array(_COPIES) == "room"
    whole_weights = np.where(in_rooms[:, None] & (truth[chosen] == CALM), _CALM_WEIGHT_IN_ROOMS, 1.0)
    cut = chosen[heard.rows]
    part_truth = truth[heard.rows[cut]]
    part_weights = np.where(in_rooms[heard.copies[cut]] & (part_truth == CALM), _CALM_WEIGHT_IN_ROOMS, 1.0)
    head = fit_voice_head(
        np.concatenate([heard.whole[:, chosen].reshape(-1, heard.whole.shape[-1]), heard.parts[cut]]),
        np.concatenate([np.tile(truth[chosen], len(heard.whole)), part_truth]),
        np.concatenate([whole_weights.ravel(), heard.weights[cut] * part_weights]),
        labels,
    )
    return replace(head, bias=head.bias + np.where(np.array(labels) == CALM, _CALM_BIAS, 0.0))


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
    names = {
        "clean": "as recorded",
        "noise": "colored noise, 5-25 dB",
        "band": "narrow bands",
        "room": "rooms",
        "all": "room, noise and band",
        "call": "telephone calls",
        "voices": "voices behind, 5-20 dB",
    }
    conditions = [
        f"| {names[kind]} | {' | '.join(f'{f[k]:.3f}' for k in f)} |" for kind, f in figures["conditions"].items()
    ]
    head = " | ".join(next(iter(figures["conditions"].values())))
    return f"""# Vocal emotion head (`{voice.SHIPPED}.npz`)

Multinomial logistic regression on an RBF kernel (`emotion/voice_head.py`) of 189 standard features of one utterance:
statistics of 20 cepstra and their movement, pitch, range of loudness, long-term spectrum (`emotion/voice.py`). Level
does not count.

- **Classes**: {", ".join(labels)}.
- **Data**: {figures["utterances"]} utterances of EmoDB (Burkhardt et al., "A Database of German Emotional Speech",
  Interspeech 2005; CC0): German, seven actors, ten fixed sentences, a studio; each as it is and in
  {len(_COPIES) - 1} degraded copies (`emotion/degrade.py`), whole and, where it has pauses over {_PAUSE_S:g} s, in
  parts too.
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
