"""Active speaker detection: which visible mouth, if any, produces the speech.

A mouth that does not move does not speak. Of several that move, the one that fits the speech is chosen: lips close for
p, b and m, open wide for "ah", and are rounded for "oo". What lips should do comes from the forced alignment of the
words (for English) or, without one, from the loudness of the speech; the score of a mouth is how well it follows that.
Images and audio of a file are often misaligned by a constant delay, which is estimated too. The evidence on one speaker
is pooled over the whole clip. Light-ASD (Liao et al., "A Light Weight Model for Active Speaker Detection", CVPR 2023)
contributes where its weights are given.
"""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from omnisense.perception.fusion.lip_fit import (
    Expectation,
    LipSeries,
    MouthEvidence,
    Phone,
    estimate_delay_s,
    expected_movement,
    mouth_evidence,
)
from omnisense.perception.types import AudioStream, SpeakerSegment, SpeakerTurn, Transcript
from omnisense.perception.vision.landmarks import LandmarkTrack

_MIN_SPEECH_S = 0.3
_FITS = 0.1  # correlation from which a mouth fits the speech; the correct mouths of GRID have .3 to .7
_CLEAR = 0.25  # difference of fit at which one mouth is clearly the one
_NEAR_S = 1.0
_OVER_CLIP = 0.25  # weight of the evidence on the speaker over the clip, beside the interval's own
_ALONE_FITS = -0.2  # the only mouth that moves must contradict the speech this much to be ruled out

TalkingScorer = Callable[[str, float, float], float | None]  # track, start, end to a score, over 0 for talking


def detect_active_speakers(
    tracks: Sequence[LandmarkTrack],
    audio: AudioStream,
    loudness: tuple[np.ndarray, np.ndarray],
    phones: Sequence[Phone],
    transcript: Transcript | None = None,
    talking: TalkingScorer | None = None,
) -> list[SpeakerSegment]:
    """Assign each interval of speech to a face, or to a speaker off screen.

    Args:
        tracks: the lips of the faces.
        audio: voice activity and diarization.
        loudness: times (T,) in seconds and levels (T,) in dB.
        phones: forced alignment, name and times of each phone (ARPAbet); empty where there is none.
        transcript: long turns are split between its sentences, as the speaker may change without a pause.
        talking: Light-ASD's score of a track over an interval, where its weights are given.
    """
    starts_s = [phone[1] for phone in phones]
    speech = []
    for turn in _split_turns(audio, transcript):
        first, last = bisect.bisect_left(starts_s, turn.start_s - 1.0), bisect.bisect_left(starts_s, turn.end_s + 1.0)
        speech.append(expected_movement(turn, phones[first:last], loudness))
    if not speech:
        return []
    lips = [LipSeries(t.track, np.array(t.times_s), np.array(t.opening), np.array(t.width)) for t in tracks]
    delay_s = estimate_delay_s(speech, lips)
    evidence = [_evidence(interval, lips, delay_s, talking) for interval in speech]
    pooled = _pool_by_speaker(speech, evidence)
    segments = [
        _choose_face(interval, mouths, pooled.get(interval.speaker, {}))
        for interval, mouths in zip(speech, evidence, strict=True)
    ]
    return _fill_unseen(segments, [bool(mouths) for mouths in evidence])


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


def _evidence(
    speech: Expectation, lips: Sequence[LipSeries], delay_s: float, talking: TalkingScorer | None
) -> dict[str, MouthEvidence]:
    """Return the evidence on each mouth that is visible in an interval, by track."""
    found = {}
    for mouth in lips:
        evidence = mouth_evidence(speech, mouth, delay_s)
        if evidence is None:
            continue
        if talking:
            score = talking(mouth.track, speech.start_s - delay_s, speech.end_s - delay_s)
            evidence = replace(evidence, talking=score)
        found[mouth.track] = evidence
    return found


def _pool_by_speaker(
    speech: Sequence[Expectation], evidence: Sequence[Mapping[str, MouthEvidence]]
) -> dict[str, dict[str, float]]:
    """Return, for each speaker, how well each face fits over the whole clip: a mean weighted by time."""
    sums: dict[str, dict[str, list[float]]] = {}
    for interval, mouths in zip(speech, evidence, strict=True):
        if interval.speaker:
            for track, mouth in mouths.items():
                entry = sums.setdefault(interval.speaker, {}).setdefault(track, [0.0, 0.0])
                entry[0] += mouth.support * interval.duration_s
                entry[1] += interval.duration_s
    return {
        speaker: {track: total / max(seconds, 1e-9) for track, (total, seconds) in tracks.items()}
        for speaker, tracks in sums.items()
    }


def _choose_face(
    speech: Expectation, mouths: Mapping[str, MouthEvidence], over_clip: Mapping[str, float]
) -> SpeakerSegment:
    """Choose by the interval's own evidence and, with less weight, that on the speaker over the clip."""

    def segment(face: str | None, off_screen: bool, confidence: float) -> SpeakerSegment:
        start_s, end_s, confidence = round(speech.start_s, 3), round(speech.end_s, 3), min(max(confidence, 0.0), 1.0)
        return SpeakerSegment(start_s, end_s, speech.speaker, face, off_screen, round(confidence, 2))

    moving = {track: mouth for track, mouth in mouths.items() if mouth.moves}
    if not moving:
        return segment(None, True, 1.0 if mouths else 0.9)
    support = {track: mouth.support + _OVER_CLIP * over_clip.get(track, 0.0) for track, mouth in moving.items()}
    ranked = sorted(support, key=lambda track: -support[track])
    best = ranked[0]
    if len(ranked) == 1:
        if support[best] < _ALONE_FITS:
            return segment(None, True, 0.3)
        return segment(best, False, 0.6 + max(support[best], 0.0))
    lead = support[best] - support[ranked[1]]
    if support[best] < _FITS and speech.duration_s >= 1.0:
        return segment(None, False, 0.0)
    return segment(best, False, 0.5 + lead / _CLEAR / 2)


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
