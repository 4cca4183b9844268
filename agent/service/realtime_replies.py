"""What a live session tells its client: events of the engine as events of OpenAI's Realtime API.

What that has no event for has one of ours, whose name begins with ``omnisense.``.
"""

from __future__ import annotations

import base64
import itertools
import uuid
from collections import deque
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from functools import singledispatchmethod
from typing import Any

from omnisense.agent.live import events as live
from omnisense.agent.response import Response
from omnisense.agent.service.pcm import PCM_RATE_HZ, Resampler, to_pcm16

ServerEvent = dict[str, Any]


@dataclass
class _Reply:
    """A reply that is being given.

    Attributes:
        sent_s: seconds of sound that were sent.
    """

    id: str
    item_id: str
    sent_s: float = 0.0
    text: list[str] = field(default_factory=list)
    resampler: Resampler | None = None


class Translator:
    """Translates the events of one session; it knows which items and responses there are.

    Args:
        speaks: whether replies have sound.
    """

    def __init__(self, speaks: bool) -> None:
        self.speaks = speaks
        self._session = uuid.uuid4().hex[:12]
        self._items: dict[str, str] = {}  # by turn
        self._typed: deque[str] = deque()  # items that wait to be answered
        self._committed: set[str] = set()
        self._last_item: str | None = None
        self._spoken: dict[str, float] = {}  # when speech began, by turn
        self._partials: dict[str, tuple[list[str], list[str]]] = {}  # sent and seen words, by turn
        self._replies: dict[str, _Reply] = {}
        self.state = "listening"

    @singledispatchmethod
    def translate(self, event: live.LiveEvent) -> Iterator[ServerEvent]:
        """Yield what the client is told of an event."""
        raise NotImplementedError(type(event).__name__)

    def add_typed(self, item_id: str) -> None:
        """An item of the client's becomes the next typed turn."""
        self._typed.append(item_id)

    def reply_of_item(self, item_id: str) -> str | None:
        """Return the engine's id of the reply that an item is."""
        return next((reply_id for reply_id, reply in self._replies.items() if reply.item_id == item_id), None)

    def add_item(self, item: dict[str, Any]) -> Iterator[ServerEvent]:
        """Yield the events of an item that the client added."""
        yield {"type": "conversation.item.added", "previous_item_id": self._last_item, "item": item}
        self._last_item = item["id"]
        yield {"type": "conversation.item.done", "previous_item_id": None, "item": item}

    # --- the person -----------------------------------------------------------------------------------------

    @translate.register
    def _(self, event: live.StateChanged) -> Iterator[ServerEvent]:
        self.state = event.state
        yield {"type": "omnisense.state", "state": event.state}

    @translate.register
    def _(self, event: live.SpeechStarted) -> Iterator[ServerEvent]:
        self._spoken.setdefault(event.turn_id, event.at_s)
        yield {
            "type": "input_audio_buffer.speech_started",
            "audio_start_ms": _ms(event.at_s),
            "item_id": self._item(event.turn_id),
        }

    @translate.register
    def _(self, event: live.SpeechStopped) -> Iterator[ServerEvent]:
        yield {
            "type": "input_audio_buffer.speech_stopped",
            "audio_end_ms": _ms(event.end_s),
            "item_id": self._item(event.turn_id),
        }

    @translate.register
    def _(self, event: live.PartialTranscript) -> Iterator[ServerEvent]:
        yield {"type": "omnisense.partial", "item_id": self._item(event.turn_id), "text": event.text}
        # A delta cannot be taken back: words are sent once two looks in a row agree on them.
        sent, seen = self._partials.get(event.turn_id, ([], []))
        words = event.text.split()
        agreed = [
            word for word, _ in itertools.takewhile(lambda pair: pair[0] == pair[1], zip(words, seen, strict=False))
        ]
        grows = len(agreed) > len(sent) and agreed[: len(sent)] == sent
        self._partials[event.turn_id] = (agreed if grows else sent, words)
        if grows:
            yield self._delta(event.turn_id, sent, agreed)

    @translate.register
    def _(self, event: live.TurnEnded) -> Iterator[ServerEvent]:
        if event.reason == "typed" and self._typed:
            self._items[event.turn_id] = self._typed.popleft()
        item_id = self._item(event.turn_id)
        yield {"type": "omnisense.turn_ended", "item_id": item_id, "complete": event.complete, "reason": event.reason}
        if event.reason == "typed" or item_id in self._committed:
            return
        self._committed.add(item_id)
        item = self._spoken_item(item_id, "in_progress", None)
        yield {"type": "input_audio_buffer.committed", "previous_item_id": self._last_item, "item_id": item_id}
        yield {"type": "conversation.item.added", "previous_item_id": self._last_item, "item": item}
        self._last_item = item_id

    @translate.register
    def _(self, event: live.TurnResumed) -> Iterator[ServerEvent]:
        yield {"type": "omnisense.turn_resumed", "item_id": self._item(event.turn_id)}

    @translate.register
    def _(self, event: live.TurnTranscribed) -> Iterator[ServerEvent]:
        item_id = self._item(event.turn_id)
        sent, _ = self._partials.pop(event.turn_id, ([], []))
        if item_id in self._committed:
            words = event.text.split()
            if words[: len(sent)] == sent and len(words) > len(sent):
                yield self._delta(event.turn_id, sent, words)
            seconds = max(0.0, event.at_s - self._spoken.pop(event.turn_id, event.at_s))
            yield {
                "type": "conversation.item.input_audio_transcription.completed",
                "item_id": item_id,
                "content_index": 0,
                "transcript": event.text,
                "usage": {"type": "duration", "seconds": round(seconds, 3)},
            }
            item = self._spoken_item(item_id, "completed", event.text)
            yield {"type": "conversation.item.done", "previous_item_id": None, "item": item}
        yield {"type": "omnisense.turn", "item_id": item_id, "text": event.text, "speaker": event.speaker}

    @translate.register
    def _(self, event: live.Noticed) -> Iterator[ServerEvent]:
        yield {"type": "omnisense.percepts", "events": [asdict(found) for found in event.events]}

    @translate.register
    def _(self, event: live.Backchannel) -> Iterator[ServerEvent]:
        yield {"type": "omnisense.backchannel", "text": event.text}

    # --- the agent ------------------------------------------------------------------------------------------

    @translate.register
    def _(self, event: live.ReplyStarted) -> Iterator[ServerEvent]:
        suffix = f"{self._session}_{event.reply_id}"
        reply = self._replies[event.reply_id] = _Reply(f"resp_{suffix}", f"item_{suffix}")
        yield {"type": "response.created", "response": self._response(reply, "in_progress")}
        item = self._item_of(reply, "in_progress", [])
        yield {"type": "response.output_item.added", "response_id": reply.id, "output_index": 0, "item": item}
        yield {"type": "conversation.item.added", "previous_item_id": self._last_item, "item": item}
        self._last_item = reply.item_id
        yield self._part_event("response.content_part.added", reply, part=self._part("", with_type=False))

    @translate.register
    def _(self, event: live.ReplyWritten) -> Iterator[ServerEvent]:
        reply = self._replies[event.reply_id]
        yield {"type": "omnisense.appraisal", "response_id": reply.id, **describe(event.response)}
        if event.response.safety.category:
            yield {
                "type": "omnisense.safety",
                "response_id": reply.id,
                "help": event.response.response,
                **asdict(event.response.safety),
            }

    @translate.register
    def _(self, event: live.ReplySentence) -> Iterator[ServerEvent]:
        reply = self._replies[event.reply_id]
        delta = f" {event.text}" if reply.text else event.text
        reply.text.append(event.text)
        kind = "response.output_audio_transcript.delta" if self.speaks else "response.output_text.delta"
        yield self._part_event(kind, reply, delta=delta)

    @translate.register
    def _(self, event: live.ReplyAudio) -> Iterator[ServerEvent]:
        reply = self._replies[event.reply_id]
        if reply.resampler is None or abs(event.start_s - reply.sent_s) > 0.005:  # it goes on from elsewhere
            reply.resampler = Resampler(event.sample_rate, PCM_RATE_HZ)
        reply.sent_s = event.start_s + len(event.samples) / event.sample_rate
        sound = to_pcm16(reply.resampler(event.samples))
        if sound:
            delta = base64.b64encode(sound).decode()
            yield self._part_event("response.output_audio.delta", reply, delta=delta)

    @translate.register
    def _(self, event: live.ReplyPaused) -> Iterator[ServerEvent]:
        reply = self._replies[event.reply_id]
        yield {"type": "omnisense.reply_paused", "response_id": reply.id, "played_ms": _ms(event.played_s)}

    @translate.register
    def _(self, event: live.ReplyResumed) -> Iterator[ServerEvent]:
        reply = self._replies[event.reply_id]
        yield {"type": "omnisense.reply_resumed", "response_id": reply.id, "start_ms": _ms(event.start_s)}

    @translate.register
    def _(self, event: live.ReplyEnded) -> Iterator[ServerEvent]:
        reply = self._replies[event.reply_id]
        text = event.turn.reply if self.speaks else " ".join(reply.text)
        if self.speaks:
            yield self._part_event("response.output_audio.done", reply)
            yield self._part_event("response.output_audio_transcript.done", reply, transcript=text)
        else:
            yield self._part_event("response.output_text.done", reply, text=text)
        yield self._part_event("response.content_part.done", reply, part=self._part(text, with_type=False))
        done = event.reason == "done"
        item = self._item_of(reply, "completed" if done else "incomplete", [self._part(text)])
        yield {"type": "response.output_item.done", "response_id": reply.id, "output_index": 0, "item": item}
        yield {"type": "conversation.item.done", "previous_item_id": None, "item": item}
        response = self._response(reply, "completed" if done else "cancelled", [item])
        if not done:
            cause = "turn_detected" if event.reason in ("interrupted", "check-in") else "client_cancelled"
            response["status_details"] = {"type": "cancelled", "reason": cause}
        yield {"type": "response.done", "response": response}
        yield {
            "type": "omnisense.turn_recorded",
            "response_id": reply.id,
            "item_id": self._item(event.turn_id),
            "reply": event.turn.reply,
            "interrupted": not done,
            "reason": event.reason,
            "latency": asdict(event.latency),
        }

    @translate.register
    def _(self, event: live.TurnFailed) -> Iterator[ServerEvent]:
        message = f"{event.error.problem}. {event.error.remedy}"
        yield {"type": "error", "error": {"type": "server_error", "code": "turn_failed", "message": message}}

    # --- parts of events ------------------------------------------------------------------------------------

    def _item(self, turn_id: str) -> str:
        return self._items.setdefault(turn_id, f"item_{self._session}_{turn_id}")

    def _delta(self, turn_id: str, sent: list[str], words: list[str]) -> ServerEvent:
        return {
            "type": "conversation.item.input_audio_transcription.delta",
            "item_id": self._item(turn_id),
            "content_index": 0,
            "delta": (" " if sent else "") + " ".join(words[len(sent) :]),
        }

    def _spoken_item(self, item_id: str, status: str, transcript: str | None) -> dict[str, Any]:
        content = [{"type": "input_audio", "transcript": transcript}]
        return {
            "id": item_id,
            "object": "realtime.item",
            "type": "message",
            "role": "user",
            "status": status,
            "content": content,
        }

    def _item_of(self, reply: _Reply, status: str, content: list[dict[str, Any]]) -> dict[str, Any]:
        return {
            "id": reply.item_id,
            "object": "realtime.item",
            "type": "message",
            "role": "assistant",
            "status": status,
            "content": content,
        }

    def _part(self, text: str, with_type: bool = True) -> dict[str, Any]:
        """Return the content of a reply; in items its type has another name than in events about the part."""
        if self.speaks:
            return {"type": "output_audio" if with_type else "audio", "transcript": text}
        return {"type": "output_text" if with_type else "text", "text": text}

    def _part_event(self, kind: str, reply: _Reply, **values: Any) -> ServerEvent:
        place = {"response_id": reply.id, "item_id": reply.item_id, "output_index": 0, "content_index": 0}
        return {"type": kind, **place, **values}

    def _response(self, reply: _Reply, status: str, output: list[dict[str, Any]] | None = None) -> dict[str, Any]:
        return {
            "id": reply.id,
            "object": "realtime.response",
            "status": status,
            "status_details": None,
            "output": output or [],
            "output_modalities": ["audio" if self.speaks else "text"],
            "usage": None,
        }


def describe(response: Response) -> dict[str, Any]:
    """Return the appraisal of a turn, and the events that it may cite."""
    appraisal = asdict(response.appraisal)
    events = response.percepts.timeline().events if response.percepts else ()
    return {"appraisal": appraisal, "events": [asdict(event) for event in events]}


def _ms(seconds: float) -> int:
    return max(0, round(seconds * 1000))
