"""Clips: media files, probed once and decoded on demand (see ``decode``)."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from os import PathLike
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias

import numpy as np

from omnisense.errors import MediaError
from omnisense.perception.media import decode
from omnisense.perception.media.decode import IMAGE_FORMATS, REMEDY, SAMPLE_RATE_HZ, Frames, MediaWindow
from omnisense.perception.media.limits import MediaLimits
from omnisense.perception.media.sampling import FramePlan, Sampling
from omnisense.perception.media.temporary import TemporaryMedia, temporary_media
from omnisense.perception.types import MediaKind

__all__ = ["SAMPLE_RATE_HZ", "Clip", "ClipSource", "Frames", "open_clip"]

ClipSource: TypeAlias = str | PathLike[str] | bytes | bytearray | memoryview | BinaryIO

# Playlists would make the demuxer open other files and URLs; a text file is read as terminal art.
_IS_PLAYLIST = ("this is a playlist or document, not a media file", "Give the media file itself.")
_PLAYLIST_SIGNATURES = (b"#EXTM3U", b"ffconcat", b"<MPD", b"<?xml")
_PLAYLIST_DEMUXERS = {"hls", "dash", "concat", "concatf", "imf", "sdp", "rtsp", "webm_dash_manifest"}
# Bits a second under which a declared duration is checked: speech codecs for telephones take about as much.
_LOWEST_BIT_RATE = 16_000
_LONGEST_GAP_S = 60.0  # between packets of one recording
_ADDRESS = re.compile(r"[a-z][a-z0-9+.]+:/", re.I)  # pathlib has made one slash of two
_TEXT_DEMUXERS = {"tty", "srt", "webvtt", "ass", "subviewer", "microdvd", "txt"}


@dataclass(frozen=True, kw_only=True)
class Clip(MediaWindow):
    """A media file, or a window of one. Open it with :func:`open_clip`; slice it as ``clip[12.0:34.0]``.

    Times are in seconds from the start of the clip (of the window, for a window).

    Attributes:
        kind: ``video``, ``audio`` or ``image``.
        has_video: whether there are frames (also for an image).
        has_audio: whether there is an audio track.
        width: in pixels as displayed, after the rotation that phones store beside the frames.
        height: likewise.
        frame_rate: frames per second.
        frame_count: of the window.
        video_codec: empty without video.
        audio_codec: empty without audio.
    """

    kind: MediaKind
    has_video: bool
    has_audio: bool
    width: int = 0
    height: int = 0
    frame_rate: float = 0.0
    frame_count: int = 0
    video_codec: str = ""
    audio_codec: str = ""
    _temporary: TemporaryMedia | None = field(default=None, repr=False, compare=False)

    def __getitem__(self, window: slice) -> Clip:
        """Return the window ``[start : stop]`` in seconds; either end may be left out.

        Raises:
            MediaError: the window is not inside the clip, or has a step.
        """
        if window.step is not None:
            raise MediaError("a clip's window has no step", "Write clip[12.0:34.0].", self.path)
        start_s = 0.0 if window.start is None else float(window.start)
        stop_s = self.duration_s if window.stop is None else min(float(window.stop), self.duration_s)
        if not 0 <= start_s < stop_s:
            raise MediaError(
                f"the window {start_s:g}-{stop_s:g} s lies outside its {self.duration_s:.2f} s",
                "Give 0 <= start < stop <= duration.",
                self.path,
            )
        share = (stop_s - start_s) / self.duration_s
        return replace(
            self,
            start_s=self.start_s + start_s,
            duration_s=stop_s - start_s,
            frame_count=max(1, round(self.frame_count * share)) if self.frame_count else 0,
        )

    def frames(self, sampling: Sampling | None = None, at_s: np.ndarray | list[float] | None = None) -> Frames:
        """Return all frames of a sampling (2 a second by default), or those shown at the given times, in one array.

        Raises:
            MediaError: the file has no video track, or no frame can be decoded.
        """
        batches = list(self.iter_frames(sampling, at_s, batch_size=1_000_000))
        return batches[0] if len(batches) == 1 else decode.concatenate(batches)

    def iter_frames(
        self,
        sampling: Sampling | None = None,
        at_s: np.ndarray | list[float] | None = None,
        batch_size: int = 16,
        in_order: bool = False,
    ) -> Iterator[Frames]:
        """Yield the same frames in batches, so that memory does not grow with the clip.

        A frame's time is its own presentation time; a frame that is requested twice is yielded once.

        Args:
            sampling: which frames; 2 a second by default.
            at_s: the frames shown at these times instead.
            batch_size: frames per batch.
            in_order: decode sequentially and never ahead of what is requested (see ``decode.read_video``): for long
                clips and slow callers.

        Raises:
            MediaError: the file has no video track, or no frame can be decoded.
        """
        if not self.has_video:
            raise MediaError("the file has no video track", "Give a video or an image.", self.path)
        plan = (sampling or Sampling()).plan(
            self.duration_s, self.frame_rate, self.frame_count, self.width, self.height
        )
        if at_s is not None:
            plan = plan._replace(times_s=np.unique(np.asarray(at_s, dtype=float)))
        yield from self.read_frames(plan, batch_size, in_order)

    def audio(self) -> np.ndarray:
        """Return the audio as (N,) float32 mono at 16 kHz, in sync with the frames; empty when no packet decodes.

        Raises:
            MediaError: the file has no audio track, or over 6 h of sound (300 kB at 1 Hz fill 10 GB): read windows.
        """
        if not self.has_audio:
            raise MediaError("the file has no audio track", "Give a video or an audio file.", self.path)
        MediaLimits().check_duration(self.duration_s, self.path)
        return self.read_audio()

    def read_frames(self, plan: FramePlan, batch_size: int, in_order: bool = False) -> Iterator[Frames]:
        """Yield the frames of a plan; see :meth:`iter_frames`.

        Raises:
            MediaError: no frame can be decoded.
        """
        if self.kind == "image":
            yield decode.read_image(self.path, plan)
        else:
            yield from decode.read_video(self, plan, batch_size, in_order)

    def read_audio(self) -> np.ndarray:
        """Return the audio of a clip that has some; see :meth:`audio`."""
        return decode.read_audio(self)


def open_clip(source: ClipSource, limits: MediaLimits | None = None) -> Clip:
    """Open a video, audio file or image.

    Args:
        source: a path; or the content of a file as bytes, or as a file object in binary mode, which is read from where
            it stands to its end. Content is kept in a private temporary file until the clip and all its windows are no
            longer used.
        limits: of its pictures.

    Raises:
        MediaError: the file does not exist, is a folder, pipe or device, empty, not media, too damaged to be read, or
            beyond a limit.
        InputError: the source is of another type.
    """
    if not isinstance(source, str | PathLike):
        kept = temporary_media(source)
        return replace(open_clip(kept.path, limits), _temporary=kept)
    path = Path(source).expanduser()
    check_file(path)
    limits = limits or MediaLimits()
    return _open_image(path, limits) or _open_av(path, limits)


def check_file(path: Path) -> None:
    """Check that a path is a regular file with content that is no playlist, before a decoder opens it.

    Raises:
        MediaError: it is not.
    """
    if not os.path.exists(path):  # pathlib raises where the name is too long for a path
        if _ADDRESS.match(str(path)):
            raise MediaError("this is an address, not a file", "Download it, and give the path of the file.", path)
        raise MediaError("the file does not exist", "Check the path.", path)
    if path.is_dir():
        raise MediaError("this is a folder", "Give a media file.", path)
    if not path.is_file():  # opening a pipe would wait for its writer, perhaps forever
        raise MediaError("this is a pipe, socket or device, not a regular file", "Save the media to a file.", path)
    try:
        with path.open("rb") as file:
            head = file.read(256)
    except OSError as error:
        raise MediaError(f"the file cannot be read ({error.strerror})", "Check its permissions.", path) from error
    if not head:
        raise MediaError("the file is empty", "Record or copy it again.", path)
    if head.lstrip(b"\xef\xbb\xbf \r\n\t").startswith(_PLAYLIST_SIGNATURES):
        raise MediaError(*_IS_PLAYLIST, path)


def _open_image(path: Path, limits: MediaLimits) -> Clip | None:
    from PIL import Image, UnidentifiedImageError

    Image.init()
    try:
        with Image.open(path, formats=IMAGE_FORMATS) as image:
            width, height = image.size
            limits.check_picture(width, height, path)
            if _is_animation(image):
                return None  # it is video
            if decode.exif_orientation(image) >= 5:  # these swap the sides
                width, height = height, width
            return Clip(
                path=path,
                kind="image",
                duration_s=0.0,
                has_video=True,
                has_audio=False,
                width=width,
                height=height,
                frame_rate=1.0,
                frame_count=1,
                video_codec=str(image.format).lower(),
            )
    except UnidentifiedImageError:
        return None
    except MediaError:
        raise
    except Exception as error:  # Pillow's readers raise whatever a damaged header leads to
        raise MediaError(f"the image cannot be read ({decode.error_reason(error)})", REMEDY, path) from error


def _is_animation(image: Any) -> bool:
    """Return whether an open picture has a second frame; Pillow takes the square of their number to count pages."""
    try:
        image.seek(1)
        image.seek(0)
    except EOFError:
        return False
    return bool(image.format != "MPO")  # the same picture in several sizes, or for two eyes


def _open_av(path: Path, limits: MediaLimits) -> Clip:
    import av

    try:
        with decode.open_container(path) as container:
            demuxers = set(container.format.name.split(","))
            if demuxers & _PLAYLIST_DEMUXERS:
                raise MediaError(*_IS_PLAYLIST, path)
            if demuxers & _TEXT_DEMUXERS:
                raise MediaError("this is a text file, not a media file", "Give a video, audio file or image.", path)
            video, audio = decode.find_streams(container)
            if video is not None:
                limits.check_picture(video.codec_context.width, video.codec_context.height, path)
            return _probe(path, container, video, audio)
    except MediaError:
        raise
    except (av.error.FFmpegError, ValueError, OSError, OverflowError) as error:
        raise MediaError(
            f"this is not a media file, or it is damaged ({decode.error_reason(error)})", REMEDY, path
        ) from error


def _probe(path: Path, container: Any, video: Any, audio: Any) -> Clip:
    import av

    if video is None and audio is None:
        raise MediaError("the file has no video or audio track that can be decoded", REMEDY, path)
    duration_s = container.duration / av.time_base if container.duration and container.duration > 0 else 0.0
    origin_s = container.start_time / av.time_base if container.start_time else 0.0
    if duration_s <= 0:
        duration_s = _measure_duration(container, origin_s)
    elif path.stat().st_size * 8 < _LOWEST_BIT_RATE * duration_s:
        origin_s, duration_s = _check_duration(container, origin_s, duration_s)
    if duration_s <= 0:
        raise MediaError("the file has a header but no content", "Record or export it again.", path)
    fields: dict[str, Any] = {}
    if video is not None:
        rate = float(video.average_rate or video.base_rate or 25)
        width, height = video.codec_context.width, video.codec_context.height
        rotation = _rotation(container, video)
        if rotation in (90, 270):
            width, height = height, width
        fields = {
            "width": width,
            "height": height,
            "frame_rate": rate,
            "rotation_deg": rotation,
            "frame_count": video.frames or max(1, round(duration_s * rate)),
            "video_codec": video.codec_context.name,
        }
    if audio is not None:
        fields["audio_codec"] = audio.codec_context.name
    return Clip(
        path=path,
        kind="video" if video is not None else "audio",
        duration_s=duration_s,
        has_video=video is not None,
        has_audio=audio is not None,
        origin_s=origin_s,
        **fields,
    )


def _measure_duration(container: Any, origin_s: float) -> float:
    """Return the length of a file whose header lacks it: the last packet's end, found without decoding."""
    end_s = origin_s
    for packet in container.demux():
        if packet.pts is not None:
            end_s = max(end_s, float((packet.pts + (packet.duration or 0)) * packet.time_base))
    container.seek(0)
    return end_s - origin_s


def _check_duration(container: Any, origin_s: float, duration_s: float) -> tuple[float, float]:
    """Return origin and length of what a file holds: a damaged header or time stamp may claim hours.

    It is the longest run of packets without a gap of a minute; where that reaches the declared end, it is right.
    """
    times: list[tuple[float, float]] = []
    for packet in container.demux():
        if packet.pts is not None and packet.size:
            begin_s = float(packet.pts * packet.time_base)
            times.append((begin_s, begin_s + min(_LONGEST_GAP_S, float((packet.duration or 0) * packet.time_base))))
    container.seek(0)
    runs: list[tuple[int, float, float]] = []
    for begin_s, end_s in sorted(times):
        if not runs or begin_s - runs[-1][2] > _LONGEST_GAP_S:
            runs.append((0, begin_s, end_s))
        count, first_s, last_s = runs[-1]
        runs[-1] = count + 1, first_s, max(last_s, end_s)
    _, first_s, last_s = max(runs, default=(0, origin_s, origin_s))
    if first_s - origin_s < _LONGEST_GAP_S and last_s >= origin_s + duration_s - _LONGEST_GAP_S:
        return origin_s, duration_s
    return first_s, last_s - first_s


def _rotation(container: Any, video: Any) -> int:
    """Return the clockwise degrees by which frames must be rotated for display (0, 90, 180 or 270)."""
    import av

    try:
        frame = next(container.decode(video), None)
    except av.error.FFmpegError:  # the first packet is damaged: later ones may still decode
        return 0
    return 0 if frame is None else -round(frame.rotation / 90) * 90 % 360
