"""Clips with two faces whose truth is known: two talking heads side by side, one voice at a time."""

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
# one at a time: whoever is not heard stands still; moving: both talk on, one is heard; silent: both talk, neither is
# heard; elsewhere: both stand still while a third voice speaks.
KINDS = ("one at a time", "moving", "silent", "elsewhere")


@dataclass(frozen=True)
class Head:
    """A talking head: frames (T, H, W, 3) at 25 a second, their sound at 16 kHz, and where it speaks."""

    name: str
    frames: np.ndarray
    sound: np.ndarray
    speech: tuple[Span, ...]

    @classmethod
    def read(cls, path: Path) -> Head:
        """From a clip of one person."""
        clip = open_clip(path)
        frames = clip.frames(Sampling(fps=FPS, max_pixels=None)).images
        sound: np.ndarray = np.resize(np.pad(clip.audio(), (0, SAMPLE_RATE_HZ)), len(frames) * SAMPLE_RATE_HZ // FPS)
        return cls(path.stem, frames, sound, tuple(voice_activity(sound)))


@dataclass(frozen=True)
class Composed:
    """A written clip and its truth: who is heard when (``left``, ``right`` or ``elsewhere``)."""

    path: Path
    kind: str
    truth: tuple[tuple[Span, str], ...]


def two_faces(heads: list[Head], folder: Path) -> Iterator[Composed]:
    """Each head beside the next, every kind, both orders."""
    for i, left in enumerate(heads):
        right, third = heads[(i + 1) % len(heads)], heads[(i + 2) % len(heads)]
        for first in ("left", "right"):
            for kind in ("one at a time", "moving"):
                yield _written(folder / f"{i}-{first}-{kind.replace(' ', '_')}.mp4", kind, left, right, first)
        yield _written(folder / f"{i}-silent.mp4", "silent", left, right, "left")
        yield _written(folder / f"{i}-elsewhere.mp4", "elsewhere", left, right, "left", third)


def _written(path: Path, kind: str, left: Head, right: Head, first: str, third: Head | None = None) -> Composed:
    sides = {"left": left, "right": right}
    order = [first, "right" if first == "left" else "left"]
    pictures, sound, truth, began_s = [], [], [], 0.0
    for side in order:
        heard = third or sides[side]
        length = min(len(h.frames) for h in (left, right, heard))
        shown = [_shown(head, kind, side == name, length) for name, head in sides.items()]
        pictures.append(np.concatenate(shown, axis=2))
        samples = heard.sound[: length * SAMPLE_RATE_HZ // FPS]
        sound.append(np.zeros_like(samples) if kind == "silent" else samples)
        if kind != "silent":
            who = "elsewhere" if third else side
            truth += [(Span(s.start_s + began_s, s.end_s + began_s), who) for s in heard.speech]
        began_s += length / FPS
    frames = np.concatenate(pictures)
    write_clip(path, frames, np.concatenate(sound), FPS, video_options={"preset": "veryfast", "crf": "18"})
    return Composed(path, kind, tuple(truth))


def _shown(head: Head, kind: str, is_heard: bool, length: int) -> np.ndarray:
    moves = kind in ("moving", "silent") or (kind == "one at a time" and is_heard)
    return head.frames[:length] if moves else np.repeat(head.frames[-1:], length, axis=0)
