"""The engine's run folder: rows that grow a picture at a time, and reading them back without holding them all."""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

from omnisense.benchmarks.harness.run_folder import claim, cut_torn_line, write_manifest
from omnisense.errors import InputError
from omnisense.files import write_atomically
from omnisense.version import __version__

INDEX = "coco.sqlite"  # of the annotations
Row = dict[str, Any]


@dataclass(frozen=True)
class Annotated:
    """What came of a picture: its rows, what was dropped, by reason; or why there is nothing."""

    picture: Path
    image: Row | None = None
    people: tuple[Row, ...] = ()
    dropped: Mapping[str, int] = field(default_factory=dict)
    error: str = ""


class Output:
    """The run folder while it is written: a picture counts once its row is in ``images.jsonl``.

    Args:
        folder: of the run.
        identity: what must be the same for rows to belong to one run.

    Attributes:
        done: ids of the pictures that are there; ``failed``: why others are not; ``dropped``: counts by reason.

    Raises:
        InputError: the folder holds another run, is in use, or cannot be written.
    """

    def __init__(self, folder: Path, identity: Mapping[str, Any]) -> None:
        self._folder, self._lock = folder, claim(folder)
        self._images, self._people = folder / "images.jsonl", folder / "instances.jsonl"
        for file in (self._images, self._people):
            cut_torn_line(file)
        if next(read_lines(self._images), None) is None:  # nothing to lose: a first try that came to nothing
            for name in ("manifest.json", INDEX):
                (folder / name).unlink(missing_ok=True)
        started = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        write_manifest(folder, {"identity": identity, "omnisense": __version__, "started": started})
        self.failed: dict[str, str] = {}
        self.dropped: Counter[str] = Counter()
        self.done: set[str] = set()
        for row in read_lines(self._images):
            self.done.add(row["image_id"])
            self.dropped.update(row["dropped"])
        orphans = [row for row in read_lines(self._people) if row["image_id"] not in self.done]
        if orphans:  # people of a picture that was not finished
            kept = (row for row in read_lines(self._people) if row["image_id"] in self.done)
            write_atomically(self._people, "".join(map(line_of, kept)))

    def __enter__(self) -> Output:
        return self

    def __exit__(self, *_: object) -> None:
        self._lock.release()

    def add(self, one: Annotated) -> None:
        """Put a picture's rows on disk.

        Raises:
            InputError: the disk is full or gone.
        """
        if one.image is None:
            self.failed[one.picture.name] = one.error
            return
        image = one.image | {"dropped": dict(one.dropped)}
        try:
            _append(self._people, one.people)
            _append(self._images, [image])
        except OSError as error:
            raise InputError(
                f"the rows cannot be written ({error.strerror}); those before are kept",
                "Make room, then run the same command again.",
                self._folder,
            ) from error
        self.done.add(image["image_id"])
        self.dropped.update(one.dropped)


def pictures_of(output: Path) -> Iterator[tuple[Row, list[Row]]]:
    """The rows of a run, a picture at a time with its people; memory does not grow with the run.

    Both files are in the order in which pictures were done, so they are read side by side.
    """
    people = read_lines(output / "instances.jsonl")
    ahead = next(people, None)
    for image in read_lines(output / "images.jsonl"):
        mine: list[Row] = []
        while ahead is not None and ahead["image_id"] == image["image_id"]:
            mine.append(ahead)
            ahead = next(people, None)
        yield image, mine


def read_lines(file: Path) -> Iterator[Row]:
    """The rows of a file of JSON lines; none where there is no file.

    Raises:
        InputError: a damaged line.
    """
    if not file.is_file():
        return
    with file.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            try:
                yield json.loads(line)
            except ValueError as error:
                raise InputError(f"line {number} is no JSON ({error})", "Start with another --output.", file) from error


def line_of(row: Row) -> str:
    """A row as a line of JSON."""
    return json.dumps(row, ensure_ascii=False) + "\n"


def _append(file: Path, rows: Iterable[Row]) -> None:
    with file.open("ab") as out:
        out.write("".join(map(line_of, rows)).encode())
        out.flush()
        os.fsync(out.fileno())


@contextmanager
def whole_file(path: Path) -> Iterator[TextIO]:
    """A file that is there only once all of it is written."""
    aside = path.with_name(f".{path.name}")
    with aside.open("w", encoding="utf-8") as file:
        yield file
    aside.replace(path)
