"""Logging: every module logs to ``omnisense.<its path>``; the command and its workers are set up here.

A library leaves logging to the application that uses it, so nothing is configured on import. What a person said, wrote
or showed is logged at DEBUG only.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from omnisense.errors import InputError

LEVELS = ("debug", "info", "warning", "error")
VARIABLE = "OMNISENSE_LOG"
_ROOT = logging.getLogger("omnisense")
_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


class JSONFormatter(logging.Formatter):
    """One JSON object a line: ``time`` (UTC), ``level``, ``logger``, ``message``, and the traceback."""

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
        return json.dumps(line, ensure_ascii=False)


def configure_logging(level: str | None = None, json_lines: bool | None = None) -> None:
    """Send the log to standard error, in this process and in those that it starts.

    Args:
        level: ``debug``, ``info``, ``warning`` or ``error``. By default what ``OMNISENSE_LOG`` says, else ``warning``.
        json_lines: whether each record is one line of JSON; ``OMNISENSE_LOG=debug,json`` asks for it too.

    Raises:
        InputError: ``OMNISENSE_LOG`` or ``level`` is not understood.
    """
    named = os.environ.get(VARIABLE, "")
    words = [word.strip().lower() for word in named.split(",") if word.strip()]
    unknown = [word for word in words if word not in (*LEVELS, "json")]
    if unknown or (level is not None and level not in LEVELS):
        raise InputError(
            f"unknown log level '{unknown[0] if unknown else level}'",
            f"Set {VARIABLE} or --log-level to {', '.join(LEVELS)}; add ',json' for JSON lines.",
        )
    chosen = level or next((word for word in words if word in LEVELS), "warning")
    as_json = json_lines if json_lines is not None else "json" in words
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JSONFormatter() if as_json else logging.Formatter(_FORMAT))
    handler.setLevel(chosen.upper())
    _replace("stderr", handler)
    os.environ[VARIABLE] = f"{chosen},json" if as_json else chosen  # for worker processes


@contextmanager
def log_to_file(path: Path) -> Iterator[None]:
    """Also write the log, from INFO on, to a file: ``run.log`` of a run folder. Several processes may share one file.

    Raises:
        InputError: the file cannot be written.
    """
    handler = add_log_file(path)
    try:
        yield
    finally:
        _ROOT.removeHandler(handler)
        handler.close()


def add_log_file(path: Path) -> logging.Handler:
    """Add a log file for the rest of the process, as worker processes do; see :func:`log_to_file`."""
    try:
        handler = logging.FileHandler(path, encoding="utf-8")  # appending: whole lines of several processes
    except OSError as error:
        raise InputError(f"the log cannot be written ({error.strerror})", "Name another --output.", path) from error
    handler.setFormatter(
        JSONFormatter() if os.environ.get(VARIABLE, "").endswith("json") else logging.Formatter(_FORMAT)
    )
    handler.setLevel(min(logging.INFO, _level()))
    _add(handler)
    return handler


def _replace(name: str, handler: logging.Handler) -> None:
    for old in [h for h in _ROOT.handlers if h.get_name() == name]:
        _ROOT.removeHandler(old)
    handler.set_name(name)
    _add(handler)


def _add(handler: logging.Handler) -> None:
    _ROOT.addHandler(handler)
    _ROOT.setLevel(min(h.level for h in _ROOT.handlers))


def _level() -> int:
    named = os.environ.get(VARIABLE, "").split(",")[0].upper()
    return logging.getLevelNamesMapping().get(named, logging.WARNING)
