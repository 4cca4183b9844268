"""Measure the service beside the agent in Python: ``python -m omnisense.benchmarks.speed.service [--load SECONDS]``.

What a turn costs more over HTTP than as a call, in turn in one process; what a piece of sound costs on its way through
the WebSocket; and, with ``--load``, many conversations at once, of text, then spoken.
Needs ``pip install 'omnisense[serve,voice]'`` and the models.
"""

from __future__ import annotations

import json
import os
import statistics
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click
import numpy as np

from omnisense.agent.agent import Agent
from omnisense.agent.service.pcm import PCM_RATE_HZ, from_pcm16, incoming
from omnisense.agent.service.realtime_events import Append, decode_audio, parse_event
from omnisense.benchmarks.speed.agents import agent_without_models
from omnisense.benchmarks.speed.service_load import PIECE_S, TEXT, audio_event, live_load, text_load
from omnisense.benchmarks.speed.serving import serving
from omnisense.reasoning.policies.scripted import ScriptedPolicy


@click.command()
@click.option("--turns", default=100, show_default=True, help="Counted turns, and pieces of sound.")
@click.option("--load", "load_s", default=0.0, show_default=True, help="Seconds of many conversations at once.")
@click.option("--sessions", default=50, show_default=True, help="Of text, under load.")
@click.option("--live", default=8, show_default=True, help="Spoken sessions, under load.")
@click.option("--output", type=click.Path(path_type=Path, file_okay=False), default="runs/speed", show_default=True)
def main(turns: int, load_s: float, sessions: int, live: int, output: Path) -> None:
    """Measure what the service costs."""
    report: dict[str, Any] = {"turns": turns, "cores": os.cpu_count(), **overhead(turns), **audio_overhead(turns)}
    if load_s:
        report["load"] = text_load(sessions, load_s)
        report["live_load"] = live_load(live, load_s)
    output.mkdir(parents=True, exist_ok=True)
    (output / "service.json").write_text(json.dumps(report, indent=1) + "\n")
    (output / "service.md").write_text(as_table(report))
    click.echo(as_table(report))


def as_table(report: Mapping[str, Any]) -> str:
    """Return the figures of a report as Markdown."""
    load, live = report.get("load"), report.get("live_load")
    command = f"python -m omnisense.benchmarks.speed.service --turns {report['turns']}"
    command += f" --load {load['seconds']:g}" if load else ""
    rows = [
        ("a turn by `agent.respond`", f"{report['call_ms']:.1f} ms"),
        (
            "the same over HTTP, with the client's own time",
            f"{report['http_ms']:.1f} ms: {report['http_overhead_ms']:.1f} ms more (at most 10 asked for), "
            f"{report['http_overhead_cpu_ms']:.1f} ms of CPU time",
        ),
        (
            "a piece of 40 ms of sound, from sending it through the WebSocket to the answer to the next event",
            f"{report['audio_round_trip_ms']:.1f} ms (at most 5 asked for)",
        ),
        ("the work on it, up to samples for perception", f"{report['audio_piece_ms']:.1f} ms"),
    ]
    if load:
        said = f"{load['turns']:,} turns, {load['lost_turns']} lost; median {load['median_s']:.2f} s, "
        said += f"95th percentile {load['p95_s']:.2f} s, most of it in the queue"
        rows.append((f"{load['sessions']} conversations of text at once, for {load['seconds']:g} s", said))
        rows.append(_memory(load))
    if live:
        said = f"{live['spoken_turns']} turns, {live['lost_turns']} lost; end of speech to first sound "
        said += f"{live['end_of_speech_to_first_sound_s']:.1f} s (median), "
        said += f"{live['end_of_speech_to_first_sound_p95_s']:.1f} s (95th percentile)"
        what = f"{live['sessions']} spoken conversations at once, for {live['seconds']:g} s, with voice"
        rows += [(what, said), _memory(live)]
    return "\n".join(
        [
            "# The service beside the agent in Python",
            "",
            f"`{command}`, with ScriptedPolicy, on {report['cores']} cores.",
            "Under load the server is in a process of its own, and its clients share the cores with it.",
            "",
            "| what | measured |",
            "| --- | --- |",
            *(f"| {what} | {measured} |" for what, measured in rows),
            "",
        ]
    )


def _memory(load: Mapping[str, Any]) -> tuple[str, str]:
    first, middle, last = load["memory_mib"]
    grown = load["memory_growth_second_half_mib"]
    return (
        "memory of that server at the start, in the middle, at the end",
        f"{first:,}, {middle:,} and {last:,} MiB; {grown:.0f} MiB more in the second half",
    )


def overhead(turns: int) -> dict[str, Any]:
    """Return the median milliseconds of a turn by a call and over HTTP, measured in turn.

    ``cpu`` is the time of this process's threads, client and server, which other work on the machine does not lengthen
    by taking the cores.
    """
    import httpx

    agent = agent_without_models(ScriptedPolicy(), None)
    body = {"model": "omnisense", "messages": [{"role": "user", "content": TEXT}]}
    with serving(agent) as url, httpx.Client(timeout=120) as client:

        def over_http() -> None:
            client.post(f"{url}/v1/chat/completions", json=body).raise_for_status()

        seconds: dict[str, list[float]] = {"call": [], "http": [], "call_cpu": [], "http_cpu": []}
        for _ in range(turns + 5):
            for name, turn in (("call", lambda: agent.respond(text=TEXT)), ("http", over_http)):
                cpu_s = time.process_time()
                seconds[name].append(_seconds_of(turn))
                seconds[f"{name}_cpu"].append(time.process_time() - cpu_s)
    ms = {name: 1000 * statistics.median(found[5:]) for name, found in seconds.items()}
    ms |= {"http_overhead": ms["http"] - ms["call"], "http_overhead_cpu": ms["http_cpu"] - ms["call_cpu"]}
    return {f"{name}_ms": round(value, 2) for name, value in ms.items()}


def audio_overhead(pieces: int) -> dict[str, Any]:
    """Return the median milliseconds of a piece of sound through the service.

    ``audio_piece_ms`` is the work on an ``input_audio_buffer.append``, up to samples for perception;
    ``audio_round_trip_ms`` is from its sending by a client to the answer to the event that follows it, so that it holds
    both ways of the connection, and the client.
    """
    from websockets.sync.client import connect

    resample = incoming()
    sound = np.zeros(int(PIECE_S * PCM_RATE_HZ), np.float32)
    append, clear = audio_event(sound), json.dumps({"type": "input_audio_buffer.clear"})

    def piece() -> None:
        event = parse_event(append)
        assert isinstance(event, Append), "it was written as one"
        resample(from_pcm16(decode_audio(event.audio)))

    with (
        serving(Agent(ScriptedPolicy(), memory=None)) as url,
        connect(url.replace("http", "ws") + "/v1/realtime") as ws,
    ):

        def there_and_back() -> None:
            ws.send(append)
            ws.send(clear)
            while json.loads(ws.recv())["type"] != "input_audio_buffer.cleared":
                pass

        seconds: dict[str, list[float]] = {"piece": [], "round trip": []}
        for _ in range(pieces + 5):
            seconds["piece"].append(_seconds_of(piece))
            seconds["round trip"].append(_seconds_of(there_and_back))
            time.sleep(PIECE_S)
    own, both = (1000 * statistics.median(seconds[name][5:]) for name in ("piece", "round trip"))
    return {"audio_piece_ms": round(own, 3), "audio_round_trip_ms": round(both, 2)}


def _seconds_of(work: Callable[[], Any]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
