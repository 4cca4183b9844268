"""Speech in other languages, and noise: that neither is written down as English and given feelings."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from omnisense.benchmarks.perception.conditions import conditions
from omnisense.benchmarks.perception.progress import Progress
from omnisense.perception.emotion.degrade import KINDS, degrade
from omnisense.perception.emotion.tables import read_labels
from omnisense.perception.media.decode import SAMPLE_RATE_HZ
from omnisense.perception.pipeline import Perception
from omnisense.perception.settings import PerceptionSettings
from omnisense.perception.types import Transcript

_GERMAN_STRIDE = 8  # every how many-th utterance of EmoDB
_NOISES_S = 6.0


def languages(data: Path, progress: Progress | None = None) -> dict[str, Any]:
    """Return how German, English and noise are understood, with the multilingual model and without it.

    Args:
        data: contains ``speech/emodb/``, ``grid/``, and for some noises ``speech/ami/``.
        progress: of a run that was stopped.
    """
    progress = progress or Progress()
    rows = read_labels(data / "speech" / "emodb" / "labels.csv")[::_GERMAN_STRIDE]
    german = [data / "speech" / "emodb" / row["file"] for row in rows]
    english = [*sorted((data / "grid").glob("*.mpg")), *_english(data / "speech")]
    figures: dict[str, Any] = {"utterances": {"German": len(german), "English": len(english)}}
    perception = Perception(PerceptionSettings(streams=("transcript",)), cache=False)
    understood = _understand(german, perception, progress, "both models")
    figures["German"] = _read(understood, "de")
    figures["German, word error rate"] = _word_errors(understood, [row["text"] for row in rows])
    figures["English"] = _read(_understand(english, perception, progress, "both models"), "en")
    figures["noise alone"] = _read(
        progress.get("noise", lambda: [_summary(found) for found in _noises(data, perception)]), None
    )
    alone = Perception(PerceptionSettings(streams=("transcript",), foreign_speech_model=None), cache=False)
    figures["German, without a multilingual model"] = _read(_understand(german, alone, progress, "English only"), None)
    return figures


def _english(speech: Path) -> list[Path]:
    found = [speech / "jfk" / "jfk.wav", speech / "two_speaker_call" / "sample.wav", speech / "ami" / "dev00.flac"]
    return [path for path in found if path.is_file()]


def _understand(paths: Sequence[Path], perception: Perception, progress: Progress, models: str) -> list[dict[str, Any]]:
    return [
        progress.get(f"{path.name}, {models}", lambda path=path: _summary(_transcript(perception, path)))  # type: ignore[misc]
        for path in paths
    ]


def _transcript(perception: Perception, path: Path) -> Transcript:
    percepts = perception.perceive(path)
    assert isinstance(percepts.transcript, Transcript), percepts.missing()
    return percepts.transcript


def _summary(transcript: Transcript) -> dict[str, Any]:
    segments = transcript.segments
    return {
        "text": transcript.text,
        "language": transcript.language,
        "in English": any(segment.language == "en" for segment in segments),
        "unclear": bool(transcript.unclear) and not segments,
        "feeling": any(segment.feelings[:1] not in ((), ("neutral",)) for segment in segments),
    }


def _read(understood: Sequence[dict[str, Any]], language: str | None) -> dict[str, Any]:
    """Return of how many clips the language is right, and how many are quoted in English or given a feeling."""
    return {
        "clips": len(understood),
        "language right": sum(found["language"] == language for found in understood) if language else None,
        "quoted in English": sum(found["in English"] for found in understood),
        "reported as unclear": sum(found["unclear"] for found in understood),
        "given a feeling": sum(found["feeling"] for found in understood),
    }


def _word_errors(understood: Sequence[dict[str, Any]], truth: list[str]) -> float:
    import jiwer

    def plain(text: str) -> str:
        return "".join(char if char.isalnum() else " " for char in text.lower())

    return round(float(jiwer.wer([plain(text) for text in truth], [plain(found["text"]) for found in understood])), 3)


def _noises(data: Path, perception: Perception) -> Iterator[Transcript]:
    """Yield what is understood of noises without any speech."""
    from scipy.io import wavfile

    rng = np.random.default_rng(0)
    silence = rng.standard_normal(round(_NOISES_S * SAMPLE_RATE_HZ)).astype(np.float32) * 1e-3
    kinds = [degrade(silence, kind, np.random.default_rng(i)) for kind in KINDS if kind != "voices" for i in range(2)]
    kinds += [
        change(silence, seed) for name, change in conditions(data).items() for seed in range(2) if "voices" not in name
    ]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "noise.wav"
        for samples in kinds:
            wavfile.write(path, SAMPLE_RATE_HZ, samples / (np.abs(samples).max() + 1e-9) * 0.3)
            yield _transcript(perception, path)
