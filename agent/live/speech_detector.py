"""Voice activity as it happens: Silero VAD, window by window, with hysteresis."""

from __future__ import annotations

from typing import Any

import numpy as np

from omnisense.perception.media.decode import SAMPLE_RATE_HZ

WINDOW = 512  # samples that the model takes at once, 32 ms
WINDOW_S = WINDOW / SAMPLE_RATE_HZ
_CONTEXT = 64  # samples before the window that it also sees
# Speech begins at Silero's usual threshold and ends 0.15 below it (its own default for the lower one).
_BEGINS, _ENDS = 0.5, 0.35
_MIN_WINDOWS = 3  # a click is shorter


class SileroVAD:
    """The ONNX copy of Silero VAD in faster-whisper, with its state kept from window to window."""

    def __init__(self) -> None:
        from faster_whisper.vad import get_vad_model

        self._session: Any = get_vad_model().session
        self._h = np.zeros((1, 1, 128), np.float32)
        self._c = np.zeros((1, 1, 128), np.float32)
        self._context = np.zeros(_CONTEXT, np.float32)

    def probability(self, window: np.ndarray) -> float:
        """Return how probable speech is in the next 512 samples (512,) float32."""
        inputs = np.concatenate([self._context, window])[None]
        output, self._h, self._c = self._session.run(None, {"input": inputs, "h": self._h, "c": self._c})
        self._context = window[-_CONTEXT:]
        return float(np.asarray(output).reshape(-1)[0])


class SpeechDetector:
    """Tells speech from silence in a stream.

    Attributes:
        heard_s: up to where the stream was looked at.
        has_begun: whether anything was received.
        is_speech: whether somebody speaks; pauses shorter than ``pause_s`` belong to speech.
        start_s: where the current or last speech began.
        end_s: where its last window with a voice ended.
    """

    def __init__(self, pause_s: float) -> None:
        self.pause_s = pause_s
        self.heard_s, self.start_s, self.end_s = 0.0, 0.0, 0.0
        self.is_speech = self.has_begun = False
        self._vad = SileroVAD()
        self._rest = np.zeros(0, np.float32)
        self._run = 0  # windows with a voice in a row, before speech has begun
        self._is_voiced = False

    def begin_at(self, time_s: float) -> None:
        """Let the stream begin at this time."""
        self.heard_s = self.start_s = self.end_s = time_s
        self.has_begun = True

    @property
    def received_s(self) -> float:
        """Up to where the stream was received."""
        return self.heard_s + len(self._rest) / SAMPLE_RATE_HZ

    @property
    def silent_s(self) -> float:
        """Seconds since the last window with a voice."""
        return self.heard_s - self.end_s

    @property
    def speech_s(self) -> float:
        """Seconds from the beginning of the current or last speech to its last window with a voice."""
        return self.end_s - self.start_s

    def feed(self, samples: np.ndarray) -> list[bool]:
        """Look at the next samples (N,) float32 at 16 kHz; return what changed: True where speech began, False where it
        ended."""
        self._rest = np.concatenate([self._rest, samples])
        changes = []
        while len(self._rest) >= WINDOW:
            window, self._rest = self._rest[:WINDOW], self._rest[WINDOW:]
            before = self.is_speech
            self._next(self._vad.probability(window))
            if self.is_speech != before:
                changes.append(self.is_speech)
        return changes

    def _next(self, probability: float) -> None:
        self._is_voiced = probability >= (_ENDS if self._is_voiced else _BEGINS)
        self.heard_s += WINDOW_S
        self._run = self._run + 1 if self._is_voiced else 0
        if self.is_speech:
            if self._is_voiced:
                self.end_s = self.heard_s
            elif self.silent_s >= self.pause_s:
                self.is_speech = False
        elif self._run >= _MIN_WINDOWS:
            self.is_speech = True
            self.start_s, self.end_s = self.heard_s - self._run * WINDOW_S, self.heard_s
