"""Noisy, band-limited and reverberant copies of clean speech, which the vocal emotion head is trained on.

Noise is colored, with a slope of the spectrum drawn between pink and brown; bands are those of cheap microphones and
lines; rooms are exponentially decaying noise (Polack's model, 1988); calls go through the speech codecs of mobile and
internet telephony; voices behind are other recordings of the same speaker, faster or slower, so that a speaker who is
left out of the training is heard in none of it. What the head is measured on is of other kinds:
``omnisense.benchmarks.perception.conditions``.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from omnisense.perception.media.decode import SAMPLE_RATE_HZ

KINDS = ("clean", "noise", "band", "room", "all", "call", "voices")
_SLOPE_DB_PER_OCTAVE = (-6.0, -1.5)
_SNR_DB = (5.0, 25.0)
_LOW_EDGE_HZ, _HIGH_EDGE_HZ, _ORDERS = (80.0, 400.0), (2800.0, 6500.0), (2, 12)
_REVERBERATION_S = (0.15, 1.0)
# Direct sound against echoes, from half a meter to beyond two in rooms of homes and offices.
_DIRECT_TO_REVERBERANT_DB = (-15.0, 5.0)
_FIRST_REFLECTION_S = 0.004
_HUM_SHARE = 0.25  # of noises also hum of the mains
_CALL_HZ = 8000
_CALL_LOW_EDGE_HZ, _CALL_HIGH_EDGE_HZ = (150.0, 350.0), (3000.0, 3700.0)
# Encoder and container of FFmpeg, and bits per second: mobile phones, internet calls, and cordless phones (ADPCM).
_CALL_CODECS = (("libopencore_amrnb", "amr", 7950), ("libopus", "ogg", 9000), ("adpcm_g726", "wav", 32000))
_VOICES, _VOICES_SNR_DB, _VOICE_SPEED = (2, 7), (5.0, 20.0), (0.8, 1.25)


def degrade(samples: np.ndarray, kind: str, rng: np.random.Generator, others: Sequence[np.ndarray] = ()) -> np.ndarray:
    """Return a degraded copy (N,) float32 of samples at 16 kHz.

    Args:
        samples: (N,) float32, clean speech.
        kind: of ``KINDS``; ``all`` is a room, then noise, then a band; ``call`` a telephone call, some of them with
            noise; ``voices`` has others talk in the background.
        rng: draws the strength of everything.
        others: recordings (M,) at 16 kHz of which the voices in the background are made.

    Raises:
        ValueError: an unknown kind, or ``voices`` without others.
    """
    if kind not in KINDS:
        raise ValueError(f"unknown kind of degradation '{kind}'")
    if kind == "voices" and not len(others):
        raise ValueError("no recordings of others are given")
    degraded = samples.astype(np.float64)
    if kind in ("room", "all"):
        degraded = _add_room(degraded, rng)
    if kind in ("noise", "all"):
        degraded = mix(degraded, _colored_noise(len(degraded), rng), float(rng.uniform(*_SNR_DB)))
    if kind in ("band", "all"):
        low_hz, high_hz = float(rng.uniform(*_LOW_EDGE_HZ)), float(rng.uniform(*_HIGH_EDGE_HZ))
        degraded = band_limit(degraded, low_hz, high_hz, int(rng.integers(*_ORDERS)))
    if kind == "voices":
        degraded = mix(degraded, _voices_behind(len(degraded), others, rng), float(rng.uniform(*_VOICES_SNR_DB)))
    if kind == "call":
        degraded = _telephone(degraded, rng)
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


def _voices_behind(length: int, others: Sequence[np.ndarray], rng: np.random.Generator) -> np.ndarray:
    """Return (length,) samples of several people who talk at once."""
    from scipy.signal import resample_poly

    heard = np.zeros(length)
    for number in rng.integers(len(others), size=rng.integers(*_VOICES)):
        speed = Fraction(float(rng.uniform(*_VOICE_SPEED))).limit_denominator(20)
        voice = resample_poly(others[number].astype(np.float64), speed.denominator, speed.numerator)
        heard += np.resize(np.roll(voice / (voice.std() + 1e-9), int(rng.integers(len(voice)))), length)
    return heard


def _telephone(samples: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return samples (N,) as heard in a telephone call, with a codec that is drawn, and noise in half of them."""
    from scipy.signal import resample_poly

    if rng.random() < 0.5:
        samples = mix(samples, _colored_noise(len(samples), rng), float(rng.uniform(*_SNR_DB)))
    low_hz, high_hz = float(rng.uniform(*_CALL_LOW_EDGE_HZ)), float(rng.uniform(*_CALL_HIGH_EDGE_HZ))
    narrow = resample_poly(band_limit(samples, low_hz, high_hz, int(rng.integers(*_ORDERS))), 1, 2)
    codec, container, bit_rate = _CALL_CODECS[int(rng.integers(len(_CALL_CODECS)))]
    coded = _through_codec(0.5 * narrow / (np.abs(narrow).max() + 1e-9), codec, container, bit_rate)
    heard = np.zeros(len(samples))
    wide = resample_poly(coded, 2, 1)[: len(samples)]
    heard[: len(wide)] = wide
    return heard


def _through_codec(samples: np.ndarray, codec: str, container: str, bit_rate: int) -> np.ndarray:
    """Return samples (N,) at 8 kHz encoded and decoded again; a codec's delay stays in."""
    import av

    buffer = io.BytesIO()
    with av.open(buffer, "w", format=container) as file:
        stream: Any = file.add_stream(codec, rate=_CALL_HZ, layout="mono")
        stream.bit_rate = bit_rate
        frame = av.AudioFrame.from_ndarray((samples * 32767).astype(np.int16)[None], format="s16", layout="mono")
        frame.sample_rate = _CALL_HZ
        for packet in (*stream.encode(frame), *stream.encode(None)):
            file.mux(packet)
    buffer.seek(0)
    resampler = av.AudioResampler(format="flt", layout="mono", rate=_CALL_HZ)
    with av.open(buffer, "r") as coded:
        frames = [part for frame in coded.decode(audio=0) for part in resampler.resample(frame)]
    frames += resampler.resample(None)
    decoded: np.ndarray = np.concatenate([frame.to_ndarray()[0] for frame in frames]).astype(np.float64)
    return decoded
