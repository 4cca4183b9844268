"""``omnisense report`` and ``omnisense score``: reports of runs, and scores of the authors' own result files."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from omnisense.agent.cli.evaluate import SuiteGroup
from omnisense.agent.cli.options import FOLDER, PATH, print_json, print_text
from omnisense.errors import InputError

if TYPE_CHECKING:
    from omnisense.benchmarks.harness.suite import ScoreResults, Suite


@click.command()
@click.argument("runs", nargs=-1, required=True, type=FOLDER, metavar="RUN...")
@click.option("--compare", is_flag=True, help="Compare every later run with the first.")
@click.option("--leaderboard", is_flag=True, help="Write one page of all runs, grouped by benchmark.")
@click.option(
    "--output",
    type=FOLDER,
    default="comparison",
    show_default=True,
    help="Folder for the comparison or the leaderboard.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
def report(runs: tuple[Path, ...], compare: bool, leaderboard: bool, output: Path, as_json: bool) -> None:
    """Regenerate the reports of runs, compare runs, or write a leaderboard."""
    from omnisense.benchmarks.harness.report import write_comparison, write_report
    from omnisense.benchmarks.suites import report_spec_for

    if leaderboard:
        _leaderboard(runs, output, as_json)
        return
    if compare and len(runs) < 2:
        raise InputError("there is one run to compare", "Give at least two.")
    found: Any = (
        write_comparison(runs, report_spec_for(runs), output)
        if compare
        else [write_report(r, report_spec_for([r])) for r in runs]
    )
    if as_json:
        print_json(found)
    elif compare:
        print_text((output / "comparison.md").read_text("utf-8"))
        print_text(f"written to {output / 'comparison.html'}")
    else:
        for folder in runs:
            print_text((folder / "report.md").read_text("utf-8"))
            print_text(f"written to {folder / 'report.html'}")


def _leaderboard(runs: tuple[Path, ...], output: Path, as_json: bool) -> None:
    from omnisense.benchmarks.harness.leaderboard import as_markdown, write_leaderboard
    from omnisense.benchmarks.harness.summary import load_run, summarize
    from omnisense.benchmarks.suites import report_spec_for

    summaries = [(run, summarize(*load_run(run), report_spec_for([run]))) for run in runs]
    boards = write_leaderboard(summaries, output)
    if as_json:
        print_json(boards)
    else:
        print_text(as_markdown(boards))
    print_text(f"written to {output / 'leaderboard.html'}", err=True)


def _score_command(suite: Suite) -> click.Command | None:
    if suite.score_results is None:
        return None
    score_results: ScoreResults = suite.score_results

    @click.command(suite.name)
    @click.option("--official-results", required=True, type=PATH, metavar="FILE", help="The authors' result file.")
    @click.option("--model", required=True, metavar="NAME", help="The key in each row that holds the predictions.")
    @click.option("--think", is_flag=True, help="Score as their thinking script does.")
    def score(official_results: Path, model: str, think: bool) -> None:
        """Print what the authors' scoring script computes, as JSON."""
        statistics, faults = score_results(official_results, model, think)
        print_text(json.dumps(statistics, indent=4))
        for fault in faults[:20]:
            print_text(f"the authors' script stops at {fault}; counted as wrong here", err=True)
        if faults:
            print_text(f"{len(faults)} such rows", err=True)
            sys.exit(1)

    return score


score_group = SuiteGroup(_score_command, name="score", help="Score result files of the authors' own harness.")
