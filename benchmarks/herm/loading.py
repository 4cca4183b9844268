"""Questions about people in images: choices, one box, several boxes; and for training, texts.

A row of a JSON list or of JSON lines: ``id``, ``image``, ``question``, ``answer``, ``dimension`` (of any name) and, for
a choice, ``choices`` (by letter, or a list). The answer is a letter, a box ``[x, y, w, h]`` in fractions of the
image, a list of such boxes, or, to learn from, a text. Ours besides: ``field`` (of the dimension), ``group`` (what a
split never cuts through), and boxes marked in texts (:func:`omnisense.reasoning.answers.boxes.to_markup`).
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from omnisense.benchmarks.harness.dataset import Dataset, Problem, Sample
from omnisense.benchmarks.harness.options import letter_options, option_texts
from omnisense.benchmarks.harness.question_files import (
    RowError,
    load_json,
    resolve_media,
    unique_id,
)
from omnisense.benchmarks.harness.question_rows import asked_text
from omnisense.errors import InputError, MediaError
from omnisense.perception.media.clip import open_clip
from omnisense.reasoning.answers import boxes
from omnisense.reasoning.answers.box_notation import Notation, notation_of
from omnisense.reasoning.answers.question import BOX_KINDS, Question

_BEYOND = 0.01  # of a side: as far as a right box may be over the edge, by rounding
_MOST_CHOICES = 26
Row = dict[str, Any]


class _Parsed(NamedTuple):
    question: Question
    gold: str


def load(
    path: str | Path, images: str | Path | None = None, notation: Notation | None = None, field: str = ""
) -> Dataset:
    """Read a question file.

    Args:
        path: a JSON or JSON lines file.
        images: the folder of its images; None for the one that the file is in.
        notation: how boxes are written for the model under test; in thousandths by default.
        field: the group of dimensions whose rows name none.

    Raises:
        InputError: unreadable, no list of rows, or none of its images is there.
    """
    file = Path(path).expanduser()
    folder = Path(images).expanduser() if images is not None else file.parent
    if not folder.is_dir():
        raise InputError("there is no such folder", "Give the folder that holds the images.", folder)
    notation = notation or notation_of("thousandths", None)
    samples: list[Sample] = []
    problems: list[Problem] = []
    groups: dict[str, dict[str, None]] = {}
    seen: dict[str, str] = {}
    for place, row in read_rows(file):
        sample, found = _read_row(row, place, folder, notation)
        problems += found
        if sample.id in seen:
            problems.append(Problem(place, "duplicate", f"the same question as {seen[sample.id]}"))
            sample = replace(sample, id=unique_id(sample.id, seen))
        seen[sample.id] = place
        samples.append(sample)
        if name := str(row.get("field") or field):
            groups.setdefault(name, {})[sample.task] = None
    shown = [sample for sample in samples if sample.modality == "image"]
    if shown and all(sample.media is None for sample in shown):
        first = str(next(row["image"] for _, row in read_rows(file) if row.get("image")))
        raise InputError(
            f"none of the images that it names ({first[:80]}, ...) is in {folder}",
            "Give as --images the folder that these paths start in.",
            file,
        )
    digest = hashlib.sha256(file.read_bytes())
    digest.update(" ".join(sorted({sample.question.form for sample in samples})).encode())
    for media in sorted({i.media for i in samples if i.media}):
        digest.update(f"{os.path.relpath(media, folder)}:{os.path.getsize(media)}\n".encode())
    named = {name: tuple(tasks) for name, tasks in groups.items()}
    return Dataset(str(file), tuple(samples), tuple(problems), digest.hexdigest(), (str(file),), "herm", named)


def read_rows(file: Path) -> Iterator[tuple[str, Row]]:
    """The rows of a file, each with its place.

    Raises:
        InputError: unreadable, not JSON, or a row is no object.
    """
    try:
        text = file.read_text("utf-8-sig")
        if text.lstrip()[:1] == "[":
            found = [(f"{file.name} row {n}", row) for n, row in enumerate(load_json(text))]
        else:
            lines = [(n, line) for n, line in enumerate(text.split("\n"), 1) if line.strip()]
            found = [(f"{file.name} line {n}", load_json(line)) for n, line in lines]
    except (OSError, ValueError) as error:
        raise InputError(f"it cannot be read as JSON ({error})", "Give a JSON list or JSON lines.", file) from error
    if not found:
        raise InputError("it holds no rows", 'Give rows such as {"image": ..., "question": ..., "answer": ...}.', file)
    for place, row in found:
        if not isinstance(row, dict) or not {"question", "answer"} <= row.keys():
            raise InputError(f"{place} has no question and answer", "Fix or remove the row.", file)
        yield place, row


def _read_row(row: Row, place: str, folder: Path, notation: Notation) -> tuple[Sample, list[Problem]]:
    blocking: list[RowError] = []
    named, media, form = str(row.get("image") or ""), None, "thousandths"
    try:
        if named:
            media = resolve_media(named, folder)
            form = _form(media, notation)
    except RowError as fault:
        blocking.append(fault)
    try:
        question, gold = _parse(row, form)
        if question.kind in BOX_KINDS and not named:
            raise RowError("missing media", "a box is asked for, and there is no image")
    except RowError as fault:
        blocking.append(fault)
        question, gold = Question(str(row["question"]), "one"), ""
    sample = Sample(
        id=_sample_id(row),
        task=str(row.get("dimension") or "all"),
        level=0,
        question=question,
        gold=gold,
        modality="image" if named else "text",
        media=media,
        group=str(row.get("group") or named or ""),
        problem="; ".join(map(str, blocking)),
        row={"answer": row["answer"]},
    )
    return sample, [Problem(place, fault.kind, str(fault)) for fault in blocking]


def _sample_id(row: Row) -> str:
    if re.fullmatch(r"\w[\w.-]{0,79}", str(row.get("id") or "")):  # it also names a file
        return str(row["id"])
    parts = [row.get(key) for key in ("image", "question", "choices", "dimension", "answer")]
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:12]


def _form(media: str, notation: Notation) -> str:
    if notation.unit != "pixels":
        return notation.unit
    try:
        clip = open_clip(media)
    except MediaError as error:
        raise RowError("bad media", f"{Path(media).name} cannot be shown to the model ({error})") from error
    return notation.form(clip.width, clip.height)


def _parse(row: Row, form: str) -> _Parsed:
    text, answer, choices = asked_text(row["question"]), row["answer"], row.get("choices")
    if not boxes.is_valid_markup(text):
        raise RowError("no question", "a marked box is damaged")
    text = boxes.fill_markup(text, form)
    if choices:
        return _choice(text, answer, choices)
    if isinstance(answer, list):
        several = bool(answer) and isinstance(answer[0], (list, tuple))
        right = [_corners(box) for box in (answer if several else [answer])]
        return _Parsed(Question(text, "boxes" if several else "box", form=form), boxes.dump(right))
    if not isinstance(answer, str) or not answer.strip() or not boxes.is_valid_markup(answer):
        raise RowError("impossible answer", f"{answer!r} is no letter, box or text")
    return _Parsed(Question(text, "text"), boxes.fill_markup(answer.strip(), form))


def _choice(text: str, answer: Any, choices: Any) -> _Parsed:
    if isinstance(choices, dict):
        names = sorted(map(str, choices))
        if names != [chr(65 + i) for i in range(len(names))]:
            raise RowError("impossible answer", f"the choices are not lettered from A on ({', '.join(names)})")
        choices = [choices[name] for name in names]
    if not isinstance(choices, Sequence) or isinstance(choices, str) or not 2 <= len(choices) <= _MOST_CHOICES:
        raise RowError("impossible answer", "there are no choices to choose from")
    question = Question(text, "one", letter_options(option_texts(list(choices))))
    if str(answer) not in question.candidates():
        raise RowError("impossible answer", f"the right answer {answer!r} is not among {question.letters}")
    return _Parsed(question, str(answer))


def _corners(box: Any) -> boxes.Box:
    """``x, y, w, h`` as corners."""
    try:
        x, y, w, h = map(float, box)
    except (TypeError, ValueError):
        raise RowError("impossible answer", f"{box!r} is no box [x, y, w, h]") from None
    if not (w > 0 and h > 0 and x >= -_BEYOND and y >= -_BEYOND and x + w <= 1 + _BEYOND and y + h <= 1 + _BEYOND):
        raise RowError("impossible answer", f"the box {box} is not inside the image (fractions x, y, w, h)")
    return max(x, 0.0), max(y, 0.0), min(x + w, 1.0), min(y + h, 1.0)
