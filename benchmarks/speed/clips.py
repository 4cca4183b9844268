"""Clips to measure on, made on the spot: the demo clip looped to a minute of talking at 1280 x 720."""

from __future__ import annotations

from importlib.resources import as_file, files
from pathlib import Path

import av
import cv2
import numpy as np

from omnisense.perception.media import SAMPLE_RATE_HZ, open_clip
from omnisense.perception.sampling import Sampling

FPS = 25


def talking_clip(
    path: Path, seconds: float = 60.0, size: tuple[int, int] = (1280, 720), source: Path | None = None
) -> Path:
    """Write a talking clip of this length; from ``source`` if given, else from the clip that ships."""
    with as_file(files("omnisense.agent").joinpath("demo.mp4")) as shipped:
        clip = open_clip(source or shipped)
        frames = clip.frames(Sampling(fps=FPS, max_pixels=None)).images
        sound = clip.audio()
    pictures = [cv2.resize(frame, size, interpolation=cv2.INTER_CUBIC) for frame in frames]
    samples: np.ndarray = np.resize(sound[: len(frames) * SAMPLE_RATE_HZ // FPS], int(seconds * SAMPLE_RATE_HZ))
    with av.open(str(path), "w") as out:
        video = out.add_stream("libx264", rate=FPS, options={"preset": "veryfast", "g": str(2 * FPS)})
        video.width, video.height, video.pix_fmt = *size, "yuv420p"
        audio = out.add_stream("aac", rate=SAMPLE_RATE_HZ)
        audio.layout = "mono"
        for i in range(int(seconds * FPS)):
            picture = av.VideoFrame.from_ndarray(pictures[i % len(pictures)], format="rgb24")
            picture.pts = i
            out.mux(video.encode(picture))
        out.mux(video.encode())
        for at in range(0, len(samples), 1024):
            piece = av.AudioFrame.from_ndarray(samples[None, at : at + 1024], format="fltp", layout="mono")
            piece.rate, piece.pts = SAMPLE_RATE_HZ, at
            out.mux(audio.encode(piece))
        out.mux(audio.encode())
    return path
