"""Many conversations at once with a service in a process of its own: lost turns, latencies, memory of the server."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import multiprocessing
import statistics
import tempfile
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from omnisense.agent.service.pcm import PCM_RATE_HZ, Resampler, to_pcm16

TEXT = "I lost my job today."
PIECE_S = 0.04  # of sound, as the page sends them
_ANSWER_S = 60.0  # a spoken turn that is not recorded by then is lost
_PAUSE_S = 1.0  # of silence between turns
_LOOKS = 20  # at the memory of the server
_START_S = 300.0  # models are loaded meanwhile
_MIB = 2**20


def text_load(sessions: int, seconds: float) -> dict[str, Any]:
    """Return how so many conversations of text fared at once, each a thread whose turns follow each other."""
    import httpx

    latencies: list[float] = []
    lost = 0

    async def converse(client: httpx.AsyncClient, number: int, until: float) -> None:
        nonlocal lost
        messages = [{"role": "user", "content": TEXT}]
        body = {"model": "omnisense", "messages": messages, "omnisense": {"thread_id": f"load-{number}"}}
        sent = failed = 0
        while time.monotonic() < until:
            began = time.perf_counter()
            answer = await client.post("/v1/chat/completions", json=body)
            latencies.append(time.perf_counter() - began)
            sent += 1
            failed += answer.status_code != 200
        kept = (await client.get(f"/v1/threads/load-{number}")).json()
        lost += max(failed, sent - kept.get("turns", 0))

    async def run(url: str, look: Callable[[], None]) -> None:
        until = time.monotonic() + seconds
        async with httpx.AsyncClient(base_url=url, timeout=120) as client:
            await _watched([converse(client, number, until) for number in range(sessions)], seconds, look)

    memory = _with_server(run, live=False)
    return {
        "sessions": sessions,
        "seconds": seconds,
        "turns": len(latencies),
        "lost_turns": lost,
        "median_s": round(statistics.median(latencies), 3),
        "p95_s": round(statistics.quantiles(latencies, n=20)[-1], 3),
        **memory,
    }


def live_load(sessions: int, seconds: float) -> dict[str, Any]:
    """Return how so many spoken conversations fared at once.

    Each speaks a sentence in real time, listens in silence until its turn is recorded, and goes on after a second. A
    turn is lost if it was not recorded within a minute, or not kept in the thread.
    """
    speech = _speech()
    fared = _Fared()

    async def run(url: str, look: Callable[[], None]) -> None:
        until = time.monotonic() + seconds
        talking = [_talk(url, number, speech, until, fared) for number in range(sessions)]
        await _watched(talking, seconds, look)

    memory = _with_server(run, live=True)
    return {
        "sessions": sessions,
        "seconds": seconds,
        "spoken_turns": fared.spoken,
        "lost_turns": fared.lost,
        "end_of_speech_to_first_sound_s": _median(fared.first_sound_s),
        "end_of_speech_to_first_sound_p95_s": _p95(fared.first_sound_s),
        "e2e_latency_s": _median(fared.e2e_s),
        **memory,
    }


class _Fared:
    """What came of the spoken turns."""

    def __init__(self) -> None:
        self.spoken = self.lost = 0
        self.first_sound_s: list[float] = []
        self.e2e_s: list[float] = []


async def _talk(url: str, number: int, speech: list[str], until: float, fared: _Fared) -> None:
    """Hold one spoken conversation."""
    import httpx
    from websockets.asyncio.client import connect

    thread, spoken, late = f"live-{number}", 0, 0
    silence = audio_event(np.zeros(int(PIECE_S * PCM_RATE_HZ), np.float32))
    async with connect(url.replace("http", "ws") + "/v1/realtime", max_size=None) as socket:
        await socket.send(json.dumps({"type": "session.update", "session": {"omnisense": {"thread_id": thread}}}))
        listener = _Listener(socket)
        listening = asyncio.create_task(listener.listen())
        clock = _Clock()
        await asyncio.sleep(number * _PAUSE_S / 4)  # they do not all speak at the same moment
        while time.monotonic() < until:
            listener.begin()
            for piece in speech:
                await socket.send(piece)
                await clock.wait()
            fared.spoken, spoken, ended = fared.spoken + 1, spoken + 1, time.monotonic()
            while not listener.recorded and time.monotonic() < ended + _ANSWER_S:
                await socket.send(silence)
                await clock.wait()
            late += not listener.recorded
            if listener.first_sound:
                fared.first_sound_s.append(listener.first_sound - ended)
            for _ in range(int(_PAUSE_S / PIECE_S)):
                await socket.send(silence)
                await clock.wait()
        fared.e2e_s += listener.e2e_s
        listening.cancel()
    async with httpx.AsyncClient(base_url=url, timeout=120) as client:
        kept = (await client.get(f"/v1/threads/{thread}")).json()
    fared.lost += max(late, spoken - kept.get("turns", 0))


class _Listener:
    """Reads what the server tells of a conversation."""

    def __init__(self, socket: Any) -> None:
        self._socket = socket
        self.e2e_s: list[float] = []
        self.begin()

    def begin(self) -> None:
        """A turn begins."""
        self.recorded, self.first_sound = False, 0.0

    async def listen(self) -> None:
        """Follow the events until the connection ends."""
        async for message in self._socket:
            event = json.loads(message)
            if event["type"] == "response.output_audio.delta":
                self.first_sound = self.first_sound or time.monotonic()
            elif event["type"] == "omnisense.turn_recorded":
                self.recorded = True
                if event["latency"]["e2e_latency"] is not None:
                    self.e2e_s.append(event["latency"]["e2e_latency"])


class _Clock:
    """Keeps the pace of a microphone; where the machine was late it catches up."""

    def __init__(self) -> None:
        self._next = time.monotonic()

    async def wait(self) -> None:
        """Wait for the next piece's moment."""
        self._next += PIECE_S
        await asyncio.sleep(max(0.0, self._next - time.monotonic()))


def _speech() -> list[str]:
    """Return a spoken sentence as the events that carry it."""
    from omnisense.agent.voice.base import speak
    from omnisense.agent.voice.load import load_voice

    voice = load_voice("hibari")
    sound = Resampler(voice.sample_rate, PCM_RATE_HZ)(speak(voice, TEXT))
    size = int(PIECE_S * PCM_RATE_HZ)
    return [audio_event(sound[at : at + size]) for at in range(0, len(sound), size)]


def audio_event(samples: np.ndarray) -> str:
    """Return the event of the Realtime API that carries (N,) float32 at 24 kHz."""
    return json.dumps({"type": "input_audio_buffer.append", "audio": base64.b64encode(to_pcm16(samples)).decode()})


# --- the server -------------------------------------------------------------------------------------------------


async def _watched(talking: Sequence[Awaitable[None]], seconds: float, look: Callable[[], None]) -> None:
    """Wait for conversations, and look at the server meanwhile."""
    tasks = [asyncio.ensure_future(one) for one in talking]
    while not all(task.done() for task in tasks):
        look()
        await asyncio.wait(tasks, timeout=max(1.0, seconds / _LOOKS))
    await asyncio.gather(*tasks)


def _with_server(run: Callable[[str, Callable[[], None]], Awaitable[None]], live: bool) -> dict[str, Any]:
    """Run conversations with a server; return its memory at the start, in the middle and at the end, in MiB."""
    memory: list[float] = []
    with tempfile.TemporaryDirectory() as folder, _server(Path(folder) / "m.sqlite", live) as (url, process):

        async def main() -> None:
            await run(url, lambda: memory.append(process.memory_info().rss / _MIB))

        asyncio.run(main())
    half = len(memory) // 2
    return {
        "memory_mib": [round(memory[at]) for at in (0, half, -1)],
        "memory_growth_second_half_mib": round(memory[-1] - memory[half], 1),
    }


@contextlib.contextmanager
def _server(memory: Path, live: bool) -> Iterator[tuple[str, psutil.Process]]:
    """Serve in a process of its own; yield the address and the process, once its models are loaded."""
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe()
    process = spawn.Process(target=_serve, args=(memory, live, theirs), daemon=True)
    process.start()
    try:
        if not ours.poll(_START_S):
            raise RuntimeError(f"the server did not start in {_START_S:g} s")
        yield ours.recv(), psutil.Process(process.pid)
    finally:
        ours.close()  # which ends it
        process.join(_START_S)


def _serve(memory: Path, live: bool, parent: Connection) -> None:
    from omnisense.agent.agent import Agent
    from omnisense.agent.voice.load import load_voice
    from omnisense.benchmarks.speed.agents import agent_without_models
    from omnisense.benchmarks.speed.serving import serving
    from omnisense.reasoning.policies.scripted import ScriptedPolicy

    policy = ScriptedPolicy()
    policy.calls = deque(maxlen=1)  # type: ignore[assignment]  # all prompts would be memory, but not of the service
    agent = Agent(policy, memory=memory) if live else agent_without_models(policy, memory)
    agent.respond(text=TEXT)  # what a turn imports and loads is not the load
    with serving(agent, load_voice("hibari") if live else None, preload=live, requests_per_minute=1e6) as url:
        if live:
            _wait_until_ready(url)
        parent.send(url)
        with contextlib.suppress(EOFError):
            parent.recv()


def _wait_until_ready(url: str) -> None:
    import httpx

    while httpx.get(f"{url}/readyz", timeout=_START_S).status_code != 200:
        time.sleep(0.2)


def _median(seconds: list[float]) -> float | None:
    return round(statistics.median(seconds), 3) if seconds else None


def _p95(seconds: list[float]) -> float | None:
    return round(statistics.quantiles(seconds, n=20)[-1], 3) if len(seconds) > 1 else None
