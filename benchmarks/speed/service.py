"""Measure the service beside the agent in Python: ``python -m omnisense.benchmarks.speed.service [--load SECONDS]``.

What a turn costs more over HTTP than as a call, in turn in one process; what a piece of sound costs on its way from the
WebSocket to perception; and, with ``--load``, many conversations at once. Needs ``pip install 'omnisense[serve]'``.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import numpy as np
import psutil

from omnisense.agent.agent import Agent
from omnisense.agent.service.pcm import PCM_RATE_HZ, from_pcm16, incoming, to_pcm16
from omnisense.agent.service.realtime_events import Append, decode_audio, parse_event
from omnisense.agent.service.server import Server
from omnisense.agent.service.settings import ServiceSettings
from omnisense.benchmarks.speed.agents import agent_without_models
from omnisense.reasoning.policies.scripted import ScriptedPolicy

_TEXT = "I lost my job today."
_PIECE_S = 0.04  # as the page sends them
_MIB = 2**20


@click.command()
@click.option("--turns", default=100, show_default=True, help="Counted turns, and pieces of sound.")
@click.option("--load", "load_s", default=0.0, show_default=True, help="Seconds of many conversations at once.")
@click.option("--sessions", default=50, show_default=True, help="Of text, under load.")
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), default="runs/speed/service.json")
def main(turns: int, load_s: float, sessions: int, output: Path) -> None:
    """Measure what the service costs."""
    report: dict[str, Any] = {"turns": turns, **overhead(turns), **audio_overhead(turns)}
    if load_s:
        report["load"] = load(sessions, load_s)
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps(report, indent=1) + "\n")
    click.echo(json.dumps(report, indent=1))


def overhead(turns: int) -> dict[str, Any]:
    """Return the median milliseconds of a turn by a call and over HTTP, measured in turn."""
    import httpx

    agent = agent_without_models(ScriptedPolicy(), None)
    body = {"model": "omnisense", "messages": [{"role": "user", "content": _TEXT}]}
    with serving(agent) as url, httpx.Client() as client:

        def over_http() -> None:
            client.post(f"{url}/v1/chat/completions", json=body).raise_for_status()

        seconds: dict[str, list[float]] = {"call": [], "http": []}
        for _ in range(turns + 5):
            for name, turn in (("call", lambda: agent.respond(text=_TEXT)), ("http", over_http)):
                seconds[name].append(_seconds_of(turn))
    call, http = (1000 * statistics.median(seconds[name][5:]) for name in ("call", "http"))
    return {"call_ms": round(call, 2), "http_ms": round(http, 2), "http_overhead_ms": round(http - call, 2)}


def audio_overhead(pieces: int) -> dict[str, Any]:
    """Return the median milliseconds from an ``input_audio_buffer.append`` to samples for perception."""
    resample = incoming()
    sound = np.sin(np.arange(int(_PIECE_S * PCM_RATE_HZ)) / 20).astype(np.float32)
    text = json.dumps({"type": "input_audio_buffer.append", "audio": base64.b64encode(to_pcm16(sound)).decode()})

    def piece() -> None:
        event = parse_event(text)
        assert isinstance(event, Append), "it was written as one"
        resample(from_pcm16(decode_audio(event.audio)))

    seconds = [_seconds_of(piece) for _ in range(pieces + 5)][5:]
    return {"audio_piece_ms": round(1000 * statistics.median(seconds), 3)}


def load(sessions: int, seconds: float) -> dict[str, Any]:
    """Return how many conversations of text fared at once: turns, lost turns, latency, growth of memory."""
    import httpx

    policy, process = ScriptedPolicy(), psutil.Process()
    latencies: list[float] = []
    lost, memory_mib = 0, []

    async def converse(client: httpx.AsyncClient, number: int, until: float) -> None:
        nonlocal lost
        messages = [{"role": "user", "content": _TEXT}]
        body = {"model": "omnisense", "messages": messages, "omnisense": {"thread_id": f"load-{number}"}}
        sent = 0
        while time.monotonic() < until:
            began = time.perf_counter()
            answer = await client.post("/v1/chat/completions", json=body)
            latencies.append(time.perf_counter() - began)
            sent += 1
            lost += answer.status_code != 200
        kept = (await client.get(f"/v1/threads/load-{number}")).json()
        lost += sent - kept["turns"]

    async def run(url: str) -> None:
        until = time.monotonic() + seconds
        async with httpx.AsyncClient(base_url=url, timeout=120) as client:
            talking = [asyncio.create_task(converse(client, number, until)) for number in range(sessions)]
            while not all(task.done() for task in talking):
                policy.calls.clear()  # it keeps every prompt, which is no memory of the service
                memory_mib.append(process.memory_info().rss / _MIB)
                await asyncio.wait(talking, timeout=max(1.0, seconds / 20))
            await asyncio.gather(*talking)

    with tempfile.TemporaryDirectory() as folder:
        agent = agent_without_models(policy, Path(folder) / "conversations.sqlite")
        with serving(agent, requests_per_minute=1e6) as url:
            asyncio.run(run(url))
    half = len(memory_mib) // 2
    return {
        "sessions": sessions,
        "seconds": seconds,
        "turns": len(latencies),
        "lost_turns": lost,
        "median_s": round(statistics.median(latencies), 3),
        "p95_s": round(statistics.quantiles(latencies, n=20)[-1], 3),
        "memory_growth_second_half_mib": round(memory_mib[-1] - memory_mib[half], 1),
    }


@contextlib.contextmanager
def serving(agent: Agent, **settings: Any) -> Iterator[str]:
    """Serve an agent in a thread of this process; yield the address."""
    server = Server(agent, ServiceSettings(port=0, preload=False, **settings))
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


def _seconds_of(work: Callable[[], Any]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
