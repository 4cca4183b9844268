"""What stays of a live conversation: its turns in the agent's memory, and their latencies in a run folder."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

from omnisense.agent.agent import Agent
from omnisense.agent.live.events import ReplyEnded
from omnisense.errors import InputError, OmniSenseError
from omnisense.files import private_opener, reporting_storage
from omnisense.reasoning.loop.conversation import Turn

TURNS_FILE = "turns.jsonl"


class Recorder:
    """Records turns in a thread of the agent's memory, one after the other, beside the conversation.

    Args:
        agent: whose memory it is.
        thread_id: the conversation; None records nothing.
        on_error: called with the turn's id where a turn cannot be recorded, from another thread.
    """

    def __init__(self, agent: Agent, thread_id: str | None, on_error: Callable[[str, OmniSenseError], None]) -> None:
        self._agent, self._thread_id, self._on_error = agent, thread_id, on_error
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="live-record")  # one thread: it holds the turn's lock
        self._open: tuple[contextlib.ExitStack, Callable[[Turn, Sequence[str]], None]] | None = None

    def begin(self, turn_id: str, heard: str) -> None:
        """Begin a turn, in place of one that was begun and not finished."""
        self._do(turn_id, lambda: self._begin(heard))

    def finish(self, turn_id: str, turn: Turn, told: Sequence[str]) -> Future[None] | None:
        """Record the turn that was begun; the future is done when it is there."""
        return self._do(turn_id, lambda: self._finish(turn, told))

    def close(self) -> None:
        """Wait for what is to be recorded; a turn that was begun and not finished stays an interrupted one."""
        self._do("", self._leave)
        self._pool.shutdown(wait=True)

    def _begin(self, heard: str) -> None:
        self._leave()
        stack = contextlib.ExitStack()
        assert self._thread_id is not None, "nothing is begun without a thread"
        record = stack.enter_context(self._agent.open_turn(self._thread_id, heard))
        self._open = stack, record

    def _finish(self, turn: Turn, told: Sequence[str]) -> None:
        if self._open is None:  # it could not be begun, which was reported
            return
        try:
            self._open[1](turn, told)
        finally:
            self._leave()

    def _leave(self) -> None:
        if self._open is not None:
            stack, self._open = self._open[0], None
            stack.close()

    def _do(self, turn_id: str, work: Callable[[], None]) -> Future[None] | None:
        if self._thread_id is None:
            return None

        def run() -> None:
            try:
                work()
            except OmniSenseError as error:
                self._on_error(turn_id, error)

        return self._pool.submit(run)


class RunLog:
    """Appends a line for each turn to ``turns.jsonl`` in a run folder.

    Raises:
        InputError: it cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        self._path = path = folder / TURNS_FILE
        try:
            folder.mkdir(parents=True, exist_ok=True)
            handle = private_opener(str(path), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            self._file = os.fdopen(handle, "a", encoding="utf-8")
        except OSError as error:
            raise InputError(f"the run folder cannot be written ({error.strerror})", "Give another.", folder) from error
        path.chmod(0o600)  # what a person said is for their own eyes

    def append(self, ended: ReplyEnded, speaker: str) -> None:
        """Append a turn.

        Raises:
            StorageError: it cannot be written; a later turn is written together with it.
        """
        turn = ended.turn
        row = {"turn_id": ended.turn_id, "at_s": round(ended.at_s, 3), "reason": ended.reason, "speaker": speaker}
        row |= {"latency": asdict(ended.latency), "heard": turn.heard, "reply": turn.reply}
        with reporting_storage(self._path):
            self._file.write(json.dumps(row | {"interrupted": turn.interrupted}, ensure_ascii=False) + "\n")
            self._file.flush()

    def close(self) -> None:
        """Close the file."""
        with contextlib.suppress(OSError):  # what is not written yet was told
            self._file.close()
