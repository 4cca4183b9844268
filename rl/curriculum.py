"""Stages one after another, each from where the last one ended: video, then audio, then both, as HumanSense does.

Every stage has a folder of its own, with its own checkpoints; the same command goes on at the stage and the step where
it stopped. At the end base and every stage are compared on what no stage was trained on.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from transformers import TrainerCallback

from omnisense.benchmarks.harness.dataset import Dataset
from omnisense.files import write_atomically
from omnisense.rl.data.split import Split
from omnisense.rl.evaluate import Candidate, card, evaluate
from omnisense.rl.recipe import Recipe, stages_of
from omnisense.rl.train import Say, Trained, train


def train_curriculum(
    recipe: Recipe, folder: Path, say: Say = print, callbacks: Sequence[TrainerCallback] = ()
) -> dict[str, Any]:
    """Train all stages and compare them.

    Raises:
        OmniSenseError: as :func:`omnisense.rl.train.train`; the stages that are done are kept.
    """
    stages = stages_of(recipe)
    candidates = [Candidate("base", recipe.policy)]
    done: list[Trained] = []
    for number, stage in enumerate(stages, 1):
        say(f"stage {number} of {len(stages)}: {stage.name}")
        one = _started_from(stage.recipe, candidates[-1])
        one.evaluation.run = False  # all stages are compared at the end
        trained = train(one, folder / f"{number}-{stage.name}", say, callbacks)
        candidates.append(trained.candidate._replace(name=stage.name))
        done.append(trained)
    if done[-1].result is None:  # not the main process
        return {}
    last = stages[-1].recipe
    held = _held_by_all([trained.split for trained in done])
    compared = evaluate(last, held, candidates, folder, say) if recipe.evaluation.run and held.samples else None
    result = {
        "stages": [
            {"name": stage.name, "method": stage.recipe.method, **(trained.result or {})}
            for stage, trained in zip(stages, done, strict=True)
        ],
        "comparison": compared,
    }
    final = folder / f"{len(stages)}-{stages[-1].name}" / "final"
    write_atomically(
        final / "README.md", card(last, {**(done[-1].result or {}), "comparison": compared}, candidates[-1])
    )
    write_atomically(folder / "result.json", json.dumps(result, indent=1, ensure_ascii=False) + "\n")
    return result


def _started_from(recipe: Recipe, last: Candidate) -> Recipe:
    """The stage's recipe, its policy what the last stage left: an adapter that is trained on, or a whole model."""
    if last.adapter is not None:
        return recipe.model_copy(deep=True, update={"adapter": last.adapter})
    return recipe.model_copy(deep=True, update={"policy": last.policy})


def _held_by_all(splits: Sequence[Split]) -> Dataset:
    """What is held out in some stage and trained on in none."""
    seen = {sample.group for split in splits for sample in split.train if sample.group}
    samples = {sample.id: sample for split in splits for sample in split.held_out.samples if sample.group not in seen}
    return replace(splits[-1].held_out, samples=tuple(samples.values()))
