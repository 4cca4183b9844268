"""Active speaker detection: which visible mouth, if any, produces the speech.

A mouth that does not move does not speak. One that moves is held against what lips should do: they close for p, b and
m, open wide for "ah", are rounded for "oo", and open as speech gets louder. All but the last comes from the forced
alignment of the words (for English); without one there is the loudness alone. How well mouths that speak follow it,
and how well others do by chance, gives each mouth a likelihood ratio, and Bayes' rule the probability that it speaks:
a face that is dubbed, or that moves while somebody else is heard, loses to a speaker off screen. Images and audio of
a file may be misaligned by a constant delay: the speech of the whole clip says how probable each delay is, and what
it would explain counts as much as that. Evidence on one voice is pooled over the clip. Light-ASD (Liao et al., "A
Light Weight Model for Active Speaker Detection", CVPR 2023) contributes where its weights are given.
"""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from omnisense.perception.fusion.lip_fit import (
    MIN_TALKING,
    Expectation,
    LipSeries,
    Phone,
    expected_movement,
    mouth_evidence,
    still_log_ratio,
)
from omnisense.perception.types import AudioStream, SpeakerSegment, SpeakerTurn, Transcript
from omnisense.perception.vision.landmarks import LandmarkTrack

_MIN_SPEECH_S = 0.3
_NEAR_S = 1.0
_OVER_CLIP, _MAX_OVER_CLIP = 0.25, 2.0  # weight and limit of the evidence on the voice in the rest of the clip
_LEAST_PRIOR = 1e-6
_RULED_OUT = -3.0  # evidence under which a mouth is no candidate
_CERTAIN = 0.4  # probability from which a face is named
# Delays of the images against the audio: most files have next to none, some have any.
_MAX_DELAY_S, _DELAY_STEP_S = 0.6, 0.02
_USUAL_DELAY_S, _UNUSUAL = 0.03, 0.05  # deviation of the usual delays, and the share of files with an unusual one
_MAX_DELAY_INTERVALS = 40  # the longest intervals, from which the delay is estimated
_MIN_DELAY_PROBABILITY = 0.02

TalkingScorer = Callable[[str, float, float], float | None]  # track, start, end to a score, over 0 for talking
Ratios = dict[str, np.ndarray]  # by track, the log-likelihood ratios at each delay that it speaks


def detect_active_speakers(
    tracks: Sequence[LandmarkTrack],
    audio: AudioStream,
    loudness: tuple[np.ndarray, np.ndarray],
    phones: Sequence[Phone],
    transcript: Transcript | None = None,
    talking: TalkingScorer | None = None,
    off_screen_prior: float = 0.6,
) -> list[SpeakerSegment]:
    """Assign each interval of speech to a face, or to a speaker off screen.

    Args:
        tracks: the lips of the faces.
        audio: voice activity and diarization.
        loudness: times (T,) in seconds and levels (T,) in dB.
        phones: forced alignment, name and times of each phone (ARPAbet); empty where there is none.
        transcript: long turns are split between its sentences, as the speaker may change without a pause.
        talking: Light-ASD's score of a track over an interval, where its weights are given.
        off_screen_prior: probability, before any evidence, that speech comes from off screen while faces are visible.
    """
    starts_s = [phone[1] for phone in phones]
    speech = []
    for turn in _split_turns(audio, transcript):
        first, last = bisect.bisect_left(starts_s, turn.start_s - 1.0), bisect.bisect_left(starts_s, turn.end_s + 1.0)
        speech.append(expected_movement(turn, phones[first:last], loudness))
    if not speech:
        return []
    lips = [LipSeries(t.track, np.array(t.times_s), np.array(t.opening), np.array(t.width)) for t in tracks]
    prior = max(off_screen_prior, _LEAST_PRIOR)
    delays_s, weights = _probable_delays(speech, lips, prior)
    ratios = [_ratios(interval, lips, delays_s) for interval in speech]
    if talking:
        delay_s = float(delays_s[weights.argmax()])
        ratios = [_rule_out(r, interval, delay_s, talking) for r, interval in zip(ratios, speech, strict=True)]
    pooled = _pool_by_voice(speech, ratios)
    segments = [
        _choose_face(interval, _add_pooled(own, pooled.get(interval.speaker, {})), weights, prior)
        for interval, own in zip(speech, ratios, strict=True)
    ]
    return _fill_unseen(segments, [bool(own) for own in ratios])


def _split_turns(audio: AudioStream, transcript: Transcript | None) -> list[SpeakerTurn]:
    """Return speaker turns, or without diarization the voice activity, split where a sentence ends."""
    turns = audio.speaker_turns or tuple(SpeakerTurn(s.start_s, s.end_s, "") for s in audio.speech)
    cuts = [(a.end_s, b.start_s) for a, b in itertools.pairwise(transcript.segments)] if transcript else []
    parts: list[SpeakerTurn] = []
    for turn in turns:
        inside = [
            begins_s
            for ends_s, begins_s in cuts
            if turn.start_s < ends_s and turn.start_s + _MIN_SPEECH_S < begins_s < turn.end_s - _MIN_SPEECH_S
        ]
        edges = [turn.start_s, *inside, turn.end_s]
        parts += [SpeakerTurn(a, b, turn.speaker) for a, b in itertools.pairwise(edges)]
    return parts


# --- evidence -----------------------------------------------------------------------------------------------


def _probable_delays(
    speech: Sequence[Expectation], lips: Sequence[LipSeries], off_screen_prior: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return the delays (D,) of the images that are probable after the clip's speech, and their probabilities (D,)."""
    delays_s = np.arange(-_MAX_DELAY_S, _MAX_DELAY_S + 1e-6, _DELAY_STEP_S)
    usual = np.exp(-0.5 * (delays_s / _USUAL_DELAY_S) ** 2)
    log_probability = np.log((1 - _UNUSUAL) * usual / usual.sum() + _UNUSUAL / len(delays_s))
    usable = sorted((s for s in speech if s.duration_s >= _MIN_SPEECH_S), key=lambda s: -s.duration_s)
    for interval in usable[:_MAX_DELAY_INTERVALS]:
        ratios = _ratios(interval, lips, delays_s)
        if ratios:
            log_probability += np.log(np.exp(_log_weights(ratios, off_screen_prior)).sum(axis=0))
    probability = np.exp(log_probability - log_probability.max())
    probability /= probability.sum()
    kept = probability >= min(_MIN_DELAY_PROBABILITY, float(probability.max()))
    return delays_s[kept], probability[kept] / probability[kept].sum()


def _ratios(speech: Expectation, lips: Sequence[LipSeries], delays_s: np.ndarray) -> Ratios:
    """Return the evidence on each mouth that is visible in an interval, by track."""
    found = {mouth.track: mouth_evidence(speech, mouth, delays_s) for mouth in lips}
    return {track: ratios for track, ratios in found.items() if ratios is not None}


def _rule_out(ratios: Ratios, speech: Expectation, delay_s: float, talking: TalkingScorer) -> Ratios:
    """Return the evidence with that of a mouth which Light-ASD finds silent at its least."""
    least = still_log_ratio(speech.duration_s)
    scores = {track: talking(track, speech.start_s - delay_s, speech.end_s - delay_s) for track in ratios}
    silent = {track for track, score in scores.items() if score is not None and score <= MIN_TALKING}
    return {track: np.full_like(own, least) if track in silent else own for track, own in ratios.items()}


def _log_weights(ratios: Ratios, off_screen_prior: float) -> np.ndarray:
    """Return (1 + M, D) logarithms of the unnormalized probabilities: of off screen, and of each mouth."""
    mouths = np.stack(list(ratios.values()))
    off_screen = np.full((1, mouths.shape[1]), np.log(off_screen_prior))
    candidates = np.maximum((mouths > _RULED_OUT).sum(axis=0), 1)  # still faces must not make a speaker less probable
    return np.vstack([off_screen, mouths + np.log((1 - off_screen_prior) / candidates)])


def _pool_by_voice(speech: Sequence[Expectation], evidence: Sequence[Ratios]) -> dict[str, Ratios]:
    """Return, for each voice, the sum of the evidence on each face over the clip."""
    sums: dict[str, Ratios] = {}
    for interval, ratios in zip(speech, evidence, strict=True):
        if interval.speaker:
            of_voice = sums.setdefault(interval.speaker, {})
            for track, own in ratios.items():
                of_voice[track] = of_voice.get(track, 0.0) + own
    return sums


def _add_pooled(own: Ratios, of_voice: Mapping[str, np.ndarray]) -> Ratios:
    """Return an interval's evidence with that on its voice in the rest of the clip, which weighs less."""

    def rest(track: str) -> np.ndarray:
        other = of_voice.get(track, own[track]) - own[track]
        limited: np.ndarray = np.clip(_OVER_CLIP * other, -_MAX_OVER_CLIP, _MAX_OVER_CLIP)
        return limited

    return {track: ratios + rest(track) for track, ratios in own.items()}


# --- verdicts -----------------------------------------------------------------------------------------------


def _choose_face(
    speech: Expectation, ratios: Ratios, delay_weights: np.ndarray, off_screen_prior: float
) -> SpeakerSegment:
    """Return who is most probable: a face, or a speaker off screen; nobody where no face is probable enough."""

    def segment(face: str | None, off_screen: bool, confidence: float) -> SpeakerSegment:
        start_s, end_s, confidence = round(speech.start_s, 3), round(speech.end_s, 3), min(max(confidence, 0.0), 1.0)
        return SpeakerSegment(start_s, end_s, speech.speaker, face, off_screen, round(confidence, 2))

    if not ratios:
        return segment(None, True, 0.9)
    weights = np.exp(_log_weights(ratios, off_screen_prior))
    probability = (weights / weights.sum(axis=0)) @ delay_weights
    if probability[0] > 0.5 + 1e-6:
        return segment(None, True, float(probability[0]))
    best = int(probability[1:].argmax())
    confidence = float(probability[1 + best])
    return segment(list(ratios)[best] if confidence >= _CERTAIN else None, False, confidence)


def _fill_unseen(segments: list[SpeakerSegment], has_mouths: list[bool]) -> list[SpeakerSegment]:
    """Give intervals without a visible mouth the result of the same speaker's nearest interval with one."""
    known = [segment for segment, seen in zip(segments, has_mouths, strict=True) if seen]

    def fill(segment: SpeakerSegment) -> SpeakerSegment:
        gaps = [(max(k.start_s - segment.end_s, segment.start_s - k.end_s), i) for i, k in enumerate(known)]
        gap_s, index = min(((gap, i) for gap, i in gaps if known[i].speaker == segment.speaker), default=(np.inf, 0))
        if gap_s > _NEAR_S:
            return segment
        near = known[index]
        return replace(segment, face=near.face, off_screen=near.off_screen, confidence=round(near.confidence / 2, 2))

    return [segment if seen else fill(segment) for segment, seen in zip(segments, has_mouths, strict=True)]
