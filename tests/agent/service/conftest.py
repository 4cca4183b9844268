"""Services that listen on a free port of this machine, for real clients."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import pytest

pytest.importorskip("fastapi", reason="the service is not installed: pip install 'omnisense[serve]'")

from omnisense.agent.agent import Agent
from omnisense.agent.service.server import Server
from omnisense.agent.service.settings import ServiceSettings
from omnisense.perception.pipeline import Perception
from omnisense.reasoning.policies.scripted import ScriptedPolicy


@dataclass
class Running:
    url: str
    server: Server
    agent: Agent

    def client(self, key: str = "none") -> Any:
        from openai import OpenAI

        return OpenAI(base_url=f"{self.url}/v1", api_key=key, max_retries=0)


StartService = Callable[..., AbstractContextManager[Running]]


@contextlib.contextmanager
def running(agent: Agent, voice: Any = None, **settings: Any) -> Iterator[Running]:
    server = Server(agent, ServiceSettings(**({"port": 0, "preload": False} | settings)), voice)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        assert thread.is_alive(), "the server did not start"
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield Running(f"http://127.0.0.1:{port}", server, agent)
    finally:
        server.should_exit = True
        thread.join()


def scripted_agent(**changes: Any) -> Agent:
    return Agent(**({"policy": ScriptedPolicy(), "memory": None, "perception": Perception(cache=False)} | changes))


@pytest.fixture
def start() -> StartService:
    return running


@pytest.fixture(scope="module")
def service() -> Iterator[Running]:
    with running(scripted_agent()) as found:
        yield found
