"""Chat messages with typed parts, media by reference, and what of the media reaches a model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypedDict

from omnisense.errors import MediaError
from omnisense.perception.media.clip import Clip, open_clip
from omnisense.perception.media.sampling import Sampling

Modality = Literal["text", "image", "video", "audio"]
Role = Literal["system", "user", "assistant"]
_TOLERANCE_S = 1.0  # windows are written in whole seconds and may round up past the end


class Part(TypedDict, total=False):
    """A typed piece of a message: text, or media by reference (``path``), never bytes.

    ``start_s`` and ``end_s`` give a window of the media; ``sampling`` selects its frames; ``with_audio`` says whether a
    video's audio is used as well (by default it is, if the model accepts audio); ``with_times`` whether its
    time is said in words before each frame (of a video only where the model takes it frame by frame); ``tokens`` about
    how many tokens it takes, where that has been estimated.
    """

    type: Modality
    text: str
    path: str
    start_s: float
    end_s: float
    sampling: Sampling
    with_audio: bool
    with_times: bool
    tokens: int


class Message(TypedDict):
    """A chat message in the format of Hugging Face chat templates, with typed parts."""

    role: Role
    content: list[Part]


Messages = list[Message]


@dataclass(frozen=True)
class MediaUsage:
    """What of a prompt's media reaches the model.

    Attributes:
        times_s: the times of the frames.
        images: the frames, as (T, H, W, 3) uint8 arrays.
        audio_s: seconds of audio.
    """

    times_s: tuple[float, ...] = ()
    images: tuple[Any, ...] = ()
    audio_s: float = 0.0


class PreparedPrompt(list[Message]):
    """A prompt whose media were decoded and encoded ahead by :meth:`Policy.prepare`, for the same policy."""

    def __init__(self, messages: Messages, inputs: Any = None, media_usage: MediaUsage | None = None) -> None:
        super().__init__(messages)
        self.inputs, self.media_usage = inputs, media_usage or MediaUsage()


def message(role: Role, text: str) -> Message:
    """Return a message of one text part."""
    return {"role": role, "content": [{"type": "text", "text": text}]}


def text_of(content: Message) -> str:
    """Return the text parts of a message, joined by newlines."""
    return "\n".join(part["text"] for part in content["content"] if part["type"] == "text")


def media_of(prompt: Messages) -> list[Part]:
    """Return the parts of a prompt that are not text, in order."""
    return [part for m in prompt for part in m["content"] if part["type"] != "text"]


def clip_of(part: Part) -> Clip:
    """Open the clip, or the window of one, that a media part refers to.

    Raises:
        MediaError: it cannot be opened, or the window lies outside it.
    """
    clip = open_clip(part["path"])
    if "start_s" not in part:
        return clip
    if part["end_s"] > clip.duration_s + _TOLERANCE_S:
        raise MediaError(
            f"the window {part['start_s']:g}-{part['end_s']:g} s ends beyond its {clip.duration_s:.2f} s",
            "Give a window inside it; if the file has been cut already, leave the window out (--ignore-windows).",
            clip.path,
        )
    return clip[part["start_s"] : part["end_s"]]


def time_label(time_s: float) -> str:
    """Return the words before a frame whose time is said."""
    return f"At {time_s:.1f} s:"


def truncate_at_stop(text: str, stop: Sequence[str]) -> str:
    """Return a reply up to its first stop string."""
    ends = [end for s in stop if (end := text.find(s)) >= 0]
    return text[: min(ends)] if ends else text
