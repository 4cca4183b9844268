"""What the camera shows in a live conversation, watched beside everything else."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np

from omnisense.agent.live.jobs import Job, Jobs
from omnisense.perception.pipeline import Perception
from omnisense.perception.streaming.faces import LiveFaceTracker
from omnisense.perception.types import Event, VisualStream

_RECENT_S = 1.0  # a look that is older says nothing about now
_KEEP_LIPS_S = 90.0


class Watcher:
    """Follows faces frame by frame in a job of its own; frames that come too fast are left out.

    Args:
        perception: whose models are used.
        jobs: where the work is done.
    """

    def __init__(self, perception: Perception, jobs: Jobs) -> None:
        self._tracker = LiveFaceTracker(perception.registry, perception.settings.sampling)
        self._jobs = jobs
        self._lock = threading.Lock()  # the tracker is used by the job here and by those that read it
        self._running: Job[list[Event]] | None = None
        self._waiting: tuple[float, np.ndarray] | None = None
        self.has_frames = False

    def see(self, frame: np.ndarray, now_s: float) -> None:
        """Watch the next frame (H, W, 3) uint8 RGB, or keep it until the one before is done."""
        self.has_frames = True
        if self._running is not None:
            self._waiting = now_s, frame
            return
        self._start(frame, now_s)

    def _start(self, frame: np.ndarray, now_s: float) -> None:
        def work(_: Job[Any]) -> list[Event]:
            with self._lock:
                return self._tracker.add(now_s, frame)

        self._running = self._jobs.submit(work, now_s)

    def collect(self, now_s: float) -> list[Event]:
        """Return the events of frames that are done by now, and go on with the one that waits."""
        if self._running is None or not self._running.is_done(now_s):
            return []
        events = self._running.result()
        self._running = None
        if self._waiting is not None:
            time_s, frame = self._waiting
            self._waiting = None
            self._start(frame, time_s)
        return events

    def stream(self) -> VisualStream | None:
        """Return everything that was seen so far; None before the first frame."""
        with self._lock:
            return self._tracker.stream() if self.has_frames else None

    def landmark_tracks(self) -> list[Any] | None:
        """Return the faces' measurements for finding out who speaks; None without frames."""
        with self._lock:
            return self._tracker.landmark_tracks() if self.has_frames else None

    def forget_before(self, time_s: float) -> None:
        """Drop the measurements of lips before a time, but for a while."""
        with self._lock:
            self._tracker.drop_before(time_s - _KEEP_LIPS_S)

    def facing_camera(self, now_s: float) -> float | None:
        """Return how much the one face in view looks into the camera now, 0 to 1; None without one, or with several."""
        if not self.has_frames or not self._lock.acquire(blocking=False):
            return None
        try:
            looks = self._tracker.gaze_between(now_s - _RECENT_S, now_s)
        finally:
            self._lock.release()
        return next(iter(looks.values())) if len(looks) == 1 else None

    def gaze_between(self, start_s: float, end_s: float) -> dict[str, float]:
        """Return how much each face looked into the camera between two times, 0 to 1, by track."""
        with self._lock:
            return self._tracker.gaze_between(start_s, end_s)
