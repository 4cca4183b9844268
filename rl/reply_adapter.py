"""Train an adapter for the default model on first drafts of replies, from sets that are free to train on.

    python -m omnisense.rl.reply_adapter DATA OUTPUT [--seeds 0,1,2]

DATA is a folder with ``counselchat`` and ``goemotions`` as published (MIT, Apache-2.0). OUTPUT gets ``rows/`` (what the
agent asks about their texts, with the replies of ``rl/data/reply_examples.jsonl``), the run folder ``seed-N`` of
``omnisense train reply-sft`` for each seed, ``evaluation/`` with one draft of each candidate for each of 100 texts that
no training saw, and ``comparison/replies.md``. The same command goes on where it was interrupted.

The adapter does not ship: ``rl/results/smollm2_reply/replies.md`` says what it gains, and what it does not.
"""

from __future__ import annotations

import sys
from pathlib import Path

import click

from omnisense.errors import OmniSenseError
from omnisense.reasoning.policies.base import DEFAULT_POLICY
from omnisense.rl.data.agent_rows import read_agent_rows
from omnisense.rl.data.reply_examples import prepare_replies
from omnisense.rl.reporting.evaluate import Candidate

RECIPE = "smollm2-reply-sft"


@click.command()
@click.argument("data", type=click.Path(path_type=Path, file_okay=False, exists=True))
@click.argument("output", type=click.Path(path_type=Path, file_okay=False))
@click.option("--seeds", default="0,1,2", show_default=True, help="Of training, with commas between them.")
@click.argument("overrides", nargs=-1, metavar="[KEY=VALUE]...")
def main(data: Path, output: Path, seeds: str, overrides: tuple[str, ...]) -> None:
    """Train and evaluate the adapter with every seed; see the module."""

    def say(line: str) -> None:
        click.echo(line, err=True)

    try:
        train_file, test_file = prepare_replies(data, output / "rows", say)
        from omnisense.rl.recipe import read_recipe
        from omnisense.rl.reporting.reply_evaluation import evaluate_replies
        from omnisense.rl.train import train

        files = [f"data.files=[{train_file}]", f"data.test_files=[{test_file}]", "evaluation.run=false"]
        candidates = [Candidate("base", DEFAULT_POLICY)]
        for seed in seeds.split(","):
            recipe = read_recipe(RECIPE, [*files, f"seed={seed}", *overrides], "reply-sft")
            trained = train(recipe, output / f"seed-{seed}", say).candidate
            candidates.append(Candidate(f"seed {seed}", DEFAULT_POLICY, trained.adapter))
        recipe = read_recipe(RECIPE, files, "reply-sft")  # drafts of all are sampled with one seed
        trained_names = [candidate.name for candidate in candidates[1:]]
        comparison = evaluate_replies(
            recipe, read_agent_rows([test_file]), candidates, output, say, mean_of=trained_names
        )
    except OmniSenseError as error:
        click.echo(error, err=True)
        sys.exit(2)
    for pair in comparison.pairs:
        click.echo(pair.describe())


if __name__ == "__main__":
    main()
