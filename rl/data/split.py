"""From question files to training rows: prompts with media by reference, filtered, and split without leaks."""

from __future__ import annotations

import hashlib
import itertools
import random
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from omnisense.benchmarks.harness.dataset import Dataset, Sample
from omnisense.benchmarks.harness.prompting import PromptBuilder, PromptSettings
from omnisense.benchmarks.harness.suite import ModelUnderTest
from omnisense.benchmarks.suites import DEFAULT_SUITE, find_suite
from omnisense.errors import InputError, MediaError
from omnisense.perception.media.sampling import Sampling
from omnisense.reasoning.answers import boxes
from omnisense.reasoning.answers.question import BOX_KINDS, UNSCORED_KINDS
from omnisense.rl.prompt_prefetch import dump_prompt

_TOLD = 20


class DataSettings(BaseModel):
    """Which questions are trained on, and how they are put.

    Attributes:
        files: folders or files of questions, each in the format of any suite (:mod:`omnisense.benchmarks.suites`).
        images: for questions about images, their folder; by default the one that the file is in.
        boxes: how boxes are written: ``auto`` for what the model is used to (:mod:`omnisense.reasoning.answers.boxes`).
        ratios: sample ratios by task; other tasks are left out. ``samples``: so many rows are drawn by them for an
            epoch, 0 for as many as there are; a task that is drawn more often than it has rows starts again.
        modalities: only questions whose media are of these kinds; empty for all.
        tasks: only these tasks; empty for all.
        audio: whether the sound of videos is given.
        text_only: the wording alone, without clip and transcript.
        think: whether think and answer tags are asked for.
        thought_pattern: whether to point to characteristics, chat content and events first.
        transcript: whether the data's transcript is put before the question.
        frames: ``humansense`` for the paper's rule, or a number of frames.
        max_pixels: of one frame.
        system: a system turn.
        whole_clips: pass over the rows' time windows.
        held_out: share of the groups that is kept for the evaluation; or ``held_out_files`` of their own.
        limit: at most so many questions to train on; 0 for all. Likewise ``held_out_limit``.
        max_prompt_tokens: longer prompts are dropped.
        max_clip_s: longer clips are dropped.
    """

    model_config = ConfigDict(extra="forbid")

    files: list[Path] = Field(min_length=1)
    images: Path | None = None
    boxes: Literal["auto", "fractions", "bins", "thousandths", "pixels"] = "auto"
    ratios: dict[str, float] = {}
    samples: int = Field(default=0, ge=0)
    modalities: list[Literal["text", "image", "video", "audio"]] = []
    tasks: list[str] = []
    audio: bool = False
    text_only: bool = False
    think: bool = True
    thought_pattern: bool = False
    transcript: Literal["none", "data"] = "none"
    frames: Literal["humansense"] | int = "humansense"
    max_pixels: int = Field(default=360 * 420, ge=1)
    system: str = ""
    ignore_windows: bool = False
    held_out: float = Field(default=0.1, ge=0, lt=1)
    held_out_files: list[Path] = []
    limit: int = Field(default=0, ge=0)
    held_out_limit: int = Field(default=0, ge=0)
    max_prompt_tokens: int = Field(default=16_384, ge=1)
    max_clip_s: float = Field(default=600.0, gt=0)

    def prompting(self) -> PromptSettings:
        """The setting, as the evaluation knows it: training and evaluation put the same prompts."""
        frames = (
            Sampling(rule="humansense", max_pixels=self.max_pixels)
            if self.frames == "humansense"
            else Sampling(rule="count", count=self.frames, max_pixels=self.max_pixels)
        )
        return PromptSettings(
            media=not self.text_only, audio=self.audio and not self.text_only, transcript=self.transcript,
            think=self.think, thought_pattern=self.thought_pattern, sampling=frames, system=self.system,
        )  # fmt: skip


@dataclass(frozen=True)
class Split:
    """What is trained on and what is kept for the evaluation, and why other questions are neither.

    ``dropped`` counts by reason; ``named`` gives the first of them by name.
    """

    train: tuple[Sample, ...]
    held_out: Dataset
    dropped: dict[str, int]
    named: tuple[str, ...]
    fingerprint: str

    def summary(self) -> dict[str, Any]:
        """As plain values, for the run folder."""
        return {
            "train": len(self.train),
            "held_out": len(self.held_out.samples),
            "train_tasks": dict(Counter(sample.task for sample in self.train)),
            "held_out_tasks": dict(Counter(sample.task for sample in self.held_out.samples)),
            "dropped": self.dropped,
            "first_dropped": list(self.named),
            "fingerprint": self.fingerprint,
            "suite": self.held_out.suite,
        }


def read_split(settings: DataSettings, takes: Iterable[str], seed: int, policy: str | None = None) -> Split:
    """Read, filter and split.

    Args:
        settings: which questions.
        takes: the part types that the model takes.
        seed: of the split: a group goes to one side whatever else is in the data.
        policy: name or folder of the model: boxes are written as it is used to.

    Raises:
        InputError: unreadable data, or nothing left to train on.
    """
    model = ModelUnderTest(policy, settings.max_pixels)
    sets = [_load(path, settings, model) for path in settings.files]
    kept_apart = [_load(path, settings, model) for path in settings.held_out_files]
    drop = _Dropper(settings, frozenset(takes))
    train, held = [], [sample for one in kept_apart for sample in one.samples if drop.keeps(sample)]
    away = {sample.group for sample in held}
    for sample in (sample for one in sets for sample in one.samples):
        if not drop.keeps(sample):
            continue
        if sample.group in away and sample.group:
            drop.count("its group is held out", sample)
        elif not kept_apart and _drawn(sample.group or sample.id, settings.held_out, seed):
            held.append(sample)
        else:
            train.append(sample)
    if not train:
        reasons = ", ".join(f"{n}: {reason}" for reason, n in drop.reasons.most_common(5)) or "there are none"
        raise InputError(f"no question is left to train on ({reasons})", "Look: omnisense eval humansense --validate.",
                         settings.files[0])  # fmt: skip
    train = _mixed(train, settings.ratios, settings.samples, seed) if settings.ratios else train
    held = [sample for sample in held if sample.question.kind not in UNSCORED_KINDS]
    fingerprint = hashlib.sha256("".join(one.fingerprint for one in [*sets, *kept_apart]).encode()).hexdigest()
    shown = ", ".join(map(str, settings.held_out_files or settings.files))
    all_sets = [*sets, *kept_apart]
    suites = {one.suite for one in all_sets}
    data = Dataset(
        shown,
        tuple(_some(held, settings.held_out_limit, seed)),
        (),
        fingerprint,
        tuple(map(str, settings.files)),
        suites.pop() if len(suites) == 1 else DEFAULT_SUITE,
        {name: tasks for one in all_sets for name, tasks in one.groups.items()},
    )
    return Split(tuple(_some(train, settings.limit, seed)), data, dict(drop.reasons), tuple(drop.named), fingerprint)


def _load(path: Path, settings: DataSettings, model: ModelUnderTest) -> Dataset:
    """Read a file or folder in the format of any suite."""
    suite = find_suite(path)
    return suite.load(path, model, **suite.options_from(settings))


def _mixed(samples: Sequence[Sample], ratios: Mapping[str, float], count: int, seed: int) -> list[Sample]:
    """So many items, their tasks drawn by ratio; within a task each comes once before any comes again.

    Raises:
        InputError: a task that there is not, or no ratio above nought.
    """
    known = {sample.task for sample in samples}
    if strange := sorted(set(ratios) - known):
        raise InputError(
            f"there are no rows of {', '.join(strange)} for data.ratios", f"Choose from {', '.join(sorted(known))}."
        )
    draw = random.Random(f"{seed}:mixed")
    decks = {task: draw.sample(mine, len(mine)) for task in ratios if (mine := [i for i in samples if i.task == task])}
    turns = {task: itertools.cycle(deck) for task, deck in decks.items()}
    names, weights = zip(*sorted(ratios.items()), strict=True)
    if min(weights) < 0 or not sum(weights):
        raise InputError("data.ratios holds nothing to draw by", "Give positive numbers.")
    return [next(turns[task]) for task in draw.choices(names, weights, k=count or len(samples))]


class _Dropper:
    """Which questions cannot be trained on, and why."""

    def __init__(self, settings: DataSettings, takes: frozenset[str]) -> None:
        self._settings, self._takes = settings, takes
        self._playable: dict[str, str] = {}
        self.reasons: Counter[str] = Counter()
        self.named: list[str] = []

    def count(self, reason: str, sample: Sample) -> None:
        """Note that an item is dropped."""
        self.reasons[reason] += 1
        if len(self.named) < _TOLD:
            self.named.append(f"{sample.media or sample.id}: {reason}")

    def keeps(self, sample: Sample) -> bool:
        """Whether an item can be trained on; if not, it is counted."""
        settings, media = self._settings, not self._settings.text_only
        if (settings.modalities and sample.modality not in settings.modalities) or (
            settings.tasks and sample.task not in settings.tasks
        ):
            return False  # not asked for, so not dropped either
        reason = ""
        if sample.problem:
            reason = sample.problem
        elif media and sample.modality not in self._takes:
            reason = f"the model takes no {sample.modality}"
        elif media and sample.length_s > settings.max_clip_s:
            reason = f"longer than {settings.max_clip_s:g} s"
        elif media and sample.media:
            reason = self._probed(sample.media)
        if reason:
            self.count(reason, sample)
        return not reason

    def _probed(self, path: str) -> str:
        if path not in self._playable:
            from omnisense.perception.media.clip import open_clip

            try:
                clip = open_clip(path)
                beyond = clip.duration_s > self._settings.max_clip_s
                self._playable[path] = f"longer than {self._settings.max_clip_s:g} s" if beyond else ""
            except MediaError as error:
                self._playable[path] = f"broken media ({error.problem})"
        return self._playable[path]


def _drawn(group: str, share: float, seed: int) -> bool:
    return random.Random(f"{seed}:{group}").random() < share


def _some(samples: Sequence[Sample], limit: int, seed: int) -> Sequence[Sample]:
    return random.Random(f"{seed}:some").sample(list(samples), limit) if limit and limit < len(samples) else samples


def rows_of(
    samples: Iterable[Sample], prompting: PromptSettings, length: Callable[[Any], int], most: int
) -> tuple[list[Any], list[str]]:
    """Training rows for items, and the ids of those whose prompts are too long.

    Args:
        items: what is asked.
        asking: how.
        length: counts the tokens of a prompt's text; media are counted where they are encoded.
        most: tokens that a prompt may have.

    A row holds the ``prompt`` as JSON with its media by reference, and what rewards read: ``id``, ``question``,
    ``kind``, ``options``, ``gold``, ``evidence`` (what is known of the clip in words) and ``trace``.
    """
    prompts, rows, too_long = PromptBuilder(prompting), [], []
    for sample in samples:
        prompt = prompts.build(sample).messages
        if length(prompt) > most:
            too_long.append(sample.id)
            continue
        rows.append(
            {
                "prompt": dump_prompt(prompt),
                "id": sample.id,
                "question": sample.question.text,
                "kind": sample.question.kind,
                "options": list(sample.question.options),
                "form": sample.question.form,
                "gold": sample.gold,
                "evidence": "\n".join(text for text in (sample.percepts, sample.transcript) if text),
                "trace": sample.trace,
            }
        )
    return rows, too_long


def solution(row: dict[str, Any], think: bool) -> str:
    """The reply that a row teaches, in the form that its prompt asks for; empty where the row has none.

    With ``think`` that takes a trace; else the right answer alone.
    """
    gold = {"yes": "Yes", "no": "No"}.get(row["gold"], row["gold"])
    if row["kind"] in BOX_KINDS:
        gold = boxes.format_boxes(boxes.load(gold), row["form"], several=row["kind"] == "boxes")
    if not think:
        return str(gold)
    return f"<think>{row['trace'].strip()}</think>\n<answer>{gold}</answer>" if row["trace"] and gold else ""
