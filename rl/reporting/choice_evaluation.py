"""Evaluate a policy's choices on held-out rows of the agent, and the agent's own decisions with that policy.

The policy alone takes its likeliest option. The agent pools its probabilities with what was measured beside the prompt,
at weights that are fitted on the other groups (five folds), as ``omnisense calibrate`` fits a profile: so both are
measured on rows that trained neither the policy nor the weights.
"""

from __future__ import annotations

import functools
import json
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from omnisense.benchmarks.harness.run_folder import cut_torn_line
from omnisense.benchmarks.harness.statistics import Accuracies, compare
from omnisense.errors import InputError
from omnisense.files import write_atomically
from omnisense.reasoning.judged_pool import complete_weights, fit_pool
from omnisense.reasoning.policies.base import Choice, Policy
from omnisense.reasoning.policies.calibration import CalibratedChooser
from omnisense.reasoning.policies.load import load_policy
from omnisense.reasoning.profile import PolicyProfile
from omnisense.rl.data.agent_rows import AgentRow
from omnisense.rl.progress import OnProgress
from omnisense.rl.reporting.evaluate import Candidate
from omnisense.rl.reporting.results import Comparison, PairedDifference, QuestionCounts, ScoreEstimate, SystemScore
from omnisense.rl.trainers.prompt_prefetch import load_prompt
from omnisense.text import parse_json

_MIN_GROUPS = 10  # to fit weights of a pool
_CHUNK = 32  # rows that are asked between two writes


@dataclass(frozen=True)
class JudgedChoices:
    """What one policy gave on the held-out rows.

    Attributes:
        name: of the policy in the report.
        policy: by row, 1 where the policy alone is right, else 0.
        agent: by row, the same of the agent around it.
        profile: how the agent is to use the policy, as fitted on all rows.
    """

    name: str
    policy: Mapping[str, float]
    agent: Mapping[str, float]
    profile: PolicyProfile


def evaluate_choices(
    rows: Sequence[AgentRow], candidates: Sequence[Candidate], folder: Path, batch_size: int, on_progress: OnProgress
) -> tuple[Comparison, dict[str, PolicyProfile]]:
    """Evaluate candidates on the same rows.

    Args:
        rows: held out, each with its right options.
        candidates: the base model first, then in the order of training.
        folder: of the run; ``evaluation/NAME.jsonl`` and ``comparison/choices.md`` are written into it, and an
            interrupted evaluation goes on from there.
        batch_size: of prompts.
        on_progress: receives a line now and then.

    Returns:
        The scores of every policy and of the agent around it, each against the first; and the profiles by name.

    Raises:
        PolicyError: a policy failed.
    """
    judged = []
    for candidate in candidates:
        file = folder / "evaluation" / f"{candidate.name}.jsonl"
        on_progress(f"evaluating {candidate.name} on {len(rows)} held-out choices")
        load = functools.partial(load_policy, candidate.policy, adapter=candidate.adapter, batch_size=batch_size)
        opinions = collect_opinions(rows, load, file)
        judged.append(judge(candidate.name, rows, opinions))
    comparison = _compare(rows, judged)
    (folder / "comparison").mkdir(exist_ok=True)
    write_atomically(folder / "comparison" / "choices.md", render_choices(rows, judged))
    return comparison, {j.name: j.profile for j in judged}


def collect_opinions(rows: Sequence[AgentRow], load: Callable[[], Policy], file: Path) -> dict[str, list[float]]:
    """Return by row the policy's probabilities of the options, as the agent asks for them; those in a file are kept.

    Args:
        rows: choices.
        load: loads the policy, where it is needed.
        file: a line of JSON for each row.

    Raises:
        PolicyError: the policy failed.
        InputError: the file is damaged.
    """
    known = read_opinions(file)
    missing = [row for row in rows if row.id not in known]
    if not missing:
        return known
    file.parent.mkdir(parents=True, exist_ok=True)
    cut_torn_line(file)
    policy = load()
    chooser = CalibratedChooser(policy)
    with file.open("a", encoding="utf-8") as out:
        for at in range(0, len(missing), _CHUNK):
            chunk = missing[at : at + _CHUNK]
            for row, choice in zip(chunk, _ask(policy, chooser, chunk), strict=True):
                known[row.id] = list(choice.probabilities)
                out.write(json.dumps({"id": row.id, "probabilities": known[row.id]}) + "\n")
            out.flush()
    return known


def _ask(policy: Policy, chooser: CalibratedChooser, rows: Sequence[AgentRow]) -> list[Choice]:
    """Return the policy's choices: less its bias where the agent measures it."""
    choices: dict[str, Choice] = {}
    for biased in (False, True):
        part = [row for row in rows if bool(row.neutral) is biased]
        if not part:
            continue
        prompts, options = [load_prompt(row.prompt) for row in part], [row.options for row in part]
        if biased:
            found = chooser.choose(prompts, options, [load_prompt(row.neutral) for row in part])
        else:
            found = policy.choose(prompts, options)
        choices |= zip((row.id for row in part), found, strict=True)
    return [choices[row.id] for row in rows]


def read_opinions(file: Path) -> dict[str, list[float]]:
    """Return by row the probabilities that :func:`collect_opinions` wrote; none where there is no file.

    Raises:
        InputError: the file is damaged.
    """
    if not file.is_file():
        return {}
    whole = file.read_text("utf-8").split("\n")[:-1]  # a torn last line is asked again
    try:
        return {entry["id"]: entry["probabilities"] for entry in map(parse_json, whole)}
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"it is damaged ({error})", "Delete it; the rows are asked again.", file) from error


def judge(name: str, rows: Sequence[AgentRow], opinions: Mapping[str, Sequence[float]]) -> JudgedChoices:
    """Return what a policy gave alone and in the agent.

    Args:
        name: of the policy.
        rows: the choices.
        opinions: by row, probabilities of its options.
    """
    by_option = {row.id: dict(zip(row.options, opinions[row.id], strict=True)) for row in rows}
    alone = {row.id: _is_right(row, by_option[row.id]) for row in rows}
    agent = dict(alone)
    weights: dict[str, dict[str, float]] = {}
    accuracy: dict[str, dict[str, float]] = {}
    decisions: dict[str, list[AgentRow]] = defaultdict(list)
    for row in rows:
        if row.measured and len(row.gold) == 1:  # else the agent takes what the policy takes
            decisions[row.decision].append(row)
    for decision, part in sorted(decisions.items()):
        examples = [row.example(by_option[row.id]) for row in part]
        if len({row.group for row in part}) < _MIN_GROUPS:
            continue
        prior = PolicyProfile(name, leads=False).weights_of(decision)
        weights[decision], pooled = fit_pool(examples, complete_weights(prior, examples))
        accuracy |= {f"{decision} ({task})": found for task, found in pooled.by_task().items()}
        agent |= zip((row.id for row in part), map(float, pooled.right("pooled")), strict=True)
    return JudgedChoices(
        name, alone, agent, PolicyProfile(name, "measured", leads=False, weights=weights, accuracy=accuracy)
    )


def _is_right(row: AgentRow, probabilities: Mapping[str, float]) -> float:
    if len(row.gold) == 1:
        return float(max(probabilities, key=probabilities.__getitem__) == row.gold[0])
    taken = {option for option, p in probabilities.items() if p > 1 / len(probabilities)}
    return float(taken == set(row.gold))


def _compare(rows: Sequence[AgentRow], judged: Sequence[JudgedChoices]) -> Comparison:
    tasks = {row.id: row.task for row in rows}
    groups = {row.id: row.group for row in rows}
    systems = [(j.name, j.policy) for j in judged] + [(f"agent, {j.name}", j.agent) for j in judged]
    pairs = [(judged[0].name, judged[0].policy, j.name, j.policy) for j in judged[1:]]
    pairs += [(f"agent, {judged[0].name}", judged[0].agent, f"agent, {j.name}", j.agent) for j in judged[1:]]
    return Comparison(
        questions=len(rows),
        systems=[score_of(name, right, tasks) for name, right in systems],
        pairs=[pair_of(*pair, groups) for pair in pairs],
    )


def score_of(name: str, right: Mapping[str, float], tasks: Mapping[str, str]) -> SystemScore:
    """Return a system's mean of what is 1 or 0 in each row, with its interval.

    Args:
        name: of the system.
        right: by row.
        tasks: of the rows.
    """
    by_task: dict[str, list[float]] = defaultdict(list)
    for key, value in right.items():
        by_task[tasks[key]].append(value)
    return SystemScore(
        name=name,
        strict=ScoreEstimate(**Accuracies(by_task).micro()._asdict()),
        unparseable=0.0,
        counts=QuestionCounts(
            questions=len(right), answered=len(right), errors=0, unparseable=0, not_asked={}, with_frames=0,
            with_sound=0,
        ),
    )  # fmt: skip


def pair_of(
    first: str, before: Mapping[str, float], second: str, after: Mapping[str, float], groups: Mapping[str, str]
) -> PairedDifference:
    """Return the paired difference of a second system from a first.

    Args:
        first, second: names of the systems.
        before, after: what is 1 or 0 in each row.
        groups: of the rows.
    """
    found = compare(before, after, groups)
    return PairedDifference(
        first=first,
        second=second,
        questions=len(before.keys() & after.keys()),
        difference=ScoreEstimate(**found.difference._asdict()),
        p_value=found.p_value,
        better=found.better,
        worse=found.worse,
    )


def render_choices(rows: Sequence[AgentRow], judged: Sequence[JudgedChoices]) -> str:
    """Return a table of Markdown: by task, every policy and the agent around it, the last against the first."""
    base, trained = judged[0], judged[-1]
    names = [j.name for j in judged]
    lines = [
        "| task | n | chance | "
        + " | ".join(
            [*names, "difference (95% interval)", *(f"agent, {n}" for n in names), "difference (95% interval)"]
        )
        + " |",
        "|---" * (5 + 2 * len(names)) + "|",
    ]
    by_task: dict[str, list[AgentRow]] = defaultdict(list)
    for row in rows:
        by_task[row.task].append(row)
    for task, part in [*sorted(by_task.items()), ("all", list(rows))]:
        ids = [row.id for row in part]
        chance = sum(1 / len(row.options) for row in part) / len(part)
        cells = [f"{task} | {len(part)} | {chance:.3f}"]
        for kind in ("policy", "agent"):
            right = [getattr(j, kind) for j in judged]
            cells += [f"{sum(scores[i] for i in ids) / len(ids):.3f}" for scores in right]
            found = compare(
                {i: getattr(base, kind)[i] for i in ids}, {i: getattr(trained, kind)[i] for i in ids},
                {row.id: row.group for row in part},
            )  # fmt: skip
            d = found.difference
            cells.append(f"{d.mean:+.3f} ({d.low:+.3f} to {d.high:+.3f}), p {found.p_value:.4f}")
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"
