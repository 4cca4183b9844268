"""The engine of a live conversation: one state machine over what is heard, seen and played.

It runs in one thread; whatever takes time is a job (:mod:`omnisense.agent.live.jobs`). :class:`LiveSession` drives it
in real time, :mod:`omnisense.agent.live.scenario` in simulated time.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from omnisense.agent.agent import Agent
from omnisense.agent.live.drafting import Draft, Drafter, Spoken
from omnisense.agent.live.endpointing import Endpointing
from omnisense.agent.live.events import (
    Backchannel,
    LiveEvent,
    Noticed,
    PartialTranscript,
    SessionState,
    SpeechStarted,
    SpeechStopped,
    StateChanged,
    TurnEnded,
    TurnFailed,
    TurnResumed,
    TurnTranscribed,
)
from omnisense.agent.live.interruption import InterruptionWatch
from omnisense.agent.live.jobs import Job, Jobs
from omnisense.agent.live.listener_face import ListenerFace
from omnisense.agent.live.open_turn import EndedTurn, OpenTurn, Pause
from omnisense.agent.live.people import People
from omnisense.agent.live.recognizing import SpeechModels
from omnisense.agent.live.replying import Replies
from omnisense.agent.live.settings import LiveSettings
from omnisense.agent.live.speech_detector import SpeechDetector
from omnisense.agent.live.watcher import Watcher
from omnisense.agent.voice.base import Voice
from omnisense.errors import OmniSenseError
from omnisense.perception.audio.chunks import AudioChunk
from omnisense.perception.media.decode import SAMPLE_RATE_HZ
from omnisense.perception.streaming.utterances import FinishedUtterances
from omnisense.perception.types import Segment

_STALLED_S = 0.4  # no sound for this long counts as silence
_LIKELY = 0.3  # how complete a turn must seem for an answer to be begun before it is over
_log = logging.getLogger(__name__)


class Engine:
    """See the module; arguments are those of :class:`LiveSession`.

    Args:
        agent: answers.
        voice: speaks.
        settings: of turn taking.
        thread_id: the conversation; None for one that is not kept.
        jobs: where work is done.
        emit: receives the events, from the engine's thread and from others.
        run_folder: for the latencies.
    """

    def __init__(
        self,
        agent: Agent,
        voice: Voice,
        settings: LiveSettings,
        thread_id: str | None,
        jobs: Jobs,
        emit: Callable[[LiveEvent], None],
        run_folder: Path | None = None,
    ) -> None:
        self.settings = settings
        self._agent, self._jobs, self._emit = agent, jobs, emit
        self._speech_models = SpeechModels(agent.perception)
        self._speech = SpeechDetector(settings.pause_s)
        self._watcher = Watcher(agent.perception, jobs)
        self._face = ListenerFace(self._watcher)
        self._people = People()
        self._drafter = Drafter(agent, voice, self._watcher, self._people)
        self._replies = Replies(agent, voice, thread_id, jobs, self._send, run_folder)
        self._endpointing = Endpointing(settings, self._speech, self._watcher, lambda: self._replies.was_question)
        self._finished = FinishedUtterances(agent.perception)
        self._state: SessionState = "listening"
        self._turns = 0
        self._last_voice_s, self._arrived_s = 0.0, 0.0
        self._turn = self._new_turn(0.0)
        self._watch = self._new_watch()

    @property
    def is_busy(self) -> bool:
        """Whether a turn of the person or a reply is in progress."""
        return self._turn.has_speech or self._turn.ended is not None or self._replies.is_speaking

    # --- what comes in --------------------------------------------------------------------------------------

    def change_settings(self, settings: LiveSettings) -> None:
        """Use other settings from now on."""
        self.settings = self._endpointing.settings = settings
        self._speech.pause_s = settings.pause_s

    def hear(self, samples: np.ndarray, now_s: float) -> None:
        """Hear (N,) float32 at 16 kHz."""
        self._arrived_s = now_s
        if not self._speech.has_begun:
            self._speech.begin_at(max(0.0, now_s - len(samples) / SAMPLE_RATE_HZ))
        for first in range(0, len(samples), SAMPLE_RATE_HZ // 50):  # a long piece may begin and end speech
            self._hear_piece(samples[first : first + SAMPLE_RATE_HZ // 50], now_s)

    def _hear_piece(self, samples: np.ndarray, now_s: float) -> None:
        voice_s = self._speech.end_s
        changes = self._speech.feed(np.nan_to_num(samples))
        self._turn.hear(samples, self._speech.received_s)
        if self._speech.end_s != voice_s:
            self._last_voice_s = now_s
        for began in changes:
            if began:
                self._speech_begins(now_s)
            else:
                self._speech_ends(now_s)

    def see(self, frame: np.ndarray, now_s: float) -> None:
        """See (H, W, 3) uint8 RGB."""
        self._watcher.see(frame, now_s)

    def add_text(self, text: str, now_s: float) -> None:
        """Take a typed text as a turn, or as more of the one that is not answered yet."""
        self._stop(now_s, "interrupted")
        turn = self._turn
        if turn.ended is not None:
            self._send(TurnResumed(now_s, turn.id))
        turn.go_on(now_s, self._read)
        turn.typed = "\n".join(filter(None, (turn.typed, text)))
        self._end_turn(now_s, 1.0, "typed")

    def end_turn(self, now_s: float) -> None:
        """End the turn, if anything was said in it."""
        if self._turn.has_speech and self._turn.ended is None:
            self._stop(now_s, "interrupted")
            self._end_turn(now_s, 1.0, "ended by the client")

    def clear(self, now_s: float) -> None:
        """Forget the turn so far."""
        if self._turn.ended is None:
            self._begin_turn()

    def stop_reply(self, now_s: float) -> None:
        """Stop the reply, or the thinking about it."""
        if not self._stop(now_s, "stopped") and self._turn.ended is not None:
            self._begin_turn()

    def truncate(self, reply_id: str, played_s: float, now_s: float) -> None:
        """Take over how much the client has played."""
        self._replies.truncate(reply_id, played_s, now_s)

    # --- time -----------------------------------------------------------------------------------------------

    def step(self, now_s: float) -> None:
        """Do what is due."""
        if self._speech.has_begun and now_s - self._arrived_s > _STALLED_S:
            missing_s = now_s - _STALLED_S / 2 - self._arrived_s
            self.hear(np.zeros(round(missing_s * SAMPLE_RATE_HZ), np.float32), now_s)
            self._arrived_s = now_s - _STALLED_S / 2
        self._notice(now_s)
        was_speaking = self._replies.is_speaking
        self._replies.step(now_s)
        if was_speaking and not self._replies.is_speaking:
            self._face.end(now_s)
        if self._replies.is_speaking:
            self._step_interruption(now_s)
        else:
            self._step_turn(now_s)
        thinking: SessionState = "thinking" if self._turn.ended else "listening"
        self._change_state("speaking" if self._replies.is_speaking else thinking, now_s)

    def close(self, now_s: float) -> None:
        """End the conversation."""
        if self._turn.pause and self._turn.pause.draft:
            self._turn.pause.draft.cancel()
        self._replies.close(now_s)

    def _notice(self, now_s: float) -> None:
        events = self._watcher.collect(now_s)
        if not events:
            return
        self._send(Noticed(now_s, tuple(events)))
        worse = self._face.notice(events, self._replies.is_speaking)
        if worse and self.settings.check_in:
            self._replies.check_in(now_s)

    # --- the person speaks ----------------------------------------------------------------------------------

    def _speech_begins(self, now_s: float) -> None:
        if self._replies.is_speaking and not self.settings.allow_interruptions:
            return
        turn = self._turn
        if turn.ended is not None:
            self._send(TurnResumed(now_s, turn.id))
        self._endpointing.goes_on(turn.pause, self._speech.start_s)
        turn.go_on(now_s, self._read)
        turn.begin_speech(self._speech.start_s)
        if not self._replies.is_speaking:
            self._send(SpeechStarted(now_s, turn.id))

    def _speech_ends(self, now_s: float) -> None:
        turn = self._turn
        if not turn.has_speech or self._replies.is_speaking:
            return
        turn.begin_pause(self._speech.end_s, self._speech.received_s, self._last_voice_s, now_s)
        self._send(SpeechStopped(now_s, turn.id, round(self._speech.end_s, 3)))

    def _step_interruption(self, now_s: float) -> None:
        """Decide about speech while the agent speaks."""
        if not self.settings.allow_interruptions:
            return
        start_s = self._speech.start_s - 0.3
        decision = self._watch.step(self._speech, lambda: self._turn.sound(start_s), now_s)
        if decision == "hold":
            self._replies.pause(now_s)
        elif decision == "resume":
            self._replies.resume(now_s)
        elif decision == "interrupt":
            self._endpointing.goes_on(self._replies.answered, self._speech.start_s)
            self._stop(now_s, "interrupted")
            self._send(SpeechStarted(now_s, self._turn.id))
        if decision == "backchannel" or (decision == "resume" and not self._speech.is_speech):
            self._send(Backchannel(now_s, self._watch.words or ""))
            self._face.hear(self._watch.words or "", self._speech.start_s, self._speech.end_s)
            self._begin_turn(keep_window=True)

    def _step_turn(self, now_s: float) -> None:
        """Look at the words, and decide whether the turn is over."""
        turn, pause = self._turn, self._turn.pause
        if self._speech.is_speech:
            turn.cut_if_long(self._speech.received_s, now_s, self._read)
            self._send_partial(turn.look_at_words(self._speech.received_s, now_s, self.settings.partials_s), now_s)
        elif pause is None and turn.has_speech and turn.ended is None:
            self._speech_ends(now_s)  # the agent was interrupted, and the person is silent again
        if pause is not None:
            self._step_pause(turn, pause, now_s)

    def _step_pause(self, turn: OpenTurn, pause: Pause, now_s: float) -> None:
        self._send_partial(self._endpointing.look(turn, pause, now_s), now_s)
        if pause.transcribed_s is None:
            return
        if not turn.partial and not turn.typed:
            if self._speech.silent_s >= self.settings.min_endpointing_s:
                self._begin_turn(keep_window=True)  # a sound without words is no turn
            return
        if turn.ended is None and (complete := pause.complete) and self.settings.turn_detection == "automatic":
            if self.settings.speculate and complete.probability >= _LIKELY and pause.draft is None:
                pause.draft = self._draft(turn, pause, now_s)
            if self._endpointing.is_over(turn, pause):
                self._end_turn(now_s, complete.probability, complete.reason)
        if turn.ended is not None:
            self._answer(turn, pause, now_s)

    def _send_partial(self, text: str | None, now_s: float) -> None:
        if text:
            self._send(PartialTranscript(now_s, self._turn.id, text))

    # --- the turn is over -----------------------------------------------------------------------------------

    def _end_turn(self, now_s: float, complete: float, reason: str) -> None:
        turn = self._turn
        if turn.pause is None:
            end_s = self._speech.end_s if turn.has_speech else self._speech.received_s
            noticed_s = self._last_voice_s if turn.has_speech else now_s
            turn.begin_pause(end_s, self._speech.received_s, noticed_s, now_s)
        assert turn.pause is not None, "a pause was just begun"
        turn.ended = EndedTurn(now_s, complete, reason)
        self._send(TurnEnded(now_s, turn.id, round(turn.pause.end_s, 3), complete, reason))

    def _answer(self, turn: OpenTurn, pause: Pause, now_s: float) -> None:
        """Begin the answer to a turn that is over, or play it once it is there."""
        if pause.draft is None:
            pause.draft = self._draft(turn, pause, now_s)
        if not turn.is_announced:
            turn.is_announced = True
            heard = " ".join(part for part in (turn.partial, turn.typed) if part)
            self._replies.announce(turn.id, heard)
        job = pause.draft
        try:
            draft = job.result() if job.is_done(now_s) else job.offered(now_s)
        except OmniSenseError as error:
            _log.warning("a turn could not be answered", exc_info=True)
            self._send(TurnFailed(now_s, turn.id, error))
            self._begin_turn()
            return
        if draft is None:
            return
        pause.draft = None  # it is played now, and no longer thrown away if the person goes on
        self._finished = draft.finished
        self._people.hear(draft.percepts)
        self._send(TurnTranscribed(now_s, turn.id, draft.turn.heard, draft.speaker))
        self._face.begin(now_s)
        self._endpointing.turn_is_over()
        self._watch = self._new_watch()
        self._replies.start(turn, pause, job, draft, now_s, self.settings.output_lead_s)
        self._watcher.forget_before(now_s)
        self._begin_turn()

    def _draft(self, turn: OpenTurn, pause: Pause, now_s: float) -> Job[Draft | None]:
        """Begin an answer."""
        end_s = max(self._speech.received_s, now_s if self._watcher.has_frames else 0.0)
        said = turn.said(pause, self.settings.look_back_s, end_s, self._face.channels())
        address, history = self.settings.address, self._replies.history
        return self._jobs.submit(lambda job: self._drafter.draft(job, said, history, address), now_s)

    def _read(self, chunk: AudioChunk, words: Segment | None, before: FinishedUtterances) -> FinishedUtterances:
        """Read a part of a turn for good."""
        return self._drafter.read(Spoken(chunk, words, before, "", 0.0, 0.0))

    # --- turns ----------------------------------------------------------------------------------------------

    def _begin_turn(self, keep_window: bool = False) -> None:
        """Begin the next turn; where what was said is no turn, its window goes on."""
        old = self._turn
        if old.pause is not None and old.pause.draft is not None:
            old.pause.draft.cancel()
        self._turn = self._new_turn(old.start_s if keep_window else self._speech.received_s)
        if keep_window:
            self._turns -= 1
            self._turn.id = old.id

    def _new_turn(self, start_s: float) -> OpenTurn:
        self._turns += 1
        finished = self._finished
        return OpenTurn(f"turn-{self._turns}", start_s, lambda: finished, self._jobs, self._speech_models)

    def _new_watch(self) -> InterruptionWatch:
        return InterruptionWatch(self.settings, self._speech_models.recognize_quickly, self._jobs)

    def _change_state(self, state: SessionState, now_s: float) -> None:
        if state != self._state:
            self._state = state
            self._send(StateChanged(now_s, state))

    def _stop(self, now_s: float, reason: str) -> bool:
        """Stop the reply; return whether there was one."""
        was_speaking = self._replies.stop(now_s, reason, self.settings.client_reports_playback)
        if was_speaking:
            self._face.end(now_s)
        return was_speaking

    def _send(self, event: LiveEvent) -> None:
        self._emit(replace(event, at_s=round(event.at_s, 3)))
