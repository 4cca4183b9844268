"""Whether speech while the agent speaks takes the turn: an interruption, a backchannel, or no speech at all."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Literal

import numpy as np

from omnisense.agent.live.backchannels import count_turn_words
from omnisense.agent.live.jobs import Job, Jobs
from omnisense.agent.live.settings import LiveSettings
from omnisense.agent.live.speech_detector import SpeechDetector

Decision = Literal["hold", "interrupt", "resume", "backchannel"]
Recognize = Callable[[np.ndarray], str]

_FIRST_CHECK_S, _NEXT_CHECK_S = 0.4, 0.2  # of speech, before its words are first looked at, and again
# Speech in which one word alone interrupts: recognizers mishear short signs of listening ("oh, wow", "exactly").
_ONE_WORD_S = 0.75
_WORDLESS_S = 1.2  # a sound without words that lasts this long makes the agent pause
# Said to stop somebody; these interrupt however short they are.
_COMMANDS = re.compile(
    r"\b(?:stop|wait|hold on|hang on|no no|sorry|excuse me|quiet|shut up|enough|one moment|just a (?:second|minute))\b"
)


class InterruptionWatch:
    """Decides about one stretch of speech after the other while the agent speaks.

    Words decide: speech is recognized from 0.4 s on, and again as it grows. Backchannels let the agent go on. Other
    words interrupt once there is ``min_interruption_s`` of speech, a single word a little later. Where nothing is
    recognized by then, the agent only pauses, and goes on if no words come.

    Args:
        settings: of turn taking.
        recognize: returns the words of some sound, quickly.
        jobs: where that is done.
    """

    def __init__(self, settings: LiveSettings, recognize: Recognize, jobs: Jobs) -> None:
        self._settings, self._recognize, self._jobs = settings, recognize, jobs
        self._speech_start_s = -1.0
        self._check: Job[str] | None = None
        self._checked_s = 0.0
        self._is_settled = True  # about this stretch of speech
        self.words: str | None = None  # None: nothing was looked at yet
        self.is_holding = False

    def step(self, speech: SpeechDetector, sound: Callable[[], np.ndarray], now_s: float) -> Decision | None:
        """Look at the speech again.

        Args:
            speech: tells what is heard.
            sound: returns the sound of this stretch of speech, (N,) float32.
            now_s: the session's time.
        """
        if speech.is_speech and speech.start_s != self._speech_start_s:
            self._speech_start_s = speech.start_s
            self._check, self._checked_s, self.words, self._is_settled = None, 0.0, None, False
        if self._check is not None and self._check.is_done(now_s):
            self.words, self._check = self._check.result(), None
        if self._is_settled:
            return self._resume_after_silence(speech)
        self._look(speech, sound, now_s)
        return self._decide(speech)

    def _look(self, speech: SpeechDetector, sound: Callable[[], np.ndarray], now_s: float) -> None:
        """Recognize the words, if there is enough that was not looked at yet."""
        new_s = speech.speech_s - self._checked_s
        due = speech.speech_s >= _FIRST_CHECK_S and new_s >= _NEXT_CHECK_S
        ended = not speech.is_speech and new_s > 0.05
        if self._check is None and (due or ended):
            samples = sound()
            self._check = self._jobs.submit(lambda _: self._recognize(samples), now_s)
            self._checked_s = speech.speech_s

    def _decide(self, speech: SpeechDetector) -> Decision | None:
        words = self.words
        is_long = speech.speech_s >= self._settings.min_interruption_s
        count = count_turn_words(words or "")
        if (is_long and (count > 1 or (count and self._checked_s >= _ONE_WORD_S))) or (
            count and _COMMANDS.search((words or "").lower())
        ):
            self._is_settled, self.is_holding = True, False
            return "interrupt"
        if speech.is_speech:
            return self._decide_while_speaking(speech, is_long)
        if self._check is not None or words is None:
            return None
        self._is_settled = True
        if self.is_holding:
            return self._release() if words else None
        return "backchannel"

    def _decide_while_speaking(self, speech: SpeechDetector, is_long: bool) -> Decision | None:
        if self.is_holding:
            return self._release() if self.words and not count_turn_words(self.words) else None
        unknown = is_long and self.words is None
        if unknown or (self.words == "" and speech.speech_s >= _WORDLESS_S):
            self.is_holding = True
            return "hold"
        return None

    def _resume_after_silence(self, speech: SpeechDetector) -> Decision | None:
        if self.is_holding and not speech.is_speech and speech.silent_s >= self._settings.resume_after_s:
            return self._release()
        return None

    def _release(self) -> Decision:
        self.is_holding = False
        return "resume"
