"""Who speaks when: a clip's voices told apart.

A sliding window of five seconds goes through the segmentation network that WhisperX ships (Bredin and Laurent,
"End-to-end speaker segmentation for overlap-aware resegmentation", Interspeech 2021), which says which of up to three
voices of its own speak in each 17 ms, overlaps included. A speaker vector (``campplus``) of each such voice's clean
speech is kept, and once the clip is through all vectors are clustered together, so that a voice keeps its label from
the first window of an hour to the last. With the user's access, a pyannote pipeline does all of this instead.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np

from omnisense.compat import without_pyannote_warnings
from omnisense.errors import ModelError
from omnisense.perception.audio.chunks import SpeechBlock
from omnisense.perception.media.decode import SAMPLE_RATE_HZ
from omnisense.perception.types import SpeakerTurn

_WINDOW_S = 5.0  # what the segmentation network was trained on
_STEP_S = 1.0
_ACTIVE = 0.5
_CLEAN_S = 0.5  # a vector of less speech than this takes no part in finding the voices
_EMBEDDABLE_S = 0.2
# Mean cosine distance from which two groups of vectors are two people. On acted EmoDB utterances strung together (2 to
# 4 voices), smaller ones split a voice by its emotions; the two voices of a telephone call are .67 apart.
_APART = 0.63
_MIN_VOICE_S = 0.5  # a group with less speech is a stray vector, unless there is no other
_MAX_CLUSTERED = 4000  # vectors beyond this (about an hour) are thinned out for finding the voices
_MIN_TURN_S = 0.1


class _Window(NamedTuple):
    """One window: when it begins, activity (F, 3) in 0 to 1, and for each voice its vector or None and its speech."""

    start_s: float
    activity: np.ndarray
    vectors: tuple[np.ndarray | None, ...]
    clean_s: tuple[float, ...]


class Diarizer(Protocol):
    """Tells voices apart, clip by clip."""

    name: str

    def begin(self) -> Diarization:
        """For one clip."""


class Diarization(Protocol):
    """One clip's voices: fed block by block, asked at the end (or on the way)."""

    def add(self, block: SpeechBlock) -> None:
        """Hear the next block."""

    def turns(self) -> list[SpeakerTurn]:
        """Who spoke when in all that was heard so far, in order of time."""


class VoiceTeller:
    """The offline way: WhisperX's segmentation network and an open speaker embedding.

    Args:
        folder: of the speaker embedding's weights.
        count: the number of voices where it is known.
    """

    name = "whisperx segmentation, CAM++ vectors, agglomerative clustering"

    def __init__(self, folder: Path, count: int | None = None) -> None:
        from omnisense.perception.audio.speaker_embedding import SpeakerEmbedder

        self._segmentation, self._embedder, self.count = _load_segmentation(), SpeakerEmbedder(folder), count

    def begin(self) -> Diarization:
        """For one clip."""
        return _Clustered(self)

    def voices(self, block: SpeechBlock) -> tuple[list[SpeakerTurn], dict[str, np.ndarray]]:
        """One block by itself: its turns and each voice's vector, with names of the block's own."""
        heard = _Clustered(self)
        heard.add(block)
        return heard.voices()

    def windows(self, block: SpeechBlock) -> Iterator[_Window]:
        """The block's windows, a second apart; the last is filled up with silence."""
        import torch

        length_s = len(block.samples) / SAMPLE_RATE_HZ
        starts = np.arange(0.0, max(length_s - _WINDOW_S + _STEP_S, 1e-3), _STEP_S)
        size = round(_WINDOW_S * SAMPLE_RATE_HZ)
        for at in range(0, len(starts), 16):
            pieces = [_cut(block.samples, round(s * SAMPLE_RATE_HZ), size) for s in starts[at : at + 16]]
            with torch.inference_mode():
                scores = self._segmentation(torch.from_numpy(np.stack(pieces))[:, None]).numpy()
            for start_s, piece, activity in zip(starts[at : at + 16], pieces, scores, strict=True):
                if (activity > _ACTIVE).any():
                    yield self._described(block.start_s + float(start_s), piece, activity)

    def _described(self, start_s: float, samples: np.ndarray, activity: np.ndarray) -> _Window:
        active = activity > _ACTIVE
        alone = active.sum(axis=1) == 1
        frame_s = _WINDOW_S / len(active)
        owner = np.minimum((np.arange(len(samples)) / len(samples) * len(active)).astype(int), len(active) - 1)
        vectors: list[np.ndarray | None] = []
        clean_s = []
        for voice in active.T:
            clean = voice & alone
            clean_s.append(float(clean.sum()) * frame_s)
            chosen = clean if clean_s[-1] >= _CLEAN_S else voice
            enough = chosen.sum() * frame_s >= _EMBEDDABLE_S
            vectors.append(self._embedder.embed(samples[chosen[owner]]) if enough else None)
        return _Window(start_s, activity, tuple(vectors), tuple(clean_s))


class _Clustered:
    def __init__(self, diarizer: VoiceTeller) -> None:
        self._teller = diarizer
        self._windows: list[_Window] = []
        self._end_s = 0.0

    def add(self, block: SpeechBlock) -> None:
        self._windows += self._teller.windows(block)
        self._end_s = block.start_s + len(block.samples) / SAMPLE_RATE_HZ

    def turns(self) -> list[SpeakerTurn]:
        return self.voices()[0]

    def voices(self) -> tuple[list[SpeakerTurn], dict[str, np.ndarray]]:
        """The turns, and each voice's vector."""
        centres = _voices(self._windows, self._teller.count)
        if not len(centres):
            return [], {}
        turns, order = _named(_speaking(self._windows, centres), self._end_s)
        return turns, {f"voice-{number}": centres[column] for number, column in enumerate(order, start=1)}


def _cut(samples: np.ndarray, first: int, size: int) -> np.ndarray:
    piece = samples[first : first + size]
    return np.pad(piece, (0, size - len(piece)))


def _voices(windows: Sequence[_Window], count: int | None) -> np.ndarray:
    """The centres (K, D) of the voices, unit vectors."""
    from scipy.cluster.hierarchy import fcluster, linkage

    found = [
        (v, s) for w in windows for v, s in zip(w.vectors, w.clean_s, strict=True) if v is not None and s >= _CLEAN_S
    ] or [(v, s) for w in windows for v, s in zip(w.vectors, w.clean_s, strict=True) if v is not None]
    if not found:
        return np.zeros((0, 0))
    every = -(-len(found) // _MAX_CLUSTERED)
    kept = found[::every]
    vectors, speech_s = np.stack([v for v, _ in kept]), np.array([s for _, s in kept])
    labels: np.ndarray = np.ones(1, dtype=int)
    if len(kept) > 1:
        tree = linkage(vectors, method="average", metric="cosine")
        labels = fcluster(tree, count, "maxclust") if count else fcluster(tree, _APART, "distance")
    # Every moment lies in several windows, of a short clip in as many as there are.
    heard_s = np.bincount(labels, speech_s) * every / min(_WINDOW_S / _STEP_S, len(windows))
    least_s = 0.0 if count else min(_MIN_VOICE_S, heard_s.max())
    centres = np.stack([vectors[labels == k].mean(axis=0) for k in np.unique(labels) if heard_s[k] >= least_s])
    unit: np.ndarray = centres / np.linalg.norm(centres, axis=1, keepdims=True)
    return unit


def _speaking(windows: Sequence[_Window], centres: np.ndarray) -> tuple[np.ndarray, float]:
    """(T, K) whether each voice speaks in each frame, and a frame's length in seconds.

    As many voices speak as the windows over a frame found on average, those with the most activity.
    """
    from scipy.optimize import linear_sum_assignment

    frames = windows[0].activity.shape[0]
    frame_s = _WINDOW_S / frames
    total = round(max(w.start_s for w in windows) / frame_s) + frames
    activity = np.zeros((total, len(centres)), np.float32)
    voices, seen = np.zeros(total, np.float32), np.zeros(total, np.float32)
    for window in windows:
        here = slice(round(window.start_s / frame_s), round(window.start_s / frame_s) + frames)
        active = window.activity > _ACTIVE
        seen[here] += 1
        voices[here] += active.sum(axis=1)
        local = [k for k in range(active.shape[1]) if active[:, k].any()]
        likeness = np.stack(
            [np.zeros(len(centres)) if (v := window.vectors[k]) is None else centres @ v for k in local]
        )
        rows, columns = linear_sum_assignment(-likeness)  # two voices of one window are two people
        for row, column in zip(rows, columns, strict=True):
            activity[here, column] += window.activity[:, local[row]]
    activity /= np.maximum(seen, 1)[:, None]
    many = np.rint(voices / np.maximum(seen, 1)).astype(int)
    rank = np.argsort(np.argsort(-activity, axis=1), axis=1)
    return (rank < many[:, None]) & (activity > 0), frame_s


def _named(speaking: tuple[np.ndarray, float], end_s: float) -> tuple[list[SpeakerTurn], list[int]]:
    """Turns named in order of first words, and the table's column of each name."""
    table, frame_s = speaking
    turns: list[SpeakerTurn] = []
    order = [k for k in np.argsort([int(np.argmax(c)) if c.any() else len(c) for c in table.T]) if table[:, k].any()]
    for number, column in enumerate(order, start=1):
        edges = np.flatnonzero(np.diff(np.r_[0, table[:, column].astype(int), 0]))
        runs = zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)
        spans = [(a * frame_s, min(b * frame_s, end_s)) for a, b in runs]
        turns += [SpeakerTurn(round(a, 3), round(b, 3), f"voice-{number}") for a, b in _bridged(spans)]
    return sorted(turns, key=lambda turn: (turn.start_s, turn.end_s)), [int(k) for k in order]


def _bridged(spans: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Without gaps and stretches that are shorter than a syllable."""
    joined: list[tuple[float, float]] = []
    for start_s, end_s in spans:
        if joined and start_s - joined[-1][1] < _MIN_TURN_S:
            joined[-1] = (joined[-1][0], end_s)
        else:
            joined.append((start_s, end_s))
    return [span for span in joined if span[1] - span[0] >= _MIN_TURN_S]


def _load_segmentation() -> Any:
    """WhisperX's copy of pyannote's segmentation network."""
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
                f"the speaker segmentation network cannot be read ({error})", "Install whisperx again.", path
            ) from error


# --- pyannote -----------------------------------------------------------------------------------------------


class PyannoteTeller:
    """A pyannote pipeline, such as ``pyannote/speaker-diarization-community-1`` (a hub token and its terms accepted).

    It takes a clip's sound whole: about 230 MB of memory an hour.
    """

    def __init__(self, folder: Path, count: int | None = None) -> None:
        with without_pyannote_warnings():
            from pyannote.audio import Pipeline

            try:
                self._pipeline = Pipeline.from_pretrained(folder)
            except Exception as error:
                raise ModelError(
                    f"this is no pyannote pipeline that can be loaded ({str(error).splitlines()[0][:120]})",
                    "Give a folder or hub id with a config.yaml, and accept its terms on the hub.",
                    folder,
                ) from error
        self.count, self.name = count, f"pyannote pipeline {folder.name}"

    def begin(self) -> Diarization:
        """For one clip."""
        return _Whole(self._pipeline, self.count)


class _Whole:
    def __init__(self, pipeline: Any, count: int | None) -> None:
        self._pipeline, self._count = pipeline, count
        self._pieces: list[np.ndarray] = []

    def add(self, block: SpeechBlock) -> None:
        self._pieces.append(block.samples)

    def turns(self) -> list[SpeakerTurn]:
        import torch

        sound = {"waveform": torch.from_numpy(np.concatenate(self._pieces))[None], "sample_rate": SAMPLE_RATE_HZ}
        with without_pyannote_warnings():
            result = self._pipeline(sound, num_speakers=self._count)
        annotation = getattr(result, "speaker_diarization", result)  # pyannote 4 wraps it
        names: dict[str, str] = {}
        return [
            SpeakerTurn(round(s.start, 3), round(s.end, 3), names.setdefault(label, f"voice-{len(names) + 1}"))
            for s, _, label in annotation.itertracks(yield_label=True)
        ]


def load_diarizer(folder: Path, count: int | None = None) -> VoiceTeller | PyannoteTeller:
    """The one that a folder is for: a pyannote pipeline has a ``config.yaml``, the embedding its weights."""
    return PyannoteTeller(folder, count) if (folder / "config.yaml").is_file() else VoiceTeller(folder, count)
