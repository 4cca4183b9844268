"""Decoded media of prompts: the prompts of a turn show the same clip, which is decoded once."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

import numpy as np

from omnisense.perception.media.clip import Clip, Frames
from omnisense.perception.media.sampling import Sampling

MAX_BYTES = 256 * 1024 * 1024
_T = TypeVar("_T")


class _RecentlyUsed(Generic[_T]):
    """Values by key; those that were used longest ago are dropped beyond a number of bytes."""

    def __init__(self, max_bytes: int, size_of: Callable[[_T], int]) -> None:
        self._max_bytes, self._size_of = max_bytes, size_of
        self._values: OrderedDict[Hashable, _T] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def get(self, key: Hashable, make: Callable[[], _T]) -> _T:
        """Return the value of a key; make it where it is not held."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
                return self._values[key]
        value = make()  # without the lock: others need not wait for this one's decoder
        with self._lock:
            if key not in self._values:
                self._values[key] = value
                self._bytes += self._size_of(value)
            while self._bytes > self._max_bytes and self._values:
                self._bytes -= self._size_of(self._values.popitem(last=False)[1])
        return value


_frames: _RecentlyUsed[Frames] = _RecentlyUsed(MAX_BYTES * 3 // 4, lambda frames: frames.images.nbytes)
_sound: _RecentlyUsed[np.ndarray] = _RecentlyUsed(MAX_BYTES // 4, lambda samples: samples.nbytes)


def frames_of(clip: Clip, sampling: Sampling | None) -> Frames:
    """Return what ``clip.frames(sampling)`` does; the arrays are shared and must not be changed.

    Raises:
        MediaError: as :meth:`omnisense.Clip.frames` does.
    """
    return _frames.get((*_key(clip), sampling), lambda: clip.frames(sampling))


def audio_of(clip: Clip) -> np.ndarray:
    """Return what ``clip.audio()`` does; the array is shared and must not be changed.

    Raises:
        MediaError: as :meth:`omnisense.Clip.audio` does.
    """
    return _sound.get(_key(clip), clip.audio)


def _key(clip: Clip) -> tuple[Hashable, ...]:
    file = clip.path.stat()  # another file may be written to the same path
    return str(clip.path.absolute()), file.st_mtime_ns, file.st_size, clip.start_s, clip.duration_s
