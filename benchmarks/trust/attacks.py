"""Attacks that once succeeded, each as a test of this repository: they are run, and counted."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from omnisense.errors import InputError, OmniSenseError

_REPOSITORY = Path(__file__).resolve().parents[2]
# What is attacked, and the tests that do it.
ATTACKS = {
    "control tokens in words, options and training rows": [
        "reasoning/policies/test_control_tokens.py",
        "reasoning/policies/test_gguf.py",
    ],
    "text that pretends to be another part of a prompt": ["omnisense/test_text.py", "reasoning/loop/test_untrusted.py"],
    "telemetry, tracing and sockets while offline": ["omnisense/test_network.py"],
    "model files that were changed, damaged or cut": ["omnisense/test_models.py"],
    "models, weights and databases that hold code": [
        "reasoning/policies/test_model_code.py",
        "perception/test_weights.py",
        "agent/test_memory.py",
    ],
    "words that escape from a page, a report or to the terminal": [
        "agent/cli/test_render.py",
        "benchmarks/harness/test_report.py",
        "benchmarks/herm/test_annotate.py",
    ],
    "file names that FFmpeg takes for protocols, pipes, playlists": ["perception/media/test_bad_input.py"],
    "files that declare more than they hold, pictures of gigabytes": ["perception/media/test_limits.py"],
    "decoders that hang, crash or fill memory": ["perception/media/test_isolation.py"],
    "clients of the service: malformed, hostile or too much": [
        "agent/service/test_attacks.py",
        "agent/service/test_security.py",
    ],
    "disks that are full": ["agent/cli/test_full_disk.py"],
    "what a forgotten conversation or clip leaves on disk": ["agent/test_forgetting.py"],
}


def measure(say: Callable[[str], None]) -> dict[str, Any]:
    """Run the tests of each attack.

    Raises:
        InputError: the tests are not here.
        OmniSenseError: pytest ended without running them.
    """
    if not (_REPOSITORY / "tests").is_dir():
        raise InputError("the tests are not installed", "Run this in a checkout of the repository.", _REPOSITORY)
    found: dict[str, Any] = {}
    for name, files in ATTACKS.items():
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "pytest",
                "-q",
                "--runslow",
                "-p",
                "no:cacheprovider",
                *(f"tests/{file}" for file in files),
            ],
            cwd=_REPOSITORY,
            capture_output=True,
            text=True,
            check=False,
        )
        last = (done.stdout.strip().splitlines() or ["no tests ran"])[-1]
        counts = counts_of(last)
        if not counts or (done.returncode and not counts.keys() & {"failed", "errors"}):
            raise OmniSenseError(
                f"the tests of '{name}' did not run ({last}): {done.stderr.strip()[-500:]}",
                f"Run `python -m pytest --runslow {' '.join(f'tests/{file}' for file in files)}`.",
            )
        found[name] = {"files": files, **counts}
        say(f"{name}: {last}")
    return found


def counts_of(summary: str) -> dict[str, int]:
    """Return how many tests passed, failed, were skipped or ended in errors, of the last line that pytest writes."""
    found = re.findall(r"(\d+) (passed|failed|skipped|errors?)\b", summary)
    return {"errors" if word == "error" else word: int(number) for number, word in found}
