"""Questions with one right answer, put to the agent and to its bare policy one after the other."""

from __future__ import annotations

import functools
import json
import logging
import os
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from omnisense.benchmarks.agent.counting import counted
from omnisense.benchmarks.agent.voices import speaker_of
from omnisense.benchmarks.harness.agent_system import AgentSystem
from omnisense.benchmarks.harness.dataset import Sample
from omnisense.benchmarks.harness.prompting import PromptSettings
from omnisense.benchmarks.harness.run_folder import cut_torn_line, read_measured
from omnisense.benchmarks.harness.scorer import score
from omnisense.benchmarks.harness.systems import PolicySystem, System, SystemSettings
from omnisense.errors import OmniSenseError
from omnisense.reasoning.policies.base import Policy
from omnisense.version import __version__

WRITTEN, CHOSEN, AGENT = "bare, written", "bare, chosen", "agent"
SYSTEMS = (WRITTEN, CHOSEN, AGENT)
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Answered:
    """One question, answered by one system.

    Attributes:
        policy, system: which: ``bare, written`` lets the policy write its answer, ``bare, chosen`` compares the
            answers' likelihoods, where the policy has them, ``agent`` is our agent around the policy.
        id, task, gold: of the question.
        answer: as it was read; empty where nothing could be read, or the system failed.
        score: 0 to 1; a failure scores 0.
        calls, prompts, read, written, seconds: see :class:`omnisense.benchmarks.agent.counting.Usage`; the seconds are
            of the whole answer, without perception.
        error: why there is no answer.
        version: of this package; load: processes that wanted to run beside, in the last minute (Unix).
    """

    policy: str
    system: str
    id: str
    task: str
    gold: str
    answer: str
    score: float
    calls: int
    prompts: int
    read: int
    written: int
    seconds: float
    error: str = ""
    version: str = ""
    load: float = 0.0

    @property
    def tokens(self) -> int:
        """Read and written."""
        return self.read + self.written


def ask(
    name: str,
    policy: Policy,
    samples: Sequence[Sample],
    file: Path,
    on_question: Callable[[int, int], None],
    is_over: Callable[[], bool] = lambda: False,
    heads: Mapping[str, Path] | None = None,
) -> list[Answered]:
    """Put all questions to the systems that have not answered them yet.

    Args:
        name: of the policy in the results.
        policy: the policy.
        samples: the questions.
        file: of the answers, a line of JSON each; those that are there are kept.
        on_question: called with the number of questions that are done and that there are.
        is_over: whether to stop before the next question.
        heads: by speaker, the file of a tone head that has not heard that speaker.
    """
    cut_torn_line(file)
    answered = read_answers(file)
    done = {(entry.id, entry.system) for entry in answered}
    systems = _systems(name, policy, heads or {})
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a", encoding="utf-8") as out:
        in_turn = sorted(samples, key=lambda sample: sample.id)  # an interrupted run has some of each task
        for number, sample in enumerate(in_turn, 1):
            if is_over():
                break
            for system in systems:
                if (sample.id, system) not in done:
                    entry = _answer(name, system, systems[system](sample), policy, sample)
                    answered.append(entry)
                    out.write(json.dumps(asdict(entry), ensure_ascii=False) + "\n")
            out.flush()
            on_question(number, len(samples))
    wanted = {sample.id for sample in samples}
    return [entry for entry in answered if entry.id in wanted]


def read_answers(file: Path) -> list[Answered]:
    """Return the answers in a file; none where there is no file. A torn last line is skipped."""
    return [Answered(**row) for row in read_measured(file)]


def _systems(name: str, policy: Policy, heads: Mapping[str, Path]) -> dict[str, Callable[[Sample], System]]:
    """Return how to get each system for a sample.

    A policy alone gets the media that it takes, and of sound that it does not take what speech recognition hears.
    """

    @functools.cache
    def bare(method: Any, takes: bool) -> System:
        prompting = PromptSettings(audio=takes and "audio" in policy.modalities, transcript="none" if takes else "asr")
        return _loaded(PolicySystem(SystemSettings("policy", name, method=method), prompting, policy))

    @functools.cache
    def agent(head: Path | None) -> System:
        settings = SystemSettings("agent", name)
        heard = replace(settings.perception(), voice_emotion_model=str(head)) if head else None
        return _loaded(AgentSystem(settings, PromptSettings(), policy, perception=heard))

    def takes(sample: Sample) -> bool:
        return sample.modality in policy.modalities

    chosen = {CHOSEN: lambda sample: bare("choose", takes(sample))} if policy.scores_likelihoods else {}
    return {
        WRITTEN: lambda sample: bare("write", takes(sample)),
        **chosen,
        AGENT: lambda sample: agent(heads.get(speaker_of(sample))),
    }


def _loaded(system: System) -> System:
    system.load()
    return system


def _answer(name: str, system_name: str, system: System, policy: Policy, sample: Sample) -> Answered:
    answer, points, seconds, error = "", 0.0, 0.0, ""
    with counted(policy) as usage:
        try:
            prepared = system.prepare(sample)
            began = time.perf_counter()
            reply = system.answer([prepared])[0]
            seconds = time.perf_counter() - began
            found = score(reply.text, sample.question, sample.gold)
            answer, points = found.answer.value, found.value
        except OmniSenseError as failure:  # it costs the system this question
            error = str(failure)
            _log.info("%s, %s: question %s failed: %s", name, system_name, sample.id, failure)
    return Answered(name, system_name, sample.id, sample.task, sample.gold, answer, points, usage.calls,
                    usage.prompts, usage.read, usage.written, round(seconds, 4), error, __version__,
                    round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else 0.0)  # fmt: skip


def complete(answers: Iterable[Answered]) -> list[Answered]:
    """Return the answers to those questions that every system of their policy has answered."""
    rows = list(answers)
    systems: dict[str, set[str]] = defaultdict(set)
    of_question: dict[tuple[str, str], set[str]] = defaultdict(set)
    for entry in rows:
        systems[entry.policy].add(entry.system)
        of_question[entry.policy, entry.id].add(entry.system)
    return [entry for entry in rows if of_question[entry.policy, entry.id] == systems[entry.policy]]


def by_system(answers: Iterable[Answered]) -> dict[str, dict[str, Answered]]:
    """Return the answers by system and question."""
    found: dict[str, dict[str, Answered]] = {system: {} for system in SYSTEMS}
    for entry in answers:
        found[entry.system][entry.id] = entry
    return found
