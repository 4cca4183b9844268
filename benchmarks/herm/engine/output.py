"""The engine's run folder: rows that are appended image by image, and reading them without holding them all."""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO, TypeVar

from omnisense.benchmarks.harness.run_folder import claim, cut_torn_line, write_manifest
from omnisense.benchmarks.herm.engine.annotations import ErrorRecord, ImageAnnotation, PersonAnnotation
from omnisense.errors import InputError
from omnisense.files import write_atomically
from omnisense.text import parse_json
from omnisense.version import __version__

INDEX = "coco.sqlite"  # of the annotations
_Annotation = TypeVar("_Annotation", ImageAnnotation, PersonAnnotation)
_IMAGES, _PEOPLE = "images.jsonl", "instances.jsonl"


@dataclass(frozen=True)
class AnnotationResult:
    """The result for one image: its annotations, or an error.

    Attributes:
        path: the image file.
        image: None after an error.
        people: the annotated people.
        dropped: number of annotations, detections and texts that were not used, by reason.
        error: why there is no annotation.
    """

    path: Path
    image: ImageAnnotation | None = None
    people: tuple[PersonAnnotation, ...] = ()
    dropped: Mapping[str, int] = field(default_factory=dict)
    error: ErrorRecord | None = None


class AnnotationWriter:
    """A run folder that is being written. An image counts as done once its row is in ``images.jsonl``.

    Args:
        folder: the run folder; it is created if it is missing.
        identity: settings that must be equal for rows to belong to one run.

    Attributes:
        done: ids of the images that are done.
        failed: the errors of this run, by file name.
        dropped: number of annotations, detections and texts that were not used, by reason.

    Raises:
        InputError: the folder holds another run, is in use, or cannot be written.
    """

    def __init__(self, folder: Path, identity: Mapping[str, Any]) -> None:
        self._folder, self._lock = folder, claim(folder)
        self._images, self._people = folder / _IMAGES, folder / _PEOPLE
        for file in (self._images, self._people):
            cut_torn_line(file)
        if next(read_lines(self._images), None) is None:  # a run that failed before its first row
            for name in ("manifest.json", INDEX):
                (folder / name).unlink(missing_ok=True)
        started = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        write_manifest(folder, {"identity": identity, "omnisense": __version__, "started": started})
        self.failed: dict[str, ErrorRecord] = {}
        self.dropped: Counter[str] = Counter()
        self.done: set[str] = set()
        for row in read_lines(self._images):
            image = _parse(ImageAnnotation, row, self._images)
            self.done.add(image.image_id)
            self.dropped.update(image.dropped)
        self._remove_orphans()

    def _remove_orphans(self) -> None:
        """Remove people whose image was not finished."""
        if all(row.get("image_id") in self.done for row in read_lines(self._people)):
            return
        kept = (row for row in read_lines(self._people) if row.get("image_id") in self.done)
        write_atomically(self._people, "".join(map(to_json_line, kept)))

    def __enter__(self) -> AnnotationWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self._lock.release()

    def add(self, result: AnnotationResult) -> None:
        """Write an image's rows to disk, or remember its error.

        Raises:
            InputError: the rows cannot be written, for instance because the disk is full.
        """
        if result.error is not None:
            self.failed[result.path.name] = result.error
        if result.image is None:
            return
        dropped = dict(result.dropped)
        image = result.image.model_copy(update={"dropped": dropped})
        try:
            _append(self._people, (person.to_dict() for person in result.people))
            _append(self._images, [image.to_dict()])
        except OSError as error:
            raise InputError(
                f"the rows cannot be written ({error.strerror}); earlier rows are kept",
                "Free disk space, then run the same command again.",
                self._folder,
            ) from error
        self.done.add(image.image_id)
        self.dropped.update(dropped)


def read_annotations(output: Path) -> Iterator[tuple[ImageAnnotation, list[PersonAnnotation]]]:
    """Yield the annotations of a run folder, an image at a time with its people.

    Both files are in the order in which images were done, so they are read side by side and memory stays constant.

    Raises:
        InputError: a damaged line, or a row of another schema version.
    """
    people = _read_people(output / _PEOPLE)
    following = next(people, None)
    for row in read_lines(output / _IMAGES):
        image = _parse(ImageAnnotation, row, output / _IMAGES)
        found: list[PersonAnnotation] = []
        while following is not None and following.image_id == image.image_id:
            found.append(following)
            following = next(people, None)
        yield image, found


def _read_people(file: Path) -> Iterator[PersonAnnotation]:
    for row in read_lines(file):
        yield _parse(PersonAnnotation, row, file)


def _parse(kind: type[_Annotation], row: Mapping[str, Any], file: Path) -> _Annotation:
    try:
        return kind.from_dict(row)
    except ValueError as error:
        cause = " ".join(str(error).split())
        raise InputError(f"a row cannot be read ({cause})", "Start with another --output.", file) from error


def read_lines(file: Path) -> Iterator[dict[str, Any]]:
    """Yield the objects of a file of JSON lines; nothing if the file does not exist.

    Raises:
        InputError: a line is not an object of JSON.
    """
    if not file.is_file():
        return
    with file.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            try:
                row = parse_json(line)
            except ValueError as error:
                raise InputError(
                    f"line {number} is not JSON ({error})", "Start with another --output.", file
                ) from error
            if not isinstance(row, dict):
                raise InputError(f"line {number} is not an object", "Start with another --output.", file)
            yield row


def to_json_line(row: Mapping[str, Any]) -> str:
    """Return an object as a line of JSON."""
    return json.dumps(row, ensure_ascii=False) + "\n"


def _append(file: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    with file.open("ab") as out:
        out.write("".join(map(to_json_line, rows)).encode())
        out.flush()
        os.fsync(out.fileno())


@contextmanager
def open_atomically(path: Path) -> Iterator[TextIO]:
    """Open a text file for writing; it appears under its name only when the block ends without an error."""
    temporary = path.with_name(f".{path.name}")
    with temporary.open("w", encoding="utf-8") as file:
        yield file
    temporary.replace(path)
