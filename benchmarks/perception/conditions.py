"""Recording conditions to measure under: noise, a phone line and rooms, of other kinds than any head was trained on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from omnisense.perception.audio.chunks import voice_activity
from omnisense.perception.emotion.degrade import band_limit, convolve, mix
from omnisense.perception.media.clip import open_clip
from omnisense.perception.media.decode import SAMPLE_RATE_HZ

Condition = Callable[[np.ndarray, int], np.ndarray]  # samples (N,) at 16 kHz and a seed, to what is heard
_SOUND_M_S = 343.0
_REFLECTIONS = 12  # of the image source method, along each axis


def conditions(data: Path) -> dict[str, Condition]:
    """Return the conditions by name.

    Args:
        data: contains ``speech/ami/`` for recorded room noise and ``grid/`` for voices in the background; a condition
            whose recordings are missing is left out.
    """
    found: dict[str, Condition] = {
        "clean": lambda samples, _: samples,
        "white noise, 20 dB": lambda samples, seed: white_noise(samples, seed, 20.0),
        "white noise, 10 dB": lambda samples, seed: white_noise(samples, seed, 10.0),
        "phone line": lambda samples, _: phone_line(samples),
        "small room": lambda samples, seed: room(samples, seed, (3.0, 4.0, 2.5), 0.35),
        "large room": lambda samples, seed: room(samples, seed, (7.0, 9.0, 3.2), 0.6),
    }
    if (data / "speech" / "ami").is_dir():
        background = _recorded_noise(data / "speech" / "ami" / "trn01.flac")
        found["meeting room noise, 10 dB"] = lambda s, seed: _with_recording(s, background, seed, 10.0)
    if (data / "grid").is_dir():
        voices = _babble(data / "grid")
        found["voices behind, 15 dB"] = lambda s, seed: _with_recording(s, voices, seed, 15.0)
    return found


def white_noise(samples: np.ndarray, seed: int, snr_db: float) -> np.ndarray:
    """Return samples with white noise."""
    noise = np.random.default_rng(seed).standard_normal(len(samples))
    return mix(samples, noise, snr_db).astype(np.float32)


def phone_line(samples: np.ndarray) -> np.ndarray:
    """Return samples through a phone line: 300 to 3400 Hz, 8 kHz, companded to 8 bits (ITU-T G.711, mu-law)."""
    from scipy.signal import resample_poly

    narrow = resample_poly(band_limit(samples, 300.0, 3400.0, 6), 1, 2)
    level = float(np.abs(narrow).max()) + 1e-9
    companded = np.sign(narrow) * np.log1p(255 * np.abs(narrow) / level) / np.log(256)
    quantized = np.round(companded * 127) / 127
    expanded = np.sign(quantized) * np.expm1(np.abs(quantized) * np.log(256)) / 255 * level
    return np.resize(resample_poly(expanded, 2, 1), len(samples)).astype(np.float32)


def room(samples: np.ndarray, seed: int, size_m: tuple[float, float, float], reverberation_s: float) -> np.ndarray:
    """Return samples as heard in a box-shaped room, speaker and microphone at places that the seed draws.

    By the image source method (Allen and Berkley, "Image method for efficiently simulating small-room acoustics",
    1979); the walls absorb what gives the reverberation time by Sabine's formula.
    """
    rng, size = np.random.default_rng(seed), np.array(size_m)
    speaker, microphone = rng.uniform(0.2, 0.8, 3) * size, rng.uniform(0.2, 0.8, 3) * size
    surface = 2 * (size[0] * size[1] + size[0] * size[2] + size[1] * size[2])
    absorption = min(0.161 * size.prod() / (surface * reverberation_s), 0.95)
    counts = np.arange(-_REFLECTIONS, _REFLECTIONS + 1)
    # Along each axis, image n of the speaker lies at 2*ceil(n/2)*length +- speaker and was reflected |n| times.
    axes = [
        2 * np.ceil(counts / 2) * size[k] + np.where(counts % 2, -1, 1) * speaker[k] - microphone[k] for k in range(3)
    ]
    x, y, z = np.meshgrid(*axes, indexing="ij")
    times = sum(np.abs(c) for c in np.meshgrid(counts, counts, counts, indexing="ij"))
    distance = np.sqrt(x**2 + y**2 + z**2)
    gains = np.sqrt(1 - absorption) ** times / np.maximum(distance, 0.1)
    delays = np.round(distance / _SOUND_M_S * SAMPLE_RATE_HZ).astype(int).ravel()
    response = np.bincount(delays, gains.ravel())
    first = int(delays.min())
    return convolve(samples, response[first : first + SAMPLE_RATE_HZ]).astype(np.float32)


def _with_recording(samples: np.ndarray, recording: np.ndarray, seed: int, snr_db: float) -> np.ndarray:
    start = int(np.random.default_rng(seed).integers(len(recording)))
    return mix(samples, np.resize(np.roll(recording, -start), len(samples)), snr_db).astype(np.float32)


def _recorded_noise(path: Path) -> np.ndarray:
    """Return what lies between the speech of a meeting."""
    samples = open_clip(path).audio()
    is_quiet = np.ones(len(samples), dtype=bool)
    for span in voice_activity(samples):
        first = max(0, round((span.start_s - 0.3) * SAMPLE_RATE_HZ))
        is_quiet[first : round((span.end_s + 0.3) * SAMPLE_RATE_HZ)] = False
    return samples[is_quiet]


def _babble(folder: Path) -> np.ndarray:
    """Return all talking heads of GRID at once."""
    voices = [open_clip(path).audio() for path in sorted(folder.glob("*.mpg"))]
    length = min(len(voice) for voice in voices)
    babble: np.ndarray = np.sum([v[:length] / (v[:length].std() + 1e-9) for v in voices], axis=0)
    return babble
