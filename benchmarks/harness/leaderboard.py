"""A leaderboard: any number of runs, grouped by benchmark, in one page."""

from __future__ import annotations

import html
import json
import os
import urllib.parse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypedDict

from omnisense.benchmarks.harness.comparability import data_text
from omnisense.benchmarks.harness.figures import Figure, RunSummary, figure_text
from omnisense.benchmarks.harness.run_folder import write_reports
from omnisense.text import escape_markdown

_HEAD = ("system", "data", "strict", "official", "questions", "errors", "not read", "prompt tokens a question",
         "seconds a question", "differs from the published protocol in")  # fmt: skip
_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:1080px;margin:0 auto;padding:24px;color:#222}"
    "table{border-collapse:collapse;font-size:13px}th,td{padding:3px 9px;text-align:left;border-bottom:1px solid #ddd}"
)


class Entry(TypedDict):
    """A run on the leaderboard: where it lies, its figures, and in what it differs from the published protocol."""

    run: str
    system: str
    is_official: bool
    data: str
    strict: Figure
    official: Figure
    questions: int
    attempts: int
    errors: int
    not_read: int
    prompt_tokens: float | None
    seconds: float
    differs: list[str]


def entry_of(folder: Path, summary: RunSummary) -> Entry:
    """Return a run's entry."""
    counts, k = summary["counts"], summary["attempts"]["k"] if summary["attempts"] else 1
    return {
        "run": str(folder),
        "system": summary["system"],
        "is_official": summary["is_official"],
        "data": _data_of(summary),
        "strict": summary["strict"]["micro"],
        "official": summary["official"]["micro"],
        "questions": counts["answered"] // k,
        "attempts": k,
        "errors": counts["errors"],
        "not_read": counts["unparseable"],
        "prompt_tokens": summary["cost"]["prompt_tokens"],
        "seconds": summary["cost"]["seconds"],
        "differs": [c["name"] for c in summary["comparability"] if c["same"] is False],
    }


def _data_of(summary: RunSummary) -> str:
    """Return which questions a run is of: runs with another value here do not compare."""
    made = summary["provenance"]
    data = {"is_official": summary["is_official"], "questions": made["in_data"]}
    chosen = [f"tasks {' '.join(made['tasks'])}"] if made["tasks"] else []
    chosen += [] if made["limit"] is None else [f"seed {made['seed']}"]
    return ", ".join([data_text(data, summary["counts"]["questions"]), *chosen, f"SHA-256 {made['data'][:8]}"])


def write_leaderboard(runs: Sequence[tuple[Path, RunSummary]], output: Path) -> dict[str, list[Entry]]:
    """Write ``leaderboard.json``, ``.md`` and ``.html``; return the entries by benchmark, the best first.

    Runs on different questions do not compare: which they are stands beside each.

    Args:
        runs: folders and figures.
        output: the folder to write into.

    Raises:
        InputError: it cannot be written.
    """
    boards: dict[str, list[Entry]] = {}
    for folder, summary in runs:
        boards.setdefault(summary["benchmark"], []).append(entry_of(folder, summary))
    boards = {name: sorted(rows, key=lambda row: -(row["strict"]["mean"] or 0.0)) for name, rows in boards.items()}
    texts = {
        "leaderboard.json": json.dumps(boards, indent=1, ensure_ascii=False) + "\n",
        "leaderboard.md": as_markdown(boards),
        "leaderboard.html": _as_html(boards, output),
    }
    write_reports(output, texts)
    return boards


def as_markdown(boards: Mapping[str, Sequence[Entry]]) -> str:
    """Return the leaderboard as Markdown."""
    lines = ["# Leaderboard", ""]
    for name, rows in boards.items():
        lines += [f"## {escape_markdown(name)}", "", f"| {' | '.join(_HEAD)} |", "| --- " * len(_HEAD) + "|"]
        lines += [f"| {' | '.join(map(escape_markdown, _cells(row)))} |" for row in rows]
        lines.append("")
    lines += ["95% intervals over clips, people or dialogues. Only runs with the same data compare.", ""]
    return "\n".join(lines)


def _cells(row: Entry) -> list[str]:
    tokens = row["prompt_tokens"]
    return [
        row["system"],
        row["data"],
        figure_text(row["strict"]),
        figure_text(row["official"]),
        str(row["questions"]) + ("" if row["attempts"] == 1 else f" x {row['attempts']} attempts"),
        str(row["errors"]),
        str(row["not_read"]),
        "–" if tokens is None else f"{tokens:.0f}",
        f"{row['seconds']:.2f}",
        "; ".join(row["differs"]) or "–",
    ]


def _as_html(boards: Mapping[str, Sequence[Entry]], output: Path) -> str:
    parts = [
        f"<!doctype html><meta charset='utf-8'><title>Leaderboard</title><style>{_STYLE}</style><h1>Leaderboard</h1>"
    ]
    for name, rows in boards.items():
        head = "".join(f"<th>{html.escape(cell)}</th>" for cell in _HEAD)
        parts.append(f"<h2>{html.escape(name)}</h2><table><tr>{head}</tr>")
        parts += [f"<tr><td>{_linked(row, output)}</td>{_data(_cells(row)[1:])}</tr>" for row in rows]
        parts.append("</table>")
    parts.append("<p>95% intervals over clips, people or dialogues. Only runs with the same data compare.</p>")
    return "\n".join(parts) + "\n"


def _linked(row: Entry, output: Path) -> str:
    """Return the first cell of a row, a link to the run's report where that is there."""
    name, report = html.escape(_cells(row)[0]), Path(row["run"]) / "report.html"
    if not report.is_file():
        return name
    address = urllib.parse.quote(os.path.relpath(report, output))
    return f'<a href="{html.escape(address)}">{name}</a>'


def _data(cells: Sequence[str]) -> str:
    return "".join(f"<td>{html.escape(cell)}</td>" for cell in cells)
