"""How HumanSense's figures are combined, and the published figures to compare with."""

from __future__ import annotations

import csv
from importlib.resources import files
from typing import Any

from omnisense.benchmarks.harness.suite import ReportSpec
from omnisense.benchmarks.humansense.tasks import LEVELS, TASKS, VIDEO_TASKS


def spec() -> ReportSpec:
    """Return the fifteen tasks on four levels; the paper's Avg is the mean over the thirteen with video."""
    return ReportSpec(
        title="HumanSense",
        tasks={task.code: task.name for task in TASKS},
        groups={name: [task.code for task in TASKS if task.level == level] for level, name in LEVELS.items()},
        macros={
            "13 video tasks (the paper's Avg)": VIDEO_TASKS,
            "15 tasks": [task.code for task in TASKS],
        },
        published=published(),
    )


def published() -> list[dict[str, Any]]:
    """Return the paper's table (arXiv 2508.10576): model, kind, split, and accuracy by task; None where blank."""
    text = files("omnisense.benchmarks.humansense").joinpath("published.csv").read_text("utf-8")
    rows = []
    for row in csv.DictReader(text.splitlines()):
        scores = {code: float(row[code]) if row[code] else None for code in [t.code for t in TASKS]}
        average = float(row["Avg"]) if row["Avg"] else None
        rows.append({"model": row["model"], "kind": row["kind"], "split": row["split"], "average": average} | scores)
    return rows
