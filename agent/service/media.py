"""Media parts of a request: data URLs, base64, uploaded clips and remote URLs, as clips within the limits."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable

from omnisense.agent.service import remote_media
from omnisense.agent.service.errors import ServiceError
from omnisense.agent.service.settings import ServiceSettings
from omnisense.perception.media.clip import Clip, ClipSource

_MIB = 1024 * 1024
OpenClip = Callable[[ClipSource], Clip]


def clip_of_url(url: str, settings: ServiceSettings, open_clip: OpenClip) -> Clip:
    """Open the media of a URL.

    Args:
        url: that was sent.
        settings: with the limits.
        open_clip: opens media, in a process of its own where the operator wants that.

    Raises:
        ServiceError: the URL is not accepted, or the media are over a limit.
        MediaError: it holds no media.
    """
    if url.startswith("data:"):
        return open_within_limits(_data_of(url), settings, open_clip)
    if not settings.allow_remote_media:
        raise ServiceError(
            400, "media URLs are not fetched by this server: send a data URL or upload the clip", "media_url"
        )
    return open_within_limits(remote_media.fetch(url, int(settings.max_upload_mb * _MIB)), settings, open_clip)


def clip_of_base64(data: str, settings: ServiceSettings, open_clip: OpenClip) -> Clip:
    """Open the media in a base64 text; raises as :func:`clip_of_url`."""
    return open_within_limits(_decoded(data), settings, open_clip)


def open_within_limits(source: ClipSource, settings: ServiceSettings, open_clip: OpenClip) -> Clip:
    """Open a clip, reading no more than its headers, and check it before anything of it is decoded.

    Raises:
        ServiceError: 413, it is longer than the settings allow, or has larger frames.
        MediaError: it is no clip.
    """
    clip = open_clip(source)
    if clip.duration_s > settings.max_clip_s:
        raise ServiceError(
            413,
            f"the clip has {clip.duration_s:.0f} s, more than the {settings.max_clip_s:g} s allowed",
            "clip_too_long",
        )
    if clip.width * clip.height > settings.max_pixels:
        raise ServiceError(
            413,
            f"the frames have {clip.width}x{clip.height} pixels, more than the {settings.max_pixels} allowed",
            "frame_too_large",
        )
    return clip


def _data_of(url: str) -> bytes:
    head, comma, data = url.removeprefix("data:").partition(",")
    if not comma or not head.endswith(";base64"):
        raise ServiceError(400, "the data URL of a clip has ;base64, before its data", "media_url")
    return _decoded(data)


def _decoded(data: str) -> bytes:
    try:
        decoded = base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ServiceError(400, "the media are not valid base64", "media_base64") from error
    if not decoded:
        raise ServiceError(400, "the media are empty", "media_base64")
    return decoded
