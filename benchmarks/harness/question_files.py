"""Helpers for reading question files: rows, faults of single rows, media inside the data folder, unique ids."""

from __future__ import annotations

import itertools
import json
import os
import re
from collections.abc import Container, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from omnisense.errors import InputError
from omnisense.text import parse_json

# What rows with ``questions`` call the kinds of questions; the wording is HumanSense's.
PATTERNS = {
    "Multiple-choice question (select one answer choice)": "one",
    "Multiple-choice question (select one or more answer choices)": "several",
    "Question and answer (Arabic numerals)": "number",
    "Judgment question (Yes or No)": "yes_no",
}
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_SHOWN = 300  # characters of a path, in descriptions of faults
OPEN = "Open reply"  # ours, for training: HumanSense has no such pattern


class RowError(Exception):
    """A row that cannot be asked: the kind of fault, and its description."""

    def __init__(self, kind: str, description: str) -> None:
        super().__init__(description)
        self.kind = kind


def load_json(text: str) -> Any:
    """Return the value of a JSON text; halves of surrogate pairs, which UTF-8 cannot hold, become U+FFFD.

    Raises:
        ValueError: it is no JSON.
    """
    value = parse_json(text)
    if "\\ud" not in text.lower():
        return value
    return json.loads(_SURROGATE.sub("\ufffd", json.dumps(value, ensure_ascii=False)))


def read_rows(file: Path) -> list[dict[str, Any]]:
    """The rows of a question or result file.

    Raises:
        InputError: unreadable, not JSON, or not a list of rows with ``questions``.
    """
    try:
        rows = load_json(file.read_text("utf-8-sig"))
    except (OSError, ValueError) as error:
        raise InputError(f"it cannot be read as JSON ({error})", "Download or export it again.", file) from error
    if not isinstance(rows, list) or not rows:
        raise InputError(
            "it is not a list of rows", 'Give a file like HumanSense_VQA.json: [{"questions": ...}].', file
        )
    for number, row in enumerate(rows):
        if not isinstance(row, dict) or not isinstance(row.get("questions"), dict):
            raise InputError(f"row {number} has no 'questions' object", "Fix or remove the row.", file)
    return rows


def resolve_media(named: str, folder: Path, below: Sequence[str] = (), under: Sequence[str] = ()) -> str:
    """Return the path of a media file that a row names.

    Args:
        named: the path as the row has it; an absolute one must lie in the data folder.
        folder: the data folder; the file must lie in it.
        below: names of folders in it that may be links to a larger disk; a path is also tried from such a name on.
        under: folders in it in which the path is tried as well.

    Raises:
        RowError: there is no such file, or it lies outside.
    """
    path = PurePosixPath(named.replace("\\", "/"))
    if path.is_absolute():
        inside = _inside(path, folder)
        if inside is None:
            raise RowError("path refused", f"the path {named[:_SHOWN]!r} leaves the data folder")
        path = inside
    if ".." in path.parts or (path.parts and path.parts[0].endswith(":")):
        raise RowError("path refused", f"the path {named[:_SHOWN]!r} leaves the data folder")
    tails = [PurePosixPath(*path.parts[i:]) for i, part in enumerate(path.parts[:-1]) if part in below]
    for tail in (path, *tails, *(PurePosixPath(base, path) for base in under)):
        found = folder / tail
        if os.path.isfile(found):  # pathlib raises where a row names something too long for a path
            places = [folder, *(folder / name for name in (*below, *under))]
            if not any(found.resolve().is_relative_to(place.resolve()) for place in places):
                raise RowError("path refused", f"{named!r} is a link that leaves the data folder")
            if not os.path.getsize(found):
                raise RowError("bad media", f"{named[:_SHOWN]} is an empty file")
            return str(found)
    raise RowError("missing media", f"there is no {named[:_SHOWN]} in the data folder")


def _inside(path: PurePosixPath, folder: Path) -> PurePosixPath | None:
    """Return an absolute path relative to the data folder; None when it does not lie in it."""
    for root in (folder.absolute(), folder.resolve()):
        if path.is_relative_to(root.as_posix()):
            return path.relative_to(root.as_posix())
    return None


def unique_id(id: str, taken: Container[str]) -> str:
    """Return an id, with a number added where it is taken already."""
    return id if id not in taken else next(name for n in itertools.count(2) if (name := f"{id}-{n}") not in taken)
