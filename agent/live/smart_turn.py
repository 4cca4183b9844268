"""Smart Turn v3.2: whether a speaker who pauses has finished, from how the last seconds sound.

The model is Daily's (BSD-2-Clause), a Whisper tiny encoder with a classifier, for 23 languages; see
https://github.com/pipecat-ai/smart-turn. It reads the last 8 s of the turn as Whisper's log-mel features.
"""

from __future__ import annotations

import functools
import threading
from pathlib import Path
from typing import Any

import numpy as np

from omnisense import models
from omnisense.perception.media.decode import SAMPLE_RATE_HZ

MODEL = "smart-turn"
_SECONDS = 8


class SmartTurn:
    """The model, loaded; calls from several threads take turns.

    Args:
        folder: of the listed model.
    """

    def __init__(self, folder: Path) -> None:
        import onnxruntime
        from transformers import WhisperFeatureExtractor

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        path = str(folder / "smart_turn.onnx")
        self._session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        self._features: Any = WhisperFeatureExtractor(chunk_length=_SECONDS)
        self._lock = threading.Lock()

    def probability(self, samples: np.ndarray) -> float:
        """Return how probable it is that the turn is complete.

        Args:
            samples: (N,) float32 at 16 kHz, the turn up to the pause; the last 8 s are read.
        """
        length = _SECONDS * SAMPLE_RATE_HZ
        recent = samples[-length:]
        padded = np.pad(recent, (length - len(recent), 0))
        with self._lock:
            features = self._features(
                padded, sampling_rate=SAMPLE_RATE_HZ, return_tensors="np", padding="max_length", do_normalize=True
            )["input_features"]
            output = self._session.run(None, {"input_features": features.astype(np.float32)})[0]
        return float(np.asarray(output).reshape(-1)[0])  # the output is called logits, and is a probability


@functools.lru_cache(maxsize=1)
def load_smart_turn() -> SmartTurn:
    """Return the model, fetched and loaded once in a process.

    Raises:
        ModelError: it is not on this machine and cannot be fetched.
    """
    return SmartTurn(models.fetch(MODEL))
