"""Write clips: for the benchmarks that are built here, for measuring, and for the demo."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from omnisense.perception.media.decode import SAMPLE_RATE_HZ


def write_clip(
    path: str | Path,
    frames: Iterable[np.ndarray],
    sound: np.ndarray | None,
    frame_rate: int,
    sample_rate_hz: int = SAMPLE_RATE_HZ,
    video_options: Mapping[str, str] | None = None,
) -> None:
    """Write an MP4 file with H.264, and AAC where there is sound.

    Args:
        path: of the file.
        frames: (H, W, 3) uint8 RGB each, all of one even size; at least one.
        sound: (N,) float32 mono; None for a silent file.
        frame_rate: frames a second.
        sample_rate_hz: of the sound.
        video_options: of the x264 encoder, such as ``{"crf": "27"}``.
    """
    import av

    with av.open(str(path), "w") as out:
        video = out.add_stream("libx264", rate=frame_rate, options=dict(video_options or {}))
        video.pix_fmt = "yuv420p"
        audio = None if sound is None else out.add_stream("aac", rate=sample_rate_hz)
        if audio is not None:
            audio.layout = "mono"
        for number, image in enumerate(frames):
            if not number:
                video.height, video.width = image.shape[:2]
            picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
            picture.pts = number
            out.mux(video.encode(picture))
        out.mux(video.encode())
        if audio is None or sound is None:
            return
        for at in range(0, len(sound), 1024):
            piece = av.AudioFrame.from_ndarray(sound[None, at : at + 1024], format="fltp", layout="mono")
            piece.rate, piece.pts = sample_rate_hz, at
            out.mux(audio.encode(piece))
        out.mux(audio.encode())
