"""Read question files, filter their questions, and split them into training and held-out ones without leaks."""

from __future__ import annotations

import hashlib
import itertools
import random
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

from omnisense.benchmarks.harness.dataset import Dataset, Sample
from omnisense.benchmarks.harness.suite import ModelUnderTest
from omnisense.benchmarks.suites import DEFAULT_SUITE, find_suite
from omnisense.errors import InputError, MediaError
from omnisense.reasoning.answers.question import UNSCORED_KINDS
from omnisense.rl.data.settings import DataSettings
from omnisense.rl.reporting.results import DataSummary

_MAX_NAMED = 20


@dataclass(frozen=True)
class Split:
    """The questions of a run.

    Attributes:
        train: questions to train on.
        test: held-out questions, for the evaluation.
        dropped: how many questions can be used for neither, by reason.
        first_dropped: the first of them by name, with their reasons.
        fingerprint: SHA-256 of the question files.
    """

    train: tuple[Sample, ...]
    test: Dataset
    dropped: dict[str, int]
    first_dropped: tuple[str, ...]
    fingerprint: str

    def summary(self) -> DataSummary:
        """Return the split in numbers."""
        return DataSummary(
            train=len(self.train),
            test=len(self.test.samples),
            train_tasks=dict(Counter(sample.task for sample in self.train)),
            test_tasks=dict(Counter(sample.task for sample in self.test.samples)),
            dropped=self.dropped,
            first_dropped=list(self.first_dropped),
            fingerprint=self.fingerprint,
            suite=self.test.suite,
        )


def load_split(settings: DataSettings, modalities: Iterable[str], seed: int, policy: str | None = None) -> Split:
    """Read, filter and split questions.

    Args:
        settings: which questions.
        modalities: that the model takes.
        seed: of the split; on which side a group is depends on nothing else in the data.
        policy: name or folder of the model, for the box notation that it was trained on.

    Raises:
        InputError: unreadable data, or nothing left to train on.
    """
    model = ModelUnderTest(policy, settings.max_pixels)
    train_sets = [_load(path, settings, model) for path in settings.files]
    test_sets = [_load(path, settings, model) for path in settings.test_files]
    usable = SampleFilter(settings, frozenset(modalities))
    train: list[Sample] = []
    test = [sample for dataset in test_sets for sample in dataset.samples if usable.accepts(sample)]
    test_groups = {sample.group for sample in test}
    for sample in (sample for dataset in train_sets for sample in dataset.samples):
        if not usable.accepts(sample):
            continue
        if sample.group in test_groups and sample.group:
            usable.drop(sample, "its group is held out")
        elif not test_sets and is_held_out(sample.group or sample.id, settings.test_fraction, seed):
            test.append(sample)
        else:
            train.append(sample)
    if not train:
        raise _nothing_to_train_on(usable, settings)
    if settings.ratios:
        train = sample_by_ratio(train, settings.ratios, settings.samples_per_epoch, seed)
    test = [sample for sample in test if sample.question.kind not in UNSCORED_KINDS]
    datasets = [*train_sets, *test_sets]
    fingerprint = hashlib.sha256("".join(dataset.fingerprint for dataset in datasets).encode()).hexdigest()
    held_out = _held_out_dataset(settings, datasets, limit_samples(test, settings.test_limit, seed), fingerprint)
    return Split(
        tuple(limit_samples(train, settings.limit, seed)),
        held_out,
        dict(usable.reasons),
        tuple(usable.named),
        fingerprint,
    )


def _nothing_to_train_on(usable: SampleFilter, settings: DataSettings) -> InputError:
    reasons = ", ".join(f"{n}: {reason}" for reason, n in usable.reasons.most_common(5)) or "there are none"
    remedy = "Check the data: omnisense eval humansense --validate --data FOLDER."
    return InputError(f"no question is left to train on ({reasons})", remedy, settings.files[0])


def _held_out_dataset(
    settings: DataSettings, datasets: Sequence[Dataset], samples: Sequence[Sample], fingerprint: str
) -> Dataset:
    suites = {dataset.suite for dataset in datasets}
    return Dataset(
        ", ".join(map(str, settings.test_files or settings.files)),
        tuple(samples),
        (),
        fingerprint,
        tuple(map(str, settings.files)),
        suites.pop() if len(suites) == 1 else DEFAULT_SUITE,
        {name: tasks for dataset in datasets for name, tasks in dataset.groups.items()},
    )


def _load(path: Path, settings: DataSettings, model: ModelUnderTest) -> Dataset:
    """Read a file or folder in the format of any suite."""
    suite = find_suite(path)
    return suite.load(path, model, **suite.options_from(settings))


class _HasTask(Protocol):
    @property
    def task(self) -> str: ...


_T = TypeVar("_T", bound=_HasTask)
_S = TypeVar("_S")


def sample_by_ratio(samples: Sequence[_T], ratios: Mapping[str, float], count: int, seed: int) -> list[_T]:
    """Draw samples, their tasks by ratio; within a task every sample is drawn once before any is drawn again.

    Args:
        samples: to draw from.
        ratios: by task; other tasks are left out.
        count: how many; 0 for as many as there are samples.
        seed: of the draws.

    Raises:
        InputError: no rows of a task, or no positive ratio.
    """
    known = {sample.task for sample in samples}
    if unknown := sorted(set(ratios) - known):
        raise InputError(
            f"there are no rows of {', '.join(unknown)} for data.ratios", f"Choose from {', '.join(sorted(known))}."
        )
    rng = random.Random(f"{seed}:mixed")
    shuffled = {
        task: rng.sample(of_task, len(of_task))
        for task in ratios
        if (of_task := [s for s in samples if s.task == task])
    }
    cycles = {task: itertools.cycle(of_task) for task, of_task in shuffled.items()}
    names, weights = zip(*sorted(ratios.items()), strict=True)
    if min(weights) < 0 or not sum(weights):
        raise InputError("data.ratios has no positive number", "Give positive numbers.")
    return [next(cycles[task]) for task in rng.choices(names, weights, k=count or len(samples))]


class SampleFilter:
    """Decides which questions can be used, and counts the others by reason.

    Attributes:
        reasons: how many questions were dropped, by reason.
        named: the first of them by name, with their reasons.
    """

    def __init__(self, settings: DataSettings, modalities: frozenset[str]) -> None:
        self._settings, self._modalities = settings, modalities
        self._clip_problems: dict[str, str] = {}
        self.reasons: Counter[str] = Counter()
        self.named: list[str] = []

    def drop(self, sample: Sample, reason: str) -> None:
        """Count a question as dropped."""
        self.reasons[reason] += 1
        if len(self.named) < _MAX_NAMED:
            self.named.append(f"{sample.media or sample.id}: {reason}")

    def accepts(self, sample: Sample) -> bool:
        """Return whether a question can be used; if not, count it as dropped."""
        settings, media = self._settings, not self._settings.text_only
        if (settings.modalities and sample.modality not in settings.modalities) or (
            settings.tasks and sample.task not in settings.tasks
        ):
            return False  # the recipe does not ask for it: not counted
        reason = sample.why_not(media)
        if reason:
            self.drop(sample, reason)
            return False
        if media and sample.modality not in self._modalities:
            reason = f"the model takes no {sample.modality}"
        elif media and sample.length_s > settings.max_clip_s:
            reason = f"longer than {settings.max_clip_s:g} s"
        elif media and sample.media:
            reason = self._clip_problem(sample.media)
        if reason:
            self.drop(sample, reason)
        return not reason

    def _clip_problem(self, path: str) -> str:
        if path not in self._clip_problems:
            from omnisense.perception.media.clip import open_clip

            try:
                too_long = open_clip(path).duration_s > self._settings.max_clip_s
                self._clip_problems[path] = f"longer than {self._settings.max_clip_s:g} s" if too_long else ""
            except MediaError as error:
                self._clip_problems[path] = f"broken media ({error.problem})"
        return self._clip_problems[path]


def is_held_out(group: str, fraction: float, seed: int) -> bool:
    """Return whether a group is held out; it depends on nothing but its name and the seed."""
    return random.Random(f"{seed}:{group}").random() < fraction


def limit_samples(samples: Sequence[_S], limit: int, seed: int) -> Sequence[_S]:
    """Return at most ``limit`` samples, drawn by the seed; 0 for all."""
    return random.Random(f"{seed}:some").sample(list(samples), limit) if limit and limit < len(samples) else samples
