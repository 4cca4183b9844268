"""Events that a client of ``/v1/realtime`` sends: those of OpenAI's Realtime API that the agent can follow."""

from __future__ import annotations

import base64
import binascii
from dataclasses import asdict
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from omnisense.agent.live.settings import LiveSettings
from omnisense.agent.service.chat_requests import MODEL
from omnisense.agent.service.errors import ServiceError, invalid_request
from omnisense.errors import InputError

MAX_TEXT_CHARS = 20_000
_LIVE_DEFAULTS = asdict(LiveSettings())


class _Event(BaseModel):
    event_id: str | None = None


class TurnDetection(BaseModel):
    """Who ends a turn: ``null`` instead of this leaves it to ``input_audio_buffer.commit``.

    Both types use the agent's own rule; ``silence_duration_ms`` and ``eagerness`` change how long it waits.
    """

    type: Literal["server_vad", "semantic_vad"]
    silence_duration_ms: int | None = Field(default=None, ge=100, le=10_000)
    eagerness: Literal["low", "medium", "high", "auto"] = "auto"
    interrupt_response: bool = True
    create_response: bool = True


class AudioFormat(BaseModel):
    """PCM16 at 24 kHz, the only one."""

    type: Literal["audio/pcm"] = "audio/pcm"
    rate: Literal[24000] = 24000


class AudioInput(BaseModel):
    """Sound of the client."""

    format: AudioFormat = Field(default_factory=AudioFormat)
    turn_detection: TurnDetection | None = None


class AudioOutput(BaseModel):
    """Sound of the agent."""

    format: AudioFormat = Field(default_factory=AudioFormat)


class Audio(BaseModel):
    """Sound in both directions."""

    input: AudioInput | None = None
    output: AudioOutput | None = None


class SessionConfig(BaseModel):
    """What may be set of a session. Other fields of OpenAI's change nothing, but for tools, which are refused.

    Attributes:
        omnisense: ``thread_id``, and the fields of :class:`omnisense.agent.live.settings.LiveSettings`.
    """

    type: Literal["realtime"] = "realtime"
    model: str | None = None
    output_modalities: list[Literal["text", "audio"]] | None = Field(default=None, min_length=1, max_length=1)
    audio: Audio | None = None
    tools: list[Any] | None = Field(default=None, max_length=0)
    omnisense: dict[str, Any] | None = None


class SessionUpdate(_Event):
    """Change the session."""

    type: Literal["session.update"]
    session: SessionConfig


class Append(_Event):
    """The next sound."""

    type: Literal["input_audio_buffer.append"]
    audio: str


class Commit(_Event):
    """The turn is over."""

    type: Literal["input_audio_buffer.commit"]


class Clear(_Event):
    """Forget the turn so far."""

    type: Literal["input_audio_buffer.clear"]


class Content(BaseModel):
    """A text, or a camera frame as a data URL."""

    type: Literal["input_text", "input_image"]
    text: str = Field(default="", max_length=MAX_TEXT_CHARS)
    image_url: str = ""


class Item(BaseModel):
    """A message of the person."""

    id: str | None = Field(default=None, max_length=64)
    type: Literal["message"]
    role: Literal["user"]
    content: list[Content] = Field(min_length=1)


class ItemCreate(_Event):
    """Add a message, to be answered after ``response.create``, or a camera frame."""

    type: Literal["conversation.item.create"]
    item: Item


class ItemTruncate(_Event):
    """Say how much of a reply was played."""

    type: Literal["conversation.item.truncate"]
    item_id: str
    content_index: int = 0
    audio_end_ms: int = Field(ge=0)


class ResponseCreate(_Event):
    """Answer now."""

    type: Literal["response.create"]


class ResponseCancel(_Event):
    """Stop the reply."""

    type: Literal["response.cancel"]


ClientEvent = Annotated[
    SessionUpdate | Append | Commit | Clear | ItemCreate | ItemTruncate | ResponseCreate | ResponseCancel,
    Field(discriminator="type"),
]
_adapter: TypeAdapter[ClientEvent] = TypeAdapter(ClientEvent)


def parse_event(text: str) -> ClientEvent:
    """Read a client's event.

    Raises:
        ServiceError: it is not one.
    """
    try:
        return _adapter.validate_json(text)
    except ValidationError as error:
        raise invalid_request(error.errors()) from error
    except (ValueError, RecursionError) as error:
        raise ServiceError(400, "the event is not JSON", "invalid_json") from error


def decode_audio(audio: str) -> bytes:
    """Return the bytes of a base64 text.

    Raises:
        ServiceError: it is none.
    """
    try:
        return base64.b64decode(audio, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ServiceError(400, "the audio is not valid base64", "invalid_value", "audio") from error


def live_settings(config: SessionConfig, before: LiveSettings) -> LiveSettings:
    """Return the settings of turn taking that a client asks for.

    Raises:
        ServiceError: one has a value that cannot be used.
    """
    changes: dict[str, Any] = {}
    if config.audio and config.audio.input and "turn_detection" in config.audio.input.model_fields_set:
        detection = config.audio.input.turn_detection
        automatic = detection is not None and detection.create_response
        changes["turn_detection"] = "automatic" if automatic else "manual"
        if detection is not None:
            changes["allow_interruptions"] = detection.interrupt_response
            changes |= _endpointing(detection, before)
    for name, value in (config.omnisense or {}).items():
        if name == "thread_id":
            continue
        default = _LIVE_DEFAULTS.get(name)
        is_number = type(default) is float and type(value) is int  # JavaScript writes 2.0 as 2
        if default is None or not (is_number or type(value) is type(default)):
            raise ServiceError(
                400, f"there is no setting {name!r} with such a value", "invalid_value", f"omnisense.{name}"
            )
        changes[name] = value
    try:
        return LiveSettings(**(before.__dict__ | changes))
    except InputError as error:
        raise ServiceError(400, f"{error.problem}. {error.remedy}", "invalid_value", "session") from error


def _endpointing(detection: TurnDetection, before: LiveSettings) -> dict[str, float]:
    """Return how long a silence ends a turn: eager ends sooner, as OpenAI's setting of that name does."""
    default = LiveSettings()
    if detection.silence_duration_ms is not None:
        shortest = max(before.pause_s, detection.silence_duration_ms / 1000)
        return {"min_endpointing_s": shortest, "max_endpointing_s": max(shortest, before.max_endpointing_s)}
    longest = {"low": 4.0, "high": 1.5}.get(detection.eagerness, default.max_endpointing_s)
    return {"min_endpointing_s": default.min_endpointing_s, "max_endpointing_s": longest}


def check_model(config: SessionConfig) -> None:
    """Check the model that a client names.

    Raises:
        ServiceError: it is not the agent.
    """
    if config.model not in (None, MODEL):
        raise ServiceError(400, f"there is no model '{config.model}' here: use '{MODEL}'", "model_not_found", "model")
