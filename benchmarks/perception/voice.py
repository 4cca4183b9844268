"""Vocal emotion of speakers that the head has not heard, in noise, on a phone line and in rooms."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from omnisense.benchmarks.perception.conditions import Condition, conditions
from omnisense.benchmarks.perception.progress import Progress
from omnisense.perception.audio.analysis import analyze_audio
from omnisense.perception.audio.chunks import AudioChunks
from omnisense.perception.audio.models import AudioModels
from omnisense.perception.emotion.reliability import read_reliability
from omnisense.perception.emotion.tables import read_labels
from omnisense.perception.emotion.train_voice import unseen_voice_heads, voice_figures
from omnisense.perception.emotion.voice import voice_features
from omnisense.perception.emotion.voice_head import VoiceHead
from omnisense.perception.media.clip import open_clip
from omnisense.perception.media.decode import SAMPLE_RATE_HZ
from omnisense.perception.pipeline import Perception


def in_conditions(
    data: Path, perception: Perception, progress: Progress | None = None, stride: int = 1
) -> dict[str, Any]:
    """Return the figures of vocal emotion in each condition, of the file and of what perception cuts out of it.

    Every utterance is read by a head that has not heard its speaker. No noise, line or room is of a kind that the heads
    were trained on.

    Args:
        data: contains ``speech/emodb/``, and for some conditions ``speech/ami/`` and ``grid/``.
        perception: whose audio models cut the utterances.
        progress: of a run that was stopped.
        stride: every how many-th utterance is heard through perception, which takes longer.
    """
    emodb, progress = data / "speech" / "emodb", progress or Progress()
    rows = read_labels(emodb / "labels.csv")
    labels = sorted({row["emotion"] for row in rows})
    heads = _heads(emodb, rows, progress)
    recordings = [open_clip(emodb / row["file"]).audio() for row in rows]
    figures: dict[str, Any] = {"utterances": f"{len(rows)}, through perception {len(rows[::stride])}"}
    top, right = [], []
    for name, degrade in conditions(data).items():
        for how, step in (("file", 1), ("perceive", stride)):
            chosen = rows[::step]

            def measure(how: str = how, step: int = step, degrade: Condition = degrade) -> list[list[float]]:
                heard = [degrade(samples, i) for i, samples in enumerate(recordings)][::step]
                found = list(_FEATURES[how](heard, perception))
                return [[round(float(s), 5) for s in row] for row in _scores(rows[::step], found, heads)]

            scores = np.array(progress.get(f"{name}, {how}", measure))
            truth = np.array([row["emotion"] for row in chosen])
            figures[f"{name}, {how}"] = voice_figures(scores, truth, labels)
            top.append(scores.max(axis=1))
            right.append(np.array(labels)[scores.argmax(axis=1)] == truth)
    return {**figures, "reliability": read_reliability(np.concatenate(top), np.concatenate(right))}


def _heads(emodb: Path, rows: Sequence[dict[str, str]], progress: Progress) -> dict[str, VoiceHead]:
    """Return for each speaker a head that has not heard them; a stopped run keeps them, as training takes minutes."""

    def train() -> dict[str, Any]:
        return {
            speaker: [np.asarray(getattr(head, field.name)).tolist() for field in fields(head)]
            for speaker, head in unseen_voice_heads(emodb, rows)[1].items()
        }

    return {
        speaker: VoiceHead(tuple(labels), *(np.array(values) for values in arrays))
        for speaker, (labels, *arrays) in progress.get("heads", train).items()
    }


def _scores(rows: Sequence[dict[str, str]], features: Sequence[np.ndarray], heads: dict[str, VoiceHead]) -> np.ndarray:
    """Return (N, K) scores by the heads that have not heard the speakers; features (M, D) of one row are averaged."""
    scores: np.ndarray = np.stack(
        [
            heads[row["speaker"]].scores(np.atleast_2d(found)).mean(axis=0)
            for row, found in zip(rows, features, strict=True)
        ]
    )
    return scores


class _Features:
    """A classifier that keeps the features of what it is given, since the utterances do not depend on the head."""

    labels: tuple[str, ...] = ("features",)
    name = "features"

    def __init__(self, pitch: Any) -> None:
        self.kept: list[np.ndarray] = []
        self._pitch = pitch

    def classify(self, samples: np.ndarray) -> np.ndarray:
        self.kept.append(voice_features(samples, self._pitch))
        return np.ones(1)


def _of_files(recordings: Sequence[np.ndarray], perception: Perception) -> Iterator[np.ndarray]:
    """Yield the features (D,) of each recording as it is."""
    pitch = perception.registry.get("pitch")
    yield from (voice_features(samples, pitch) for samples in recordings)


def _through_perception(recordings: Sequence[np.ndarray], perception: Perception) -> Iterator[np.ndarray]:
    """Yield the features (M, D) of the utterances that the audio stream finds in each recording, else of the whole."""
    from scipy.io import wavfile

    pitch, diarizer = perception.registry.get("pitch"), perception.registry.get("speaker")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "utterance.wav"
        for samples in recordings:
            wavfile.write(path, SAMPLE_RATE_HZ, samples.astype(np.float32))
            kept = _Features(pitch)
            analyze_audio(AudioChunks.of_clip(open_clip(path)), AudioModels(pitch, diarizer, kept))
            yield np.stack(kept.kept or [voice_features(samples, pitch)])


_FEATURES = {"file": _of_files, "perceive": _through_perception}
