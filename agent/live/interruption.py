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
from omnisense.perception.types import Segment

Decision = Literal["hold", "interrupt", "resume", "backchannel"]
Recognize = Callable[[np.ndarray], Segment | None]

_FIRST_CHECK_S, _NEXT_CHECK_S = 0.4, 0.2  # of speech, before its words are first looked at, and again
# Speech in which one word alone interrupts: recognizers mishear short signs of listening ("oh, wow", "exactly").
_ONE_WORD_S = 0.75
# Of the recognizer. Of twenty interruptions sixteen reach .4 within 0.9 s, or are commands. Signs of listening are
# misheard with up to .54 ("Uh-huh, yeah" as "A heart, yeah"): in speech as short as they are, and where one word alone
# takes the turn, it has to be surer. Until it is, the agent is silent, but goes on if no more comes.
_SURE, _SURE_OF_LITTLE = 0.4, 0.6
_LONG_S = 1.0  # backchannels are shorter; words that are misheard in longer speech interrupt as well
_WORDLESS_S = 1.2  # a sound without words that lasts this long makes the agent pause
# Said to stop somebody; these interrupt however short they are.
_COMMANDS = re.compile(
    r"\b(?:stop|wait|hold on|hang on|no no|sorry|excuse me|quiet|shut up|enough|one moment|just a (?:second|minute))\b"
)


class InterruptionWatch:
    """Decides about one stretch of speech after the other while the agent speaks.

    Words decide: speech is recognized from 0.4 s on, and again as it grows. Backchannels let the agent go on. Other
    words interrupt once there is ``min_interruption_s`` of speech, a single word a little later. Where the words are
    unsure or none are recognized by then, the agent only pauses, and goes on if no others come.

    Args:
        settings: of turn taking.
        recognize: returns the words of some sound, quickly.
        jobs: where that is done.
    """

    def __init__(self, settings: LiveSettings, recognize: Recognize, jobs: Jobs) -> None:
        self._settings, self._recognize, self._jobs = settings, recognize, jobs
        self._speech_start_s = -1.0
        self._check: Job[Segment | None] | None = None
        self._checked_s = 0.0
        self._is_settled = True  # about this stretch of speech
        self._confidence = 0.0  # of the words
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
            found, self._check = self._check.result(), None
            self.words = found.text if found else ""
            self._confidence = (found.confidence or 0.0) if found else 0.0
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
        takes_turn = is_long and (count > 1 or (count == 1 and self._checked_s >= _ONE_WORD_S))
        is_little = count == 1 or self._checked_s < _ONE_WORD_S
        is_sure = self._confidence >= (_SURE_OF_LITTLE if is_little else _SURE) or (
            count > 1 and self._checked_s >= (_LONG_S if speech.is_speech else _ONE_WORD_S)
        )
        if (takes_turn and is_sure) or (count and _COMMANDS.search((words or "").lower())):
            self._is_settled, self.is_holding = True, False
            return "interrupt"
        if speech.is_speech:
            return self._decide_while_speaking(speech, is_long, takes_turn)
        if self._check is not None or words is None:
            return None
        self._is_settled = True
        if self.is_holding:
            return self._release() if words else None
        return "backchannel"

    def _decide_while_speaking(self, speech: SpeechDetector, is_long: bool, takes_turn: bool) -> Decision | None:
        if self.is_holding:
            return self._release() if self.words and not count_turn_words(self.words) else None
        unknown = is_long and self.words is None
        if unknown or takes_turn or (self.words == "" and speech.speech_s >= _WORDLESS_S):
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
