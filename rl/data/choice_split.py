"""What a run trains to choose, and what it holds out, from rows of the agent."""

from __future__ import annotations

import hashlib
import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omnisense.errors import InputError
from omnisense.reasoning.policies.messages import Messages
from omnisense.rl.data.agent_rows import AgentRow, read_agent_rows
from omnisense.rl.data.settings import DataSettings
from omnisense.rl.data.split import is_held_out, limit_samples, sample_by_ratio
from omnisense.rl.reporting.results import DataSummary
from omnisense.rl.trainers.prompt_prefetch import load_prompt

SUITE = "agent"  # what reports name in place of a benchmark


@dataclass(frozen=True)
class ChoiceSplit:
    """The rows of a run.

    Attributes:
        train: to train on.
        test: held out, for the evaluation.
        dropped: how many rows are used for neither, by reason.
        fingerprint: SHA-256 of the rows.
    """

    train: tuple[AgentRow, ...]
    test: tuple[AgentRow, ...]
    dropped: dict[str, int]
    fingerprint: str

    def summary(self) -> DataSummary:
        """Return the split in numbers."""
        return DataSummary(
            train=len(self.train),
            test=len(self.test),
            train_tasks=dict(Counter(row.task for row in self.train)),
            test_tasks=dict(Counter(row.task for row in self.test)),
            dropped=self.dropped,
            first_dropped=[],
            fingerprint=self.fingerprint,
            suite=SUITE,
        )


def load_choice_split(settings: DataSettings, seed: int) -> ChoiceSplit:
    """Read rows of the agent, and hold groups out.

    Args:
        settings: which rows; ``ratios``, ``limit`` and ``test_fraction`` apply as to questions.
        seed: of the split and of the order.

    Raises:
        InputError: unreadable data, or nothing left to train on.
    """
    rows, test = read_agent_rows(settings.files), read_agent_rows(settings.test_files)
    wanted = [row for row in rows if not settings.tasks or row.task in settings.tasks]
    labelled = [row for row in wanted if row.is_labelled or row.reference]
    dropped = Counter({"no right option is known": len(wanted) - len(labelled)})
    test_groups = {row.group for row in test}
    train: list[AgentRow] = []
    for row in labelled:
        if row.group in test_groups:
            dropped["its group is held out"] += 1
        elif not settings.test_files and is_held_out(row.group, settings.test_fraction, seed):
            test.append(row)
        else:
            train.append(row)
    if not train:
        raise InputError(
            "no choice is left to train on", "Write rows with `omnisense train data agent`.", settings.files[0]
        )
    if settings.ratios:
        train = sample_by_ratio(train, settings.ratios, settings.samples_per_epoch, seed)
    test = [row for row in test if row.is_labelled]
    return ChoiceSplit(
        tuple(limit_samples(train, settings.limit, seed)),
        tuple(limit_samples(test, settings.test_limit, seed)),
        {reason: n for reason, n in dropped.items() if n},
        fingerprint_of((*settings.files, *settings.test_files)),
    )


def choice_columns(
    rows: Sequence[AgentRow], settings: DataSettings, count_tokens: Callable[[Messages], int], seed: int
) -> tuple[list[dict[str, Any]], list[str]]:
    """Return the dataset's rows, and the ids of rows whose prompts are too long.

    Among them are prompts without evidence, whose target gives every option the same probability.

    Args:
        rows: to train on.
        settings: their ``max_prompt_tokens`` and ``neutral_share``.
        count_tokens: returns the length of a prompt.
        seed: of the order.
    """
    columns: list[dict[str, Any]] = []
    too_long: list[str] = []
    neutral: dict[tuple[str, tuple[str, ...]], None] = {}
    for row in rows:
        if count_tokens(load_prompt(row.prompt)) > settings.max_prompt_tokens:
            too_long.append(row.id)
            continue
        columns.append({"prompt": row.prompt, "options": row.options, "target": row.target()})
        if row.neutral:
            neutral[row.neutral, tuple(row.options)] = None
    draw = random.Random(f"{seed}:neutral")
    if neutral and columns:
        count = round(len(columns) * settings.neutral_share / (1 - settings.neutral_share))
        for prompt, options in draw.choices(list(neutral), k=count):
            columns.append({"prompt": prompt, "options": list(options), "target": [1 / len(options)] * len(options)})
    draw.shuffle(columns)
    return columns, too_long


def fingerprint_of(paths: Sequence[Path]) -> str:
    """Return the SHA-256 of files of rows, or of all in folders."""
    files = [file for path in paths for file in (sorted(path.glob("*.jsonl")) if path.is_dir() else [path])]
    return hashlib.sha256(b"".join(hashlib.sha256(file.read_bytes()).digest() for file in files)).hexdigest()
