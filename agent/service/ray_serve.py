"""The application on a Ray cluster: replicas behind Ray Serve's proxies, with one memory of conversations."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from omnisense.agent.service.settings import ServiceSettings
from omnisense.errors import InputError, ModelError

if TYPE_CHECKING:
    from fastapi import FastAPI
    from prometheus_client import Metric

    from omnisense.agent.agent import Agent
    from omnisense.agent.voice.base import Voice

NAME = "omnisense"  # of the Serve application and of its deployment
_METRICS_S = 5.0
_CLOSING_S = 5.0  # for connections that idle, after the turns have ended
_LOGGING = {"enable_access_log": False}  # paths hold names of threads
_MAX_REQUESTS = 10_000  # the service has limits of its own, which answer 429
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RaySettings:
    """How the service is spread over a Ray cluster.

    Attributes:
        address: of the cluster; ``local`` starts one on this machine, which ends with the service.
        replicas: how many copies of the service run, each with its models and one CPU.
        gpus: share of a GPU for each.
    """

    address: str
    replicas: int = 2
    gpus: float = 0.0


class Replica:
    """A copy of the service; Ray Serve makes it in a process of its own.

    Args:
        make_agent: returns the agent; what it refers to must be installed on every node.
        make_voice: returns the voice of live sessions.
        settings: of the service; its limits hold for each replica.
    """

    def __init__(
        self, make_agent: Callable[[], Agent], make_voice: Callable[[], Voice], settings: ServiceSettings
    ) -> None:
        from omnisense.agent.service.app import create_app

        self._app = create_app(make_agent(), settings, make_voice())
        self._service = self._app.state.service
        self._service.load()  # no request comes before, and what cannot be loaded is told to who deploys
        self._service.render_metrics = self._render_metrics

    def __serve_build_asgi_app__(self) -> FastAPI:
        """Return the application; called by Ray Serve."""
        return self._app

    def collect_metrics(self) -> tuple[str, list[Metric]]:
        """Return this replica's name and metrics."""
        from ray import serve

        return serve.get_replica_context().replica_id.unique_id, self._service.metrics.collect()

    async def drain(self) -> None:
        """Take no further turns, and wait for those that have begun."""
        await self._service.drain()

    async def _render_metrics(self) -> bytes:
        from ray import serve

        from omnisense.agent.service.metrics import render_together

        # One scrape reaches one replica, which asks the others.
        asked = serve.get_deployment_handle(NAME, NAME).broadcast("collect_metrics")
        found = await asked.results_async(timeout_s=_METRICS_S, return_exceptions=True)
        answers = [answer for answer in found if not isinstance(answer, BaseException)]
        if len(answers) < len(found):
            _log.warning("%d of %d replicas did not give their metrics", len(found) - len(answers), len(found))
        return render_together(dict(answers))


def check_memory(memory: str | None, is_stored: bool) -> None:
    """Check that all replicas share one memory of conversations.

    Args:
        memory: where conversations are kept; None: in the SQLite file of this user.
        is_stored: whether they are kept at all.

    Raises:
        InputError: they do not.
    """
    if not is_stored or not (memory or "").startswith(("postgres://", "postgresql://")):
        where = "a SQLite file" if is_stored else "each replica's own memory"
        raise InputError(
            f"replicas cannot share conversations in {where}: the next turn of one may reach another replica",
            "Give --memory postgresql://USER@HOST/DATABASE.",
        )


def serve_on_ray(
    make_agent: Callable[[], Agent],
    make_voice: Callable[[], Voice],
    settings: ServiceSettings,
    ray_settings: RaySettings,
    on_ready: Callable[[], None],
) -> None:
    """Serve an agent on a Ray cluster until this process is told to end (SIGINT, SIGTERM).

    Args:
        make_agent: as for :class:`Replica`.
        make_voice: as for :class:`Replica`.
        settings: of the service.
        ray_settings: of the cluster.
        on_ready: called when requests are answered.

    Raises:
        InputError: Ray Serve is not installed, strangers would be let in, the cluster cannot be reached, or Serve
            listens there on another address.
        ModelError: the replicas cannot be started.
    """
    try:
        from ray import serve
    except ImportError as error:
        raise InputError("Ray Serve is not installed", "Run `pip install 'omnisense[serve,serve-ray]'`.") from error
    settings.check()
    if not settings.port:
        raise InputError("the nodes of a cluster listen on one port", "Give --port another number than 0.")
    with _cluster(ray_settings), _ended() as ended:
        _start_proxies(settings)
        deployment = serve.deployment(
            serve.ingress()(Replica),
            name=NAME,
            num_replicas=ray_settings.replicas,
            ray_actor_options={"num_cpus": 1, "num_gpus": ray_settings.gpus},
            max_ongoing_requests=_MAX_REQUESTS,
            graceful_shutdown_timeout_s=settings.drain_s + _CLOSING_S,
            logging_config=_LOGGING,
        )
        try:
            handle = serve.run(deployment.bind(make_agent, make_voice, settings), name=NAME, route_prefix="/")
        except RuntimeError as error:
            raise ModelError("the replicas cannot be started", f"The cluster says why: {error}") from error
        else:
            on_ready()
            ended.wait()
            handle.broadcast("drain").results(timeout_s=settings.drain_s + _CLOSING_S, return_exceptions=True)
        finally:
            serve.delete(NAME)
            if not serve.status().applications:  # others may use Serve on this cluster
                serve.shutdown()


@contextlib.contextmanager
def _cluster(settings: RaySettings) -> Iterator[None]:
    """Join the cluster; one that was started here ends afterwards."""
    import ray

    own = {"num_cpus": max(settings.replicas, os.cpu_count() or 1), "include_dashboard": False}
    try:
        ray.init(
            settings.address,
            log_to_driver=False,
            logging_level=logging.ERROR,
            **(own if settings.address == "local" else {}),
        )
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise InputError(
            f"there is no Ray cluster at {settings.address!r} ({error})", "Give --ray local, or an address of one."
        ) from error
    try:
        yield
    finally:
        ray.shutdown()


def _start_proxies(settings: ServiceSettings) -> None:
    from ray import serve
    from ray.serve.context import _get_global_client  # no public function tells where Serve listens

    serve.start(http_options={"host": settings.host, "port": settings.port}, logging_config=_LOGGING)
    found = _get_global_client().http_config
    if (found.host, found.port) != (settings.host, settings.port):
        raise InputError(
            f"Ray Serve runs on this cluster already, and listens on {found.host}:{found.port}",
            "Give that as --host and --port, or end it with `serve shutdown`.",
        )


@contextlib.contextmanager
def _ended() -> Iterator[threading.Event]:
    """Yield what is set by the first SIGINT or SIGTERM; the second acts as usual."""
    ended = threading.Event()
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def end(*_: object) -> None:
        ended.set()
        restore()

    for number in before:
        signal.signal(number, end)
    try:
        yield ended
    finally:
        restore()
