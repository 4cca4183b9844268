"""Frame sampling: which frames of a clip are used, and at what size."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

import numpy as np

from omnisense.errors import InputError
from omnisense.perception.media.moments import moment_times
from omnisense.perception.types import Streams

SamplingRule = Literal["rate", "count", "humansense", "times"]
RULES: tuple[SamplingRule, ...] = get_args(SamplingRule)


class FramePlan(NamedTuple):
    """Frame times in seconds (T,), increasing, and the size in pixels to which frames are scaled."""

    times_s: np.ndarray
    width: int
    height: int


@dataclass(frozen=True)
class Sampling:
    """Which frames of a clip are used, and at what size.

    Attributes:
        rule: ``rate`` takes ``fps`` frames a second from 0 s on; ``count`` spreads ``count`` frames evenly, each
            in the middle of its share of the clip; ``humansense`` is the rate of the HumanSense paper's runs:
            1 frame a second, fewer for files of more than 300 frames, never more than about 24 in all; ``times``
            takes the frames shown at ``times_s``.
        fps: frames per second for ``rate``.
        count: number of frames for ``count``.
        times_s: increasing times in seconds from the clip's start, for ``times``.
        max_frames: upper bound on the number of frames; more are subsampled evenly.
        max_pixels: upper bound on width times height of one frame. Frames are never scaled up.
        max_total_pixels: upper bound on the pixels of all frames together; frames are scaled down to meet it.

    Raises:
        InputError: an unknown rule, a value that is not positive, or times that are missing, negative or not in order.
    """

    rule: SamplingRule = "rate"
    fps: float = 2.0
    count: int = 24
    times_s: tuple[float, ...] = ()
    max_frames: int | None = None
    max_pixels: int | None = 640 * 360
    max_total_pixels: int | None = None

    def __post_init__(self) -> None:
        if self.rule not in RULES:
            raise InputError(f"unknown sampling rule '{self.rule}'", f"Choose from {', '.join(RULES)}.")
        if not (math.isfinite(self.fps) and self.fps > 0):
            raise InputError(f"fps is {self.fps}", "Give a positive number of frames per second.")
        object.__setattr__(self, "times_s", tuple(float(time) for time in self.times_s))
        if (self.rule == "times") != bool(self.times_s):
            raise InputError(
                f"rule '{self.rule}' with {len(self.times_s)} times", "Give times_s with rule 'times' only."
            )
        if not np.all(np.diff(self.times_s, prepend=-1e-9) > 0) or not np.all(np.isfinite(self.times_s)):
            raise InputError("times_s are not increasing times from 0 s on", "Sort them and drop doubles.")
        for name in ("count", "max_frames", "max_pixels", "max_total_pixels"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise InputError(f"{name} is {value}", "Give at least 1.")

    @classmethod
    def humansense(cls) -> Sampling:
        """Return the frame rule and pixel limit of the HumanSense paper (section on evaluation; 360 x 420 pixels)."""
        return cls(rule="humansense", max_pixels=360 * 420)

    @classmethod
    def moments(
        cls,
        streams: Streams,
        count: int = 24,
        max_pixels: int | None = 640 * 360,
        max_total_pixels: int | None = None,
    ) -> Sampling:
        """Return a sampling of the frames in which something happens, and of the stretches between them.

        Expression changes, gestures, speaker changes, shot cuts, faces that enter or leave, and events of your own
        extractors each get a frame, the most important first; at least a quarter of the frames cover the clip evenly
        (see :func:`omnisense.perception.media.moments.moment_times`).

        Args:
            streams: percepts of the clip; times are from its start.
            count: number of frames.
            max_pixels: upper bound on width times height of one frame.
            max_total_pixels: upper bound on the pixels of all frames together.

        Raises:
            InputError: a number that is not positive.
        """
        if count < 1:
            raise InputError(f"count is {count}", "Give at least 1.")
        times_s = moment_times(streams, count)
        return cls(rule="times", times_s=times_s, max_pixels=max_pixels, max_total_pixels=max_total_pixels)

    def plan(self, duration_s: float, frame_rate: float, frame_count: int, width: int, height: int) -> FramePlan:
        """Return times and size of the frames for a video.

        Args:
            duration_s: length in seconds.
            frame_rate: frames per second.
            frame_count: of the video.
            width: in pixels.
            height: in pixels.
        """
        times_s = self._times(duration_s, frame_rate, frame_count)
        if self.max_frames is not None and len(times_s) > self.max_frames:
            keep = np.linspace(0, len(times_s) - 1, self.max_frames).round().astype(int)
            times_s = times_s[keep]
        return FramePlan(times_s, *self._size(width, height, len(times_s)))

    def _times(self, duration_s: float, frame_rate: float, frame_count: int) -> np.ndarray:
        if duration_s <= 0:
            return np.zeros(1)
        if self.rule == "times":
            return np.minimum(self.times_s, duration_s)
        if self.rule == "count":
            return (np.arange(self.count) + 0.5) * duration_s / self.count
        rate = self.fps
        if self.rule == "humansense":
            rate = 0.2 if frame_count >= 600 else 0.5 if frame_count > 300 else 1.0
            nominal_s = frame_count / max(int(frame_rate), 1)  # the paper divides by the whole part of the rate
            if nominal_s * rate > 24:
                rate = 24 / nominal_s
        return np.arange(max(1, math.ceil(duration_s * rate - 1e-6))) / rate

    def _size(self, width: int, height: int, frames: int) -> tuple[int, int]:
        caps = [self.max_pixels, self.max_total_pixels and self.max_total_pixels // max(frames, 1)]
        cap = min((c for c in caps if c is not None), default=width * height)
        if width * height <= cap:
            return width, height
        scale = math.sqrt(cap / (width * height))
        # Even sizes: chroma planes are halved, and odd widths leave a green edge in some decoders.
        return max(2, int(width * scale) // 2 * 2), max(2, int(height * scale) // 2 * 2)
