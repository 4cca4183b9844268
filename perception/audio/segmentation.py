"""Speaker segmentation: who of up to three local speakers speaks in each moment of a window, two at once included.

pyannote's segmentation-3.0 (Plaquet and Bredin, "Powerset multi-class cross entropy loss for neural speaker
diarization", Interspeech 2023) names one of seven sets of speakers for each 17 ms: nobody, each of three, each pair.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from omnisense.compat import without_pyannote_warnings
from omnisense.errors import ModelError
from omnisense.perception.audio.chunks import AudioChunk
from omnisense.perception.media.decode import SAMPLE_RATE_HZ

WINDOW_S = 5.0  # in windows of ten seconds it took two people for one more often (conversations made of EmoDB)
STEP_S = 1.0
_BATCH_SIZE = 16
# Which of the three local speakers each of the network's classes contains.
_POWERSET = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0], [1, 0, 1], [0, 1, 1]], np.float32)


class SegmentedWindow(NamedTuple):
    """A window of a clip.

    Attributes:
        start_s: in the clip.
        samples: (N,) of the window, padded with silence at the clip's end.
        active: (F, 3) whether each local speaker speaks.
        activity: (F, 3) how probably.
    """

    start_s: float
    samples: np.ndarray
    active: np.ndarray
    activity: np.ndarray


class SpeakerSegmentation:
    """The segmentation network.

    Args:
        folder: of its weights, ``segmentation.bin``.

    Raises:
        ModelError: the folder does not contain such weights.
    """

    def __init__(self, folder: Path) -> None:
        self._network = _load(folder)

    def windows(self, chunk: AudioChunk) -> Iterator[SegmentedWindow]:
        """Yield the chunk's windows, a second apart, in which someone speaks."""
        import torch

        length_s = len(chunk.samples) / SAMPLE_RATE_HZ
        starts = np.arange(0.0, max(length_s - WINDOW_S + STEP_S, 1e-3), STEP_S)
        size = round(WINDOW_S * SAMPLE_RATE_HZ)
        for at in range(0, len(starts), _BATCH_SIZE):
            batch = starts[at : at + _BATCH_SIZE]
            pieces = [_slice_padded(chunk.samples, round(s * SAMPLE_RATE_HZ), size) for s in batch]
            with torch.inference_mode():
                scores = self._network(torch.from_numpy(np.stack(pieces))[:, None]).exp().numpy()
            for start_s, piece, classes in zip(batch, pieces, scores, strict=True):
                active = _POWERSET[classes.argmax(axis=1)] > 0
                if active.any():
                    yield SegmentedWindow(chunk.start_s + float(start_s), piece, active, classes @ _POWERSET)


def _slice_padded(samples: np.ndarray, first: int, size: int) -> np.ndarray:
    piece = samples[first : first + size].astype(np.float32, copy=False)
    return np.pad(piece, (0, size - len(piece)))


def _load(folder: Path) -> Any:
    import torch

    with without_pyannote_warnings():
        from pyannote.audio.core.task import Problem, Resolution, Specifications
        from pyannote.audio.models.segmentation import PyanNet

        # A checkpoint is a pickle: nothing but tensors, plain values and these four types is read from it.
        known: list[Any] = [Problem, Resolution, Specifications, torch.torch_version.TorchVersion]
        try:
            with torch.serialization.safe_globals(known):
                weights = torch.load(folder / "segmentation.bin", map_location="cpu", weights_only=True)
            parts = {name: weights["hyper_parameters"][name] for name in ("sincnet", "lstm", "linear")}
            network: Any = PyanNet(**parts)
            network.specifications = weights["pyannote.audio"]["specifications"]
            network.build()
            network.load_state_dict(weights["state_dict"])
            return network.eval()
        except Exception as error:  # torch raises half a dozen types for damaged files
            raise ModelError(
                f"the speaker segmentation network cannot be loaded ({str(error).splitlines()[0][:100]})",
                "Run `omnisense models pull segmentation-3.0`.",
                folder,
            ) from error
