"""Runs: every question is asked once, and every answer is on disk before the next is counted. A run is resumed."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import platform
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from omnisense import models
from omnisense.benchmarks.harness.build_system import build_system
from omnisense.benchmarks.harness.dataset import Dataset, Sample
from omnisense.benchmarks.harness.dispatch import dispatch
from omnisense.benchmarks.harness.executors import make_executor
from omnisense.benchmarks.harness.prompting import PromptBuilder, PromptSettings
from omnisense.benchmarks.harness.records import Record, read_records
from omnisense.benchmarks.harness.run_folder import RunFolder
from omnisense.benchmarks.harness.suite import Suite
from omnisense.benchmarks.harness.systems import SystemSettings
from omnisense.benchmarks.harness.worker import WorkerSettings
from omnisense.errors import InputError, PolicyError
from omnisense.logging import log_to_file
from omnisense.reasoning.answers.parser import PARSER_VERSION
from omnisense.reasoning.answers.question import BOX_KINDS, UNSCORED_KINDS
from omnisense.version import __version__

_PACKAGES = ("torch", "transformers", "whisperx", "av", "decord2", "langgraph", "numpy", "ray")
LOG_NAME = "run.log"
_ALL_FAIL = 12  # a run whose first questions all fail for the same reason is stopped
_log = logging.getLogger(__name__)
OnRecord = Callable[[Record], None]


@dataclass(frozen=True)
class RunSettings:
    """What to run, on what, and where.

    Attributes:
        suite: the benchmark.
        system, prompting: the system under test, and how it is asked.
        output: the run folder; None for one named after what is run.
        tasks: codes of the tasks to run; empty for all.
        limit: at most so many questions, as many of each task as of the others; the same ones for a seed.
        num_attempts: how often each question is asked, each time with another seed.
        workers: processes (or actors, with ``ray``); 0 for this process itself.
        timeout_s: with workers, how long (s) one may take over a batch before it is replaced.
        ray: address of a Ray cluster, or ``local``; None for none. ``gpus``: for each actor.
        shard: ``i/n``: only the i-th of n parts, into the same folder.
        retry_errors: ask the questions again that ended in errors.
    """

    suite: Suite
    system: SystemSettings = field(default_factory=SystemSettings)
    prompting: PromptSettings = field(default_factory=PromptSettings)
    output: Path | None = None
    tasks: tuple[str, ...] = ()
    limit: int | None = None
    num_attempts: int = 1
    workers: int = 0
    timeout_s: float | None = None
    ray: str | None = None
    gpus: float = 0.0
    shard: str = ""
    retry_errors: bool = False

    @property
    def label(self) -> str:
        """Name in reports: the system, and the settings that set it apart."""
        parts = {
            "text only": not self.prompting.media,
            "thinking": self.prompting.think,
            "with sound": self.prompting.audio and not self.prompting.separate_audio,
            "with sound apart": self.prompting.audio and self.prompting.separate_audio,
            f"transcript ({self.prompting.transcript})": self.prompting.transcript != "none",
        }
        parts_shown = [name for name, on in parts.items() if on and self.system.kind != "baseline"]
        return self.system.label + (f", {', '.join(parts_shown)}" if parts_shown else "")

    def folder(self, dataset: Dataset) -> Path:
        """Return the run folder: the same settings and data always give the same one."""
        if self.output is not None:
            return self.output
        digest = hashlib.sha256(repr(sorted(self.identity(dataset).items())).encode()).hexdigest()[:8]
        name = re.sub(r"[^A-Za-z0-9.]+", "-", self.label).strip("-")[-60:]
        return Path("runs") / self.suite.name / f"{name}-{digest}"

    def identity(self, dataset: Dataset) -> dict[str, Any]:
        """Return what must be the same for records to belong to one run."""
        system = self.system.to_dict()
        system.pop("batch_size")  # it does not change what is asked
        found = {"suite": self.suite.name, "data": dataset.fingerprint, "system": system}
        if self.system.kind == "agent":
            found["perception"] = asdict(self.system.perception())
        if self.system.kind != "baseline":
            kinds = {sample.question.kind for sample in dataset.samples}
            return found | {
                "prompting": asdict(self.prompting),
                "prompts": PromptBuilder(self.prompting, self.suite.load_templates).fingerprint(kinds),
            }
        return found


@dataclass(frozen=True)
class Plan:
    """What a run will do: its questions, those still to be asked, and how many it cannot ask, by reason."""

    folder: Path
    chosen: tuple[Sample, ...]
    pending: tuple[Sample, ...]
    not_asked: dict[str, int]


def run(
    settings: RunSettings,
    dataset: Dataset,
    on_plan: Callable[[Plan], None] | None = None,
    on_record: OnRecord | None = None,
) -> Plan:
    """Ask all questions that have no record yet.

    Args:
        settings: the run.
        dataset: the questions.
        on_plan: called once with what will be done; on_record: with each record as soon as it is on disk.

    Raises:
        InputError: settings that do not fit together or do not fit the run folder, or a disk that is full.
        ModelError, PolicyError: the system cannot be loaded, or fails on everything.
        KeyboardInterrupt: interrupted; all records so far are kept.
    """
    chosen, not_asked = _select(settings, dataset)
    chosen = _with_attempts(settings, chosen)
    folder = settings.folder(dataset)
    manifest = _manifest(settings, dataset, len(chosen) // settings.num_attempts, not_asked)
    if settings.shard:
        part, parts = _shard(settings.shard)
        chosen = chosen[part - 1 :: parts]
    with RunFolder(folder, manifest, settings.shard) as out, log_to_file(folder / LOG_NAME):
        if settings.retry_errors and (dropped := out.drop_errors()):
            _log.info("asking %d questions again that ended in errors", dropped)
        answered = {record.id for record in read_records(folder)}
        pending = tuple(sample for sample in chosen if sample.id not in answered)
        plan = Plan(folder, chosen, pending, not_asked)
        _log.info("%s: %d questions, %d to ask (%s)", settings.label, len(chosen), len(pending), folder)
        if on_plan:
            on_plan(plan)
        if pending:
            _answer_all(settings, dataset, chosen, answered, out, on_record or (lambda _: None))
        _log.info("finished")
    return plan


def _answer_all(
    settings: RunSettings,
    dataset: Dataset,
    chosen: Sequence[Sample],
    answered: set[str],
    out: RunFolder,
    on_record: OnRecord,
) -> None:
    counted = dataset.samples if settings.system.policy == "majority" else ()
    factory = WorkerSettings(settings.system, settings.prompting, settings.suite, counted)
    executor = make_executor(
        factory, settings.workers, settings.timeout_s, settings.ray, settings.gpus, out.path.resolve() / LOG_NAME
    )
    first: list[Record] = []
    try:
        for outcomes in dispatch(executor, _batches(chosen, answered, settings.system.batch_size)):
            out.append(outcomes)
            for outcome in outcomes:
                on_record(outcome.record)
            if len(first) < _ALL_FAIL:
                first += [outcome.record for outcome in outcomes]
                _stop_if_all_fail(first)
    finally:
        executor.close()


def _batches(chosen: Sequence[Sample], answered: set[str], size: int) -> Iterator[list[Sample]]:
    """Yield samples of one modality and similar length, the longest first: what does not fit in memory fails early.

    Batches are cut over all questions and then stripped of the answered ones, so that a resumed run batches questions
    as one that was not interrupted does, except in the batches in which it was interrupted.
    """
    order = sorted(chosen, key=lambda sample: (*_batch_kind(sample), -round(sample.length_s), sample.id))
    start = 0
    while start < len(order):
        kind = _batch_kind(order[start])
        batch = [sample for sample in order[start : start + size] if _batch_kind(sample) == kind]
        start += len(batch)
        if waiting := [sample for sample in batch if sample.id not in answered]:
            yield waiting


def _batch_kind(sample: Sample) -> tuple[str, bool, int]:
    return sample.modality, sample.uses_audio, sample.attempt


def _stop_if_all_fail(first: Sequence[Record]) -> None:
    kinds = {(record.error.kind, record.error.type) if record.error else None for record in first}
    if len(first) >= _ALL_FAIL and len(kinds) == 1 and first[0].error:
        raise PolicyError(
            f"the first {len(first)} questions all failed ({first[0].error.summary})",
            f"See {LOG_NAME} in the run folder, fix the cause, then run again with --retry-errors.",
        )


def _select(settings: RunSettings, dataset: Dataset) -> tuple[tuple[Sample, ...], dict[str, int]]:
    known = {sample.task for sample in dataset.samples}
    if strange := sorted(set(settings.tasks) - known):
        raise InputError(
            f"there is no task {', '.join(strange)} in the data", f"Choose from {', '.join(sorted(known))}."
        )
    samples = [sample for sample in dataset.samples if not settings.tasks or sample.task in settings.tasks]
    takes = (
        build_system(settings.system, settings.prompting, settings.suite.load_templates).modalities
        if settings.prompting.media
        else frozenset({"text"})
    )
    if settings.prompting.media and settings.prompting.audio and "audio" not in takes:
        raise InputError(
            f"{settings.system.label} does not take audio (it takes {', '.join(sorted(takes))})", "Leave --audio out."
        )
    not_asked: Counter[str] = Counter()
    chosen = []
    for sample in samples:
        reason = _why_not(sample, settings, takes)
        if reason:
            not_asked[reason] += 1
        else:
            chosen.append(sample)
    if not chosen:
        raise InputError(
            f"none of the {len(samples)} questions can be asked of {settings.system.label}: "
            f"it takes {', '.join(sorted(takes))}",
            "Use --text-only, --transcript, --agent, or a model that takes the media.",
        )
    if settings.limit:
        chosen = _take_in_turns(chosen, settings.limit, settings.system.seed)
    return tuple(chosen), dict(not_asked)


def _why_not(sample: Sample, settings: RunSettings, takes: frozenset[str]) -> str:
    """Return why a question cannot be asked of the system; empty when it can."""
    if sample.question.kind in UNSCORED_KINDS:
        return "an open reply has no right answer"
    if sample.question.kind in BOX_KINDS and settings.system.kind == "agent":
        return "our agent gives no boxes"
    if not settings.prompting.media:
        return ""
    needs = {sample.modality, *(("audio",) if sample.sound else ())}
    if needs <= takes:
        return ""
    if settings.prompting.transcript != "none" and sample.uses_audio and sample.sound is None:
        return ""  # its transcript stands for it
    return f"{' and '.join(sorted(needs - takes))} is not taken by the system"


def _take_in_turns(samples: Sequence[Sample], limit: int, seed: int) -> list[Sample]:
    """Return so many samples, taken from the tasks in turn, in an order that the seed and their ids decide."""
    order = {s.id: hashlib.sha256(f"{seed}:{s.id}".encode()).hexdigest() for s in samples}
    turns: dict[str, int] = {}
    ranked = []
    for sample in sorted(samples, key=lambda sample: order[sample.id]):
        turns[sample.task] = turns.get(sample.task, -1) + 1
        ranked.append((turns[sample.task], sample.task, sample))
    taken = {sample.id for _, _, sample in sorted(ranked, key=lambda entry: entry[:2])[:limit]}
    return [sample for sample in samples if sample.id in taken]


def _with_attempts(settings: RunSettings, samples: Sequence[Sample]) -> tuple[Sample, ...]:
    """Return each sample once for each attempt; the first keeps its id.

    Raises:
        InputError: all attempts would give the same reply.
    """
    system = settings.system
    if settings.num_attempts == 1:
        return tuple(samples)
    is_greedy = system.temperature == 0 or system.method == "choose"
    if system.policy != "random" if system.kind == "baseline" else is_greedy:
        raise InputError("all attempts would give the same reply", "Give a --temperature above 0 and --method write.")
    later = [
        replace(sample, id=f"{sample.id}@{attempt}", attempt=attempt)
        for attempt in range(2, settings.num_attempts + 1)
        for sample in samples
    ]
    return (*samples, *later)


def _shard(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"(\d+)/(\d+)", text)
    if not match or not 1 <= int(match[1]) <= int(match[2]):
        raise InputError(f"'{text}' is not a shard", "Give i/n, from 1/n to n/n.")
    return int(match[1]), int(match[2])


def _manifest(settings: RunSettings, dataset: Dataset, questions: int, not_asked: dict[str, int]) -> dict[str, Any]:
    return {
        "identity": json.loads(json.dumps(settings.identity(dataset))),  # as it will be read back
        "system": settings.label,
        "data": {
            "path": dataset.root,
            "files": [Path(file).name for file in dataset.files],
            "questions": len(dataset.samples),
            "problems": len(dataset.problems),
            "groups": {name: list(tasks) for name, tasks in dataset.groups.items()},
            "is_official": dataset.is_official,
        },
        "selection": {
            "tasks": list(settings.tasks),
            "limit": settings.limit,
            "num_attempts": settings.num_attempts,
            "questions": questions,
            "not_asked": not_asked,
        },
        "batch_size": settings.system.batch_size,
        "model": _model_version(settings.system),
        "parser": PARSER_VERSION,
        "omnisense": __version__,
        "python": platform.python_version(),
        "packages": {name: found for name in _PACKAGES if (found := _version(name))},
        "machine": {"system": platform.system(), "cpu_count": os.cpu_count()},
        "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }


def _model_version(system: SystemSettings) -> str:
    """Not part of a run's identity: a folder's stamps differ between the machines of one run."""
    remote = system.kind == "baseline" or system.policy.partition(":")[0] in ("chat", "scripted")
    if remote:
        return system.policy
    return "+".join(models.version(name) for name in (system.policy, system.adapter) if name)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
