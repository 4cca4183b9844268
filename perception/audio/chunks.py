"""The sound of a clip in blocks cut at pauses, with its voice activity: decoded once, heard by two extractors.

The audio and the transcript extractor run side by side and both need the samples and the voice activity. They walk
the same blocks; a block is decoded by whoever comes first and the latest two are kept, so that an hour of sound is
never held whole. A reader that falls further behind decodes again, which costs little beside what it is busy with.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from omnisense.perception.media.clip import SAMPLE_RATE_HZ, Clip
from omnisense.perception.types import Span

BLOCK_S = 300.0
_CUT_SEARCH_S = 30.0  # a block ends in the longest silence of its last half minute
_KEPT_BLOCKS = 2
# Silero VAD's usual threshold; silences under 0.2 s lie inside words; no stretch outgrows Whisper's 30 s window.
_VAD: dict[str, Any] = {
    "threshold": 0.5,
    "min_speech_duration_ms": 100,
    "min_silence_duration_ms": 200,
    "speech_pad_ms": 30,
    "max_speech_duration_s": 28.0,
}


@dataclass(frozen=True)
class AudioChunk:
    """Samples (N,) float32 at 16 kHz from ``start_s`` of the clip on, and speech in seconds from the clip's start."""

    start_s: float
    samples: np.ndarray
    speech: tuple[Span, ...]


class AudioChunks:
    """Iterate to get the blocks in order; several threads may do so at once."""

    def __init__(self, clip: Clip, block_s: float = BLOCK_S) -> None:
        self._clip = clip
        self._block_s = block_s
        self._lock = threading.Lock()
        self._starts_s = [0.0]
        self._kept: dict[int, AudioChunk] = {}

    def __iter__(self) -> Iterator[AudioChunk]:
        index = 0
        while (block := self._block(index)) is not None:
            yield block
            index += 1

    def _block(self, index: int) -> AudioChunk | None:
        with self._lock:
            if index in self._kept:
                return self._kept[index]
            start_s = self._starts_s[index]
            if start_s >= self._clip.duration_s - 0.01:
                return None
            block, end_s = self._decode(start_s)
            if index + 1 == len(self._starts_s):
                self._starts_s.append(end_s)
            self._kept[index] = block
            self._kept.pop(index - _KEPT_BLOCKS, None)
            return block

    def _decode(self, start_s: float) -> tuple[AudioChunk, float]:
        end_s = min(start_s + self._block_s, self._clip.duration_s)
        samples = self._clip[start_s:end_s].audio()
        speech = voice_activity(samples)
        if end_s < self._clip.duration_s:
            length_s = _cut_in_silence(speech, end_s - start_s)
            samples = samples[: round(length_s * SAMPLE_RATE_HZ)]
            speech = [Span(s.start_s, min(s.end_s, length_s)) for s in speech if s.start_s < length_s]
            end_s = start_s + length_s
        placed = tuple(Span(round(s.start_s + start_s, 3), round(s.end_s + start_s, 3)) for s in speech)
        return AudioChunk(start_s, samples, placed), end_s


def voice_activity(samples: np.ndarray) -> list[Span]:
    """Where somebody speaks in (N,) float32 samples at 16 kHz, by Silero VAD (the ONNX copy in faster-whisper)."""
    from faster_whisper.vad import VadOptions, get_speech_timestamps

    if len(samples) < 512:  # one window of the model
        return []
    found = get_speech_timestamps(samples, VadOptions(**_VAD))
    return [Span(part["start"] / SAMPLE_RATE_HZ, part["end"] / SAMPLE_RATE_HZ) for part in found]


def _cut_in_silence(speech: list[Span], length_s: float) -> float:
    """The middle of the longest silence near the end, or the end itself when somebody speaks throughout."""
    edges = [max(length_s - _CUT_SEARCH_S, 0.0)]
    for span in speech:
        if span.end_s > edges[0]:
            edges += [max(span.start_s, edges[0]), span.end_s]
    edges.append(length_s)
    silences = [(b - a, (a + b) / 2) for a, b in zip(edges[::2], edges[1::2], strict=True)]
    longest_s, middle_s = max(silences)
    return middle_s if longest_s > 0.1 else length_s
