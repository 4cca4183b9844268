"""The default voice: hibari-tts, an English voice whose weights are inside its package; it runs offline on one core."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import numpy as np

from omnisense.agent.voice.base import PLAIN, VoiceStyle
from omnisense.errors import InputError, ModelError

_MIN_PACE, _MAX_PACE, _MAX_PITCH_ST = 0.5, 2.0, 6.0
_EDGE_S = 0.08  # silence that is kept before and after a sentence
_QUIET = 10 ** (-45 / 20)


class HibariVoice:
    """Speaks with hibari-tts.

    Args:
        voice: a voice of the package; all but ``heart`` must be in its cache folder already: nothing is downloaded.
        seed: of the noise in the sound, so that the same text gives the same sound.

    Raises:
        ModelError: the package is not installed, or the voice is not on this machine.
    """

    def __init__(self, voice: str = "heart", seed: int = 0) -> None:
        self._tts = _load(voice)
        self.name, self.sample_rate, self._seed = f"hibari-tts:{voice}", int(self._tts.sample_rate), seed
        self._lock = threading.Lock()

    def synthesize(self, text: str, style: VoiceStyle = PLAIN) -> Iterator[np.ndarray]:
        """Yield the sound of each sentence in a text.

        Raises:
            InputError: the pace is not from 0.5 to 2, or the pitch is shifted by more than 6 semitones.
        """
        if not (_MIN_PACE <= style.pace <= _MAX_PACE and abs(style.pitch_st) <= _MAX_PITCH_ST):
            raise InputError(
                f"{style} is outside what the voice can do", "Give a pace from 0.5 to 2, and at most 6 semitones."
            )
        with self._lock:
            phonemes = self._tts.phonemize(text)
        for sentence in phonemes:
            with self._lock:
                sound = self._sound(self._tts.ids(sentence), style)
            if len(sound):
                yield sound

    def _sound(self, ids: list[int], style: VoiceStyle) -> np.ndarray:
        """Return the sound of phonemes. The network gives the pitch by itself, and the formants stay where they are."""
        from hibari import dsp

        if len(ids) < 3:
            return np.zeros(0, np.float32)
        inputs = {"ids": np.asarray([ids], np.int64), "speed": np.asarray([style.pace], np.float32)}
        lh, theta, ln, lr, phi, f0 = (part[0] for part in self._tts.sess.run(None, inputs))
        raised = (f0 * 2 ** (style.pitch_st / 12)).astype(np.float32)  # an unvoiced frame is 0 and stays so
        sound = dsp.synth(lh, theta, ln, lr, phi, raised, np.random.default_rng(self._seed))
        return _trim(np.asarray(sound, np.float32), self.sample_rate)


def _load(voice: str) -> Any:
    try:
        from hibari import Hibari
        from hibari.voices import voice_path
    except ImportError as error:
        raise ModelError("hibari-tts is not installed", "Run: pip install 'omnisense[voice]'") from error
    try:
        path = voice_path(voice, download_missing=False)
    except ValueError as error:
        raise ModelError(f"hibari-tts has no voice '{voice}'", "Use 'heart'.") from error
    except FileNotFoundError as error:
        raise ModelError(
            f"the voice '{voice}' is not on this machine", "Use 'heart', or put its file there."
        ) from error
    tts = Hibari(voice=voice, model=path)
    tts.phonemize("Hello.")  # its dictionaries are loaded on first use
    return tts


def _trim(sound: np.ndarray, sample_rate: int) -> np.ndarray:
    """Return the sound without the longer silence at its ends: the network adds about a third of a second."""
    loud = np.flatnonzero(np.abs(sound) > _QUIET)
    if not len(loud):
        return sound[:0]
    edge = round(_EDGE_S * sample_rate)
    return sound[max(0, loud[0] - edge) : loud[-1] + edge]
