"""Running the application with uvicorn."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import uvicorn
from starlette.types import Scope

from omnisense.agent.service.app import create_app
from omnisense.agent.service.settings import ServiceSettings
from omnisense.errors import InputError

if TYPE_CHECKING:
    from omnisense.agent.agent import Agent
    from omnisense.agent.voice.base import Voice

# Idle connections are kept for longer than clients keep them (httpx 5 s, which is uvicorn's default too; aiohttp 15 s):
# a server that closes first does so while the next request is on its way, which the client sees as a read error.
_KEEP_ALIVE_S = 75
_CLOSING_S = 5.0  # for connections that idle, after the turns have ended


class Server(uvicorn.Server):
    """A uvicorn server that lets turns which have begun end before it closes connections."""

    def __init__(self, agent: Agent, settings: ServiceSettings, voice: Voice | None = None) -> None:
        self.app = create_app(agent, settings, voice)
        self.app.state.service.abort = self._abort
        super().__init__(
            uvicorn.Config(
                self.app,
                host=settings.host,
                port=settings.port,
                log_config=None,
                access_log=False,  # paths hold names of threads
                server_header=False,
                timeout_keep_alive=_KEEP_ALIVE_S,
                timeout_graceful_shutdown=int(settings.drain_s + _CLOSING_S),
                ws_max_size=16 * 2**20,
            )
        )

    def _abort(self, scope: Scope) -> None:
        """Cut a connection off: closing it would wait for its client to read, forever if it does not."""
        for connection in list(self.server_state.connections):
            if getattr(connection, "scope", None) is scope and connection.transport is not None:
                connection.transport.abort()

    async def shutdown(self, sockets: list[object] | None = None) -> None:  # type: ignore[override]
        """Take no further turns, wait for those that have begun, then close."""
        await self.app.state.service.drain()
        await super().shutdown(sockets)  # type: ignore[arg-type]


def serve(
    agent: Agent,
    settings: ServiceSettings,
    voice: Voice | None = None,
    on_bound: Callable[[], None] | None = None,
) -> None:
    """Serve an agent until the process is told to end (SIGINT, SIGTERM).

    Args:
        agent: that answers.
        settings: who may use the service, and how much of it.
        voice: of live sessions; None: their replies are text.
        on_bound: called once the address is taken, before the models are loaded.

    Raises:
        InputError: the settings would let strangers in, or the address is in use.
    """
    server = Server(agent, settings, voice)
    try:
        bound = server.config.bind_socket()
    except SystemExit as error:  # uvicorn has logged why
        raise InputError(
            f"the service cannot listen on {settings.host}:{settings.port}", "Choose another --port or --host."
        ) from error
    if on_bound is not None:
        on_bound()
    server.run(sockets=[bound])
