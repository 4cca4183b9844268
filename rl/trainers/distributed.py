"""The processes of a distributed run."""

from __future__ import annotations

import os


def is_main_process() -> bool:
    """Return whether this is the main process of a distributed run, or the only one."""
    return os.environ.get("RANK", "0") == "0"
