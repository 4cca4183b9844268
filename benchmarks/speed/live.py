"""Live conversation: ``python -m omnisense.benchmarks.speed.live DATA [--output DIR]``.

DATA is the folder with GRID, the telephone call, the meeting and JFK (``grid``, ``speech``). Measured on sixty scripted
turns: how long after the end of speech the agent's first sound comes, turns that were cut and ends that came late,
beside endpointing by voice activity alone; on twelve more into which silence was cut; on twenty interruptions: speech
to silence, and whether the history holds the words that were played; on twenty backchannels: whether the agent goes on.
All of it twice: the rule was set on eighty other synthesized turns and tried on the first of these; the second
("unseen") were written after it.

Conversations run in simulated time. What the engine computes takes as long in it as the CPU time that was spent, so
that other programs on the machine do not count; what would run side by side on two cores is counted in full.
"""

from __future__ import annotations

import functools
import json
import os
import platform
import random
from collections.abc import Callable, Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import click
import numpy as np

from omnisense.agent.agent import Agent
from omnisense.agent.live.events import ReplyEnded, ReplySentence, TurnEnded, TurnResumed
from omnisense.agent.live.simulation import Simulation
from omnisense.agent.live.speech_detector import SpeechDetector
from omnisense.agent.voice.base import Voice
from omnisense.agent.voice.hibari import HibariVoice
from omnisense.benchmarks.harness.run_folder import cut_torn_line, read_measured
from omnisense.benchmarks.speed.live_barge_in import (
    REPLY,
    SETTINGS,
    backchannel,
    backchannels,
    interrupt,
    interruptions,
)
from omnisense.benchmarks.speed.live_report import as_table
from omnisense.benchmarks.speed.live_turns import ScriptedTurn, cut_turns, scripted_turns
from omnisense.benchmarks.speed.live_unseen import unseen_cut_turns, unseen_turns
from omnisense.perception.media.decode import SAMPLE_RATE_HZ
from omnisense.perception.pipeline import Perception
from omnisense.reasoning.policies.base import DEFAULT_POLICY
from omnisense.reasoning.policies.scripted import ScriptedPolicy

_KINDS = ("turns", "cut turns", "interruptions", "backchannels")
_PARTS = (*_KINDS, *(f"unseen {kind}" for kind in _KINDS), "default policy")
_VAD_ONLY_S = 0.7  # the baseline: silence that ends a turn
_EVERY = 7  # of the sixty turns: nine, which the default model answers, too


@click.command()
@click.argument("data", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--part", "parts", multiple=True, type=click.Choice(_PARTS), help="Only these. [default: all]")
@click.option("--output", type=click.Path(path_type=Path, file_okay=False), default="runs/speed", show_default=True)
def main(data: Path, parts: tuple[str, ...], output: Path) -> None:
    """Measure live conversation; what an interrupted run has measured is in live.jsonl, and is not measured again."""
    output.mkdir(parents=True, exist_ok=True)
    state = output / "live.jsonl"
    voice, perception = HibariVoice(), Perception(cache=False)
    scripted = Agent(ScriptedPolicy(lambda _: json.dumps({"reply": REPLY})), perception, memory=None)
    for part in parts or _PARTS:
        agent = Agent(DEFAULT_POLICY, perception, memory=None) if part == "default policy" else scripted
        _measure(part, _items(part, data, agent, voice), state)
    found = read_measured(state)
    report = {
        "python": platform.python_version(),
        "cpu_count": os.cpu_count(),
        "packages": {name: version(name) for name in ("hibari-tts", "faster-whisper", "onnxruntime")},
        **{part: [row for row in found if row["part"] == part] for part in _PARTS},
    }
    (output / "live.json").write_text(json.dumps(report, indent=1) + "\n")
    (output / "live.md").write_text(as_table(report))
    click.echo(as_table(report))


def _items(part: str, data: Path, agent: Agent, voice: Voice) -> list[Callable[[], dict[str, Any]]]:
    """Return the measurements of a part."""
    unseen = part.startswith("unseen ")
    if part.endswith("interruptions"):
        cut = enumerate(interruptions(data, voice, unseen))
        return [functools.partial(interrupt, agent, voice, number, item) for number, item in cut]
    if part.endswith("backchannels"):
        return [functools.partial(backchannel, agent, voice, *item) for item in backchannels(data, voice, unseen)]
    turns = {
        "turns": lambda: scripted_turns(data, voice),
        "cut turns": lambda: cut_turns(data),
        "unseen turns": lambda: unseen_turns(data, voice),
        "unseen cut turns": lambda: unseen_cut_turns(data),
        "default policy": lambda: scripted_turns(data, voice),
    }[part]()
    if part == "default policy":
        turns = turns[::_EVERY]
    return [functools.partial(_take_turn, agent, voice, turn) for turn in turns]


def _measure(part: str, items: Sequence[Callable[[], dict[str, Any]]], state: Path) -> None:
    """Append what was not measured yet; the first item is done once before, which loads the models."""
    cut_torn_line(state)
    known = {row["number"] for row in read_measured(state) if row["part"] == part}
    missing = [number for number in range(len(items)) if number not in known]
    random.Random(0).shuffle(missing)
    if missing:
        items[0]()
    for number in missing:
        row = {"part": part, "number": number, **items[number]()}
        with state.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")


# --- turns --------------------------------------------------------------------------------------------------


def _take_turn(agent: Agent, voice: Voice, turn: ScriptedTurn) -> dict[str, Any]:
    """Let the agent hear a turn; return when it was taken for over, and when the first sound came."""
    with Simulation(agent, voice, SETTINGS) as live:
        live.wait(0.5)
        began_s = live.now_s
        live.hear(turn.samples)
        live.wait(0.5)
        if not live.of(ReplySentence):
            live.wait_for(ReplySentence, 12.0)
        live.engine.stop_reply(live.now_s)
        live.wait(0.1)
    end_s = began_s + turn.end_s
    spoken = [event.at_s for event in live.of(ReplySentence)]
    resumed = [event.at_s for event in live.of(TurnResumed)]
    decided = [event.at_s for event in live.of(TurnEnded) if not any(at_s > event.at_s for at_s in resumed)]
    latencies = [asdict(event.latency) for event in live.of(ReplyEnded)]
    was_cut = bool(spoken) and spoken[0] < end_s - 0.1
    return {
        "turn": turn.name,
        "kind": turn.kind,
        "cut": was_cut,
        "end_of_turn_s": round(decided[0] - end_s, 3) if decided and not was_cut else None,
        "first_sound_s": round(spoken[0] - end_s, 3) if spoken and not was_cut else None,
        "vad_only": _by_voice_activity(turn),
        "latency": latencies[0] if latencies else None,
    }


def _by_voice_activity(turn: ScriptedTurn) -> dict[str, Any]:
    """Return where endpointing by voice activity alone takes the turn for over."""
    detector = SpeechDetector(_VAD_ONLY_S)
    samples = np.concatenate([turn.samples, np.zeros(3 * SAMPLE_RATE_HZ, np.float32)])
    for first in range(0, len(samples), 320):
        if False in detector.feed(samples[first : first + 320]):
            at_s = detector.received_s - turn.end_s
            return {"cut": at_s < 0, "end_of_turn_s": round(at_s, 3) if at_s >= 0 else None}
    return {"cut": False, "end_of_turn_s": None}


if __name__ == "__main__":
    main()
