"""What is written at the end of a run: curves, the evaluation, a model card, and ``result.json``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from omnisense.files import write_atomically
from omnisense.rl.data.choice_split import ChoiceSplit
from omnisense.rl.data.reply_rows import ReplySplit
from omnisense.rl.data.split import Split
from omnisense.rl.progress import OnProgress
from omnisense.rl.recipe import Recipe
from omnisense.rl.reporting.choice_evaluation import evaluate_choices
from omnisense.rl.reporting.curves import LogEntry, draw_curves, summarize_log
from omnisense.rl.reporting.evaluate import Candidate, evaluate_candidates
from omnisense.rl.reporting.model_card import render_model_card
from omnisense.rl.reporting.reply_evaluation import evaluate_replies
from omnisense.rl.reporting.results import RunSummary


def summarize_run(
    recipe: Recipe,
    folder: Path,
    split: Split | ChoiceSplit,
    log: Sequence[LogEntry],
    candidates: Sequence[Candidate],
    on_progress: OnProgress,
) -> RunSummary:
    """Draw the curves, evaluate the candidates, and write the model card and ``result.json``.

    ``result.json`` is written last: a run that has it is complete.

    Args:
        recipe: of the run.
        folder: of the run.
        split: its training and held-out questions.
        log: what the trainer logged, in order.
        candidates: the base model first, the trained one last.
        on_progress: receives a line for each step of the evaluation.
    """
    draw_curves(log, folder / "curves.png")
    comparison = None
    if isinstance(split, ReplySplit):
        if recipe.evaluation.run and split.test:
            comparison = evaluate_replies(recipe, split.test, candidates, folder, on_progress)
    elif isinstance(split, ChoiceSplit):
        if recipe.evaluation.run and split.test:
            comparison, profiles = evaluate_choices(
                split.test, candidates, folder, recipe.evaluation.batch_size, on_progress
            )
            profiles[candidates[-1].name].save(folder / "final" / "profile.json")
    elif recipe.evaluation.run and split.test.samples:
        comparison = evaluate_candidates(recipe, split.test, candidates, folder, on_progress)
    if recipe.evaluation.run and comparison is None:
        on_progress("no questions are held out: base and trained model are not compared")
    summary = RunSummary(method=recipe.method, log=summarize_log(log), data=split.summary(), comparison=comparison)
    write_atomically(folder / "final" / "README.md", render_model_card(recipe, summary, candidates[-1]))
    write_atomically(folder / "result.json", summary.to_json())
    return summary
