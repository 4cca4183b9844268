"""The audio of a whole live stream, and what the algorithm for files makes of it once the stream has ended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from omnisense.perception.audio.analysis import analyze_audio, dominant_speaker
from omnisense.perception.audio.chunks import AudioChunks
from omnisense.perception.fusion.speakers import assign_speakers
from omnisense.perception.media.decode import SAMPLE_RATE_HZ
from omnisense.perception.pipeline import Perception
from omnisense.perception.types import AudioStream, SpeakerSegment, Transcript

_ROUNDING_S = 0.01  # of the sender's clock, as for the utterances while the stream lasts


class Final(NamedTuple):
    """What the whole audio of a stream gives; a stream that was not requested is None."""

    audio: AudioStream | None
    transcript: Transcript | None
    speaker_segments: tuple[SpeakerSegment, ...]


class RecordedAudio:
    """Audio (N,) float32 at 16 kHz from the stream's start on: 3.8 MB a minute.

    Args:
        limit_s: once the stream is longer than this, nothing is kept.
    """

    def __init__(self, limit_s: float) -> None:
        self._limit_s = limit_s
        self._samples: np.ndarray = np.zeros(0, np.float32)
        self._length = 0
        self.is_complete = limit_s > 0

    @property
    def duration_s(self) -> float:
        """Where the audio ends."""
        return self._length / SAMPLE_RATE_HZ

    def add(self, start_s: float, samples: np.ndarray) -> None:
        """Insert a chunk at its time; what was never received is silence."""
        first = round(start_s * SAMPLE_RATE_HZ)
        if abs(first - self._length) < _ROUNDING_S * SAMPLE_RATE_HZ:
            first = self._length
        end = first + len(samples)
        if not self.is_complete or end > self._limit_s * SAMPLE_RATE_HZ:
            self.is_complete, self._samples, self._length = False, np.zeros(0, np.float32), 0
            return
        if end > len(self._samples):  # grow by doubling, so that a chunk costs no copy of the whole
            grown = np.zeros(max(end, 2 * len(self._samples)), np.float32)
            grown[: self._length] = self._samples[: self._length]
            self._samples = grown
        self._samples[first:end] = np.nan_to_num(samples)
        self._length = max(self._length, end)

    def audio(self, start_s: float = 0.0, end_s: float | None = None) -> np.ndarray:
        """Return the samples of an interval."""
        end = self._length if end_s is None else min(round(end_s * SAMPLE_RATE_HZ), self._length)
        return self._samples[round(start_s * SAMPLE_RATE_HZ) : end]


def perceive_recording(recorded: RecordedAudio, perception: Perception, segments: Sequence[SpeakerSegment]) -> Final:
    """Return the audio stream, the transcript and who is talking, as for a file with this audio.

    Args:
        recorded: the whole stream's audio.
        perception: whose streams and models are used.
        segments: the faces that were found to speak while the stream lasted; their voices are named anew.
    """
    threshold = perception.settings.speech_threshold
    chunks = AudioChunks(recorded.duration_s, recorded.audio, speech_threshold=threshold)
    registry, streams = perception.registry, perception.settings.streams
    audio, transcript = None, None
    if "audio" in streams:
        with registry.audio_lock:
            audio = analyze_audio(chunks, registry.audio_models()).stream
    turns = audio.speaker_turns if audio else ()
    if "transcript" in streams:
        words = registry.get("speech").transcribe(chunks).transcript
        reason = registry.unavailable_reason("foreign_speech") if words.unclear else ""
        words = replace(words, notes=(*words.notes, reason)) if reason else words
        transcript = perception.add_text_emotion(assign_speakers(words, turns), spoken=True)
    named = tuple(replace(s, speaker=dominant_speaker(turns, s.start_s, s.end_s)) for s in segments)
    return Final(audio, transcript, named)
