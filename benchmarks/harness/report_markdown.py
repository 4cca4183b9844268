"""The Markdown form of reports."""

from __future__ import annotations

from collections.abc import Sequence

from omnisense.benchmarks.harness.figures import PairedComparison, RunSummary, figure_text
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
from omnisense.benchmarks.harness.suite import ReportSpec
from omnisense.text import escape_markdown


def as_markdown(summaries: Sequence[RunSummary], spec: ReportSpec, pairs: Sequence[PairedComparison]) -> str:
    """Return the figures as Markdown tables."""
    lines = [f"# {escape_markdown(spec.title)}: {escape_markdown(', '.join(s['system'] for s in summaries))}", ""]
    for s in summaries:
        lines += [f"- {_answered(s)}", *(f"  {escape_markdown(fact)}" for fact in facts(s))]
    head = [f"{s['system']} {way}" for s in summaries for way in ("strict", "official")]
    lines += ["", _row(["", counted(summaries), *head]), _row(["---"] * (len(head) + 2))]
    for label, path in table_rows(summaries, spec):
        found = [(figure_at(s["strict"], path), figure_at(s["official"], path)) for s in summaries]
        lines.append(_row([label, size_of(summaries, path), *(figure_text(e) for pair in found for e in pair)]))
    lines += ["", INTERVALS]
    lines += _official_lines(summaries) + _breakdown_lines(summaries) + _comparability_lines(summaries)
    for pair in pairs:
        first, second = escape_markdown(pair["first"]), escape_markdown(pair["second"])
        is_empty = pair["difference"]["mean"] is None
        lines += ["", f"**{second}** and **{first}** answered no question in common." if is_empty else
                  f"**{second}** against **{first}** {pair_text(pair, len(pairs))}"]  # fmt: skip
    lines += [f"\nErrors: {n} x {escape_markdown(cause)}" for s in summaries for cause, n in s["errors"].items()]
    return "\n".join(lines) + "\n"


def _answered(summary: RunSummary) -> str:
    c, k = summary["counts"], attempts(summary)
    asked = f"{c['questions']} questions" if k == 1 else f"{c['questions'] * k} attempts at {c['questions']} questions"
    return (
        f"**{escape_markdown(summary['system'])}**: {c['answered']} of {asked} answered, {c['errors']} errors, "
        f"{c['unparseable']} answers could not be read ({summary['rates']['unparseable']:.1%}); frames reached the "
        f"model on {c['with_frames']}, sound on {c['with_sound']}."
    )


def _comparability_lines(summaries: Sequence[RunSummary]) -> list[str]:
    lines: list[str] = []
    for s in summaries:
        if not s["comparability"]:
            continue
        lines += ["", _row([f"{s['system']} and the published figures", "here", "published", ""]), _row(["---"] * 4)]
        for c in s["comparability"]:
            verdict = "same" if c["same"] else "–" if c["same"] is None else "differs"
            lines.append(_row([c["name"], c["here"], c["published"], verdict]))
        lines += ["", note] if (note := comparability_note(s)) else []
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
    for title, rows in breakdown_rows(summaries):
        head = [f"{s['system']} {way}" for s in summaries for way in ("strict", "official")]
        lines += ["", _row([title, counted(summaries), *head]), _row(["---"] * (len(head) + 2))]
        lines += [_row([row["label"], row["n"], *row["cells"]]) for row in rows]
    return lines


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(map(escape_markdown, cells))} |"
