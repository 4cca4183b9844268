"""Logging: each module logs to ``omnisense.<module path>``; the command and its workers call configure_logging.

Nothing is configured on import: a library leaves that to the application. What a person said or typed is logged at
DEBUG only. Warnings of Python (logger ``py.warnings``) and of other libraries are part of the log at levels INFO and
DEBUG, and in log files; on standard error at WARNING and above only their errors appear.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

from omnisense.errors import InputError
from omnisense.text import escape_c1, strip_control_characters

LEVELS = ("debug", "info", "warning", "error")
VARIABLE = "OMNISENSE_LOG"
_OURS = "omnisense"
_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


class JSONFormatter(logging.Formatter):
    """Formats a record as one line of JSON: time (UTC), level, logger, process, message, and exception if any."""

    def format(self, record: logging.LogRecord) -> str:
        """See :class:`logging.Formatter`."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "process": record.process,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return escape_c1(json.dumps(line, ensure_ascii=False))


class _TextFormatter(logging.Formatter):
    """Formats a record as text for a terminal, without control characters of the names and reasons in it."""

    def format(self, record: logging.LogRecord) -> str:
        """See :class:`logging.Formatter`."""
        return strip_control_characters(super().format(record))


class _StandardError(logging.StreamHandler[TextIO]):
    """Writes to what ``sys.stderr`` is at the time, since progress bars redirect it to print above themselves."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> TextIO:  # type: ignore[override]
        """Standard error."""
        return sys.stderr


class _Filter(logging.Filter):
    """Passes our records from ``level`` on, and those of other libraries from ``libraries`` on."""

    def __init__(self, level: int, libraries: int) -> None:
        super().__init__()
        self.level, self.libraries = level, libraries

    def filter(self, record: logging.LogRecord) -> bool:
        """See :class:`logging.Filter`."""
        ours = record.name == _OURS or record.name.startswith(_OURS + ".")
        return record.levelno >= (self.level if ours else self.libraries)


def configure_logging(level: str | None = None, json_lines: bool | None = None) -> None:
    """Send the log to standard error, in this process and in those that it starts.

    For applications: the handler is attached to the root logger. Calling it again replaces the handler.

    Args:
        level: ``debug``, ``info``, ``warning`` or ``error``. Default: the level in ``OMNISENSE_LOG``, else ``warning``.
        json_lines: whether each record is one line of JSON. Default: whether ``OMNISENSE_LOG`` holds ``json``, as in
            ``OMNISENSE_LOG=debug,json``.

    Raises:
        InputError: ``level`` or ``OMNISENSE_LOG`` has an unknown value.
    """
    default_level, default_json = _from_environment()
    level = level or default_level
    if level not in LEVELS:
        raise _unknown_level(level)
    as_json = default_json if json_lines is None else json_lines
    os.environ[VARIABLE] = f"{level},json" if as_json else level  # for worker processes
    root = logging.getLogger()
    for old in [handler for handler in root.handlers if handler.get_name() == VARIABLE]:
        root.removeHandler(old)
    handler = _StandardError()
    handler.set_name(VARIABLE)
    _attach(handler, level, logging.ERROR)
    logging.captureWarnings(True)


class _LogFile(logging.FileHandler):
    """A log file on a disk that may be full: what the log accompanies says so, and must not fail because of the log."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        if not isinstance(sys.exc_info()[1], OSError):
            super().handleError(record)

    def close(self) -> None:
        with suppress(OSError):
            super().close()


@contextmanager
def log_to_file(path: Path) -> Iterator[None]:
    """Also write the log, from INFO on, to a file such as ``run.log`` of a run folder.

    Several processes may share the file. An exception that ends the block is written to it with its traceback.

    Raises:
        InputError: the file cannot be written.
    """
    handler = add_log_file(path)
    try:
        yield
    except Exception as error:
        handler.handle(
            logging.LogRecord(
                __name__,
                logging.ERROR,
                __file__,
                0,
                "ended by an exception",
                None,
                (type(error), error, error.__traceback__),
            )
        )
        raise
    finally:
        logging.getLogger().removeHandler(handler)
        handler.close()


def add_log_file(path: Path) -> logging.Handler:
    """Add a log file for the rest of the process, as worker processes do; see :func:`log_to_file`."""
    try:
        handler = _LogFile(path, encoding="utf-8")  # appends, so that several processes can share it
    except OSError as error:
        raise InputError(f"the log cannot be written ({error.strerror})", "Name another --output.", path) from error
    level, _ = _from_environment()
    _attach(handler, "debug" if level == "debug" else "info", logging.WARNING)
    return handler


def _attach(handler: logging.Handler, level: str, libraries: int) -> None:
    number = logging.getLevelNamesMapping()[level.upper()]
    if number <= logging.INFO:
        libraries = logging.WARNING
    handler.setFormatter(JSONFormatter() if _from_environment()[1] else _TextFormatter(_FORMAT))
    handler.addFilter(_Filter(number, libraries))
    logging.getLogger().addHandler(handler)
    ours = logging.getLogger(_OURS)
    if ours.level == logging.NOTSET or number < ours.level:
        ours.setLevel(number)


def _from_environment() -> tuple[str, bool]:
    """Return level and whether JSON lines are wanted, from ``OMNISENSE_LOG``: ``info``, ``json`` or ``info,json``."""
    words = [word.strip().lower() for word in os.environ.get(VARIABLE, "").split(",") if word.strip()]
    unknown = [word for word in words if word not in (*LEVELS, "json")]
    if unknown:
        raise _unknown_level(unknown[0])
    return next((word for word in words if word in LEVELS), "warning"), "json" in words


def _unknown_level(level: str) -> InputError:
    return InputError(
        f"unknown log level '{level}'",
        f"Set {VARIABLE} or --log-level to {', '.join(LEVELS)}; {VARIABLE} also takes ',json' for JSON lines.",
    )
