"""Live face tracking: the tracker and the face mesh of files, fed frame by frame, with events for what changes."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

import cv2
import numpy as np

from omnisense.perception.media.sampling import Sampling
from omnisense.perception.registry import ModelRegistry
from omnisense.perception.types import Event, FaceTrack, Gesture, SpeakerSegment, VisualStream
from omnisense.perception.vision.expression_classifier import EXPRESSIONS
from omnisense.perception.vision.expressions import expression_phases
from omnisense.perception.vision.face_mesh import region_of_face
from omnisense.perception.vision.gestures import GESTURE_PHRASES, HEAD_GESTURES, MAX_GESTURE_GAP_S
from omnisense.perception.vision.landmarks import GAZE_INTERVAL, LandmarkTrack, add_landmark_features
from omnisense.perception.vision.litert import Region, follow_region
from omnisense.perception.vision.models import VisionModels
from omnisense.perception.vision.tracking import FaceObservation, Motion, Tracker

_GONE_AFTER_S = 1.5  # a face that is not detected for this long has left
_SETTLED_S = 1.0  # an expression counts once it has lasted this long
_WINDOW_S = 12.0  # of the observations that events are derived from
_COMPLETE_AFTER_S = 0.5  # a nod that ended this long ago does not continue


class _HeadState(NamedTuple):
    """What is kept of a head at one time."""

    pose_deg: tuple[float, float, float] | None
    facing_camera: float | None
    mouth_movement: float


class LiveFaceTracker:
    """Tracks faces frame by frame and reports what changes as events.

    Args:
        registry: of the vision models.
        sampling: how often faces are detected, and at what size; lips and heads are measured in every frame.
    """

    def __init__(self, registry: ModelRegistry, sampling: Sampling) -> None:
        self._registry, self._sampling = registry, sampling
        self._tracker, self._motion = Tracker(), Motion()
        self._times: list[float] = []
        self._regions: dict[str, Region] = {}
        self._landmarks: dict[str, LandmarkTrack] = {}
        self._heads: dict[str, dict[float, _HeadState]] = {}
        self._gestures: dict[str, list[Gesture]] = {}
        self._reported_expressions: dict[str, str] = {}
        self._visible: dict[str, float] = {}
        self.last_s, self.size = 0.0, (0, 0)
        self._num_frames = 0

    def add(self, time_s: float, frame: np.ndarray) -> list[Event]:
        """Add a frame, and return the events in it; a frame that is not newer than the last one is ignored.

        Args:
            time_s: of the frame.
            frame: (H, W, 3) uint8 RGB.
        """
        if self._num_frames and time_s <= self.last_s:
            return []
        with self._registry.vision_lock:
            return self._process(time_s, self._scale(frame))

    def _scale(self, frame: np.ndarray) -> np.ndarray:
        """Return the frame at the size that the sampling gives frames of a file."""
        height, width = frame.shape[:2]
        plan = self._sampling.plan(0.0, 0.0, 1, width, height)
        if (plan.width, plan.height) == (width, height):
            return frame
        return cv2.resize(frame, (plan.width, plan.height), interpolation=cv2.INTER_AREA)

    def _process(self, time_s: float, frame: np.ndarray) -> list[Event]:
        self._num_frames, self.last_s, self.size = self._num_frames + 1, time_s, (frame.shape[1], frame.shape[0])
        models = self._registry.vision_models()
        self._add_meshes(time_s, frame, models)
        if self._times and time_s - self._times[-1] < 1 / self._sampling.fps - 1e-3:
            return []
        gray = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
        if self._motion.add(time_s, frame, gray):
            self._tracker.cut()
        faces = models.face_detector.detect(frame)
        observations = [FaceObservation.of(face, gray, models.expression_classifier) for face in faces]
        if self._tracker.add(time_s, observations, changed=self._motion.has_changed):
            self._motion.cuts_s.append(time_s)
        self._times.append(time_s)
        tracks = self._tracks(time_s - _WINDOW_S)
        events = list(self._departures(time_s))
        for track in tracks:
            if track.times_s[-1] == round(time_s, 4):
                box, landmarks = np.array(track.boxes[-1]), np.array(track.landmarks[-1]).reshape(-1, 2)
                expected = region_of_face(box, landmarks, *self.size)
                self._regions[track.id] = follow_region(self._regions.get(track.id), expected)
                if models.body_estimator and track.id in self._landmarks:
                    self._landmarks[track.id].add_body(time_s, frame, box, landmarks, models.body_estimator)
                events += self._changes(track, time_s)
        return events

    def _add_meshes(self, time_s: float, frame: np.ndarray, models: VisionModels) -> None:
        if models.face_mesh is None:
            return
        for track, region in list(self._regions.items()):
            mesh = models.face_mesh.estimate(frame, region, with_gaze=self._num_frames % GAZE_INTERVAL == 0)
            if mesh is None:
                del self._regions[track]
                continue
            self._regions[track] = mesh.region
            self._landmarks.setdefault(track, LandmarkTrack(track)).add(time_s, mesh)

    # --- events ---------------------------------------------------------------------------------------------

    def _departures(self, time_s: float) -> Iterator[Event]:
        for track, last_s in list(self._visible.items()):
            if time_s - last_s >= _GONE_AFTER_S:
                del self._visible[track]
                self._regions.pop(track, None)
                yield _face_event(last_s, last_s, track, f"{track} is no longer in view")

    def _changes(self, track: FaceTrack, time_s: float) -> Iterator[Event]:
        """Yield what is new about a face in this frame."""
        if track.id not in self._visible:
            yield _face_event(track.start_s, time_s, track.id, f"a face appears ({track.id})")
        self._visible[track.id] = time_s
        least = self._registry.settings.min_expression
        phases = expression_phases(track, EXPRESSIONS, least) if track.expression else []
        if phases and phases[-1].end_s - phases[-1].start_s >= _SETTLED_S:
            current = phases[-1]
            if self._reported_expressions.get(track.id) != current.expression:
                self._reported_expressions[track.id] = current.expression
                yield _face_event(current.start_s, time_s, track.id, f"{track.id} looks {current.expression}")
        if track.id in self._landmarks:
            yield from self._new_gestures(track, time_s)

    def _new_gestures(self, track: FaceTrack, time_s: float) -> Iterator[Event]:
        """Record the state of the head, and yield gestures that are new."""
        face = add_landmark_features(track, self._landmarks[track.id])
        self._heads.setdefault(track.id, {})[round(time_s, 4)] = _HeadState(
            face.head_pose[-1], face.facing_camera[-1], face.mouth_movement[-1]
        )
        for gesture in face.gestures:
            if self._record_gesture(track.id, gesture, time_s):
                text = f"{track.id} {GESTURE_PHRASES[gesture.kind]}"
                yield _face_event(gesture.start_s, gesture.end_s, track.id, text)

    def _record_gesture(self, track: str, gesture: Gesture, time_s: float) -> bool:
        """Record a gesture and return whether it is a new one; a held gesture is extended from frame to frame."""
        is_movement = gesture.kind in HEAD_GESTURES
        if is_movement and gesture.end_s >= time_s - _COMPLETE_AFTER_S:
            return False  # it may continue
        known = self._gestures.setdefault(track, [])
        for index, old in enumerate(known):
            max_gap_s = 0.0 if is_movement else MAX_GESTURE_GAP_S
            if old.kind == gesture.kind and gesture.start_s <= old.end_s + max_gap_s:
                known[index] = replace(old, end_s=max(old.end_s, gesture.end_s))
                return False
        known.append(gesture)
        return True

    # --- results --------------------------------------------------------------------------------------------

    def landmark_tracks(self) -> list[LandmarkTrack]:
        """Return copies of the faces' measurements, as far back as they are kept, for use in another thread."""
        return [copy.deepcopy(track) for track in self._landmarks.values()]

    def gaze_between(self, start_s: float, end_s: float) -> dict[str, float]:
        """Return how much each face has looked into the camera between two times, 0 to 1, by track."""
        tracks = self._landmarks.items()
        looks = {name: [f for time_s, f in track.gaze if start_s <= time_s <= end_s] for name, track in tracks}
        return {name: float(np.mean(seen)) for name, seen in looks.items() if seen}

    def drop_before(self, time_s: float) -> None:
        """Drop measurements before a time; what was derived from them is kept."""
        for track in self._landmarks.values():
            track.drop_before(time_s)

    def stream(self) -> VisualStream | None:
        """Return the visual stream so far; None before the first frame."""
        if not self._num_frames:
            return None
        models = self._registry.vision_models()
        return VisualStream(
            times_s=tuple(round(t, 4) for t in self._times),
            width=self.size[0],
            height=self.size[1],
            faces=tuple(self._add_heads(track) for track in self._tracks()),
            motion=tuple(round(m, 4) for m in self._motion.energy),
            shot_cuts_s=tuple(self._motion.cuts_s),
            expression_labels=EXPRESSIONS if models.expression_classifier else (),
            notes=models.notes,
            min_expression=self._registry.settings.min_expression,
        )

    def _tracks(self, since_s: float = 0.0) -> list[FaceTrack]:
        step_s = float(np.median(np.diff(self._times[-20:]))) if len(self._times) > 1 else 0.0
        return list(self._tracker.tracks(step_s, self.last_s, len(self._times) < 4, since_s))

    def _add_heads(self, track: FaceTrack) -> FaceTrack:
        """Return a track with the recorded states of its head, and its gestures."""
        heads = self._heads.get(track.id)
        if not heads:
            return track
        states = [heads.get(time_s) for time_s in track.times_s]
        return replace(
            track,
            head_pose=tuple(s.pose_deg if s else None for s in states),
            facing_camera=tuple(s.facing_camera if s else None for s in states),
            mouth_movement=tuple(s.mouth_movement if s else 0.0 for s in states),
            gestures=tuple(self._gestures.get(track.id, [])),
        )


def speaking_event(segment: SpeakerSegment) -> Event:
    """Return the event of a visible person who has spoken."""
    face = segment.face or ""
    return Event("", segment.start_s, segment.end_s, "person", face, f"{face} speaks ({segment.speaker})", 0.7)


def _face_event(start_s: float, end_s: float, who: str, text: str) -> Event:
    return Event("", round(start_s, 2), round(end_s, 2), "face", who, text, 0.7)
