"""Landmark tracks: lips, head pose and gaze of every face 25 times a second, body and hands less often.

``tracking`` finds and follows faces in a few frames a second, which is enough for an expression. Speech, nods and
glances are faster: between those frames the face mesh follows each face, from one frame to the next.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from omnisense.perception.media.clip import Clip
from omnisense.perception.media.decode import prefetch
from omnisense.perception.media.sampling import Sampling
from omnisense.perception.types import FaceTrack, GestureKind, VisualStream
from omnisense.perception.vision.body import BodyEstimator, BodyState
from omnisense.perception.vision.face_mesh import FaceMesh, FaceMeshResult, region_of_face
from omnisense.perception.vision.gestures import classify_body, detect_head_gestures, merge_gestures
from omnisense.perception.vision.litert import Region, follow_region

LANDMARK_FPS = 25.0  # lips close for a p within 80 ms
GAZE_INTERVAL = 5  # frames
BODY_INTERVAL_S = 0.4  # a body takes as long as twenty face meshes; hands stay at a face for longer
_AVERAGE_S = 0.3  # a track's entries are means over this long before and after
_JOIN_GAP_S = 1.0


@dataclass
class LandmarkTrack:
    """The frame-level measurements of one face.

    Attributes:
        track: the face track's id.
        times_s: (T,) in seconds.
        opening: (T,) distance between the lips, in face heights.
        width: (T,) of the mouth, in face heights.
        pose_deg: (T, 3) yaw, pitch and roll.
        gaze: times, and how much the face looks into the camera, 0 to 1; every few frames.
        gestures: times, and what arms, hands and body show.
        body: the latest body.
    """

    track: str
    times_s: list[float] = field(default_factory=list)
    opening: list[float] = field(default_factory=list)
    width: list[float] = field(default_factory=list)
    pose_deg: list[tuple[float, float, float]] = field(default_factory=list)
    gaze: list[tuple[float, float]] = field(default_factory=list)
    gestures: list[tuple[float, tuple[GestureKind, ...]]] = field(default_factory=list)
    body: BodyState | None = None

    def add(self, time_s: float, mesh: FaceMeshResult) -> None:
        """Add the next frame's mesh."""
        self.times_s.append(time_s)
        self.opening.append(mesh.opening)
        self.width.append(mesh.width)
        self.pose_deg.append(mesh.pose_deg)
        if mesh.facing_camera is not None:
            self.gaze.append((time_s, mesh.facing_camera))

    def add_body(
        self, time_s: float, image: np.ndarray, box: np.ndarray, landmarks: np.ndarray, estimator: BodyEstimator
    ) -> None:
        """Estimate body and hands, unless that was done less than ``BODY_INTERVAL_S`` ago.

        Args:
            time_s: of the frame.
            image: (H, W, 3) uint8 RGB.
            box: (4,) of the face, in fractions of the frame.
            landmarks: (5, 2) likewise.
            estimator: the model.
        """
        if self.gestures and time_s - self.gestures[-1][0] < BODY_INTERVAL_S - 1e-3:
            return
        size = np.array([image.shape[1], image.shape[0]])
        left, top, right, bottom = (box * np.tile(size, 2)).tolist()
        self.body = estimator.estimate(image, (left, top, right, bottom), self.body)
        self.gestures.append((time_s, classify_body(self.body, (left, top, right, bottom), landmarks * size)))

    def drop_before(self, time_s: float) -> None:
        """Drop the measurements before a time."""
        first = bisect.bisect_left(self.times_s, time_s)
        for series in (self.times_s, self.opening, self.width, self.pose_deg):
            del series[:first]
        self.gaze = [entry for entry in self.gaze if entry[0] >= time_s]
        self.gestures = [entry for entry in self.gestures if entry[0] >= time_s]


def track_landmarks(
    clip: Clip, visual: VisualStream, mesh: FaceMesh, body: BodyEstimator | None = None
) -> tuple[VisualStream, list[LandmarkTrack]]:
    """Measure lips, head pose and gaze of every face track of a clip; with a body model, bodies and hands too.

    Returns:
        The stream with head pose, gaze, lip movement and gestures in its tracks, and the measurements.
    """
    tracks = {face.id: LandmarkTrack(face.id) for face in visual.faces}
    regions: dict[str, Region] = {}
    paths = {face.id: _FacePath.of(face) for face in visual.faces}
    for number, (time_s, image) in enumerate(_frames_with_faces(clip, visual)):
        for face in visual.faces:
            if not face.start_s - 1e-6 <= time_s <= face.end_s:
                regions.pop(face.id, None)
                continue
            box, landmarks = paths[face.id].at(time_s)
            if body:
                tracks[face.id].add_body(time_s, image, box, landmarks, body)
            expected = region_of_face(box, landmarks, image.shape[1], image.shape[0])
            region = follow_region(regions.pop(face.id, None), expected)
            result = mesh.estimate(image, region, with_gaze=number % GAZE_INTERVAL == 0)
            if result is not None:
                regions[face.id] = result.region
                tracks[face.id].add(time_s, result)
    faces = tuple(add_landmark_features(face, tracks[face.id]) for face in visual.faces)
    return replace(visual, faces=faces), list(tracks.values())


def _frames_with_faces(clip: Clip, visual: VisualStream) -> Iterator[tuple[float, np.ndarray]]:
    """Yield time and image of the frames in the intervals with a face."""
    if clip.kind == "image":
        yield 0.0, clip.frames().images[0]
        return
    rate = min(LANDMARK_FPS, clip.frame_rate or LANDMARK_FPS)
    for start_s, end_s in _intervals_with_faces(visual):
        window = clip[start_s : max(end_s, start_s + 1 / rate)]
        for frames in prefetch(window.iter_frames(Sampling(fps=rate), in_order=True)):
            for time_s, image in zip(frames.times_s.tolist(), frames.images, strict=True):
                yield time_s + start_s, image


def _intervals_with_faces(visual: VisualStream) -> list[tuple[float, float]]:
    joined: list[tuple[float, float]] = []
    for face in sorted(visual.faces, key=lambda f: f.start_s):
        if joined and face.start_s <= joined[-1][1] + _JOIN_GAP_S:
            joined[-1] = (joined[-1][0], max(joined[-1][1], face.end_s))
        else:
            joined.append((face.start_s, face.end_s))
    return [(a, b) for a, b in joined if b > a]


@dataclass(frozen=True)
class _FacePath:
    """Where a face is between the frames in which it was detected: times (T,), box and landmarks (T, 14)."""

    times_s: np.ndarray
    values: np.ndarray

    @classmethod
    def of(cls, face: FaceTrack) -> _FacePath:
        return cls(np.array(face.times_s), np.hstack([np.array(face.boxes), np.array(face.landmarks)]))

    def at(self, time_s: float) -> tuple[np.ndarray, np.ndarray]:
        """Return the interpolated box (4,) and landmarks (5, 2) in fractions of the frame."""
        after = int(np.clip(np.searchsorted(self.times_s, time_s), 1, max(len(self.times_s) - 1, 1)))
        here = slice(after - 1, after + 1)
        times_s, values = self.times_s[here], self.values[here]
        now = np.array([np.interp(time_s, times_s, column) for column in values.T])
        return now[:4], now[4:].reshape(-1, 2)


def add_landmark_features(face: FaceTrack, track: LandmarkTrack) -> FaceTrack:
    """Return the face track with head pose, gaze and lip movement, averaged around each of its times, and gestures."""
    times = np.array(track.times_s)
    poses = np.array(track.pose_deg).reshape(-1, 3)
    gaze = np.array(track.gaze).reshape(-1, 2)
    elapsed_s = np.maximum(np.diff(times, prepend=times[:1] - 1 / LANDMARK_FPS), 1e-3)
    speed = np.abs(np.diff(track.opening, prepend=track.opening[:1])) / elapsed_s
    head_pose: list[tuple[float, float, float] | None] = []
    facing_camera: list[float | None] = []
    mouth_movement = []
    for time_s in face.times_s:
        near, near_gaze = _near(times, time_s), gaze[_near(gaze[:, 0], time_s), 1]
        known = len(times[near]) > 0
        yaw, pitch, roll = poses[near].mean(axis=0).round(1).tolist() if known else (0.0, 0.0, 0.0)
        head_pose.append((yaw, pitch, roll) if known else None)
        facing_camera.append(round(float(near_gaze.mean()), 3) if len(near_gaze) else None)
        mouth_movement.append(round(float(speed[near].mean()), 4) if known else 0.0)
    gestures = [*detect_head_gestures(times, poses), *merge_gestures(track.gestures)]
    return replace(
        face,
        head_pose=tuple(head_pose),
        facing_camera=tuple(facing_camera),
        mouth_movement=tuple(mouth_movement),
        gestures=tuple(sorted(gestures, key=lambda g: g.start_s)),
    )


def _near(times_s: np.ndarray, time_s: float) -> slice:
    first = int(np.searchsorted(times_s, time_s - _AVERAGE_S))
    return slice(first, int(np.searchsorted(times_s, time_s + _AVERAGE_S, side="right")))
