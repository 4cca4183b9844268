"""What reading question files has in common: faults of single rows, media inside the data folder, unique ids."""

from __future__ import annotations

import itertools
from collections.abc import Container, Iterable, Sequence
from pathlib import Path, PurePosixPath


class RowError(Exception):
    """Why a row cannot be asked: what kind of fault, and what exactly."""

    def __init__(self, kind: str, what: str) -> None:
        super().__init__(what)
        self.kind = kind


def resolve_media(named: str, folder: Path, below: Sequence[str] = ()) -> str:
    """The path of a media file that a row names.

    Args:
        named: as the row has it.
        folder: the data folder; the file must lie in it.
        below: names of folders in it that may be links to a larger disk; a path is also tried from such a name on.

    Raises:
        RowError: there is no such file, or it lies outside.
    """
    path = PurePosixPath(named.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or (path.parts and path.parts[0].endswith(":")):
        raise RowError("path refused", f"the path {named!r} leaves the data folder")
    tails = [PurePosixPath(*path.parts[i:]) for i, part in enumerate(path.parts[:-1]) if part in below]
    for tail in (path, *tails):
        found = folder / tail
        if found.is_file():
            inside = [folder, *(folder / name for name in below)]
            if not any(found.resolve().is_relative_to(place.resolve()) for place in inside):
                raise RowError("path refused", f"{named!r} is a link that leaves the data folder")
            return str(found)
    raise RowError("missing media", f"there is no {named} in the data folder")


def lettered(options: Iterable[str]) -> tuple[str, ...]:
    """Options with letters in front, A first."""
    return tuple(f"{chr(65 + i)}. {option}" for i, option in enumerate(options))


def unused(id: str, taken: Container[str]) -> str:
    """An id, numbered where it is taken already."""
    return id if id not in taken else next(name for n in itertools.count(2) if (name := f"{id}-{n}") not in taken)
