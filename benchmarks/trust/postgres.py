"""Conversations in Postgres while its server crashes, and while the processes that talk are killed."""

from __future__ import annotations

import logging
import os
import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from omnisense.agent.agent import Agent
from omnisense.benchmarks.trust.losses import run_and_kill
from omnisense.errors import InputError, OmniSenseError
from omnisense.reasoning.policies.scripted import ScriptedPolicy
from omnisense.testing.postgres_server import PostgresServer, running_postgres

_REPLY = "I hear you, and it sounds like a lot to hold."
_ODD = "\0 \ud800 \U0001f600"  # what Postgres or UTF-8 cannot hold, and what takes two units in UTF-16
_KEPT_AS = "\0 \ufffd \U0001f600"
_CRASHES, _CRASH_EVERY_S, _LONGEST_S = 20, 4.0, 2.5
_WORKERS, _SEED = 8, 5


def measure(turns: int, kills: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Talk in one thread while the server crashes again and again; then kill processes that talk in another.

    Args:
        turns: of each of eight agents, while the server crashes.
        kills: of processes that talk.
        say: receives a line now and then.

    Raises:
        InputError: no Postgres server is installed, or the driver is not.
    """
    try:
        import psycopg_pool  # noqa: F401
    except ImportError as error:
        raise InputError("the Postgres driver is not installed", "Run `pip install 'omnisense[postgres]'`.") from error
    logging.getLogger("psycopg.pool").setLevel(logging.CRITICAL)  # it warns of each connection that is lost
    with running_postgres() as server:
        crashes = _crash_server(server, turns, say)
        return {"crashes": crashes, "kills": _kill_clients(server.database("kills"), kills, say)}


def _crash_server(server: PostgresServer, turns: int, say: Callable[[str], None]) -> dict[str, Any]:
    url, ended, crashes = server.database("crashes"), threading.Event(), 0
    taken: Counter[int] = Counter(dict.fromkeys(range(_WORKERS), 0))  # by worker

    def crash() -> None:
        nonlocal crashes
        while crashes < _CRASHES and not ended.wait(_CRASH_EVERY_S):
            server.control("restart", "-m", "immediate")
            crashes += 1
            say(f"{crashes} crashes of the server, {taken.total()} turns taken")

    def talk(worker: int) -> tuple[list[str], list[str]]:
        """Return the turns that returned, and the names of the errors of others; empty ones name a remedy."""
        returned, raised = [], []
        with Agent(ScriptedPolicy([_REPLY]), memory=url) as agent:
            for turn in range(turns):
                text = f"Turn {turn} of worker {worker}: "
                try:
                    agent.respond(text=text + _ODD, thread_id="crashes")
                    returned.append(text + _KEPT_AS)
                except Exception as error:
                    raised.append("" if isinstance(error, OmniSenseError) else type(error).__name__)
                taken[worker] += 1
        return returned, raised

    began, crashing = time.monotonic(), threading.Thread(target=crash)
    crashing.start()
    try:
        with ThreadPoolExecutor(_WORKERS) as pool:
            talked = list(pool.map(talk, range(_WORKERS)))
    finally:
        ended.set()
        crashing.join()
    returned = [text for texts, _ in talked for text in texts]
    raised = Counter(name for _, names in talked for name in names)
    return {
        "crashes": crashes,
        "turns": turns * _WORKERS,
        "turns that returned": len(returned),
        "turns with an error that names a remedy": raised.pop("", 0),
        "turns with another error": dict(raised),
        "seconds": round(time.monotonic() - began),
        **_compare(url, "crashes", returned),
    }


def _kill_clients(url: str, kills: int, say: Callable[[str], None]) -> dict[str, Any]:
    chosen, returned = random.Random(_SEED), []

    def talk(number: int, told: int) -> None:
        with Agent(ScriptedPolicy([_REPLY]), memory=url) as agent:
            for turn in range(1000):
                text = f"Turn {turn} of process {number}."
                agent.respond(text=text, thread_id="kills")
                os.write(told, f"{text}\n".encode())

    for number in range(kills):
        ended = run_and_kill(lambda told, n=number: talk(n, told), chosen.uniform(0.1, _LONGEST_S))  # type: ignore[misc]
        returned += ended.told.split("\n")[:-1]
        if number % 10 == 9:
            say(f"{number + 1} kills: {len(returned)} turns returned")
    return {"kills": kills, "turns that returned": len(returned), **_compare(url, "kills", returned)}


def _compare(url: str, thread: str, returned: list[str]) -> dict[str, int]:
    """Compare the history of a thread with the turns that returned."""
    with Agent(ScriptedPolicy([_REPLY]), memory=url) as agent:
        if agent.interrupted(thread):
            agent.resume(thread)
        kept = Counter(turn.typed for turn in agent.history(thread))
    return {"lost": sum(text not in kept for text in returned), "doubled": sum(kept.values()) - len(kept)}
