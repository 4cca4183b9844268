"""Light-ASD: whether a face is talking, from face crops and audio. Optional: the user provides the weights.

Liao et al., "A Light Weight Model for Active Speaker Detection", CVPR 2023. Gray face crops of 112 x 112 at 25 frames a
second and 13 cepstra at 100 a second go through two small convolutional encoders, which split space from time, and two
recurrent layers. Names of the parts follow the published weights (``pretrain_AVA_CVPR.model``).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch import nn

from omnisense.errors import MediaError, ModelError
from omnisense.perception.media.clip import Clip
from omnisense.perception.media.decode import SAMPLE_RATE_HZ, concatenate
from omnisense.perception.media.sampling import Sampling
from omnisense.perception.types import FaceTrack, VisualStream
from omnisense.perception.vision.landmarks import LANDMARK_FPS

_SIDE = 112
_CROP_SCALE = 0.4  # margin around the face in the training crops
_GRAY_MEAN, _GRAY_SCALE = 0.4161, 0.1688
_CEPSTRA, _MEL_BANDS, _FFT = 13, 26, 512
_WINDOW, _HOP = 400, 160  # 25 ms and 10 ms
_MAX_S = 10.0  # of an interval that is scored in one pass


class LightASD:
    """Light-ASD with its published weights.

    Args:
        path: the weights' file, or a folder with one ``.model`` file.

    Raises:
        ModelError: the file contains no such weights.
    """

    def __init__(self, path: Path) -> None:
        files = sorted(path.glob("*.model")) if path.is_dir() else [path]
        self._network = _Network()
        try:
            weights = torch.load(files[0], map_location="cpu", weights_only=True)
            self._network.load_state_dict(
                {
                    name.removeprefix("model.").removeprefix("lossAV."): value
                    for name, value in weights.items()
                    if not name.startswith("lossV.")
                }
            )
        except Exception as error:  # torch raises half a dozen types for damaged files
            reason = str(error).splitlines()[0][:100] if files else "no .model file"
            raise ModelError(
                f"the Light-ASD weights cannot be loaded ({reason})", "Give the authors' pretrain_AVA_CVPR.model.", path
            ) from error
        self._network.eval()

    def score(self, faces: np.ndarray, samples: np.ndarray) -> np.ndarray:
        """Return (T,) scores, over 0 for talking.

        Args:
            faces: (T, 112, 112) gray crops at 25 a second.
            samples: (N,) float32 of the same interval at 16 kHz.
        """
        features = mel_cepstra(samples)
        frames = min(len(faces), len(features) // 4)
        if not frames:
            return np.zeros(0)
        with torch.inference_mode():
            logits = self._network(
                torch.from_numpy(features[: frames * 4]).float()[None], torch.from_numpy(faces[:frames]).float()[None]
            )
        scores: np.ndarray = (logits[0, :, 1] - logits[0, :, 0]).numpy()
        return scores

    def of_clip(self, clip: Clip, visual: VisualStream) -> Callable[[str, float, float], float | None]:
        """Return a scorer of the clip's face tracks: mean score of a track over an interval in seconds.

        The scorer returns None where the face is not visible, or the interval cannot be decoded.
        """
        tracks = {face.id: face for face in visual.faces}

        def score_interval(track: str, start_s: float, end_s: float) -> float | None:
            try:
                return self._score_interval(clip, tracks[track], start_s, end_s)
            except MediaError:
                return None

        return score_interval

    def _score_interval(self, clip: Clip, face: FaceTrack, start_s: float, end_s: float) -> float | None:
        start_s, end_s = max(start_s, face.start_s, 0.0), min(end_s, face.end_s, clip.duration_s, start_s + _MAX_S)
        if end_s - start_s < 0.2:
            return None
        window = clip[start_s:end_s]
        frames = concatenate(list(window.iter_frames(Sampling(fps=LANDMARK_FPS), in_order=True)))
        crops = [_crop(i, face, t + start_s) for t, i in zip(frames.times_s.tolist(), frames.images, strict=True)]
        target_s = np.arange(0.0, end_s - start_s, 1 / LANDMARK_FPS)  # videos of fewer frames a second repeat theirs
        nearest = np.clip(np.searchsorted(frames.times_s, target_s, side="right") - 1, 0, None)
        scores = self.score(np.stack(crops)[nearest], window.audio())
        return float(scores.mean()) if len(scores) else None


def _crop(image: np.ndarray, face: FaceTrack, time_s: float) -> np.ndarray:
    height, width = image.shape[:2]
    boxes = np.array(face.boxes)
    left, top, right, bottom = (
        float(np.interp(time_s, face.times_s, boxes[:, i])) * (width, height)[i % 2] for i in range(4)
    )
    half = max(right - left, bottom - top) / 2
    # The middle half, both ways, of a square that reaches 0.4 faces further to the sides and below.
    center_x, center_y = (left + right) / 2, (top + bottom) / 2 + half * _CROP_SCALE
    side = half * (1 + _CROP_SCALE)
    gray = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    corners = np.array([[-0.5, -0.5], [0.5, -0.5], [-0.5, 0.5]]) * side + [center_x, center_y]
    target = np.array([[0, 0], [_SIDE, 0], [0, _SIDE]])
    warp = cv2.getAffineTransform(corners.astype(np.float32), target.astype(np.float32))
    return cv2.warpAffine(gray, warp, (_SIDE, _SIDE), borderMode=cv2.BORDER_CONSTANT, borderValue=110)


def mel_cepstra(samples: np.ndarray) -> np.ndarray:
    """Return (F, 13) mel cepstra of (N,) float32 samples, 100 frames a second, with the log energy first.

    The usual recipe of 16-bit speech: pre-emphasis .97, 26 mel bands to 8 kHz, orthonormal cosine transform, lifter 22.
    """
    from scipy.fft import dct

    signal = np.round(np.clip(samples, -1, 1) * 32767).astype(np.float64)
    signal = np.append(signal[:1], signal[1:] - 0.97 * signal[:-1])
    count = 1 + max(0, -(-(len(signal) - _WINDOW) // _HOP))
    signal = np.pad(signal, (0, max(0, (count - 1) * _HOP + _WINDOW - len(signal))))
    frames = np.lib.stride_tricks.sliding_window_view(signal, _WINDOW)[::_HOP][:count]
    power = np.abs(np.fft.rfft(frames, _FFT)) ** 2 / _FFT
    tiny = np.finfo(float).eps
    bands = np.maximum(power @ _mel_filters().T, tiny)
    lifter = 1 + 11 * np.sin(np.pi * np.arange(_CEPSTRA) / 22)
    result: np.ndarray = dct(np.log(bands), type=2, axis=1, norm="ortho")[:, :_CEPSTRA] * lifter
    result[:, 0] = np.log(np.maximum(power.sum(axis=1), tiny))
    return result


def _mel_filters() -> np.ndarray:
    top_mel = 2595 * np.log10(1 + SAMPLE_RATE_HZ / 2 / 700)
    edges_hz = 700 * (10 ** (np.linspace(0, top_mel, _MEL_BANDS + 2) / 2595) - 1)
    edges = np.floor((_FFT + 1) * edges_hz / SAMPLE_RATE_HZ)
    bins = np.arange(_FFT // 2 + 1)
    low, middle, high = (edges[i : i + _MEL_BANDS, None] for i in range(3))
    rising = (bins >= low) & (bins < middle)
    falling = (bins >= middle) & (bins < high)
    return np.where(rising, (bins - low) / np.maximum(middle - low, 1), 0) + np.where(
        falling, (high - bins) / np.maximum(high - middle, 1), 0
    )


# --- the network --------------------------------------------------------------------------------------------


class _Block(nn.Module):
    """Two branches of width 3 and 5, each over space (or bands) and then over time, summed and mixed."""

    def __init__(self, is_visual: bool, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__()
        convolution: Any = nn.Conv3d if is_visual else nn.Conv2d
        norm: Any = nn.BatchNorm3d if is_visual else nn.BatchNorm2d
        self._first = "s" if is_visual else "m"
        for k in (3, 5):
            kernel, padding = ((1, k, k), (0, k // 2, k // 2)) if is_visual else ((k, 1), (k // 2, 0))
            over_time, time_padding = ((k, 1, 1), (k // 2, 0, 0)) if is_visual else ((1, k), (0, k // 2))
            step = (1, stride, stride) if is_visual else 1
            self.add_module(f"{self._first}_{k}", convolution(inputs, outputs, kernel, step, padding, bias=False))
            self.add_module(f"bn_{self._first}_{k}", norm(outputs, eps=1e-3))
            self.add_module(f"t_{k}", convolution(outputs, outputs, over_time, 1, time_padding, bias=False))
            self.add_module(f"bn_t_{k}", norm(outputs, eps=1e-3))
        self.last, self.bn_last = convolution(outputs, outputs, 1, bias=False), norm(outputs, eps=1e-3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        branches = []
        for k in (3, 5):
            branch = x
            for name in (f"{self._first}_{k}", f"t_{k}"):
                branch = torch.relu(self.get_submodule(f"bn_{name}")(self.get_submodule(name)(branch)))
            branches.append(branch)
        return torch.relu(self.bn_last(self.last(branches[0] + branches[1])))


class _Encoder(nn.Module):
    """(B, 1, T, H, W) images or (B, 1, 13, 4 T) cepstra to (B, T, 128)."""

    def __init__(self, is_visual: bool) -> None:
        super().__init__()
        self._is_visual = is_visual
        self.block1 = _Block(is_visual, 1, 32, stride=2 if is_visual else 1)
        self.block2, self.block3 = _Block(is_visual, 32, 64), _Block(is_visual, 64, 128)
        shape = ((1, 3, 3), (1, 2, 2), (0, 1, 1)) if is_visual else ((1, 1, 3), (1, 1, 2), (0, 0, 1))
        self._pool = nn.MaxPool3d(*shape)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.block3(self._pool(self.block2(self._pool(self.block1(x)))))
        return (x.amax(dim=(3, 4)) if self._is_visual else x.mean(dim=2)).transpose(1, 2)


class _BidirectionalGRU(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.gru_forward = nn.GRU(128, 128, batch_first=True)
        self.gru_backward = nn.GRU(128, 128, batch_first=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = nn.functional.gelu(self.gru_forward(x)[0])
        return nn.functional.gelu(self.gru_backward(x.flip(1))[0].flip(1))


class _Network(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.visualEncoder, self.audioEncoder = _Encoder(is_visual=True), _Encoder(is_visual=False)
        self.GRU, self.FC = _BidirectionalGRU(), nn.Linear(128, 2)

    def forward(self, cepstra: torch.Tensor, faces: torch.Tensor) -> torch.Tensor:
        visual = self.visualEncoder(((faces / 255 - _GRAY_MEAN) / _GRAY_SCALE)[:, None])
        audio = self.audioEncoder(cepstra.transpose(1, 2)[:, None])
        scores: torch.Tensor = self.FC(self.GRU(audio[:, : visual.shape[1]] + visual[:, : audio.shape[1]]))
        return scores
