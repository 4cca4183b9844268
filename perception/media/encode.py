"""Write clips and sound files."""

from __future__ import annotations

import io
import wave
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from omnisense.errors import InputError
from omnisense.perception.media.decode import SAMPLE_RATE_HZ, file_url


def write_clip(
    path: str | Path,
    frames: Iterable[np.ndarray],
    samples: np.ndarray | None,
    frame_rate: int,
    sample_rate_hz: int = SAMPLE_RATE_HZ,
    video_options: Mapping[str, str] | None = None,
) -> None:
    """Write an MP4 file with H.264 video, and AAC audio where there are samples.

    Args:
        path: of the file.
        frames: (H, W, 3) uint8 RGB each, all of the same even size; at least one.
        samples: (N,) float32 mono; None for a file without audio.
        frame_rate: frames per second.
        sample_rate_hz: of the audio.
        video_options: of the x264 encoder, such as ``{"crf": "27"}``.
    """
    import av

    with av.open(file_url(Path(path)), "w") as out:
        video = out.add_stream("libx264", rate=frame_rate, options=dict(video_options or {}))
        video.pix_fmt = "yuv420p"
        audio = None if samples is None else out.add_stream("aac", rate=sample_rate_hz)
        if audio is not None:
            audio.layout = "mono"
        for number, image in enumerate(frames):
            if not number:
                video.height, video.width = image.shape[:2]
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
            frame.pts = number
            out.mux(video.encode(frame))
        out.mux(video.encode())
        if audio is None or samples is None:
            return
        for at in range(0, len(samples), 1024):
            piece = av.AudioFrame.from_ndarray(samples[None, at : at + 1024], format="fltp", layout="mono")
            piece.rate, piece.pts = sample_rate_hz, at
            out.mux(audio.encode(piece))
        out.mux(audio.encode())


def wav_bytes(samples: np.ndarray, sample_rate_hz: int = SAMPLE_RATE_HZ) -> bytes:
    """Return sound as the content of a WAV file of 16-bit samples.

    Args:
        samples: (N,) or (N, channels) float32; what is outside -1 to 1 is clipped.
        sample_rate_hz: of the samples.
    """
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1 if samples.ndim == 1 else samples.shape[1])
        file.setsampwidth(2)
        file.setframerate(sample_rate_hz)
        file.writeframes((np.clip(samples, -1.0, 1.0) * 32767).astype("<i2").tobytes())
    return buffer.getvalue()


def write_wav(path: Path, samples: np.ndarray, sample_rate_hz: int = SAMPLE_RATE_HZ) -> None:
    """Write sound as a WAV file of 16-bit samples.

    Args:
        path: of the file.
        samples: (N,) or (N, channels) float32; what is outside -1 to 1 is clipped.
        sample_rate_hz: of the samples.

    Raises:
        InputError: the file cannot be written.
    """
    try:
        path.write_bytes(wav_bytes(samples, sample_rate_hz))
    except OSError as error:
        raise InputError(f"the file cannot be written ({error.strerror})", "Give another path.", path) from error
