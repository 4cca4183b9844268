"""Reports of runs: ``report.json``, ``report.md``, and ``report.html``, one file that opens from disk."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from omnisense.benchmarks.harness import charts
from omnisense.benchmarks.harness.figures import (
    BinFigure,
    PairedComparison,
    RunsComparison,
    RunSummary,
    figure_text,
)
from omnisense.benchmarks.harness.records import Record
from omnisense.benchmarks.harness.report_markdown import as_markdown
from omnisense.benchmarks.harness.report_tables import (
    INTERVALS,
    attempts,
    breakdown_rows,
    comparability_note,
    counted,
    facts,
    figure_at,
    pair_text,
    size_of,
    table_rows,
)
from omnisense.benchmarks.harness.run_folder import write_reports
from omnisense.benchmarks.harness.suite import ReportSpec
from omnisense.benchmarks.harness.summary import compare_runs, load_run, summarize

_PUBLISHED_ON_RADAR = ("Qwen2.5-Omni-7B", "GPT-4o", "InternVL3-8B")


def write_report(folder: Path, spec: ReportSpec) -> RunSummary:
    """Write the reports of one run into its folder, and return the contents of ``report.json``.

    Raises:
        InputError: it is not a run folder, a record is damaged, or the folder cannot be written.
    """
    manifest, records = load_run(folder)
    summary = summarize(manifest, records, spec)
    texts = {
        "report.json": json.dumps(summary, indent=1, ensure_ascii=False) + "\n",
        "report.md": as_markdown([summary], spec, []),
        "report.html": _as_html([summary], spec, [], manifest, records, folder),
    }
    write_reports(folder, texts)
    return summary


def write_comparison(folders: Sequence[Path], spec: ReportSpec, output: Path) -> RunsComparison:
    """Write ``comparison.json``, ``.md`` and ``.html`` of several runs, each against the first.

    Raises:
        InputError: one is not a run folder, or ``output`` cannot be written.
    """
    loaded = [load_run(folder) for folder in folders]
    names = _distinct([manifest["system"] for manifest, _ in loaded])
    summaries = [
        summarize(manifest | {"system": name}, records, spec)
        for name, (manifest, records) in zip(names, loaded, strict=True)
    ]
    pairs = compare_runs([(name, records) for name, (_, records) in zip(names, loaded, strict=True)])
    found: RunsComparison = {"runs": summaries, "comparisons": pairs}
    texts = {
        "comparison.json": json.dumps(found, indent=1, ensure_ascii=False) + "\n",
        "comparison.md": as_markdown(summaries, spec, pairs),
        "comparison.html": _as_html(summaries, spec, pairs, {}, [], output),
    }
    write_reports(output, texts)
    return found


def _distinct(names: Sequence[str]) -> list[str]:
    return [f"{name} #{i + 1}" if names.count(name) > 1 else name for i, name in enumerate(names)]


def _as_html(
    summaries: Sequence[RunSummary],
    spec: ReportSpec,
    pairs: Sequence[PairedComparison],
    manifest: Mapping[str, Any],
    records: Sequence[Record],
    folder: Path,
) -> str:
    import jinja2

    template = files("omnisense.benchmarks.harness").joinpath("report.html.j2").read_text("utf-8")
    environment = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    codes = [path[1] for _, path in table_rows(summaries, spec) if path[0] == "tasks"]
    return environment.from_string(template).render(
        spec=spec,
        summaries=summaries,
        pairs=pairs,
        rows=[
            {
                "label": label,
                "code": path[-1],
                "kind": path[0],
                "cells": [figure_text(figure_at(s[way], path)) for s in summaries for way in ("strict", "official")],
                "n": size_of(summaries, path),
            }
            for label, path in table_rows(summaries, spec)
        ],
        breakdowns=breakdown_rows(summaries),
        counted=counted(summaries),
        attempts=[attempts(s) for s in summaries],
        facts=[facts(s) for s in summaries],
        pair_text=pair_text,
        intervals=INTERVALS,
        comparability_note=comparability_note,
        data_text=_data_text,
        figure_text=figure_text,
        is_official=all(s["is_official"] for s in summaries),
        codes=codes,
        known=[code for code in codes if code in spec.tasks],
        radar=charts.radar(codes, _radar_series(summaries, spec, codes)),
        levels=charts.bars(_level_bars(summaries[0])),
        lengths=charts.bars(_length_bars(summaries[0]["by_length"])),
        calibration=_calibration_chart(summaries[0]),
        confusion=summaries[0]["confusion"],
        manifest=json.dumps(manifest, indent=1, ensure_ascii=False) if manifest else "",
        records=_embedded(records, folder),
    )


def _data_text(summary: RunSummary) -> str:
    """Return how many of the published questions a run is of, for its row beside published figures."""
    asked, total = summary["counts"]["questions"], summary["provenance"]["in_data"]
    return "this run" if asked >= total else f"this run, {asked} of {total} questions"


def _radar_series(
    summaries: Sequence[RunSummary], spec: ReportSpec, codes: Sequence[str]
) -> dict[str, list[float | None]]:
    series: dict[str, list[float | None]] = {}
    for s in summaries[: len(charts.COLORS)]:
        figures = [figure_at(s["strict"], ("tasks", code)) for code in codes]
        series[s["system"]] = [figure["mean"] if figure else None for figure in figures]
    room = len(charts.COLORS) - len(series)
    rows = [row for row in spec.published if row["model"] in _PUBLISHED_ON_RADAR and row["split"] == "full"]
    rows = [row for row in rows if all(row.get(code) is not None for code in codes)]
    if all(s["is_official"] for s in summaries) and all(code in spec.tasks for code in codes):
        for row in rows[:room]:
            series[f"{row['model']} (paper)"] = [row[code] for code in codes]
    return series


def _level_bars(summary: RunSummary) -> list[tuple[str, float, float | None, float | None, str]]:
    strict = summary["strict"]
    found = [(name, e, "tasks") for name, e in strict["groups"].items()]
    found.append(("all questions (micro average)", strict["micro"], "questions"))
    return [
        (name, e["mean"], e["low"], e["high"], f"({e['n']} {what if e['n'] > 1 else what[:-1]})")
        for name, e, what in found
        if e["mean"] is not None
    ]


def _length_bars(bins: Sequence[BinFigure]) -> list[tuple[str, float, float | None, float | None, str]]:
    return [
        (
            f"{b['low']:.0f}-{b['high']:.0f} s" if b["high"] < 1e6 else f"over {b['low']:.0f} s",
            b["accuracy"],
            None,
            None,
            f"({b['n']} questions)",
        )
        for b in bins
    ]


def _calibration_chart(summary: RunSummary) -> dict[str, Any] | None:
    found = summary["calibration"]
    if found is None:
        return None
    rows = [
        (
            f"sure to {b['low']:.0%}-{b['high']:.0%}",
            b["accuracy"],
            None,
            None,
            f"(said {b['confidence']:.1%}, {b['n']})",
        )
        for b in found["bins"]
    ]
    return {"chart": charts.bars(rows), "error": found["error"], "n": found["n"]}


def _embedded(records: Sequence[Record], folder: Path) -> str:
    """Records as JSON inside a script element: nothing in a reply may close that element."""
    rows = []
    for record in records:
        row = record.to_dict()
        row["strip"] = f"frames/{record.id}.jpg" if (folder / "frames" / f"{record.id}.jpg").is_file() else ""
        kept = ("strict", "official")  # where nought is not nothing
        rows.append({k: v for k, v in row.items() if v is not None and (v not in ("", (), 0, {}) or k in kept)})
    return json.dumps(rows, ensure_ascii=False).replace("<", "\\u003c").replace("\u2028", " ").replace("\u2029", " ")
