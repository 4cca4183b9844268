"""Generated clips to measure on: the demo clip looped to a minute of talking at 1280 x 720."""

from __future__ import annotations

from importlib.resources import as_file, files
from pathlib import Path

import cv2
import numpy as np

from omnisense.perception.media.clip import SAMPLE_RATE_HZ, open_clip
from omnisense.perception.media.encode import write_clip
from omnisense.perception.media.sampling import Sampling

FPS = 25


def talking_clip(
    path: Path, seconds: float = 60.0, size: tuple[int, int] = (1280, 720), source: Path | None = None
) -> Path:
    """Write a talking clip of this length; from ``source`` if given, else from the clip that ships."""
    with as_file(files("omnisense.agent").joinpath("demo.mp4")) as shipped:
        clip = open_clip(source or shipped)
        frames = clip.frames(Sampling(fps=FPS, max_pixels=None)).images
        sound = clip.audio()
    images = [cv2.resize(frame, size, interpolation=cv2.INTER_CUBIC) for frame in frames]
    samples: np.ndarray = np.resize(sound[: len(frames) * SAMPLE_RATE_HZ // FPS], int(seconds * SAMPLE_RATE_HZ))
    shown = (images[i % len(images)] for i in range(int(seconds * FPS)))
    write_clip(path, shown, samples, FPS, video_options={"preset": "veryfast", "g": str(2 * FPS)})
    return path
