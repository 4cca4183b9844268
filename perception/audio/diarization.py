"""Speaker diarization: who speaks when.

A window of five seconds slides over the clip; a network finds which of up to three local speakers speak in each 17 ms
of it, two at once included (:mod:`omnisense.perception.audio.segmentation`). It takes two people in one window for one
now and then, across a pause: so an embedding (``campplus``) is taken of each stretch that a local speaker speaks
without a pause. Where people answer each other without one, as in meetings, a long stretch is two people's now and
then: the parts of long stretches have embeddings of their own. At the end of the clip the stretches are clustered
together, so that a speaker keeps the same label from the first window of an hour to the last; two whom the network told
apart in one window stay apart, and each part gets the speaker whom it is nearest to. With the user's access, a pyannote
pipeline does all of this instead.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from omnisense.compat import loading_tensors_only, without_pyannote_warnings
from omnisense.errors import ModelError
from omnisense.perception.audio.chunks import AudioChunk
from omnisense.perception.audio.clustering import (
    SpeakerCount,
    SpeechWindow,
    Stretch,
    cluster_speakers,
    speaker_activity,
)
from omnisense.perception.audio.segmentation import WINDOW_S, SegmentedWindow, SpeakerSegmentation
from omnisense.perception.media.decode import SAMPLE_RATE_HZ
from omnisense.perception.settings import VOICE_DISTANCE
from omnisense.perception.types import SpeakerTurn
from omnisense.text import parse_yaml

_MIN_CLEAN_S = 0.5  # shorter stretches are embedded with what others say over them
_MIN_EMBEDDABLE_S = 0.2
# Stretches from this length are embedded in parts of about this length: chosen on conversations of EmoDB and an excerpt
# of AMI's development set, between 2.25 and 5 s; parts of less than that tell voices apart worse.
_LONG_S, _PART_S = 3.5, 1.5
_MIN_TURN_S = 0.1


class Diarizer(Protocol):
    """Finds the speakers of clips."""

    name: str

    def begin(self) -> Diarization:
        """Begin a clip."""


class Diarization(Protocol):
    """The diarization of one clip, chunk by chunk."""

    def add(self, chunk: AudioChunk) -> None:
        """Process the next chunk."""

    def turns(self) -> list[SpeakerTurn]:
        """Return the turns in everything so far, in order of time."""


class ClusteringDiarizer:
    """A segmentation network and a speaker embedding, clustered over the whole clip.

    Args:
        folder: of the speaker embedding's weights.
        segmentation: the segmentation network.
        speakers: their number, where it is known.
        voice_distance: mean cosine distance, 0 to 2, from which two clusters of embeddings are two people.

    Raises:
        ModelError: a model cannot be loaded.
    """

    name = "pyannote segmentation 3.0, CAM++ vectors, agglomerative clustering"

    def __init__(
        self,
        folder: Path,
        segmentation: SpeakerSegmentation,
        speakers: SpeakerCount | None = None,
        voice_distance: float = VOICE_DISTANCE,
    ) -> None:
        from omnisense.perception.audio.speaker_embedding import SpeakerEmbedder

        self.speakers, self.voice_distance = speakers or SpeakerCount(), voice_distance
        self._embedder, self._segmentation = SpeakerEmbedder(folder), segmentation

    def begin(self) -> Diarization:
        """Begin a clip."""
        return _ClusteredClip(self)

    def diarize(self, chunk: AudioChunk) -> tuple[list[SpeakerTurn], dict[str, np.ndarray]]:
        """Return the turns of one chunk alone, and each speaker's embedding (D,), with ids local to the chunk."""
        clip = _ClusteredClip(self)
        clip.add(chunk)
        return clip.diarize()

    def windows(self, chunk: AudioChunk) -> Iterator[SpeechWindow]:
        """Yield the chunk's windows in which someone speaks, with the stretches of each local speaker."""
        for window in self._segmentation.windows(chunk):
            stretches = tuple(self._stretches(window))
            yield SpeechWindow(window.start_s, window.activity, window.active.sum(axis=1), stretches)

    def _stretches(self, window: SegmentedWindow) -> Iterator[Stretch]:
        frame_s = WINDOW_S / len(window.active)
        for speaker in range(window.active.shape[1]):
            for first, end in _runs(window.active[:, speaker]):
                seconds = (end - first) * frame_s
                if seconds < _LONG_S:
                    yield self._embed(window, speaker, first, end)
                    continue
                edges = np.linspace(first, end, round(seconds / _PART_S) + 1).round().astype(int).tolist()
                yield _joined([self._embed(window, speaker, a, b) for a, b in itertools.pairwise(edges)])

    def _embed(self, window: SegmentedWindow, speaker: int, first: int, end: int) -> Stretch:
        """Return the stretch from one frame to another, with its embedding."""
        active, count = window.active, len(window.samples)
        is_alone = active.sum(axis=1) == 1
        frame_s = WINDOW_S / len(active)
        frame_of = np.minimum((np.arange(count) / count * len(active)).astype(int), len(active) - 1)
        whole = np.zeros(len(active), dtype=bool)
        whole[first:end] = True
        clean_s = float((whole & is_alone).sum()) * frame_s
        chosen = whole & is_alone if clean_s >= _MIN_CLEAN_S else whole
        is_enough = chosen.sum() * frame_s >= _MIN_EMBEDDABLE_S
        vector = self._embedder.embed(window.samples[chosen[frame_of]]) if is_enough else None
        return Stretch(speaker, first, end, vector, clean_s)


class _ClusteredClip:
    def __init__(self, diarizer: ClusteringDiarizer) -> None:
        self._diarizer = diarizer
        self._windows: list[SpeechWindow] = []
        self._end_s = 0.0

    def add(self, chunk: AudioChunk) -> None:
        self._windows += self._diarizer.windows(chunk)
        self._end_s = chunk.start_s + len(chunk.samples) / SAMPLE_RATE_HZ

    def turns(self) -> list[SpeakerTurn]:
        return self.diarize()[0]

    def diarize(self) -> tuple[list[SpeakerTurn], dict[str, np.ndarray]]:
        """Return the turns, and each speaker's embedding."""
        centers = cluster_speakers(self._windows, self._diarizer.speakers, self._diarizer.voice_distance)
        if not len(centers):
            return [], {}
        activity, frame_s = speaker_activity(self._windows, centers)
        turns, order = _to_turns(activity, frame_s, self._end_s)
        return turns, {f"voice-{number}": centers[column] for number, column in enumerate(order, start=1)}


def _joined(parts: list[Stretch]) -> Stretch:
    """Return the stretch that parts make up one after another; its embedding is the mean of theirs, of length 1."""
    vectors = [part.vector for part in parts if part.vector is not None]
    mean = np.mean(vectors, axis=0) if vectors else None
    vector = None if mean is None else mean / np.linalg.norm(mean)
    clean_s = sum(part.clean_s for part in parts)
    return Stretch(parts[0].speaker, parts[0].first, parts[-1].end, vector, clean_s, tuple(parts))


def _runs(active: np.ndarray) -> list[tuple[int, int]]:
    """Return the runs in which (F,) is true: the first frame and the one after the last."""
    edges = np.flatnonzero(np.diff(np.r_[0, active.astype(int), 0]))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


def _to_turns(activity: np.ndarray, frame_s: float, end_s: float) -> tuple[list[SpeakerTurn], list[int]]:
    """Return turns with ids in order of first speech, and the column of ``activity`` of each id."""
    first_frame = [int(np.argmax(column)) if column.any() else len(column) for column in activity.T]
    order = [int(k) for k in np.argsort(first_frame) if activity[:, k].any()]
    turns: list[SpeakerTurn] = []
    for number, column in enumerate(order, start=1):
        spans = [(a * frame_s, min(b * frame_s, end_s)) for a, b in _runs(activity[:, column])]
        turns += [SpeakerTurn(round(a, 3), round(b, 3), f"voice-{number}") for a, b in _bridge_gaps(spans)]
    return sorted(turns, key=lambda turn: (turn.start_s, turn.end_s)), order


def _bridge_gaps(spans: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return spans without gaps and without spans that are shorter than a syllable."""
    joined: list[tuple[float, float]] = []
    for start_s, end_s in spans:
        if joined and start_s - joined[-1][1] < _MIN_TURN_S:
            joined[-1] = (joined[-1][0], end_s)
        else:
            joined.append((start_s, end_s))
    return [span for span in joined if span[1] - span[0] >= _MIN_TURN_S]


# --- pyannote -----------------------------------------------------------------------------------------------


_PYANNOTE_PACKAGE = "pyannote.audio."


class PyannoteDiarizer:
    """A pyannote pipeline, such as ``pyannote/speaker-diarization-community-1`` (a hub token and its terms accepted).

    It needs a clip's audio whole: about 230 MB of memory per hour. Its ``config.yaml`` may name classes of
    pyannote.audio only, and its weights are read as tensors: neither runs code of the folder.

    Args:
        folder: of the pipeline.
        speakers: their number, where it is known.

    Raises:
        ModelError: it cannot be loaded.
    """

    def __init__(self, folder: Path, speakers: SpeakerCount | None = None) -> None:
        _check_classes(folder)
        with without_pyannote_warnings():
            import torch
            from pyannote.audio import Pipeline
            from pyannote.audio.core.task import Problem, Resolution, Specifications

            known = (Problem, Resolution, Specifications, torch.torch_version.TorchVersion)
            try:
                with loading_tensors_only(known, _check_architecture):
                    self._pipeline = Pipeline.from_pretrained(folder)
            except Exception as error:
                raise ModelError(
                    f"the pyannote pipeline cannot be loaded ({str(error).splitlines()[0][:120]})",
                    "Give a folder or hub id with a config.yaml, and accept its terms on the hub.",
                    folder,
                ) from error
        self.speakers, self.name = speakers or SpeakerCount(), f"pyannote pipeline {folder.name}"

    def begin(self) -> Diarization:
        """Begin a clip."""
        return _PyannoteClip(self._pipeline, self.speakers)


def _check_classes(folder: Path) -> None:
    """Raise ModelError unless the classes that a pipeline's configuration names are pyannote's own."""
    import yaml

    try:
        config = parse_yaml((folder / "config.yaml").read_text("utf-8"))
        names = [config["pipeline"]["name"]]
        names += [made["name"] for made in (config.get("preprocessors") or {}).values() if isinstance(made, dict)]
    except (OSError, ValueError, yaml.YAMLError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(
            f"the pyannote pipeline cannot be loaded (its config.yaml: {str(error).splitlines()[0][:100]})",
            "Give a folder or hub id with the config.yaml of a pipeline.",
            folder,
        ) from error
    other = [name for name in names if not str(name).startswith(_PYANNOTE_PACKAGE)]
    if other:
        raise ModelError(
            f"the pyannote pipeline cannot be loaded (its config.yaml names {other[0]!r}, which is not pyannote's)",
            "Give a pipeline of pyannote.audio.",
            folder,
        )


def _check_architecture(checkpoint: Any) -> None:
    """Raise ValueError where a checkpoint wants a class from elsewhere: pyannote imports the module that it names."""
    about = checkpoint.get("pyannote.audio") if isinstance(checkpoint, dict) else None
    module = str((about or {}).get("architecture", {}).get("module", _PYANNOTE_PACKAGE))
    if not module.startswith(_PYANNOTE_PACKAGE):
        raise ValueError(f"it names the module {module!r}, which is not pyannote's")


class _PyannoteClip:
    """Collects a clip's audio: the pipeline needs the whole."""

    def __init__(self, pipeline: Any, speakers: SpeakerCount) -> None:
        self._pipeline, self._speakers = pipeline, speakers
        self._pieces: list[np.ndarray] = []
        self._length = 0

    def add(self, chunk: AudioChunk) -> None:
        first = round(chunk.start_s * SAMPLE_RATE_HZ)  # chunks without speech are left out: they count as silence
        self._pieces += [np.zeros(max(first - self._length, 0), np.float32), chunk.samples]
        self._length = max(first, self._length) + len(chunk.samples)

    def turns(self) -> list[SpeakerTurn]:
        import torch

        audio = {"waveform": torch.from_numpy(np.concatenate(self._pieces))[None], "sample_rate": SAMPLE_RATE_HZ}
        with without_pyannote_warnings():
            result = self._pipeline(
                audio,
                num_speakers=self._speakers.known,
                min_speakers=self._speakers.least,
                max_speakers=self._speakers.greatest,
            )
        annotation = getattr(result, "speaker_diarization", result)  # pyannote 4 wraps it
        ids: dict[str, str] = {}
        return [
            SpeakerTurn(round(s.start, 3), round(s.end, 3), ids.setdefault(label, f"voice-{len(ids) + 1}"))
            for s, _, label in annotation.itertracks(yield_label=True)
        ]


def load_diarizer(
    folder: Path,
    segmentation: Callable[[], SpeakerSegmentation],
    speakers: SpeakerCount | None = None,
    voice_distance: float = VOICE_DISTANCE,
) -> ClusteringDiarizer | PyannoteDiarizer:
    """Return the diarizer for a folder: a pyannote pipeline has a ``config.yaml``, the speaker embedding its weights.

    The other arguments are those of :class:`ClusteringDiarizer`; a pipeline needs no segmentation network.

    Raises:
        ModelError: it cannot be loaded.
    """
    if (folder / "config.yaml").is_file():
        return PyannoteDiarizer(folder, speakers)
    return ClusteringDiarizer(folder, segmentation(), speakers, voice_distance)
