"""Scripted conversations in YAML, run against the engine in simulated time: who says what when, and what must follow.

::

    name: a backchannel does not stop the agent
    replies: ["That sounds like a long day. Tell me what happened at the shop."]
    steps:
      - say: I went to the shop after work.
      - wait_for: ReplyStarted
      - wait: 1.5
      - say: Yeah.
      - wait_for: ReplyEnded
    expect:
      turns: ["I went to the shop after work."]
      interrupted: [false]
      backchannels: 1

A step is one of ``say`` (spoken by the default voice; ``pitch_st`` and ``pace`` make another speaker of it), ``audio``
(a file, beside the scenario; ``level_db`` changes its loudness), ``show`` (a video whose frames are seen from now on),
``wait`` (seconds of silence), ``wait_for`` (an event of :mod:`omnisense.agent.live.events`; ``timeout_s``), ``type``,
``end_turn`` and ``interrupt``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from omnisense.agent.agent import Agent
from omnisense.agent.live import events
from omnisense.agent.live.settings import LiveSettings
from omnisense.agent.live.simulation import Simulation
from omnisense.agent.voice.base import Voice, VoiceStyle
from omnisense.errors import InputError, first_problem
from omnisense.perception.media.clip import open_clip
from omnisense.perception.media.decode import SAMPLE_RATE_HZ
from omnisense.text import parse_yaml

_MAX_WORD_ERRORS = 0.34  # of a turn's words, as the recognizer of the default size makes them
_ACTIONS = ("say", "audio", "show", "wait", "wait_for", "type", "end_turn", "interrupt")


class Step(BaseModel):
    """One step; exactly one of its actions is given."""

    model_config = ConfigDict(extra="forbid")

    say: str | None = None
    audio: Path | None = None
    show: Path | None = None
    wait: float | None = Field(default=None, ge=0.0, le=600.0)
    wait_for: str | None = None
    type: str | None = None
    end_turn: bool | None = None
    interrupt: bool | None = None
    pitch_st: float = -3.0
    pace: float = 1.0
    level_db: float = 0.0
    timeout_s: float = 30.0

    @model_validator(mode="after")
    def _one_action(self) -> Step:
        given = [name for name in _ACTIONS if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"a step has exactly one of {', '.join(_ACTIONS)}, and this one has {given or 'none'}")
        if self.wait_for is not None and not isinstance(getattr(events, self.wait_for, None), type):
            raise ValueError(f"there is no event '{self.wait_for}'")
        return self


class Expectation(BaseModel):
    """What must have happened at the end; what is not given is not checked.

    Attributes:
        turns: what was heard in each turn that was answered; a third of the words may differ.
        replies: what the history holds of each reply, word for word.
        interrupted: for each reply, whether it was.
        backchannels: how many there were.
        speakers: who spoke in each turn: a name that was told, else ``voice-1`` and so on.
        max_e2e_s: the longest time from the end of speech to the first sound.
    """

    model_config = ConfigDict(extra="forbid")

    turns: list[str] | None = None
    replies: list[str] | None = None
    interrupted: list[bool] | None = None
    backchannels: int | None = None
    speakers: list[str] | None = None
    max_e2e_s: float | None = None


class Scenario(BaseModel):
    """A scripted conversation.

    Attributes:
        name: in words.
        settings: of turn taking, by name.
        replies: what a scripted policy answers, one after the other; where there are none, the agent's own policy does.
        steps: what happens.
        expect: what must have happened.
    """

    model_config = ConfigDict(extra="forbid")

    name: str
    settings: dict[str, Any] = Field(default_factory=dict)
    replies: list[str] = Field(default_factory=list)
    steps: list[Step]
    expect: Expectation = Field(default_factory=Expectation)


@dataclass(frozen=True)
class Outcome:
    """How a scenario went.

    Attributes:
        failures: what was expected and did not happen, in words; empty where all is well.
    """

    scenario: Scenario
    simulation: Simulation
    failures: tuple[str, ...]


def read_scenario(path: Path) -> Scenario:
    """Read a scenario; files that it names are looked for beside it.

    Raises:
        InputError: it cannot be read, or is no scenario.
    """
    import yaml

    try:
        scenario = Scenario.model_validate(parse_yaml(path.read_text("utf-8")))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"the scenario cannot be read ({reason})", "Give a YAML file.", path) from error
    except ValidationError as error:
        raise InputError(f"this is no scenario ({first_problem(error)})", "Correct the file.", path) from error
    for step in scenario.steps:
        for name in ("audio", "show"):
            if (file := getattr(step, name)) is not None:
                setattr(step, name, path.parent / file)
    return scenario


def run_scenario(
    scenario: Scenario, agent: Agent, voice: Voice, thread_id: str | None = None, run_folder: Path | None = None
) -> Outcome:
    """Run a scenario in simulated time.

    Args:
        scenario: what happens.
        agent: answers; :func:`scripted_agent` gives one that says what the scenario says.
        voice: speaks for the agent and, differently, for the people.
        thread_id: the conversation; None for one that is not kept.
        run_folder: for the latencies.

    Raises:
        InputError: a setting is unknown, or a file cannot be used.
    """
    try:
        settings = LiveSettings(**scenario.settings)
    except TypeError as error:
        raise InputError(f"unknown setting ({error})", "See LiveSettings for the names.") from error
    failures: list[str] = []
    with Simulation(agent, voice, settings, thread_id, run_folder=run_folder) as simulation:
        simulation.wait(0.5)
        for step in scenario.steps:
            if not _do(step, simulation, voice):
                failures.append(f"no {step.wait_for} came within {step.timeout_s:g} s, by {simulation.now_s:.1f} s")
                break
    return Outcome(scenario, simulation, (*failures, *_failures(scenario.expect, simulation)))


def scripted_agent(scenario: Scenario, agent: Agent) -> Agent:
    """Return an agent with the other's perception that gives the scenario's replies, as a leading policy would.

    Turns that are begun and thrown away use up no reply: what is answered depends on how many turns came before.
    """
    import json

    from omnisense.reasoning.policies.scripted import ScriptedPolicy

    def reply(messages: Sequence[Any]) -> str:
        earlier = sum(message["role"] == "assistant" for message in messages)
        return json.dumps({"reply": scenario.replies[earlier % len(scenario.replies)]})

    return Agent(ScriptedPolicy(reply), agent.perception, None)


def voiced(voice: Voice, text: str, style: VoiceStyle) -> np.ndarray:
    """Return a text spoken, (N,) float32 at 16 kHz: what a person says in a simulation."""
    from math import gcd

    from scipy.signal import resample_poly

    if not voice.sample_rate:
        raise InputError("a voice without sound cannot speak for a person", "Give hibari.")
    sound = np.concatenate([np.zeros(0, np.float32), *voice.synthesize(text, style)])
    divisor = gcd(SAMPLE_RATE_HZ, voice.sample_rate)
    return np.asarray(resample_poly(sound, SAMPLE_RATE_HZ // divisor, voice.sample_rate // divisor), np.float32)


def _do(step: Step, simulation: Simulation, voice: Voice) -> bool:
    """Do a step; return False where what is waited for does not come."""
    if step.say is not None:
        simulation.hear(voiced(voice, step.say, VoiceStyle(step.pace, step.pitch_st)))
    elif step.audio is not None:
        simulation.hear(open_clip(step.audio).audio() * 10 ** (step.level_db / 20))
    elif step.show is not None:
        simulation.show(open_clip(step.show))
    elif step.wait is not None:
        simulation.wait(step.wait)
    elif step.wait_for is not None:
        return simulation.wait_for(getattr(events, step.wait_for), step.timeout_s) is not None
    elif step.type is not None:
        simulation.engine.add_text(step.type, simulation.now_s)
    elif step.end_turn:
        simulation.engine.end_turn(simulation.now_s)
    elif step.interrupt:
        simulation.engine.stop_reply(simulation.now_s)
    return True


def _failures(expect: Expectation, simulation: Simulation) -> list[str]:
    ended = simulation.of(events.ReplyEnded)
    failures = []
    if expect.turns is not None:
        heard = [reply.turn.heard for reply in ended]
        if len(heard) != len(expect.turns) or any(map(_differs, expect.turns, heard)):
            failures.append(f"the turns were {heard}, not {expect.turns}")
    said = [reply.turn.reply for reply in ended]
    if expect.replies is not None and said != expect.replies:
        failures.append(f"the history holds the replies {said}, not {expect.replies}")
    cut = [reply.turn.interrupted for reply in ended]
    if expect.interrupted is not None and cut != expect.interrupted:
        failures.append(f"interrupted was {cut}, not {expect.interrupted}")
    count = len(simulation.of(events.Backchannel))
    if expect.backchannels is not None and count != expect.backchannels:
        failures.append(f"there were {count} backchannels, not {expect.backchannels}")
    speakers = [turn.speaker for turn in simulation.of(events.TurnTranscribed)]
    if expect.speakers is not None and speakers != expect.speakers:
        failures.append(f"the speakers were {speakers}, not {expect.speakers}")
    delays = [reply.latency.e2e_latency for reply in ended if reply.latency.e2e_latency is not None]
    if expect.max_e2e_s is not None and max(delays, default=0.0) > expect.max_e2e_s:
        failures.append(f"the first sound came after {max(delays):.2f} s, not within {expect.max_e2e_s:g} s")
    return failures


def _differs(expected: str, heard: str) -> bool:
    """Whether more words differ than recognizers get wrong: by the longest common subsequence."""
    first, second = (re.findall(r"[a-z0-9']+", text.lower()) for text in (expected, heard))
    rows = [0] * (len(second) + 1)
    for word in first:
        before = 0
        for j, other in enumerate(second, start=1):
            before, rows[j] = rows[j], before + 1 if word == other else max(rows[j], rows[j - 1])
    longest = max(len(first), len(second))
    return longest > 0 and 1 - rows[-1] / longest > _MAX_WORD_ERRORS
