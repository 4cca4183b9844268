"""Nothing is lost: turns of processes that are killed, files that are written then, and memory over many turns."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import statistics
import subprocess
import sys
import time
import traceback
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

from omnisense import agent
from omnisense.agent.agent import Agent
from omnisense.files import write_atomically
from omnisense.perception.percepts import Percepts
from omnisense.reasoning.policies.scripted import ScriptedPolicy

_LONGEST_S = 1.5  # after which a child is killed, at the latest
_LOOK_EVERY_S = 0.005
_REPLY = "I hear you, and it sounds like a lot to hold."


class Ended(NamedTuple):
    """How a process ended: what it wrote to its descriptor, and its exit code, negative for a signal."""

    told: str
    code: int


def kill_chats(work: Path, count: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Kill processes that talk in one thread; each turn that returned must be in the history, once and in order.

    Args:
        work: an empty folder.
        count: of kills.
        say: receives a line now and then.
    """
    file = work / "conversations.sqlite"
    expected: list[str] = []
    chosen = random.Random(0)
    respond_in(file, ["warm up: a database, and what is imported on first use"])
    expected.append("warm up: a database, and what is imported on first use")
    for number in range(count):
        returned = run_and_kill(
            lambda told, n=number: _talk(file, n, told),  # type: ignore[misc]
            chosen.uniform(0.05, _LONGEST_S),
        ).told
        expected += returned.split("\n")[:-1]
        if number % 20 == 19:
            say(f"{number + 1} kills: {len(expected)} turns returned")
    with Agent(ScriptedPolicy([_REPLY]), memory=file) as agent:
        agent.resume("killed")
        typed = [turn.typed for turn in agent.history("killed")]
    kept = set(typed)
    order = [text for text in typed if text in set(expected)]
    return {
        "kills": count,
        "turns that returned": len(expected),
        "lost": sum(text not in kept for text in expected),
        "doubled": len(typed) - len(kept),
        "out of order": order != expected,
    }


def respond_in(file: Path, texts: list[str]) -> None:
    """Answer texts in the thread of the measurement."""
    with Agent(ScriptedPolicy([_REPLY]), memory=file) as agent:
        for text in texts:
            agent.respond(text=text, thread_id="killed")


def _talk(file: Path, number: int, told: int) -> None:
    with Agent(ScriptedPolicy([_REPLY]), memory=file) as agent:
        for turn in range(1000):
            text = f"Turn {turn} of process {number}."
            agent.respond(text=text, thread_id="killed")
            os.write(told, f"{text}\n".encode())


def kill_writes(work: Path, count: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Kill processes that write a file of 4 MB again and again; it must be whole at all times, without leftovers."""
    file, chosen, damaged = work / "percepts.json", random.Random(1), 0
    write_atomically(file, b"0" * 4_000_000)

    def write(_: int) -> None:
        for turn in range(100_000):
            write_atomically(file, str(turn % 10).encode() * 4_000_000)

    for number in range(count):
        run_and_kill(write, chosen.uniform(0.01, 0.15))
        content = file.read_bytes()
        damaged += len(content) != 4_000_000 or len(set(content)) != 1
        if number % 50 == 49:
            say(f"{number + 1} kills: {damaged} damaged")
    write_atomically(file, b"1")
    return {"kills": count, "damaged": damaged, "left over": len(list(work.iterdir())) - 1}


def kill_perceive(work: Path, count: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Kill processes that run ``omnisense perceive CLIP --output DIR``; each file there must be whole at all times.

    Percepts come from the cache, so that it is the writing which is interrupted.
    """
    out, chosen, damaged = work / "out", random.Random(2), 0
    command = ["perceive", str(Path(agent.__file__).with_name("demo.mp4")), "--output", str(out)]
    subprocess.run([sys.executable, "-m", "omnisense.agent.cli", *command], check=True, capture_output=True)
    import matplotlib.pyplot as plt  # the children find it imported

    plt.close("all")
    for number in range(count):
        run_and_kill(lambda _: _perceive(command), chosen.uniform(0.05, 2 * _LONGEST_S))
        damaged += not _is_whole(out)
        if number % 20 == 19:
            say(f"{number + 1} kills: {damaged} damaged")
    return {"kills": count, "damaged": damaged}


def _perceive(command: list[str]) -> None:
    from omnisense.agent.cli.main import main

    sys.argv = ["omnisense", *command]
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    while True:
        with contextlib.suppress(SystemExit):
            main()


def _is_whole(folder: Path) -> bool:
    """Whether the three files of ``perceive --output`` are there in full."""
    from PIL import Image

    try:
        Percepts.from_json((folder / "percepts.json").read_bytes())
        with Image.open(folder / "timeline.png") as picture:
            picture.load()
        return (folder / "timeline.txt").read_text("utf-8").endswith("\n")
    except (OSError, ValueError, SyntaxError):
        return False


def run_and_kill(run: Callable[[int], None], after_s: float | None, ready: Callable[[], bool] = lambda: True) -> Ended:
    """Run something in a fork of this process, kill it after a while, and return what it wrote and how it ended.

    What it raises is written to the standard error, and its exit code is 1.

    Args:
        run: receives the descriptor.
        after_s: when it is killed, unless it has ended; None to let it end.
        ready: from when ``after_s`` counts.
    """
    read, write = os.pipe()
    child = os.fork()
    if not child:
        code = 1
        try:
            os.close(read)
            run(write)
            code = 0
        except BaseException:  # whatever it is, this fork must not go on as its parent does
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(code)
    os.close(write)
    if after_s is not None:
        while not _has_ended(child) and not ready():
            time.sleep(_LOOK_EVERY_S)
        until = time.monotonic() + after_s
        while not _has_ended(child) and time.monotonic() < until:
            time.sleep(max(0.0, min(_LOOK_EVERY_S, until - time.monotonic())))
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    told = b""
    while piece := os.read(read, 1 << 16):
        told += piece
    os.close(read)
    return Ended(told.decode(), os.waitstatus_to_exitcode(status))


def _has_ended(child: int) -> bool:
    return os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def concurrent_turns(work: Path, workers: int, turns: int, where: str | Path | None = None) -> dict[str, Any]:
    """Answer turns of one thread by several agents at once; each that returned must be in the history, once.

    The thread has a name of its own and is forgotten at the end, so that a database may be used again.

    Args:
        work: an empty folder.
        workers: agents, each with a thread of this process.
        turns: of each.
        where: an address of Postgres; by default a SQLite file in the folder.
    """
    where, thread = where or work / "conversations.sqlite", f"concurrent-{uuid.uuid4()}"

    def talk(worker: int) -> list[str]:
        said = []
        with Agent(ScriptedPolicy([_REPLY]), memory=where) as one:
            for number in range(turns):
                said.append(f"Turn {number} of worker {worker}.")
                one.respond(text=said[-1], thread_id=thread)
        return said

    with ThreadPoolExecutor(workers) as pool:
        returned = [text for said in pool.map(talk, range(workers)) for text in said]
    with Agent(ScriptedPolicy([_REPLY]), memory=where) as one:
        kept = [turn.typed for turn in one.history(thread)]
        one.forget(thread)
    return {
        "workers": workers,
        "turns that returned": len(returned),
        "lost": len(set(returned) - set(kept)),
        "doubled": len(kept) - len(set(kept)),
    }


def growth(work: Path, count: int = 500) -> dict[str, Any]:
    """Answer turns of one thread; return the size of its file, and a turn's median time at first and at the end."""
    file, took = work / "conversations.sqlite", []
    with Agent(ScriptedPolicy([_REPLY]), memory=file) as one:
        for number in range(count):
            began = time.process_time()
            one.respond(text=f"It is day {number} and I am tired of the rain.", thread_id="long")
            took.append(1000 * (time.process_time() - began))
    size = sum(path.stat().st_size for path in work.glob("conversations.sqlite*") if path.is_file())
    first, last = (round(statistics.median(part), 1) for part in (took[5:55], took[-50:]))
    return {"turns": count, "file (MB)": round(size / 1e6, 2), "CPU ms a turn": [first, last]}


def many_turns(count: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Answer many turns in one process and compare memory, threads and descriptors after a fifth and at the end."""
    import psutil

    process, first = psutil.Process(), {}
    agent = Agent(ScriptedPolicy([_REPLY]), memory=None)

    def use() -> dict[str, float]:
        memory = round(process.memory_info().rss / 1e6, 1)
        return {"memory (MB)": memory, "threads": process.num_threads(), "descriptors": process.num_fds()}

    for number in range(count):
        agent.respond(text=f"It is day {number} and I am tired of the rain.")
        if number + 1 == max(1, count // 5):
            first = use()
        if number % 500 == 499:
            say(f"{number + 1} turns: {use()}")
    return {"turns": count, "after a fifth": first, "at the end": use()}
