"""Progress of long commands on standard error: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from omnisense.text import strip_control_characters

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

    from omnisense.benchmarks.harness.records import Record
    from omnisense.benchmarks.harness.run import Plan
    from omnisense.benchmarks.herm.engine.output import AnnotationResult


def progress_bar() -> tuple[Progress, Console]:
    """Return a bar with a description, count, rate and remaining time; silent if standard error is not a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True, highlight=False)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[rate]}"))
    return Progress(*columns, TimeRemainingColumn(), console=console, disable=not console.is_terminal), console


class EvaluationProgress:
    """Progress of ``eval`` on standard error: rate, remaining time and running accuracy."""

    def __init__(self) -> None:
        self._bar, self._console = progress_bar()
        self._done = self._errors = self._answered = 0
        self._total_score = 0.0
        self._began = self._last_printed = time.monotonic()

    def __enter__(self) -> EvaluationProgress:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def plan(self, plan: Plan) -> None:
        """Show what will be done."""
        answered = len(plan.chosen) - len(plan.pending)
        more = f", {answered} already answered" if answered else ""
        what = "questions" if all(sample.attempt == 1 for sample in plan.chosen) else "attempts at questions"
        told = strip_control_characters(f"{len(plan.chosen)} {what}{more}; run folder {plan.folder}")
        self._console.print(told, soft_wrap=True, markup=False)
        self._pending = len(plan.pending)
        self._task = self._bar.add_task("loading", total=self._pending, rate="")

    def record(self, record: Record) -> None:
        """Count one record."""
        self._done += 1
        self._errors += record.status == "error"
        self._answered += record.status == "answered"
        self._total_score += record.strict
        now = time.monotonic()
        rate = self._done / max(now - self._began, 1e-6)
        accuracy = f"accuracy {self._total_score / self._answered:.3f}" if self._answered else ""
        words = f"{accuracy}{f', {self._errors} errors' if self._errors else ''}"
        self._bar.update(self._task, advance=1, description=words, rate=f"{rate:.1f}/s")
        if self._bar.disable and now - self._last_printed > 30:
            self._last_printed = now
            self._console.print(f"{self._done}/{self._pending}, {rate:.1f}/s, {words}")


class AnnotationProgress:
    """Progress of ``annotate`` on standard error: images done, rate and remaining time."""

    def __init__(self) -> None:
        self._bar, self._console = progress_bar()
        self._people = self._failed = 0

    def __enter__(self) -> AnnotationProgress:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def start(self, num_images: int, num_done: int) -> None:
        """Show the number of images, and how many are already done."""
        self._console.print(f"{num_images} images{f', {num_done} already done' if num_done else ''}")
        self._task = self._bar.add_task("", total=num_images, completed=num_done, rate="")

    def update(self, result: AnnotationResult) -> None:
        """Count one image."""
        self._people += len(result.people)
        self._failed += result.error is not None
        speed = self._bar.tasks[0].speed
        words = f"{self._people} people{f', {self._failed} failed' if self._failed else ''}"
        self._bar.update(self._task, advance=1, description=words, rate=f"{speed:.1f}/s" if speed else "")
