"""Clips whose files are decoded in processes of their own, which are killed when they take too long or too much memory.

Decoders are large programs in C: a crafted file may crash one, make it hang, or take it over. Such a process has none
of the caller's environment variables but those that programs need to start, and answers with arrays (``worker``).
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import queue
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from os import PathLike
from pathlib import Path
from typing import Any, get_args

import numpy as np

from omnisense.errors import MediaError
from omnisense.perception.media.clip import Clip, ClipSource, check_file
from omnisense.perception.media.decode import REMEDY, Frames
from omnisense.perception.media.limits import MediaLimits
from omnisense.perception.media.sampling import FramePlan
from omnisense.perception.media.temporary import temporary_media
from omnisense.perception.media.worker import HEADER, clip_fields
from omnisense.perception.types import MediaKind
from omnisense.text import parse_json

_MODULE = "omnisense.perception.media.worker"
_TYPES = ("uint8", "float32", "float64")
_MAX_HEADER = 1 << 16
# What follows from an answer that our own program would not write: a crafted file may have taken it over.
_NO_ANSWER = (ValueError, KeyError, TypeError, AttributeError, IndexError)
_WATCH_S = 0.05
# What an interpreter and its libraries need to start; keys and tokens of the caller stay with it.
_ENVIRONMENT = ("PATH", "PYTHONPATH", "PYTHONHOME", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "LANG", "LC_ALL", "TMPDIR")
_ENVIRONMENT_WINDOWS = ("SYSTEMROOT", "TEMP", "TMP")
Message = tuple[dict[str, Any], list[np.ndarray]]


class _Worker:
    """One process. It serves one request at a time."""

    def __init__(self, limits: MediaLimits) -> None:
        names = (*_ENVIRONMENT, *_ENVIRONMENT_WINDOWS)
        environment = {name: os.environ[name] for name in names if name in os.environ}
        self._process = subprocess.Popen(
            [sys.executable, "-m", _MODULE],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
        )
        self._limits = limits
        self._killed_for = ""
        self._waited_s, self._waiting_since, self._allowed_s = 0.0, math.inf, math.inf
        threading.Thread(target=self._watch, name="watch-decoder", daemon=True).start()

    def ask(self, request: dict[str, Any], allowed_s: float) -> Iterator[Message]:
        """Send a request and yield its answers.

        Raises:
            MediaError: the file cannot be decoded, or not within the limits.
        """
        assert self._process.stdin is not None
        self._waited_s, self._allowed_s = 0.0, allowed_s
        path = request["path"]
        try:
            self._process.stdin.write(json.dumps(request).encode() + b"\n")
            self._process.stdin.flush()
        except OSError as error:
            raise self._died(path) from error
        while True:
            self._waiting_since = time.monotonic()
            values, arrays = self._receive(path)
            self._waited_s += time.monotonic() - self._waiting_since
            self._waiting_since = math.inf
            if "error" in values:
                try:
                    problem, remedy = values["error"]
                except _NO_ANSWER as error:
                    raise self._died(path) from error
                raise MediaError(str(problem), str(remedy), path)
            if "end" in values:
                return
            yield values, arrays

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe:
                with contextlib.suppress(OSError):
                    pipe.close()

    def _receive(self, path: str) -> Message:
        header = self._read(HEADER.size, path)
        length = HEADER.unpack(header)[0]
        if length > _MAX_HEADER:
            raise self._died(path)
        try:
            values: dict[str, Any] = parse_json(self._read(length, path))
            forms = [_form_of(array) for array in values["arrays"]]
        except _NO_ANSWER as error:
            raise self._died(path) from error
        arrays = []
        for dtype, shape in forms:
            count = math.prod(shape)
            if count > self._limits.memory_mb * 1e6:
                raise self._died(path)
            data = self._read(count * dtype.itemsize, path)
            arrays.append(np.frombuffer(bytearray(data), dtype).reshape(shape))
        return values, arrays

    def _read(self, size: int, path: str) -> bytes:
        assert self._process.stdout is not None
        data = self._process.stdout.read(size) if size else b""
        if len(data) != size:
            raise self._died(path)
        return data

    def _died(self, path: str) -> MediaError:
        self._process.kill()
        code = self._process.wait()
        return MediaError(self._killed_for or f"the decoder crashed on it (exit status {code})", REMEDY, path)

    def _watch(self) -> None:
        """Kill the process when it takes too much memory, or the caller has waited for too long."""
        import psutil

        while self._process.poll() is None:
            waited_s = self._waited_s + max(0.0, time.monotonic() - self._waiting_since)
            try:
                used_mb = psutil.Process(self._process.pid).memory_info().rss / 1e6
            except psutil.NoSuchProcess:
                return
            if waited_s > self._allowed_s:
                self._killed_for = f"decoding it took longer than {self._allowed_s:.0f} s"
            elif used_mb > self._limits.memory_mb:
                self._killed_for = f"decoding it took more than {self._limits.memory_mb:.0f} MB of memory"
            if self._killed_for:
                self._process.kill()
                return
            time.sleep(_WATCH_S)


def _form_of(array: dict[str, Any]) -> tuple[np.dtype[Any], tuple[int, ...]]:
    """Return the type and shape of an array that an answer announces; raises one of _NO_ANSWER where it has none."""
    if array["dtype"] not in _TYPES or not all(type(side) is int and side >= 0 for side in array["shape"]):
        raise ValueError("no array")
    return np.dtype(array["dtype"]), tuple(array["shape"])


def _unreadable(path: Path) -> MediaError:
    return MediaError("the decoder crashed on it (its answer cannot be read)", REMEDY, path)


class DecodeWorkers:
    """The processes that decode one clip: as many as are used at once, and ended with the clip.

    Args:
        limits: of time and memory.
    """

    def __init__(self, limits: MediaLimits) -> None:
        self.limits = limits
        self._idle: queue.SimpleQueue[_Worker] = queue.SimpleQueue()
        self._end = weakref.finalize(self, _end_all, self._idle)

    def ask(self, do: str, path: Path, duration_s: float = 0.0, **request: Any) -> Iterator[Message]:
        """Send a request to a process and yield its answers.

        Args:
            do: what is to be done: ``open``, ``audio`` or ``frames``.
            path: the file.
            duration_s: of what is decoded.
            request: further values.

        Raises:
            MediaError: the file cannot be decoded, or not within the limits.
        """
        try:
            worker = self._idle.get_nowait()
        except queue.Empty:
            worker = _Worker(self.limits)
        finished = False
        try:
            yield from worker.ask({"do": do, "path": str(path), **request}, self.limits.decode_s + duration_s)
            finished = True
        finally:
            if finished:
                self._idle.put(worker)
            else:  # it failed, or is in the middle of an answer that nobody wants
                worker.close()

    def __reduce__(self) -> tuple[type[DecodeWorkers], tuple[MediaLimits]]:
        return DecodeWorkers, (self.limits,)


def _end_all(idle: queue.SimpleQueue[_Worker]) -> None:
    while not idle.empty():
        idle.get_nowait().close()


@dataclass(frozen=True, kw_only=True)
class IsolatedClip(Clip):
    """A clip that is decoded in processes of its own; see :func:`open_isolated`."""

    _workers: DecodeWorkers = field(repr=False, compare=False)

    def read_frames(self, plan: FramePlan, batch_size: int, in_order: bool = False) -> Iterator[Frames]:
        """See :class:`Clip`."""
        asked = {"times_s": plan.times_s.tolist(), "width": plan.width, "height": plan.height}
        asked |= {"batch_size": batch_size, "in_order": in_order, "clip": clip_fields(self)}
        for values, arrays in self._workers.ask("frames", self.path, self.duration_s, **asked):
            try:
                times_s, images = arrays
                frames = Frames(times_s, images, str(values["decoder"]), str(values["note"]))
                if images.ndim != 4 or images.dtype != np.uint8 or times_s.shape != images.shape[:1]:
                    raise ValueError("no frames")
            except _NO_ANSWER as error:
                raise _unreadable(self.path) from error
            yield frames

    def read_audio(self) -> np.ndarray:
        """See :class:`Clip`."""
        try:
            [(_, [samples])] = self._workers.ask("audio", self.path, self.duration_s, clip=clip_fields(self))
            if samples.ndim != 1 or samples.dtype != np.float32:
                raise ValueError("no samples")
        except _NO_ANSWER as error:
            raise _unreadable(self.path) from error
        return samples


def open_isolated(source: ClipSource | Clip, limits: MediaLimits | None = None) -> IsolatedClip:
    """Open a clip so that its file is read and decoded in other processes only.

    Args:
        source: as for :func:`open_clip`; or a clip that is open already, whose window is kept.
        limits: of what the file may ask for.

    Raises:
        MediaError: it cannot be opened, or not within the limits.
        InputError: the source is of another type.
    """
    limits = limits or MediaLimits()
    if isinstance(source, IsolatedClip):
        return source
    workers = DecodeWorkers(limits)
    if isinstance(source, Clip):
        return IsolatedClip(path=source.path, **clip_fields(source), _temporary=source._temporary, _workers=workers)
    if not isinstance(source, str | PathLike):
        kept = temporary_media(source)
        return replace(open_isolated(kept.path, limits), _temporary=kept)
    path = Path(source).expanduser()
    check_file(path)
    try:
        [(values, _)] = workers.ask("open", path, limits=asdict(limits))
        clip = IsolatedClip(path=path, **values["clip"], _workers=workers)
        numbers = (clip.duration_s, clip.start_s, clip.origin_s, clip.frame_rate, clip.width, clip.height)
        if not all(math.isfinite(number) for number in numbers) or clip.kind not in get_args(MediaKind):
            raise ValueError("no clip")
    except _NO_ANSWER as error:
        raise _unreadable(path) from error
    if clip.has_video:
        limits.check_picture(clip.width, clip.height, path)
    return clip
