"""Face tracking through the sampled frames, with expression; motion and shot cuts."""

from __future__ import annotations

import bisect
import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

import cv2
import numpy as np

from omnisense.perception.geometry import iou
from omnisense.perception.media.clip import Clip
from omnisense.perception.media.decode import prefetch
from omnisense.perception.media.sampling import Sampling
from omnisense.perception.types import FaceTrack, VisualStream
from omnisense.perception.vision.expression_classifier import EXPRESSIONS, ExpressionClassifier, crop_face
from omnisense.perception.vision.face_detector import Face, FaceDetector

_LOST_AFTER_S = 1.5  # a face that is not detected for longer gets a new track when it returns
_MIN_IOU = 0.1
_MIN_SINGLE_SCORE = 0.7  # of a face that is detected in one frame only
# A cut changes both the colors and the image; fast motion changes the image only, a flash the colors.
_CUT_COLOR_DISTANCE = 0.5
_CUT_MOTION = 0.06
# A cut between two people before one background changes few colors: there it is the face that changes. Heads of GRID
# half a second apart correlate at .70 or more and change the image by under .015; two people at .63 or less, and by
# .05 or more.
_CHANGED_MOTION, _SAME_LOOK = 0.04, 0.66
_LOOK_SIDE, _LOOK_SCALE = 24, 5.0  # pixels, and eye-to-mouth distances: face, hair and shoulders


def track_faces(
    clip: Clip, sampling: Sampling, detector: FaceDetector, classifier: ExpressionClassifier | None
) -> VisualStream:
    """Track the faces of a clip, and measure motion and shot cuts.

    Args:
        clip: a video or image.
        sampling: which frames are used.
        detector: of faces.
        classifier: of expressions; None leaves them out.

    Raises:
        MediaError: the clip has no video track, or no frame can be decoded.
    """
    tracker, motion = Tracker(), Motion()
    notes: set[str] = set()
    times: list[float] = []
    shape = (0, 0)
    with ThreadPoolExecutor(min(os.cpu_count() or 2, 8), thread_name_prefix="faces") as pool:
        for frames in prefetch(clip.iter_frames(sampling, in_order=True)):
            shape = frames.images.shape[1:3]
            notes |= {frames.note} - {""}
            found = pool.map(detector.detect, frames.images)
            for time_s, image, faces in zip(frames.times_s.tolist(), frames.images, found, strict=True):
                gray = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
                if motion.add(time_s, image, gray):
                    tracker.cut()
                observations = [FaceObservation.of(face, gray, classifier) for face in faces]
                if tracker.add(time_s, observations, changed=motion.has_changed):
                    motion.cuts_s.append(time_s)
                times.append(time_s)
    step_s = float(np.median(np.diff(times))) if len(times) > 1 else 0.0
    end_s = max(clip.duration_s, times[-1] if times else 0.0)
    return VisualStream(
        times_s=_round(times),
        width=shape[1],
        height=shape[0],
        faces=tuple(tracker.tracks(step_s, end_s, few_frames=len(times) < 4)),
        motion=_round(motion.energy),
        shot_cuts_s=_round(motion.cuts_s),
        expression_labels=EXPRESSIONS if classifier else (),
        notes=tuple(sorted(notes)),
    )


def _round(values: Iterable[float]) -> tuple[float, ...]:
    return tuple(round(float(value), 4) for value in values)


class Motion:
    """Change from frame to frame: energy per frame, and times of the shot cuts."""

    def __init__(self) -> None:
        self.energy: list[float] = []
        self.cuts_s: list[float] = []
        self._gray: np.ndarray | None = None
        self._colors: np.ndarray | None = None

    @property
    def has_changed(self) -> bool:
        """Whether the latest frame differs from the one before so much more than those did that a shot may begin."""
        before = self.energy[1:-1][-3:]  # the first frame has none before it
        return bool(before) and self.energy[-1] > max(_CHANGED_MOTION, 3 * max(before))

    def add(self, time_s: float, image: np.ndarray, gray: np.ndarray) -> bool:
        """Add the next frame.

        Args:
            time_s: of the frame.
            image: (H, W, 3) uint8 RGB.
            gray: (H, W) uint8.

        Returns:
            True when the frame begins a new shot.
        """
        gray = cv2.resize(gray, (64, 36), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
        small = cv2.resize(image, (64, 36), interpolation=cv2.INTER_AREA)
        colors = cv2.calcHist(
            [cv2.cvtColor(small, cv2.COLOR_RGB2HSV)], [0, 1, 2], None, [8, 4, 4], [0, 180, 0, 256, 0, 256]
        )
        energy, distance = 0.0, 0.0
        if self._gray is not None and self._colors is not None:
            energy = float(np.abs(gray - self._gray).mean())
            distance = cv2.compareHist(colors, self._colors, cv2.HISTCMP_BHATTACHARYYA)
        self._gray, self._colors = gray, colors
        self.energy.append(energy)
        is_cut = distance > _CUT_COLOR_DISTANCE and energy > _CUT_MOTION
        if is_cut:
            self.cuts_s.append(time_s)
        return is_cut


@dataclass
class FaceObservation:
    """One face in one frame.

    Attributes:
        expression: scores (7,); None without a classifier.
        look: (N,) gray levels of the head, of mean 0 and length 1; None where it does not matter.
    """

    face: Face
    expression: np.ndarray | None
    look: np.ndarray | None = None

    @classmethod
    def of(cls, face: Face, gray: np.ndarray, classifier: ExpressionClassifier | None) -> FaceObservation:
        """Return a face of a (H, W) gray frame with its expression, where there is a classifier."""
        return cls(face, classifier.classify(gray, face.landmarks) if classifier else None, _look(gray, face))


def _look(gray: np.ndarray, face: Face) -> np.ndarray:
    size = (_LOOK_SIDE, _LOOK_SIDE)
    crop = crop_face(gray, face.landmarks, at=0.4, width=_LOOK_SCALE, height=_LOOK_SCALE, size=size)
    levels = crop.astype(np.float32).ravel()
    levels -= levels.mean()
    result: np.ndarray = levels / max(float(np.linalg.norm(levels)), 1e-6)
    return result


@dataclass(eq=False)
class _Track:
    id: str = ""
    times: list[float] = field(default_factory=list)
    observations: list[FaceObservation] = field(default_factory=list)
    look: np.ndarray | None = None  # the latest


class Tracker:
    """Links faces from frame to frame by overlap, the best pairs first (Hungarian assignment)."""

    def __init__(self) -> None:
        self._all: list[_Track] = []
        self._live: list[_Track] = []
        self._count = 0

    def cut(self) -> None:
        """Begin a new shot: its faces get new tracks."""
        self._live = []

    def add(self, time_s: float, observations: list[FaceObservation], changed: bool = False) -> bool:
        """Add the faces of the next frame.

        Args:
            time_s: of the frame.
            observations: its faces.
            changed: whether the image changed so much that a face may be another person's at the same place.

        Returns:
            True when a face is at the place of another person's.
        """
        from scipy.optimize import linear_sum_assignment

        self._live = [track for track in self._live if time_s - track.times[-1] <= _LOST_AFTER_S]
        boxes = np.array([s.face.box for s in observations]).reshape(-1, 4)
        last = np.array([t.observations[-1].face.box for t in self._live]).reshape(-1, 4)
        overlap = iou(last, boxes)
        matched: dict[int, _Track] = {}
        replaced: list[_Track] = []
        for row, col in zip(*linear_sum_assignment(-overlap), strict=True):
            if overlap[row, col] < _MIN_IOU:
                continue
            if changed and not _looks_alike(self._live[row].look, observations[col].look):
                replaced.append(self._live[row])
            else:
                matched[int(col)] = self._live[row]
        self._live = [track for track in self._live if track not in replaced]
        for index, observation in enumerate(observations):
            track = matched.get(index)
            if track is None:
                track = _Track()
                self._all.append(track)
                self._live.append(track)
            track.times.append(time_s)
            track.look = observation.look
            track.observations.append(replace(observation, look=None))
        return bool(replaced)

    def tracks(self, step_s: float, end_s: float, few_frames: bool, since_s: float = 0.0) -> Iterator[FaceTrack]:
        """Yield the tracks so far in order of appearance, each with the same id every time.

        Args:
            step_s: between frames.
            end_s: of the clip.
            few_frames: keep uncertain faces that were detected in one frame only.
            since_s: leave out observations before this time.
        """
        for track in self._all:
            if len(track.times) == 1 and not few_frames and track.observations[0].face.score < _MIN_SINGLE_SCORE:
                continue
            if not track.id:
                self._count += 1
                track.id = f"face-{self._count}"
            if track.times[-1] >= since_s:
                yield _to_face_track(track, step_s, end_s, since_s)


def _looks_alike(a: np.ndarray | None, b: np.ndarray | None) -> bool:
    return a is None or b is None or float(a @ b) >= _SAME_LOOK


def _to_face_track(track: _Track, step_s: float, end_s: float, since_s: float) -> FaceTrack:
    first = bisect.bisect_left(track.times, since_s)
    times, observations = track.times[first:], track.observations[first:]
    center_x = float(np.mean([(s.face.box[0] + s.face.box[2]) / 2 for s in observations]))
    return FaceTrack(
        id=track.id,
        position="left" if center_x < 1 / 3 else "right" if center_x > 2 / 3 else "centre",
        start_s=round(times[0], 4),
        end_s=round(min(times[-1] + step_s, end_s), 4),
        times_s=_round(times),
        boxes=tuple((a, b, c, d) for a, b, c, d in (_round(s.face.box) for s in observations)),
        landmarks=tuple(_round(s.face.landmarks.ravel()) for s in observations),
        scores=_round(s.face.score for s in observations),
        expression=tuple(_round(s.expression) for s in observations if s.expression is not None),
    )
