"""Create agent/demo.mp4: a portrait with the motion of a hand-held camera, and synthetic speech.

Image: NASA's portrait of astronaut Eileen Collins, public domain, as scikit-image ships it
(``skimage.data.astronaut``).
Speech: espeak-ng, whose output carries no license. Needs ``pip install scikit-image`` and the espeak-ng program; the
result is committed.

    python scripts/make_demo.py agent/demo.mp4
"""

from __future__ import annotations

import io
import math
import subprocess
import sys
import wave

import cv2
import numpy as np

from omnisense.perception.media.encode import write_clip

TEXT = "I am going to fly to space! I worked so hard for it, and I am so happy. I am a little nervous, too."
VOICE = ["espeak-ng", "-v", "en-us+f3", "-s", "150", "-p", "55", "-g", "2", "--stdout", TEXT]
SIZE, FPS, LEAD_S, TAIL_S = (640, 480), 25, 0.8, 1.0


def synthesize_speech() -> tuple[np.ndarray, int]:
    """Return samples (N,) float32 and their rate in Hz."""
    spoken = subprocess.run(VOICE, check=True, capture_output=True).stdout
    with wave.open(io.BytesIO(spoken)) as file:
        rate = file.getframerate()
        samples = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2").astype(np.float32) / 32768
    return np.concatenate([np.zeros(int(LEAD_S * rate)), samples, np.zeros(int(TAIL_S * rate))]).astype(
        np.float32
    ), rate


def render_frame(portrait: np.ndarray, t: float, length_s: float) -> np.ndarray:
    """Return the frame at ``t`` seconds: a slow zoom towards the face with a slight sway."""
    progress = 0.5 - 0.5 * math.cos(math.pi * t / length_s)
    height = 330 - 110 * progress
    center = np.array([224 + 3 * math.sin(1.3 * t), 165 - 35 * progress + 2 * math.sin(1.9 * t + 1)])
    half = np.array([height * SIZE[0] / SIZE[1], height]) / 2
    corners = np.array([center - half, center + half * [1, -1], center + half * [-1, 1]], dtype=np.float32)
    target = np.array([[0, 0], [SIZE[0], 0], [0, SIZE[1]]], dtype=np.float32)
    return cv2.warpAffine(
        portrait, cv2.getAffineTransform(corners, target), SIZE, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT
    )


def main(path: str) -> None:
    """Write the clip."""
    from skimage.data import astronaut

    samples, rate = synthesize_speech()
    length_s = len(samples) / rate
    frames = (render_frame(astronaut(), i / FPS, length_s) for i in range(int(length_s * FPS)))
    write_clip(path, frames, samples, FPS, rate, {"crf": "27", "preset": "slow"})


if __name__ == "__main__":
    main(sys.argv[1])
