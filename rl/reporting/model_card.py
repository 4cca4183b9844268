"""The model card of a trained policy."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import yaml

from omnisense import models
from omnisense.benchmarks.exports.hugging_face import model_index
from omnisense.benchmarks.harness.figures import Figure
from omnisense.rl.recipe import Method, Recipe
from omnisense.rl.reporting.evaluate import Candidate
from omnisense.rl.reporting.results import Comparison, RunSummary
from omnisense.version import __version__

_METHODS: dict[Method, str] = {
    "grpo": "GRPO with TRL's trainer",
    "sft": "SFT with TRL's trainer",
    "choice": "training of choices (cross-entropy over the scores that `choose` compares)",
    "reply": "GRPO on replies with TRL's trainer",
    "reply-sft": "supervised fine-tuning on replies with TRL's trainer",
}


def render_model_card(recipe: Recipe, summary: RunSummary, trained: Candidate) -> str:
    """Return a model card as Markdown: what the model is, how it was trained and evaluated, and how to use it."""
    return "\n".join(
        [
            *_front_matter(recipe, summary, trained),
            "",
            f"# {base_name(recipe.policy)} after {_METHODS[recipe.method]}",
            "",
            recipe.description.strip(),
            "",
            f"Use it: `{_command(recipe, summary)} {_policy_options(recipe, trained)}`.",
            "",
            "## Training",
            "",
            *_training(recipe, summary),
            "",
            "## Evaluation",
            "",
            *_evaluation(summary.comparison, recipe.method),
            "",
            "## Limitations",
            "",
            "Evaluated on the held-out questions named above and on nothing else. The model is not a therapist, and "
            "must not be used to make decisions about people.",
            "",
        ]
    )


def _front_matter(recipe: Recipe, summary: RunSummary, trained: Candidate) -> list[str]:
    library = "peft" if trained.adapter is not None else "transformers"
    return [
        "---",
        f"library_name: {library}",
        f"base_model: {base_name(recipe.policy)}",
        f"tags: [omnisense, {recipe.method}]",
        *_results(recipe, summary, trained),
        "---",
    ]


def _results(recipe: Recipe, summary: RunSummary, trained: Candidate) -> list[str]:
    """Return the evaluation results of the trained model in the standard form of the metadata."""
    if summary.comparison is None:
        return []
    strict = next(system.strict for system in summary.comparison.systems if system.name == trained.name)
    figure: Figure = {"n": strict.n, "mean": strict.mean, "low": strict.low, "high": strict.high}
    name = f"{base_name(recipe.policy)} after {recipe.method}"
    found = model_index(name, [(f"{summary.data.suite} (held-out questions)", figure)])
    return str(yaml.safe_dump(found, sort_keys=False, allow_unicode=True)).rstrip().split("\n")


def _command(recipe: Recipe, summary: RunSummary) -> str:
    if recipe.method in ("choice", "reply", "reply-sft"):
        return "omnisense respond clip.mp4"
    return f"omnisense eval {summary.data.suite} --data ..."


def base_name(policy: str) -> str:
    """Return the name of a model: its own, or that of its folder, whose path means nothing elsewhere."""
    folder = Path(policy)
    return folder.resolve().name if folder.is_dir() else policy


def _learning_rate(recipe: Recipe) -> float:
    """Return the recipe's learning rate, or the default of its trainer."""
    from omnisense.rl.trainers.config import CONFIGS

    defaults = {field.name: field.default for field in dataclasses.fields(CONFIGS[recipe.method])}
    return float(recipe.trainer.get("learning_rate", defaults["learning_rate"]))


def _policy_options(recipe: Recipe, trained: Candidate) -> str:
    return f"--policy {recipe.policy} --adapter ." if trained.adapter is not None else "--policy ."


def _training(recipe: Recipe, summary: RunSummary) -> list[str]:
    log, data = summary.log, summary.data
    tasks = ", ".join(f"{task} {n}" for task, n in sorted(data.train_tasks.items()))
    base = models.version(recipe.policy).replace(recipe.policy, base_name(recipe.policy))
    if recipe.adapter:
        base += f", and the adapter {base_name(recipe.adapter)}"
    lines = [
        f"- OmniSense {__version__}; {_METHODS[recipe.method]}, from {base}.",
        f"- Seed {recipe.seed}, learning rate {_learning_rate(recipe):g}.",
        f"- {log.steps} steps, {log.tokens or '?'} tokens, {log.seconds or '?'} s.",
        f"- Trained weights: {recipe.weights.describe()}.",
        f"- Data: {data.train} questions from {', '.join(path.name for path in recipe.data.files)}; by task: {tasks}. "
        "The licenses of these data apply to the model.",
    ]
    if recipe.method in ("grpo", "reply"):
        lines.append(f"- Rewards: {json.dumps(recipe.rewards)}.")
        if reward := log.curves.get("reward"):
            lines.append(
                f"- Mean reward: {reward.first:.3f} in the first tenth of the steps, {reward.last:.3f} in the last."
            )
    return lines


def _evaluation(comparison: Comparison | None, method: Method) -> list[str]:
    if comparison is None:
        return ["The model was not compared with its base."]
    replies = method in ("reply", "reply-sft")
    what = "first drafts of replies: the share without a fault" if replies else "held-out questions: strict score"
    lines = [
        f"On {comparison.questions} {what}, with 95% bootstrap intervals, beside the base model:",
        "",
        f"| | {'faultless' if replies else 'accuracy'} | unparseable |",
        "| --- | --- | --- |",
    ]
    for system in comparison.systems:
        score = system.strict
        shown = f"{score.mean:.3f} ({score.low:.3f} to {score.high:.3f})" if score.mean is not None else "none answered"
        lines.append(f"| {system.name} | {shown} | {system.unparseable:.1%} |")
    for pair in comparison.pairs:
        lines += ["", f"{pair.describe()}."]
    return lines
