"""Speaker diarization: who speaks when.

A sliding window of five seconds goes through the segmentation network that WhisperX ships (Bredin and Laurent,
"End-to-end speaker segmentation for overlap-aware resegmentation", Interspeech 2021), which detects which of up to
three local speakers speak in each 17 ms, overlaps included. An embedding (``campplus``) of each local speaker's clean
speech is kept, and at the end of the clip all embeddings are clustered together, so that a speaker keeps the same label
from the first window of an hour to the last. With the user's access, a pyannote pipeline does all of this instead.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np

from omnisense.compat import without_pyannote_warnings
from omnisense.errors import ModelError
from omnisense.perception.audio.chunks import AudioChunk
from omnisense.perception.media.decode import SAMPLE_RATE_HZ
from omnisense.perception.types import SpeakerTurn

_WINDOW_S = 5.0  # what the segmentation network was trained on
_STEP_S = 1.0
_ACTIVE = 0.5
_MIN_CLEAN_S = 0.5  # embeddings of less speech are not clustered
_MIN_EMBEDDABLE_S = 0.2
# Mean cosine distance from which two clusters of embeddings are two people. On concatenated acted utterances of EmoDB
# (2 to 4 speakers), smaller ones split a speaker by emotion; the two speakers of a telephone call are .67 apart.
_CLUSTER_DISTANCE = 0.63
_MIN_SPEAKER_S = 0.5  # a cluster with less speech is an outlier, unless there is no other
_MAX_CLUSTERED = 4000  # more embeddings than this (about an hour) are subsampled for clustering
_MIN_TURN_S = 0.1
_BATCH_SIZE = 16


class _Window(NamedTuple):
    """The local speakers of one window.

    Attributes:
        start_s: of the window.
        activity: (F, 3) of each local speaker, 0 to 1.
        vectors: embedding (D,) of each local speaker, or None for too little speech.
        clean_s: seconds in which each speaks alone.
    """

    start_s: float
    activity: np.ndarray
    vectors: tuple[np.ndarray | None, ...]
    clean_s: tuple[float, ...]


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
    """WhisperX's segmentation network and a speaker embedding, clustered over the whole clip.

    Args:
        folder: of the speaker embedding's weights.
        num_speakers: where it is known.

    Raises:
        ModelError: a model cannot be loaded.
    """

    name = "whisperx segmentation, CAM++ vectors, agglomerative clustering"

    def __init__(self, folder: Path, num_speakers: int | None = None) -> None:
        from omnisense.perception.audio.speaker_embedding import SpeakerEmbedder

        self.num_speakers = num_speakers
        self._segmentation, self._embedder = _load_segmentation(), SpeakerEmbedder(folder)

    def begin(self) -> Diarization:
        """Begin a clip."""
        return _ClusteredClip(self)

    def diarize(self, chunk: AudioChunk) -> tuple[list[SpeakerTurn], dict[str, np.ndarray]]:
        """Return the turns of one chunk alone, and each speaker's embedding (D,), with ids local to the chunk."""
        clip = _ClusteredClip(self)
        clip.add(chunk)
        return clip.diarize()

    def windows(self, chunk: AudioChunk) -> Iterator[_Window]:
        """Yield the chunk's windows in which someone speaks, a second apart; the last is padded with silence."""
        import torch

        length_s = len(chunk.samples) / SAMPLE_RATE_HZ
        starts = np.arange(0.0, max(length_s - _WINDOW_S + _STEP_S, 1e-3), _STEP_S)
        size = round(_WINDOW_S * SAMPLE_RATE_HZ)
        for at in range(0, len(starts), _BATCH_SIZE):
            batch = starts[at : at + _BATCH_SIZE]
            pieces = [_slice_padded(chunk.samples, round(s * SAMPLE_RATE_HZ), size) for s in batch]
            with torch.inference_mode():
                scores = self._segmentation(torch.from_numpy(np.stack(pieces))[:, None]).numpy()
            for start_s, piece, activity in zip(batch, pieces, scores, strict=True):
                if (activity > _ACTIVE).any():
                    yield self._embed_window(chunk.start_s + float(start_s), piece, activity)

    def _embed_window(self, start_s: float, samples: np.ndarray, activity: np.ndarray) -> _Window:
        active = activity > _ACTIVE
        is_alone = active.sum(axis=1) == 1
        frame_s = _WINDOW_S / len(active)
        frame_of = np.minimum((np.arange(len(samples)) / len(samples) * len(active)).astype(int), len(active) - 1)
        vectors: list[np.ndarray | None] = []
        clean_s = []
        for speaker in active.T:
            clean = speaker & is_alone
            clean_s.append(float(clean.sum()) * frame_s)
            chosen = clean if clean_s[-1] >= _MIN_CLEAN_S else speaker
            is_enough = chosen.sum() * frame_s >= _MIN_EMBEDDABLE_S
            vectors.append(self._embedder.embed(samples[chosen[frame_of]]) if is_enough else None)
        return _Window(start_s, activity, tuple(vectors), tuple(clean_s))


class _ClusteredClip:
    def __init__(self, diarizer: ClusteringDiarizer) -> None:
        self._diarizer = diarizer
        self._windows: list[_Window] = []
        self._end_s = 0.0

    def add(self, chunk: AudioChunk) -> None:
        self._windows += self._diarizer.windows(chunk)
        self._end_s = chunk.start_s + len(chunk.samples) / SAMPLE_RATE_HZ

    def turns(self) -> list[SpeakerTurn]:
        return self.diarize()[0]

    def diarize(self) -> tuple[list[SpeakerTurn], dict[str, np.ndarray]]:
        """Return the turns, and each speaker's embedding."""
        centers = _cluster_speakers(self._windows, self._diarizer.num_speakers)
        if not len(centers):
            return [], {}
        activity, frame_s = _speaker_activity(self._windows, centers)
        turns, order = _to_turns(activity, frame_s, self._end_s)
        return turns, {f"voice-{number}": centers[column] for number, column in enumerate(order, start=1)}


def _slice_padded(samples: np.ndarray, first: int, size: int) -> np.ndarray:
    piece = samples[first : first + size]
    return np.pad(piece, (0, size - len(piece)))


def _cluster_speakers(windows: Sequence[_Window], num_speakers: int | None) -> np.ndarray:
    """Return the centers (K, D) of the speakers' embeddings, as unit vectors."""
    from scipy.cluster.hierarchy import fcluster, linkage

    embedded = [(v, s) for w in windows for v, s in zip(w.vectors, w.clean_s, strict=True) if v is not None]
    found = [(v, s) for v, s in embedded if s >= _MIN_CLEAN_S] or embedded
    if not found:
        return np.zeros((0, 0))
    stride = -(-len(found) // _MAX_CLUSTERED)
    kept = found[::stride]
    vectors, speech_s = np.stack([v for v, _ in kept]), np.array([s for _, s in kept])
    labels: np.ndarray = np.ones(1, dtype=int)
    if len(kept) > 1:
        tree = linkage(vectors, method="average", metric="cosine")
        if num_speakers:
            labels = fcluster(tree, num_speakers, "maxclust")
        else:
            labels = fcluster(tree, _CLUSTER_DISTANCE, "distance")
    # Every moment lies in several windows, of a short clip in as many as there are.
    total_s = np.bincount(labels, speech_s) * stride / min(_WINDOW_S / _STEP_S, len(windows))
    min_s = 0.0 if num_speakers else min(_MIN_SPEAKER_S, total_s.max())
    centers = np.stack([vectors[labels == k].mean(axis=0) for k in np.unique(labels) if total_s[k] >= min_s])
    unit: np.ndarray = centers / np.linalg.norm(centers, axis=1, keepdims=True)
    return unit


def _speaker_activity(windows: Sequence[_Window], centers: np.ndarray) -> tuple[np.ndarray, float]:
    """Return (T, K) whether each speaker speaks in each frame, and a frame's length in seconds.

    As many speak as the windows over a frame found on average: those with the most activity.
    """
    from scipy.optimize import linear_sum_assignment

    frames = windows[0].activity.shape[0]
    frame_s = _WINDOW_S / frames
    total = round(max(w.start_s for w in windows) / frame_s) + frames
    activity = np.zeros((total, len(centers)), np.float32)
    speakers, covered = np.zeros(total, np.float32), np.zeros(total, np.float32)
    for window in windows:
        here = slice(round(window.start_s / frame_s), round(window.start_s / frame_s) + frames)
        active = window.activity > _ACTIVE
        covered[here] += 1
        speakers[here] += active.sum(axis=1)
        local = [k for k in range(active.shape[1]) if active[:, k].any()]
        similarity = np.stack(
            [np.zeros(len(centers)) if (v := window.vectors[k]) is None else centers @ v for k in local]
        )
        rows, columns = linear_sum_assignment(-similarity)  # two local speakers of one window are two people
        for row, column in zip(rows, columns, strict=True):
            activity[here, column] += window.activity[:, local[row]]
    activity /= np.maximum(covered, 1)[:, None]
    count = np.rint(speakers / np.maximum(covered, 1)).astype(int)
    rank = np.argsort(np.argsort(-activity, axis=1), axis=1)
    return (rank < count[:, None]) & (activity > 0), frame_s


def _to_turns(activity: np.ndarray, frame_s: float, end_s: float) -> tuple[list[SpeakerTurn], list[int]]:
    """Return turns with ids in order of first speech, and the column of ``activity`` of each id."""
    first_frame = [int(np.argmax(column)) if column.any() else len(column) for column in activity.T]
    order = [int(k) for k in np.argsort(first_frame) if activity[:, k].any()]
    turns: list[SpeakerTurn] = []
    for number, column in enumerate(order, start=1):
        edges = np.flatnonzero(np.diff(np.r_[0, activity[:, column].astype(int), 0]))
        runs = zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)
        spans = [(a * frame_s, min(b * frame_s, end_s)) for a, b in runs]
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


def _load_segmentation() -> Any:
    """Return WhisperX's copy of pyannote's segmentation network."""
    import importlib.util

    root = importlib.util.find_spec("whisperx")
    path = Path(str(root.origin)).parent / "assets" / "pytorch_model.bin" if root else Path("whisperx")
    with without_pyannote_warnings():
        from pyannote.audio import Model

        try:
            model: Any = Model.from_pretrained(path)
            return model.eval()
        except Exception as error:
            raise ModelError(
                f"the speaker segmentation network cannot be loaded ({error})", "Install whisperx again.", path
            ) from error


# --- pyannote -----------------------------------------------------------------------------------------------


class PyannoteDiarizer:
    """A pyannote pipeline, such as ``pyannote/speaker-diarization-community-1`` (a hub token and its terms accepted).

    It needs a clip's audio whole: about 230 MB of memory per hour.

    Args:
        folder: of the pipeline.
        num_speakers: where it is known.

    Raises:
        ModelError: it cannot be loaded.
    """

    def __init__(self, folder: Path, num_speakers: int | None = None) -> None:
        with without_pyannote_warnings():
            from pyannote.audio import Pipeline

            try:
                self._pipeline = Pipeline.from_pretrained(folder)
            except Exception as error:
                raise ModelError(
                    f"the pyannote pipeline cannot be loaded ({str(error).splitlines()[0][:120]})",
                    "Give a folder or hub id with a config.yaml, and accept its terms on the hub.",
                    folder,
                ) from error
        self.num_speakers, self.name = num_speakers, f"pyannote pipeline {folder.name}"

    def begin(self) -> Diarization:
        """Begin a clip."""
        return _PyannoteClip(self._pipeline, self.num_speakers)


class _PyannoteClip:
    """Collects a clip's audio: the pipeline needs the whole."""

    def __init__(self, pipeline: Any, num_speakers: int | None) -> None:
        self._pipeline, self._num_speakers = pipeline, num_speakers
        self._pieces: list[np.ndarray] = []

    def add(self, chunk: AudioChunk) -> None:
        self._pieces.append(chunk.samples)

    def turns(self) -> list[SpeakerTurn]:
        import torch

        audio = {"waveform": torch.from_numpy(np.concatenate(self._pieces))[None], "sample_rate": SAMPLE_RATE_HZ}
        with without_pyannote_warnings():
            result = self._pipeline(audio, num_speakers=self._num_speakers)
        annotation = getattr(result, "speaker_diarization", result)  # pyannote 4 wraps it
        ids: dict[str, str] = {}
        return [
            SpeakerTurn(round(s.start, 3), round(s.end, 3), ids.setdefault(label, f"voice-{len(ids) + 1}"))
            for s, _, label in annotation.itertracks(yield_label=True)
        ]


def load_diarizer(folder: Path, num_speakers: int | None = None) -> ClusteringDiarizer | PyannoteDiarizer:
    """Return the diarizer for a folder: a pyannote pipeline has a ``config.yaml``, the speaker embedding its weights.

    Raises:
        ModelError: it cannot be loaded.
    """
    if (folder / "config.yaml").is_file():
        return PyannoteDiarizer(folder, num_speakers)
    return ClusteringDiarizer(folder, num_speakers)
