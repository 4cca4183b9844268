"""Datasets: the questions of a benchmark, with their media by reference and their right answers."""

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
        id: stable: it depends on the question, not on the row's position in a file.
        task: the task's code, or its own name where the suite does not know it.
        level: the task's level; 0 when unknown.
        question: the question.
        gold: the right answer in canonical form.
        modality: of the media; ``text`` when there is none.
        media: path of the media file.
        start_s, end_s: the window of it (s) that is shown; None for the whole.
        length_s: length (s) of what is shown; 0 when the data does not say.
        transcript: of the clip, from the data.
        percepts: the clip's percepts as text, where they replace the clip.
        uses_audio: whether the clip's audio belongs to the question.
        group: the dialogue, speaker or clip that it shares with other questions: a split never cuts through it.
        trace: reasoning that leads to the answer, for training; empty where the data has none.
        problem: why this cannot be asked; empty when it can.
        media_problem: why its media cannot be shown; it can still be asked without them.
        row: the dataset's own fields that its own scoring reads.
        sound: path of a sound that belongs to the question beside its image.
        subtitles: path of the clip's subtitles (SubRip); the lines at the sampled frames are its transcript.
        tags: values by breakdown of the benchmark, such as ``{"duration": ("30s",)}``; several where it has several.
        source: file and row that the question was read from.
        attempt: number of the attempt at the question, from 1 on.
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
    uses_audio: bool = False
    group: str = ""
    trace: str = ""
    problem: str = ""
    media_problem: str = ""
    row: Mapping[str, Any] = field(default_factory=dict)
    sound: str | None = None
    subtitles: str | None = None
    tags: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    source: str = ""
    attempt: int = 1

    def why_not(self, media: bool = True) -> str:
        """Return why this cannot be asked, with its media or without; empty when it can."""
        return self.problem or (self.media_problem if media else "")


@dataclass(frozen=True)
class Problem:
    """A fault found in the data before a run: its place, its kind, and a description."""

    where: str
    kind: str
    what: str


@dataclass(frozen=True)
class Dataset:
    """The questions of a benchmark as found on disk.

    Attributes:
        root: the folder or file that was read.
        samples: in file order; those with a ``problem`` are kept, and end as error records.
        problems: everything that validation found.
        fingerprint: SHA-256 over the question files and the names and sizes of the media.
        files: the question files.
        groups: tasks by group, where the data names groups itself.
        suite: name of the suite in whose format the questions are.
        is_official: whether these are the questions that the benchmark's authors published, all of them.
        notes: what was decided in reading them, for ``--validate``.
    """

    root: str
    samples: tuple[Sample, ...]
    problems: tuple[Problem, ...]
    fingerprint: str
    files: tuple[str, ...]
    suite: str
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    is_official: bool = False
    notes: tuple[str, ...] = ()
