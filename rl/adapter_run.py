"""The run of one seed, which the commands that train an adapter for the default model share."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from omnisense.rl.progress import OnProgress
from omnisense.rl.recipe import Method, Recipe, read_recipe
from omnisense.rl.reporting.evaluate import Candidate


def train_seed(
    name: str,
    method: Method,
    rows: tuple[Path, Path],
    output: Path,
    seed: int,
    overrides: Sequence[str],
    on_progress: OnProgress,
) -> tuple[Recipe, Candidate]:
    """Train by a recipe with one seed in ``output/seed-N``, or go on there.

    Args:
        name: of the recipe.
        method: of the recipe.
        rows: files of rows to train on, and of rows held out; the run does not evaluate itself on these.
        output: of the command.
        seed: of training.
        overrides: ``key=value``.
        on_progress: receives a line for each step of the run.

    Returns:
        The recipe with these settings, and what was trained.

    Raises:
        OmniSenseError: as :func:`omnisense.rl.train.train`, or an override cannot be used.
    """
    from omnisense.rl.train import train

    files = [f"data.files=[{rows[0]}]", f"data.test_files=[{rows[1]}]", "evaluation.run=false"]
    recipe = read_recipe(name, [*files, f"seed={seed}", *overrides], method)
    return recipe, train(recipe, output / f"seed-{seed}", on_progress).candidate
