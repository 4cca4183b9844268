"""Requests of ``POST /v1/chat/completions``: what is accepted, and which turn of the agent it asks for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from omnisense.agent.service import media
from omnisense.agent.service.errors import ServiceError
from omnisense.agent.service.settings import ServiceSettings
from omnisense.perception.media.clip import Clip
from omnisense.reasoning.loop.conversation import Turn

MODEL = "omnisense"
CLIP_PREFIX = "clip:"  # of the URL of an uploaded clip
# What the agent decides itself or an operator sets: such fields change nothing, and the answer lists them.
_IGNORED = (
    "temperature top_p max_tokens max_completion_tokens stop seed presence_penalty frequency_penalty logit_bias user "
    "metadata store service_tier reasoning_effort verbosity parallel_tool_calls safety_identifier prompt_cache_key"
).split()


class TextPart(BaseModel):
    """A text."""

    type: Literal["text"]
    text: str


class MediaURL(BaseModel):
    """A data URL, ``clip:ID`` of an uploaded clip, or an http(s) URL where the operator allows them."""

    url: str


class ImagePart(BaseModel):
    """A picture."""

    type: Literal["image_url"]
    image_url: MediaURL


class VideoPart(BaseModel):
    """A video."""

    type: Literal["video_url"]
    video_url: MediaURL


class AudioURLPart(BaseModel):
    """Sound, by URL."""

    type: Literal["audio_url"]
    audio_url: MediaURL


class AudioData(BaseModel):
    """An audio file in base64; its format is read from the file itself."""

    data: str
    format: str = ""


class AudioPart(BaseModel):
    """Sound, in the message."""

    type: Literal["input_audio"]
    input_audio: AudioData


Part = Annotated[TextPart | ImagePart | VideoPart | AudioURLPart | AudioPart, Field(discriminator="type")]


class Message(BaseModel):
    """A message of the conversation."""

    role: Literal["system", "developer", "user", "assistant"]
    content: str | list[Part]

    def text(self) -> str:
        """Return its texts, joined by line breaks."""
        if isinstance(self.content, str):
            return self.content
        return "\n".join(part.text for part in self.content if isinstance(part, TextPart))

    def media(self) -> list[Part]:
        """Return its other parts."""
        return [] if isinstance(self.content, str) else [p for p in self.content if not isinstance(p, TextPart)]


class StreamOptions(BaseModel):
    """What a stream holds beside the reply."""

    include_usage: bool = False


class TurnOptions(BaseModel):
    """The field ``omnisense`` of a request.

    Attributes:
        thread_id: the conversation on this server that the turn belongs to. With one, only the last message is read:
            the server remembers the others. Without one, the messages are the whole conversation, and nothing is kept.
        events: whether a stream also holds the stages of the turn as they are done, in chunks without choices.
        percepts: whether the answer holds all percepts of the clip, beside the events of its timeline.
    """

    model_config = ConfigDict(extra="forbid")

    thread_id: str | None = Field(default=None, min_length=1, max_length=256)
    events: bool = False
    percepts: bool = False


class ChatRequest(BaseModel):
    """A request for the next reply of a conversation, in OpenAI's form."""

    model_config = ConfigDict(extra="allow")

    model: str
    messages: list[Message] = Field(min_length=1)
    stream: bool = False
    stream_options: StreamOptions | None = None
    n: int = 1
    omnisense: TurnOptions = Field(default_factory=TurnOptions)

    def ignored(self) -> list[str]:
        """Return what of the request changes nothing.

        Raises:
            ServiceError: 400, it asks for something that the agent cannot do.
        """
        given = {name for name, value in (self.model_extra or {}).items() if value not in (None, [], {})}
        if self.n != 1:
            raise ServiceError(400, "the agent gives one reply: n must be 1", "unsupported_value", "n")
        if (self.model_extra or {}).get("response_format") in ({"type": "text"},):
            given.discard("response_format")
        if unknown := sorted(given - set(_IGNORED)):
            raise ServiceError(
                400, f"{unknown[0]} is not supported: the agent replies in text", "unsupported_parameter", unknown[0]
            )
        systems = [
            f"messages[{i}] ({m.role})" for i, m in enumerate(self.messages) if m.role in ("system", "developer")
        ]
        return [*systems, *sorted(given)]


@dataclass(frozen=True)
class TurnRequest:
    """A turn that the agent is asked for.

    Attributes:
        clip: of the last message.
        text: of the last message.
        history: the turns before, for a conversation that the client remembers.
        ignored: what of the request changes nothing, in words.
    """

    clip: Clip | None
    text: str
    history: tuple[Turn, ...]
    ignored: tuple[str, ...]


def turn_request(
    request: ChatRequest, settings: ServiceSettings, uploaded: Callable[[str], Clip], open_clip: media.OpenClip
) -> TurnRequest:
    """Read which turn a request asks for, and open its clip.

    Args:
        request: that was received.
        settings: with the limits.
        uploaded: returns the uploaded clip with an id.
        open_clip: opens media.

    Raises:
        ServiceError: it asks for something that the agent cannot do.
        MediaError: its media cannot be opened.
    """
    if request.model != MODEL:
        raise ServiceError(404, f"there is no model '{request.model}' here: use '{MODEL}'", "model_not_found", "model")
    ignored = request.ignored()
    last = request.messages[-1]
    if last.role != "user":
        raise ServiceError(400, "the last message must be the user's", "invalid_value", "messages")
    parts = last.media()
    if len(parts) > 1:
        raise ServiceError(
            400, "a message may have one clip: send pictures and sound as one video", "too_many_media", "messages"
        )
    text = last.text()
    if not parts and not text.strip():
        raise ServiceError(400, "the last message is empty", "invalid_value", "messages")
    earlier = request.messages[:-1]
    ignored += [f"messages[{i}]: media of an earlier message" for i, m in enumerate(earlier) if m.media()]
    if request.omnisense.thread_id is not None:
        ignored += [
            f"messages[{i}]: the thread has the earlier turns" for i, m in enumerate(earlier) if m.role == "user"
        ]
        history: tuple[Turn, ...] = ()
    else:
        history = _turns(earlier)
    clip = _clip_of(parts[0], settings, uploaded, open_clip) if parts else None
    return TurnRequest(clip, text, history, tuple(ignored))


def _clip_of(part: Any, settings: ServiceSettings, uploaded: Callable[[str], Clip], open_clip: media.OpenClip) -> Clip:
    if isinstance(part, AudioPart):
        return media.clip_of_base64(part.input_audio.data, settings, open_clip)
    url: str = getattr(part, part.type).url
    if url.startswith(CLIP_PREFIX):
        return uploaded(url.removeprefix(CLIP_PREFIX))
    return media.clip_of_url(url, settings, open_clip)


def _turns(messages: Sequence[Message]) -> tuple[Turn, ...]:
    """Return the turns that messages make: what the user wrote, and the assistant's replies to it."""
    turns: list[Turn] = []
    asked: list[str] = []
    for message in messages:
        if message.role == "user":
            asked.append(message.text())
        elif message.role == "assistant":
            said = "\n".join(asked)
            turns.append(Turn(heard=said, typed=said, clip=None, reply=message.text()))
            asked = []
    if asked:  # unanswered messages before the last one
        said = "\n".join(asked)
        turns.append(Turn(heard=said, typed=said, clip=None, reply=""))
    return tuple(turns)
