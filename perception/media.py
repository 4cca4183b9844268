"""Clips: media files by path, probed once and decoded on demand.

Video goes through decord first (fast random access); where decord fails, PyAV decodes on past damaged
packets, and the frames say so. Sound goes through PyAV, still pictures through Pillow. Nothing here shells out
to an ffmpeg binary, and frames come in batches, so that a long file is never held whole.
"""

from __future__ import annotations

import functools
import itertools
import math
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from omnisense.perception.sampling import FramePlan, Sampling

from omnisense.errors import MediaError

SAMPLE_RATE_HZ = 16_000
_IMAGE_FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF", "AVIF")
# Playlists would make the demuxer open other files and addresses; a text file is read as terminal art.
_PLAYLIST_SIGNATURES = (b"#EXTM3U", b"ffconcat", b"<MPD", b"<?xml")
_TEXT_DEMUXERS = {"tty", "srt", "webvtt", "ass", "subviewer", "microdvd", "txt"}
_PREROLL_S = 0.5  # decoders of overlapping transforms (MP2, AAC) need a few packets before they are exact
_SAME_TIME_S = 0.00075  # rounding of timestamps: under any frame's duration, over NTSC's drift in a second
_REMEDY = "Check that it plays elsewhere; re-encode it (for instance to H.264 in MP4) or record it again."


@dataclass(frozen=True)
class Frames:
    """Decoded frames: times (T,) in seconds from the clip's start, images (T, H, W, 3) uint8 RGB.

    ``decoder`` is ``decord``, ``pyav`` or ``pillow``; ``note`` says why it was not decord, or what was skipped.
    """

    times_s: np.ndarray
    images: np.ndarray
    decoder: str
    note: str = ""


@dataclass(frozen=True)
class Clip:
    """A media file, or a window of one. Make it with :func:`open_clip`; slice it as ``clip[12.0:34.0]``.

    Times are in seconds from the start of the clip (of the window, for a window). ``width`` and ``height`` are
    as displayed, after the rotation that phones store beside the pictures.
    """

    path: Path
    kind: Literal["video", "audio", "image"]
    duration_s: float
    has_video: bool
    has_audio: bool
    width: int = 0
    height: int = 0
    frame_rate: float = 0.0
    frame_count: int = 0
    rotation_deg: int = 0
    video_codec: str = ""
    audio_codec: str = ""
    start_s: float = 0.0
    origin_s: float = 0.0  # the file's own clock at the clip's zero

    def __getitem__(self, window: slice) -> Clip:
        """The window ``[start : stop]`` in seconds; either end may be left out."""
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
        """All frames of a sampling (2 a second by default), or those shown at the given times, in one array.

        Raises:
            MediaError: there are no pictures, or none can be decoded.
        """
        batches = list(self.iter_frames(sampling, at_s, batch_size=1_000_000))
        return batches[0] if len(batches) == 1 else _join(batches)

    def iter_frames(
        self, sampling: Sampling | None = None, at_s: np.ndarray | list[float] | None = None, batch_size: int = 16
    ) -> Iterator[Frames]:
        """The same frames in batches, so that memory does not grow with the clip.

        A frame's time is its own presentation time; a frame asked for twice comes once.
        """
        if not self.has_video:
            raise MediaError("there are no pictures in it", "Give a video or an image.", self.path)
        plan = (sampling or Sampling()).plan(
            self.duration_s, self.frame_rate, self.frame_count, self.width, self.height
        )
        if at_s is not None:
            plan = plan._replace(times_s=np.unique(np.asarray(at_s, dtype=float)))
        if self.kind == "image":
            yield _read_image(self.path, plan)
        else:
            yield from _read_video(self, plan, batch_size)

    def audio(self) -> np.ndarray:
        """The sound as (N,) float32 mono at 16 kHz, aligned with the pictures; empty when no packet decodes.

        Raises:
            MediaError: there is no audio track.
        """
        if not self.has_audio:
            raise MediaError("there is no sound in it", "Give a file with an audio track.", self.path)
        return _read_audio(self)


def open_clip(path: str | Path) -> Clip:
    """Probe a video, audio file or image.

    Raises:
        MediaError: missing, a folder, empty, not media, or damaged beyond reading.
    """
    path = Path(path).expanduser()
    _check_file(path)
    return _open_image(path) or _open_av(path)


def _check_file(path: Path) -> None:
    if not path.exists():
        raise MediaError("there is no such file", "Check the path.", path)
    if path.is_dir():
        raise MediaError("this is a folder", "Give one media file.", path)
    try:
        with path.open("rb") as file:
            head = file.read(256)
    except OSError as error:
        raise MediaError(f"it cannot be read ({error.strerror})", "Check its permissions.", path) from error
    if not head:
        raise MediaError("the file is empty", "Record or copy it again.", path)
    if head.lstrip(b"\xef\xbb\xbf \r\n\t").startswith(_PLAYLIST_SIGNATURES):
        raise MediaError("this is a playlist or document, not media", "Give the media file itself.", path)


def _open_image(path: Path) -> Clip | None:
    from PIL import Image, UnidentifiedImageError

    Image.init()
    try:
        with Image.open(path, formats=_IMAGE_FORMATS) as image:
            if image.format != "MPO" and getattr(image, "n_frames", 1) > 1:  # an animation is video
                return None
            width, height = image.size
            if image.getexif().get(0x0112, 1) >= 5:  # EXIF orientations 5 to 8 swap the sides
                width, height = height, width
            return Clip(
                path,
                "image",
                0.0,
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
    except (OSError, Image.DecompressionBombError, ValueError, SyntaxError) as error:
        raise MediaError(f"this image cannot be read ({error})", _REMEDY, path) from error


def _open_av(path: Path) -> Clip:
    import av

    try:
        with _container(path) as container:
            if set(container.format.name.split(",")) & _TEXT_DEMUXERS:
                raise MediaError("this is text, not media", "Give a video, audio file or image.", path)
            video = next((s for s in container.streams.video if s.codec_context and s.codec_context.width), None)
            audio = next((s for s in container.streams.audio if s.codec_context and s.codec_context.sample_rate), None)
            return _probe(path, container, video, audio)
    except MediaError:
        raise
    except (av.error.FFmpegError, ValueError, OSError, OverflowError) as error:
        raise MediaError(f"it is not a media file or is damaged ({_reason(error)})", _REMEDY, path) from error


def _container(path: Path) -> Any:
    import av

    # Tags in odd encodings must not make a file unreadable; PyAV 19 made that its rule and dropped the option.
    lenient: dict[str, Any] = {} if int(av.__version__.partition(".")[0]) >= 19 else {"metadata_errors": "ignore"}
    return av.open(str(path), **lenient)


def _probe(path: Path, container: Any, video: Any, audio: Any) -> Clip:
    import av

    if video is None and audio is None:
        raise MediaError("it holds neither pictures nor sound that can be decoded", _REMEDY, path)
    duration_s = container.duration / av.time_base if container.duration and container.duration > 0 else 0.0
    origin_s = container.start_time / av.time_base if container.start_time else 0.0
    if duration_s <= 0:
        duration_s = _measure_duration(container, origin_s)
    if duration_s <= 0:
        raise MediaError("it has a header but nothing to play", "Record or export it again.", path)
    facts: dict[str, Any] = {}
    if video is not None:
        rate = float(video.average_rate or video.base_rate or 25)
        width, height = video.codec_context.width, video.codec_context.height
        rotation = _rotation(container, video)
        if rotation in (90, 270):
            width, height = height, width
        facts = {
            "width": width,
            "height": height,
            "frame_rate": rate,
            "rotation_deg": rotation,
            "frame_count": video.frames or max(1, round(duration_s * rate)),
            "video_codec": video.codec_context.name,
        }
    if audio is not None:
        facts["audio_codec"] = audio.codec_context.name
    return Clip(
        path,
        "video" if video is not None else "audio",
        duration_s,
        has_video=video is not None,
        has_audio=audio is not None,
        origin_s=origin_s,
        **facts,
    )


def _measure_duration(container: Any, origin_s: float) -> float:
    """Length of a file whose header does not say it: the last packet's end, found without decoding."""
    end_s = origin_s
    for packet in container.demux():
        if packet.pts is not None:
            end_s = max(end_s, float((packet.pts + (packet.duration or 0)) * packet.time_base))
    container.seek(0)
    return end_s - origin_s


def _rotation(container: Any, video: Any) -> int:
    """Clockwise degrees by which the pictures must be turned for display (0, 90, 180 or 270)."""
    import av

    try:
        frame = next(container.decode(video), None)
    except av.error.FFmpegError:  # the first packet is damaged: later ones may still decode
        return 0
    return 0 if frame is None else -round(frame.rotation / 90) * 90 % 360


def _reason(error: BaseException) -> str:
    text = (getattr(error, "strerror", None) or str(error) or type(error).__name__).strip()
    return text.splitlines()[-1][:120]


# --- pictures -----------------------------------------------------------------------------------------------


def _read_image(path: Path, plan: FramePlan) -> Frames:
    from PIL import Image, ImageOps

    try:
        with Image.open(path, formats=_IMAGE_FORMATS) as image:
            picture = ImageOps.exif_transpose(image).convert("RGB")
    except (OSError, Image.DecompressionBombError, ValueError, SyntaxError) as error:
        raise MediaError(f"this image cannot be decoded ({error})", _REMEDY, path) from error
    if picture.size != (plan.width, plan.height):
        picture = picture.resize((plan.width, plan.height))
    return Frames(np.zeros(1), np.asarray(picture)[None], "pillow")


def _read_video(clip: Clip, plan: FramePlan, batch_size: int) -> Iterator[Frames]:
    """decord as long as it works; from the first batch that it cannot give, PyAV to the end."""
    done = 0
    last_s = -math.inf
    try:
        for upto, frames in _decord_batches(clip, plan, batch_size):
            done, last_s = upto, float(frames.times_s[-1])
            yield frames
        return
    except _DecordFailedError as error:
        note = f"decord: {error}"
    rest = plan._replace(times_s=plan.times_s[done:])
    decoded = done > 0
    for frames in _pyav_batches(clip, rest, batch_size, note):
        fresh = frames.times_s > last_s
        if fresh.any():
            decoded = True
            yield replace(frames, times_s=frames.times_s[fresh], images=frames.images[fresh])
    if not decoded:
        raise MediaError(f"not one frame can be decoded ({note})", _REMEDY, clip.path)


@functools.lru_cache(maxsize=1)
def _decord() -> Any:
    """decord, kept from loading CUDA libraries that decoding on the CPU does not need.

    decord2 3.4 loads everything under site-packages/nvidia with global symbols when it is imported. libnvblas is
    among it and takes over BLAS: torch, imported later, then crashes in its first matrix product. A None in
    ``sys.modules`` makes decord believe that the package is not there.
    """
    hidden = sys.modules.get("nvidia")
    sys.modules["nvidia"] = None  # type: ignore[assignment]
    try:
        import decord
    finally:
        del sys.modules["nvidia"]
        if hidden is not None:
            sys.modules["nvidia"] = hidden
    decord.logging.set_level(decord.logging.QUIET)
    return decord


class _DecordFailedError(Exception):
    pass


def _decord_batches(clip: Clip, plan: FramePlan, batch_size: int) -> Iterator[tuple[int, Frames]]:
    """Batches and how many of the planned times are done after each; any failure of decord ends it."""
    decord = _decord()
    try:
        reader = decord.VideoReader(str(clip.path), width=plan.width, height=plan.height)  # it turns pictures upright
        shown_from_s = reader.get_frame_timestamp(list(range(len(reader))))[:, 0] - clip.origin_s
    except Exception as error:  # decord raises RuntimeError, DECORDError and IndexError for damaged files
        raise _DecordFailedError(_reason(error)) from error
    if shown_from_s[0] < -_SAME_TIME_S or np.any(np.diff(shown_from_s) <= 0):
        # Frames that an edit list hides count in decord's index and not in its decoder, and packets without times get
        # none: either way it would hand out other frames than those asked for.
        raise _DecordFailedError("its frame index does not fit this file")
    indices = _frames_shown_at(shown_from_s, plan.times_s + clip.start_s)
    firsts = np.flatnonzero(np.diff(indices, prepend=-1))  # a frame asked for twice comes once
    for at in range(0, len(firsts), batch_size):
        chosen = indices[firsts[at : at + batch_size]]
        try:
            images = reader.get_batch(chosen.tolist()).asnumpy()
        except Exception as error:
            raise _DecordFailedError(_reason(error)) from error
        done = firsts[at + batch_size] if at + batch_size < len(firsts) else len(indices)
        times_s = np.maximum(shown_from_s[chosen] - clip.start_s, 0.0)
        yield int(done), Frames(times_s, images, "decord")


def _frames_shown_at(shown_from_s: np.ndarray, times_s: np.ndarray) -> np.ndarray:
    """Index of the frame on screen at each time: the last that began by then (allowing for rounding)."""
    found = np.searchsorted(shown_from_s, times_s + _SAME_TIME_S, side="right") - 1
    return np.clip(found, 0, len(shown_from_s) - 1)


def _upright(images: np.ndarray, rotation_deg: int) -> np.ndarray:
    if not rotation_deg:
        return images
    return np.ascontiguousarray(np.rot90(images, k=-rotation_deg // 90, axes=(1, 2)))


def _pyav_batches(clip: Clip, plan: FramePlan, batch_size: int, note: str) -> Iterator[Frames]:
    width, height = (plan.height, plan.width) if clip.rotation_deg in (90, 270) else (plan.width, plan.height)
    times: list[float] = []
    images: list[np.ndarray] = []
    for frame, shown_from_s in _pyav_frames(clip, plan.times_s):
        times.append(max(shown_from_s, 0.0))
        images.append(frame.to_ndarray(format="rgb24", width=width, height=height))
        if len(times) == batch_size:
            yield Frames(np.array(times), _upright(np.stack(images), clip.rotation_deg), "pyav", note)
            times, images = [], []
    if times:
        yield Frames(np.array(times), _upright(np.stack(images), clip.rotation_deg), "pyav", note)


def _pyav_frames(clip: Clip, times_s: np.ndarray) -> Iterator[tuple[Any, float]]:
    """The frames shown at ``times_s``, by one pass over the window; damaged packets are stepped over."""

    wanted = list(times_s)
    shown: tuple[Any, float] | None = None
    with _container(clip.path) as container:
        stream = next(s for s in container.streams.video if s.codec_context.width)
        # Slice threads (the default), never frame threads: those run ahead and log damaged packets through a Python
        # callback, which waits for the interpreter's lock while the decoder's destructor holds it and waits for them.
        _seek(container, clip)
        for frame in _decode(container, stream):
            if frame.time is None:
                continue
            time_s = frame.time - clip.origin_s - clip.start_s
            if shown is not None and wanted and wanted[0] + _SAME_TIME_S < time_s:
                yield shown
                while wanted and wanted[0] + _SAME_TIME_S < time_s:
                    wanted.pop(0)
            if not wanted:
                return
            shown = (frame, time_s)
    if shown is not None and wanted:
        yield shown


def _seek(container: Any, clip: Clip) -> None:
    import av

    # Raw MP3 and AAC streams only guess where a time lies: they are read from the start, which costs little.
    if clip.start_s > _PREROLL_S and container.format.name not in ("mp3", "aac"):
        container.seek(int((clip.start_s - _PREROLL_S + clip.origin_s) * av.time_base), backward=True)


def _decode(container: Any, stream: Any) -> Iterator[Any]:
    import av

    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets)
        except StopIteration:
            return
        except av.error.FFmpegError:  # the container ends in the middle of a packet
            return
        try:
            yield from packet.decode()
        except av.error.FFmpegError:
            continue


def _join(batches: list[Frames]) -> Frames:
    notes = "; ".join(sorted({b.note for b in batches if b.note}))
    decoders = " then ".join(dict.fromkeys(b.decoder for b in batches))
    return Frames(
        np.concatenate([b.times_s for b in batches]), np.concatenate([b.images for b in batches]), decoders, notes
    )


# --- sound --------------------------------------------------------------------------------------------------


def _read_audio(clip: Clip) -> np.ndarray:
    length = round(clip.duration_s * SAMPLE_RATE_HZ)
    pieces: list[np.ndarray] = []
    filled = 0
    for begin, samples in _resampled_audio(clip):
        # A track that starts late, or lost packets, leave a hole: silence keeps sound and picture together.
        if filled and abs(begin - filled) < SAMPLE_RATE_HZ // 20:
            begin = filled
        samples = samples[max(0, filled - begin) :]
        begin = min(max(begin, filled), length)
        pieces += [np.zeros(begin - filled, np.float32), samples]
        filled = begin + len(samples)
        if filled >= length:
            break
    sound = np.concatenate(pieces) if pieces else np.zeros(0, np.float32)
    return np.nan_to_num(sound[:length]).astype(np.float32, copy=False)


def _resampled_audio(clip: Clip) -> Iterator[tuple[int, np.ndarray]]:
    """Pieces of sound and the sample at which each belongs, counted from the window's start."""
    import av

    with _container(clip.path) as container:
        stream = next(s for s in container.streams.audio if s.codec_context.sample_rate)
        resampler = av.AudioResampler(format="flt", layout="mono", rate=SAMPLE_RATE_HZ)
        _seek(container, clip)
        next_s = 0.0  # for formats without timestamps
        for frame in itertools.chain(_decode(container, stream), [None]):
            for out in resampler.resample(frame):
                time_s = next_s if out.time is None else out.time - clip.origin_s - clip.start_s
                next_s = time_s + out.samples / SAMPLE_RATE_HZ
                yield round(time_s * SAMPLE_RATE_HZ), out.to_ndarray()[0]
