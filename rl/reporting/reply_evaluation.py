"""Evaluate first drafts of replies before and after training: how many the agent's own checks pass."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from pydantic import BaseModel, ValidationError

from omnisense.errors import InputError
from omnisense.files import write_atomically
from omnisense.reasoning.loop.checks import score
from omnisense.reasoning.loop.reply import CONTINUATION_TOKENS
from omnisense.reasoning.loop.state import LoopSettings
from omnisense.reasoning.policies.load import load_policy
from omnisense.rl.data.agent_rows import AgentRow
from omnisense.rl.data.reply_rows import ReplyTarget
from omnisense.rl.progress import OnProgress
from omnisense.rl.recipe import Recipe
from omnisense.rl.reporting.choice_evaluation import pair_of, score_of
from omnisense.rl.reporting.evaluate import Candidate
from omnisense.rl.reporting.results import Comparison, PairedDifference, SystemScore
from omnisense.rl.rewards.replies import audit
from omnisense.rl.trainers.prompt_prefetch import load_prompt

_SHOWN = 40  # inputs on the page, at least, where there are as many


class FirstDraft(NamedTuple):
    """A policy's first draft of a reply: the whole reply, its faults by name and reason, and the loop's score."""

    reply: str
    faults: list[str]
    score: float


class _Sampling(BaseModel):
    """How drafts were sampled."""

    temperature: float
    seed: int

    def __str__(self) -> str:
        return f"temperature {self.temperature:g} and seed {self.seed}"


class _WrittenDrafts(BaseModel):
    """``evaluation/NAME.json``: what a candidate wrote, by the row's id."""

    sampling: _Sampling
    drafts: dict[str, str]


def evaluate_replies(
    recipe: Recipe,
    rows: Sequence[AgentRow],
    candidates: Sequence[Candidate],
    folder: Path,
    on_progress: OnProgress,
    mean_of: Sequence[str] = (),
) -> Comparison:
    """Let every candidate write one draft for each row, as the agent asks for it, and check the drafts.

    What a candidate has written (``evaluation/NAME.json``) is not written again.

    Args:
        recipe: its ``evaluation.batch_size`` and ``seed`` are used.
        rows: held out.
        candidates: the base model first, then in the order of training, or one for each seed of ``mean_of``.
        folder: of the run; ``evaluation/NAME.json`` and ``comparison/replies.md`` are written into it.
        on_progress: receives a line for each candidate.
        mean_of: candidates whose mean is compared too: one training with several seeds.

    Returns:
        The share of drafts without a fault, each candidate against the first, and against the one before it unless
        they are seeds.

    Raises:
        InputError: a candidate's file is damaged, or its drafts were written at another temperature or seed.
    """
    targets = [ReplyTarget.of(row) for row in rows]
    tasks, groups = {row.id: row.task for row in rows}, {row.id: row.group for row in rows}
    drafts: dict[str, list[FirstDraft]] = {}
    passed: dict[str, dict[str, float]] = {}
    systems: list[SystemScore] = []
    sampling = _Sampling(temperature=LoopSettings().temperature, seed=recipe.seed)
    made = f"On {len(rows)} inputs that no training saw, at {sampling}."
    lines = ["# First drafts of replies", "", made, "", *_HEADER]
    for candidate in candidates:
        name = candidate.name
        file = folder / "evaluation" / f"{name}.json"
        written = _written(recipe, rows, candidate, sampling, file, on_progress)
        found = drafts[name] = [_check(goal, text) for goal, text in zip(targets, written, strict=True)]
        passed[name] = {row.id: float(not draft.faults) for row, draft in zip(rows, found, strict=True)}
        systems.append(score_of(name, passed[name], tasks))
        lines.append(_summary(systems[-1], found, list(zip(targets, written, strict=True))))
    if mean_of:
        passed["mean"] = {row.id: sum(passed[name][row.id] for name in mean_of) / len(mean_of) for row in rows}
    pairs = _compare(passed, groups, are_seeds=bool(mean_of))
    (folder / "comparison").mkdir(parents=True, exist_ok=True)
    page = "\n".join([*lines, "", *(f"- {pair.describe()}" for pair in pairs), "", *_page(targets, drafts)])
    write_atomically(folder / "comparison" / "replies.md", page)
    return Comparison(questions=len(rows), systems=systems, pairs=pairs)


def _compare(
    passed: Mapping[str, Mapping[str, float]], groups: Mapping[str, str], are_seeds: bool
) -> list[PairedDifference]:
    """Return each system against the first, and against the one from which its training started."""
    base, *others = passed
    compared = [(base, name) for name in others]
    if not are_seeds:
        compared += itertools.pairwise(others)
    return [pair_of(first, passed[first], second, passed[second], groups) for first, second in compared]


def _written(
    recipe: Recipe,
    rows: Sequence[AgentRow],
    candidate: Candidate,
    sampling: _Sampling,
    file: Path,
    on_progress: OnProgress,
) -> list[str]:
    """Return what a candidate writes for each row; from its file, where an earlier call wrote the same rows."""
    if file.is_file():
        kept = _read(file)
        if kept.sampling != sampling:
            raise InputError(
                f"its drafts were written at {kept.sampling}, and others of this run at {sampling}",
                "Delete the files of this folder to write all drafts anew.",
                file,
            )
        if list(kept.drafts) == [row.id for row in rows]:
            return list(kept.drafts.values())
    on_progress(f"writing {len(rows)} replies with {candidate.name}")
    written = _write(recipe, rows, candidate, sampling)
    file.parent.mkdir(parents=True, exist_ok=True)
    record = _WrittenDrafts(sampling=sampling, drafts=dict(zip([row.id for row in rows], written, strict=True)))
    write_atomically(file, record.model_dump_json(indent=1) + "\n")
    return written


def _read(file: Path) -> _WrittenDrafts:
    try:
        return _WrittenDrafts.model_validate_json(file.read_bytes())
    except (ValidationError, OSError) as error:
        raise InputError(
            "it does not hold the drafts of a candidate as this version writes them",
            "Delete it to write the drafts anew.",
            file,
        ) from error


def _write(recipe: Recipe, rows: Sequence[AgentRow], candidate: Candidate, sampling: _Sampling) -> list[str]:
    policy = load_policy(candidate.policy, adapter=candidate.adapter, batch_size=recipe.evaluation.batch_size)
    return policy.write(
        [load_prompt(row.prompt) for row in rows], max_new_tokens=CONTINUATION_TOKENS,
        temperature=sampling.temperature, stop=["\n"], seed=sampling.seed,
    )  # fmt: skip


def _check(goal: ReplyTarget, written: str) -> FirstDraft:
    faults = goal.faults(written)
    return FirstDraft(goal.reply(written), [f"{fault.name}: {fault.reason}" for fault in faults], score(faults))


_HEADER = [
    "Faultless is the share of drafts in which the loop's checks find nothing, with its 95% interval. What no check",
    "reads: the words that were added; the share of their runs of five words that the person said; their similarity to",
    "what was heard; the shares of pairs of words, and of beginnings of three words, that are distinct; the share of",
    "drafts that begin as the commonest one does.",
    "",
    "| | faultless | mean score | commonest faults | words | copied | relevance | distinct | beginnings | commonest |",
    "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
]


def _summary(system: SystemScore, drafts: Sequence[FirstDraft], rows: Sequence[tuple[ReplyTarget, str]]) -> str:
    features, strict = audit(rows), system.strict
    names = Counter(fault.partition(":")[0] for draft in drafts for fault in draft.faults)
    common = ", ".join(f"{fault} {count}" for fault, count in names.most_common(4))
    begun = Counter(" ".join(goal.added(written).lower().split()[:3]) for goal, written in rows)
    shares = [
        sum(draft.score for draft in drafts) / len(drafts),
        *(features[key] for key in ("words", "copied", "relevance", "distinct")),
        len(begun) / len(rows),
        max(begun.values()) / len(rows),
    ]
    mean, *others = (f"{share:.2f}" for share in shares)
    passed = f"{strict.mean:.2f} ({strict.low:.2f}-{strict.high:.2f})"
    return f"| {system.name} | {passed} | {mean} | {common or 'none'} | {' | '.join(others)} |"


def _page(targets: Sequence[ReplyTarget], drafts: dict[str, list[FirstDraft]]) -> list[str]:
    """Return what was heard, and each candidate's draft with its faults, for inputs at equal distances."""
    lines: list[str] = []
    for i in range(0, len(targets), max(1, len(targets) // _SHOWN)):
        goal = targets[i]
        lines += [f"**{_plain(goal.heard)}** ({goal.emotion}; {goal.strategy})", ""]
        for name, found in drafts.items():
            verdict = "; ".join(found[i].faults) or "no fault"
            lines.append(f"- {name}: {_plain(found[i].reply)} *({_plain(verdict)})*")
        lines.append("")
    return lines


def _plain(text: str) -> str:
    """Return a text on one line, whose marks are not Markdown's."""
    return " ".join(text.split()).replace("*", "\\*").replace("_", "\\_").replace("<", "&lt;")
