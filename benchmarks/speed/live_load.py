"""Live sessions side by side: ``python -m omnisense.benchmarks.speed.live_load [--output DIR]``.

Several live conversations share one agent with ScriptedPolicy and one set of models, in real time: in each a person
says a sentence, listens to the reply, is silent for a while, and goes on. A turn is lost where no reply to it ended
within half a minute. No file is needed: the default voice speaks for the people, in pitches of their own.
"""

from __future__ import annotations

import functools
import json
import os
import queue
import statistics
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
import numpy as np

from omnisense.agent.agent import Agent
from omnisense.agent.live.events import ReplyEnded, TurnFailed
from omnisense.agent.live.scenario import voiced
from omnisense.agent.live.session import LiveSession
from omnisense.agent.voice.base import Voice, VoiceStyle
from omnisense.agent.voice.hibari import HibariVoice
from omnisense.benchmarks.speed.memory import peak_mb, resident_mb
from omnisense.perception.media.decode import SAMPLE_RATE_HZ
from omnisense.perception.pipeline import Perception
from omnisense.reasoning.policies.scripted import ScriptedPolicy

_SENTENCES = (
    "I had a long day at the office.",
    "My sister is getting married in the spring.",
    "I do not know what to say to him.",
    "We lost the game in the last minute.",
)
_REPLY = "I hear you. Tell me a little more about it."
_PIECE_S = 0.1
_LOST_S = 30.0
_SAMPLE_S = 5.0  # between two looks at the memory


@dataclass
class Person:
    """Somebody who talks in a session of their own.

    Attributes:
        turns: what was said.
        answered: the replies that ended.
        lost: turns without a reply in time.
        failures: in words.
    """

    session: LiveSession
    voice: VoiceStyle
    turns: int = 0
    lost: int = 0
    answered: list[ReplyEnded] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    news: queue.SimpleQueue[object] = field(default_factory=queue.SimpleQueue)

    def read(self) -> None:
        """Read the session's events to their end."""
        for event in self.session.events():
            if isinstance(event, ReplyEnded):
                self.answered.append(event)
                self.news.put(event)
            elif isinstance(event, TurnFailed):
                self.failures.append(str(event.error))

    def talk(self, sentences: list[np.ndarray], until_s: float, rest_s: float) -> None:
        """Take turns until a time of ``time.monotonic``."""
        while time.monotonic() < until_s:
            self.turns += 1
            while not self.news.empty():  # a reply that came too late
                self.news.get()
            self._feed(sentences[self.turns % len(sentences)])
            deadline_s = time.monotonic() + _LOST_S
            while self.news.empty() and time.monotonic() < deadline_s:
                self._feed(np.zeros(round(_PIECE_S * SAMPLE_RATE_HZ), np.float32))
            self.lost += self.news.empty()
            self._feed(np.zeros(round(rest_s * SAMPLE_RATE_HZ), np.float32))

    def _feed(self, samples: np.ndarray) -> None:
        """Let sound go in as a microphone gives it."""
        size = round(_PIECE_S * SAMPLE_RATE_HZ)
        for first in range(0, len(samples), size):
            piece = samples[first : first + size]
            self.session.feed_audio(piece)
            time.sleep(len(piece) / SAMPLE_RATE_HZ)


@click.command()
@click.option("--sessions", type=click.IntRange(1, 64), default=8, show_default=True)
@click.option("--seconds", type=click.IntRange(10, 3600), default=300, show_default=True)
@click.option("--rest", "rest_s", type=click.FloatRange(0.5, 60), default=6.0, show_default=True, help="Between turns.")
@click.option("--output", type=click.Path(path_type=Path, file_okay=False), default="runs/speed", show_default=True)
def main(sessions: int, seconds: int, rest_s: float, output: Path) -> None:
    """Talk in several sessions at once; report lost turns, latencies and memory."""
    output.mkdir(parents=True, exist_ok=True)
    voice = HibariVoice()
    policy = ScriptedPolicy(lambda _: json.dumps({"reply": _REPLY}))
    agent = Agent(policy, Perception(cache=False), memory=None)
    _measure(agent, voice, 1, 1.0, 0.5)  # loads the models
    report = _measure(agent, voice, sessions, seconds, rest_s)
    report |= {"sessions": sessions, "seconds": seconds, "rest_s": rest_s, "cpu_count": os.cpu_count()}
    (output / "live_load.json").write_text(json.dumps(report, indent=1) + "\n")
    (output / "live_load.md").write_text(as_table(report))
    click.echo(as_table(report))


def _measure(agent: Agent, voice: Voice, count: int, seconds: float, rest_s: float) -> dict[str, Any]:
    people = []
    for number in range(count):
        style = VoiceStyle(pitch_st=-5.0 + number * 8 / max(1, count - 1))
        people.append(Person(LiveSession(agent, voice), style))
    sounds = [[voiced(voice, text, person.voice) for text in _SENTENCES] for person in people]
    began_s, cpu_s = time.monotonic(), time.process_time()
    threads = [threading.Thread(target=person.read) for person in people]
    for person, sentences in zip(people, sounds, strict=True):
        talk = functools.partial(person.talk, sentences, began_s + seconds, rest_s)
        threads.append(threading.Thread(target=talk))
    for thread in threads:
        thread.start()
    memory_mb = []
    while any(thread.is_alive() for thread in threads[count:]):
        memory_mb.append(round(resident_mb(), 1))
        time.sleep(_SAMPLE_S)
    for person in people:
        person.session.close()
    for thread in threads:
        thread.join()
    delays = [event.latency.e2e_latency for person in people for event in person.answered]
    known = [delay for delay in delays if delay is not None]
    return {
        "turns": sum(person.turns for person in people),
        "lost": sum(person.lost for person in people),
        "cut_replies": sum(event.reason != "done" for person in people for event in person.answered),
        "failures": [failure for person in people for failure in person.failures],
        "e2e_latency_s": round(statistics.median(known), 3) if known else None,
        "longest_e2e_s": max(known, default=None),
        "cpu_s": round(time.process_time() - cpu_s, 1),
        "wall_s": round(time.monotonic() - began_s, 1),
        "memory_mb": memory_mb,
        "peak_mb": round(peak_mb()),
    }


def as_table(report: dict[str, Any]) -> str:
    """Return the report as Markdown."""
    memory = report["memory_mb"]
    third = max(1, len(memory) // 3)
    middle, last = (statistics.median(part) for part in (memory[third : 2 * third], memory[-third:]))
    return "\n".join(
        [
            "Live sessions side by side, by `python -m omnisense.benchmarks.speed.live_load`: in real time, one "
            f"process, {report['cpu_count']} cores that other programs use too; ScriptedPolicy, tiny.en, hibari-tts.",
            "",
            "| what | value |",
            "| --- | --- |",
            f"| sessions, seconds | {report['sessions']}, {report['seconds']} |",
            f"| turns said, lost, failed | {report['turns']}, {report['lost']}, {len(report['failures'])} |",
            f"| replies that were stopped | {report['cut_replies']} |",
            f"| end of speech to first sound, median s | {report['e2e_latency_s']} |",
            f"| the longest of these | {report['longest_e2e_s']} |",
            f"| seconds of CPU a second | {report['cpu_s'] / report['wall_s']:.2f} |",
            f"| memory in the second and last third, median MB | {middle:.0f}, {last:.0f} |",
            "",
        ]
    )


if __name__ == "__main__":
    main()
