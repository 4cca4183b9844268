"""Errors that a user can act on: what went wrong, with which file, and what to do about it.

The command line prints them as one line and exits with code 2. It catches nothing else, so a traceback always means a
bug.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import ValidationError


class OmniSenseError(Exception):
    """Base class: a problem that the user can fix, with its remedy.

    Args:
        problem: what is wrong, without a period at the end.
        remedy: what the user can do about it, as an instruction.
        path: the file or folder concerned, when there is one.
    """

    def __init__(self, problem: str, remedy: str, path: str | Path | None = None) -> None:
        self.problem = problem
        self.remedy = remedy
        self.path = None if path is None else str(path)
        where = f"{self.path}: " if self.path else ""
        super().__init__(f"{where}{problem}. {remedy}")

    def __reduce__(self) -> tuple[type[OmniSenseError], tuple[str, str, str | None]]:
        # Exceptions are pickled by their args, which here are the whole message: without this, an error raised in a
        # worker process could not be rebuilt in its parent.
        return type(self), (self.problem, self.remedy, self.path)


class MediaError(OmniSenseError):
    """A media file that cannot be opened or decoded."""


class ModelError(OmniSenseError):
    """A model that is unknown, cannot be fetched, fails its check or cannot be loaded."""


class PolicyError(OmniSenseError):
    """A policy that cannot do what was asked of it, or whose service failed."""


class InputError(OmniSenseError):
    """An argument, option or settings file that cannot be used."""


class StorageError(OmniSenseError):
    """A database or folder that cannot be opened, read or written: full, read-only, damaged or out of reach."""


class ConflictError(OmniSenseError):
    """Another turn of the same conversation is running, or has overtaken this one; nothing was recorded."""


def first_problem(error: ValidationError) -> str:
    """Return the first of pydantic's findings in one line, as ``place: what is wrong``, without the value."""
    first = error.errors(include_input=False)[0]
    return ": ".join(filter(None, (".".join(map(str, first["loc"])), first["msg"])))


def first_line(error: BaseException) -> str:
    """Return the first line of an error's message, shortened; the name of its class if it has none."""
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]


@contextlib.contextmanager
def exit_on_error() -> Iterator[None]:
    """End a ``python -m`` command as ``omnisense`` ends: an error in one line on standard error, and exit code 2.

    Raises:
        SystemExit: an :class:`OmniSenseError` was raised within.
    """
    try:
        yield
    except OmniSenseError as error:
        print(f"Error: {' '.join(str(error).split())}", file=sys.stderr)
        sys.exit(2)
