"""The audio of a live stream that is not transcribed yet, every chunk at its time."""

from __future__ import annotations

import numpy as np

from omnisense.perception.media.decode import SAMPLE_RATE_HZ


def find_quietest_cut(samples: np.ndarray) -> int:
    """Return where to cut speech without pauses: the center of the quietest 100 ms in the second half of (N,)."""
    step = SAMPLE_RATE_HZ // 10
    first = len(samples) // 2 // step
    levels = [float(np.abs(samples[i * step : (i + 1) * step]).mean()) for i in range(first, len(samples) // step)]
    return (first + int(np.argmin(levels))) * step + step // 2


class AudioBuffer:
    """Consecutive samples (N,) float32 at 16 kHz from ``start_s`` on; gaps are filled with silence."""

    def __init__(self) -> None:
        self.start_s = 0.0
        self.samples: np.ndarray = np.zeros(0, np.float32)
        self._has_begun = False
        self._filled_s, self._late_chunks = 0.0, 0

    @property
    def end_s(self) -> float:
        """Where the received audio ends."""
        return self.start_s + len(self.samples) / SAMPLE_RATE_HZ

    def gap_s(self, start_s: float) -> float:
        """Return how much is missing between the received audio and a chunk that starts here."""
        return start_s - self.end_s if self._has_begun else 0.0

    def restart(self, start_s: float) -> None:
        """Drop everything; continue from here."""
        self.start_s, self.samples = start_s, np.zeros(0, np.float32)

    def add(self, start_s: float, samples: np.ndarray) -> None:
        """Insert a chunk at its time: into a gap if it is late; what was already dropped is ignored."""
        if not self._has_begun:
            self._has_begun, self.start_s = True, start_s
        first = round((start_s - self.start_s) * SAMPLE_RATE_HZ)
        if first < 0:
            self._late_chunks += 1
            samples, first = samples[-first:], 0
        if 0 < abs(first - len(self.samples)) < SAMPLE_RATE_HZ // 100:
            first = len(self.samples)  # rounding of the sender's clock
        if first > len(self.samples):
            self._filled_s += (first - len(self.samples)) / SAMPLE_RATE_HZ
        total = max(len(self.samples), first + len(samples))
        if total > len(self.samples):
            self.samples = np.concatenate([self.samples, np.zeros(total - len(self.samples), np.float32)])
        self.samples[first : first + len(samples)] = np.nan_to_num(samples)

    def drop(self, seconds: float) -> None:
        """Drop the first seconds."""
        if seconds > 0:
            count = min(round(seconds * SAMPLE_RATE_HZ), len(self.samples))
            self.samples = self.samples[count:].copy()
            self.start_s += count / SAMPLE_RATE_HZ

    def notes(self) -> tuple[str, ...]:
        """Return what was lost, in words."""
        found = []
        if self._filled_s:
            found.append(f"{self._filled_s:.1f} s of audio were never received and count as silence")
        if self._late_chunks:
            found.append(f"{self._late_chunks} chunks were received too late, wholly or in part")
        return tuple(found)
