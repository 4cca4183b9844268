"""Alarms of a run of GRPO: signs that the policy drifts, collapses or games its rewards."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

from transformers import TrainerCallback

from omnisense.files import write_atomically
from omnisense.rl.progress import OnProgress
from omnisense.rl.recipe import AlarmSettings

_log = logging.getLogger(__name__)
_COPIED = "audit/copied"


class AlarmCallback(TrainerCallback):
    """Reports once for each value that leaves its limit, and writes ``alarms.json``.

    Args:
        settings: the limits.
        folder: of the run.
        report: receives a line for the user.
    """

    def __init__(self, settings: AlarmSettings, folder: Path, report: OnProgress) -> None:
        self._settings, self._file, self._report = settings, folder / "alarms.json", report
        self._first: dict[str, float] = {}
        self.found: dict[str, str] = {}

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **_: Any) -> None:
        """Compare a step's values with the limits."""
        if not state.is_world_process_zero:
            return
        for key, value in (logs or {}).items():
            if not isinstance(value, (int, float)) or not (key in ("kl", "entropy") or key.startswith("audit/")):
                continue
            first = self._first.setdefault(key, float(value))
            cause = self._cause(key, float(value), first)
            if cause and key not in self.found:
                self.found[key] = f"step {state.global_step}: {cause}"
                _log.warning("alarm at %s", self.found[key])
                self._report(f"alarm at {self.found[key]}")
                write_atomically(self._file, json.dumps(self.found, indent=1) + "\n")

    def _cause(self, key: str, value: float, first: float) -> str:
        limits = self._settings
        if key == "kl":
            return f"{value:.3f} nats a token from the start, over {limits.kl:g}" if value > limits.kl else ""
        if key == _COPIED:
            return f"{value:.0%} of the replies' words are the person's own" if value > limits.copied else ""
        share = limits.entropy_share if key == "entropy" else limits.audit_share
        return f"{key} fell from {first:.3f} to {value:.3f}" if value < share * first else ""
