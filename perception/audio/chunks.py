"""A clip's audio in chunks that are cut at pauses, with voice activity: decoded once for two extractors.

The audio and the transcript extractor run side by side and both need the samples and the voice activity. They iterate
over the same chunks; a chunk is decoded by the first that needs it and the latest two are kept, so that an hour of
audio is never held in memory whole. An extractor that falls further behind decodes again, which is cheap beside its own
work.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from omnisense.perception.media.clip import SAMPLE_RATE_HZ, Clip
from omnisense.perception.settings import SPEECH_THRESHOLD
from omnisense.perception.types import Span

CHUNK_S = 300.0
_CUT_SEARCH_S = 30.0  # a chunk ends in the longest silence of its last half minute
_KEPT_CHUNKS = 2
_MIN_VAD_SAMPLES = 512  # one window of the model
# Silences under 0.2 s lie inside words; no interval is longer than Whisper's 30 s window.
_VAD: dict[str, Any] = {
    "min_speech_duration_ms": 100,
    "min_silence_duration_ms": 200,
    "speech_pad_ms": 30,
    "max_speech_duration_s": 28.0,
}


@dataclass(frozen=True)
class AudioChunk:
    """A piece of a clip's audio.

    Attributes:
        start_s: in the clip.
        samples: (N,) float32 mono at 16 kHz.
        speech: voice activity, in seconds from the clip's start.
    """

    start_s: float
    samples: np.ndarray
    speech: tuple[Span, ...]


class AudioChunks:
    """The chunks of some audio in order; several threads may iterate at once.

    Args:
        duration_s: of the audio.
        read: returns (N,) float32 mono at 16 kHz of an interval, given its start and end in seconds.
        chunk_s: length of a chunk, before it is cut at a pause.
        speech_threshold: as in :class:`.settings.PerceptionSettings`.
    """

    def __init__(
        self,
        duration_s: float,
        read: Callable[[float, float], np.ndarray],
        chunk_s: float = CHUNK_S,
        speech_threshold: float = SPEECH_THRESHOLD,
    ) -> None:
        self._duration_s, self._read = duration_s, read
        self._speech_threshold = speech_threshold
        self._chunk_s = chunk_s
        self._lock = threading.Lock()
        self._starts_s = [0.0]
        self._kept: dict[int, AudioChunk] = {}

    @classmethod
    def of_clip(cls, clip: Clip, chunk_s: float = CHUNK_S, speech_threshold: float = SPEECH_THRESHOLD) -> AudioChunks:
        """Return the chunks of a clip with an audio track."""
        return cls(clip.duration_s, lambda start_s, end_s: clip[start_s:end_s].audio(), chunk_s, speech_threshold)

    def __iter__(self) -> Iterator[AudioChunk]:
        index = 0
        while (chunk := self._chunk(index)) is not None:
            yield chunk
            index += 1

    def _chunk(self, index: int) -> AudioChunk | None:
        with self._lock:
            if index in self._kept:
                return self._kept[index]
            start_s = self._starts_s[index]
            if start_s >= self._duration_s - 0.01:
                return None
            chunk, end_s = self._decode(start_s)
            if index + 1 == len(self._starts_s):
                self._starts_s.append(end_s)
            self._kept[index] = chunk
            self._kept.pop(index - _KEPT_CHUNKS, None)
            return chunk

    def _decode(self, start_s: float) -> tuple[AudioChunk, float]:
        end_s = min(start_s + self._chunk_s, self._duration_s)
        samples = self._read(start_s, end_s)
        speech = voice_activity(samples, self._speech_threshold)
        if end_s < self._duration_s:
            length_s = _cut_in_silence(speech, end_s - start_s)
            samples = samples[: round(length_s * SAMPLE_RATE_HZ)]
            speech = [Span(s.start_s, min(s.end_s, length_s)) for s in speech if s.start_s < length_s]
            end_s = start_s + length_s
        shifted = tuple(Span(round(s.start_s + start_s, 3), round(s.end_s + start_s, 3)) for s in speech)
        return AudioChunk(start_s, samples, shifted), end_s


def voice_activity(samples: np.ndarray, threshold: float = SPEECH_THRESHOLD) -> list[Span]:
    """Return the speech in (N,) float32 samples at 16 kHz, by Silero VAD (the ONNX copy in faster-whisper).

    Args:
        samples: of the audio.
        threshold: the probability from which a moment is speech.
    """
    from faster_whisper.vad import VadOptions, get_speech_timestamps

    if len(samples) < _MIN_VAD_SAMPLES:
        return []
    found = get_speech_timestamps(samples, VadOptions(threshold=threshold, **_VAD))
    return [Span(part["start"] / SAMPLE_RATE_HZ, part["end"] / SAMPLE_RATE_HZ) for part in found]


def _cut_in_silence(speech: list[Span], length_s: float) -> float:
    """Return the middle of the longest silence near the end, or the end itself when there is none."""
    edges = [max(length_s - _CUT_SEARCH_S, 0.0)]
    for span in speech:
        if span.end_s > edges[0]:
            edges += [max(span.start_s, edges[0]), span.end_s]
    edges.append(length_s)
    silences = [(b - a, (a + b) / 2) for a, b in zip(edges[::2], edges[1::2], strict=True)]
    longest_s, middle_s = max(silences)
    return middle_s if longest_s > 0.1 else length_s
