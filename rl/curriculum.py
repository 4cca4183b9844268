"""Train a recipe's stages, each starting from the model that the stage before it produced.

HumanSense for instance trains on video, then on audio, then on both. Every stage has its own folder and checkpoints;
the same command resumes at the stage and step where it stopped. At the end the base model and all stages are compared
on questions that no stage was trained on.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from transformers import TrainerCallback

from omnisense.benchmarks.harness.dataset import Dataset
from omnisense.files import write_atomically
from omnisense.rl.data.split import Split
from omnisense.rl.progress import OnProgress, log_progress
from omnisense.rl.recipe import Recipe, Stage, expand_stages
from omnisense.rl.reporting.evaluate import Candidate, evaluate_candidates
from omnisense.rl.reporting.model_card import render_model_card
from omnisense.rl.reporting.results import Comparison, CurriculumSummary, RunSummary, StageSummary
from omnisense.rl.run_folder import open_run_folder
from omnisense.rl.train import TrainingResult, train
from omnisense.rl.trainers.distributed import is_main_process

_log = logging.getLogger(__name__)


def train_curriculum(
    recipe: Recipe,
    folder: Path,
    on_progress: OnProgress | None = None,
    callbacks: Sequence[TrainerCallback] = (),
) -> CurriculumSummary | None:
    """Train all stages and compare them.

    Args:
        recipe: with stages.
        folder: of the run; each stage has a folder in it.
        on_progress: receives a line for each step, in the main process.
        callbacks: for the trainers.

    Returns:
        The content of ``result.json``; None in a process other than the main one.

    Raises:
        OmniSenseError: as :func:`omnisense.rl.train.train`; completed stages are kept.
    """
    stages = expand_stages(recipe)
    with open_run_folder(folder):
        report = log_progress(_log, on_progress)
        results: list[TrainingResult] = []
        candidates = [Candidate("base", recipe.policy)]
        for number, stage in enumerate(stages, 1):
            report(f"stage {number} of {len(stages)}: {stage.name}")
            stage_recipe = _start_from(stage.recipe, candidates[-1])
            stage_recipe.evaluation.run = False  # all stages are compared at the end
            result = train(stage_recipe, folder / f"{number}-{stage.name}", on_progress, callbacks)
            results.append(result)
            candidates.append(result.candidate._replace(name=stage.name))
        if not is_main_process():
            return None
        comparison = _compare(stages[-1].recipe, results, candidates, folder, report)
        return _write_results(folder, stages, results, candidates[-1], comparison)


def _start_from(recipe: Recipe, previous: Candidate) -> Recipe:
    """Return the stage's recipe with the model, or the adapter, of the stage before it."""
    if previous.adapter is not None:
        return recipe.model_copy(deep=True, update={"adapter": previous.adapter})
    return recipe.model_copy(deep=True, update={"policy": previous.policy})


def _compare(
    recipe: Recipe,
    results: Sequence[TrainingResult],
    candidates: Sequence[Candidate],
    folder: Path,
    report: OnProgress,
) -> Comparison | None:
    splits = [result.split for result in results if isinstance(result.split, Split)]
    if len(splits) < len(results):
        return None  # choices are compared by stage
    held_out = _held_out_by_all(splits)
    if not (recipe.evaluation.run and held_out.samples):
        return None
    return evaluate_candidates(recipe, held_out, candidates, folder, report)


def _held_out_by_all(splits: Sequence[Split]) -> Dataset:
    """Return the questions that some stage holds out and no stage trains on."""
    trained = {sample.group for split in splits for sample in split.train if sample.group}
    samples = {sample.id: sample for split in splits for sample in split.test.samples if sample.group not in trained}
    return replace(splits[-1].test, samples=tuple(samples.values()))


def _write_results(
    folder: Path,
    stages: Sequence[Stage],
    results: Sequence[TrainingResult],
    trained: Candidate,
    comparison: Comparison | None,
) -> CurriculumSummary:
    """Write the last stage's model card and ``result.json``, and return the latter."""
    summaries = [result.summary for result in results if result.summary is not None]
    summary = CurriculumSummary(
        stages=[StageSummary(name=stage.name, **dict(done)) for stage, done in zip(stages, summaries, strict=True)],
        comparison=comparison,
    )
    final = folder / f"{len(stages)}-{stages[-1].name}" / "final"
    last: RunSummary = summaries[-1].model_copy(update={"comparison": comparison})
    write_atomically(final / "README.md", render_model_card(stages[-1].recipe, last, trained))
    write_atomically(folder / "result.json", summary.to_json())
    return summary
