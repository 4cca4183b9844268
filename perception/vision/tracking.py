"""What is seen: faces followed through the sampled frames, their expression, motion and cuts."""

from __future__ import annotations

import bisect
import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import cv2
import numpy as np

from omnisense.perception.geometry import iou
from omnisense.perception.media.clip import Clip
from omnisense.perception.media.decode import one_ahead
from omnisense.perception.media.sampling import Sampling
from omnisense.perception.types import FaceTrack, VisualStream
from omnisense.perception.vision.face_detector import EXPRESSIONS, ExpressionReader, Face, FaceDetector

_LOST_AFTER_S = 1.5  # a face not seen for longer gets a new track when it returns
_MIN_IOU = 0.1
_FLICKER_SCORE = 0.7  # a face seen in one frame only must be this sure
# A cut changes the colours and the picture at once; fast motion changes the picture, a flash the colours.
_CUT_COLOUR_DISTANCE = 0.5
_CUT_MOTION = 0.06


def track_faces(
    clip: Clip, sampling: Sampling, detector: FaceDetector, reader: ExpressionReader | None
) -> VisualStream:
    """Look at a clip's frames.

    Args:
        clip: a video or image.
        sampling: which frames are looked at.
        detector: finds the faces.
        reader: reads their expression; None leaves expressions out.

    Raises:
        MediaError: there are no pictures, or none can be decoded.
    """
    step_s = 0.0
    tracker, motion = Tracker(), Motion()
    notes: set[str] = set()
    times: list[float] = []
    shape = (0, 0)
    with ThreadPoolExecutor(min(os.cpu_count() or 2, 8), thread_name_prefix="faces") as pool:
        for frames in one_ahead(clip.iter_frames(sampling, in_order=True)):
            shape = frames.images.shape[1:3]
            notes |= {frames.note} - {""}
            found = pool.map(detector.detect, frames.images)
            for time_s, image, faces in zip(frames.times_s.tolist(), frames.images, found, strict=True):
                grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
                if motion.add(time_s, image, grey):
                    tracker.cut()
                tracker.add(time_s, [Sight.of(face, grey, reader) for face in faces])
                times.append(time_s)
    if len(times) > 1:
        step_s = float(np.median(np.diff(times)))
    end_s = max(clip.duration_s, times[-1] if times else 0.0)
    return VisualStream(
        times_s=_rounded(times),
        width=shape[1],
        height=shape[0],
        faces=tuple(tracker.tracks(step_s, end_s, few_frames=len(times) < 4)),
        motion=_rounded(motion.energy),
        shot_cuts_s=_rounded(motion.cuts_s),
        expression_labels=EXPRESSIONS if reader else (),
        notes=tuple(sorted(notes)),
    )


def _rounded(values: Iterable[float]) -> tuple[float, ...]:
    return tuple(round(float(value), 4) for value in values)


class Motion:
    """Change between neighbouring frames."""

    def __init__(self) -> None:
        self.energy: list[float] = []
        self.cuts_s: list[float] = []
        self._grey: np.ndarray | None = None
        self._colours: np.ndarray | None = None

    def add(self, time_s: float, image: np.ndarray, grey: np.ndarray) -> bool:
        """Take the next frame; True when it begins a new shot."""
        grey = cv2.resize(grey, (64, 36), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
        small = cv2.resize(image, (64, 36), interpolation=cv2.INTER_AREA)
        colours = cv2.calcHist(
            [cv2.cvtColor(small, cv2.COLOR_RGB2HSV)], [0, 1, 2], None, [8, 4, 4], [0, 180, 0, 256, 0, 256]
        )
        energy, distance = 0.0, 0.0
        if self._grey is not None and self._colours is not None:
            energy = float(np.abs(grey - self._grey).mean())
            distance = cv2.compareHist(colours, self._colours, cv2.HISTCMP_BHATTACHARYYA)
        self._grey, self._colours = grey, colours
        self.energy.append(energy)
        is_cut = distance > _CUT_COLOUR_DISTANCE and energy > _CUT_MOTION
        if is_cut:
            self.cuts_s.append(time_s)
        return is_cut


@dataclass
class Sight:
    """One face in one frame, with what the tracker needs of the picture."""

    face: Face
    expression: np.ndarray | None

    @classmethod
    def of(cls, face: Face, grey: np.ndarray, reader: ExpressionReader | None) -> Sight:
        """A face of this frame, with its expression where there is a reader."""
        expression = reader.read(grey, face.landmarks) if reader else None
        return cls(face, expression)


@dataclass
class _Track:
    name: str = ""
    times: list[float] = field(default_factory=list)
    sights: list[Sight] = field(default_factory=list)


class Tracker:
    """Links faces from frame to frame by overlap, the best pairs first (Hungarian assignment)."""

    def __init__(self) -> None:
        self._all: list[_Track] = []
        self._live: list[_Track] = []
        self._named = 0

    def cut(self) -> None:
        """A new shot: whoever is seen next is somebody else until proven otherwise."""
        self._live = []

    def add(self, time_s: float, sights: list[Sight]) -> None:
        """Take the faces of the next frame."""
        from scipy.optimize import linear_sum_assignment

        self._live = [track for track in self._live if time_s - track.times[-1] <= _LOST_AFTER_S]
        boxes = np.array([s.face.box for s in sights]).reshape(-1, 4)
        last = np.array([t.sights[-1].face.box for t in self._live]).reshape(-1, 4)
        overlap = iou(last, boxes)
        followed: dict[int, _Track] = {}
        for row, col in zip(*linear_sum_assignment(-overlap), strict=True):
            if overlap[row, col] >= _MIN_IOU:
                followed[int(col)] = self._live[row]
        for index, sight in enumerate(sights):
            track = followed.get(index)
            if track is None:
                track = _Track()
                self._all.append(track)
                self._live.append(track)
            track.times.append(time_s)
            track.sights.append(sight)

    def tracks(self, step_s: float, end_s: float, few_frames: bool, since_s: float = 0.0) -> Iterator[FaceTrack]:
        """The tracks so far in order of appearance, without one-frame flickers; a name once given stays.

        ``since_s`` leaves out what was seen before, for those who only need the latest.
        """
        for track in self._all:
            if len(track.times) == 1 and not few_frames and track.sights[0].face.score < _FLICKER_SCORE:
                continue
            if not track.name:
                self._named += 1
                track.name = f"face-{self._named}"
            if track.times[-1] >= since_s:
                yield _finish(track, step_s, end_s, since_s)


def _finish(track: _Track, step_s: float, end_s: float, since_s: float) -> FaceTrack:
    first = bisect.bisect_left(track.times, since_s)
    times, sights = track.times[first:], track.sights[first:]
    centre = float(np.mean([(s.face.box[0] + s.face.box[2]) / 2 for s in sights]))
    return FaceTrack(
        id=track.name,
        position="left" if centre < 1 / 3 else "right" if centre > 2 / 3 else "centre",
        start_s=round(times[0], 4),
        end_s=round(min(times[-1] + step_s, end_s), 4),
        times_s=_rounded(times),
        boxes=tuple((a, b, c, d) for a, b, c, d in (_rounded(s.face.box) for s in sights)),
        landmarks=tuple(_rounded(s.face.landmarks.ravel()) for s in sights),
        scores=_rounded(s.face.score for s in sights),
        expression=tuple(_rounded(s.expression) for s in sights if s.expression is not None),
    )
