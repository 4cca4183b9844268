"""Evaluate the base model and the trained ones on the same held-out questions, and compare them."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from omnisense.benchmarks.harness.dataset import Dataset
from omnisense.benchmarks.harness.report import write_comparison, write_report
from omnisense.benchmarks.harness.run import RunSettings, run
from omnisense.benchmarks.harness.summary import compare_runs, load_run
from omnisense.benchmarks.harness.systems import SystemSettings
from omnisense.benchmarks.suites import get_suite, report_spec_for
from omnisense.rl.progress import OnProgress
from omnisense.rl.recipe import Recipe
from omnisense.rl.reporting.results import Comparison, PairedDifference, QuestionCounts, ScoreEstimate, SystemScore


class Candidate(NamedTuple):
    """A policy to be evaluated: its name in the report, and the policy and adapter as ``--policy`` takes them."""

    name: str
    policy: str
    adapter: str | None = None


def evaluate_candidates(
    recipe: Recipe, data: Dataset, candidates: Sequence[Candidate], folder: Path, on_progress: OnProgress
) -> Comparison:
    """Evaluate candidates on the same questions, with the prompts of training.

    Args:
        recipe: its ``evaluation`` and its prompts are used.
        data: the held-out questions.
        candidates: the base model first, then in the order of training.
        folder: of the run; ``evaluation/NAME`` and ``comparison`` are written into it.
        on_progress: receives a line for each candidate.

    Returns:
        Scores, and each candidate against the first and against the one before it.
    """
    outputs = []
    for candidate in candidates:
        on_progress(f"evaluating {candidate.name} on {len(data.samples)} held-out questions")
        outputs.append(_evaluate(recipe, data, candidate, folder / "evaluation" / candidate.name))
    summaries = write_comparison(outputs, report_spec_for(outputs), folder / "comparison")["runs"]
    runs = [(candidate.name, load_run(output)[1]) for candidate, output in zip(candidates, outputs, strict=True)]
    pairs = [*compare_runs(runs), *(compare_runs(pair)[0] for pair in itertools.pairwise(runs[1:]))]
    return Comparison(
        questions=len(data.samples),
        systems=[
            SystemScore(
                name=candidate.name,
                strict=ScoreEstimate.model_validate(summary["strict"]["micro"]),
                unparseable=summary["rates"]["unparseable"],
                counts=QuestionCounts.model_validate(summary["counts"]),
            )
            for candidate, summary in zip(candidates, summaries, strict=True)
        ],
        pairs=[PairedDifference.model_validate(pair) for pair in pairs],
    )


def _evaluate(recipe: Recipe, data: Dataset, candidate: Candidate, output: Path) -> Path:
    """Run one candidate, write its report, and return its run folder."""
    system = SystemSettings(
        policy=candidate.policy, adapter=candidate.adapter, method=recipe.evaluation.method,
        max_new_tokens=recipe.evaluation.max_new_tokens, batch_size=recipe.evaluation.batch_size,
    )  # fmt: skip
    run(RunSettings(get_suite(data.suite), system, recipe.data.prompting(), output), data)
    write_report(output, report_spec_for([output]))
    return output
