"""The audio models that the audio extractor works with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from omnisense.perception.audio.diarization import Diarizer
from omnisense.perception.emotion.voice import VoiceEmotionClassifier


@dataclass(frozen=True)
class AudioModels:
    """A pitch estimator, and what else was requested and could be loaded.

    Attributes:
        pitch: a ``swift_f0.SwiftF0``.
        diarizer: None leaves the speakers out.
        emotion_classifier: of the voice; None leaves vocal emotion out.
        notes: why a model is left out.
    """

    pitch: Any
    diarizer: Diarizer | None = None
    emotion_classifier: VoiceEmotionClassifier | None = None
    notes: tuple[str, ...] = ()


def load_pitch_model() -> Any:
    """Return a SwiftF0 pitch estimator, whose weights ship in its package."""
    from swift_f0 import SwiftF0

    return SwiftF0(threads=1)
