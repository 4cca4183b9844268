"""PCM16 mono at 24 kHz, as the realtime interface has it, to and from the arrays of perception and of voices."""

from __future__ import annotations

import numpy as np

from omnisense.perception.media.decode import SAMPLE_RATE_HZ

PCM_RATE_HZ = 24_000


class Resampler:
    """Changes the rate of sound that comes in pieces, without a seam between them.

    Args:
        from_hz: rate of what comes in.
        to_hz: rate of what goes out.
    """

    def __init__(self, from_hz: int, to_hz: int) -> None:
        import av

        self._from_hz, self._same = from_hz, from_hz == to_hz
        self._resampler = av.AudioResampler(format="flt", layout="mono", rate=to_hz)

    def __call__(self, samples: np.ndarray) -> np.ndarray:
        """Return (M,) float32 for (N,) float32; some milliseconds stay inside until the next piece."""
        import av

        if self._same or not len(samples):
            return samples
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples[None], np.float32), "flt", "mono")
        frame.rate = self._from_hz
        pieces = [piece.to_ndarray()[0] for piece in self._resampler.resample(frame)]
        return np.concatenate(pieces) if pieces else np.zeros(0, np.float32)


def from_pcm16(data: bytes) -> np.ndarray:
    """Return (N,) float32 from -1 to 1; an odd last byte is left out."""
    return np.frombuffer(data[: len(data) // 2 * 2], "<i2").astype(np.float32) / 32768.0


def to_pcm16(samples: np.ndarray) -> bytes:
    """Return (N,) float32 as 16-bit PCM."""
    return np.clip(np.round(samples * 32767.0), -32768, 32767).astype("<i2").tobytes()


def incoming() -> Resampler:
    """Return what turns a client's rate into that of perception."""
    return Resampler(PCM_RATE_HZ, SAMPLE_RATE_HZ)
