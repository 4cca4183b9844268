"""Prosody: pitch, loudness and speaking rate, measured frame by frame and summarized over intervals.

Pitch comes from SwiftF0 (a small network, 16 ms hop). Speaking rate counts syllable nuclei: peaks of intensity in
voiced frames with a dip before them (de Jong and Wempe, "Praat script to detect syllable nuclei and measure speech rate
automatically", 2009).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from omnisense.perception.media.decode import SAMPLE_RATE_HZ
from omnisense.perception.types import Prosody, Span, SpeakerTurn

FRAME_S = 0.016
_VOICED = 0.5  # SwiftF0's confidence from which a frame counts as voiced
_F0_RANGE_HZ = (60.0, 500.0)
_SYLLABLE_DIP_DB = 2.0  # de Jong and Wempe, 2009
_MIN_RATE_S = 0.3  # a rate over less speech is noise
_SILENCE_DB = -100.0


@dataclass
class ProsodyFrames:
    """Frame-wise measurements, (F,) each.

    Attributes:
        time_s: in seconds.
        f0_hz: pitch; NaN where unvoiced.
        level_db: loudness.
        syllable: whether a syllable's nucleus lies here.
    """

    time_s: np.ndarray
    f0_hz: np.ndarray
    level_db: np.ndarray
    syllable: np.ndarray

    @classmethod
    def concatenate(cls, parts: Sequence[ProsodyFrames]) -> ProsodyFrames:
        """Return consecutive measurements as one; empty arrays for none."""
        names = [f.name for f in fields(cls)]
        return cls(*(np.concatenate([getattr(p, name) for p in parts]) if parts else np.zeros(0) for name in names))

    def indices(self, span: Span | SpeakerTurn) -> slice:
        """Return the frames that lie in an interval."""
        return slice(int(np.searchsorted(self.time_s, span.start_s)), int(np.searchsorted(self.time_s, span.end_s)))

    def mask(self, spans: Sequence[Span | SpeakerTurn]) -> np.ndarray:
        """Return (F,) whether each frame lies in one of the intervals."""
        inside: np.ndarray = np.zeros(len(self.time_s), dtype=bool)
        for span in spans:
            inside[self.indices(span)] = True
        return inside


def measure_frames(samples: np.ndarray, start_s: float, pitch: Any) -> ProsodyFrames:
    """Measure (N,) float32 samples at 16 kHz.

    Args:
        samples: of the audio.
        start_s: where they begin in the clip.
        pitch: a ``swift_f0.SwiftF0``.
    """
    result = pitch.detect(samples, SAMPLE_RATE_HZ, fmin=_F0_RANGE_HZ[0], fmax=_F0_RANGE_HZ[1])
    f0_hz = np.where(result.confidence >= _VOICED, result.pitch_hz, np.nan)
    level_db = np.maximum(result.loudness_db, _SILENCE_DB)
    return ProsodyFrames(result.timestamps + start_s, f0_hz, level_db, _find_syllables(level_db, ~np.isnan(f0_hz)))


def _find_syllables(level_db: np.ndarray, voiced: np.ndarray) -> np.ndarray:
    from scipy.ndimage import uniform_filter1d
    from scipy.signal import find_peaks

    marks: np.ndarray = np.zeros(len(level_db), dtype=bool)
    if len(level_db) >= 3:
        peaks, _ = find_peaks(uniform_filter1d(level_db, 3), prominence=_SYLLABLE_DIP_DB)
        marks[peaks[voiced[peaks]]] = True
    return marks


def summarize_prosody(frames: ProsodyFrames, speech: np.ndarray, span: Span | SpeakerTurn) -> Prosody:
    """Return the prosody of an interval: of its speech, or its loudness alone where there is none.

    Args:
        frames: of the clip.
        speech: (F,) whether there is speech in each frame.
        span: the interval.
    """
    here = frames.indices(span)
    if here.start == here.stop:
        return Prosody()
    spoken = speech[here]
    level_db = frames.level_db[here][spoken] if spoken.any() else frames.level_db[here]
    f0_hz = frames.f0_hz[here][spoken]
    f0_hz = f0_hz[~np.isnan(f0_hz)]
    speech_s = float(spoken.sum()) * FRAME_S
    rate = float(frames.syllable[here][spoken].sum()) / speech_s if speech_s >= _MIN_RATE_S else None
    return Prosody(
        f0_hz=round(float(np.median(f0_hz)), 1) if len(f0_hz) >= 3 else None,
        loudness_db=round(mean_level_db(level_db), 1),
        rate_syllables_s=None if rate is None else round(rate, 2),
    )


def mean_level_db(level_db: np.ndarray) -> float:
    """Return the mean of the power of (F,) levels, in dB."""
    return 10 * float(np.log10(np.mean(10 ** (level_db / 10))))
