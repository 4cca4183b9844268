"""A page about one adapter trained with several seeds: the policy alone and the agent around it, with and without it.

    python -m omnisense.rl.reporting.seeds_page OUTPUT PAGE --command "..."

OUTPUT is the folder of :mod:`omnisense.rl.default_adapter`, with ``rows/test.jsonl`` and ``seed-N/evaluation/``.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import click

from omnisense.benchmarks.harness.statistics import Comparison, compare
from omnisense.errors import InputError, OmniSenseError
from omnisense.files import write_atomically
from omnisense.rl.data.agent_rows import AgentRow, read_agent_rows
from omnisense.rl.reporting.choice_evaluation import JudgedChoices, judge, read_opinions

_SIGNIFICANT = 0.05
_ALL = "all"


def render_seeds(
    rows: Sequence[AgentRow], base: JudgedChoices, seeds: Mapping[str, JudgedChoices], command: str
) -> str:
    """Return the page as Markdown.

    Args:
        rows: held out.
        base: the policy without the adapter.
        seeds: by name, the policy with each adapter; the first one is compared task by task.
        command: that made the adapters.
    """
    tasks: dict[str, list[AgentRow]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: row.task):
        tasks[row.task].append(row)
    parts = {**tasks, _ALL: list(rows)}
    lines = [
        f"{len(rows)} held-out decisions and questions of the agent, accuracy without the adapter and with it, by seed "
        "of training; differences are paired, with the 95% interval and p of a sign-flip permutation test over groups "
        "(comments, videos, stories, dialogues). The agent pools the policy with what it measured, at weights fitted "
        "on other groups; where nothing is measured (questions about texts) it takes what the policy takes. Made by "
        f"`{command}`.",
        "",
    ]
    for kind, title in (("policy", "The policy alone"), ("agent", "The agent")):
        lines += [f"## {title}", "", *_table(parts, base, seeds, kind), ""]
    lines += ["## Every seed against the policy without an adapter", "", *_by_seed(parts, base, seeds), ""]
    return "\n".join(lines)


def _table(
    parts: Mapping[str, Sequence[AgentRow]], base: JudgedChoices, seeds: Mapping[str, JudgedChoices], kind: str
) -> list[str]:
    first = next(iter(seeds))
    titles = ["task", "n", "chance", "without", *seeds, f"{first} against without"]
    lines = [f"| {' | '.join(titles)} |", "|---" * len(titles) + "|"]
    for task, part in parts.items():
        chance = sum(1 / len(row.options) for row in part) / len(part)
        accuracies = [_mean(part, getattr(judged, kind)) for judged in (base, *seeds.values())]
        cells = [task, str(len(part)), f"{chance:.3f}", *(f"{a:.3f}" for a in accuracies)]
        lines.append(f"| {' | '.join([*cells, _shown(_difference(part, base, seeds[first], kind))])} |")
    return lines


def _by_seed(
    parts: Mapping[str, Sequence[AgentRow]], base: JudgedChoices, seeds: Mapping[str, JudgedChoices]
) -> list[str]:
    lines = ["| | all | better | worse | tasks significantly worse |", "|---|---|---|---|---|"]
    for kind in ("policy", "agent"):
        for name, judged in seeds.items():
            found = _difference(parts[_ALL], base, judged, kind)
            lost = [
                task
                for task, part in parts.items()
                if (d := _difference(part, base, judged, kind)).p_value < _SIGNIFICANT and (d.difference.mean or 0) < 0
            ]
            lines.append(
                f"| {kind}, {name} | {_shown(found)} | {found.better} | {found.worse} | {', '.join(lost) or 'none'} |"
            )
    return lines


def _difference(part: Sequence[AgentRow], base: JudgedChoices, judged: JudgedChoices, kind: str) -> Comparison:
    before, after = (
        {row.id: scores[row.id] for row in part} for scores in (getattr(base, kind), getattr(judged, kind))
    )
    return compare(before, after, {row.id: row.group for row in part})


def _shown(found: Comparison) -> str:
    d = found.difference
    return f"{d.mean:+.3f} ({d.low:+.3f} to {d.high:+.3f}), p {found.p_value:.4f}"


def _mean(part: Sequence[AgentRow], scores: Mapping[str, float]) -> float:
    return sum(scores[row.id] for row in part) / len(part)


@click.command()
@click.argument("output", type=click.Path(path_type=Path, file_okay=False, exists=True))
@click.argument("page", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--command", required=True, help="That made the adapters.")
def main(output: Path, page: Path, command: str) -> None:
    """Write the page; see the module."""
    try:
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
        write_atomically(page, render_seeds(rows, base, seeds, command))
    except OmniSenseError as error:
        click.echo(error, err=True)
        sys.exit(2)


if __name__ == "__main__":
    main()
