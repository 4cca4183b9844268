"""How much memory a process has taken at its peak."""

from __future__ import annotations

import resource
import sys
from pathlib import Path


def peak_mb() -> float:
    """This process's largest resident size so far, in MiB."""
    status = Path("/proc/self/status")
    if status.is_file():
        # A child's ru_maxrss starts at its parent's on Linux, even in a new program; this starts anew.
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1024**2 if sys.platform == "darwin" else peak / 1024
