"""Train an adapter for the default model on first drafts of replies, from sets that are free to train on.

    python -m omnisense.rl.reply_adapter DATA OUTPUT [--seeds 0,1,2]

DATA is a folder with ``counselchat`` and ``goemotions`` as published (MIT, Apache-2.0). OUTPUT gets ``rows/`` (what the
agent asks about their texts, with the replies of ``rl/data/reply_examples.jsonl``), the run folder ``seed-N`` of
``omnisense train reply-sft`` for each seed, ``evaluation/`` with one draft of each candidate for each of 100 texts that
no training saw, and ``comparison/replies.md``. The same command goes on where it was interrupted.

The adapter does not ship: ``rl/results/smollm2_reply/replies.md`` says what it gains, and what it does not.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from omnisense.errors import exit_on_error
from omnisense.reasoning.policies.base import DEFAULT_POLICY
from omnisense.rl.adapter_run import train_seed
from omnisense.rl.data.agent_rows import read_agent_rows
from omnisense.rl.data.reply_examples import prepare_replies
from omnisense.rl.reporting.evaluate import Candidate

RECIPE = "smollm2-reply-sft"
_SAMPLED_WITH = 0  # the seed of the drafts that are compared, whatever that of training


def _numbers(_context: Any, _parameter: Any, text: str) -> list[int]:
    try:
        return [int(number) for number in text.split(",")]
    except ValueError as error:
        raise click.BadParameter("give whole numbers, with commas between them") from error


@click.command()
@click.argument("data", type=click.Path(path_type=Path, file_okay=False, exists=True))
@click.argument("output", type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "--seeds", default="0,1,2", show_default=True, callback=_numbers, help="Of training, with commas between them."
)
@click.argument("overrides", nargs=-1, metavar="[KEY=VALUE]...")
def main(data: Path, output: Path, seeds: list[int], overrides: tuple[str, ...]) -> None:
    """Train and evaluate the adapter with every seed; see the module."""

    def say(line: str) -> None:
        click.echo(line, err=True)

    with exit_on_error():
        rows = prepare_replies(data, output / "rows", say)
        from omnisense.rl.reporting.reply_evaluation import evaluate_replies

        candidates = [Candidate("base", DEFAULT_POLICY)]
        for seed in seeds:
            recipe, trained = train_seed(RECIPE, "reply-sft", rows, output, seed, overrides, say)
            candidates.append(trained._replace(name=f"seed {seed}"))
        comparison = evaluate_replies(
            recipe.model_copy(update={"seed": _SAMPLED_WITH}), read_agent_rows([rows[1]]), candidates, output, say,
            mean_of=[candidate.name for candidate in candidates[1:]],
        )  # fmt: skip
    for pair in comparison.pairs:
        click.echo(pair.describe())


if __name__ == "__main__":
    main()
