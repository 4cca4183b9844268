"""A training run's progress on standard error: a bar with remaining time and reward; lines where it is no terminal."""

from __future__ import annotations

import os
import time
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from transformers import TrainerCallback

_KEYS = {"reward": "reward", "loss": "loss", "kl": "KL", "unparseable": "unparseable"}
_EVERY_S = 30.0


def say(line: str) -> None:
    """Tell the user something, once for all processes of a run."""
    if os.environ.get("RANK", "0") == "0":
        click.echo(line, err=True)


class TrainingProgress(TrainerCallback):
    """Shows a trainer's steps. One may follow several trainers in turn."""

    def __init__(self) -> None:
        self._console = Console(stderr=True, highlight=False)
        self._bar: Progress | None = None
        self._told = self._began = 0.0
        self._words = ""

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """A new bar, at the step from which a run goes on."""
        self._began = self._told = time.monotonic()
        self._bar = Progress(
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
            console=self._console, disable=not (self._console.is_terminal and state.is_world_process_zero),
        )  # fmt: skip
        self._task = self._bar.add_task("training", total=state.max_steps, completed=state.global_step)
        self._bar.start()

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **_: Any) -> None:
        """Show what was logged."""
        shown = {title: (logs or {}).get(key) for key, title in _KEYS.items()}
        self._words = ", ".join(f"{title} {value:.3f}" for title, value in shown.items() if isinstance(value, float))
        now = time.monotonic()
        if self._bar and self._bar.disable and state.is_world_process_zero and now - self._told > _EVERY_S:
            self._told = now
            self._console.print(f"step {state.global_step} of {state.max_steps}: {self._words}")

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Move the bar."""
        if self._bar:
            self._bar.update(self._task, completed=state.global_step, description=self._words or "training")

    def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Take the bar away."""
        if self._bar:
            self._bar.stop()
