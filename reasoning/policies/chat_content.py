"""Messages as chat services take them: text, frames as JPEG and audio as WAV, in LangChain's content blocks."""

from __future__ import annotations

import base64
import io
from typing import Any

from omnisense.errors import PolicyError
from omnisense.perception.media.decode import SAMPLE_RATE_HZ
from omnisense.perception.media.encode import wav_bytes
from omnisense.perception.media.sampling import Sampling
from omnisense.reasoning.policies.media_cache import audio_of, frames_of
from omnisense.reasoning.policies.messages import MediaUsage, Message, Modality, Part, clip_of, text_of, time_label

_MEDIA_FRAMES = 8  # of a video part, evenly spaced


def content_of(source: Message, modalities: frozenset[Modality], usages: list[MediaUsage]) -> Any:
    """Return a message's content for a service; what of its media is in it is added to ``usages``.

    Raises:
        PolicyError: the service does not accept a part.
        MediaError: media cannot be decoded.
    """
    if all(part["type"] == "text" for part in source["content"]):
        return text_of(source)  # plain text is what every service takes
    return [block for part in source["content"] for block in _blocks(part, modalities, usages)]


def _blocks(part: Part, modalities: frozenset[Modality], usages: list[MediaUsage]) -> list[dict[str, Any]]:
    if part["type"] == "text":
        return [{"type": "text", "text": part["text"]}]
    if part["type"] not in modalities:
        raise PolicyError(
            f"this policy does not accept {part['type']}",
            f"Give ChatModelPolicy(model, modalities={{'{part['type']}'}}), or render the percepts as text.",
        )
    clip = clip_of(part)
    blocks: list[dict[str, Any]] = []
    if part["type"] in ("image", "video"):
        frames = frames_of(clip, part.get("sampling") or Sampling(rule="count", count=_MEDIA_FRAMES))
        for time_s, image in zip(frames.times_s, frames.images, strict=True):
            if part.get("with_times"):
                blocks.append({"type": "text", "text": time_label(time_s)})
            blocks.append(_media_block("image", _jpeg(image), "image/jpeg"))
        usages.append(MediaUsage(tuple(frames.times_s.tolist()), (frames.images,)))
    uses_audio = "audio" in modalities and clip.has_audio and part.get("with_audio", True)
    if part["type"] == "audio" or (part["type"] == "video" and uses_audio):
        samples = audio_of(clip)
        blocks.append(_media_block("audio", wav_bytes(samples), "audio/wav"))
        usages.append(MediaUsage(audio_s=len(samples) / SAMPLE_RATE_HZ))
    return blocks


def _media_block(kind: str, data: bytes, mime_type: str) -> dict[str, Any]:
    return {"type": kind, "base64": base64.b64encode(data).decode(), "mime_type": mime_type}


def _jpeg(image: Any) -> bytes:
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=85)
    return buffer.getvalue()


def with_request(inputs: list[dict[str, Any]], text: str) -> list[dict[str, Any]]:
    """Return a conversation that ends with a request, inside its last message if that is the user's.

    Chat templates of many models refuse two messages of one role in a row.
    """
    last = inputs[-1]
    if last["role"] != "user":
        return [*inputs, {"role": "user", "content": text}]
    content = last["content"]
    joined = f"{content}\n\n{text}" if isinstance(content, str) else [*content, {"type": "text", "text": text}]
    return [*inputs[:-1], {"role": "user", "content": joined}]
