"""What is heard besides the words: who-speaks-when, pauses, pitch, loudness and rate.

Pitch comes from SwiftF0 (a small network, 16 ms hop), voice activity from Silero VAD. Speaking rate counts
syllable nuclei: peaks of intensity in voiced sound with a dip before them (de Jong and Wempe, "Praat script to
detect syllable nuclei and measure speech rate automatically", 2009).
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from omnisense.perception.percepts import AudioStream, Prosody, Span, Utterance
from omnisense.perception.speech_blocks import SpeechBlocks

_MIN_PAUSE_S = 0.25  # shorter silences belong to stop consonants
_UTTERANCE_GAP_S = 0.6  # speech closer than this is one utterance
_VOICED = 0.5  # SwiftF0's confidence from which a frame counts as voiced
_F0_RANGE_HZ = (60.0, 500.0)
_SYLLABLE_DIP_DB = 2.0  # de Jong and Wempe, 2009
_MIN_RATE_S = 0.3  # a rate over less speech is noise
_SILENCE_DB = -100.0


@dataclass
class _Track:
    """Frame-wise measurements, all (F,): time in seconds, pitch in Hz (NaN unvoiced), level in dB, syllable mark."""

    time_s: np.ndarray
    f0_hz: np.ndarray
    level_db: np.ndarray
    syllable: np.ndarray


def hear(blocks: SpeechBlocks, duration_s: float, pitch: Any) -> AudioStream:
    """Measure a clip's sound.

    Args:
        blocks: the clip's sound.
        duration_s: the clip's length.
        pitch: a ``swift_f0.SwiftF0``.
    """
    tracks: list[_Track] = []
    speech: list[Span] = []
    heard_s = 0.0
    for block in blocks:
        speech += block.speech
        heard_s = block.start_s + len(block.samples) / 16_000
        if len(block.samples):
            tracks.append(_measure(block.samples, block.start_s, pitch))
    if not heard_s:
        return AudioStream(0.0, (), (), (), (), Prosody())
    track = _Track(
        *(np.concatenate([getattr(t, name) for t in tracks]) for name in ("time_s", "f0_hz", "level_db", "syllable"))
    )
    spoken = _inside(track.time_s, speech)
    groups = _utterances(speech)
    measured = [_prosody(track, spoken, span) for span in groups]
    baseline = _baseline(track, spoken, measured)
    seconds = [Span(s, min(s + 1.0, heard_s)) for s in np.arange(0.0, heard_s, 1.0).tolist()]
    return AudioStream(
        duration_s=round(heard_s, 3),
        speech=tuple(speech),
        pauses=tuple(_pauses(speech)),
        utterances=tuple(
            Utterance(span.start_s, span.end_s, _relative(prosody, baseline))
            for span, prosody in zip(groups, measured, strict=True)
        ),
        seconds=tuple(_relative(_prosody(track, spoken, span), baseline) for span in seconds),
        baseline=baseline,
    )


def load_pitch_model() -> Any:
    """SwiftF0, whose network ships in its package."""
    from swift_f0 import SwiftF0

    return SwiftF0(threads=1)


def _measure(samples: np.ndarray, start_s: float, pitch: Any) -> _Track:
    result = pitch.detect(samples, 16_000, fmin=_F0_RANGE_HZ[0], fmax=_F0_RANGE_HZ[1])
    f0_hz = np.where(result.confidence >= _VOICED, result.pitch_hz, np.nan)
    level_db = np.maximum(result.loudness_db, _SILENCE_DB)
    return _Track(result.timestamps + start_s, f0_hz, level_db, _syllables(level_db, ~np.isnan(f0_hz)))


def _syllables(level_db: np.ndarray, voiced: np.ndarray) -> np.ndarray:
    from scipy.ndimage import uniform_filter1d
    from scipy.signal import find_peaks

    marks: np.ndarray = np.zeros(len(level_db), dtype=bool)
    if len(level_db) >= 3:
        peaks, _ = find_peaks(uniform_filter1d(level_db, 3), prominence=_SYLLABLE_DIP_DB)
        marks[peaks[voiced[peaks]]] = True
    return marks


def _inside(times_s: np.ndarray, spans: Sequence[Span]) -> np.ndarray:
    starts, ends = np.array([s.start_s for s in spans]), np.array([s.end_s for s in spans])
    index = np.searchsorted(starts, times_s, side="right") - 1
    return np.asarray((index >= 0) & (times_s < ends[np.maximum(index, 0)]) if len(spans) else index >= 0)


def _utterances(speech: list[Span]) -> list[Span]:
    groups: list[Span] = []
    for span in speech:
        if groups and span.start_s - groups[-1].end_s < _UTTERANCE_GAP_S:
            groups[-1] = Span(groups[-1].start_s, span.end_s)
        else:
            groups.append(span)
    return groups


def _pauses(speech: list[Span]) -> list[Span]:
    gaps = (Span(a.end_s, b.start_s) for a, b in itertools.pairwise(speech))
    return [gap for gap in gaps if gap.duration_s >= _MIN_PAUSE_S]


def _prosody(track: _Track, spoken: np.ndarray, span: Span) -> Prosody:
    first, last = int(np.searchsorted(track.time_s, span.start_s)), int(np.searchsorted(track.time_s, span.end_s))
    here = slice(first, last)
    if first == last:
        return Prosody()
    voice = spoken[here]
    level_db = track.level_db[here][voice] if voice.any() else track.level_db[here]
    f0_hz = track.f0_hz[here][voice]
    f0_hz = f0_hz[~np.isnan(f0_hz)]
    spoken_s = float(voice.sum()) * 0.016
    rate = float(track.syllable[here][voice].sum()) / spoken_s if spoken_s >= _MIN_RATE_S else None
    return Prosody(
        f0_hz=round(float(np.median(f0_hz)), 1) if len(f0_hz) >= 3 else None,
        loudness_db=round(_mean_level_db(level_db), 1),
        rate_syllables_s=None if rate is None else round(rate, 2),
    )


def _mean_level_db(level_db: np.ndarray) -> float:
    return 10 * float(np.log10(np.mean(10 ** (level_db / 10))))


def _baseline(track: _Track, spoken: np.ndarray, utterances: list[Prosody]) -> Prosody:
    """The clip's own normal: median pitch and mean level of spoken frames, median rate of utterances."""
    if not spoken.any():
        return Prosody()
    f0_hz = track.f0_hz[spoken]
    f0_hz = f0_hz[~np.isnan(f0_hz)]
    rates = [p.rate_syllables_s for p in utterances if p.rate_syllables_s]
    return Prosody(
        f0_hz=round(float(np.median(f0_hz)), 1) if len(f0_hz) else None,
        loudness_db=round(_mean_level_db(track.level_db[spoken]), 1),
        rate_syllables_s=round(float(np.median(rates)), 2) if rates else None,
    )


def _relative(prosody: Prosody, baseline: Prosody) -> Prosody:
    def both(name: str) -> tuple[float, float] | None:
        mine, normal = getattr(prosody, name), getattr(baseline, name)
        return None if mine is None or normal is None else (mine, normal)

    f0, level, rate = both("f0_hz"), both("loudness_db"), both("rate_syllables_s")
    return replace(
        prosody,
        f0_rel_st=round(12 * float(np.log2(f0[0] / f0[1])), 2) if f0 else None,
        loudness_rel_db=round(level[0] - level[1], 1) if level else None,
        rate_rel=round(rate[0] / rate[1], 2) if rate else None,
    )
