"""What is done at a pause: look at voice and words, look again if the pause lasts, and say when it is the end."""

from __future__ import annotations

from collections.abc import Callable

from omnisense.agent.live.open_turn import OpenTurn, Pause
from omnisense.agent.live.settings import LiveSettings
from omnisense.agent.live.speech_detector import SpeechDetector
from omnisense.agent.live.turn_taking import Completeness, Patience, TurnEvidence, completeness, required_silence_s
from omnisense.agent.live.watcher import Watcher

_LOOK_AGAIN_S = 0.6  # of silence; by then Smart Turn is often sure where it was not at 0.2 s


class Endpointing:
    """Judges pauses.

    Args:
        settings: of turn taking.
        speech: tells what is heard.
        watcher: where the person looks.
        was_asked: returns whether the agent's last words were a question.
    """

    def __init__(
        self, settings: LiveSettings, speech: SpeechDetector, watcher: Watcher, was_asked: Callable[[], bool]
    ) -> None:
        self.settings = settings
        self._speech, self._watcher, self._was_asked = speech, watcher, was_asked
        self._patience = Patience()

    def look(self, turn: OpenTurn, pause: Pause, now_s: float) -> str | None:
        """Take in what is known by now of a pause; return the words of the turn when they have changed."""
        if pause.transcribed_s is None:
            if not pause.words.is_done(now_s):
                return None
            pause.transcribed_s = now_s
        elif self._has_second_look(turn, pause, now_s):
            pause.transcribed_s = now_s
        changed = turn.set_partial(pause.words.result())
        if pause.complete is None:
            words_end = turn.ask_about_words(pause, now_s)
            if words_end.is_done(now_s) and pause.audio.is_done(now_s):
                pause.complete = self._judge(pause.audio.result(), turn.partial, words_end.result(), now_s)
        return changed

    def _judge(self, audio: float, words: str, words_end: float | None, now_s: float) -> Completeness:
        facing = self._watcher.facing_camera(now_s)
        return completeness(TurnEvidence(audio, words, words_end, facing, self._was_asked()))

    def is_over(self, turn: OpenTurn, pause: Pause) -> bool:
        """Whether the silence suffices."""
        settings = self.settings
        if pause.complete is None or settings.turn_detection != "automatic":
            return False
        if self._speech.received_s - turn.speech_start_s >= settings.max_turn_s:
            return self._speech.silent_s >= settings.min_endpointing_s
        needed_s = required_silence_s(pause.complete, settings.min_endpointing_s, settings.max_endpointing_s)
        return self._speech.silent_s >= max(needed_s, self._patience.seconds)

    def goes_on(self, pause: Pause | None, start_s: float) -> None:
        """Learn from a person who speaks again after a pause."""
        settings = self.settings
        if pause is None or not settings.adaptive_endpointing:
            return
        longest_s = (settings.min_endpointing_s + settings.max_endpointing_s) / 2
        gap_s = start_s - pause.end_s
        if gap_s <= longest_s:  # later it is something else to say
            self._patience.went_on(pause.complete, gap_s, longest_s)

    def turn_is_over(self) -> None:
        """A turn was answered."""
        self._patience.turn_is_over()

    def _has_second_look(self, turn: OpenTurn, pause: Pause, now_s: float) -> bool:
        """Look again once the pause has lasted; return whether other words were found by that."""
        again = pause.again
        if turn.ended is not None:
            return False
        if again is None:
            if not pause.was_seen_again and pause.complete is not None and self._speech.silent_s >= _LOOK_AGAIN_S:
                turn.look_again(self._speech.heard_s, now_s)
            return False
        if not (again.words.is_done(now_s) and again.audio.is_done(now_s)):
            return False
        words = pause.words
        turn.take_second_look()
        return pause.words is not words
