"""Faces watched closely: lips, head and eyes of every track, 25 times a second.

``visual`` finds and follows faces in a few frames a second, which is enough for an expression. Speech, nods and glances
are faster: between those frames the face mesh follows each face by itself, from one frame to the next.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from omnisense.perception.decoding import one_ahead
from omnisense.perception.face_mesh import FaceMesh, Look, Region, region_of_face
from omnisense.perception.gestures import head_gestures
from omnisense.perception.media import Clip
from omnisense.perception.percepts import FaceTrack, VisualStream
from omnisense.perception.sampling import Sampling

WATCH_FPS = 25.0  # lips close for a p within 80 ms
EYES_EVERY = 5
_NEAR_S = 0.3  # what a track's entry says of the head is the mean over this long around it
_MIN_OVERLAP = 0.2


@dataclass
class Watched:
    """One face, watched: times (T,) in seconds, lip opening and mouth width (T,) in face heights, pose (T, 3).

    ``looks`` are the gazes: times and how much the camera was faced, 0 to 1.
    """

    track: str
    times_s: list[float] = field(default_factory=list)
    opening: list[float] = field(default_factory=list)
    width: list[float] = field(default_factory=list)
    pose_deg: list[tuple[float, float, float]] = field(default_factory=list)
    looks: list[tuple[float, float]] = field(default_factory=list)

    def add(self, time_s: float, look: Look) -> None:
        """Take the next frame's mesh."""
        self.times_s.append(time_s)
        self.opening.append(look.opening)
        self.width.append(look.width)
        self.pose_deg.append(look.pose_deg)
        if look.facing is not None:
            self.looks.append((time_s, look.facing))

    def forget(self, before_s: float) -> None:
        """Drop what was before."""
        first = bisect.bisect_left(self.times_s, before_s)
        for series in (self.times_s, self.opening, self.width, self.pose_deg):
            del series[:first]
        self.looks = [look for look in self.looks if look[0] >= before_s]


def watch(clip: Clip, visual: VisualStream, mesh: FaceMesh) -> tuple[VisualStream, list[Watched]]:
    """Watch every face track of a clip closely.

    Returns:
        The stream with head pose, gaze, lip movement and gestures in its tracks, and what was watched.
    """
    watched = {face.id: Watched(face.id) for face in visual.faces}
    regions: dict[str, Region] = {}
    paths = {face.id: _Path.of(face) for face in visual.faces}
    for number, (time_s, image) in enumerate(_frames(clip, visual)):
        for face in visual.faces:
            if not face.start_s - 1e-6 <= time_s <= face.end_s:
                regions.pop(face.id, None)
                continue
            expected = paths[face.id].at(time_s, image.shape[1], image.shape[0])
            region = put_back(regions.get(face.id), expected)
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

    def at(self, time_s: float, width: int, height: int) -> Region:
        after = int(np.clip(np.searchsorted(self.times_s, time_s), 1, max(len(self.times_s) - 1, 1)))
        here = slice(after - 1, after + 1)
        times_s, marks = self.times_s[here], self.marks[here]
        now = np.array([np.interp(time_s, times_s, column) for column in marks.T])
        return region_of_face(now[:4], now[4:].reshape(-1, 2), width, height)


def put_back(region: Region | None, expected: Region) -> Region:
    """Where to look for a face: where its mesh was, unless that has slid off it or there was none."""
    return region if region is not None and _overlap(region, expected) >= _MIN_OVERLAP else expected


def _overlap(a: Region, b: Region) -> float:
    """Intersection over union of two regions, their roll left aside."""
    low = np.maximum(a.centre - a.side / 2, b.centre - b.side / 2)
    high = np.minimum(a.centre + a.side / 2, b.centre + b.side / 2)
    shared = float(np.clip(high - low, 0, None).prod())
    return shared / max(a.side**2 + b.side**2 - shared, 1e-9)


def _near(times_s: np.ndarray, time_s: float) -> slice:
    return slice(np.searchsorted(times_s, time_s - _NEAR_S), np.searchsorted(times_s, time_s + _NEAR_S, side="right"))


def described(face: FaceTrack, watched: Watched) -> FaceTrack:
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
        gestures=tuple(head_gestures(times, poses)),
    )
