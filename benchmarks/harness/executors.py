"""Crews: where workers live. In this process, in others on this machine, or on a Ray cluster; one dispatcher for all.

A worker that dies costs nothing: what it was at goes to another. Only what kills its worker twice, by itself, is
given up.
"""

from __future__ import annotations

import itertools
import multiprocessing
import os
import queue
import signal
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from omnisense.errors import ModelError, PolicyError

_AHEAD = 2  # batches under way with each worker: one is prepared while the other is answered
_MAX_LOSSES = 5  # of workers in a row without a single batch done
_GPUS = Path("/proc/driver/nvidia/gpus")  # the driver's own list: torch is not to be imported for it
Batch = Sequence[Any]


class Worker(Protocol):
    """Does batches of work. Two threads may call it at once."""

    def work(self, batch: Batch) -> list[Any]:
        """What came of each of a batch, in its order."""
        ...


class WorkerFactory(Protocol):
    """What workers are made from; it travels to other processes and machines."""

    def make(self) -> Worker:
        """A worker, its models loaded."""
        ...

    def lost(self, one: Any, cause: PolicyError) -> Any:
        """What stands for a piece of work that its worker died of."""
        ...


class Event(NamedTuple):
    """``done`` with a batch's key and what came of it, or ``lost``: the worker is gone."""

    worker: int
    key: int
    done: list[Any] | None


class Executor(Protocol):
    """Workers, by number."""

    size: int
    factory: WorkerFactory

    def send(self, worker: int, key: int, batch: Batch) -> None:
        """Hand a batch to a worker; never blocks."""
        ...

    def wait(self) -> Event:
        """The next thing that happens. Raises what stopped a worker from being made."""
        ...

    def replace(self, worker: int) -> None:
        """Put a new worker in the place of a lost one."""
        ...

    def close(self) -> None:
        """Let all workers go."""
        ...


def dispatch(executor: Executor, batches: Iterable[Batch]) -> Iterator[list[Any]]:
    """Have all batches done; gives back each as it is done. At most two a worker are in memory.

    Raises:
        ModelError: workers keep dying without getting anything done.
    """
    waiting, keys, again = iter(batches), itertools.count(), deque[tuple[Batch, int]]()
    under_way: list[dict[int, tuple[Batch, int]]] = [{} for _ in range(executor.size)]
    losses = 0
    while True:
        for worker, mine in enumerate(under_way):
            # What was under way when a worker died goes alone: the next death is then its own doing.
            while len(mine) < _AHEAD and not any(deaths for _, deaths in mine.values()) and not (again and mine):
                entry = again.popleft() if again else next(((b, 0) for b in waiting), None)
                if entry is None:
                    break
                key = next(keys)
                mine[key] = entry
                executor.send(worker, key, entry[0])
        if not any(under_way):
            return
        event = executor.wait()
        if event.done is not None:
            losses = 0
            under_way[event.worker].pop(event.key)
            yield event.done
            continue
        losses += 1
        if losses > _MAX_LOSSES:
            raise ModelError("the workers keep dying", "See their output; try fewer workers or smaller batches.")
        lost, under_way[event.worker] = under_way[event.worker], {}
        for batch, deaths in lost.values():
            if len(batch) == 1 and deaths:
                cause = PolicyError("its worker died, or gave no sign of life, twice over it", "Look at the clip.")
                yield [executor.factory.lost(batch[0], cause)]
                losses = 0
            else:
                again.extend(([sample], 1) for sample in batch)
        executor.replace(event.worker)


def _answering(worker: Worker, inbox: queue.SimpleQueue[Any], deliver: Any) -> None:
    while True:
        key, batch = inbox.get()
        try:
            deliver(key, worker.work(batch))
        except BaseException as error:  # a fault of ours: the run must not wait for this batch for ever
            deliver(key, error)


def _start_threads(worker: Worker, inbox: queue.SimpleQueue[Any], deliver: Any) -> None:
    for _ in range(_AHEAD):
        threading.Thread(target=_answering, args=(worker, inbox, deliver), daemon=True).start()


class LocalExecutor:
    """One worker in this process."""

    size = 1

    def __init__(self, factory: WorkerFactory) -> None:
        self.factory, worker = factory, factory.make()
        self._inbox: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._outbox: queue.Queue[Any] = queue.Queue()
        _start_threads(worker, self._inbox, lambda key, result: self._outbox.put((key, result)))

    def send(self, worker: int, key: int, batch: Batch) -> None:
        """See :class:`Executor`."""
        self._inbox.put((key, batch))

    def wait(self) -> Event:
        """See :class:`Executor`."""
        key, result = self._outbox.get()
        if isinstance(result, BaseException):
            raise result
        return Event(0, key, result)

    def replace(self, worker: int) -> None:
        """A worker of this process is never lost without it."""

    def close(self) -> None:
        """The threads end with the process."""


class ProcessExecutor:
    """Workers in processes of their own on this machine: a clip that crashes its decoder does not end the run.

    Args:
        maker: what each worker is made from.
        size: workers.
        timeout_s: a worker from which nothing comes for so long, though it has work, is killed; None to wait for ever.
            Loading the model counts too.
    """

    def __init__(self, factory: WorkerFactory, size: int, timeout_s: float | None = None) -> None:
        self.size, self.factory, self._timeout_s = size, factory, timeout_s
        self._heard_s = [time.monotonic()] * size  # when each worker last got its first batch or gave one back
        self._working = [0] * size
        self._context = multiprocessing.get_context("spawn")
        self._members: list[tuple[Any, Connection]] = [self._start(worker) for worker in range(size)]

    def _start(self, worker: int) -> tuple[Any, Connection]:
        ours, theirs = self._context.Pipe()
        threads = max(1, (os.cpu_count() or 1) // self.size)
        process = self._context.Process(target=_serve, args=(theirs, self.factory, worker, threads), daemon=True)
        process.start()
        theirs.close()
        return process, ours

    def send(self, worker: int, key: int, batch: Batch) -> None:
        """See :class:`Executor`."""
        if not self._working[worker]:
            self._heard_s[worker] = time.monotonic()
        self._working[worker] += 1
        try:
            self._members[worker][1].send((key, batch))
        except OSError:  # it has died; wait() will say so
            return

    def wait(self) -> Event:
        """See :class:`Executor`."""
        connections = [connection for _, connection in self._members]
        while not (found := wait(connections, timeout=1.0 if self._timeout_s else None)):
            self._kill_the_silent()
        ready = found[0]
        worker = next(i for i, (_, connection) in enumerate(self._members) if connection is ready)
        try:
            key, result = self._members[worker][1].recv()
        except (EOFError, OSError):
            return Event(worker, -1, None)
        if isinstance(result, BaseException):
            raise result
        self._working[worker] -= 1
        self._heard_s[worker] = time.monotonic()
        return Event(worker, key, result)

    def _kill_the_silent(self) -> None:
        for worker, (process, _) in enumerate(self._members):
            silent_s = time.monotonic() - self._heard_s[worker]
            if self._working[worker] and self._timeout_s and silent_s > self._timeout_s:
                process.kill()  # its connection ends, and wait() says that it is lost

    def replace(self, worker: int) -> None:
        """See :class:`Executor`."""
        self._working[worker] = 0
        process, connection = self._members[worker]
        connection.close()
        process.kill()
        process.join()
        self._members[worker] = self._start(worker)

    def close(self) -> None:
        """See :class:`Executor`."""
        for process, connection in self._members:
            connection.close()
            process.kill()
            process.join()


def own_gpu(worker: int) -> str | None:
    """The GPU of several that a worker takes, as CUDA_VISIBLE_DEVICES has it; None where there is no choice."""
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    there = [d.name for d in _GPUS.iterdir()] if named is None and _GPUS.is_dir() else []
    gpus = named.split(",") if named else [str(i) for i in range(len(there))]
    return gpus[worker % len(gpus)] if len(gpus) > 1 else None


def _serve(connection: Connection, factory: WorkerFactory, worker_number: int, threads: int) -> None:
    """The life of a worker process. It ends when its run does, however that ended."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the run's to handle
    if gpu := own_gpu(worker_number):
        os.environ["CUDA_VISIBLE_DEVICES"] = gpu
    os.environ["OMP_NUM_THREADS"] = str(threads)
    try:
        worker = factory.make()
    except BaseException as error:
        connection.send((-1, error))
        return
    inbox: queue.SimpleQueue[Any] = queue.SimpleQueue()
    sending = threading.Lock()

    def deliver(key: int, result: Any) -> None:
        with sending:
            try:
                connection.send((key, result))
            except OSError:
                os._exit(1)

    _start_threads(worker, inbox, deliver)
    while True:
        try:
            inbox.put(connection.recv())
        except (EOFError, OSError):
            os._exit(0)  # the run is over; whatever is being computed is for nobody


class RayExecutor:
    """Workers as actors of a Ray cluster; what is done comes back to the one writer here.

    Args:
        maker: what each actor is made from. Paths in it must be good on every node.
        size: actors.
        address: of the cluster; ``local`` starts one on this machine.
        gpus: a share of GPUs for each actor.
    """

    def __init__(self, factory: WorkerFactory, size: int, address: str, gpus: float = 0.0) -> None:
        try:
            import ray
        except ImportError as error:
            raise ModelError("ray is not installed", "Run `pip install 'omnisense[ray]'`.") from error
        self.size, self.factory, self._ray = size, factory, ray
        where = None if address == "local" else address
        ray.init(address=where, log_to_driver=False, logging_level="ERROR", include_dashboard=False)
        options = {"num_cpus": 1, "num_gpus": gpus, "max_concurrency": _AHEAD, "max_restarts": 0}
        self._kind = ray.remote(**options)(_RayWorker)
        self._members = [self._kind.remote(factory) for _ in range(size)]
        self._under_way: dict[Any, tuple[int, int]] = {}

    def send(self, worker: int, key: int, batch: Batch) -> None:
        """See :class:`Executor`."""
        self._under_way[self._members[worker].work.remote(list(batch))] = (worker, key)

    def wait(self) -> Event:
        """See :class:`Executor`."""
        reference = self._ray.wait(list(self._under_way), num_returns=1)[0][0]
        worker, key = self._under_way.pop(reference)
        try:
            result = self._ray.get(reference)
        except self._ray.exceptions.RayActorError:
            for other in [r for r, (w, _) in self._under_way.items() if w == worker]:
                del self._under_way[other]
            return Event(worker, -1, None)
        if isinstance(result, BaseException):
            raise result
        return Event(worker, key, result)

    def replace(self, worker: int) -> None:
        """See :class:`Executor`."""
        self._members[worker] = self._kind.remote(self.factory)

    def close(self) -> None:
        """Leave the cluster; one that was started here ends."""
        self._ray.shutdown()


class _RayWorker:
    def __init__(self, factory: WorkerFactory) -> None:
        self._error: BaseException | None = None
        try:
            self._worker = factory.make()
        except Exception as error:  # handed on as a value: a dead actor would be taken for a lost one
            self._error = error

    def work(self, batch: list[Any]) -> Any:
        return self._error or self._worker.work(batch)


def make_executor(
    factory: WorkerFactory, workers: int, timeout_s: float | None = None, ray: str | None = None, gpus: float = 0
) -> Executor:
    """A crew in this process; with ``workers``, in so many of their own; with ``ray``, on a cluster."""
    if ray is not None:
        return RayExecutor(factory, max(workers, 1), ray, gpus)
    return ProcessExecutor(factory, workers, timeout_s) if workers else LocalExecutor(factory)
