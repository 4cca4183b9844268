"""Alarms of a run of GRPO: signs that the policy drifts, collapses or games its rewards."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
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

    A run that goes on compares with its own first step, and keeps the alarms from before.

    Args:
        settings: the limits.
        folder: of the run.
        report: receives a line for the user.
    """

    def __init__(self, settings: AlarmSettings, folder: Path, report: OnProgress) -> None:
        self._settings, self._file, self._report = settings, folder / "alarms.json", report
        self._first: dict[str, float] = {}
        self.found: dict[str, str] = {}

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Compare the steps before a checkpoint, of a run that goes on from one."""
        for entry in state.log_history:
            self._compare(entry, entry.get("step", 0))

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **_: Any) -> None:
        """Compare a step's values with the limits."""
        if not state.is_world_process_zero:
            return
        for alarm in self._compare(logs or {}, state.global_step):
            _log.warning("alarm at %s", alarm)
            self._report(f"alarm at {alarm}")
            write_atomically(self._file, json.dumps(self.found, indent=1) + "\n")

    def _compare(self, logs: Mapping[str, Any], step: int) -> list[str]:
        """Return the alarms that a step's values raise for the first time."""
        new = []
        for key, value in logs.items():
            if not isinstance(value, (int, float)) or not (key in ("kl", "entropy") or key.startswith("audit/")):
                continue
            first = self._first.setdefault(key, float(value))
            cause = self._cause(key, float(value), first)
            if cause and key not in self.found:
                self.found[key] = f"step {step}: {cause}"
                new.append(self.found[key])
        return new

    def _cause(self, key: str, value: float, first: float) -> str:
        limits = self._settings
        if key == "kl":
            return f"{value:.3f} nats a token from the start, over {limits.kl:g}" if value > limits.kl else ""
        if key == _COPIED:
            return f"{value:.0%} of the replies' words are the person's own" if value > limits.copied else ""
        share = limits.entropy_share if key == "entropy" else limits.audit_share
        return f"{key} fell from {first:.3f} to {value:.3f}" if value < share * first else ""
