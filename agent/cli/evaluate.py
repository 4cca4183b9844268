"""``omnisense eval NAME``: run a benchmark, one subcommand for each suite of the registry."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import click

from omnisense.agent.cli.evaluation_options import evaluation_options
from omnisense.agent.cli.evaluation_settings import check_published_wording, run_settings
from omnisense.agent.cli.options import print_json, print_text

if TYPE_CHECKING:
    from omnisense.benchmarks.harness.dataset import Dataset
    from omnisense.benchmarks.harness.run import RunSettings
    from omnisense.benchmarks.harness.suite import ReportSpec, Suite


class SuiteGroup(click.Group):
    """A group with a subcommand for each suite, made when it is asked for.

    Args:
        make: makes a suite's command; None for a suite that has no such command.
        attributes: see :class:`click.Group`.
    """

    def __init__(self, make: Callable[[Suite], click.Command | None], **attributes: Any) -> None:
        super().__init__(**attributes)
        self._make = make

    def list_commands(self, ctx: click.Context) -> list[str]:
        """See :class:`click.Group`."""
        from omnisense.benchmarks.suites import SUITES

        return sorted([*self.commands, *(name for name in SUITES if self.get_command(ctx, name))])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """See :class:`click.Group`."""
        from omnisense.benchmarks.suites import SUITES, get_suite

        if cmd_name in self.commands:
            return self.commands[cmd_name]
        return self._make(get_suite(cmd_name)) if cmd_name in SUITES else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """See :class:`click.Group`; an unknown name is refused with those that there are."""
        if args and not args[0].startswith("-") and self.get_command(ctx, args[0]) is None:
            ctx.fail(f"There is no '{args[0]}'. Choose from {', '.join(self.list_commands(ctx))}.")
        return super().resolve_command(ctx, args)


def _eval_command(suite: Suite) -> click.Command:
    def evaluate(validate: bool, as_json: bool, **given: Any) -> None:
        _evaluate(suite, validate, as_json, given)

    for option in reversed(evaluation_options(suite)):
        evaluate = option(evaluate)
    return click.command(suite.name, help=suite.summary)(evaluate)


def _print_suites(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    """Print the suites with their size, what they show, and the licence of their data."""
    if not wanted or ctx.resilient_parsing:
        return
    from omnisense.benchmarks.suites import SUITES, get_suite

    rows = [("suite", "questions", "shows", "license of the data")]
    for name in SUITES:
        suite = get_suite(name)
        size = str(sum(suite.task_sizes.values())) if suite.task_sizes else suite.size
        rows.append((name, size, suite.shows, suite.license))
    widths = [max(len(row[i]) for row in rows) for i in range(3)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        print_text("  ".join([*cells, row[3]]))
    ctx.exit()


eval_group = SuiteGroup(
    _eval_command,
    name="eval",
    help="Evaluate a model, the agent or a baseline on a benchmark, or on all whose data are there.",
    params=[
        click.Option(
            ["--suite-list"],
            is_flag=True,
            is_eager=True,
            expose_value=False,
            callback=_print_suites,
            help="Print the benchmarks with size, modality and licence.",
        )
    ],
)


def _evaluate(suite: Suite, validate: bool, as_json: bool, given: Mapping[str, Any]) -> None:
    from omnisense.benchmarks.harness.suite import ModelUnderTest
    from omnisense.benchmarks.suites import refuse_other_suite

    refuse_other_suite(suite, given["data"].expanduser())
    settings = None if validate else run_settings(given, suite)
    named = settings is not None and not given["as_agent"]
    model = ModelUnderTest(given["policy"] if named else None, given["max_pixels"] or suite.max_pixels)
    dataset = suite.load(model=model, **{option.name: given[option.name] for option in suite.options})
    if settings is None:
        _print_validation(suite, dataset, as_json)
        return
    if given["as_published"]:
        check_published_wording(settings, dataset)
    shows_media = settings.prompting.media
    if blocked := sum(1 for s in dataset.samples if s.why_not(shows_media)):
        print_text(
            f"{blocked} questions are invalid and become error records; run --validate for the reasons", err=True
        )
    _run_and_report(settings, dataset, as_json, given["log_to"])


def run_with_progress(settings: RunSettings, dataset: Dataset) -> bool:
    """Run, with progress on standard error; return whether it was interrupted."""
    from omnisense.agent.cli.progress import EvaluationProgress
    from omnisense.benchmarks.harness.run import run

    with EvaluationProgress() as progress:
        try:
            run(settings, dataset, progress.plan, progress.record)
        except KeyboardInterrupt:
            return True
    return False


def _print_validation(suite: Suite, dataset: Dataset, as_json: bool) -> None:
    """Print the questions by level and task, and every problem; exit with code 1 when there are any."""
    counts: dict[tuple[int, str], list[int]] = {}
    for sample in dataset.samples:
        found = counts.setdefault((sample.level, sample.task), [0, 0])
        found[0] += 1
        found[1] += bool(sample.why_not())
    if as_json:
        tasks = [
            {"level": level, "task": task, "questions": n, "cannot_be_asked": bad}
            for (level, task), (n, bad) in sorted(counts.items())
        ]
        problems = [{"where": p.where, "kind": p.kind, "what": p.what} for p in dataset.problems]
        print_text(
            json.dumps(
                {"tasks": tasks, "problems": problems, "fingerprint": dataset.fingerprint, "notes": dataset.notes}
            )
        )
    else:
        spec = suite.report_spec({sample.task for sample in dataset.samples}, dataset.groups)
        for (_, task), (n, bad) in sorted(counts.items()):
            of = f" of {size}" if (size := suite.task_sizes.get(task)) else ""
            blocked = f", {bad} cannot be asked" if bad else ""
            print_text(f"{_task_label(task, suite, spec):<46} {n:>5}{of} questions{blocked}")
        of = f" of {sum(suite.task_sizes.values())}" if suite.task_sizes else ""
        print_text(f"{'all':<46} {len(dataset.samples):>5}{of} questions")
        for note in dataset.notes:
            print_text(note)
        for problem in dataset.problems:
            print_text(f"{problem.where}: {problem.kind}: {problem.what}", err=True)
    if any(problem.kind != "other task" for problem in dataset.problems):
        sys.exit(1)


def _task_label(task: str, suite: Suite, spec: ReportSpec) -> str:
    if not suite.task_sizes:
        return task
    group = next((name for name, codes in spec.groups.items() if task in codes), "a task of this data")
    return f"{group}: {task} {spec.tasks.get(task, '')}".rstrip()


def _run_and_report(settings: RunSettings, dataset: Dataset, as_json: bool, log_to: str | None) -> None:
    from omnisense.benchmarks.harness.report import write_report
    from omnisense.benchmarks.harness.trackers import check_tracker, log_scores
    from omnisense.benchmarks.suites import report_spec_for

    if log_to:
        check_tracker(log_to)
    folder = settings.folder(dataset)
    interrupted = run_with_progress(settings, dataset)
    if not (folder / "manifest.json").is_file():  # stopped before anything began
        exit_now()
    summary = write_report(folder, report_spec_for([folder]))
    if as_json:
        print_json(summary)
    else:
        print_text((folder / "report.md").read_text("utf-8"))
    print_text(f"written to {folder / 'report.html'}", err=True)
    if interrupted:
        print_text("interrupted; run the same command to continue from here", err=True)
        exit_now()
    if log_to:
        log_scores(log_to, folder, summary)
    if summary["counts"]["errors"]:
        print_text(f"{summary['counts']['errors']} questions ended in errors; --retry-errors asks them again", err=True)
        sys.exit(1)


def exit_now() -> None:
    """Exit with the code of an interrupted command, without waiting for a batch that is still being computed."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(130)
