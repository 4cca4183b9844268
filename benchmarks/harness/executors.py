"""Executors: workers in this process, in other processes on this machine, or on a Ray cluster."""

from __future__ import annotations

import contextlib
import faulthandler
import logging
import multiprocessing
import os
import pickle
import queue
import signal
import threading
import time
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from omnisense.benchmarks.harness.dispatch import MAX_IN_FLIGHT, Batch, Event, Executor, Worker, WorkerFactory
from omnisense.compat import ray_without_network
from omnisense.errors import InputError, ModelError
from omnisense.logging import add_log_file, configure_logging

_GPUS = Path("/proc/driver/nvidia/gpus")  # the driver's own list: torch is not to be imported for it
_log = logging.getLogger(__name__)


def _work_loop(worker: Worker, inbox: queue.SimpleQueue[Any], deliver: Any) -> None:
    while True:
        key, batch = inbox.get()
        try:
            deliver(key, worker.work(batch))
        except BaseException as error:  # a fault of ours: the run must not wait for this batch for ever
            _log.exception("a worker failed")  # here, since a traceback does not travel between processes
            deliver(key, _picklable(error))


def _picklable(error: BaseException) -> BaseException:
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error


def _start_threads(worker: Worker, inbox: queue.SimpleQueue[Any], deliver: Any) -> None:
    for _ in range(MAX_IN_FLIGHT):
        threading.Thread(target=_work_loop, args=(worker, inbox, deliver), daemon=True).start()


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
    """Workers in other processes on this machine: a clip that crashes its decoder does not end the run.

    Args:
        factory: makes each worker.
        size: number of workers.
        timeout_s: a worker that has work and returns nothing for so long (s) is killed; None to wait for ever. Loading
            the model counts too.
        log_file: where workers log to; None for standard error alone.
    """

    def __init__(
        self, factory: WorkerFactory, size: int, timeout_s: float | None = None, log_file: Path | None = None
    ) -> None:
        self.size, self.factory, self._timeout_s, self._log_file = size, factory, timeout_s, log_file
        self._last_seen_s = [time.monotonic()] * size  # when each worker last got its first batch or returned one
        self._working = [0] * size
        self._context = multiprocessing.get_context("spawn")
        self._members: list[tuple[Any, Connection]] = [self._start(worker) for worker in range(size)]

    def _start(self, worker: int) -> tuple[Any, Connection]:
        ours, theirs = self._context.Pipe()
        threads = max(1, (os.cpu_count() or 1) // self.size)
        process = self._context.Process(
            target=_serve, args=(theirs, self.factory, worker, threads, self._log_file), daemon=True
        )
        process.start()
        theirs.close()
        return process, ours

    def send(self, worker: int, key: int, batch: Batch) -> None:
        """See :class:`Executor`."""
        if not self._working[worker]:
            self._last_seen_s[worker] = time.monotonic()
        self._working[worker] += 1
        try:
            self._members[worker][1].send((key, batch))
        except OSError:  # it has died; wait() will report it
            return

    def wait(self) -> Event:
        """See :class:`Executor`."""
        connections = [connection for _, connection in self._members]
        while not (found := wait(connections, timeout=1.0 if self._timeout_s else None)):
            self._kill_unresponsive()
        ready = found[0]
        worker = next(i for i, (_, connection) in enumerate(self._members) if connection is ready)
        try:
            key, result = self._members[worker][1].recv()
        except (EOFError, OSError):
            return Event(worker, -1, None)
        if isinstance(result, BaseException):
            raise result
        self._working[worker] -= 1
        self._last_seen_s[worker] = time.monotonic()
        return Event(worker, key, result)

    def _kill_unresponsive(self) -> None:
        for worker, (process, _) in enumerate(self._members):
            silent_s = time.monotonic() - self._last_seen_s[worker]
            if self._working[worker] and self._timeout_s and silent_s > self._timeout_s:
                _log.warning("worker %d has not responded for %.0f s; killing it", worker, silent_s)
                process.kill()  # its connection ends, and wait() reports it as lost

    def replace(self, worker: int) -> None:
        """See :class:`Executor`."""
        self._working[worker] = 0
        process, connection = self._members[worker]
        connection.close()
        process.kill()
        process.join()
        _log.warning("worker %d ended with exit code %s; starting another", worker, process.exitcode)
        self._members[worker] = self._start(worker)

    def close(self) -> None:
        """See :class:`Executor`."""
        for process, connection in self._members:
            connection.close()
            process.kill()
            process.join()


def gpu_for(worker: int) -> str | None:
    """Return the GPU of several for a worker, as CUDA_VISIBLE_DEVICES names it; None where there is no choice."""
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    there = [d.name for d in _GPUS.iterdir()] if named is None and _GPUS.is_dir() else []
    gpus = named.split(",") if named else [str(i) for i in range(len(there))]
    return gpus[worker % len(gpus)] if len(gpus) > 1 else None


def _serve(
    connection: Connection, factory: WorkerFactory, worker_number: int, threads: int, log_file: Path | None
) -> None:
    """Run a worker process. It ends when its run does, however that ended."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the run's to handle
    if gpu := gpu_for(worker_number):
        os.environ["CUDA_VISIBLE_DEVICES"] = gpu
    os.environ["OMP_NUM_THREADS"] = str(threads)
    try:
        _configure_logging(log_file)
        worker = factory.make()
    except BaseException as error:
        _log.exception("worker %d cannot be made", worker_number)
        connection.send((-1, _picklable(error)))
        return
    _log.info("worker %d is ready (process %d)", worker_number, os.getpid())
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
            os._exit(0)  # the run is over


def _configure_logging(log_file: Path | None) -> None:
    """Log in a worker as its run does; a crash in C leaves its stack in the run's log too."""
    configure_logging()
    if log_file is None:
        return
    with contextlib.suppress(InputError):  # a node of a cluster that does not share the disk
        add_log_file(log_file)
        faulthandler.enable(log_file.open("a"))


def connect_to_ray(address: str) -> Any:
    """Return the module ``ray``, connected.

    Args:
        address: ``HOST:PORT`` or ``ray://HOST:PORT`` of a cluster; ``auto`` for the one of this machine; ``local`` to
            start one in this process.

    Raises:
        ModelError: Ray is not installed, or the cluster cannot be reached.
    """
    try:
        import ray
    except ImportError as error:
        raise ModelError("ray is not installed", "Run `pip install 'omnisense[ray]'`.") from error
    is_local = address == "local"
    try:
        with ray_without_network() if is_local else contextlib.nullcontext():
            ray.init(
                address=None if is_local else address,
                log_to_driver=False,
                logging_level="ERROR",
                include_dashboard=False,
            )
    except ConnectionError as error:
        raise ModelError(
            f"no Ray cluster can be reached at '{address}'", "Check the address with `ray status`, and the ports."
        ) from error
    return ray


class RayExecutor:
    """Workers as actors of a Ray cluster; results come back to the one writer here.

    Args:
        factory: makes each actor's worker. Paths in it must exist on every node.
        size: number of actors.
        address: of the cluster; ``local`` starts one on this machine.
        gpus: a share of GPUs for each actor.
        log_file: where actors log to, on nodes that share the disk.
    """

    def __init__(
        self, factory: WorkerFactory, size: int, address: str, gpus: float = 0.0, log_file: Path | None = None
    ) -> None:
        self._ray = ray = connect_to_ray(address)
        self.size, self.factory, self._log_file = size, factory, log_file
        options = {"num_cpus": 1, "num_gpus": gpus, "max_concurrency": MAX_IN_FLIGHT, "max_restarts": 0}
        self._actor = ray.remote(**options)(_RayWorker)
        self._members = [self._actor.remote(factory, log_file) for _ in range(size)]
        self._in_flight: dict[Any, tuple[int, int]] = {}

    def send(self, worker: int, key: int, batch: Batch) -> None:
        """See :class:`Executor`."""
        self._in_flight[self._members[worker].work.remote(list(batch))] = (worker, key)

    def wait(self) -> Event:
        """See :class:`Executor`."""
        reference = self._ray.wait(list(self._in_flight), num_returns=1)[0][0]
        worker, key = self._in_flight.pop(reference)
        try:
            result = self._ray.get(reference)
        except self._ray.exceptions.RayActorError:
            for other in [r for r, (w, _) in self._in_flight.items() if w == worker]:
                del self._in_flight[other]
            return Event(worker, -1, None)
        if isinstance(result, BaseException):
            raise result
        return Event(worker, key, result)

    def replace(self, worker: int) -> None:
        """See :class:`Executor`."""
        self._members[worker] = self._actor.remote(self.factory, self._log_file)

    def close(self) -> None:
        """Leave the cluster; one that was started here ends."""
        self._ray.shutdown()


class _RayWorker:
    def __init__(self, factory: WorkerFactory, log_file: Path | None) -> None:
        self._error: BaseException | None = None
        try:
            _configure_logging(log_file)
            self._worker = factory.make()
        except Exception as error:  # returned as a value: a dead actor would be taken for a lost one
            _log.exception("an actor cannot be made")
            self._error = _picklable(error)

    def work(self, batch: list[Any]) -> Any:
        if self._error:
            return self._error
        try:
            return self._worker.work(batch)
        except Exception as error:
            _log.exception("an actor failed")
            return _picklable(error)


def make_executor(
    factory: WorkerFactory,
    workers: int,
    timeout_s: float | None = None,
    ray: str | None = None,
    gpus: float = 0,
    log_file: Path | None = None,
) -> Executor:
    """Return an executor: in this process; with ``workers``, in so many others; with ``ray``, on that cluster."""
    if ray is not None:
        return RayExecutor(factory, max(workers, 1), ray, gpus, log_file)
    return ProcessExecutor(factory, workers, timeout_s, log_file) if workers else LocalExecutor(factory)
