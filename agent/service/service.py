"""What the routes share: the agent, the queue of turns, the uploads, metrics and escalations."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import time
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from starlette.types import Scope

from omnisense.agent.agent import Agent
from omnisense.agent.events import AgentEvent, Finished
from omnisense.agent.live.recognizing import SpeechModels
from omnisense.agent.response import Response
from omnisense.agent.service.clip_store import ClipStore
from omnisense.agent.service.errors import ServiceError
from omnisense.agent.service.escalations import Escalations
from omnisense.agent.service.limits import RateLimit, TurnQueue
from omnisense.agent.service.metrics import Metrics
from omnisense.agent.service.settings import ServiceSettings
from omnisense.agent.threads import ThreadSummary
from omnisense.agent.voice.base import Voice
from omnisense.errors import ModelError
from omnisense.perception.media.clip import Clip
from omnisense.reasoning.loop.conversation import Turn
from omnisense.reasoning.safety.heads import find_larger
from omnisense.reasoning.search import find_embedder

_NAME = re.compile(r"[^\x00-\x1f\x7f-\x9f\ud800-\udfff]{1,256}")
_SEPARATOR = "\x1f"  # between owner and thread; no name of an owner can hold it
_log = logging.getLogger(__name__)


class Live(Protocol):
    """A live connection.

    Attributes:
        owner: of the key.
    """

    owner: str

    async def drain(self, timeout_s: float) -> None:
        """Let the turn that has begun end, then close."""


class Service:
    """The parts of a running service.

    Args:
        agent: that answers; its models are shared by all sessions.
        settings: of the service.
        voice: of live sessions.

    Attributes:
        abort: ends a connection, given its ASGI scope, whatever is left to be sent; set by the server.
        render_metrics: returns the metrics as text; set anew where several servers answer at one address.
        live: the live connections.
        draining: whether no new turns are taken, because the server ends.
        started_at: Unix time.
    """

    def __init__(self, agent: Agent, settings: ServiceSettings, voice: Voice) -> None:
        self.agent, self.settings, self.voice = agent, settings, voice
        self.metrics = Metrics()
        self.rate_limit = RateLimit(settings.requests_per_minute)
        self.queue = TurnQueue(settings.max_turns, settings.max_queue, settings.max_turns_per_key, self._on_queue)
        self.clips = ClipStore(settings, agent.perception)
        self.escalations = Escalations(settings.escalation_webhook, settings.escalation_log, self.metrics)
        self.abort: Callable[[Scope], None] = lambda scope: None
        self.render_metrics: Callable[[], Awaitable[bytes]] = self._render_metrics
        self.live: set[Live] = set()
        self.live_pool = ThreadPoolExecutor(settings.max_sessions, thread_name_prefix="live-events")
        self.started_at = int(time.time())
        self.draining = False
        self._ready: asyncio.Task[None] | None = None
        self._not_ready = "the models are being loaded"

    # --- life -----------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Load the models in the background; requests are taken meanwhile, and wait for them."""
        self._ready = asyncio.create_task(asyncio.to_thread(self._load_or_log))

    async def drain(self) -> None:
        """Take no further turns, and wait for those that have begun."""
        self.draining = True
        await asyncio.gather(*(connection.drain(self.settings.drain_s) for connection in list(self.live)))
        if not await self.queue.drain(self.settings.drain_s):
            _log.warning("turns were still running after %g s; those of threads can be resumed", self.settings.drain_s)

    async def stop(self) -> None:
        """Wait for the turns that have begun, then close everything."""
        await self.drain()
        self.live_pool.shutdown(wait=False)
        self.queue.close()
        if self._ready:
            with contextlib.suppress(Exception):
                await self._ready
        await asyncio.to_thread(self.escalations.close)
        self.agent.close()

    def not_ready(self) -> str:
        """Return why the service cannot take turns; empty when it can."""
        return "the server is shutting down" if self.draining else self._not_ready

    def load(self) -> None:
        """Load the models and open the memory.

        Raises:
            ModelError: a model cannot be loaded.
            StorageError: the memory cannot be opened.
        """
        if not self._not_ready:
            return
        if self.settings.preload:
            self.agent.perception.registry.load_all()
            find_embedder()  # the safety gate's, in every turn
            find_larger()  # and what it reads again with where it is in doubt
            self._load_speech_models()
            load = getattr(self.agent.policy, "load", None)
            if callable(load):
                load()
        self.agent.threads()
        self._not_ready = ""

    def _load_speech_models(self) -> None:
        if "transcript" not in self.agent.perception.settings.streams:
            return
        try:
            SpeechModels(self.agent.perception)
        except ModelError as error:  # who begins a live conversation is told so; everything else works
            _log.warning("live conversations cannot be held: %s", error)

    async def _render_metrics(self) -> bytes:
        return self.metrics.render()

    def _load_or_log(self) -> None:
        try:
            self.load()
        except Exception as error:
            self._not_ready = f"the models cannot be loaded: {error}"
            _log.exception("the models cannot be loaded")

    def _on_queue(self, running: int, waiting: int) -> None:
        self.metrics.running.set(running)
        self.metrics.waiting.set(waiting)

    # --- turns ----------------------------------------------------------------------------------------------

    def run_turn(
        self,
        owner: str,
        clip: Clip | None,
        text: str,
        thread_id: str | None,
        history: Sequence[Turn] = (),
        on_event: Callable[[AgentEvent], None] | None = None,
    ) -> Response:
        """Run a turn in this thread, measure it, and tell the operator if it calls for a person.

        Args:
            owner: of the key.
            clip: of the turn.
            text: of the turn.
            thread_id: the owner's own name of the thread.
            history: earlier turns, without a thread.
            on_event: receives the turn's events.

        Raises:
            OmniSenseError: as :meth:`Agent.respond`.
        """
        began = time.perf_counter()
        stored = self.stored_name(owner, thread_id)
        if on_event is None:
            response = self.agent.respond(clip, text, stored, history)
        else:
            for event in self.agent.stream(clip, text, stored, history):
                on_event(event)
                if isinstance(event, Finished):
                    response = event.response
        self.metrics.turn_seconds.observe(time.perf_counter() - began)
        self.escalations.report(owner, thread_id, response.safety)
        return response

    # --- threads, by owner ----------------------------------------------------------------------------------

    def stored_name(self, owner: str, thread_id: str | None) -> str | None:
        """Return the name under which an owner's thread is stored: owners do not see each other's.

        Raises:
            ServiceError: 400, the name has control characters or half a surrogate pair, which no URL can hold.
        """
        if thread_id is not None and not _NAME.fullmatch(thread_id):
            raise ServiceError(
                400,
                "a thread's name has 1 to 256 characters, none of them a control character",
                "invalid_value",
                "omnisense.thread_id",
            )
        return f"{owner}{_SEPARATOR}{thread_id}" if owner and thread_id is not None else thread_id

    def threads(self, owner: str) -> list[tuple[str, ThreadSummary]]:
        """Return an owner's threads, each with the owner's own name of it."""
        prefix = f"{owner}{_SEPARATOR}" if owner else ""
        return [
            (summary.thread_id.removeprefix(prefix), summary)
            for summary in self.agent.threads()
            if summary.thread_id.startswith(prefix) and (owner or _SEPARATOR not in summary.thread_id)
        ]
