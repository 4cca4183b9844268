"""Live conversation: ``python -m omnisense.benchmarks.speed.live DATA [--output DIR]``.

DATA is the folder with GRID, the telephone call and JFK (``grid``, ``speech``). Measured on sixty scripted turns: how
long after the end of speech the agent's first sound comes, turns that were cut and ends that came late, beside
endpointing by voice activity alone; on twenty interruptions: speech to silence, and whether the history holds the words
that were played; on twenty backchannels: whether the agent goes on.

Conversations run in simulated time. What the engine computes takes as long in it as the CPU time that was spent, so
that other programs on the machine do not count; what would run side by side on two cores is counted in full.
"""

from __future__ import annotations

import functools
import json
import os
import platform
import random
import re
import statistics
from collections.abc import Callable, Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import click
import numpy as np

from omnisense.agent.agent import Agent
from omnisense.agent.live.events import Backchannel, ReplyEnded, ReplyPaused, ReplySentence, TurnEnded, TurnResumed
from omnisense.agent.live.scenario import voiced
from omnisense.agent.live.settings import LiveSettings
from omnisense.agent.live.simulation import Simulation
from omnisense.agent.live.speech_detector import SpeechDetector
from omnisense.agent.voice.base import Voice, VoiceStyle
from omnisense.agent.voice.hibari import HibariVoice
from omnisense.agent.voice.played import at_16_khz
from omnisense.benchmarks.speed.live_turns import (
    ScriptedTurn,
    call_utterances,
    cut_turns,
    grid_sentences,
    scripted_turns,
)
from omnisense.perception.media.decode import SAMPLE_RATE_HZ
from omnisense.perception.pipeline import Perception
from omnisense.reasoning.policies.base import DEFAULT_POLICY
from omnisense.reasoning.policies.scripted import ScriptedPolicy

_PARTS = ("turns", "interruptions", "backchannels", "default policy", "cut turns")
_SETTINGS = LiveSettings(partials_s=0.0)  # these are for show: no decision depends on them
_VAD_ONLY_S = 0.7  # the baseline: silence that ends a turn
_LATE_S = 2.0  # an end that is found later than this counts as late
_ANSWERED = 8  # turns that the default model answers, too
_REPLY = (
    "I hear how much that matters to you, and I would like to understand it better. Tell me a little more about what "
    "happened after that, and how it felt when you were there."
)
_INTERRUPTIONS = (
    "No, that is not what I meant.",
    "Can I say something about that?",
    "I want to talk about something else.",
    "But he never came back.",
    "Please do not ask me about it.",
    "My brother was there as well.",
    "Sorry, somebody is at the door.",
    "Do you think that it was my fault?",
)
_BACKCHANNELS = (
    "Yeah.",
    "Mm-hmm.",
    "Uh-huh.",
    "Right.",
    "Okay.",
    "I see.",
    "Oh, wow.",
    "Sure.",
    "Really?",
    "Oh.",
    "Yeah, yeah.",
    "Got it.",
    "Of course.",
    "Hmm.",
    "Yep.",
    "Exactly.",
    "Ha ha ha.",
    "That makes sense.",
    "True.",
    "Alright.",
)
_PERSON = VoiceStyle(pace=1.0, pitch_st=-4.0)


@click.command()
@click.argument("data", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--part", "parts", multiple=True, type=click.Choice(_PARTS), help="Only these. [default: all]")
@click.option("--output", type=click.Path(path_type=Path, file_okay=False), default="runs/speed", show_default=True)
def main(data: Path, parts: tuple[str, ...], output: Path) -> None:
    """Measure live conversation; what an interrupted run has measured is in live.jsonl, and is not measured again."""
    output.mkdir(parents=True, exist_ok=True)
    state = output / "live.jsonl"
    voice, perception = HibariVoice(), Perception(cache=False)
    scripted = Agent(ScriptedPolicy(lambda _: json.dumps({"reply": _REPLY})), perception, memory=None)
    for part in parts or _PARTS:
        agent = Agent(DEFAULT_POLICY, perception, memory=None) if part == "default policy" else scripted
        _measure(part, _items(part, data, agent, voice), state)
    found = [json.loads(line) for line in state.read_text("utf-8").splitlines()]
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
    if part == "interruptions":
        cut = enumerate(_interruptions(data, voice))
        return [functools.partial(_interrupt, agent, voice, number, item) for number, item in cut]
    if part == "backchannels":
        return [functools.partial(_backchannel, agent, voice, text) for text in _BACKCHANNELS]
    turns = cut_turns(data) if part == "cut turns" else scripted_turns(data, voice)
    if part == "default policy":
        turns = turns[:: len(turns) // _ANSWERED]
    return [functools.partial(_take_turn, agent, voice, turn) for turn in turns]


def _measure(part: str, items: Sequence[Callable[[], dict[str, Any]]], state: Path) -> None:
    """Append what was not measured yet; the first item is done once before, which loads the models."""
    lines = state.read_text("utf-8").splitlines() if state.is_file() else []
    known = {row["number"] for row in map(json.loads, lines) if row["part"] == part}
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
    with Simulation(agent, voice, _SETTINGS) as live:
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


# --- interruptions and backchannels -------------------------------------------------------------------------


def _interruptions(data: Path, voice: Voice) -> list[tuple[str, np.ndarray]]:
    """Return twenty interruptions: GRID sentences, utterances of the call, and synthesized ones."""
    call = [item for item in call_utterances(data) if len(item[0].split()) >= 4][:5]
    spoken = [(text, voiced(voice, text, _PERSON)) for text in _INTERRUPTIONS]
    return [*grid_sentences(data), *call, *spoken][:20]


def _while_speaking(agent: Agent, voice: Voice, after_s: float, act: Callable[[Simulation], None]) -> Simulation:
    """Let the agent speak for some seconds, and then do something."""
    with Simulation(agent, voice, _SETTINGS) as live:
        live.engine.add_text("I had a long day.", live.now_s)
        live.wait(0.1)
        if not live.of(ReplySentence):
            live.wait_for(ReplySentence)
        live.wait(after_s)
        act(live)
    return live


def _interrupt(agent: Agent, voice: Voice, number: int, interruption: tuple[str, np.ndarray]) -> dict[str, Any]:
    """Interrupt the agent; return how long it went on, and whether the history holds what was played."""
    text, samples = interruption
    spans = SpeechDetector(0.2)
    spans.feed(np.concatenate([np.zeros(SAMPLE_RATE_HZ // 2, np.float32), samples]))
    began: list[float] = []

    def act(live: Simulation) -> None:
        began.append(live.now_s + spans.start_s - 0.5)
        live.hear(samples)
        live.wait(0.6)

    live = _while_speaking(agent, voice, 1.2 + 0.31 * number, act)
    paused = [event for event in live.of(ReplyPaused) if event.reply_id == "reply-1"]
    ended = [event for event in live.of(ReplyEnded) if event.reply_id == "reply-1"]
    if not paused or ended[0].reason != "interrupted":
        return {"interruption": text, "stopped": False}
    history = ended[0].turn.reply.split()
    played, heard = _second_opinion(live, agent, paused[-1].played_s, voice.sample_rate)
    return {
        "interruption": text,
        "stopped": True,
        "speech_to_silence_s": round(paused[0].at_s - began[0], 3),
        "history": " ".join(history),
        "recognized": heard,
        "words_apart": abs(len(history) - played),
    }


def _second_opinion(live: Simulation, agent: Agent, played_s: float, sample_rate: int) -> tuple[int, str]:
    """Return how many words were played by the speech recognizer, not by the aligner, and what it heard.

    The sentence that was cut is recognized by itself; those before it were played whole.
    """
    begun = [event for event in live.of(ReplySentence) if event.reply_id == "reply-1" and event.start_s < played_s]
    start_s = begun[-1].start_s
    sound = live.sound("reply-1")[round(start_s * sample_rate) : round(played_s * sample_rate)]
    # Twice, once with silence after it: the recognizer often leaves out a clause that is cut within a word.
    cut = at_16_khz(sound, sample_rate)
    speech = agent.perception.registry.get("speech")
    found = [speech.recognize_short(cut), speech.recognize_short(np.pad(cut, (0, SAMPLE_RATE_HZ // 2)), 30.0)]
    whole = sum(len(event.text.split()) for event in begun[:-1])
    sentence = begun[-1].text.split()
    return max((whole + _count_played(sentence, text), text) for text in (part.text if part else "" for part in found))


def _count_played(words: Sequence[str], heard: str) -> int:
    """Return how many words of the reply fit what was recognized best."""
    plain = [re.sub(r"[^a-z]", "", word.lower()) for word in words]
    said = [re.sub(r"[^a-z]", "", word.lower()) for word in heard.split()]
    row = list(range(len(said) + 1))
    distances = [row[-1]]
    for i, word in enumerate(plain, start=1):
        next_row = [i]
        for j, other in enumerate(said, start=1):
            next_row.append(min(row[j] + 1, next_row[-1] + 1, row[j - 1] + (word != other)))
        row = next_row
        distances.append(row[-1])
    return int(np.argmin(distances))


def _backchannel(agent: Agent, voice: Voice, text: str) -> dict[str, Any]:
    """Say a backchannel while the agent speaks; return whether it went on."""

    def act(live: Simulation) -> None:
        live.hear(voiced(voice, text, _PERSON))
        if not live.of(ReplyEnded):
            live.wait_for(ReplyEnded, 20.0)

    live = _while_speaking(agent, voice, 1.5, act)
    ended = live.of(ReplyEnded)
    return {
        "backchannel": text,
        "goes_on": bool(ended) and ended[0].reason == "done" and ended[0].turn.reply == _REPLY,
        "pauses": len(live.of(ReplyPaused)),
        "noticed": len(live.of(Backchannel)),
    }


# --- report -------------------------------------------------------------------------------------------------


def as_table(report: dict[str, Any]) -> str:
    """Return the report as Markdown."""
    rows, cut = report["turns"], report["interruptions"]
    ours, vad = _endpointing(rows), _endpointing([row["vad_only"] for row in rows])
    stopped = [row for row in cut if row["stopped"]]
    lines = [
        "Live conversation, by `python -m omnisense.benchmarks.speed.live DATA`: simulated time, in which work takes",
        f"the CPU time that this machine spends on it ({report['cpu_count']} cores); tiny.en, hibari-tts, {len(rows)} "
        "turns.",
        "A turn is cut where the agent makes a sound before its end; silence cut into real speech is not among the",
        "sixty. The words that were played are counted by the speech recognizer, which also errs. Silence begins with",
        "the event that tells a client to drop what it has not played; one that does not plays 0.12 s more.",
        "",
        f"| endpointing | wrongly cut | later than {_LATE_S:g} s | not at all | median s after the end |",
        "| --- | --- | --- | --- | --- |",
        f"| omnisense | {ours} |",
        f"| voice activity alone, {_VAD_ONLY_S} s | {vad} |",
        "",
        "| kind of turn | turns | cut | cut by voice activity alone |",
        "| --- | --- | --- | --- |",
    ]
    listed = [*rows, *report["cut turns"]]  # the latter are not among the sixty
    for kind in dict.fromkeys(row["kind"] for row in listed):
        of_kind = [row for row in listed if row["kind"] == kind]
        by_vad = sum(row["vad_only"]["cut"] for row in of_kind)
        lines.append(f"| {kind} | {len(of_kind)} | {sum(row['cut'] for row in of_kind)} | {by_vad} |")
    lines += ["", "| what | value |", "| --- | --- |"]
    for name, answered in (("ScriptedPolicy", rows), ("the default policy", report["default policy"])):
        value = _median([row["first_sound_s"] for row in answered])
        lines.append(f"| end of speech to first sound, {name}, median s | {value} |")
    lines += [
        f"| interruptions that stopped the agent | {len(stopped)} of {len(cut)} |",
        f"| speech to silence, median s | {_median([row['speech_to_silence_s'] for row in stopped])} |",
        f"| speech to silence, longest s | {max((row['speech_to_silence_s'] for row in stopped), default=None)} |",
        f"| history within one word of what was played | {sum(r['words_apart'] <= 1 for r in stopped)} of {len(cut)} |",
        f"| backchannels that did not stop the agent | {sum(row['goes_on'] for row in report['backchannels'])} of "
        f"{len(report['backchannels'])} |",
        "",
        "| latency, ScriptedPolicy | median s |",
        "| --- | --- |",
    ]
    latencies = [row["latency"] for row in rows if row["latency"]]
    lines += [
        f"| {name} | {_median([row[name] for row in latencies])} |"
        for name in (latencies or [{}])[0]
        if name != "discarded"
    ]
    return "\n".join(lines) + "\n"


def _endpointing(rows: Sequence[dict[str, Any]]) -> str:
    """Return wrongly cut turns, ends that came late or not at all, and the median delay, as cells."""
    if not rows:
        return "| | |"
    ends = [row["end_of_turn_s"] for row in rows if not row["cut"]]
    late = sum(end is not None and end > _LATE_S for end in ends)
    missed = sum(end is None for end in ends)
    cut = sum(row["cut"] for row in rows)
    return f"{cut} ({cut / len(rows):.0%}) | {late} ({late / len(rows):.0%}) | {missed} | {_median(ends)}"


def _median(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return round(statistics.median(known), 3) if known else None


if __name__ == "__main__":
    main()
