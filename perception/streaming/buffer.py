"""The sound of a stream that is not yet written down, every piece in its place."""

from __future__ import annotations

import numpy as np

from omnisense.perception.media.decode import SAMPLE_RATE_HZ


def quietest(samples: np.ndarray) -> int:
    """Where to cut speech without pauses: the quietest tenth of a second of its second half."""
    step = SAMPLE_RATE_HZ // 10
    first = len(samples) // 2 // step
    levels = [float(np.abs(samples[i * step : (i + 1) * step]).mean()) for i in range(first, len(samples) // step)]
    return (first + int(np.argmin(levels))) * step + step // 2


class LiveSound:
    """The sound that is not yet written down, in its place."""

    def __init__(self) -> None:
        self.start_s = 0.0
        self.samples: np.ndarray = np.zeros(0, np.float32)
        self._begun = False
        self._filled_s, self._late = 0.0, 0

    @property
    def end_s(self) -> float:
        """Up to where sound came."""
        return self.start_s + len(self.samples) / SAMPLE_RATE_HZ

    def hole_s(self, start_s: float) -> float:
        """How much is missing between what came and a chunk that starts here."""
        return start_s - self.end_s if self._begun else 0.0

    def restart(self, start_s: float) -> None:
        """Forget everything; go on from here."""
        self.start_s, self.samples = start_s, np.zeros(0, np.float32)

    def add(self, start_s: float, samples: np.ndarray) -> None:
        """Put a chunk where it belongs; into a hole if it comes late, and nowhere if that is long past."""
        if not self._begun:
            self._begun, self.start_s = True, start_s
        first = round((start_s - self.start_s) * SAMPLE_RATE_HZ)
        if first < 0:
            self._late += 1
            samples, first = samples[-first:], 0
        if 0 < abs(first - len(self.samples)) < SAMPLE_RATE_HZ // 100:
            first = len(self.samples)  # rounding of the sender's clock
        if first > len(self.samples):
            self._filled_s += (first - len(self.samples)) / SAMPLE_RATE_HZ
        total = max(len(self.samples), first + len(samples))
        if total > len(self.samples):
            self.samples = np.concatenate([self.samples, np.zeros(total - len(self.samples), np.float32)])
        self.samples[first : first + len(samples)] = np.nan_to_num(samples)

    def forget(self, seconds: float) -> None:
        """Drop the first seconds."""
        if seconds > 0:
            count = min(round(seconds * SAMPLE_RATE_HZ), len(self.samples))
            self.samples = self.samples[count:].copy()
            self.start_s += count / SAMPLE_RATE_HZ

    def notes(self) -> tuple[str, ...]:
        """What was lost on the way."""
        found = []
        if self._filled_s:
            found.append(f"{self._filled_s:.1f} s of sound never came and count as silence")
        if self._late:
            found.append(f"{self._late} chunks came too late, wholly or in part")
        return tuple(found)
