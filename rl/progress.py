"""Progress lines of the main process: each goes to the log, and to a callback for the user interface."""

from __future__ import annotations

import logging
from collections.abc import Callable

from omnisense.rl.trainers.distributed import is_main_process

OnProgress = Callable[[str], None]
"""Receives a line of text for the user at each step of a long command."""


def log_progress(logger: logging.Logger, on_progress: OnProgress | None) -> OnProgress:
    """Return a function that logs a line at INFO and passes it to ``on_progress``, if there is one.

    In a process other than the main one the function does nothing.
    """

    def report(line: str) -> None:
        if not is_main_process():
            return
        logger.info(line)
        if on_progress is not None:
            on_progress(line)

    return report
