"""Faces while they are seen: the tracker and the mesh of ``visual`` and ``watching``, fed frame by frame."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np

from omnisense.perception.fusion.timeline import Event
from omnisense.perception.types import FaceTrack, Gesture, SpeakerSegment, VisualStream
from omnisense.perception.vision.expressions import expression_phases
from omnisense.perception.vision.face_detector import EXPRESSIONS
from omnisense.perception.vision.face_mesh import region_of_face
from omnisense.perception.vision.gestures import HEAD_GESTURES, HELD_GAP_S, VERBS
from omnisense.perception.vision.landmarks import EYES_EVERY, LandmarkTrack, described
from omnisense.perception.vision.patches import Region, put_back
from omnisense.perception.vision.tracking import Motion, Sight, Tracker

if TYPE_CHECKING:
    from omnisense.perception.pipeline import Perception

_PRESENT_S = 1.5  # a face not seen for this long has left
_SETTLED_S = 1.0  # an expression counts once it has held this long
_LOOK_BACK_S = 12.0  # what is told rests on this much
_OVER_S = 0.5


class _Head(NamedTuple):
    """What is kept of a head at one moment."""

    pose_deg: tuple[float, float, float] | None
    facing: float | None
    movement: float


class LiveFaces:
    """Looks at frames; tells what is new as events."""

    def __init__(self, perception: Perception) -> None:
        self._perception = perception
        self._tracker, self._motion = Tracker(), Motion()
        self._times: list[float] = []
        self._regions: dict[str, Region] = {}
        self._watched: dict[str, LandmarkTrack] = {}
        self._noted: dict[str, dict[float, _Head]] = {}
        self._gestures: dict[str, list[Gesture]] = {}
        self._told: dict[str, str] = {}
        self._present: dict[str, float] = {}
        self.last_s, self.size = 0.0, (0, 0)
        self._frames = 0

    def add(self, time_s: float, frame: np.ndarray) -> list[Event]:
        """Take in a frame; frames that come out of order are left out."""
        if self._frames and time_s <= self.last_s:
            return []
        with self._perception.registry.vision_lock:
            return self._look(time_s, self._scaled(frame))

    def _scaled(self, frame: np.ndarray) -> np.ndarray:
        """At the size that the settings' sampling gives a file's frames."""
        height, width = frame.shape[:2]
        plan = self._perception.settings.sampling.plan(0.0, 0.0, 1, width, height)
        if (plan.width, plan.height) == (width, height):
            return frame
        return cv2.resize(frame, (plan.width, plan.height), interpolation=cv2.INTER_AREA)

    def _look(self, time_s: float, frame: np.ndarray) -> list[Event]:
        self._frames, self.last_s, self.size = self._frames + 1, time_s, (frame.shape[1], frame.shape[0])
        self._watch(time_s, frame)
        if self._times and time_s - self._times[-1] < 1 / self._perception.settings.sampling.fps - 1e-3:
            return []
        detector, reader, _, body = self._perception.registry.vision_models()
        grey = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
        if self._motion.add(time_s, frame, grey):
            self._tracker.cut()
        faces = detector.detect(frame)
        self._tracker.add(time_s, [Sight.of(face, grey, reader) for face in faces])
        self._times.append(time_s)
        tracks = self._tracks(time_s - _LOOK_BACK_S)
        events = self._gone(time_s)
        for track in tracks:
            if track.times_s[-1] == round(time_s, 4):
                box, landmarks = np.array(track.boxes[-1]), np.array(track.landmarks[-1]).reshape(-1, 2)
                expected = region_of_face(box, landmarks, *self.size)
                self._regions[track.id] = put_back(self._regions.get(track.id), expected)
                if body and track.id in self._watched:
                    self._watched[track.id].add_body(time_s, frame, box, landmarks, body)
                events += self._news(track, time_s)
        return events

    def _watch(self, time_s: float, frame: np.ndarray) -> None:
        _, _, mesh, _ = self._perception.registry.vision_models()
        for track, region in list(self._regions.items()) if mesh else []:
            look = mesh.look(frame, region, eyes=self._frames % EYES_EVERY == 0)
            if look is None:
                del self._regions[track]
                continue
            self._regions[track] = look.region
            self._watched.setdefault(track, LandmarkTrack(track)).add(time_s, look)

    def _gone(self, time_s: float) -> list[Event]:
        events = []
        for track, last_s in list(self._present.items()):
            if time_s - last_s >= _PRESENT_S:
                del self._present[track]
                self._regions.pop(track, None)
                events.append(_event(last_s, last_s, track, f"{track} is no longer in view"))
        return events

    def _news(self, track: FaceTrack, time_s: float) -> list[Event]:
        """What is new of a face that is in this frame."""
        events = []
        if track.id not in self._present:
            events.append(_event(track.start_s, time_s, track.id, f"a face appears ({track.id})"))
        self._present[track.id] = time_s
        phases = expression_phases(track, EXPRESSIONS) if track.expression else []
        if phases and phases[-1].end_s - phases[-1].start_s >= _SETTLED_S:
            now = phases[-1]
            if self._told.get(track.id) != now.expression:
                self._told[track.id] = now.expression
                events.append(_event(now.start_s, time_s, track.id, f"{track.id} looks {now.expression}"))
        if track.id in self._watched:
            events += self._moves(track, time_s)
        return events

    def _moves(self, track: FaceTrack, time_s: float) -> list[Event]:
        """Note where the head points now; tell of gestures that are new."""
        found = described(track, self._watched[track.id])
        self._noted.setdefault(track.id, {})[round(time_s, 4)] = _Head(
            found.head_pose[-1], found.facing_camera[-1], found.mouth_movement[-1]
        )
        fresh = [g for g in found.gestures if self._is_new(track.id, g, time_s)]
        return [_event(g.start_s, g.end_s, track.id, f"{track.id} {VERBS[g.kind]}") for g in fresh]

    def _is_new(self, track: str, gesture: Gesture, time_s: float) -> bool:
        """Note a gesture, and whether it is one more: of what is held, the end moves on from look to look."""
        if gesture.kind in HEAD_GESTURES and gesture.end_s >= time_s - _OVER_S:
            return False  # it may go on
        known = self._gestures.setdefault(track, [])
        for at, old in enumerate(known):
            if old.kind == gesture.kind and gesture.start_s <= old.end_s + HELD_GAP_S * (
                gesture.kind not in HEAD_GESTURES
            ):
                known[at] = replace(old, end_s=max(old.end_s, gesture.end_s))
                return False
        known.append(gesture)
        return True

    def spoke(self, part: SpeakerSegment) -> Event:
        """Somebody in view has said something."""
        return Event("", part.start_s, part.end_s, "person", part.face or "", f"{part.face} speaks ({part.voice})", 0.7)

    def _tracks(self, since_s: float = 0.0) -> list[FaceTrack]:
        step_s = float(np.median(np.diff(self._times[-20:]))) if len(self._times) > 1 else 0.0
        return list(self._tracker.tracks(step_s, self.last_s, len(self._times) < 4, since_s))

    def watched(self) -> list[LandmarkTrack]:
        """The faces' lips, as far back as is kept; copies, for whoever works beside."""
        return [copy.deepcopy(watched) for watched in self._watched.values()]

    def forget(self, before_s: float) -> None:
        """Drop what lips and heads did before this; it is noted by then."""
        for watched in self._watched.values():
            watched.forget(before_s)

    def stream(self) -> VisualStream | None:
        """What was seen so far; None when no frame came."""
        if not self._frames:
            return None
        return VisualStream(
            times_s=tuple(round(t, 4) for t in self._times),
            width=self.size[0],
            height=self.size[1],
            faces=tuple(self._complete(track) for track in self._tracks()),
            motion=tuple(round(m, 4) for m in self._motion.energy),
            shot_cuts_s=tuple(self._motion.cuts_s),
            expression_labels=EXPRESSIONS if self._perception.registry.vision_models()[1] else (),
            notes=self._perception.registry.missing_vision_models(),
        )

    def _complete(self, track: FaceTrack) -> FaceTrack:
        """A track with what was noted of it on the way."""
        noted = self._noted.get(track.id)
        if not noted:
            return track
        each = [noted.get(time_s) for time_s in track.times_s]
        return replace(
            track,
            head_pose=tuple(n.pose_deg if n else None for n in each),
            facing_camera=tuple(n.facing if n else None for n in each),
            mouth_movement=tuple(n.movement if n else 0.0 for n in each),
            gestures=tuple(self._gestures.get(track.id, [])),
        )


def _event(start_s: float, end_s: float, who: str, text: str) -> Event:
    return Event("", round(start_s, 2), round(end_s, 2), "face", who, text, 0.7)
