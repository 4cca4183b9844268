"""Decode frames and audio from files, skipping what is damaged.

Video is decoded by decord first (fast random access); where decord fails, PyAV continues past damaged packets, and the
frames carry a note. Audio is decoded by PyAV, still images by Pillow. No ffmpeg binary is called, and frames are
returned in batches, so that a long file is never held in memory whole.
"""

from __future__ import annotations

import itertools
import math
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from omnisense.compat import import_decord
from omnisense.errors import MediaError
from omnisense.perception.media.sampling import FramePlan

SAMPLE_RATE_HZ = 16_000
IMAGE_FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF", "AVIF")
REMEDY = "Check that it plays elsewhere; re-encode it (for instance to H.264 in MP4) or record it again."
_PREROLL_S = 0.5  # decoders of overlapping transforms (MP2, AAC) need a few packets before they are exact
_EXIF_ORIENTATION = 0x0112
# By EXIF orientation, the member of ``PIL.Image.Transpose`` that turns a picture upright (EXIF 2.3, 4.6.4 A).
_UPRIGHT = {2: 0, 3: 3, 4: 1, 5: 5, 6: 4, 7: 6, 8: 2}
_SAME_TIME_S = 0.00075  # rounding of timestamps: under any frame's duration, over NTSC's drift per second


@dataclass(frozen=True, kw_only=True)
class MediaWindow:
    """An interval of a media file, and what is needed to decode it.

    Attributes:
        path: the file.
        duration_s: of the window, in seconds.
        start_s: of the window, from the clip's zero.
        origin_s: the file's own timestamp at the clip's zero.
        rotation_deg: clockwise rotation for display, stored beside the images: 0, 90, 180 or 270.
    """

    path: Path
    duration_s: float
    start_s: float = 0.0
    origin_s: float = 0.0
    rotation_deg: int = 0


@dataclass(frozen=True)
class Frames:
    """Decoded frames.

    Attributes:
        times_s: (T,) in seconds from the clip's start.
        images: (T, H, W, 3) uint8 RGB.
        decoder: ``decord``, ``pyav`` or ``pillow``; several joined by "then".
        note: why it was not decord, or what was skipped.
    """

    times_s: np.ndarray
    images: np.ndarray
    decoder: str
    note: str = ""


def file_url(path: Path) -> str:
    """Return a path as FFmpeg must be given it: it takes what precedes a colon in a bare path for a protocol."""
    return f"file:{path.absolute()}"


def open_container(path: Path) -> Any:
    """Open a file with PyAV, for reading. Neither its name nor its content makes FFmpeg use the network."""
    import av

    # Tags in odd encodings must not make a file unreadable; PyAV 19 always does that and dropped the option.
    lenient: dict[str, Any] = {} if int(av.__version__.partition(".")[0]) >= 19 else {"metadata_errors": "ignore"}
    # pattern_type: otherwise the demuxer of images reads seq%03d.png as a pattern, and opens the files beside it.
    return av.open(file_url(path), options={"protocol_whitelist": "file", "pattern_type": "none"}, **lenient)


def find_streams(container: Any) -> tuple[Any, Any]:
    """Return the first video and the first audio stream that can be decoded, each None where there is none.

    The cover of a song or a film is stored as a video stream of one picture, and is none.
    """
    from av.stream import Disposition

    videos = (s for s in container.streams.video if s.codec_context and s.codec_context.width)
    video = next((s for s in videos if not s.disposition & Disposition.attached_pic), None)
    audio = next((s for s in container.streams.audio if s.codec_context and s.codec_context.sample_rate), None)
    return video, audio


def error_reason(error: BaseException) -> str:
    """Return the last line of a library's error, which is where they name the cause."""
    text = (getattr(error, "strerror", None) or str(error) or type(error).__name__).strip()
    return text.splitlines()[-1][:120]


# --- images and video ---------------------------------------------------------------------------------------


def read_image(path: Path, plan: FramePlan) -> Frames:
    """Return a still image, upright, as one frame at 0 s.

    Raises:
        MediaError: the image cannot be decoded.
    """
    from PIL import Image

    try:
        with Image.open(path, formats=IMAGE_FORMATS) as image:
            upright = image.convert("RGB")
            turn = _UPRIGHT.get(exif_orientation(image))
            if turn is not None:
                upright = upright.transpose(Image.Transpose(turn))
    except Exception as error:  # Pillow's decoders raise whatever damaged data lead to
        raise MediaError(f"the image cannot be decoded ({error_reason(error)})", REMEDY, path) from error
    if upright.size != (plan.width, plan.height):
        upright = upright.resize((plan.width, plan.height))
    return Frames(np.zeros(1), np.asarray(upright)[None], "pillow")


def exif_orientation(image: Any) -> int:
    """Return the orientation that an open Pillow image states, 1 (upright) to 8; 1 where it states none that is."""
    try:
        stated = image.getexif().get(_EXIF_ORIENTATION, 1)
    except Exception:  # damaged EXIF data: the picture is still good
        return 1
    return stated if isinstance(stated, int) and 1 <= stated <= 8 else 1


def read_video(clip: MediaWindow, plan: FramePlan, batch_size: int, in_order: bool = False) -> Iterator[Frames]:
    """Yield frames by decord as long as it works; from the first batch that it cannot decode on, by PyAV.

    ``in_order`` uses PyAV from the start. For few frames decord is faster, as it seeks; but beside busy threads its own
    decoder falls behind, is sent ever more packets meanwhile, and then fills memory with frames that were not requested
    yet (10 GB for a quarter of an hour was seen).

    Raises:
        MediaError: no frame can be decoded.
    """
    # decord reads % as a pattern, see open_container.
    if in_order or "%" in str(clip.path.absolute()) or _is_mpeg_stream(clip.path):
        found = False
        for frames in _pyav_batches(clip, plan, batch_size, ""):
            found = True
            yield frames
        if not found:
            raise MediaError("no frame can be decoded", REMEDY, clip.path)
        return
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
        raise MediaError(f"no frame can be decoded ({note})", REMEDY, clip.path)


def _reopen(path: Path) -> Any:
    """Open the file of a clip again.

    Raises:
        MediaError: it cannot be read any more.
    """
    import av

    try:
        return open_container(path)
    except (av.error.FFmpegError, OSError) as error:
        raise MediaError(f"the file cannot be opened again ({error_reason(error)})", REMEDY, path) from error


def _is_mpeg_stream(path: Path) -> bool:
    """Return whether a file is an MPEG program or transport stream: decord seeks past its first group of pictures."""
    with _reopen(path) as container:
        return bool({"mpeg", "mpegts"} & set(container.format.name.split(",")))


class _DecordFailedError(Exception):
    pass


def _decord_batches(clip: MediaWindow, plan: FramePlan, batch_size: int) -> Iterator[tuple[int, Frames]]:
    """Yield batches, with how many of the planned times are done after each.

    Raises:
        _DecordFailedError: decord fails in any way.
    """
    decord = import_decord()
    try:
        # It rotates frames for display. One thread per core: its default uses more, and is a tenth slower.
        threads = min(os.cpu_count() or 1, 8)
        reader = decord.VideoReader(file_url(clip.path), width=plan.width, height=plan.height, num_threads=threads)
        shown_from_s = reader.get_frame_timestamp(list(range(len(reader))))[:, 0] - clip.origin_s
    except Exception as error:  # decord raises RuntimeError, DECORDError and IndexError for damaged files
        raise _DecordFailedError(error_reason(error)) from error
    if shown_from_s[0] < -_SAME_TIME_S or np.any(np.diff(shown_from_s) <= 0):
        # Frames that an edit list hides count in decord's index and not in its decoder, and packets without times get
        # none: either way it would return other frames than the requested ones.
        raise _DecordFailedError("its frame index does not fit this file")
    indices = _frames_shown_at(shown_from_s, plan.times_s + clip.start_s)
    firsts = np.flatnonzero(np.diff(indices, prepend=-1))  # a frame that is requested twice is yielded once
    for at in range(0, len(firsts), batch_size):
        chosen = indices[firsts[at : at + batch_size]]
        try:
            images = reader.get_batch(chosen.tolist()).asnumpy()
        except Exception as error:
            raise _DecordFailedError(error_reason(error)) from error
        done = firsts[at + batch_size] if at + batch_size < len(firsts) else len(indices)
        times_s = np.maximum(shown_from_s[chosen] - clip.start_s, 0.0)
        yield int(done), Frames(times_s, images, "decord")


def _frames_shown_at(shown_from_s: np.ndarray, times_s: np.ndarray) -> np.ndarray:
    """Return the index of the frame on screen at each time: the last that began by then (allowing for rounding)."""
    found = np.searchsorted(shown_from_s, times_s + _SAME_TIME_S, side="right") - 1
    return np.clip(found, 0, len(shown_from_s) - 1)


def _rotate(images: np.ndarray, rotation_deg: int) -> np.ndarray:
    if not rotation_deg:
        return images
    return np.ascontiguousarray(np.rot90(images, k=-rotation_deg // 90, axes=(1, 2)))


def _pyav_batches(clip: MediaWindow, plan: FramePlan, batch_size: int, note: str) -> Iterator[Frames]:
    width, height = (plan.height, plan.width) if clip.rotation_deg in (90, 270) else (plan.width, plan.height)
    times: list[float] = []
    images: list[np.ndarray] = []
    for frame, shown_from_s in _pyav_frames(clip, plan.times_s):
        times.append(max(shown_from_s, 0.0))
        images.append(frame.to_ndarray(format="rgb24", width=width, height=height))
        if len(times) == batch_size:
            yield Frames(np.array(times), _rotate(np.stack(images), clip.rotation_deg), "pyav", note)
            times, images = [], []
    if times:
        yield Frames(np.array(times), _rotate(np.stack(images), clip.rotation_deg), "pyav", note)


def _pyav_frames(clip: MediaWindow, times_s: np.ndarray) -> Iterator[tuple[Any, float]]:
    """Yield the frames shown at ``times_s``, in one pass over the window; damaged packets are skipped."""
    wanted = list(times_s)
    shown: tuple[Any, float] | None = None
    with _reopen(clip.path) as container:
        stream, _ = find_streams(container)
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


def _seek(container: Any, clip: MediaWindow) -> None:
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


def prefetch(batches: Iterator[Frames]) -> Iterator[Frames]:
    """Yield batches, decoding the next one while the caller works on this one."""
    with ThreadPoolExecutor(1, thread_name_prefix="decode") as pool:
        upcoming = pool.submit(next, batches, None)
        while (batch := upcoming.result()) is not None:
            upcoming = pool.submit(next, batches, None)
            yield batch


def concatenate(batches: list[Frames]) -> Frames:
    """Return batches as one."""
    notes = "; ".join(sorted({b.note for b in batches if b.note}))
    decoders = " then ".join(dict.fromkeys(b.decoder for b in batches))
    return Frames(
        np.concatenate([b.times_s for b in batches]), np.concatenate([b.images for b in batches]), decoders, notes
    )


# --- audio --------------------------------------------------------------------------------------------------


def read_audio(clip: MediaWindow) -> np.ndarray:
    """Return the audio of a clip's window: (N,) float32 mono at 16 kHz."""
    length = round(clip.duration_s * SAMPLE_RATE_HZ)
    pieces: list[np.ndarray] = []
    filled = 0
    for begin, samples in _resampled_audio(clip):
        # A track that starts late, or lost packets, leave a gap: silence keeps audio and video in sync.
        if filled and abs(begin - filled) < SAMPLE_RATE_HZ // 20:
            begin = filled
        samples = samples[max(0, filled - begin) :]
        begin = min(max(begin, filled), length)
        pieces += [np.zeros(begin - filled, np.float32), samples]
        filled = begin + len(samples)
        if filled >= length:
            break
    audio = np.concatenate(pieces) if pieces else np.zeros(0, np.float32)
    return np.nan_to_num(audio[:length]).astype(np.float32, copy=False)


def _resampled_audio(clip: MediaWindow) -> Iterator[tuple[int, np.ndarray]]:
    """Yield pieces of audio with the index of their first sample, counted from the window's start."""
    import av

    with _reopen(clip.path) as container:
        _, stream = find_streams(container)
        _seek(container, clip)
        next_s = 0.0  # for formats without timestamps
        for alike in _alike(_decode(container, stream)):
            resampler = av.AudioResampler(format="flt", layout="mono", rate=SAMPLE_RATE_HZ)
            for out in _resample(resampler, alike):
                time_s = next_s if out.time is None else out.time - clip.origin_s - clip.start_s
                next_s = time_s + out.samples / SAMPLE_RATE_HZ
                yield round(time_s * SAMPLE_RATE_HZ), out.to_ndarray()[0]


def _resample(resampler: Any, frames: Iterator[Any]) -> Iterator[Any]:
    """Yield what a resampler makes of frames; those that it cannot take (damaged ones) are skipped."""
    import av

    for frame in itertools.chain(frames, [None]):
        try:
            yield from resampler.resample(frame)
        except av.error.FFmpegError:
            continue


def _alike(frames: Iterator[Any]) -> Iterator[Iterator[Any]]:
    """Yield runs of audio frames of one format, layout and rate; joined files and broadcasts change them midway."""
    for _, run in itertools.groupby(frames, key=lambda f: (f.format.name, f.layout.name, f.sample_rate)):
        yield run
