"""``omnisense eval all``: every benchmark whose data lie in a folder, one after another, with one table."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from omnisense.agent.cli.evaluate import exit_now, run_with_progress
from omnisense.agent.cli.evaluation_options import common_options
from omnisense.agent.cli.evaluation_settings import run_settings
from omnisense.agent.cli.options import FOLDER, print_json, print_text
from omnisense.errors import InputError, PolicyError
from omnisense.text import escape_markdown

if TYPE_CHECKING:
    from omnisense.benchmarks.harness.suite import Suite

_HEAD = ("benchmark", "questions", "answered", "errors", "not read", "strict", "official")


def _evaluate_all(data: Path, suites: str, as_json: bool, **given: Any) -> None:
    """Evaluate on every benchmark whose data are found in a folder, or in folders up to two levels below it.

    Frames and pixels are each benchmark's own unless given. A benchmark that the model cannot be asked is named, and
    the others run. Repeat the command to resume.
    """
    from omnisense.benchmarks.suites import find_data, get_suite

    folders = find_data(data)
    wanted = [name.strip() for name in suites.split(",") if name.strip()] or list(folders)
    if missing := [name for name in wanted if name not in folders]:
        raise InputError(f"there are no data of {', '.join(missing)} in it", "See --suite-list for names.", data)
    if not wanted:
        raise InputError("no benchmark's data are found in it", "Give a folder with a folder for each.", data)
    output = given["output"] or Path("runs") / "all"
    rows: list[dict[str, Any]] = []
    for name in wanted:
        print_text(f"{name}: {folders[name]}", err=True)
        rows.append(_evaluate_one(get_suite(name), folders[name], output, given))
    _write(output, rows)
    if as_json:
        print_json(rows)
    else:
        print_text(as_table(rows))
    print_text(f"written to {output / 'all.md'}", err=True)
    if any(row.get("errors") or row.get("problem") for row in rows):
        sys.exit(1)


def _evaluate_one(suite: Suite, folder: Path, output: Path, given: Mapping[str, Any]) -> dict[str, Any]:
    """Run one benchmark and return its row of the table."""
    from omnisense.benchmarks.harness.report import write_report
    from omnisense.benchmarks.harness.suite import ModelUnderTest
    from omnisense.benchmarks.harness.trackers import check_tracker, log_scores
    from omnisense.benchmarks.suites import report_spec_for

    if given["log_to"]:
        check_tracker(given["log_to"])
    own = {option.name: option.default for option in suite.options if option.name != "data"}
    values = {**given, **own, "output": output / suite.name}
    try:
        settings = run_settings(values, suite)
        model = ModelUnderTest(given["policy"] if not given["as_agent"] else None, suite.max_pixels)
        dataset = suite.load(data=folder, model=model, **own)
        interrupted = run_with_progress(settings, dataset)
    except (InputError, PolicyError) as error:
        return {"benchmark": suite.name, "problem": error.problem}
    run_folder = settings.folder(dataset)
    if interrupted and not (run_folder / "manifest.json").is_file():
        exit_now()
    summary = write_report(run_folder, report_spec_for([run_folder]))
    if interrupted:
        print_text("interrupted; run the same command to continue from here", err=True)
        exit_now()
    if given["log_to"]:
        log_scores(given["log_to"], run_folder, summary)
    counts = summary["counts"]
    return {
        "benchmark": suite.name,
        "questions": counts["questions"],
        "answered": counts["answered"],
        "errors": counts["errors"],
        "not read": counts["unparseable"],
        "strict": summary["strict"]["micro"],
        "official": summary["official"]["micro"],
        "run": str(run_folder),
    }


def as_table(rows: list[dict[str, Any]]) -> str:
    """Return the rows as a Markdown table; a benchmark that could not be asked has its reason in it."""
    from omnisense.benchmarks.harness.figures import figure_text

    lines = [f"| {' | '.join(_HEAD)} |", f"| {' | '.join(['---'] * len(_HEAD))} |"]
    for row in rows:
        if "problem" in row:
            lines.append(f"| {row['benchmark']} | {escape_markdown(row['problem'])} |" + " |" * (len(_HEAD) - 2))
            continue
        cells = [str(row[key]) for key in _HEAD[:5]]
        lines.append(f"| {' | '.join([*cells, figure_text(row['strict']), figure_text(row['official'])])} |")
    return "\n".join(lines)


def _write(output: Path, rows: list[dict[str, Any]]) -> None:
    from omnisense.files import reporting_storage, write_atomically

    with reporting_storage(output):
        output.mkdir(parents=True, exist_ok=True)
        write_atomically(output / "all.json", json.dumps(rows, indent=1, ensure_ascii=False) + "\n")
        write_atomically(output / "all.md", as_table(rows) + "\n")


def _command() -> click.Command:
    evaluate = _evaluate_all
    for option in reversed(
        [
            click.option(
                "--data", type=FOLDER, required=True, metavar="ROOT", help="Folder with a folder for each benchmark."
            ),
            click.option("--suites", default="", metavar="LIST", help="Only these: daily-omni,worldsense."),
            *common_options(),
        ]
    ):
        evaluate = option(evaluate)
    return click.command("all")(evaluate)


all_command = _command()
