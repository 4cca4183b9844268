"""A live conversation: sound and frames go in, events and the agent's speech come out. No server is needed.

::

    with LiveSession(Agent(), HibariVoice()) as session:
        threading.Thread(target=send_microphone, args=(session,)).start()  # session.feed_audio(...) every 20 to 100 ms
        for event in session.events():
            if isinstance(event, ReplyAudio):
                play(event.samples, event.sample_rate)
            elif isinstance(event, ReplyPaused):
                drop_what_is_not_played_yet()
"""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from omnisense.agent.agent import Agent
from omnisense.agent.live.engine import Engine
from omnisense.agent.live.events import LiveEvent
from omnisense.agent.live.jobs import ThreadJobs
from omnisense.agent.live.settings import LiveSettings
from omnisense.agent.voice.base import NoVoice, Voice
from omnisense.errors import InputError

_TICK_S = 0.02  # how often playback and pauses are looked at while nothing arrives
_log = logging.getLogger(__name__)


class LiveSession:
    """A live conversation with an agent, in real time. All methods may be called from any thread and return at once.

    Args:
        agent: perceives and answers; it may be shared by many sessions.
        voice: speaks the replies; None: they are text only.
        settings: of turn taking.
        thread_id: the conversation that the turns belong to; None: they are remembered until the session ends.
        run_folder: where each turn is appended to ``turns.jsonl`` with its latencies; None: nowhere.

    Raises:
        ModelError: a model cannot be loaded.
        StorageError: the conversation cannot be read.
        InputError: the run folder cannot be written.
    """

    def __init__(
        self,
        agent: Agent,
        voice: Voice | None = None,
        settings: LiveSettings | None = None,
        thread_id: str | None = None,
        run_folder: Path | None = None,
    ) -> None:
        self._inbox: queue.SimpleQueue[Callable[[float], None] | None] = queue.SimpleQueue()
        self._events: queue.SimpleQueue[LiveEvent | None] = queue.SimpleQueue()
        self._jobs = ThreadJobs(lambda: self._inbox.put(_wake))
        self._engine = Engine(
            agent, voice or NoVoice(), settings or LiveSettings(), thread_id, self._jobs, self._events.put, run_folder
        )
        self._began = time.monotonic()
        self._is_closed = threading.Event()
        self._failure: Exception | None = None
        self._worker = threading.Thread(target=self._work, name="live-session", daemon=True)
        self._worker.start()

    def __enter__(self) -> LiveSession:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def settings(self) -> LiveSettings:
        """The settings in use; assign others to change them at once."""
        return self._engine.settings

    @settings.setter
    def settings(self, settings: LiveSettings) -> None:
        self._do(lambda now_s: self._engine.change_settings(settings))

    def feed_audio(self, samples: np.ndarray) -> None:
        """Hear the next sound: (N,) float32 mono at 16 kHz, of any length; 20 to 100 ms is usual.

        Where nothing arrives for a while, that counts as silence.

        Raises:
            InputError: it has another form.
        """
        if samples.ndim != 1 or samples.dtype != np.float32:
            raise InputError(f"the audio is {samples.dtype} of shape {samples.shape}", "Give (N,) float32 at 16 kHz.")
        self._do(lambda now_s: self._engine.hear(samples, now_s))

    def feed_frame(self, frame: np.ndarray) -> None:
        """See the next frame: (H, W, 3) uint8 RGB; from 5 a second on lips, nods and glances are seen too.

        Frames that arrive faster than they can be processed are left out.

        Raises:
            InputError: it has another form.
        """
        if frame.ndim != 3 or frame.shape[2] != 3 or frame.dtype != np.uint8:
            raise InputError(f"the frame is {frame.dtype} of shape {frame.shape}", "Give (H, W, 3) uint8 RGB.")
        self._do(lambda now_s: self._engine.see(frame, now_s))

    def add_text(self, text: str) -> None:
        """Take a typed text as the person's turn; it interrupts the agent.

        Raises:
            InputError: it is empty.
        """
        if not text.strip():
            raise InputError("the text is empty", "Type something.")
        self._do(lambda now_s: self._engine.add_text(text.strip(), now_s))

    def end_turn(self) -> None:
        """End the person's turn now, whatever the rule says; without speech in it nothing happens."""
        self._do(self._engine.end_turn)

    def clear(self) -> None:
        """Forget what the person said in the turn so far."""
        self._do(self._engine.clear)

    def interrupt(self) -> None:
        """Stop the reply, as a stop button does."""
        self._do(self._engine.stop_reply)

    def truncate(self, reply_id: str, played_s: float) -> None:
        """Say how much of a reply's sound was played, after an interruption; a reply that still plays is stopped.

        Args:
            reply_id: of :class:`ReplyStarted`.
            played_s: seconds of its sound.
        """
        self._do(lambda now_s: self._engine.truncate(reply_id, played_s, now_s))

    def events(self) -> Iterator[LiveEvent]:
        """Yield events as they happen, until the session is closed; for one reader."""
        while (event := self._events.get()) is not None:
            yield event
        if self._failure is not None:
            raise self._failure

    def close(self) -> None:
        """End the conversation: a reply that plays is recorded as far as it was played."""
        if self._is_closed.is_set():
            return
        self._is_closed.set()
        self._inbox.put(None)
        self._worker.join()

    def _do(self, action: Callable[[float], None]) -> None:
        if not self._is_closed.is_set():
            self._inbox.put(action)

    def _work(self) -> None:
        """Do what arrives, in order, and look at the engine in between."""
        try:
            while True:
                try:
                    action = self._inbox.get(timeout=_TICK_S)
                    if action is None:
                        break
                    action(self._now_s())
                except queue.Empty:
                    pass
                self._engine.step(self._now_s())
            self._engine.close(self._now_s())
        except Exception as error:  # a bug, which the reader of the events must see
            _log.exception("the live session failed")
            self._failure = error
            with contextlib.suppress(Exception):  # the thread must not stay locked for other sessions
                self._engine.close(self._now_s())
        finally:
            self._is_closed.set()
            self._jobs.close()
            self._events.put(None)

    def _now_s(self) -> float:
        return time.monotonic() - self._began


def _wake(now_s: float) -> None:
    """Do nothing: a job is done, which the engine sees in its next step."""
