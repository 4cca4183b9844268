"""``/v1/realtime``: a live conversation over a WebSocket, with the events of OpenAI's Realtime API."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import time
import uuid
from collections.abc import Iterable
from typing import Any, cast

import numpy as np
from fastapi import APIRouter, WebSocket, WebSocketDisconnect

from omnisense.agent.live import events as live
from omnisense.agent.live.latency import TurnLatency
from omnisense.agent.live.session import LiveSession
from omnisense.agent.live.settings import LiveSettings
from omnisense.agent.service import media
from omnisense.agent.service import realtime_events as client
from omnisense.agent.service.access import owner_of_socket
from omnisense.agent.service.chat_requests import MODEL
from omnisense.agent.service.errors import ServiceError, service_error
from omnisense.agent.service.limits import too_many
from omnisense.agent.service.pcm import PCM_RATE_HZ, from_pcm16, incoming
from omnisense.agent.service.realtime_replies import ServerEvent, Translator
from omnisense.agent.service.service import Service
from omnisense.agent.voice.base import NoVoice, Voice
from omnisense.errors import OmniSenseError
from omnisense.perception.media.clip import Clip, open_clip
from omnisense.perception.media.sampling import Sampling

_MAX_AHEAD_S = 1.0  # of sound that comes faster than it is spoken; the client then waits
_POLICY_VIOLATION, _GOING_AWAY, _INTERNAL_ERROR = 1008, 1001, 1011
_FAILED = "an internal error; the server's log has its traceback"
_CLOSE_S = 1.0
_FULL_S = 10.0  # Retry-After where all sessions are taken
_MAX_WAITING_CHARS = 100_000  # of texts that are not answered yet; a turn takes no more either
_MAX_FRAME_PIXELS = 1280 * 720  # larger camera frames are scaled down
_log = logging.getLogger(__name__)
router = APIRouter()


@router.websocket("/v1/realtime")
async def realtime(socket: WebSocket) -> None:
    """Hold a live conversation; see the README for the events."""
    service = cast("Service", socket.app.state.service)
    try:
        owner = owner_of_socket(socket)
        if service.draining:
            raise ServiceError(503, "the server is shutting down", "shutting_down")
        if len(service.live) >= service.settings.max_sessions:
            raise too_many("all live sessions are taken", _FULL_S, "sessions_full")
        of_owner = sum(other.owner == owner for other in service.live)
        if service.settings.api_keys and of_owner >= service.settings.max_sessions_per_key:
            raise too_many("all live sessions of this key are taken", _FULL_S, "concurrency")
        if socket.query_params.get("model", MODEL) != MODEL:
            raise ServiceError(404, f"there is no such model here: use '{MODEL}'", "model_not_found", "model")
    except ServiceError as refused:
        await socket.send_denial_response(refused.response())
        return
    offered = socket.headers.get("sec-websocket-protocol", "")
    connection = Connection(socket, service, owner)
    service.live.add(connection)
    service.metrics.sessions.set(len(service.live))
    try:
        await socket.accept("realtime" if "realtime" in offered.replace(" ", "").split(",") else None)
        await connection.run()
    finally:
        service.live.discard(connection)
        service.metrics.sessions.set(len(service.live))


class Connection:
    """One client and its live session, which begins with the first sound, frame or text.

    Args:
        socket: that was accepted.
        service: with agent and voice.
        owner: of the key.
    """

    def __init__(self, socket: WebSocket, service: Service, owner: str) -> None:
        self._socket, self._service, self.owner = socket, service, owner
        self._config = client.SessionConfig()
        self._live_settings = LiveSettings()
        self._thread_id: str | None = None
        self._session: LiveSession | None = None
        self._translator = Translator(speaks=service.voice.sample_rate > 0)
        self._outbox: asyncio.Queue[Iterable[ServerEvent] | None] = asyncio.Queue()
        self._resample = incoming()
        self._texts: list[str] = []
        self._began_s, self._heard_s = 0.0, 0.0
        self._closing: tuple[int, str] | None = None
        self._ended = asyncio.Event()

    async def run(self) -> None:
        """Serve the client until one side ends."""
        self._tell({"type": "session.created", "session": self._describe()})
        sending, reading = asyncio.create_task(self._send_all()), asyncio.create_task(self._read_all())
        await asyncio.wait((sending, reading), return_when=asyncio.FIRST_COMPLETED)
        reading.cancel()
        if self._session is not None:
            await asyncio.to_thread(self._session.close)
        self._outbox.put_nowait(None)
        with contextlib.suppress(asyncio.CancelledError, WebSocketDisconnect, RuntimeError):
            await sending
        code, reason = self._closing or (1000, "")
        try:
            await asyncio.wait_for(self._socket.close(code, reason), _CLOSE_S)
        except TimeoutError:  # the client reads not even that
            self._service.abort(self._socket.scope)
        except (RuntimeError, WebSocketDisconnect):  # it has gone
            pass
        finally:
            self._ended.set()

    async def drain(self, timeout_s: float) -> None:
        """Let the turn that has begun end, then close the connection."""
        deadline = time.monotonic() + timeout_s
        while self._translator.state != "listening" and time.monotonic() < deadline:
            await asyncio.sleep(0.05)
        self._closing = (_GOING_AWAY, "the server is shutting down")
        self._outbox.put_nowait(None)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._ended.wait(), 2 * _CLOSE_S)

    # --- to the client --------------------------------------------------------------------------------------

    def _tell(self, *events: ServerEvent) -> None:
        self._outbox.put_nowait(events)

    async def _send_all(self) -> None:
        lag_s = self._service.settings.max_session_lag_s
        while (events := await self._outbox.get()) is not None:
            for event in events:
                text = json.dumps({"event_id": f"event_{uuid.uuid4().hex[:16]}", **event})
                try:
                    await asyncio.wait_for(self._socket.send_text(text), lag_s)
                except TimeoutError:
                    self._service.metrics.sessions_cut.labels("slow").inc()
                    self._closing = (_POLICY_VIOLATION, f"the client has not read for {lag_s:g} s")
                    return

    def _pump(self, session: LiveSession, loop: asyncio.AbstractEventLoop) -> None:
        """Take the session's events to the client, in a thread of its own."""
        try:
            for event in session.events():
                if isinstance(event, live.ReplyWritten):
                    self._service.escalations.report(self.owner, self._thread_id, event.response.safety)
                elif isinstance(event, live.ReplyEnded):
                    self._measure(event.latency)
                with contextlib.suppress(RuntimeError):  # the loop has ended
                    loop.call_soon_threadsafe(self._outbox.put_nowait, list(self._translator.translate(event)))
        except Exception:  # a bug: without a session the client must not wait for ever
            _log.exception("a live session failed")
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(self._fail)

    def _fail(self) -> None:
        self._complain(ServiceError(500, _FAILED, "internal_error"), None)
        self._closing = (_INTERNAL_ERROR, "an internal error")
        self._outbox.put_nowait(None)

    def _measure(self, latency: TurnLatency) -> None:
        for name, histogram in self._service.metrics.latencies.items():
            if (seconds := getattr(latency, name)) is not None:
                histogram.observe(seconds)

    # --- from the client ------------------------------------------------------------------------------------

    async def _read_all(self) -> None:
        while True:
            try:
                message = await self._socket.receive()
            except RuntimeError:
                return
            if message["type"] == "websocket.disconnect":
                return
            event: client.ClientEvent | None = None
            try:
                event = client.parse_event(message.get("text") or "")
                await self._follow(event)
            except ServiceError as error:
                self._complain(error, event)
            except OmniSenseError as error:
                self._complain(service_error(error), event)

    def _complain(self, error: ServiceError, event: client.ClientEvent | None) -> None:
        detail = error.body()["error"] | {"event_id": event.event_id if event else None}
        self._tell({"type": "error", "error": detail})

    async def _follow(self, event: client.ClientEvent) -> None:
        """Do what the client asks for."""
        if isinstance(event, client.SessionUpdate):
            self._update(event.session)
            return
        session = await self._live()
        if isinstance(event, client.Append):
            await self._hear(session, client.decode_audio(event.audio))
        elif isinstance(event, client.Commit):
            session.end_turn()
        elif isinstance(event, client.Clear):
            session.clear()
            self._tell({"type": "input_audio_buffer.cleared"})
        elif isinstance(event, client.ItemCreate):
            await self._add_item(session, event.item)
        elif isinstance(event, client.ItemTruncate):
            self._truncate(session, event)
        elif isinstance(event, client.ResponseCreate):
            text, self._texts = "\n".join(self._texts), []
            if text:
                session.add_text(text)
            else:
                session.end_turn()
        else:
            session.interrupt()

    def _update(self, config: client.SessionConfig) -> None:
        client.check_model(config)
        settings = client.live_settings(config, self._live_settings)
        thread_id = (config.omnisense or {}).get("thread_id", self._thread_id)
        if thread_id is not None and not isinstance(thread_id, str):
            raise ServiceError(400, "a thread's name is a text", "invalid_value", "omnisense.thread_id")
        self._service.stored_name(self.owner, thread_id)
        speaks = self._service.voice.sample_rate > 0 and config.output_modalities != ["text"]
        if config.output_modalities is None:
            speaks = self._translator.speaks
        if self._session is not None and (thread_id != self._thread_id or speaks != self._translator.speaks):
            raise ServiceError(
                400, "the thread and the kind of output can be set before the first sound or text only", "too_late"
            )
        self._live_settings, self._thread_id = settings, thread_id
        if self._session is None:
            self._translator = Translator(speaks)
        else:
            self._session.settings = settings
        self._tell({"type": "session.updated", "session": self._describe()})

    async def _live(self) -> LiveSession:
        if self._session is None:
            voice: Voice = self._service.voice if self._translator.speaks else NoVoice()
            stored = self._service.stored_name(self.owner, self._thread_id)
            self._session = await asyncio.to_thread(
                LiveSession, self._service.agent, voice, self._live_settings, stored
            )
            loop = asyncio.get_running_loop()
            loop.run_in_executor(self._service.live_pool, self._pump, self._session, loop)
        return self._session

    async def _hear(self, session: LiveSession, data: bytes) -> None:
        samples = self._resample(from_pcm16(data))
        now = time.monotonic()
        if now - self._began_s > self._heard_s:  # it begins, or there was a gap
            self._began_s, self._heard_s = now, 0.0
        self._heard_s += len(data) / 2 / PCM_RATE_HZ
        if len(samples):
            session.feed_audio(samples)
        ahead_s = self._heard_s - (now - self._began_s) - _MAX_AHEAD_S
        if ahead_s > 0:
            await asyncio.sleep(ahead_s)

    async def _add_item(self, session: LiveSession, item: client.Item) -> None:
        texts = [part.text for part in item.content if part.type == "input_text"]
        if sum(map(len, (*self._texts, *texts))) > _MAX_WAITING_CHARS:
            raise ServiceError(
                400, f"more than {_MAX_WAITING_CHARS} characters wait for response.create", "too_long", "item.content"
            )
        shown: list[dict[str, Any]] = []
        for part in item.content:
            if part.type == "input_text":
                if not part.text.strip():
                    raise ServiceError(400, "the text is empty", "invalid_value", "item.content")
                shown.append({"type": "input_text", "text": part.text})
            else:
                await self._see(session, part.image_url)
                shown.append({"type": "input_image"})
        values = {
            "id": item.id or f"item_{uuid.uuid4().hex[:16]}",
            "object": "realtime.item",
            "type": "message",
            "role": "user",
            "status": "completed",
            "content": shown,
        }
        if texts:
            if not self._texts:
                self._translator.add_typed(str(values["id"]))
            self._texts += texts
        self._tell(*self._translator.add_item(values))

    async def _see(self, session: LiveSession, url: str) -> None:
        if not url.startswith("data:"):
            raise ServiceError(400, "a camera frame is sent as a data URL", "invalid_value", "image_url")
        frame = await asyncio.to_thread(lambda: _frame_of(media.clip_of_url(url, self._service.settings, open_clip)))
        session.feed_frame(frame)

    def _truncate(self, session: LiveSession, event: client.ItemTruncate) -> None:
        reply_id = self._translator.reply_of_item(event.item_id)
        if reply_id is None:
            raise ServiceError(400, "there is no such reply", "item_not_found", "item_id")
        session.truncate(reply_id, event.audio_end_ms / 1000)
        told = {"item_id": event.item_id, "content_index": event.content_index, "audio_end_ms": event.audio_end_ms}
        self._tell({"type": "conversation.item.truncated", **told})

    def _describe(self) -> dict[str, Any]:
        """Return the session as it is now."""
        settings = self._live_settings
        detection = {"type": "semantic_vad", "interrupt_response": settings.allow_interruptions}
        pcm = {"type": "audio/pcm", "rate": PCM_RATE_HZ}
        automatic = settings.turn_detection == "automatic"
        return {
            "type": "realtime",
            "object": "realtime.session",
            "model": MODEL,
            "output_modalities": ["audio" if self._translator.speaks else "text"],
            "audio": {
                "input": {"format": pcm, "turn_detection": detection if automatic else None},
                "output": {"format": pcm, "voice": self._service.voice.name},
            },
            "omnisense": {"thread_id": self._thread_id, **settings.__dict__},
        }


def _frame_of(clip: Clip) -> np.ndarray:
    if clip.kind != "image":
        raise ServiceError(400, "a camera frame is a picture", "invalid_value", "image_url")
    frame: np.ndarray = clip.frames(Sampling(max_pixels=_MAX_FRAME_PIXELS)).images[0]
    return frame
