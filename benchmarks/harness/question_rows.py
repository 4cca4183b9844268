"""From the rows of question files to a dataset: what the loaders of the suites share.

A loader reads each row by a function that gives a sample, and raises :class:`.question_files.RowError` inside
:meth:`Faults.attempt` for what is wrong with it: a row that cannot be asked is kept with its problem.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from omnisense.benchmarks.harness.dataset import Dataset, Problem, Sample
from omnisense.benchmarks.harness.options import lettered_options
from omnisense.benchmarks.harness.question_files import RowError, load_json, unique_id
from omnisense.benchmarks.harness.scorer import canonical
from omnisense.errors import InputError
from omnisense.reasoning.answers.question import Question

Row = dict[str, Any]
T = TypeVar("T")


class Faults(list[RowError]):
    """What is wrong with a row; what is wrong with its media alone is kept apart."""

    def __init__(self) -> None:
        super().__init__()
        self.of_media: list[RowError] = []

    def attempt_media(self, read: Callable[[], T], otherwise: T) -> T:
        """See :meth:`attempt`, for the media."""
        try:
            return read()
        except RowError as fault:
            self.of_media.append(fault)
            return otherwise

    @property
    def media_problem(self) -> str:
        """What is wrong with the media, in words."""
        return "; ".join(map(str, self.of_media))

    def attempt(self, read: Callable[[], T], otherwise: T) -> T:
        """Return what ``read`` returns; ``otherwise``, with the fault kept, when it raises :class:`RowError`."""
        try:
            return read()
        except RowError as fault:
            self.append(fault)
            return otherwise

    def attempt_question(
        self, read: Callable[[], Question], right: Callable[[Question], str], otherwise: Question
    ) -> tuple[Question, str]:
        """Return a row's question and its right answer; a row with a fault has no right answer.

        Args:
            read: returns the question.
            right: returns its right answer in canonical form.
            otherwise: stands for a question that cannot be asked.
        """
        question = self.attempt(read, otherwise)
        return question, "" if self else self.attempt(lambda: right(question), "")

    def __str__(self) -> str:
        return "; ".join(map(str, self))


def build_dataset(
    suite: str,
    root: Path,
    files: Sequence[Path],
    rows: Iterable[tuple[str, Row]],
    read_row: Callable[[Row, str, Faults], Sample],
    *,
    settings: str = "",
    groups: Mapping[str, tuple[str, ...]] | None = None,
    official_size: int = 0,
    official_from: int = 0,
) -> Dataset:
    """Return the dataset of a suite.

    Args:
        suite: its name.
        root: the folder or file that was named.
        files: the question files.
        rows: each with its place.
        read_row: returns the sample of a row, given its place and a list for its faults.
        settings: of the loader that change what is asked, for the fingerprint.
        groups: tasks by group, where the data names them.
        official_size: the number of questions of the published benchmark.
        official_from: the number from which on they count as the published benchmark, where its size is not known.
    """
    samples: list[Sample] = []
    problems: list[Problem] = []
    seen: dict[str, str] = {}
    for place, row in rows:
        faults = Faults()
        sample = read_row(row, place, faults)
        problems += [Problem(place, fault.kind, str(fault)) for fault in (*faults, *faults.of_media)]
        if sample.id in seen:
            problems.append(Problem(place, "duplicate", f"the same question as {seen[sample.id]}"))
            sample = replace(sample, id=unique_id(sample.id, seen))
        seen[sample.id] = place
        samples.append(replace(sample, source=place, problem=str(faults), media_problem=faults.media_problem))
    folder = root if root.is_dir() else root.parent
    is_official = len(samples) == official_size or 0 < official_from <= len(samples)
    return Dataset(
        str(root),
        tuple(samples),
        tuple(problems),
        _fingerprint(files, samples, folder, settings),
        tuple(map(str, files)),
        suite,
        groups or {},
        is_official,
    )


def _fingerprint(files: Sequence[Path], samples: Sequence[Sample], folder: Path, settings: str) -> str:
    digest = hashlib.sha256(settings.encode())
    for file in files:
        digest.update(file.read_bytes())
    media = {m for s in samples for m in (s.media, s.sound, s.subtitles) if m}
    for path in sorted(media):
        digest.update(f"{os.path.relpath(path, folder)}:{os.path.getsize(path)}\n".encode())
    return digest.hexdigest()


def read_json(file: Path) -> Any:
    """Return the contents of a JSON file.

    Raises:
        InputError: it cannot be read, or is not JSON.
    """
    try:
        return load_json(file.read_text("utf-8-sig"))
    except (OSError, ValueError) as error:
        raise InputError(f"it cannot be read as JSON ({error})", "Download it again.", file) from error


def list_rows(file: Path, needs: Iterable[str]) -> list[tuple[str, Row]]:
    """Return the rows of a JSON list or of JSON lines, each with its place.

    Args:
        file: the file.
        needs: keys that every row has.

    Raises:
        InputError: it cannot be read, holds no rows, or a row lacks a key.
    """
    if file.suffix == ".jsonl":
        found = [(f"{file.name} line {n}", row) for n, row in _json_lines(file)]
    else:
        rows = read_json(file)
        if not isinstance(rows, list):
            raise InputError("it is not a list of rows", "Give the benchmark's own file.", file)
        found = [(f"{file.name} row {n}", row) for n, row in enumerate(rows)]
    if not found:
        raise InputError("it holds no rows", "Give the benchmark's own file.", file)
    for place, row in found:
        missing = sorted(set(needs) - row.keys()) if isinstance(row, dict) else ["its fields"]
        if missing:
            raise InputError(f"{place} lacks {', '.join(missing)}", "Fix or remove the row.", file)
    return found


def _json_lines(file: Path) -> list[tuple[int, Any]]:
    try:
        lines = file.read_text("utf-8-sig").split("\n")
        return [(n, load_json(line)) for n, line in enumerate(lines, 1) if line.strip()]
    except (OSError, ValueError) as error:
        raise InputError(f"it cannot be read as JSON lines ({error})", "Download it again.", file) from error


def find_file(root: Path, names: Sequence[str], what: str) -> Path:
    """Return the question file that was named, or the first of these names in the folder that was named.

    Raises:
        InputError: there is none.
    """
    if root.is_file():
        return root
    if not root.is_dir():
        raise InputError("there is no such folder", f"Give the folder that holds {what}.", root)
    found = next((root / name for name in names if (root / name).is_file()), None)
    if found is None:
        raise InputError(f"it holds no {' or '.join(names)}", f"Give the folder that holds {what}.", root)
    return found


def content_id(*parts: Any) -> str:
    """Return an id (12 digits) that depends on a question's contents, not on its place."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:12]


def choice_question(text: Any, options: Any) -> Question:
    """Return a question with one right option.

    Raises:
        RowError: it is empty or no text, or its options are not lettered from A on.
    """
    return Question(asked_text(text), "one", lettered_options(options))


def asked_text(value: Any) -> str:
    """Return the stripped text of a question.

    Raises:
        RowError: it is empty, or no text.
    """
    if not isinstance(value, str | None):
        raise RowError("no question", "the question is no text")
    if not (text := (value or "").strip()):
        raise RowError("no question", "the question is empty")
    return text


def gold_of(answer: Any, question: Question) -> str:
    """Return the right answer in canonical form.

    Raises:
        RowError: it cannot be an answer to the question.
    """
    gold = canonical(str(answer), question) if isinstance(answer, str | int | float) else ""
    if isinstance(answer, str) and not answer.strip():
        raise RowError("impossible answer", "the right answer is empty")
    if not gold:
        candidates = () if question.kind == "number" else question.candidates()  # more are right than are guessed among
        among = question.letters or ", ".join(candidates) or "numbers"
        raise RowError("impossible answer", f"the right answer {answer!r} is not among {among}")
    return gold
