"""Faces watched closely: lips, head and eyes of every track 25 times a second, body and hands more seldom.

``visual`` finds and follows faces in a few frames a second, which is enough for an expression. Speech, nods and glances
are faster: between those frames the face mesh follows each face by itself, from one frame to the next.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from omnisense.perception.media.clip import Clip
from omnisense.perception.media.decode import one_ahead
from omnisense.perception.media.sampling import Sampling
from omnisense.perception.types import FaceTrack, VisualStream
from omnisense.perception.vision.body import BodyReader, BodyState
from omnisense.perception.vision.face_mesh import FaceMesh, FaceMeshResult, region_of_face
from omnisense.perception.vision.gestures import acts, head_gestures, held
from omnisense.perception.vision.patches import Region, put_back

WATCH_FPS = 25.0  # lips close for a p within 80 ms
EYES_EVERY = 5
BODY_EVERY_S = 0.4  # a look takes as long as twenty at the lips; hands stay at a face for longer
_NEAR_S = 0.3  # what a track's entry says of the head is the mean over this long around it


@dataclass
class LandmarkTrack:
    """One face, watched: times (T,) in seconds, lip opening and mouth width (T,) in face heights, pose (T, 3).

    ``looks`` are the gazes: times and how much the camera was faced, 0 to 1. ``acts`` are what arms, hands and body
    showed (``gestures.VERBS``), with times; ``stance`` is where they were last.
    """

    track: str
    times_s: list[float] = field(default_factory=list)
    opening: list[float] = field(default_factory=list)
    width: list[float] = field(default_factory=list)
    pose_deg: list[tuple[float, float, float]] = field(default_factory=list)
    looks: list[tuple[float, float]] = field(default_factory=list)
    acts: list[tuple[float, tuple[str, ...]]] = field(default_factory=list)
    stance: BodyState | None = None

    def add(self, time_s: float, look: FaceMeshResult) -> None:
        """Take the next frame's mesh."""
        self.times_s.append(time_s)
        self.opening.append(look.opening)
        self.width.append(look.width)
        self.pose_deg.append(look.pose_deg)
        if look.facing is not None:
            self.looks.append((time_s, look.facing))

    def add_body(
        self, time_s: float, image: np.ndarray, box: np.ndarray, landmarks: np.ndarray, body: BodyReader
    ) -> None:
        """Look at body and hands, unless that was done a moment ago; the face in fractions of the frame."""
        if self.acts and time_s - self.acts[-1][0] < BODY_EVERY_S - 1e-3:
            return
        size = np.array([image.shape[1], image.shape[0]])
        left, top, right, bottom = (box * np.tile(size, 2)).tolist()
        self.stance = body.look(image, (left, top, right, bottom), self.stance)
        self.acts.append((time_s, acts(self.stance, (left, top, right, bottom), landmarks * size)))

    def forget(self, before_s: float) -> None:
        """Drop what was before."""
        first = bisect.bisect_left(self.times_s, before_s)
        for series in (self.times_s, self.opening, self.width, self.pose_deg):
            del series[:first]
        self.looks = [look for look in self.looks if look[0] >= before_s]
        self.acts = [act for act in self.acts if act[0] >= before_s]


def track_landmarks(
    clip: Clip, visual: VisualStream, mesh: FaceMesh, body: BodyReader | None = None
) -> tuple[VisualStream, list[LandmarkTrack]]:
    """Watch every face track of a clip closely, its body and hands too where there is a model for them.

    Returns:
        The stream with head pose, gaze, lip movement and gestures in its tracks, and what was watched.
    """
    watched = {face.id: LandmarkTrack(face.id) for face in visual.faces}
    regions: dict[str, Region] = {}
    paths = {face.id: _Path.of(face) for face in visual.faces}
    for number, (time_s, image) in enumerate(_frames(clip, visual)):
        for face in visual.faces:
            if not face.start_s - 1e-6 <= time_s <= face.end_s:
                regions.pop(face.id, None)
                continue
            box, landmarks = paths[face.id].at(time_s)
            if body:
                watched[face.id].add_body(time_s, image, box, landmarks, body)
            region = put_back(regions.get(face.id), region_of_face(box, landmarks, image.shape[1], image.shape[0]))
            look = mesh.look(image, region, eyes=number % EYES_EVERY == 0)
            if look is None:
                regions.pop(face.id, None)
                continue
            regions[face.id] = look.region
            watched[face.id].add(time_s, look)
    faces = tuple(described(face, watched[face.id]) for face in visual.faces)
    return replace(visual, faces=faces), list(watched.values())


def _frames(clip: Clip, visual: VisualStream) -> Iterator[tuple[float, np.ndarray]]:
    """The frames of the stretches in which a face is in view."""
    if clip.kind == "image":
        yield 0.0, clip.frames().images[0]
        return
    rate = min(WATCH_FPS, clip.frame_rate or WATCH_FPS)
    for start_s, end_s in _stretches(visual):
        window = clip[start_s : max(end_s, start_s + 1 / rate)]
        for frames in one_ahead(window.iter_frames(Sampling(fps=rate), in_order=True)):
            for time_s, image in zip(frames.times_s.tolist(), frames.images, strict=True):
                yield time_s + start_s, image


def _stretches(visual: VisualStream) -> list[tuple[float, float]]:
    joined: list[tuple[float, float]] = []
    for face in sorted(visual.faces, key=lambda f: f.start_s):
        if joined and face.start_s <= joined[-1][1] + 1.0:
            joined[-1] = (joined[-1][0], max(joined[-1][1], face.end_s))
        else:
            joined.append((face.start_s, face.end_s))
    return [(a, b) for a, b in joined if b > a]


@dataclass(frozen=True)
class _Path:
    """Where a face is between the frames in which it was found: times (T,), boxes and landmarks (T, 14)."""

    times_s: np.ndarray
    marks: np.ndarray

    @classmethod
    def of(cls, face: FaceTrack) -> _Path:
        return cls(np.array(face.times_s), np.hstack([np.array(face.boxes), np.array(face.landmarks)]))

    def at(self, time_s: float) -> tuple[np.ndarray, np.ndarray]:
        """Box (4,) and landmarks (5, 2) in fractions of the frame."""
        after = int(np.clip(np.searchsorted(self.times_s, time_s), 1, max(len(self.times_s) - 1, 1)))
        here = slice(after - 1, after + 1)
        times_s, marks = self.times_s[here], self.marks[here]
        now = np.array([np.interp(time_s, times_s, column) for column in marks.T])
        return now[:4], now[4:].reshape(-1, 2)


def _near(times_s: np.ndarray, time_s: float) -> slice:
    return slice(np.searchsorted(times_s, time_s - _NEAR_S), np.searchsorted(times_s, time_s + _NEAR_S, side="right"))


def described(face: FaceTrack, watched: LandmarkTrack) -> FaceTrack:
    """The track with what was watched of it, a mean around each of its times."""
    times = np.array(watched.times_s)
    poses = np.array(watched.pose_deg).reshape(-1, 3)
    looks = np.array(watched.looks).reshape(-1, 2)
    passed_s = np.maximum(np.diff(times, prepend=times[:1] - 1 / WATCH_FPS), 1e-3)
    moved = np.abs(np.diff(watched.opening, prepend=watched.opening[:1])) / passed_s
    pose: list[tuple[float, float, float] | None] = []
    facing: list[float | None] = []
    movement = []
    for time_s in face.times_s:
        near, glances = _near(times, time_s), looks[_near(looks[:, 0], time_s), 1]
        seen = len(times[near]) > 0
        yaw, pitch, roll = poses[near].mean(axis=0).round(1).tolist() if seen else (0.0, 0.0, 0.0)
        pose.append((yaw, pitch, roll) if seen else None)
        facing.append(round(float(glances.mean()), 3) if len(glances) else None)
        movement.append(round(float(moved[near].mean()), 4) if seen else 0.0)
    return replace(
        face,
        head_pose=tuple(pose),
        facing_camera=tuple(facing),
        mouth_movement=tuple(movement),
        gestures=tuple(sorted([*head_gestures(times, poses), *held(watched.acts)], key=lambda g: g.start_s)),
    )
