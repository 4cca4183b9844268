"""A page about one adapter trained with several seeds: the policy alone and the agent around it, with and without it.

    python -m omnisense.rl.reporting.seeds_page OUTPUT PAGE --command "..."

OUTPUT is the folder of :mod:`omnisense.rl.default_adapter`, with ``rows/test.jsonl`` and ``seed-N/evaluation/``. The
same figures are written beside PAGE as JSON.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from omnisense.benchmarks.harness.statistics import compare
from omnisense.errors import InputError, exit_on_error
from omnisense.files import write_atomically
from omnisense.rl.data.agent_rows import AgentRow, read_agent_rows
from omnisense.rl.reporting.choice_evaluation import JudgedChoices, judge, read_opinions

_SIGNIFICANT = 0.05
_ALL, _EMOTION = "all", "emotion"
_KINDS = {"policy": "The policy alone", "agent": "The agent"}


def measure_seeds(
    rows: Sequence[AgentRow], base: JudgedChoices, seeds: Mapping[str, JudgedChoices]
) -> dict[str, dict[str, dict[str, Any]]]:
    """Return the accuracy of the policy and the agent by task, without the adapter and with each.

    Args:
        rows: held out.
        base: the policy without the adapter.
        seeds: by name, the policy with each adapter.

    Returns:
        For ``policy`` and ``agent``, by task (``all`` for all rows, ``emotion`` for all emotion decisions): ``n``, the
        ``chance`` level, and by name (``without``, each seed, and their ``mean``) its ``accuracy`` and, of those with
        an adapter, the paired ``difference`` from the policy without one.
    """
    parts: dict[str, list[AgentRow]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: row.task):
        parts[row.task].append(row)
    parts |= {_EMOTION: [row for row in rows if row.decision == "emotion"], _ALL: list(rows)}
    return {kind: {task: _measure(part, kind, base, seeds) for task, part in parts.items() if part} for kind in _KINDS}


def _measure(
    part: Sequence[AgentRow], kind: str, base: JudgedChoices, seeds: Mapping[str, JudgedChoices]
) -> dict[str, Any]:
    ids, groups = [row.id for row in part], {row.id: row.group for row in part}
    without = {i: getattr(base, kind)[i] for i in ids}
    found = {name: {i: getattr(judged, kind)[i] for i in ids} for name, judged in seeds.items()}
    if len(found) > 1:
        found["mean"] = {i: sum(scores[i] for scores in found.values()) / len(found) for i in ids}
    measured: dict[str, Any] = {
        "n": len(ids),
        "chance": sum(1 / len(row.options) for row in part) / len(part),
        "without": {"accuracy": sum(without.values()) / len(ids)},
    }
    for name, scores in found.items():
        compared = compare(without, scores, groups)
        measured[name] = {
            "accuracy": sum(scores.values()) / len(ids),
            "difference": compared.difference.mean,
            "low": compared.difference.low,
            "high": compared.difference.high,
            "p": compared.p_value,
            "better": compared.better,
            "worse": compared.worse,
        }
    return measured


def render_seeds(measured: Mapping[str, Mapping[str, Mapping[str, Any]]], command: str) -> str:
    """Return the page as Markdown.

    Args:
        measured: as :func:`measure_seeds` returns it.
        command: that made the adapters.
    """
    lines = [
        f"{measured['policy'][_ALL]['n']} held-out decisions and questions of the agent, accuracy without the adapter "
        "and with it, by seed of training; differences are paired, with the 95% interval and p of a sign-flip "
        "permutation test over groups (comments, videos, stories, dialogues). The agent pools the policy with what it "
        "measured, at weights fitted on other groups; where nothing is measured (questions about texts) it takes what "
        f"the policy takes. Made by `{command}`.",
        "",
    ]
    for kind, title in _KINDS.items():
        lines += [f"## {title}", "", *_table(measured[kind]), ""]
    lines += ["## Every seed against the policy without an adapter", "", *_by_seed(measured), ""]
    return "\n".join(lines)


def _names(measured: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return what stands beside the policy without an adapter."""
    return [name for name in measured[_ALL] if name not in ("n", "chance", "without")]


def _table(measured: Mapping[str, Mapping[str, Any]]) -> list[str]:
    names = _names(measured)
    titles = ["task", "n", "chance", "without", *names, f"{names[-1]} against without"]
    lines = [f"| {' | '.join(titles)} |", "|---" * len(titles) + "|"]
    for task, found in measured.items():
        accuracies = [found[name]["accuracy"] for name in ("without", *names)]
        cells = [task, str(found["n"]), f"{found['chance']:.3f}", *(f"{a:.3f}" for a in accuracies)]
        lines.append(f"| {' | '.join([*cells, _shown(found[names[-1]])])} |")
    return lines


def _by_seed(measured: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> list[str]:
    lines = [
        "| | all | better | worse | emotion decisions | tasks significantly worse |",
        "|---|---|---|---|---|---|",
    ]
    for kind, by_task in measured.items():
        for name in _names(by_task):
            found = by_task[_ALL][name]
            lost = [t for t, m in by_task.items() if m[name]["p"] < _SIGNIFICANT and m[name]["difference"] < 0]
            emotion = _shown(by_task[_EMOTION][name]) if _EMOTION in by_task else "none"
            counts = f"{found['better']} | {found['worse']}"
            lines.append(f"| {kind}, {name} | {_shown(found)} | {counts} | {emotion} | {', '.join(lost) or 'none'} |")
    return lines


def _shown(found: Mapping[str, Any]) -> str:
    return f"{found['difference']:+.3f} ({found['low']:+.3f} to {found['high']:+.3f}), p {found['p']:.4f}"


@click.command()
@click.argument("output", type=click.Path(path_type=Path, file_okay=False, exists=True))
@click.argument("page", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--command", required=True, help="That made the adapters.")
def main(output: Path, page: Path, command: str) -> None:
    """Write the page; see the module."""
    with exit_on_error():
        rows = read_agent_rows([output / "rows" / "test.jsonl"])
        folders = sorted(folder for folder in output.glob("seed-*") if (folder / "evaluation/trained.jsonl").is_file())
        if not folders:
            raise InputError("no seed has been evaluated", "Run omnisense.rl.default_adapter.", output)
        opinions = [read_opinions(folder / "evaluation" / "trained.jsonl") for folder in folders]
        without = read_opinions(folders[0] / "evaluation" / "base.jsonl")
        rows = [row for row in rows if all(row.id in known for known in (without, *opinions))]
        base = judge("without", rows, without)
        seeds = {
            folder.name.replace("-", " "): judge(folder.name, rows, known)
            for folder, known in zip(folders, opinions, strict=True)
        }
        measured = measure_seeds(rows, base, seeds)
        write_atomically(page, render_seeds(measured, command))
        write_atomically(page.with_suffix(".json"), json.dumps(measured, indent=1) + "\n")


if __name__ == "__main__":
    main()
