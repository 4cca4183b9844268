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
    Figure,
    PairedComparison,
    RunsComparison,
    RunSummary,
    Scores,
    figure_text,
)
from omnisense.benchmarks.harness.records import Record
from omnisense.benchmarks.harness.run_folder import write_reports
from omnisense.benchmarks.harness.suite import ReportSpec
from omnisense.benchmarks.harness.summary import compare_runs, load_run, summarize
from omnisense.text import escape_markdown

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


def as_markdown(summaries: Sequence[RunSummary], spec: ReportSpec, pairs: Sequence[PairedComparison]) -> str:
    """Return the figures as Markdown tables."""
    lines = [f"# {escape_markdown(spec.title)}: {escape_markdown(', '.join(s['system'] for s in summaries))}", ""]
    for s in summaries:
        c, name, k = s["counts"], escape_markdown(s["system"]), _attempts(s)
        asked = (
            f"{c['questions']} questions" if k == 1 else f"{c['questions'] * k} attempts at {c['questions']} questions"
        )
        lines.append(
            f"- **{name}**: {c['answered']} of {asked} answered, {c['errors']} errors, "
            f"{c['unparseable']} answers could not be read ({s['rates']['unparseable']:.1%}); frames reached the model "
            f"on {c['with_frames']}, sound on {c['with_sound']}."
        )
        lines += _facts(s)
        lines += [f"  Not asked: {n} ({escape_markdown(why)})." for why, n in c["not_asked"].items()]
    head = [f"{s['system']} {way}" for s in summaries for way in ("strict", "official")]
    lines += ["", _row(["", _counted(summaries), *head]), _row(["---"] * (len(head) + 2))]
    for label, path in _table_rows(summaries, spec):
        found = [(_figure_at(s["strict"], path), _figure_at(s["official"], path)) for s in summaries]
        lines.append(_row([label, _size(summaries, path), *(figure_text(e) for pair in found for e in pair)]))
    lines += [
        "",
        "Accuracy with its 95% bootstrap interval over clips, people or dialogues. Errors are neither right nor wrong "
        "and are left out; what could not be read is wrong in the strict score. Over few of these, or replies that all "
        "score alike, such intervals are too narrow; over a single one there is none.",
    ]
    lines += _official_lines(summaries) + _breakdown_lines(summaries) + _comparability_lines(summaries)
    for pair in pairs:
        d = pair["difference"]
        first, second = escape_markdown(pair["first"]), escape_markdown(pair["second"])
        lines += ["", f"**{second}** against **{first}** on {pair['questions']} questions: "
                  f"{d['mean']:+.3f} ({d['low']:+.3f} to {d['high']:+.3f}), p = {pair['p_value']:.4f} (sign-flip "
                  f"permutation); better on {pair['better']}, worse on {pair['worse']}; "
                  f"{pair['clusters']} clusters{_detectable(pair)}."
                  if d["mean"] is not None else
                  f"**{second}** and **{first}** answered no question in common."]  # fmt: skip
    lines += [f"\nErrors: {n} x {escape_markdown(cause)}" for s in summaries for cause, n in s["errors"].items()]
    return "\n".join(lines) + "\n"


def _attempts(summary: RunSummary) -> int:
    return summary["attempts"]["k"] if summary["attempts"] else 1


def _counted(summaries: Sequence[RunSummary]) -> str:
    """Return what the column of numbers counts."""
    return "n" if all(_attempts(s) == 1 for s in summaries) else "attempts"


def _detectable(pair: PairedComparison) -> str:
    least = pair["minimum_detectable_difference"]
    return "" if least is None else f", differences from {least:.3f} on are likely to be found"


def _facts(summary: RunSummary) -> list[str]:
    """Return what one run cost, how large a difference it could show, and its attempts."""
    cost, found = summary["cost"], []
    tokens = [f"{value:.0f} {name} tokens" for name, value in (("prompt", cost["prompt_tokens"]),
              ("reply", cost["reply_tokens"])) if value is not None]  # fmt: skip
    clips = [] if cost["media_s"] is None else [f"{cost['media_s']:.1f} s of clips"]
    reached = [f"{cost['frames']:.1f} frames", f"{cost['audio_s']:.1f} s of sound"]
    shown = [*tokens, f"{cost['seconds']:.2f} s", *clips, *reached]
    one = "question" if _attempts(summary) == 1 else "attempt"
    found.append(f"  Each {one} cost on average {', '.join(shown)}.")
    if summary["minimum_detectable_difference"] is not None:
        least = summary["minimum_detectable_difference"]
        found.append(
            f"  {summary['counts']['clusters']} clips, people or dialogues: a difference to another system has to be "
            f"about {least:.3f} to be found (80% power at 5%, on other questions; on the same ones less)."
        )
    if attempts := summary["attempts"]:
        k = attempts["k"]
        mean, passed, vote = (figure_text(attempts[name]) for name in ("mean", "pass_at_k", "vote"))
        found.append(f"  {k} attempts: mean {mean}, pass@{k} {passed}, majority vote {vote}.")
    if n := summary["counts"]["extracted"]:
        found.append(f"  {n} answers were extracted by a judge from replies that could not be read.")
    return found


def _comparability_lines(summaries: Sequence[RunSummary]) -> list[str]:
    lines: list[str] = []
    for s in summaries:
        if not s["comparability"]:
            continue
        lines += ["", _row([f"{s['system']} and the published figures", "here", "published", ""]), _row(["---"] * 4)]
        for c in s["comparability"]:
            verdict = "same" if c["same"] else "–" if c["same"] is None else "differs"
            lines.append(_row([c["name"], c["here"], c["published"], verdict]))
    return lines


def _official_lines(summaries: Sequence[RunSummary]) -> list[str]:
    """Return the authors' figures over whole runs, and what was reproduced of their scripts."""
    lines = []
    for s in summaries:
        name = escape_markdown(s["system"])
        for metric in s["official_metrics"]:
            value = "–" if metric["value"] is None else f"{metric['value']:.3f}"
            note = f" ({escape_markdown(metric['note'])})" if metric["note"] else ""
            lines.append(f"- {name}, official: {escape_markdown(metric['name'])} {value}{note}")
        lines += [f"- {name}, official: {escape_markdown(note)}" for note in s["official_notes"]]
    return ["", *lines] if lines else []


def _breakdown_lines(summaries: Sequence[RunSummary]) -> list[str]:
    lines: list[str] = []
    for title, rows in _breakdown_rows(summaries):
        head = [f"{s['system']} {way}" for s in summaries for way in ("strict", "official")]
        lines += ["", _row([title, _counted(summaries), *head]), _row(["---"] * (len(head) + 2))]
        lines += [_row([row["label"], row["n"], *row["cells"]]) for row in rows]
    return lines


def _breakdown_rows(summaries: Sequence[RunSummary]) -> list[tuple[str, list[dict[str, Any]]]]:
    """Return the breakdowns: the name of each, and its rows."""
    tables = []
    for name in dict.fromkeys(name for s in summaries for name in s["breakdowns"]):
        values = dict.fromkeys(value for s in summaries for value in s["breakdowns"].get(name, {}))
        rows = []
        for value in values:
            found = [s["breakdowns"].get(name, {}).get(value) for s in summaries]
            cells = [figure_text(f[way] if f else None) for f in found for way in ("strict", "official")]
            n = next((f["strict"]["n"] for f in found if f), 0)
            rows.append({"label": value, "n": str(n), "cells": cells})
        tables.append((name, rows))
    return tables


def _table_rows(summaries: Sequence[RunSummary], spec: ReportSpec) -> list[tuple[str, tuple[str, ...]]]:
    """Return the rows of the table: a label, and the keys of its figure in a summary's scores."""
    present = {code for s in summaries for code in s["strict"]["tasks"]}
    ordered = [c for c in spec.tasks if c in present] + sorted(present - set(spec.tasks))
    rows = [(f"{c} {spec.tasks.get(c, '')}".strip(), ("tasks", c)) for c in ordered]
    rows += [(name, ("groups", name)) for name in spec.groups]
    macros = dict.fromkeys(name for s in summaries for name in s["strict"]["macros"])
    rows += [(name, ("macros", name)) for name in macros]
    return [*rows, ("all questions alike", ("micro",))]


def _figure_at(scores: Scores, path: Sequence[str]) -> Figure | None:
    found: Any = scores
    for key in path:
        found = found.get(key) or {}
    return found if found.get("mean") is not None else None


def _size(summaries: Sequence[RunSummary], path: Sequence[str]) -> str:
    """Return the number of questions or tasks that a figure is over."""
    n = next((e["n"] for s in summaries if (e := _figure_at(s["strict"], path))), 0)
    what = " task" if path[0] in ("groups", "macros") else ""
    return f"{n}{what}{'s' if what and n > 1 else ''}" if n else ""


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(map(escape_markdown, cells))} |"


def _distinct(names: Sequence[str]) -> list[str]:
    return [f"{name} #{i + 1}" if names.count(name) > 1 else name for i, name in enumerate(names)]


# --- HTML -----------------------------------------------------------------------------------------------------------


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
    codes = [path[1] for _, path in _table_rows(summaries, spec) if path[0] == "tasks"]
    return environment.from_string(template).render(
        spec=spec,
        summaries=summaries,
        pairs=pairs,
        rows=[
            {
                "label": label,
                "code": path[-1],
                "kind": path[0],
                "cells": [figure_text(_figure_at(s[way], path)) for s in summaries for way in ("strict", "official")],
                "n": _size(summaries, path),
            }
            for label, path in _table_rows(summaries, spec)
        ],
        breakdowns=_breakdown_rows(summaries),
        counted=_counted(summaries),
        attempts=[_attempts(s) for s in summaries],
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


def _radar_series(
    summaries: Sequence[RunSummary], spec: ReportSpec, codes: Sequence[str]
) -> dict[str, list[float | None]]:
    series: dict[str, list[float | None]] = {}
    for s in summaries[: len(charts.COLORS)]:
        figures = [_figure_at(s["strict"], ("tasks", code)) for code in codes]
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
    found.append(("all questions alike", strict["micro"], "questions"))
    return [
        (name, e["mean"], e["low"], e["high"], f"({e['n']} {what})") for name, e, what in found if e["mean"] is not None
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
