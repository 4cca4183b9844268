"""The audio stream of a clip: voice activity, speakers, prosody, vocal emotion and audio events."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from omnisense.perception.audio.baselines import (
    compare_with_baselines,
    measure_baseline,
    measure_speaker_baselines,
    relative_prosody,
    usual_prosody,
)
from omnisense.perception.audio.chunks import AudioChunk
from omnisense.perception.audio.events import detect_laughter, detect_overlaps
from omnisense.perception.audio.models import AudioModels
from omnisense.perception.audio.prosody import FRAME_S, ProsodyFrames, measure_frames, summarize_prosody
from omnisense.perception.emotion.voice import MAX_S, MIN_S, VoiceEmotionClassifier
from omnisense.perception.media.decode import SAMPLE_RATE_HZ
from omnisense.perception.types import AudioEvent, AudioStream, Prosody, Span, SpeakerTurn, Utterance

_MIN_PAUSE_S = 0.25  # shorter silences belong to stop consonants
_UTTERANCE_GAP_S = 0.6  # speech closer than this is one utterance
# Longest pause over which a speaker's tone is heard as one: sad speech has pauses of 1 to 1.6 s inside a sentence, and
# sounds calm where they are left out (EmoDB).
_TONE_PAUSE_S = 2.0
_FAINT_DB = 30.0  # quieter than the loudest of a turn by more than this is not its speaker
_MIN_TURN_S = 0.1


class AudioAnalysis(NamedTuple):
    """The stream, and the loudness it was measured from: times (F,) in seconds, levels (F,) in dB."""

    stream: AudioStream
    time_s: np.ndarray
    level_db: np.ndarray


class _Measurements(NamedTuple):
    """One pass over the chunks."""

    frames: ProsodyFrames
    speech: list[Span]
    turns: list[SpeakerTurn]
    duration_s: float


def analyze_audio(chunks: Iterable[AudioChunk], models: AudioModels) -> AudioAnalysis:
    """Measure a clip's audio.

    Args:
        chunks: the clip's audio; iterated twice where there is a vocal emotion model.
        models: None of the optional models leaves its fields empty.
    """
    frames, speech, turns, duration_s = _measure(chunks, models)
    if not duration_s:
        return AudioAnalysis(AudioStream(0.0, (), (), (), (), Prosody()), np.zeros(0), np.zeros(0))
    spoken = frames.mask(speech)
    spans = _join_turns(turns or [SpeakerTurn(s.start_s, s.end_s, "") for s in speech])
    measured = [summarize_prosody(frames, spoken, span) for span in spans]
    overall = measure_baseline(frames, spoken, measured)
    baselines = measure_speaker_baselines(frames, spoken, spans, measured)
    utterances = compare_with_baselines(
        [Utterance(s.start_s, s.end_s, p, s.speaker) for s, p in zip(spans, measured, strict=True)], baselines, overall
    )
    classifier = models.emotion_classifier
    stream = AudioStream(
        duration_s=round(duration_s, 3),
        speech=tuple(speech),
        pauses=tuple(_find_pauses(speech)),
        utterances=tuple(_add_emotion(utterances, chunks, classifier) if classifier else utterances),
        seconds=tuple(
            _prosody_per_second(
                frames, spoken, duration_s, spans, usual_prosody(baselines, overall, [s.speaker for s in spans])
            )
        ),
        baseline=overall,
        speaker_turns=tuple(turns),
        speaker_baselines=baselines,
        events=tuple(_detect_events(frames, turns, [*baselines.values(), overall])),
        emotion_labels=classifier.labels if classifier else (),
        notes=models.notes,
    )
    return AudioAnalysis(stream, frames.time_s, frames.level_db)


def _measure(chunks: Iterable[AudioChunk], models: AudioModels) -> _Measurements:
    parts: list[ProsodyFrames] = []
    speech: list[Span] = []
    duration_s = 0.0
    diarization = models.diarizer.begin() if models.diarizer else None
    for chunk in chunks:
        speech += chunk.speech
        if len(chunk.samples):  # a track may end before the clip does
            duration_s = chunk.start_s + len(chunk.samples) / SAMPLE_RATE_HZ
            parts.append(measure_frames(chunk.samples, chunk.start_s, models.pitch))
            if diarization and chunk.speech:
                diarization.add(chunk)
    frames = ProsodyFrames.concatenate(parts)
    found = diarization.turns() if diarization and speech else []
    turns = [trimmed for turn in found if (trimmed := _trim_turn(turn, frames))]
    return _Measurements(frames, speech, turns, duration_s)


def _trim_turn(turn: SpeakerTurn, frames: ProsodyFrames) -> SpeakerTurn | None:
    """Return a turn without the near-silence at its ends, which the segmentation takes for speech in short clips."""
    here = frames.indices(turn)
    level_db = frames.level_db[here]
    if len(level_db) < 2:
        return turn
    loud = np.flatnonzero(level_db >= np.percentile(level_db, 95) - _FAINT_DB)
    start_s, end_s = frames.time_s[here.start + loud[0]], frames.time_s[here.start + loud[-1]] + FRAME_S
    trimmed = replace(
        turn, start_s=round(max(turn.start_s, float(start_s)), 3), end_s=round(min(turn.end_s, float(end_s)), 3)
    )
    return trimmed if trimmed.end_s - trimmed.start_s >= _MIN_TURN_S else None


def _join_turns(turns: Sequence[SpeakerTurn]) -> list[SpeakerTurn]:
    """Return each speaker's turns joined across short silences."""
    joined: list[SpeakerTurn] = []
    last: dict[str, int] = {}
    for turn in turns:
        index = last.get(turn.speaker)
        if index is not None and turn.start_s - joined[index].end_s < _UTTERANCE_GAP_S:
            joined[index] = replace(joined[index], end_s=max(joined[index].end_s, turn.end_s))
        else:
            last[turn.speaker] = len(joined)
            joined.append(turn)
    return joined


def _find_pauses(speech: Sequence[Span]) -> list[Span]:
    gaps = (Span(a.end_s, b.start_s) for a, b in itertools.pairwise(speech))
    return [gap for gap in gaps if gap.duration_s >= _MIN_PAUSE_S]


def _detect_events(
    frames: ProsodyFrames, turns: Sequence[SpeakerTurn], baselines: Sequence[Prosody]
) -> list[AudioEvent]:
    # Laughter must rise above the usual pitch of the highest voice.
    usual_f0_hz = max((b.f0_hz for b in baselines if b.f0_hz is not None), default=None)
    laughter = detect_laughter(frames.time_s, frames.level_db, frames.f0_hz, usual_f0_hz)
    return sorted([*detect_overlaps(turns), *laughter], key=lambda event: event.start_s)


def _prosody_per_second(
    frames: ProsodyFrames,
    speech: np.ndarray,
    duration_s: float,
    turns: Sequence[SpeakerTurn],
    usual: dict[str, Prosody],
) -> Iterator[Prosody]:
    """Yield each second's prosody, relative to what is usual of the speaker with most of it."""
    for start_s in np.arange(0.0, duration_s, 1.0).tolist():
        speaker = dominant_speaker(turns, start_s, start_s + 1.0)
        prosody = summarize_prosody(frames, speech, Span(start_s, min(start_s + 1.0, duration_s)))
        yield relative_prosody(prosody, usual.get(speaker, Prosody()))


def dominant_speaker(turns: Sequence[SpeakerTurn], start_s: float, end_s: float) -> str:
    """Return the speaker with most of an interval; empty when no one speaks in it."""
    shares: dict[str, float] = {}
    for turn in turns:
        shared_s = min(turn.end_s, end_s) - max(turn.start_s, start_s)
        if shared_s > 0:
            shares[turn.speaker] = shares.get(turn.speaker, 0.0) + shared_s
    return max(shares, key=shares.__getitem__, default="")


def _add_emotion(
    utterances: Sequence[Utterance], chunks: Iterable[AudioChunk], classifier: VoiceEmotionClassifier
) -> Iterator[Utterance]:
    """Yield the utterances with vocal emotion; those that are too short or silent without."""
    remaining = _join_for_tone(utterances)
    for chunk in chunks:
        chunk_end_s = chunk.start_s + len(chunk.samples) / SAMPLE_RATE_HZ
        while remaining and remaining[0][0].start_s < chunk_end_s:
            joined = remaining.pop(0)
            start_s, end_s = joined[0].start_s, max(u.end_s for u in joined)
            first = round((start_s - chunk.start_s) * SAMPLE_RATE_HZ)
            length = round(min(end_s - start_s, MAX_S) * SAMPLE_RATE_HZ)
            samples = chunk.samples[max(first, 0) : first + length]
            if len(samples) >= MIN_S * SAMPLE_RATE_HZ and samples.any():
                scores = tuple(round(float(s), 4) for s in classifier.classify(samples))
                joined = [replace(utterance, emotion=scores) for utterance in joined]
            yield from joined
    for joined in remaining:
        yield from joined


def _join_for_tone(utterances: Sequence[Utterance]) -> list[list[Utterance]]:
    """Return utterances in groups with one tone: what one speaker says with pauses, which are part of how it sounds."""
    groups: list[list[Utterance]] = []
    for utterance in utterances:
        last = groups[-1][-1] if groups else None
        if (
            last is not None
            and last.speaker == utterance.speaker
            and utterance.start_s - last.end_s < _TONE_PAUSE_S
            and utterance.end_s - groups[-1][0].start_s <= MAX_S
        ):
            groups[-1].append(utterance)
        else:
            groups.append([utterance])
    return groups
