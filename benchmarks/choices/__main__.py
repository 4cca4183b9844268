"""Compare ways to score options: ``python -m omnisense.benchmarks.choices GOEMOTIONS TOMBENCH``.

GOEMOTIONS is the folder with ``labels.txt`` and ``dev.tsv.gz``, TOMBENCH that of ``*.jsonl.gz``. What was measured is
kept in ``--records``, and the command goes on where it was interrupted. Writes a page of Markdown.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from omnisense.benchmarks.choices.items import Item, load_items
from omnisense.benchmarks.choices.measure import measure
from omnisense.benchmarks.choices.report import render
from omnisense.benchmarks.harness.run_folder import cut_torn_line, read_measured
from omnisense.files import write_atomically
from omnisense.reasoning.policies.base import DEFAULT_POLICY
from omnisense.reasoning.policies.transformers import TransformersPolicy

_DIR = click.Path(path_type=Path, file_okay=False, exists=True)
_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command()
@click.argument("goemotions", type=_DIR)
@click.argument("tombench", type=_DIR)
@click.option("--policy", default=DEFAULT_POLICY, show_default=True, help="A text model with likelihoods.")
@click.option("--limit", default=40, show_default=True, help="Comments an emotion; the other tasks go with it.")
@click.option("--records", type=_FILE, default="runs/choices.jsonl", show_default=True)
@click.option("--output", type=_FILE, default="runs/choices.md", show_default=True)
@click.option("--note", default="", help="What else the page should say about the measurement.")
def main(goemotions: Path, tombench: Path, policy: str, limit: int, records: Path, output: Path, note: str) -> None:
    """Measure a policy's choices, and write the table of all policies that the records hold."""
    items = load_items(goemotions, tombench, limit)
    records.parent.mkdir(parents=True, exist_ok=True)
    cut_torn_line(records)
    known = read_measured(records)
    done = _count_done([record for record in known if record["policy"] == policy], items, records)
    with records.open("a", encoding="utf-8") as file:
        for at, record in enumerate(measure(TransformersPolicy(policy), items[done:]), done + 1):
            file.write(json.dumps(record) + "\n")
            file.flush()
            known.append(record)
            click.echo(f"{at} of {len(items)}", err=True)
    command = f"python -m omnisense.benchmarks.choices GOEMOTIONS TOMBENCH --limit {limit}"
    output.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(output, render(known, command, note))
    click.echo(f"written to {output}")


def _count_done(own: Sequence[Mapping[str, Any]], items: Sequence[Item], records: Path) -> int:
    """Return how many items have a record.

    Raises:
        click.UsageError: the records are not those of the first items.
    """
    asked = [(item.task, item.held_out, list(item.options), item.gold) for item in items[: len(own)]]
    if [(row["task"], row["held_out"], row["options"], row["gold"]) for row in own] != asked:
        raise click.UsageError(f"{records} has records of other data or of another --limit: give another --records")
    return len(own)


if __name__ == "__main__":
    main()
