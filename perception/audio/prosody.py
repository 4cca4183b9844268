"""What is heard besides the words: who speaks when, pauses, pitch, loudness and rate, how it sounds.

Pitch comes from SwiftF0 (a small network, 16 ms hop), voice activity from Silero VAD. Speaking rate counts
syllable nuclei: peaks of intensity in voiced sound with a dip before them (de Jong and Wempe, "Praat script to
detect syllable nuclei and measure speech rate automatically", 2009).
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from omnisense.perception.audio.chunks import SpeechBlock
from omnisense.perception.audio.events import laughter_like, overlaps
from omnisense.perception.media.decode import SAMPLE_RATE_HZ
from omnisense.perception.types import AudioStream, Prosody, Span, SpeakerTurn, Utterance

if TYPE_CHECKING:
    from collections.abc import Iterable

    from omnisense.perception.audio.diarization import Diarizer
    from omnisense.perception.emotion.voice import VoiceReader

_MIN_PAUSE_S = 0.25  # shorter silences belong to stop consonants
_UTTERANCE_GAP_S = 0.6  # speech closer than this is one utterance
_VOICED = 0.5  # SwiftF0's confidence from which a frame counts as voiced
_F0_RANGE_HZ = (60.0, 500.0)
_SYLLABLE_DIP_DB = 2.0  # de Jong and Wempe, 2009
_MIN_RATE_S = 0.3  # a rate over less speech is noise
_SILENCE_DB = -100.0
_FRAME_S = 0.016
_FAINT_DB = 30.0  # under the loudest of a turn by more than this is not its voice
_MIN_TURN_S = 0.1
_MIN_UTTERANCES = 2  # within one utterance pitch and level just run down: there is nothing to compare with


@dataclass(frozen=True)
class AudioModels:
    """The models that listen.

    Attributes:
        pitch: a ``swift_f0.SwiftF0``.
        teller: tells voices apart; None leaves that out.
        reader: reads the emotion of a voice; None leaves that out.
        notes: why something is left out.
    """

    pitch: Any
    diarizer: Diarizer | None = None
    reader: VoiceReader | None = None
    notes: tuple[str, ...] = ()


class AudioAnalysis(NamedTuple):
    """The stream, and the loudness it was measured from: times (F,) in seconds, levels (F,) in dB."""

    stream: AudioStream
    time_s: np.ndarray
    level_db: np.ndarray


@dataclass
class _Track:
    """Frame-wise measurements, all (F,): time in seconds, pitch in Hz (NaN unvoiced), level in dB, syllable mark."""

    time_s: np.ndarray
    f0_hz: np.ndarray
    level_db: np.ndarray
    syllable: np.ndarray


def analyze_audio(blocks: Iterable[SpeechBlock], ears: AudioModels) -> AudioAnalysis:
    """Measure a clip's sound.

    Args:
        blocks: the clip's sound; it is walked through twice where emotions are read.
        ears: the models.
    """
    track, speech, heard_s, turns = _listen(blocks, ears)
    if not heard_s:
        return AudioAnalysis(AudioStream(0.0, (), (), (), (), Prosody()), np.zeros(0), np.zeros(0))
    spoken = _inside(track.time_s, speech)
    spans = _utterances(turns or [SpeakerTurn(s.start_s, s.end_s, "") for s in speech])
    measured = [_prosody(track, spoken, span) for span in spans]
    overall = _baseline(track, spoken, measured)
    baselines = _voice_baselines(track, spoken, spans, measured)
    utterances = _compared(
        [Utterance(s.start_s, s.end_s, p, s.voice) for s, p in zip(spans, measured, strict=True)], baselines, overall
    )
    stream = AudioStream(
        duration_s=round(heard_s, 3),
        speech=tuple(speech),
        pauses=tuple(_pauses(speech)),
        utterances=tuple(_felt(utterances, blocks, ears.reader)),
        seconds=tuple(_seconds(track, spoken, heard_s, spans, baselines, overall)),
        baseline=overall,
        voices=tuple(turns),
        voice_baselines=baselines,
        sounds=tuple(
            sorted(
                [
                    *overlaps(turns),
                    *laughter_like(track.time_s, track.level_db, track.f0_hz, _highest(baselines, overall)),
                ],
                key=lambda sound: sound.start_s,
            )
        ),
        emotion_labels=ears.reader.labels if ears.reader else (),
        notes=ears.notes,
    )
    return AudioAnalysis(stream, track.time_s, track.level_db)


def against_baselines(
    utterances: Sequence[Utterance],
) -> tuple[list[Utterance], dict[str, Prosody], Prosody]:
    """Utterances measured one by one, compared with their voices' medians; these, and that of all."""
    overall = _median([u.prosody for u in utterances])
    voices = sorted({u.voice for u in utterances} - {""})
    baselines = {voice: _median([u.prosody for u in utterances if u.voice == voice]) for voice in voices}
    return _compared(utterances, baselines, overall), baselines, overall


def _compared(utterances: Sequence[Utterance], baselines: dict[str, Prosody], overall: Prosody) -> list[Utterance]:
    """The utterances against their voices' baselines, with arousal where a voice has enough of them."""
    counts = Counter(u.voice for u in utterances)
    compared = []
    for utterance in utterances:
        prosody = relative(utterance.prosody, baselines.get(utterance.voice, overall))
        excited = arousal(prosody) if counts[utterance.voice] >= _MIN_UTTERANCES else None
        compared.append(replace(utterance, prosody=prosody, arousal=None if excited is None else round(excited, 3)))
    return compared


def _median(prosodies: Sequence[Prosody]) -> Prosody:
    def of(name: str) -> float | None:
        values = [value for p in prosodies if (value := getattr(p, name)) is not None]
        return round(float(np.median(values)), 2) if values else None

    return Prosody(of("f0_hz"), of("loudness_db"), of("rate_syllables_s"))


def _highest(baselines: dict[str, Prosody], overall: Prosody) -> float | None:
    """The usual pitch of the voice with the highest: laughter rises above everybody's."""
    return max((b.f0_hz for b in (*baselines.values(), overall) if b.f0_hz is not None), default=None)


def arousal(prosody: Prosody) -> float | None:
    """How excited a voice is against its own baseline, -1 to 1: about 3 semitones or 4.5 dB for half of the scale.

    Pitch and loudness carry most of it (Juslin and Laukka, "Communication of emotions in vocal expression and music
    performance", Psychological Bulletin 2003). None where they are not known.
    """
    if prosody.f0_rel_st is None or prosody.loudness_rel_db is None:
        return None
    return float(np.tanh(prosody.f0_rel_st / 6 + prosody.loudness_rel_db / 9))


def _listen(blocks: Iterable[SpeechBlock], ears: AudioModels) -> tuple[_Track, list[Span], float, list[SpeakerTurn]]:
    """One walk through the sound: frame-wise measurements, speech, the length heard, and the voices' turns."""
    tracks: list[_Track] = []
    speech: list[Span] = []
    heard_s = 0.0
    voices = ears.diarizer.begin() if ears.diarizer else None
    for block in blocks:
        speech += block.speech
        heard_s = block.start_s + len(block.samples) / SAMPLE_RATE_HZ
        if len(block.samples):
            tracks.append(_measure(block.samples, block.start_s, ears.pitch))
            if voices and block.speech:
                voices.add(block)
    names = ("time_s", "f0_hz", "level_db", "syllable")
    track = _Track(*(np.concatenate([getattr(t, name) for t in tracks]) if tracks else np.zeros(0) for name in names))
    turns = [t for turn in voices.turns() if (t := _trimmed(turn, track))] if voices and speech else []
    return track, speech, heard_s, turns


def _trimmed(turn: SpeakerTurn, track: _Track) -> SpeakerTurn | None:
    """A turn without the near-silence at its ends, which the segmentation hears as speech in very short clips."""
    first, last = int(np.searchsorted(track.time_s, turn.start_s)), int(np.searchsorted(track.time_s, turn.end_s))
    level_db = track.level_db[first:last]
    if len(level_db) < 2:
        return turn
    loud = np.flatnonzero(level_db >= np.percentile(level_db, 95) - _FAINT_DB)
    start_s, end_s = track.time_s[first + loud[0]], track.time_s[first + loud[-1]] + _FRAME_S
    kept = replace(
        turn, start_s=round(max(turn.start_s, float(start_s)), 3), end_s=round(min(turn.end_s, float(end_s)), 3)
    )
    return kept if kept.end_s - kept.start_s >= _MIN_TURN_S else None


def _voice_baselines(
    track: _Track, spoken: np.ndarray, spans: Sequence[SpeakerTurn], measured: Sequence[Prosody]
) -> dict[str, Prosody]:
    baselines = {}
    for voice in sorted({span.voice for span in spans} - {""}):
        own, others = ([s for s in spans if (s.voice == voice) == mine] for mine in (True, False))
        alone = spoken & _inside(track.time_s, own) & ~_inside(track.time_s, others)
        baselines[voice] = _baseline(
            track, alone, [p for s, p in zip(spans, measured, strict=True) if s.voice == voice]
        )
    return baselines


def _seconds(
    track: _Track,
    spoken: np.ndarray,
    heard_s: float,
    spans: Sequence[SpeakerTurn],
    baselines: dict[str, Prosody],
    overall: Prosody,
) -> Iterator[Prosody]:
    """Each second's prosody, against the baseline of the voice that speaks most of it."""
    for start_s in np.arange(0.0, heard_s, 1.0).tolist():
        voice = speaks_most(spans, start_s, start_s + 1.0)
        prosody = _prosody(track, spoken, Span(start_s, min(start_s + 1.0, heard_s)))
        yield relative(prosody, baselines.get(voice, overall))


def speaks_most(spans: Sequence[SpeakerTurn], start_s: float, end_s: float) -> str:
    """The voice with the most of a stretch; empty when nobody speaks."""
    shares: dict[str, float] = {}
    for span in spans:
        shared_s = min(span.end_s, end_s) - max(span.start_s, start_s)
        if shared_s > 0:
            shares[span.voice] = shares.get(span.voice, 0.0) + shared_s
    return max(shares, key=shares.__getitem__, default="")


def _felt(
    utterances: list[Utterance], blocks: Iterable[SpeechBlock], reader: VoiceReader | None
) -> Iterator[Utterance]:
    """The utterances with emotion, where there is a reader."""
    if reader is None:
        yield from utterances
        return
    from omnisense.perception.emotion.voice import MAX_S, MIN_S

    left = list(utterances)
    for block in blocks:
        end_s = block.start_s + len(block.samples) / SAMPLE_RATE_HZ
        while left and left[0].start_s < end_s:
            utterance = left.pop(0)
            first = round((utterance.start_s - block.start_s) * SAMPLE_RATE_HZ)
            length_s = min(utterance.end_s - utterance.start_s, MAX_S)
            samples = block.samples[max(first, 0) : first + round(length_s * SAMPLE_RATE_HZ)]
            if len(samples) >= MIN_S * SAMPLE_RATE_HZ and samples.any():
                utterance = replace(utterance, emotion=tuple(round(float(s), 4) for s in reader.read(samples)))
            yield utterance
    yield from left


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


def _inside(times_s: np.ndarray, spans: Sequence[Span | SpeakerTurn]) -> np.ndarray:
    inside: np.ndarray = np.zeros(len(times_s), dtype=bool)
    for span in spans:
        inside[np.searchsorted(times_s, span.start_s) : np.searchsorted(times_s, span.end_s)] = True
    return inside


def _utterances(turns: Sequence[SpeakerTurn]) -> list[SpeakerTurn]:
    """Each voice's turns, joined across short silences."""
    groups: list[SpeakerTurn] = []
    last: dict[str, int] = {}
    for turn in turns:
        at = last.get(turn.voice)
        if at is not None and turn.start_s - groups[at].end_s < _UTTERANCE_GAP_S:
            groups[at] = replace(groups[at], end_s=max(groups[at].end_s, turn.end_s))
        else:
            last[turn.voice] = len(groups)
            groups.append(turn)
    return groups


def _pauses(speech: list[Span]) -> list[Span]:
    gaps = (Span(a.end_s, b.start_s) for a, b in itertools.pairwise(speech))
    return [gap for gap in gaps if gap.duration_s >= _MIN_PAUSE_S]


def _prosody(track: _Track, spoken: np.ndarray, span: Span | SpeakerTurn) -> Prosody:
    first, last = int(np.searchsorted(track.time_s, span.start_s)), int(np.searchsorted(track.time_s, span.end_s))
    here = slice(first, last)
    if first == last:
        return Prosody()
    voice = spoken[here]
    level_db = track.level_db[here][voice] if voice.any() else track.level_db[here]
    f0_hz = track.f0_hz[here][voice]
    f0_hz = f0_hz[~np.isnan(f0_hz)]
    spoken_s = float(voice.sum()) * _FRAME_S
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


def relative(prosody: Prosody, baseline: Prosody) -> Prosody:
    """The prosody with its ``_rel`` fields, against a baseline."""

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
