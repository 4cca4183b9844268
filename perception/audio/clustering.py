"""Clustering of the stretches of speech that the segmentation found, into the speakers of a clip.

The constants were chosen on conversations of EmoDB's speakers 03, 08, 09 and 10
(:mod:`omnisense.benchmarks.perception.conversations`), which are measured on the others.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from omnisense.perception.audio.segmentation import STEP_S, WINDOW_S
from omnisense.perception.settings import VOICE_DISTANCE

_MIN_CLEAN_S = 0.5  # embeddings of less speech are not clustered
_APART = 3.0  # added to the distance of two stretches that the network told apart
_SAME_SHARE = 0.6  # of the shorter of two stretches: from there on both are of the same audio
# A cluster with less than a tenth of the speech is an outlier, unless it has three seconds or is the largest.
_MIN_SPEAKER_SHARE, _MIN_SPEAKER_S = 0.1, (0.5, 3.0)
_MAX_CLUSTERED = 4000  # more embeddings than this (about an hour) are subsampled for clustering


class SpeakerCount(NamedTuple):
    """What is known of the number of speakers: the number itself, or the least and the greatest."""

    known: int | None = None
    least: int | None = None
    greatest: int | None = None


class Stretch(NamedTuple):
    """What one local speaker says without a pause.

    Attributes:
        speaker: 0 to 2, in its window.
        first: its first frame in the window.
        end: the frame after its last.
        vector: embedding (D,), or None for too little speech.
        clean_s: seconds in which nobody else speaks.
        parts: of a long stretch, which may contain somebody else after all: shorter ones one after another.
    """

    speaker: int
    first: int
    end: int
    vector: np.ndarray | None
    clean_s: float
    parts: tuple[Stretch, ...] = ()


class SpeechWindow(NamedTuple):
    """A window: its start, (F, 3) how probably each local speaker speaks, (F,) how many do, and the stretches."""

    start_s: float
    activity: np.ndarray
    speakers: np.ndarray
    stretches: tuple[Stretch, ...]


def cluster_speakers(
    windows: Sequence[SpeechWindow], speakers: SpeakerCount | None = None, voice_distance: float = VOICE_DISTANCE
) -> np.ndarray:
    """Return the centers (K, D) of the speakers' embeddings, as unit vectors."""
    embedded = [(w, s) for w, window in enumerate(windows) for s in window.stretches if s.vector is not None]
    found = [(w, s) for w, s in embedded if s.clean_s >= _MIN_CLEAN_S] or embedded
    if not found:
        return np.zeros((0, 0))
    stride = -(-len(found) // _MAX_CLUSTERED)
    kept = found[::stride]
    vectors = np.stack([s.vector for _, s in kept if s.vector is not None])
    # Every moment lies in several windows, of a short clip in as many as there are.
    seconds = np.array([s.clean_s for _, s in kept]) * stride / min(WINDOW_S / STEP_S, len(windows))
    labels, chosen = _cluster(_distances(windows, kept, vectors), seconds, speakers or SpeakerCount(), voice_distance)
    centers = np.stack([vectors[labels == k].mean(axis=0) for k in chosen])
    unit: np.ndarray = centers / np.linalg.norm(centers, axis=1, keepdims=True)
    return unit


def _distances(windows: Sequence[SpeechWindow], kept: Sequence[tuple[int, Stretch]], vectors: np.ndarray) -> np.ndarray:
    """Return the distances (N, N) between stretches; each comes with the number of its window."""
    distance: np.ndarray = np.maximum(1 - vectors @ vectors.T, 0.0) + _APART * _told_apart(windows, kept)
    np.fill_diagonal(distance, 0.0)
    return distance


def _cluster(
    distance: np.ndarray, seconds: np.ndarray, speakers: SpeakerCount, voice_distance: float
) -> tuple[np.ndarray, list[int]]:
    """Return the cluster (N,) of each stretch, and the clusters that are speakers."""
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import squareform

    if len(distance) == 1:
        return np.ones(1, dtype=int), [1]
    tree = linkage(squareform(distance, checks=False), method="average")
    if speakers.known:
        labels = fcluster(tree, speakers.known, "maxclust")
        return labels, np.unique(labels).tolist()
    labels = fcluster(tree, voice_distance, "distance")
    chosen = _with_enough_speech(labels, seconds)
    # Fewer clusters until no more than the greatest number of speakers are left, or more until there are the least.
    while speakers.greatest and len(chosen) > speakers.greatest:
        labels = fcluster(tree, labels.max() - 1, "maxclust")
        chosen = _with_enough_speech(labels, seconds)
    while speakers.least and len(chosen) < speakers.least and labels.max() < len(labels):
        labels = fcluster(tree, labels.max() + 1, "maxclust")
        chosen = _with_enough_speech(labels, seconds)
    return labels, chosen


def _with_enough_speech(labels: np.ndarray, seconds: np.ndarray) -> list[int]:
    total_s = np.bincount(labels, seconds)
    least_s = min(float(np.clip(_MIN_SPEAKER_SHARE * seconds.sum(), *_MIN_SPEAKER_S)), float(total_s.max()))
    return [int(k) for k in np.unique(labels) if total_s[k] >= least_s]


def _told_apart(windows: Sequence[SpeechWindow], kept: Sequence[tuple[int, Stretch]]) -> np.ndarray:
    """Return (N, N), 0 to 1: whether the network told two stretches apart within a window.

    What it found in one window holds for what the next windows hear at the same time.
    """
    number, speaker = np.array([w for w, _ in kept]), np.array([s.speaker for _, s in kept])
    frame_s = WINDOW_S / len(windows[0].activity)
    start = np.array([windows[w].start_s + s.first * frame_s for w, s in kept], np.float32)
    end = np.array([windows[w].start_s + s.end * frame_s for w, s in kept], np.float32)
    shared = np.minimum(end[:, None], end) - np.maximum(start[:, None], start)
    is_same = shared > _SAME_SHARE * np.minimum((end - start)[:, None], end - start)
    same = is_same.astype(np.float32) / is_same.sum(axis=1, keepdims=True)
    is_apart = (number[:, None] == number) & (speaker[:, None] != speaker)
    apart: np.ndarray = same @ is_apart.astype(np.float32) @ same.T
    return apart


def speaker_activity(windows: Sequence[SpeechWindow], centers: np.ndarray) -> tuple[np.ndarray, float]:
    """Return (T, K) whether each speaker speaks in each frame, and a frame's length in seconds.

    As many speak as the windows over a frame found on average: those with the most activity.
    """
    frames = windows[0].activity.shape[0]
    frame_s = WINDOW_S / frames
    total = round(max(w.start_s for w in windows) / frame_s) + frames
    activity = np.zeros((total, len(centers)), np.float32)
    speakers, covered = np.zeros(total, np.float32), np.zeros(total, np.float32)
    for window in windows:
        first = round(window.start_s / frame_s)
        covered[first : first + frames] += 1
        speakers[first : first + frames] += window.speakers
        for stretch, center in _assign(window, centers):
            part = slice(stretch.first, stretch.end)
            activity[first + stretch.first : first + stretch.end, center] += window.activity[part, stretch.speaker]
    activity /= np.maximum(covered, 1)[:, None]
    count = np.rint(speakers / np.maximum(covered, 1)).astype(int)
    rank = np.argsort(np.argsort(-activity, axis=1), axis=1)
    return (rank < count[:, None]) & (activity > 0), frame_s


def _assign(window: SpeechWindow, centers: np.ndarray) -> Iterator[tuple[Stretch, int]]:
    """Yield stretches, the long ones in parts, with the nearest center that nobody who speaks at the same time has."""
    taken = np.zeros((len(window.activity), len(centers)), dtype=bool)
    parts = [part for stretch in window.stretches for part in stretch.parts or (stretch,)]
    for stretch in sorted(parts, key=lambda s: -s.clean_s):
        if stretch.vector is None:
            continue
        is_free = ~taken[stretch.first : stretch.end].any(axis=0)
        if is_free.any():
            center = int(np.argmax(np.where(is_free, centers @ stretch.vector, -np.inf)))
            taken[stretch.first : stretch.end, center] = True
            yield stretch, center
