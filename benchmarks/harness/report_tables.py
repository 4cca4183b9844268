"""What the Markdown and the HTML report share: rows of tables, and sentences on a run and a comparison."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from omnisense.benchmarks.harness.figures import Figure, PairedComparison, RunSummary, Scores, figure_text
from omnisense.benchmarks.harness.suite import ReportSpec

INTERVALS = (
    "Accuracy with its 95% interval: Bayesian bootstrap over clips, people or dialogues; where all score alike, exact "
    "binomial bounds over these. Over few of them intervals are too narrow, and over a single one there is none. "
    "Errors are neither right nor wrong and are left out; what could not be read is wrong in the strict score. The "
    "official score is the authors', as their scripts give it."
)
_PROTOCOL = "--as-published sets prompts, frames, pixels, sound and decoding as published."


def facts(summary: RunSummary) -> list[str]:
    """Return sentences on a run: which questions, what they cost, how large a difference it could show, attempts."""
    found = [text for text in (_selection(summary), *_not_asked(summary)) if text]
    if summary["chance"] is not None:
        found.append(f"Guessing among the options is right on {summary['chance']:.3f} of these questions on average.")
    found.append(_cost(summary))
    counts = summary["counts"]
    if summary["minimum_detectable_difference"] is not None:
        least = summary["minimum_detectable_difference"]
        found.append(
            f"{counts['clusters']} clips, people or dialogues: a difference to another system has to be about "
            f"{least:.3f} to be found (80% power at 5%, on other questions; on the same ones less)."
        )
    if attempts := summary["attempts"]:
        k = attempts["k"]
        mean, passed, vote = (figure_text(attempts[name]) for name in ("mean", "pass_at_k", "vote"))
        found.append(f"{k} attempts: mean {mean}, pass@{k} {passed}, majority vote {vote}.")
    if counts["extracted"]:
        found.append(f"{counts['extracted']} answers were extracted by a judge from replies that could not be read.")
    return [*found, _provenance(summary)]


def _selection(summary: RunSummary) -> str:
    """Return which of the data's questions were asked; empty where all were."""
    made, asked = summary["provenance"], summary["counts"]["questions"]
    if made["limit"] is None and not made["tasks"]:
        return ""
    tasks = f" of the tasks {', '.join(made['tasks'])}" if made["tasks"] else ""
    drawn = "" if made["limit"] is None else f", drawn with as many of each task as of the others (seed {made['seed']})"
    of = f" of the {made['in_data']}" if made["in_data"] else ""
    return f"Asked: {asked}{of} questions of the data{tasks}{drawn}."


def _not_asked(summary: RunSummary) -> list[str]:
    return [f"Not asked: {n} ({why})." for why, n in summary["counts"]["not_asked"].items()]


def _cost(summary: RunSummary) -> str:
    cost = summary["cost"]
    tokens = [f"{value:.0f} {name} tokens" for name, value in (("prompt", cost["prompt_tokens"]),
              ("reply", cost["reply_tokens"])) if value is not None]  # fmt: skip
    clips = [] if cost["media_s"] is None else [f"{cost['media_s']:.1f} s of clips"]
    reached = [f"{cost['frames']:.1f} frames", f"{cost['audio_s']:.1f} s of sound"]
    one = "question" if attempts(summary) == 1 else "attempt"
    shown = [*tokens, f"{cost['seconds']:.2f} s", *clips, *reached]
    return f"Each {one} cost on average {', '.join(shown)}."


def _provenance(summary: RunSummary) -> str:
    made = summary["provenance"]
    parts = [f"data {made['data'][:12]}" if made["data"] else "", f"model {made['model']}" if made["model"] else ""]
    parts += ["" if made["seed"] is None else f"seed {made['seed']}",
              f"OmniSense {made['omnisense']}" if made["omnisense"] else "", f"answer parser {made['parser']}",
              f"started {made['started']}"]  # fmt: skip
    return f"Made with: {', '.join(part for part in parts if part)}."


def comparability_note(summary: RunSummary) -> str:
    """Return how a run would become comparable with the published figures; empty where it is, or cannot be said."""
    return _PROTOCOL if any(setting["same"] is False for setting in summary["comparability"]) else ""


def pair_text(pair: PairedComparison, pairs: int) -> str:
    """Return the figures of a comparison.

    Args:
        pair: the comparison, of runs that share questions.
        pairs: how many runs are compared with the first.
    """
    d, least = pair["difference"], pair["minimum_detectable_difference"]
    test = f"sign-flip permutation test over {pair['clusters']} clips, people or dialogues"
    adjusted = "" if pairs == 1 else f"; {pair['p_adjusted']:.4f} adjusted for {pairs} comparisons by Holm's method"
    found = "" if least is None else f". Differences from {least:.3f} on are likely (80%) to be found"
    return (
        f"on {pair['questions']} questions: {d['mean']:+.3f} ({d['low']:+.3f} to {d['high']:+.3f}), "
        f"p = {pair['p_value']:.4f} ({test}{adjusted}); better on {pair['better']}, worse on {pair['worse']}{found}."
    )


def attempts(summary: RunSummary) -> int:
    """Return how often each question was asked."""
    return summary["attempts"]["k"] if summary["attempts"] else 1


def counted(summaries: Sequence[RunSummary]) -> str:
    """Return what the column of numbers counts."""
    return "n" if all(attempts(s) == 1 for s in summaries) else "attempts"


def breakdown_rows(summaries: Sequence[RunSummary]) -> list[tuple[str, list[dict[str, Any]]]]:
    """Return the breakdowns: the name of each, and its rows."""
    tables = []
    for name in dict.fromkeys(name for s in summaries for name in s["breakdowns"]):
        values = dict.fromkeys(value for s in summaries for value in s["breakdowns"].get(name, {}))
        rows = []
        for value in values:
            found = [s["breakdowns"].get(name, {}).get(value) for s in summaries]
            cells = [figure_text(f[way] if f else None) for f in found for way in ("strict", "official")]
            n = _numbers([f["strict"]["n"] for f in found if f])
            rows.append({"label": value, "n": n, "cells": cells})
        tables.append((name, rows))
    return tables


def table_rows(summaries: Sequence[RunSummary], spec: ReportSpec) -> list[tuple[str, tuple[str, ...]]]:
    """Return the rows of the table: a label, and the keys of its figure in a summary's scores."""
    present = {code for s in summaries for code in s["strict"]["tasks"]}
    ordered = [c for c in spec.tasks if c in present] + sorted(present - set(spec.tasks))
    rows = [(f"{c} {spec.tasks.get(c, '')}".strip(), ("tasks", c)) for c in ordered]
    rows += [(name, ("groups", name)) for name in spec.groups]
    macros = dict.fromkeys(name for s in summaries for name in s["strict"]["macros"])
    rows += [(name, ("macros", name)) for name in macros]
    return [*rows, ("all questions (micro average)", ("micro",))]


def figure_at(scores: Scores, path: Sequence[str]) -> Figure | None:
    """Return the figure of a row of the table; None where a run has none."""
    found: Any = scores
    for key in path:
        found = found.get(key) or {}
    return found if found.get("mean") is not None else None


def size_of(summaries: Sequence[RunSummary], path: Sequence[str]) -> str:
    """Return the number of questions or tasks that a figure is over, for each run where it differs."""
    sizes = [figure["n"] for s in summaries if (figure := figure_at(s["strict"], path))]
    what = " task" if path[0] in ("groups", "macros") else ""
    return f"{_numbers(sizes)}{what}{'s' if what and max(sizes) > 1 else ''}" if sizes else ""


def _numbers(found: Sequence[int]) -> str:
    return str(found[0]) if len(set(found)) == 1 else " / ".join(map(str, found))
