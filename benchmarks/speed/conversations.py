"""What conversations cost, and whether turns get lost: ``python -m omnisense.benchmarks.speed.conversations``.

A policy that costs nothing answers, and no model reads the words, so that what remains is the agent and its storage.
Measured on SQLite, and on Postgres if ``--postgres URL`` names a database: turns lost when several threads and
several processes write to one conversation, milliseconds a turn in short and long conversations, and the size of a
long one. Writes ``conversations.json`` and ``conversations.md``.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import click

from omnisense.agent.agent import Agent
from omnisense.benchmarks.speed.agents import agent_without_models
from omnisense.errors import OmniSenseError
from omnisense.reasoning.policies.scripted import ScriptedPolicy

_REPLY = "I hear how sad you are, and I am sorry about your dog."
_TEXT = "My dog died yesterday, and I keep looking at the empty basket by the door."
_WORKERS, _CONCURRENT_TURNS = 8, 200
_PROCESSES, _TURNS_A_PROCESS = 2, 50
_SHORT, _LONG, _TIMED = 5, 500, 40

_PROCESS = """
import sys
from omnisense.benchmarks.speed.conversations import say
say(sys.argv[1], sys.argv[2], int(sys.argv[3]))
"""


@click.command()
@click.option("--postgres", metavar="URL", help="Measure this Postgres database too.")
@click.option("--output", type=click.Path(path_type=Path, file_okay=False), default="runs/speed", show_default=True)
def main(postgres: str | None, output: Path) -> None:
    """Measure conversations: turns lost, milliseconds a turn, size."""
    with tempfile.TemporaryDirectory() as folder:
        found = {"SQLite": measure(str(Path(folder) / "conversations.sqlite"))}
        if postgres:
            found["Postgres"] = measure(postgres)
    report = {"python": platform.python_version(), "cpu_count": os.cpu_count(), "storage": found}
    output.mkdir(parents=True, exist_ok=True)
    (output / "conversations.json").write_text(json.dumps(report, indent=1) + "\n")
    (output / "conversations.md").write_text(as_table(report))
    click.echo(as_table(report))


def measure(memory: str) -> dict[str, Any]:
    """Return counts of turns, milliseconds a turn and megabytes of one memory (a file or a URL)."""
    found = _timings(memory)  # first: the file holds nothing else yet
    found |= {"threads": _concurrent_threads(memory), "processes": _concurrent_processes(memory)}
    return found


def say(memory: str, thread_id: str, turns: int) -> None:
    """Take turns in a conversation; print how many returned a reply and how many raised an error that says so."""
    returned = refused = 0
    with agent_without_models(ScriptedPolicy([_REPLY]), memory) as agent:
        for _ in range(turns):
            try:
                agent.respond(text=_TEXT, thread_id=thread_id)
                returned += 1
            except OmniSenseError:
                refused += 1
    click.echo(json.dumps([returned, refused]))


def as_table(report: dict[str, Any]) -> str:
    """Return the report as Markdown."""
    names = list(report["storage"])
    found = report["storage"].values()
    rows: list[tuple[str, list[str]]] = [
        (f"turns lost, {_WORKERS} threads of one process", [_losses(f["threads"]) for f in found]),
        (f"turns lost, {_PROCESSES} processes", [_losses(f["processes"]) for f in found]),
        ("ms a turn without a conversation", [_milliseconds(f["none_ms"]) for f in found]),
        (f"ms a turn, conversation of {_SHORT} turns", [_milliseconds(f["short_ms"]) for f in found]),
        (f"ms a turn, conversation of {_LONG} turns", [_milliseconds(f["long_ms"]) for f in found]),
        (f"MB on disk after a conversation of {_LONG} turns", [_megabytes(f["megabytes"]) for f in found]),
    ]
    lines = [
        f"{report['cpu_count']} cores, Python {report['python']}; medians of {_TIMED} turns, in brackets of the "
        "process's own CPU time, which other work on the machine does not lengthen. A turn is lost when it returned a "
        "reply that is not in the history afterwards.",
        "",
        f"| what | {' | '.join(names)} |",
        "| --- |" + " --- |" * len(names),
    ]
    return "\n".join([*lines, *(f"| {what} | {' | '.join(values)} |" for what, values in rows)]) + "\n"


def _timings(memory: str) -> dict[str, Any]:
    """Time turns in conversations of two lengths, one after the other in turn, so that drift falls on both."""
    long = _new_thread()
    with agent_without_models(ScriptedPolicy([_REPLY]), memory) as agent:
        _take_turns(agent, long, _LONG)
    size = _size(memory)
    with agent_without_models(ScriptedPolicy([_REPLY]), memory) as agent:
        none, short, grown = [], [], []
        for _ in range(_TIMED):
            thread = _new_thread()
            _take_turns(agent, thread, _SHORT)
            none.append(_timed_turn(agent, None))
            short.append(_timed_turn(agent, thread))
            grown.append(_timed_turn(agent, long))
    return {"none_ms": _medians(none), "short_ms": _medians(short), "long_ms": _medians(grown), "megabytes": size}


def _concurrent_threads(memory: str) -> dict[str, int]:
    thread = _new_thread()
    with agent_without_models(ScriptedPolicy([_REPLY]), memory) as agent:
        agent.respond(text=_TEXT, thread_id=thread)  # what is loaded on first use is loaded

        def take_turn(_: int) -> bool:
            try:
                agent.respond(text=_TEXT, thread_id=thread)
            except OmniSenseError:
                return False
            return True

        with ThreadPoolExecutor(_WORKERS) as pool:
            returned = sum(pool.map(take_turn, range(_CONCURRENT_TURNS)))
        kept = len(agent.history(thread)) - 1
    return {"returned": returned, "refused": _CONCURRENT_TURNS - returned, "kept": kept}


def _concurrent_processes(memory: str) -> dict[str, int]:
    thread = _new_thread()
    command = [sys.executable, "-c", _PROCESS, memory, thread, str(_TURNS_A_PROCESS)]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(_PROCESSES)]
    outputs = [process.communicate()[0] for process in running]
    if codes := [process.returncode for process in running if process.returncode]:
        raise OmniSenseError(
            f"{len(codes)} of {_PROCESSES} processes that talk in one conversation ended with exit code {codes[0]}",
            "What they wrote above says why; their turns would count as neither returned nor lost.",
        )
    counts = [json.loads(text.splitlines()[-1]) for text in outputs]
    with agent_without_models(ScriptedPolicy([_REPLY]), memory) as agent:
        kept = len(agent.history(thread))
    return {"returned": sum(c[0] for c in counts), "refused": sum(c[1] for c in counts), "kept": kept}


def _take_turns(agent: Agent, thread_id: str, turns: int) -> None:
    for _ in range(turns):
        agent.respond(text=_TEXT, thread_id=thread_id)


def _timed_turn(agent: Agent, thread_id: str | None) -> tuple[float, float]:
    """Return the milliseconds of a turn: on the clock, and of CPU time."""
    began, began_cpu = time.perf_counter(), time.process_time()
    agent.respond(text=_TEXT, thread_id=thread_id)
    return 1000 * (time.perf_counter() - began), 1000 * (time.process_time() - began_cpu)


def _medians(times: Sequence[tuple[float, float]]) -> dict[str, float]:
    clock, cpu = zip(*times, strict=True)
    return {"clock": statistics.median(clock), "cpu": statistics.median(cpu)}


def _milliseconds(times: dict[str, float]) -> str:
    return f"{times['clock']:.2f} ({times['cpu']:.2f})"


def _new_thread() -> str:
    return f"measured {uuid.uuid4().hex}"


def _size(memory: str) -> float | None:
    """Return the megabytes of a SQLite file; None for a server."""
    return None if memory.startswith("postgres") else Path(memory).stat().st_size / 1e6


def _losses(counts: dict[str, int]) -> str:
    lost = max(0, counts["returned"] - counts["kept"])
    return f"{lost} of {counts['returned']} ({counts['refused']} refused with an error)"


def _megabytes(size: float | None) -> str:
    return "not measured" if size is None else f"{size:.2f}"


if __name__ == "__main__":
    main()
