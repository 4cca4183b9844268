"""What a training run is worth: base and trained policy on held-out questions, curves, and a model card."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from omnisense import models
from omnisense.benchmarks.harness.dataset import Dataset
from omnisense.benchmarks.harness.report import write_comparison, write_report
from omnisense.benchmarks.harness.run import RunSettings, run
from omnisense.benchmarks.harness.summary import compare_runs, load_run
from omnisense.benchmarks.harness.systems import SystemSettings
from omnisense.benchmarks.suites import get_suite, report_spec_for
from omnisense.files import write_atomically
from omnisense.rl.data.split import Split
from omnisense.rl.recipe import Recipe
from omnisense.version import __version__

_CURVES = {
    "reward": "reward", "kl": "KL to the start", "completions/mean_length": "completion length (tokens)",
    "unparseable": "unparseable answers", "frac_reward_zero_std": "groups without variance", "entropy": "entropy",
    "loss": "loss", "mean_token_accuracy": "token accuracy",
}  # fmt: skip


class Candidate(NamedTuple):
    """A policy to be evaluated: a name for the report, the policy, and its adapter."""

    name: str
    policy: str
    adapter: str | None = None


def finish(
    recipe: Recipe, folder: Path, split: Split, log: list[dict[str, Any]], candidates: Sequence[Candidate], say: Any
) -> dict[str, Any]:
    """Evaluate, draw and describe; ``result.json`` is written last, and its presence says that all is done."""
    draw_curves(log, folder / "curves.png")
    compared = None
    if recipe.evaluation.run and split.held_out.samples:
        compared = evaluate(recipe, split.held_out, candidates, folder, say)
    elif recipe.evaluation.run:
        say("nothing is held out, so base and trained policy are not compared")
    result = {"method": recipe.method, "log": summary_of(log), "data": split.summary(), "comparison": compared}
    write_atomically(folder / "final" / "README.md", card(recipe, result, candidates[-1]))
    write_atomically(folder / "result.json", json.dumps(result, indent=1, ensure_ascii=False) + "\n")
    return result


def evaluate(recipe: Recipe, data: Dataset, candidates: Sequence[Candidate], folder: Path, say: Any) -> dict[str, Any]:
    """Every candidate on the same questions, put as in training; each against the first, and against the one before."""
    folders = []
    suite = get_suite(data.suite)
    for candidate in candidates:
        system = SystemSettings(
            policy=candidate.policy, adapter=candidate.adapter, method=recipe.evaluation.method,
            max_new_tokens=recipe.evaluation.max_new_tokens, batch_size=recipe.evaluation.batch_size,
        )  # fmt: skip
        output = folder / "evaluation" / candidate.name
        say(f"evaluating {candidate.name} on {len(data.samples)} held-out questions")
        run(RunSettings(suite, system, recipe.data.prompting(), output), data)
        write_report(output, report_spec_for([output]))
        folders.append(output)
    found = write_comparison(folders, report_spec_for(folders), folder / "comparison")
    names = [candidate.name for candidate in candidates]
    runs = [(name, load_run(at)[1]) for name, at in zip(names, folders, strict=True)]
    return {
        "questions": len(data.samples),
        "systems": [
            {
                "name": name,
                "strict": s["strict"]["micro"],
                "unparseable": s["rates"]["unparseable"],
                "counts": s["counts"],
            }
            for name, s in zip(names, found["runs"], strict=True)
        ],
        "pairs": [
            *compare_runs(runs),
            *(compare_runs(pair)[0] for pair in itertools.pairwise(runs[1:])),  # what each stage added
        ],
    }


def told(pair: dict[str, Any]) -> str:
    """A paired comparison in a line."""
    d = pair["difference"]
    if d["mean"] is None:
        return f"{pair['second']} and {pair['first']} answered no question in common"
    clear = "" if d["low"] > 0 or d["high"] < 0 else "; no clear difference"
    return (
        f"{pair['second']} against {pair['first']}: {d['mean']:+.3f} ({d['low']:+.3f} to {d['high']:+.3f}) on {d['n']} "
        f"held-out questions, p = {pair['p_value']:.4f}{clear}"
    )


def summary_of(log: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Of every curve its first and last tenth, and what the whole run took."""
    found: dict[str, Any] = {}
    for key in [*_CURVES, "step_time", *sorted({k for entry in log for k in entry if k.startswith("rewards/")})]:
        values = [float(entry[key]) for entry in log if isinstance(entry.get(key), (int, float))]
        values = [value for value in values if math.isfinite(value)]
        if values:
            tenth = max(1, len(values) // 10)
            found[key] = {
                "first": round(sum(values[:tenth]) / tenth, 5),
                "last": round(sum(values[-tenth:]) / tenth, 5),
                "mean": round(sum(values) / len(values), 5),
            }
    last: dict[str, Any] = next((entry for entry in reversed(log) if "train_runtime" in entry), {})
    tokens = next((entry["num_tokens"] for entry in reversed(log) if "num_tokens" in entry), None)
    steps = max((int(entry.get("step", 0)) for entry in log), default=0)
    return found | {"steps": steps, "seconds": last.get("train_runtime"), "tokens": tokens}


def draw_curves(log: Sequence[dict[str, Any]], path: Path) -> None:
    """One picture with a panel for every curve that the log has; every reward has one of its own."""
    from matplotlib.figure import Figure

    rewards = sorted({key for entry in log for key in entry if key.startswith("rewards/") and key.endswith("/mean")})
    wanted = _CURVES | {key: key.removeprefix("rewards/").removesuffix("/mean") for key in rewards}
    series = {
        title: points
        for key, title in wanted.items()
        if len(points := [(e["step"], float(e[key])) for e in log if isinstance(e.get(key), (int, float))]) > 1
    }
    if not series:
        return
    rows = math.ceil(len(series) / 3)
    figure = Figure(figsize=(12, 2.6 * rows), layout="constrained")
    for place, (title, points) in enumerate(series.items(), 1):
        axes = figure.add_subplot(rows, 3, place)
        axes.plot(*zip(*points, strict=True), linewidth=1.2, color="#1f5fa8")
        axes.set_title(title, fontsize=10)
        axes.grid(alpha=0.3)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)


def card(recipe: Recipe, result: dict[str, Any], trained: Candidate) -> str:
    """The model card: what it is, what it learnt from, how it fared, and how to use it."""
    adapter = trained.adapter is not None
    use = f"--policy {recipe.policy} --adapter ." if adapter else "--policy ."
    version = models.version(recipe.policy)
    front = ["---", "library_name: peft" if adapter else "library_name: transformers", f"base_model: {recipe.policy}",
             f"tags: [omnisense, {recipe.method}]", "---"]  # fmt: skip
    log = result["log"]
    lines = [
        *front, "", f"# {recipe.policy} after {recipe.method.upper()}", "", recipe.about.strip(), "",
        f"Use it: `omnisense eval {result['data']['suite']} --data ... {use}`.", "", "## How it was made", "",
        f"- OmniSense {__version__}, TRL's {recipe.method.upper()} trainer; the base as of {version}.",
        f"- {log['steps']} steps, {log['tokens'] or '?'} tokens, {log['seconds'] or '?'} s.",
        f"- Trained: {_trained(recipe)}.",
        f"- Data: {result['data']['train']} questions from {', '.join(p.name for p in recipe.data.files)}; by task: "
        f"{_counts(result['data']['train_tasks'])}. Their licences hold for what was learnt from them.",
    ]  # fmt: skip
    if recipe.method == "grpo":
        lines.append(f"- Rewards: {json.dumps(recipe.rewards)}.")
        if reward := log.get("reward"):
            lines.append(
                f"- Reward: {reward['first']:.3f} in the first tenth of the steps, {reward['last']:.3f} in the last."
            )
    lines += ["", "## How it fares", "", *_fares(result["comparison"]), "", "## Limits", "",
              "Measured on the held-out questions named above and on nothing else. It is no therapist, and its reading "
              "of people is not to be used to decide about them.", ""]  # fmt: skip
    return "\n".join(lines)


def _trained(recipe: Recipe) -> str:
    weights = recipe.weights
    what = f"a LoRA adapter (r={weights.r})" if weights.train == "adapter" else "all weights"
    return f"{what}, {'with' if weights.towers else 'without'} what sees and hears"


def _counts(tasks: dict[str, int]) -> str:
    return ", ".join(f"{task} {n}" for task, n in sorted(tasks.items()))


def _fares(compared: dict[str, Any] | None) -> list[str]:
    if compared is None:
        return ["It was not compared with its base."]
    lines = [f"On {compared['questions']} held-out questions (strict score, 95% bootstrap intervals):", "",
             "| | accuracy | could not be read |", "| --- | --- | --- |"]  # fmt: skip
    for one in compared["systems"]:
        e = one["strict"]
        shown = f"{e['mean']:.3f} ({e['low']:.3f} to {e['high']:.3f})" if e["mean"] is not None else "none answered"
        lines.append(f"| {one['name']} | {shown} | {one['unparseable']:.1%} |")
    for pair in compared["pairs"]:
        lines += ["", f"{told(pair)}."]
    return lines
