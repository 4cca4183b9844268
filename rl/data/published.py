"""Files of published datasets on the user's disk, as they come or gzipped."""

from __future__ import annotations

from pathlib import Path

from omnisense.errors import InputError


def find_files(folder: Path, pattern: str) -> list[Path]:
    """Return the files of a folder that fit a pattern, compressed or not.

    Raises:
        FileNotFoundError: there is none.
    """
    found = sorted([*folder.glob(pattern), *folder.glob(f"{pattern}.gz")])
    if not found:
        raise FileNotFoundError(f"no {pattern}")
    return found


def require_files(folder: Path, pattern: str, dataset: str) -> list[Path]:
    """Return the files of a dataset that fit a pattern, compressed or not.

    Raises:
        InputError: there is none; the message names the dataset.
    """
    try:
        return find_files(folder, pattern)
    except FileNotFoundError as error:
        raise InputError(f"there is {error}", f"Give the folder with {dataset} as published.", folder) from error
