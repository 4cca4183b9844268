"""What a voice is: text and style in, pieces of sound out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np


@dataclass(frozen=True)
class VoiceStyle:
    """How something is said, relative to the voice's usual way.

    Attributes:
        pace: ratio to the usual pace; 1.1 is a tenth quicker.
        pitch_st: semitones above the usual pitch; negative is lower.
    """

    pace: float = 1.0
    pitch_st: float = 0.0


PLAIN = VoiceStyle()


class Voice(Protocol):
    """Turns sentences into sound. Calls may come from any thread, one at a time or several.

    Attributes:
        name: for records.
        sample_rate: of the sound, in Hz; 0 for a voice that makes none (:class:`NoVoice`).
    """

    name: str
    sample_rate: int

    def synthesize(self, text: str, style: VoiceStyle = PLAIN) -> Iterator[np.ndarray]:
        """Yield the sound of a sentence in pieces, each (N,) float32 mono from -1 to 1, as soon as they are ready.

        Raises:
            ModelError: the voice cannot be loaded, or its service failed.
        """
        ...


class NoVoice:
    """Makes no sound: replies are text only, and count as received whole."""

    name, sample_rate = "none", 0

    def synthesize(self, text: str, style: VoiceStyle = PLAIN) -> Iterator[np.ndarray]:
        """Yield nothing."""
        yield from ()


def speak(voice: Voice, text: str, style: VoiceStyle = PLAIN) -> np.ndarray:
    """Return the sound of a text of any length, (N,) float32 mono at the voice's sample rate, sentence by sentence."""
    from omnisense.text import split_sentences

    pieces = [piece for sentence in split_sentences(text) for piece in voice.synthesize(sentence, style)]
    return np.concatenate(pieces) if pieces else np.zeros(0, np.float32)
