"""Noisy, band-limited and reverberant copies of clean speech, which the vocal emotion head is trained on.

Noise is colored, with a slope of the spectrum drawn between pink and brown; bands are those of cheap microphones and
lines; rooms are exponentially decaying noise (Polack's model, 1988). What the head is measured on is of other kinds:
``omnisense.benchmarks.perception.conditions``.
"""

from __future__ import annotations

import numpy as np

from omnisense.perception.media.decode import SAMPLE_RATE_HZ

KINDS = ("clean", "noise", "band", "room", "all")
_SLOPE_DB_PER_OCTAVE = (-6.0, -1.5)
_SNR_DB = (5.0, 25.0)
_LOW_EDGE_HZ, _HIGH_EDGE_HZ, _ORDERS = (80.0, 400.0), (2800.0, 6500.0), (2, 12)
_REVERBERATION_S = (0.15, 1.0)
_DIRECT_TO_REVERBERANT_DB = (-9.0, 9.0)
_FIRST_REFLECTION_S = 0.004
_HUM_SHARE = 0.25  # of noises also hum of the mains


def degrade(samples: np.ndarray, kind: str, rng: np.random.Generator) -> np.ndarray:
    """Return a degraded copy (N,) float32 of samples at 16 kHz.

    Args:
        samples: (N,) float32, clean speech.
        kind: of ``KINDS``; ``all`` is a room, then noise, then a band.
        rng: draws the strength of everything.

    Raises:
        ValueError: an unknown kind.
    """
    if kind not in KINDS:
        raise ValueError(f"unknown kind of degradation '{kind}'")
    degraded = samples.astype(np.float64)
    if kind in ("room", "all"):
        degraded = _add_room(degraded, rng)
    if kind in ("noise", "all"):
        degraded = mix(degraded, _colored_noise(len(degraded), rng), float(rng.uniform(*_SNR_DB)))
    if kind in ("band", "all"):
        low_hz, high_hz = float(rng.uniform(*_LOW_EDGE_HZ)), float(rng.uniform(*_HIGH_EDGE_HZ))
        degraded = band_limit(degraded, low_hz, high_hz, int(rng.integers(*_ORDERS)))
    return degraded.astype(np.float32)


def mix(speech: np.ndarray, noise: np.ndarray, snr_db: float) -> np.ndarray:
    """Return speech (N,) with noise (N,) that is ``snr_db`` under it, in mean power over the recording."""
    power = float(np.mean(speech**2)) / (float(np.mean(noise**2)) + 1e-12)
    mixed: np.ndarray = speech + noise * np.sqrt(power / 10 ** (snr_db / 10))
    return mixed


def band_limit(samples: np.ndarray, low_hz: float, high_hz: float, order: int) -> np.ndarray:
    """Return samples (N,) at 16 kHz through a Butterworth band filter."""
    from scipy.signal import butter, sosfilt

    filtered: np.ndarray = sosfilt(
        butter(order, (low_hz, high_hz), "bandpass", fs=SAMPLE_RATE_HZ, output="sos"), samples
    )
    return filtered


def convolve(samples: np.ndarray, response: np.ndarray) -> np.ndarray:
    """Return samples (N,) as heard through a room's response (M,); the tail after the end is cut."""
    from scipy.signal import fftconvolve

    heard: np.ndarray = fftconvolve(samples, response)[: len(samples)]
    return heard


def _colored_noise(length: int, rng: np.random.Generator) -> np.ndarray:
    frequencies = np.fft.rfftfreq(length, 1 / SAMPLE_RATE_HZ)
    slope = rng.uniform(*_SLOPE_DB_PER_OCTAVE)
    gain = (np.maximum(frequencies, 50.0) / 1000) ** (slope / 6.02)
    noise = np.fft.irfft(np.fft.rfft(rng.standard_normal(length)) * gain, length)
    noise /= noise.std() + 1e-12
    if rng.random() < _HUM_SHARE:
        time_s = np.arange(length) / SAMPLE_RATE_HZ
        noise += sum(np.sin(2 * np.pi * 50 * k * time_s + rng.uniform(0, 6.28)) / k for k in range(1, 9))
    return noise


def _add_room(samples: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    seconds = rng.uniform(*_REVERBERATION_S)
    time_s = np.arange(round(seconds * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    tail = rng.standard_normal(len(time_s)) * 10 ** (-3 * time_s / seconds)
    tail[time_s < _FIRST_REFLECTION_S] = 0.0
    tail /= np.linalg.norm(tail)
    response = tail * 10 ** (-rng.uniform(*_DIRECT_TO_REVERBERANT_DB) / 20)
    response[0] = 1.0
    return convolve(samples, response)
