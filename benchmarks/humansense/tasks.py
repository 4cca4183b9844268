"""The fifteen tasks: their level, size and modality, and the names that data files give them."""

from __future__ import annotations

import re
from typing import NamedTuple


class Task(NamedTuple):
    """A task of the benchmark.

    Attributes:
        code: as in the paper's table.
        level: 1 (basic perception) to 4 (response); 0 for a task that the paper does not have.
        questions: how many the full benchmark holds.
        uses_audio: whether the clip's audio is given with ``--audio``.
        audio_only: whether there are no frames.
    """

    code: str
    name: str
    level: int
    questions: int
    uses_audio: bool = False
    audio_only: bool = False


TASKS = (
    Task("AR", "Action Recognition", 1, 300),
    Task("ER", "Emotion Recognition", 1, 300),
    Task("GR", "Gesture Recognition", 1, 300),
    Task("PA", "Person Appearance", 1, 300),
    Task("AC", "Abnormal Classification", 2, 100),
    Task("CM", "Complex Motion", 2, 281),
    Task("HC", "Human Counting", 2, 360),
    Task("TR", "Talking-person Recognition", 2, 300, uses_audio=True),
    Task("FR1", "Familiarity Recognition", 3, 200, uses_audio=True),
    Task("FR2", "Fraud Recognition", 3, 300, uses_audio=True, audio_only=True),
    Task("LD", "Lie Detection", 3, 200),
    Task("RR1", "Relation Recognition", 3, 150, uses_audio=True),
    Task("RR2", "Rapport Recognition", 3, 200, uses_audio=True),
    Task("ES", "Emotion Strategy", 4, 300, uses_audio=True),
    Task("PC", "Psychological Chat", 4, 291, uses_audio=True, audio_only=True),
)
BY_CODE = {task.code: task for task in TASKS}
QUESTIONS = sum(task.questions for task in TASKS)
VIDEO_TASKS = tuple(task.code for task in TASKS if not task.audio_only)  # the paper's Avg is the mean over these
LEVELS = {1: "L1 basic perception", 2: "L2 complex perception", 3: "L3 interaction", 4: "L4 response"}


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


_ALIASES = {"Emo_Strategy": "ES", "Abnormal_Recognition": "AC", "Human_Count": "HC", "Person_Counting": "HC"}
_BY_NAME = (
    {_plain(task.name): task for task in TASKS}
    | {_plain(task.code): task for task in TASKS}
    | {_plain(alias): BY_CODE[code] for alias, code in _ALIASES.items()}
)


def task_of(task_type: str) -> Task:
    """The task that a row's ``task_type`` names; an unknown one is a task of its own name, level 0."""
    return _BY_NAME.get(_plain(task_type)) or Task(task_type, task_type, 0, 0, uses_audio=True)
