"""Composed clips of talking heads with known ground truth: who is shown, whose mouth moves, and who is heard."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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
ELSEWHERE = "elsewhere"  # who is heard when it is nobody in the picture
KINDS = {
    "one at a time": "two heads; the one that is not heard is still",
    "moving": "two heads that both talk, one is heard",
    "silent": "two heads that both talk, neither is heard",
    "elsewhere": "two heads that are still, a third person is heard",
    "three": "three heads that all talk, each is heard in turn",
    "dubbed": "one head that talks, another person is heard",
    "both dubbed": "two heads that both talk, a third person is heard",
    "third voice": "two heads that both talk; one is heard, then a third person, then the other",
    "half out": "two heads that both talk, half of the left one is outside the picture",
    "cut": "one head that is heard, then a cut to another that is heard",
}


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
class Stretch:
    """A part of a composed clip.

    Attributes:
        shown: the heads, from left to right.
        heard: whose voice is heard; None for silence.
        still: names of the heads that do not move.
    """

    shown: tuple[Head, ...]
    heard: Head | None
    still: frozenset[str] = frozenset()

    @property
    def frames(self) -> int:
        """Its length in frames: that of the shortest head in it."""
        return min(len(head.frames) for head in (*self.shown, *([self.heard] if self.heard else [])))


@dataclass(frozen=True)
class ComposedClip:
    """A clip and its ground truth.

    Attributes:
        truth: who is heard when: the name of a head, or ``elsewhere``.
        shown: start and end of each stretch, and the heads in it from left to right: their names and where across the
            picture (0 to 1) their part of it ends.
    """

    path: Path
    kind: str
    truth: tuple[tuple[Span, str], ...]
    shown: tuple[tuple[Span, tuple[tuple[str, float], ...]], ...] = ()

    def head_at(self, time_s: float, x: float) -> str:
        """Return the name of the head at a time and a place across the picture, 0 to 1."""
        heads = next((heads for span, heads in self.shown if time_s < span.end_s), self.shown[-1][1])
        return next((name for name, edge in heads if x < edge), heads[-1][0])


@dataclass(frozen=True)
class ClipPlan:
    """A clip that is still to be written.

    Attributes:
        name: of the file, without its ending; it names the people.
        kind: of ``KINDS``.
        stretches: its parts.
    """

    name: str
    kind: str
    stretches: tuple[Stretch, ...]

    def write(self, folder: Path) -> ComposedClip:
        """Write the clip."""
        return _write(folder / f"{self.name}.mp4", self.kind, self.stretches)


def plan_clips(heads: Sequence[Head], kinds: Sequence[str] = tuple(KINDS)) -> Iterator[ClipPlan]:
    """Yield clips of each head with those that follow it: every kind, in both orders where that matters.

    Args:
        heads: three or more people.
        kinds: of ``KINDS``.
    """
    for i, left in enumerate(heads):
        right, third = heads[(i + 1) % len(heads)], heads[(i + 2) % len(heads)]
        for kind in kinds:
            for order, stretches in enumerate(_stretches(kind, left, right, third)):
                yield ClipPlan(f"{left.name}-{order}-{kind.replace(' ', '_')}", kind, tuple(stretches))


def _stretches(kind: str, left: Head, right: Head, third: Head) -> list[list[Stretch]]:
    """Return the stretches of each clip of a kind."""
    pair = (left, right)
    orders = (pair, (right, left))
    if kind == "one at a time":
        return [
            [Stretch(pair, heard, frozenset(h.name for h in pair if h is not heard)) for heard in o] for o in orders
        ]
    if kind in ("moving", "half out"):
        return [[Stretch(pair, heard) for heard in order] for order in orders]
    if kind == "elsewhere":
        return [[Stretch(pair, third, frozenset(h.name for h in pair))] * 2]
    if kind == "dubbed":  # two voices: some sentences fit other lips by chance
        return [[Stretch((left,), right)], [Stretch((left,), third)]]
    one_clip = {
        "silent": [Stretch(pair, None)] * 2,
        "three": [Stretch((*pair, third), heard) for heard in (left, right, third)],
        "both dubbed": [Stretch(pair, third)],
        "third voice": [Stretch(pair, heard) for heard in (left, third, right)],
        "cut": [Stretch((left,), left), Stretch((right,), right)],
    }
    return [one_clip[kind]]


def _write(path: Path, kind: str, stretches: Sequence[Stretch]) -> ComposedClip:
    frames, audio, truth, shown, start_s = [], [], [], [], 0.0
    for stretch in stretches:
        length = stretch.frames
        images = np.concatenate([_frames_of(head, stretch, length) for head in stretch.shown], axis=2)
        hidden = images.shape[2] // len(stretch.shown) // 4 * 2 if kind == "half out" else 0  # up to about the nose
        images = images[:, :, hidden:]
        frames.append(images)
        size = length * SAMPLE_RATE_HZ // FPS
        audio.append(stretch.heard.samples[:size] if stretch.heard else np.zeros(size, np.float32))
        end_s = start_s + length / FPS
        if stretch.heard:
            who = stretch.heard.name if stretch.heard in stretch.shown else ELSEWHERE
            truth += [(Span(s.start_s + start_s, min(s.end_s + start_s, end_s)), who) for s in stretch.heard.speech]
        edges = np.cumsum([head.frames.shape[2] for head in stretch.shown]) - hidden
        names = [head.name for head in stretch.shown]
        shown.append((Span(start_s, end_s), tuple(zip(names, (edges / edges[-1]).tolist(), strict=True))))
        start_s = end_s
    options = {"preset": "veryfast", "crf": "18"}
    write_clip(path, np.concatenate(frames), np.concatenate(audio), FPS, video_options=options)
    return ComposedClip(path, kind, tuple(truth), tuple(shown))


def _frames_of(head: Head, stretch: Stretch, length: int) -> np.ndarray:
    return np.repeat(head.frames[-1:], length, axis=0) if head.name in stretch.still else head.frames[:length]
