"""The service in a thread of this process, for measurements."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from typing import Any

from omnisense.agent.agent import Agent
from omnisense.agent.service.server import Server
from omnisense.agent.service.settings import ServiceSettings
from omnisense.agent.voice.base import Voice


@contextlib.contextmanager
def serving(agent: Agent, voice: Voice | None = None, preload: bool = False, **settings: Any) -> Iterator[str]:
    """Serve an agent in a thread of this process; yield the address."""
    server = Server(agent, ServiceSettings(port=0, preload=preload, **settings), voice)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        if not thread.is_alive():
            raise RuntimeError("the server did not start")
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
