"""Limits by key, and the queue of turns."""

from __future__ import annotations

import asyncio
import math
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from omnisense.agent.service.errors import ServiceError

_T = TypeVar("_T")
_USUAL_TURN_S = 1.0  # until one has been measured


class RateLimit:
    """A token bucket for each owner: bursts of a minute's requests (at least one), refilled evenly."""

    def __init__(self, per_minute: float) -> None:
        self._per_minute, self._most = per_minute, max(1.0, per_minute)
        self._buckets: dict[str, tuple[float, float]] = {}

    def take(self, owner: str) -> None:
        """Count a request.

        Raises:
            ServiceError: 429, the owner's requests of this minute are used up.
        """
        now = time.monotonic()
        left, at = self._buckets.get(owner, (self._most, now))
        left = min(self._most, left + (now - at) * self._per_minute / 60)
        if left < 1:
            self._buckets[owner] = (left, now)
            raise too_many(
                f"more than {self._per_minute:g} requests a minute", (1 - left) * 60 / self._per_minute, "rate_limit"
            )
        self._buckets[owner] = (left - 1, now)


class TurnQueue:
    """Runs turns in threads, as many at a time as the settings say; the others wait in order.

    Args:
        workers: turns at the same time.
        max_waiting: how many more may wait.
        max_per_owner: how many of both one owner may have.
        on_change: called with the numbers of running and of waiting turns.
    """

    def __init__(
        self, workers: int, max_waiting: int, max_per_owner: int, on_change: Callable[[int, int], None]
    ) -> None:
        self._workers, self._max_waiting, self._max_per_owner = workers, max_waiting, max_per_owner
        self._on_change = on_change
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="turn")
        self._guard = threading.Lock()
        self._by_owner: Counter[str] = Counter()
        self._turn_s = _USUAL_TURN_S
        self._is_draining = False

    @property
    def admitted(self) -> int:
        """The number of turns that run or wait."""
        return self._by_owner.total()

    def submit(self, owner: str, work: Callable[[], _T]) -> asyncio.Future[_T]:
        """Queue a piece of work; it runs to its end even when nobody awaits the result any more.

        Raises:
            ServiceError: 429, the queue is full or the owner has too many turns in it; 503, it is being drained.
        """
        with self._guard:
            if self._is_draining:
                raise ServiceError(503, "the server is shutting down", "shutting_down", headers={"Retry-After": "5"})
            if self.admitted >= self._workers + self._max_waiting:
                waiting_s = self._turn_s * self.admitted / self._workers
                raise too_many("the server's queue is full", waiting_s, "queue_full")
            if self._by_owner[owner] >= self._max_per_owner:
                raise too_many(f"more than {self._max_per_owner} turns at the same time", self._turn_s, "concurrency")
            self._by_owner[owner] += 1
        self._report()

        def run() -> _T:
            began = time.perf_counter()
            try:
                return work()
            finally:
                with self._guard:
                    self._turn_s += 0.2 * (time.perf_counter() - began - self._turn_s)
                    self._by_owner[owner] -= 1
                    if not self._by_owner[owner]:
                        del self._by_owner[owner]
                self._report()

        # Whoever awaits it may be cancelled, as when a client leaves; the work is not.
        return asyncio.shield(asyncio.wrap_future(self._pool.submit(run)))

    async def drain(self, timeout_s: float) -> bool:
        """Take no further work, and wait until none runs or waits; return whether that came in time."""
        self._is_draining = True
        deadline = time.monotonic() + timeout_s
        while self.admitted and time.monotonic() < deadline:
            await asyncio.sleep(0.05)
        return not self.admitted

    def close(self) -> None:
        """Start no further turn."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _report(self) -> None:
        self._on_change(min(self.admitted, self._workers), max(0, self.admitted - self._workers))


def too_many(what: str, retry_after_s: float, code: str) -> ServiceError:
    """Return the error for more than the service gives: 429 with Retry-After."""
    seconds = max(1, math.ceil(retry_after_s))
    return ServiceError(429, f"{what}: try again in {seconds} s", code, headers={"Retry-After": str(seconds)})
