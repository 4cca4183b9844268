"""Labelled clips, texts and questions to calibrate a policy on: JSON, one object a line.

::

    {"text": "I got the job!", "emotion": "joy"}
    {"clip": "ana.mp4", "emotion": "sadness", "group": "ana"}
    {"clip": "ana.mp4", "question": "How does she sound?", "options": ["A. calm", "B. tense"], "answer": "B"}

``clip`` is relative to the file; a row has a clip, a text, or both. ``group`` names what is held out together (a
speaker, a dialogue), by default the clip or the row; ``task`` names rows that are judged together, by default ``texts``
or ``clips``. ``voice_emotion_model`` is a file, relative too, of a model to hear the clip with: one that was not
trained on the speaker. ``scores`` may give a channel's distribution over the emotions, ``{"face": {"anger": 0.7,
...}}``, in place of what is measured; the policy is still shown what is perceived. ``kind`` is the kind of a question
(:class:`omnisense.reasoning.answers.question.Question`), by default ``one``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from omnisense.errors import InputError, first_problem
from omnisense.files import read_lines
from omnisense.reasoning.answers.question import Kind, Question
from omnisense.text import parse_json

_EXAMPLE = 'Write {"text": "...", "emotion": "joy"}, or a clip, or a question with options and answer.'


@dataclass(frozen=True)
class CalibrationRow:
    """A clip or text with its emotion, or with a question and its answer.

    Attributes:
        text: what the person typed; empty without.
        clip: None without one.
        emotion: the right one; empty for a question.
        question: None for an emotion.
        answer: as :meth:`Question.candidates` names it; empty for an emotion.
        group: what is held out together.
        task: rows that are judged together.
        scores: by channel, a distribution over the emotions that replaces what is measured.
        voice_emotion_model: a file, in place of the one that is perceived with; None without.
    """

    text: str
    clip: Path | None
    emotion: str
    question: Question | None
    answer: str
    group: str
    task: str
    scores: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    voice_emotion_model: Path | None = None


class _Row(BaseModel):
    """A line of a file of rows, as the module describes it."""

    model_config = ConfigDict(extra="forbid", strict=True)

    text: str = ""
    clip: str = ""
    emotion: str | None = None
    question: str | None = None
    options: list[str] = []
    kind: Kind = "one"
    answer: str = ""
    group: str | int | None = None
    task: str = ""
    scores: dict[str, dict[str, float]] = {}
    voice_emotion_model: str = ""


def read_rows(path: Path) -> list[CalibrationRow]:
    """Read a file of rows, or every ``.jsonl`` file in a folder.

    Raises:
        InputError: it cannot be read, has no rows, or a row is not as the module describes.
    """
    files = sorted(path.glob("*.jsonl")) if path.is_dir() else [path]
    rows: list[CalibrationRow] = []
    for file in files:
        try:
            lines = read_lines(file)
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"the rows cannot be read ({error})", _EXAMPLE, file) from error
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                row = _Row.model_validate(parse_json(line))
                rows.append(_read_row(row, file.parent, f"{file.name}:{number}"))
            except (ValueError, InputError) as error:
                reason = first_problem(error) if isinstance(error, ValidationError) else error
                raise InputError(f"line {number} is no row ({reason})", _EXAMPLE, file) from error
    if not rows:
        raise InputError("there are no rows", _EXAMPLE, path)
    return rows


def _read_row(row: _Row, folder: Path, place: str) -> CalibrationRow:
    if not row.text and not row.clip:
        raise ValueError("neither a text nor a clip")
    if (row.emotion is None) == (row.question is None):
        raise ValueError("it needs either an emotion or a question")
    question = None
    if row.question is not None:
        question = Question(row.question, row.kind, tuple(row.options))
        if row.answer not in question.candidates():
            raise ValueError(f"the answer {row.answer!r} is none of {', '.join(question.candidates())}")
    clip = folder / row.clip if row.clip else None
    return CalibrationRow(
        text=row.text,
        clip=clip,
        emotion=row.emotion or "",
        question=question,
        answer=row.answer,
        group=str(row.group or clip or place),
        task=row.task or ("clips" if clip else "texts"),
        scores=row.scores,
        voice_emotion_model=folder / row.voice_emotion_model if row.voice_emotion_model else None,
    )
