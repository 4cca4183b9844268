"""Long clips with known events, composed from short real ones: shots that are mostly still, and now and then something.

Each clip is a row of shots: a street, a picture without people, a still face, two heads side by side that speak in
turn, a head that comes into the picture, a face that changes its expression, a voice that speaks off screen.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np

from omnisense.perception.audio.chunks import voice_activity
from omnisense.perception.media.clip import open_clip
from omnisense.perception.media.decode import SAMPLE_RATE_HZ
from omnisense.perception.media.encode import write_clip
from omnisense.perception.media.sampling import Sampling

EventKind = Literal["cut", "face enters", "face leaves", "expression", "speaker"]
FPS, WIDTH, HEIGHT = 10, 320, 240
# Of ten minutes. The order is that in which they are drawn: another one gives other clips.
SHOTS = ("street", "pair", "crying", "still", "enters", "street", "pair", "smile", "picture", "appears", "still")
_PER_FRAME = SAMPLE_RATE_HZ // FPS
# Read off the clips frame by frame: when the woman's crying turns into a smile, and when the man begins to smile.
_PEXELS_SMILE_S, _SINGLE_SMILE_S = 10.0, 0.65
_SLIDE_S = 0.6  # how long a head takes to come into the picture


@dataclass(frozen=True)
class PlantedEvent:
    """Something that happens at ``onset_s``."""

    kind: EventKind
    onset_s: float


@dataclass
class Shot:
    """Frames of (H, W, 3) uint8 at 10 a second, samples (N,) of their length, and events from the shot's start."""

    frames: list[np.ndarray]
    events: list[PlantedEvent] = field(default_factory=list)
    samples: np.ndarray = field(default_factory=lambda: np.zeros(0, np.float32))

    def __post_init__(self) -> None:
        padded = np.zeros(len(self.frames) * _PER_FRAME, np.float32)
        padded[: len(self.samples)] = self.samples[: len(padded)]
        self.samples = padded

    def say(self, voice: np.ndarray, start_s: float) -> None:
        """Add a voice, and the event that it begins where it is first active."""
        first = int(start_s * SAMPLE_RATE_HZ)
        voice = voice[: len(self.samples) - first]
        self.samples[first : first + len(voice)] += voice
        self.events.append(PlantedEvent("speaker", round(start_s + voice_activity(voice)[0].start_s, 2)))


class ClipComposer:
    """Composes long clips.

    Args:
        data: contains ``faces/``, ``grid/``, ``pedestrians/`` and ``speech/emodb/``.
        seed: of the order and length of the shots.
        heads: which of the people of GRID appear, by their place in the folder.
        speaker: of EmoDB, who speaks off screen.
    """

    def __init__(self, data: Path, seed: int, heads: tuple[int, ...], speaker: str) -> None:
        self._data, self._random, self._heads = data, random.Random(seed), heads
        self._grid = sorted((data / "grid").glob("*.mpg"))
        self._voices = sorted((data / "speech" / "emodb").rglob(f"{speaker}*.flac"))

    def compose(self, path: Path, minutes: float, shots: Sequence[str] = SHOTS) -> tuple[PlantedEvent, ...]:
        """Write a clip.

        Args:
            path: of the file.
            minutes: its length, about; shots are held to reach it.
            shots: by name; they are shuffled.

        Returns:
            Its events in order of time.
        """
        kinds: dict[str, Callable[[], Shot]] = {
            "street": self._street,
            "pair": self._pair,
            "crying": self._crying,
            "still": self._still,
            "enters": self._enters,
            "smile": self._smile,
            "picture": self._picture,
            "appears": self._appears,
        }
        makers = [kinds[name] for name in shots]
        self._random.shuffle(makers)
        share_s = minutes * 60 / len(makers)
        made = [self._filled(maker(), share_s * self._random.uniform(0.7, 1.3)) for maker in makers]
        events, start_s = [], 0.0
        for shot in made:
            if start_s:
                events.append(PlantedEvent("cut", round(start_s, 2)))
            events += [PlantedEvent(e.kind, round(e.onset_s + start_s, 2)) for e in shot.events]
            start_s += len(shot.frames) / FPS
        samples = np.concatenate([shot.samples for shot in made])
        noise = np.random.default_rng(0).normal(0, 1e-4, len(samples)).astype(np.float32)
        write_clip(path, (f for shot in made for f in shot.frames), samples + noise, FPS, video_options={"crf": "23"})
        return tuple(sorted(events, key=lambda e: e.onset_s))

    def _filled(self, shot: Shot, length_s: float) -> Shot:
        """Hold the last frame of a shot until it is long enough."""
        missing = round(length_s * FPS) - len(shot.frames)
        return Shot(shot.frames + [shot.frames[-1]] * max(missing, 0), shot.events, shot.samples)

    # --- shots ----------------------------------------------------------------------------------------------

    def _street(self) -> Shot:
        """People walk by; somebody speaks off screen."""
        frames = _read(self._data / "pedestrians" / "vtest_20s.avi")
        shot = Shot((frames + frames[::-1])[: round(self._random.uniform(20, 40) * FPS)])
        voice = open_clip(self._random.choice(self._voices)).audio()
        shot.say(voice, self._random.uniform(5, len(shot.frames) / FPS - 8))
        return shot

    def _picture(self) -> Shot:
        return Shot([_read(self._data / "faces" / "no_face.mp4")[20]])

    def _still(self) -> Shot:
        return Shot([_read(self._head())[0]])

    def _pair(self) -> Shot:
        """Two heads side by side; one speaks, then the other."""
        left, right = (self._grid[i] for i in self._random.sample(self._heads, 2))
        pause_s = self._random.uniform(4, 12)
        sides = [_read(path, (WIDTH // 2, HEIGHT)) for path in (left, right)]
        still = [side[0] for side in sides]
        wait = [_beside(*still)] * round(pause_s * FPS)
        talks = [_beside(frame, still[1]) for frame in sides[0]]
        answers = [_beside(still[0], frame) for frame in sides[1]]
        shot = Shot([*wait, *talks, *wait, *answers])
        shot.say(open_clip(left).audio(), pause_s)
        shot.say(open_clip(right).audio(), 2 * pause_s + len(talks) / FPS)
        return shot

    def _enters(self) -> Shot:
        """A head comes into the picture from the right, stays a while and goes."""
        background = _read(self._data / "faces" / "noface_face.mov")[0]
        head = _read(self._head(), (WIDTH // 2, HEIGHT))[0]
        wait_s, stay_s, steps = self._random.uniform(6, 20), self._random.uniform(8, 15), round(_SLIDE_S * FPS)
        slide = [_over(background, head, (step + 1) / steps) for step in range(steps)]
        frames = [background] * round(wait_s * FPS) + slide + [slide[-1]] * round(stay_s * FPS)
        shot = Shot([*frames, *slide[::-1], background])
        shot.events.append(PlantedEvent("face enters", round(wait_s + _SLIDE_S, 2)))
        shot.events.append(PlantedEvent("face leaves", round((len(frames) + steps) / FPS, 2)))
        return shot

    def _appears(self) -> Shot:
        """A title, then a man's face: cut from one to the other in the file itself."""
        frames = _read(self._data / "faces" / "noface_face.mov")
        wait_s = self._random.uniform(4, 10)
        shot = Shot([frames[10]] * round(wait_s * FPS) + frames[10:])
        shot.events.append(PlantedEvent("face enters", round(wait_s + 3.9 - 1.0, 2)))
        return shot

    def _crying(self) -> Shot:
        frames = _read(self._data / "faces" / "WolfgangLanger_Pexels.mp4")
        wait_s = self._random.uniform(4, 15)
        change = PlantedEvent("expression", round(wait_s + _PEXELS_SMILE_S, 2))
        return Shot([frames[0]] * round(wait_s * FPS) + frames, [change])

    def _smile(self) -> Shot:
        frames = _read(self._data / "faces" / "single_face.mp4")
        wait_s = self._random.uniform(8, 20)
        change = PlantedEvent("expression", round(wait_s + _SINGLE_SMILE_S, 2))
        return Shot([frames[0]] * round(wait_s * FPS) + frames[:22], [change])

    def _head(self) -> Path:
        return self._grid[self._random.choice(self._heads)]


def _read(path: Path, size: tuple[int, int] = (WIDTH, HEIGHT)) -> list[np.ndarray]:
    """Return a clip's frames at 10 a second, cut to the shape of ``size`` (width, height) and scaled to it."""
    from PIL import Image, ImageOps

    images = open_clip(path).frames(Sampling(fps=FPS)).images
    return [np.asarray(ImageOps.fit(Image.fromarray(image), size)) for image in images]


def _beside(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    return np.concatenate([left, right], axis=1)


def _over(background: np.ndarray, panel: np.ndarray, share: float) -> np.ndarray:
    """Return the background with this share of the panel pushed in from the right."""
    width = round(panel.shape[1] * share)
    frame = background.copy()
    frame[:, WIDTH - width :] = panel[:, :width]
    return frame
