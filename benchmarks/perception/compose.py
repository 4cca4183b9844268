"""Composed clips of two faces with known ground truth: two talking heads side by side, one speaker at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from omnisense.perception.audio.chunks import voice_activity
from omnisense.perception.media.clip import open_clip
from omnisense.perception.media.decode import SAMPLE_RATE_HZ
from omnisense.perception.media.encode import write_clip
from omnisense.perception.media.sampling import Sampling
from omnisense.perception.types import Span

FPS = 25
# one at a time: the head that is not heard is still; moving: both talk, one is heard; silent: both talk, neither is
# heard; elsewhere: both are still while a third person speaks.
KINDS = ("one at a time", "moving", "silent", "elsewhere")


@dataclass(frozen=True)
class Head:
    """A talking head: frames (T, H, W, 3) at 25 a second, samples (N,) at 16 kHz, and voice activity."""

    name: str
    frames: np.ndarray
    samples: np.ndarray
    speech: tuple[Span, ...]

    @classmethod
    def read(cls, path: Path) -> Head:
        """Read a clip of one person."""
        clip = open_clip(path)
        frames = clip.frames(Sampling(fps=FPS, max_pixels=None)).images
        samples: np.ndarray = np.resize(np.pad(clip.audio(), (0, SAMPLE_RATE_HZ)), len(frames) * SAMPLE_RATE_HZ // FPS)
        return cls(path.stem, frames, samples, tuple(voice_activity(samples)))


@dataclass(frozen=True)
class ComposedClip:
    """A clip and its ground truth: who is heard when (``left``, ``right`` or ``elsewhere``)."""

    path: Path
    kind: str
    truth: tuple[tuple[Span, str], ...]


def compose_clips(heads: list[Head], folder: Path) -> Iterator[ComposedClip]:
    """Write clips of each head beside the next: every kind, and both orders where that matters."""
    for i, left in enumerate(heads):
        right, third = heads[(i + 1) % len(heads)], heads[(i + 2) % len(heads)]
        for first in ("left", "right"):
            for kind in ("one at a time", "moving"):
                yield _write(folder / f"{i}-{first}-{kind.replace(' ', '_')}.mp4", kind, left, right, first)
        yield _write(folder / f"{i}-silent.mp4", "silent", left, right, "left")
        yield _write(folder / f"{i}-elsewhere.mp4", "elsewhere", left, right, "left", third)


def _write(path: Path, kind: str, left: Head, right: Head, first: str, third: Head | None = None) -> ComposedClip:
    sides = {"left": left, "right": right}
    order = [first, "right" if first == "left" else "left"]
    frames, audio, truth, start_s = [], [], [], 0.0
    for side in order:
        heard = third or sides[side]
        length = min(len(h.frames) for h in (left, right, heard))
        shown = [_frames_of(head, kind, side == name, length) for name, head in sides.items()]
        frames.append(np.concatenate(shown, axis=2))
        samples = heard.samples[: length * SAMPLE_RATE_HZ // FPS]
        audio.append(np.zeros_like(samples) if kind == "silent" else samples)
        if kind != "silent":
            who = "elsewhere" if third else side
            truth += [(Span(s.start_s + start_s, s.end_s + start_s), who) for s in heard.speech]
        start_s += length / FPS
    write_clip(
        path, np.concatenate(frames), np.concatenate(audio), FPS, video_options={"preset": "veryfast", "crf": "18"}
    )
    return ComposedClip(path, kind, tuple(truth))


def _frames_of(head: Head, kind: str, is_heard: bool, length: int) -> np.ndarray:
    moves = kind in ("moving", "silent") or (kind == "one at a time" and is_heard)
    return head.frames[:length] if moves else np.repeat(head.frames[-1:], length, axis=0)
