"""The agent's side of a conversation: the reply that plays, what was heard of it, and the history."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from omnisense.agent.agent import Agent
from omnisense.agent.live.drafting import Draft
from omnisense.agent.live.events import LiveEvent, ReplyEnded, ReplyStarted, ReplyWritten, TurnFailed
from omnisense.agent.live.jobs import Job, Jobs
from omnisense.agent.live.latency import TurnLatency
from omnisense.agent.live.open_turn import EndedTurn, OpenTurn, Pause
from omnisense.agent.live.playing import Player, Sentence
from omnisense.agent.live.recording import Recorder, RunLog
from omnisense.agent.voice.base import Voice
from omnisense.errors import ConflictError, OmniSenseError, StorageError
from omnisense.reasoning.loop.conversation import Turn
from omnisense.reasoning.loop.notes import Note

_REPORT_WAIT_S = 1.0  # for the client to say how much it has played
CHECK_IN = "I can see that something in this touches you. Shall we stay with that for a moment?"
_log = logging.getLogger(__name__)


@dataclass
class _Reply:
    """A reply that plays, or was stopped and is not in the history yet."""

    turn: OpenTurn
    pause: Pause
    ended: EndedTurn
    job: Job[Draft | None]
    draft: Draft
    player: Player
    reason: str = ""
    is_written: bool = False
    played_s: float | None = None
    wait_until_s: float = 0.0
    closing: Job[Turn] | None = None


class Replies:
    """Plays replies one after the other, and keeps the history.

    Args:
        agent: whose memory keeps the conversation.
        voice: speaks.
        thread_id: the conversation; None for one that is not kept.
        jobs: where work is done.
        emit: receives the events.
        run_folder: for the latencies.
    """

    def __init__(
        self,
        agent: Agent,
        voice: Voice,
        thread_id: str | None,
        jobs: Jobs,
        emit: Callable[[LiveEvent], None],
        run_folder: Path | None,
    ) -> None:
        self._voice, self._jobs, self._emit = voice, jobs, emit
        self._log = RunLog(run_folder) if run_folder else None
        if thread_id:
            _finish_interrupted(agent, thread_id)
        self._turns = list(agent.history(thread_id)) if thread_id else []
        self._notes = list(agent.notes(thread_id)) if thread_id else []
        self._recorder = Recorder(
            agent, thread_id, lambda turn_id, error: emit(TurnFailed(self._now_s, turn_id, error))
        )
        self._current: _Reply | None = None
        self._stopped: _Reply | None = None
        self._count = 0
        self._now_s = 0.0

    @property
    def is_speaking(self) -> bool:
        """Whether a reply plays or is paused."""
        return self._current is not None

    @property
    def answered(self) -> Pause | None:
        """The pause that was taken for the end of the turn which the reply that plays answers."""
        return self._current.pause if self._current is not None else None

    @property
    def was_question(self) -> bool:
        """Whether the last words that were said are a question."""
        return bool(self._turns) and self._turns[-1].reply.rstrip().endswith("?")

    def history(self) -> tuple[Sequence[Turn], Sequence[Note]]:
        """Return the conversation so far and the facts told in it; waits for the words of a reply that was stopped."""
        stopped = self._stopped
        turns = tuple(self._turns)
        if stopped is not None and stopped.closing is not None:
            last = stopped.closing.result()
            if not turns or turns[-1] != last:
                turns = (*turns, last)
        return turns, tuple(self._notes)

    def announce(self, turn_id: str, heard: str) -> None:
        """A turn will be answered: keep what was heard, in case this process does not live to do it."""
        self._recorder.begin(turn_id, heard)

    def start(
        self, turn: OpenTurn, pause: Pause, job: Job[Draft | None], draft: Draft, now_s: float, lead_s: float
    ) -> None:
        """Play an answer, which its job may still be writing."""
        assert turn.ended is not None, "only a turn that is over is answered"
        self._finish_stopped(now_s, wait=True)
        self._count += 1
        reply_id = f"reply-{self._count}"
        self._emit(ReplyStarted(now_s, turn.id, reply_id))
        player = Player(reply_id, draft.sentences, self._voice, draft.style, self._jobs, self._emit, lead_s)
        self._current = _Reply(turn, pause, turn.ended, job, draft, player)
        self.step(now_s)

    def step(self, now_s: float) -> None:
        """Hand out what is due, and record what is over."""
        self._now_s = now_s
        self._finish_stopped(now_s)
        reply = self._current
        if reply is None:
            return
        try:
            self._take_answer(reply, now_s)
            reply.player.step(now_s)
        except OmniSenseError as error:
            _log.warning("the voice or the policy failed within a reply", exc_info=True)
            self._emit(TurnFailed(now_s, reply.turn.id, error))
            self.stop(now_s, "stopped")
            return
        if reply.player.is_over(now_s):
            self._current = None
            reply.reason = reply.reason or "done"
            turn = replace(_turn_of(reply), reply=reply.player.text(), interrupted=reply.reason != "done")
            self._record(reply, turn, now_s)

    def _take_answer(self, reply: _Reply, now_s: float) -> None:
        """See whether all of the reply is written by now."""
        if reply.is_written or not reply.job.is_done(now_s):
            return
        draft = reply.job.result()  # raises what the policy raised
        reply.is_written = reply.player.is_complete = True
        if draft is not None and draft.answer is not None:
            self._emit(ReplyWritten(now_s, reply.turn.id, reply.player.reply_id, draft.answer.response))

    def pause(self, now_s: float) -> None:
        """Be silent for now."""
        if self._current is not None and not self._current.player.is_paused:
            self._current.player.pause(now_s)

    def resume(self, now_s: float) -> None:
        """Go on."""
        if self._current is not None and self._current.player.is_paused:
            self._current.player.resume(now_s)

    def stop(self, now_s: float, reason: str, reports_playback: bool = False) -> bool:
        """Stop the reply for good; return whether there was one."""
        reply, self._current = self._current, None
        if reply is None:
            return False
        if not reply.player.is_paused:
            reply.player.pause(now_s)
        reply.job.cancel()
        reply.reason, reply.played_s = reason, reply.player.played_s(now_s)
        reply.wait_until_s = now_s + (_REPORT_WAIT_S if reports_playback else 0.0)
        self._stopped = reply
        if not reports_playback:
            self._close(reply, now_s)
        return True

    def truncate(self, reply_id: str, played_s: float, now_s: float) -> None:
        """Take over how much of a reply was played, if it is not in the history yet."""
        if self._current is not None and self._current.player.reply_id == reply_id:
            self.stop(now_s, "interrupted", reports_playback=True)
        reply = self._stopped
        if reply is not None and reply.player.reply_id == reply_id and reply.closing is None:
            reply.played_s = min(reply.played_s or 0.0, played_s)
            self._close(reply, now_s)

    def check_in(self, now_s: float) -> None:
        """End the reply after the sentence that plays, and ask how it is taken."""
        reply = self._current
        if reply is not None and not reply.reason:
            reply.reason = "check-in"
            reply.player.end_with(Sentence(CHECK_IN))

    def close(self, now_s: float) -> None:
        """Stop, and record everything."""
        self.stop(now_s, "closed")
        self._finish_stopped(now_s, wait=True)
        self._recorder.close()
        if self._log:
            self._log.close()

    def _close(self, reply: _Reply, now_s: float) -> None:
        """Find out which words were played."""

        def work(_: Job[Turn]) -> Turn:
            said = reply.player.words_until(reply.played_s or 0.0)
            interrupted = not reply.is_written or said != reply.player.text()
            return replace(_turn_of(reply), reply=said, interrupted=interrupted)

        reply.closing = self._jobs.submit(work, now_s)

    def _finish_stopped(self, now_s: float, wait: bool = False) -> None:
        reply = self._stopped
        if reply is None:
            return
        if reply.closing is None and (wait or now_s >= reply.wait_until_s):
            self._close(reply, now_s)
        if reply.closing is not None and (wait or reply.closing.is_done(now_s)):
            self._stopped = None
            self._record(reply, reply.closing.result(), now_s)

    def _record(self, reply: _Reply, turn: Turn, now_s: float) -> None:
        """Add a turn to the history, the memory and the run folder."""
        known = {note.text for note in self._notes}
        answer = reply.draft.answer if reply.is_written else None
        facts = answer.told if answer is not None else ()
        told = [text for text in facts if text not in known]
        self._notes += [Note(len(self._notes) + i + 1, len(self._turns), text) for i, text in enumerate(told)]
        self._turns.append(turn)
        latency = latency_of(reply.pause, reply.ended, reply.draft, reply.player, reply.turn)
        self._recorder.finish(reply.turn.id, turn, facts)
        ended = ReplyEnded(now_s, reply.turn.id, reply.player.reply_id, turn, latency, reply.reason)
        try:
            if self._log:
                self._log.append(ended, reply.draft.speaker)
        except StorageError as error:
            self._emit(TurnFailed(now_s, reply.turn.id, error))
        self._emit(ended)


def _turn_of(reply: _Reply) -> Turn:
    """Return the turn without what was said; one that was stopped before all was written lacks what came last."""
    answer = reply.draft.answer if reply.is_written else None
    return answer.turn if answer is not None else reply.draft.turn


def _finish_interrupted(agent: Agent, thread_id: str) -> None:
    """Answer a turn that was interrupted when a process ended, so that it is in the history."""
    if not agent.interrupted(thread_id):
        return
    try:
        agent.resume(thread_id)
    except (ConflictError, StorageError):
        raise
    except OmniSenseError:
        _log.warning("an interrupted turn was dropped", exc_info=True)


def latency_of(pause: Pause, ended: EndedTurn, draft: Draft, player: Player, turn: OpenTurn) -> TurnLatency:
    """Return the latencies of a turn; a typed one has no end of speech."""
    times_s, spoken_s = draft.times_s, pause.noticed_s if turn.has_speech else None
    sound_s = player.first_sound_s
    playable_s = max(times_s["sound"], ended.decided_s)

    def since_speech(time_s: float | None) -> float | None:
        return None if time_s is None or spoken_s is None else round(time_s - spoken_s, 3)

    return TurnLatency(
        transcription_delay=since_speech(pause.transcribed_s),
        end_of_turn_delay=since_speech(ended.decided_s),
        llm_node_ttft=_between(times_s["percepts"], times_s.get("token")),
        llm_node_ttfs=_between(times_s["percepts"], times_s["sentence"]),
        tts_node_ttfb=_between(times_s["sentence"], times_s["sound"]),
        playback_latency=_between(playable_s, sound_s),
        e2e_latency=since_speech(sound_s),
        perception_delay=since_speech(times_s["percepts"]),
        discarded=turn.discarded,
    )


def _between(start_s: float, end_s: float | None) -> float | None:
    return None if end_s is None else round(end_s - start_s, 3)
