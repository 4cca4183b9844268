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
from tests.agent.service.browser import CHROMIUM, FAKE_DEVICES, open_at


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


@pytest.fixture(scope="module")
def playwright():
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: pip install playwright")
    with sync_api.sync_playwright() as found:  # one at a time in a thread
        yield found


@pytest.fixture
def launch(playwright):
    """Start Chromium with more flags."""
    opened = []

    def start(*flags: str) -> Any:
        opened.append(
            playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", *FAKE_DEVICES, *flags])
        )
        return opened[-1]

    yield start
    for browser in opened:
        browser.close()


@pytest.fixture(scope="module")
def browser(playwright):
    opened = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", *FAKE_DEVICES])
    yield opened
    opened.close()


@pytest.fixture
def open_page(browser):
    """Open the page of a service; every request must go to the service, and no script may fail."""
    pages = []

    def open_it(service: Running, place: str = "", **options: Any) -> Any:
        pages.append(open_at(browser, service, place, **options))
        return pages[-1]

    yield open_it
    for page in pages:
        assert page.foreign == []
        assert page.faults == []
        page.context.close()
