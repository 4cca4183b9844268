"""Serves as the README says, in a fresh data folder, and talks through the page; run by ``test_offline``."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from types import SimpleNamespace

import httpx
from playwright.sync_api import sync_playwright

from tests.agent.service.browser import CHROMIUM, open_at, told, wait


def check_that_the_network_is_cut_off() -> None:
    assert [name for _, name in socket.if_nameindex()] == ["lo"]


def main(*options: str) -> None:
    check_that_the_network_is_cut_off()
    command = [sys.executable, "-m", "omnisense.agent.cli.main", "serve", *options]
    server = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=os.environ)
    lines: list[str] = []
    reading = threading.Thread(target=lambda: lines.extend(server.stderr))
    reading.start()
    try:
        url = "http://127.0.0.1:8000"
        deadline = time.monotonic() + 500
        while not is_ready(url):
            assert server.poll() is None, "".join(lines)
            assert time.monotonic() < deadline, "".join(lines)
            time.sleep(0.5)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
            page = open_at(browser, SimpleNamespace(url=url), "")
            page.fill("#talk-text", "I lost my job today.")
            page.get_by_role("button", name="Send").click()
            [recorded] = wait(page, lambda: told(page, "omnisense.turn_recorded"))
            reply = page.locator(f"#turn-{recorded['response_id']} span").text_content()
            assert reply
            assert page.evaluate("window.played.length") > 0
            for place in ("Clip", "Runs", "Talk"):
                page.get_by_role("link", name=place).click()
                page.get_by_role("heading", name=place, exact=True).wait_for()
            assert (page.foreign, page.faults) == ([], [])
            browser.close()
        [thread] = httpx.get(f"{url}/v1/threads").json()["data"]
        assert thread["turns"] == 1
    finally:
        server.send_signal(signal.SIGTERM)
        code = server.wait(120)
        reading.join()
    assert code == -signal.SIGTERM, "".join(lines)  # as uvicorn ends, after the lifespan
    assert "Traceback" not in "".join(lines)
    print(f"the reply: {reply}")


def is_ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/readyz").status_code == 200
    except httpx.TransportError:
        return False


if __name__ == "__main__":
    main(*sys.argv[1:])
