"""The models that a live conversation applies to short pieces of sound: for words, and for the ends of turns."""

from __future__ import annotations

import numpy as np

from omnisense.agent.live.sentence_end import find_sentence_end
from omnisense.agent.live.smart_turn import load_smart_turn
from omnisense.perception.pipeline import Perception
from omnisense.perception.speech.transcribe import Transcriber
from omnisense.perception.types import Segment

_QUICK_WINDOW_S = 8.0  # enough for the few words that tell a backchannel from an interruption


class SpeechModels:
    """The models, loaded. Calls may come from any thread.

    Args:
        perception: whose speech recognizer is used.

    Raises:
        ModelError: the speech recognizer or Smart Turn cannot be loaded.
    """

    def __init__(self, perception: Perception) -> None:
        perception.registry.load_all()
        self._transcriber: Transcriber = perception.registry.get("speech")
        self._smart_turn = load_smart_turn()
        may_hear_english = self._transcriber.language in (None, "en")
        self._sentence_end = find_sentence_end() if may_hear_english else None

    def recognize(self, samples: np.ndarray) -> Segment | None:
        """Return the words of at most 28 s of sound (N,) float32 at 16 kHz; None where there are none."""
        return self._transcriber.recognize_short(samples)

    def recognize_quickly(self, samples: np.ndarray) -> Segment | None:
        """Return the words of a second or two of sound; less exactly, in half the time."""
        return self._transcriber.recognize_short(samples, _QUICK_WINDOW_S)

    def judge(self, samples: np.ndarray) -> float:
        """Return how probable it is that a turn which sounds like this is complete."""
        return self._smart_turn.probability(samples)

    def judge_words(self, words: str, language: str | None) -> float | None:
        """Return the log-odds that a sentence ends after these words.

        Args:
            words: as recognized.
            language: of them, as recognized: a code such as ``en``.

        Returns:
            The log-odds; None where there are no words, they are not English, or the language model is not there.
        """
        if self._sentence_end is None or language != "en" or not any(letter.isalpha() for letter in words):
            return None
        return self._sentence_end.log_odds(words)
