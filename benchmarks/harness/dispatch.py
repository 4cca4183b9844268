"""Dispatch: batches of work go to workers, and come back as they are done, whatever happens to a worker.

A worker that dies costs nothing: its batches go to another one. Only a single piece of work that kills its worker
twice is given up.
"""

from __future__ import annotations

import itertools
import logging
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple, Protocol

from omnisense.errors import ModelError, PolicyError

MAX_IN_FLIGHT = 2  # batches at each worker: one is prepared while the other is answered
_MAX_LOSSES = 5  # of workers in a row without a single batch done
_log = logging.getLogger(__name__)
Batch = Sequence[Any]


class Worker(Protocol):
    """Does batches of work. Two threads may call it at once."""

    def work(self, batch: Batch) -> list[Any]:
        """Return the result of each piece of a batch, in its order."""
        ...


class WorkerFactory(Protocol):
    """Makes workers; it is pickled for other processes and machines."""

    def make(self) -> Worker:
        """Return a worker, its models loaded."""
        ...

    def lost(self, one: Any, cause: PolicyError) -> Any:
        """Return the result that stands for a piece of work whose worker died."""
        ...


class Event(NamedTuple):
    """A batch that is done, with its key and results; or, with None for results, a lost worker."""

    worker: int
    key: int
    results: list[Any] | None


class Executor(Protocol):
    """Workers, by number."""

    size: int
    factory: WorkerFactory

    def send(self, worker: int, key: int, batch: Batch) -> None:
        """Hand a batch to a worker; never blocks."""
        ...

    def wait(self) -> Event:
        """Return the next event. Raises the error that kept a worker from being made."""
        ...

    def replace(self, worker: int) -> None:
        """Put a new worker in the place of a lost one."""
        ...

    def close(self) -> None:
        """Stop all workers."""
        ...


def dispatch(executor: Executor, batches: Iterable[Batch]) -> Iterator[list[Any]]:
    """Have all batches done; yield the results of each as it is done. At most two per worker are in memory.

    Raises:
        ModelError: workers keep dying without getting anything done.
    """
    waiting, keys, retries = iter(batches), itertools.count(), deque[tuple[Batch, int]]()
    in_flight: list[dict[int, tuple[Batch, int]]] = [{} for _ in range(executor.size)]
    losses = 0
    while True:
        for worker, mine in enumerate(in_flight):
            # After a death each piece of the lost batches is sent alone: the next death then shows which one it was.
            while (
                len(mine) < MAX_IN_FLIGHT and not any(deaths for _, deaths in mine.values()) and not (retries and mine)
            ):
                entry = retries.popleft() if retries else next(((b, 0) for b in waiting), None)
                if entry is None:
                    break
                key = next(keys)
                mine[key] = entry
                executor.send(worker, key, entry[0])
        if not any(in_flight):
            return
        event = executor.wait()
        if event.results is not None:
            losses = 0
            in_flight[event.worker].pop(event.key)
            yield event.results
            continue
        losses += 1
        lost, in_flight[event.worker] = in_flight[event.worker], {}
        _log.warning("worker %d was lost with %d batches", event.worker, len(lost))
        if losses > _MAX_LOSSES:
            raise ModelError("the workers keep dying", "See run.log; try fewer workers or smaller batches.")
        for batch, deaths in lost.values():
            if len(batch) == 1 and deaths:
                cause = PolicyError("its worker died or stopped responding, twice", "Check the clip.")
                yield [executor.factory.lost(batch[0], cause)]
                losses = 0
            else:
                retries.extend(([piece], 1) for piece in batch)
        executor.replace(event.worker)
