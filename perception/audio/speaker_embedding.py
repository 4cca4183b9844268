"""CAM++ speaker embeddings: speech of one person to a vector that identifies the speaker.

Wang et al., "CAM++: A Fast and Efficient Network for Speaker Verification Using Context-Aware Masking", Interspeech
2023: a small 2-D convolution front, then densely connected time-delay layers whose outputs are masked by what the
surrounding hundred frames and the whole input sound like. Names of the parts follow the published weights.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
import torchaudio
from torch import nn
from torch.nn import functional as F  # noqa: N812 (torch's own name for it)

from omnisense.errors import ModelError
from omnisense.perception.media.decode import SAMPLE_RATE_HZ

_STEP_FRAMES = 10  # lengths are cut to tenths of a second: oneDNN caches a plan, and memory, for each input length
_MEL_BINS = 80
_GROWTH, _BOTTLENECK, _CONTEXT_FRAMES = 32, 128, 100
_BLOCKS = ((12, 1), (24, 2), (16, 2))  # layers and dilation of each
_EMBEDDING = 192


class SpeakerEmbedder:
    """Speaker embeddings by CAM++.

    Args:
        folder: of the weights, ``campplus.pt``.

    Raises:
        ModelError: the folder does not contain such weights.
    """

    def __init__(self, folder: Path) -> None:
        self._network = _Network()
        try:
            weights = torch.load(folder / "campplus.pt", map_location="cpu", weights_only=True)
            self._network.load_state_dict(weights)
        except Exception as error:  # torch raises half a dozen types for damaged files
            raise ModelError(
                f"the speaker model cannot be loaded ({str(error).splitlines()[0][:100]})",
                "Run `omnisense models pull campplus`.",
                folder,
            ) from error
        self._network.eval()

    def embed(self, samples: np.ndarray) -> np.ndarray:
        """Return the unit vector (192,) of (N,) float32 samples at 16 kHz, at least 0.1 s of them."""
        bands = torchaudio.compliance.kaldi.fbank(
            torch.from_numpy(samples)[None], num_mel_bins=_MEL_BINS, dither=0.0, sample_frequency=SAMPLE_RATE_HZ
        )
        if len(bands) >= _STEP_FRAMES:
            spare = len(bands) % _STEP_FRAMES
            bands = bands[spare // 2 : len(bands) - (spare - spare // 2)]
        with torch.inference_mode():
            vector = self._network((bands - bands.mean(dim=0))[None])[0].numpy()
        unit: np.ndarray = vector / max(float(np.linalg.norm(vector)), 1e-9)
        return unit


def _norm_relu(channels: int) -> nn.Sequential:
    return _named(batchnorm=nn.BatchNorm1d(channels), relu=nn.ReLU())


def _named(**parts: nn.Module) -> nn.Sequential:
    sequence = nn.Sequential()
    for name, part in parts.items():
        sequence.add_module(name, part)
    return sequence


class _Residual(nn.Module):
    def __init__(self, channels: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, (stride, 1), 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.shortcut = nn.Sequential()
        if stride > 1:
            self.shortcut = nn.Sequential(
                nn.Conv2d(channels, channels, 1, (stride, 1), bias=False), nn.BatchNorm2d(channels)
            )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        inner = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(inner + self.shortcut(x))


class _Front(nn.Module):
    """(B, mel, T) to (B, 320, T)."""

    def __init__(self, channels: int = 32) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, channels, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.layer1 = nn.Sequential(_Residual(channels, 2), _Residual(channels, 1))
        self.layer2 = nn.Sequential(_Residual(channels, 2), _Residual(channels, 1))
        self.conv2 = nn.Conv2d(channels, channels, 3, (2, 1), 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.relu(self.bn1(self.conv1(x[:, None])))
        x = F.relu(self.bn2(self.conv2(self.layer2(self.layer1(x)))))
        return x.flatten(1, 2)


class _MaskedConvolution(nn.Module):
    def __init__(self, dilation: int) -> None:
        super().__init__()
        self.linear_local = nn.Conv1d(_BOTTLENECK, _GROWTH, 3, padding=dilation, dilation=dilation, bias=False)
        self.linear1 = nn.Conv1d(_BOTTLENECK, _BOTTLENECK // 2, 1)
        self.linear2 = nn.Conv1d(_BOTTLENECK // 2, _GROWTH, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        near = F.avg_pool1d(x, _CONTEXT_FRAMES, _CONTEXT_FRAMES, ceil_mode=True)
        near = near.repeat_interleave(_CONTEXT_FRAMES, dim=-1)[..., : x.shape[-1]]
        context = F.relu(self.linear1(x.mean(dim=-1, keepdim=True) + near))
        return self.linear_local(x) * torch.sigmoid(self.linear2(context))


class _DenseLayer(nn.Module):
    def __init__(self, channels: int, dilation: int) -> None:
        super().__init__()
        self.nonlinear1 = _norm_relu(channels)
        self.linear1 = nn.Conv1d(channels, _BOTTLENECK, 1, bias=False)
        self.nonlinear2 = _norm_relu(_BOTTLENECK)
        self.cam_layer = _MaskedConvolution(dilation)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([x, self.cam_layer(self.nonlinear2(self.linear1(self.nonlinear1(x))))], dim=1)


class _Statistics(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([x.mean(dim=-1), x.std(dim=-1)], dim=-1)[..., None]


class _Network(nn.Module):
    """(B, T, 80) log mel bands, mean subtracted, to (B, 192)."""

    def __init__(self) -> None:
        super().__init__()
        self.head = _Front()
        channels = 128
        first = _named(linear=nn.Conv1d(320, channels, 5, 2, 2, bias=False), nonlinear=_norm_relu(channels))
        parts: dict[str, nn.Module] = {"tdnn": first}
        for number, (layers, dilation) in enumerate(_BLOCKS, start=1):
            dense = {f"tdnnd{i + 1}": _DenseLayer(channels + i * _GROWTH, dilation) for i in range(layers)}
            channels += layers * _GROWTH
            parts[f"block{number}"] = _named(**dense)
            halve = nn.Conv1d(channels, channels // 2, 1, bias=False)
            parts[f"transit{number}"] = _named(nonlinear=_norm_relu(channels), linear=halve)
            channels //= 2
        parts["out_nonlinear"] = _norm_relu(channels)
        parts["stats"] = _Statistics()
        parts["dense"] = _named(
            linear=nn.Conv1d(2 * channels, _EMBEDDING, 1, bias=False),
            nonlinear=_named(batchnorm=nn.BatchNorm1d(_EMBEDDING, affine=False)),
        )
        self.xvector = _named(**parts)

    def forward(self, bands: torch.Tensor) -> torch.Tensor:
        vector: torch.Tensor = self.xvector(self.head(bands.transpose(1, 2)))
        return vector[..., 0]
