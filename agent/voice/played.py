"""Which words of a reply were heard: the sound that was played, aligned with its text."""

from __future__ import annotations

from math import gcd

import numpy as np

from omnisense.perception.media.decode import SAMPLE_RATE_HZ
from omnisense.perception.speech.align import align_words


def played_words(text: str, samples: np.ndarray, sample_rate: int, played_s: float) -> str:
    """Return the words of a sentence that were played, as they are written: those of which more than half was heard.

    The words are aligned with the sound by forced alignment (English); in other languages the sound is divided by
    word length.

    Args:
        text: the sentence.
        samples: (N,) float32, its whole sound.
        sample_rate: in Hz.
        played_s: how much of it was played.
    """
    words = text.split()
    if played_s <= 0 or not words:
        return ""
    if played_s >= len(samples) / sample_rate:
        return text
    aligned = align_words(at_16_khz(samples, sample_rate), text, "en", 0.0).words
    return " ".join(word.text for word in aligned if (word.start_s + word.end_s) / 2 < played_s)


def at_16_khz(samples: np.ndarray, sample_rate: int) -> np.ndarray:
    """Return (N,) float32 samples of another rate at 16 kHz."""
    from scipy.signal import resample_poly

    if sample_rate == SAMPLE_RATE_HZ:
        return samples
    divisor = gcd(SAMPLE_RATE_HZ, sample_rate)
    return np.asarray(resample_poly(samples, SAMPLE_RATE_HZ // divisor, sample_rate // divisor), np.float32)
