"""A live conversation in simulated time: as fast as the machine goes, and the same every time.

What is heard is cut into pieces of 20 ms, and the engine works after each as it would in real time. Work that takes
time is done at once; its result is there after as many seconds of simulated time as it took.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import numpy as np

from omnisense.agent.agent import Agent
from omnisense.agent.live.engine import Engine
from omnisense.agent.live.events import LiveEvent, ReplyAudio, ReplyPaused
from omnisense.agent.live.jobs import SimulatedJobs, Timer
from omnisense.agent.live.settings import LiveSettings
from omnisense.agent.voice.base import NoVoice, Voice
from omnisense.perception.media.clip import Clip
from omnisense.perception.media.decode import SAMPLE_RATE_HZ
from omnisense.perception.media.sampling import Sampling

_STEP = SAMPLE_RATE_HZ // 50
_FRAME_RATE = 10.0  # frames a second that are shown of a video
_E = TypeVar("_E")


class Simulation:
    """A conversation that is driven by what is heard.

    Args:
        agent: answers.
        voice: speaks; None: replies are text only.
        settings: of turn taking.
        thread_id: the conversation; None for one that is not kept.
        job_s: seconds that every job takes; None: as long as it really took.
        timer: measures that; ``time.process_time`` leaves out what other processes take of the processor.
        run_folder: for the latencies.

    Attributes:
        now_s: the simulated time.
        events: everything that happened.
    """

    def __init__(
        self,
        agent: Agent,
        voice: Voice | None = None,
        settings: LiveSettings | None = None,
        thread_id: str | None = None,
        job_s: float | None = None,
        timer: Timer = time.process_time,
        run_folder: Path | None = None,
    ) -> None:
        self.now_s = 0.0
        self.events: list[LiveEvent] = []
        self._rest = np.zeros(0, np.float32)
        self._heard: list[np.ndarray] = []
        self._frames: Iterator[tuple[float, np.ndarray]] = iter(())
        self._next_frame: tuple[float, np.ndarray] | None = None
        self.engine = Engine(
            agent,
            voice or NoVoice(),
            settings or LiveSettings(),
            thread_id,
            SimulatedJobs(job_s, timer),
            self.events.append,
            run_folder,
        )

    def __enter__(self) -> Simulation:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def show(self, clip: Clip) -> None:
        """Show a video from now on, while sound goes in; at its end the last frame stays."""
        began_s = self.now_s
        frames = clip.iter_frames(Sampling(fps=_FRAME_RATE), in_order=True)
        self._frames = (
            (began_s + float(time_s), image)
            for part in frames
            for time_s, image in zip(part.times_s, part.images, strict=True)
        )
        self._next_frame = next(self._frames, None)

    def hear(self, samples: np.ndarray) -> None:
        """Let (N,) float32 at 16 kHz go in."""
        waiting = np.concatenate([self._rest, samples.astype(np.float32)])
        whole = len(waiting) // _STEP * _STEP
        self._rest = waiting[whole:]
        for first in range(0, whole, _STEP):
            self.now_s = round(self.now_s + _STEP / SAMPLE_RATE_HZ, 4)
            while self._next_frame is not None and self._next_frame[0] <= self.now_s:
                self.engine.see(self._next_frame[1], self.now_s)
                self._next_frame = next(self._frames, None)
            self._heard.append(waiting[first : first + _STEP])
            self.engine.hear(self._heard[-1], self.now_s)
            self.engine.step(self.now_s)

    def wait(self, seconds: float) -> None:
        """Let silence go in."""
        self.hear(np.zeros(round(seconds * SAMPLE_RATE_HZ), np.float32))

    def wait_for(self, kind: type[_E], timeout_s: float = 15.0) -> _E | None:
        """Let silence go in until something happens; return it, or None where it does not within ``timeout_s``."""
        seen, until_s = len(self.events), self.now_s + timeout_s
        while self.now_s < until_s:
            self.wait(_STEP / SAMPLE_RATE_HZ)
            for event in self.events[seen:]:
                if isinstance(event, kind):
                    return event
            seen = len(self.events)
        return None

    def of(self, kind: type[_E]) -> list[_E]:
        """Return what happened of one kind."""
        return [event for event in self.events if isinstance(event, kind)]

    def sound(self, reply_id: str) -> np.ndarray:
        """Return the sound of a reply that was handed out, (N,) float32; what came again after a pause counts once."""
        pieces = [event for event in self.of(ReplyAudio) if event.reply_id == reply_id]
        rate = pieces[0].sample_rate if pieces else 1
        ends = [round(piece.start_s * rate) + len(piece.samples) for piece in pieces]
        whole = np.zeros(max(ends, default=0), np.float32)
        for piece, end in zip(pieces, ends, strict=True):
            whole[end - len(piece.samples) : end] = piece.samples
        return whole

    def recording(self, sample_rate: int) -> np.ndarray:
        """Return the conversation as it was heard, (N, 2) float32: the people on the left, the agent on the right."""
        from math import gcd

        from scipy.signal import resample_poly

        divisor = gcd(sample_rate, SAMPLE_RATE_HZ)
        heard = np.concatenate([np.zeros(0, np.float32), *self._heard])
        people = resample_poly(heard, sample_rate // divisor, SAMPLE_RATE_HZ // divisor)
        whole = np.zeros((len(people) + sample_rate, 2), np.float32)
        whole[: len(people), 0] = people
        at = 0
        for event in self.events:
            if isinstance(event, ReplyPaused):  # what was handed out and not played is dropped
                whole[round(event.at_s * sample_rate) :, 1] = 0.0
                at = 0
            if isinstance(event, ReplyAudio) and event.sample_rate == sample_rate:
                at = max(at, round(event.at_s * sample_rate))
                part = event.samples[: max(0, len(whole) - at)]
                whole[at : at + len(part), 1] = part
                at += len(part)
        return whole

    def close(self) -> None:
        """End the conversation."""
        self.engine.close(self.now_s)
