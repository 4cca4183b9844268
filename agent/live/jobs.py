"""Work beside a live conversation: in threads as it happens, or one after the other in simulated time."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Generic, Protocol, TypeVar

T = TypeVar("T")
Timer = Callable[[], float]


class Job(Generic[T]):
    """Work that was started.

    Attributes:
        started_s: the session's time when it was submitted.
    """

    def __init__(self, started_s: float, timer: Timer = time.perf_counter) -> None:
        self.started_s = started_s
        self.is_cancelled = False
        self._future: Future[T] = Future()
        self._timer, self._began = timer, timer()
        self._ready_s: float | None = None  # in simulated time only
        self._offered: tuple[T, float] | None = None

    def cancel(self) -> None:
        """Nobody wants the result any more: work that looks at ``is_cancelled`` stops."""
        self.is_cancelled = True

    def now_s(self) -> float:
        """Return the session's time, for the work itself."""
        return self.started_s + self._timer() - self._began

    def offer(self, result: T) -> None:
        """Hand out the result before the work is done, for the work itself: what may be used already."""
        if self._offered is None:  # later parts of it say by themselves when they are there
            self._offered = result, self.now_s()

    def offered(self, now_s: float) -> T | None:
        """Return what was handed out by now."""
        if self._offered is None or (self._ready_s is not None and now_s < min(self._offered[1], self._ready_s) - 1e-9):
            return None
        return self._offered[0]

    def is_done(self, now_s: float) -> bool:
        """Whether there is a result (or an exception) by now."""
        return self._future.done() and (self._ready_s is None or now_s >= self._ready_s - 1e-9)

    def result(self) -> T:
        """Return the result, waiting for it; raises what the work raised."""
        return self._future.result()

    def run(self, work: Callable[[Job[T]], T]) -> None:
        """Do the work now."""
        try:
            self._future.set_result(work(self))
        except BaseException as error:
            self._future.set_exception(error)

    def hold_back(self, seconds: float | None) -> None:
        """Let the result be there only after the time that the work took, or after these seconds."""
        self._ready_s = self.now_s() if seconds is None else self.started_s + seconds


class Jobs(Protocol):
    """Starts work."""

    def submit(self, work: Callable[[Job[Any]], T], now_s: float) -> Job[T]:
        """Start work, which is given its job."""
        ...

    def close(self) -> None:
        """Wait for what is running."""
        ...


class ThreadJobs:
    """Runs work in threads.

    Args:
        on_done: called when a job is done, from its thread.
        threads: how many jobs run at once; others wait.
    """

    def __init__(self, on_done: Callable[[], None], threads: int = 4) -> None:
        self._on_done = on_done
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="live-job")

    def submit(self, work: Callable[[Job[Any]], T], now_s: float) -> Job[T]:
        """Start work in a thread."""
        job: Job[T] = Job(now_s)
        self._pool.submit(self._run, job, work)
        return job

    def _run(self, job: Job[T], work: Callable[[Job[Any]], T]) -> None:
        job.run(work)
        self._on_done()

    def close(self) -> None:
        """Wait for what is running."""
        self._pool.shutdown(wait=True)


class SimulatedJobs:
    """Runs work at once, in the caller's thread; its result is there after the time that it took, in simulated time.

    Args:
        seconds: that every job takes in simulated time; None: as long as it really took, by the timer.
        timer: ``time.process_time`` leaves out what other processes take of the processor.
    """

    def __init__(self, seconds: float | None = None, timer: Timer = time.perf_counter) -> None:
        self._seconds, self._timer = seconds, timer

    def submit(self, work: Callable[[Job[Any]], T], now_s: float) -> Job[T]:
        """Do the work."""
        job: Job[T] = Job(now_s, self._timer)
        job.run(work)
        job.hold_back(self._seconds)
        return job

    def close(self) -> None:
        """Nothing runs."""
