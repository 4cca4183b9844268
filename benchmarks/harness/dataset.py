"""What a benchmark asks: items with their media by reference and their right answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from omnisense.reasoning.answers.question import Question

Modality = Literal["video", "audio", "image", "text"]


@dataclass(frozen=True)
class Sample:
    """One question of a benchmark.

    Attributes:
        id: stable: it depends on what is asked, not on the row's place in a file.
        task: the task's code, or its own name where the benchmark does not know it.
        level: the task's level; 0 when unknown.
        question: what is asked.
        gold: the right answer in canonical form.
        modality: what the media is; ``text`` when there is none.
        media: path of the media file.
        start_s, end_s: the window of it that is shown; None for the whole.
        length_s: length of what is shown, as far as the data says; 0 when it does not.
        transcript: what is said in the clip, from the data.
        percepts: what perception found in the clip, rendered to text, where that stands for the clip.
        hears: whether the clip's sound belongs to the question.
        group: what it shares with other questions (dialogue, speaker, clip): a split never cuts through it.
        trace: reasoning that leads to the answer, to learn from; empty where the data has none.
        problem: why this cannot be asked; empty when it can.
        row: the dataset's own fields that its own scoring reads.
    """

    id: str
    task: str
    level: int
    question: Question
    gold: str
    modality: Modality
    media: str | None = None
    start_s: float | None = None
    end_s: float | None = None
    length_s: float = 0.0
    transcript: str = ""
    percepts: str = ""
    hears: bool = False
    group: str = ""
    trace: str = ""
    problem: str = ""
    row: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Problem:
    """A fault found in the data before a run: where, what kind, and what exactly."""

    where: str
    kind: str
    what: str


@dataclass(frozen=True)
class Dataset:
    """The items of a benchmark as found on disk.

    Attributes:
        root: the folder or file that was read.
        items: in file order; those with a ``problem`` are kept, and end as error records.
        problems: everything that validation found.
        fingerprint: SHA-256 over the question files and the names and sizes of the media.
        files: the question files.
        groups: tasks by group, where the data names groups itself.
        suite: name of the suite in whose format the questions are.
    """

    root: str
    samples: tuple[Sample, ...]
    problems: tuple[Problem, ...]
    fingerprint: str
    files: tuple[str, ...]
    suite: str
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
