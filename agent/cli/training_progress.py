"""The progress of a training run on standard error: rich's progress bar on a terminal, plain lines elsewhere.

TRL's RichProgressCallback is not used: it prints to standard output, which is for results (``--json``), and shows
neither the remaining time nor anything at all where standard error is not a terminal.
"""

from __future__ import annotations

import datetime
import time
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from transformers import TrainerCallback

from omnisense.agent.cli.options import print_text

_TITLES = {"reward": "reward", "loss": "loss", "kl": "KL", "unparseable": "unparseable"}
_LINE_EVERY_S = 30.0
_SPEED_OVER_S = 1800.0  # rich forgets steps after 30 s, and then knows no time that is left of a run with longer ones


def print_progress(line: str) -> None:
    """Print a line of progress."""
    print_text(line, err=True)


def time_left(seconds: float, done: int, remaining: int) -> str:
    """Return the time that remaining steps will take, as ``, about 1:05:00 left``; empty before the first step.

    Args:
        seconds: that the steps took which are done.
        done, remaining: numbers of steps.
    """
    if done < 1:
        return ""
    return f", about {datetime.timedelta(seconds=round(seconds / done * remaining))} left"


class TrainingProgressCallback(TrainerCallback):
    """Shows the steps of a trainer, or of several trainers in turn. Leaving its ``with`` block removes the bar."""

    def __init__(self) -> None:
        self._console = Console(stderr=True, highlight=False)
        self._progress: Progress | None = None
        self._last_line_s = self._began_s = 0.0
        self._first_step = 0
        self._metrics = ""

    def __enter__(self) -> TrainingProgressCallback:
        return self

    def __exit__(self, *_: object) -> None:
        if self._progress:
            self._progress.stop()

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Start a bar, at the step from which the run starts or resumes."""
        self._last_line_s, self._metrics = time.monotonic(), ""
        self._began_s, self._first_step = self._last_line_s, state.global_step
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=self._console,
            speed_estimate_period=_SPEED_OVER_S,
            disable=not (self._console.is_terminal and state.is_world_process_zero),
        )
        self._task = self._progress.add_task("training", total=state.max_steps, completed=state.global_step)
        self._progress.start()

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **_: Any) -> None:
        """Take over what was logged."""
        values = {title: (logs or {}).get(key) for key, title in _TITLES.items()}
        self._metrics = ", ".join(f"{title} {value:.3f}" for title, value in values.items() if isinstance(value, float))
        now = time.monotonic()
        if self._console.is_terminal or not state.is_world_process_zero or now - self._last_line_s < _LINE_EVERY_S:
            return
        self._last_line_s = now
        left = time_left(now - self._began_s, state.global_step - self._first_step, state.max_steps - state.global_step)
        print_progress(f"step {state.global_step} of {state.max_steps}{left}: {self._metrics}")

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Advance the bar."""
        if self._progress:
            self._progress.update(self._task, completed=state.global_step, description=self._metrics or "training")

    def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Remove the bar."""
        if self._progress:
            self._progress.stop()
