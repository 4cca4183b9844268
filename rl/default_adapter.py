"""Train an adapter for the default model on what the agent asks it, from sets that are free to train on.

    python -m omnisense.rl.default_adapter DATA OUTPUT [--seed 0] [--export DIR]

DATA is a folder with ``goemotions``, ``siq2``, ``tombench``, ``casino`` and ``counselchat`` as published (Apache-2.0,
MIT, MIT, CC BY 4.0, MIT). OUTPUT gets ``rows/`` (what the agent asks about them, recorded around a script), and the run
folder ``seed-N`` of ``omnisense train choice``, whose ``final/`` is the adapter. The rows do not depend on the seed:
runs with several seeds share them. The same command goes on where it was interrupted: with the next set that was not
recorded (``rows/parts``), with training from its last checkpoint, or with the next choices of the evaluation.

The emotion decision is trained, on comments with one emotion. The other decisions of the loop have no labels, and
questions with letters gain nothing at this size and lose where they are trained: of these, a few rows keep the
probabilities that the model without an adapter gives. That alone does not keep them: the adapter is therefore used for
choices among emotions only (:mod:`omnisense.reasoning.policies.choice_adapter`).

Held out are the comments of GoEmotions' dev file, and a quarter of the videos, stories, dialogues and questions of the
other sets; a training comment with the text of a held-out one is left out. Every fifth training comment is left out,
too: on these thresholds and profiles are fitted.
``rl/results/agent_choices.md`` says what is gained.
"""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import click

from omnisense.errors import InputError, exit_on_error
from omnisense.files import read_lines, write_atomically
from omnisense.reasoning.loop.emotion_set import EmotionSet
from omnisense.reasoning.policies.base import DEFAULT_POLICY
from omnisense.reasoning.policies.choice_adapter import OPTIONS_FILE, write_options
from omnisense.reasoning.policies.load import load_policy
from omnisense.rl.adapter_run import train_seed
from omnisense.rl.data.agent_rows import AgentRow, read_agent_rows, read_or_make, write_agent_rows
from omnisense.rl.data.agent_sources import HELD_OUT_STRIDE, record
from omnisense.rl.data.converters import convert
from omnisense.rl.data.published import require_files
from omnisense.rl.data.split import is_held_out
from omnisense.rl.progress import OnProgress
from omnisense.rl.reporting.evaluate import Candidate
from omnisense.rl.trainers.prompt_prefetch import load_prompt
from omnisense.text import parse_json

RECIPE = "smollm2-choice"
_COMMENTS = "goemotions"
_QUESTIONS = (_COMMENTS, "siq2", "tombench", "casino", "counselchat")
# Rows to train on, rows that keep what the model does, and rows to judge by.
TRAIN = {"comments": 1400}
KEPT = {"need": 60, "strategy": 60, _COMMENTS: 30, "siq2": 40, "tombench": 14, "casino": 8, "counselchat": 8}
TEST = {"comments": 500, _COMMENTS: 120, "siq2": 120, "tombench": 60, "casino": 40, "counselchat": 40}
_HELD_OUT = 0.25  # of the groups of the other sets
_SEED = 0  # of the rows


def prepare(data: Path, folder: Path, on_progress: OnProgress) -> tuple[Path, Path]:
    """Write the rows to train on and to judge by, unless they are there; return their files.

    Args:
        data: with a folder for each set.
        folder: for the rows.
        on_progress: receives a line for each step.

    Raises:
        InputError: a set is missing, or not as published.
    """
    train, test = folder / "train.jsonl", folder / "test.jsonl"
    if train.is_file() and test.is_file():
        return train, test
    parts: dict[str, tuple[list[AgentRow], list[AgentRow]]] = {}  # of the training side, and held out
    for name in _QUESTIONS:
        train_side, test_side = (partial(_questions, name, data / name, folder, side, on_progress) for side in (0, 1))
        parts[name] = read_or_make(folder, f"{name}-train", train_side), read_or_make(folder, f"{name}-test", test_side)
    on_progress("recording what the agent decides about comments")
    comments = data / _COMMENTS
    wanted, judged = round(TRAIN["comments"] * 1.1), round(TEST["comments"] * 1.1)
    asked = read_or_make(folder, "comments-train", lambda: record(comments, wanted, _SEED, on_progress))
    held_out = read_or_make(
        folder, "comments-test", lambda: record(_comments(comments, "dev"), judged, _SEED, on_progress)
    )
    parts["comments"] = _labelled(asked), _labelled(held_out)
    parts = {name: (_apart(seen, judged_by), judged_by) for name, (seen, judged_by) in parts.items()}
    kept = [*_by_decision(asked, ("need", "strategy")), *_take({name: part for name, (part, _) in parts.items()}, KEPT)]
    on_progress("asking the model without an adapter")
    reference = read_or_make(folder, "kept", lambda: _with_reference(kept))
    rows = [*_take({"comments": parts["comments"][0]}, TRAIN), *reference]
    random.Random(_SEED).shuffle(rows)
    write_agent_rows(_take({name: part for name, (_, part) in parts.items()}, TEST), test)
    write_agent_rows(rows, train)
    return train, test


def _apart(rows: Sequence[AgentRow], held_out: Sequence[AgentRow]) -> list[AgentRow]:
    """Return the rows to train on whose prompts are not held out too: short comments were written more than once."""
    prompts = {row.prompt for row in held_out}
    return [row for row in rows if row.prompt not in prompts]


def _by_decision(rows: Sequence[AgentRow], decisions: Sequence[str]) -> list[AgentRow]:
    named = [row.model_copy(update={"task": f"comments: {row.decision}"}) for row in rows]
    return [row for name in decisions for row in [r for r in named if r.decision == name][: KEPT[name]]]


def _with_reference(rows: Sequence[AgentRow]) -> list[AgentRow]:
    """Return rows with the probabilities that the model gives without an adapter."""
    policy = load_policy(DEFAULT_POLICY, adapter=None)
    choices = policy.choose([load_prompt(row.prompt) for row in rows], [row.options for row in rows])
    return [
        row.model_copy(update={"reference": list(choice.probabilities)})
        for row, choice in zip(rows, choices, strict=True)
    ]


def _questions(name: str, source: Path, folder: Path, side: int, on_progress: OnProgress) -> list[AgentRow]:
    """Return what the agent asks about the questions of a set: of groups to train on (side 0), or held out (1)."""
    on_progress(f"recording what the agent asks about {name}, {('to train on', 'held out')[side]}")
    rows = convert(name, source, _SEED)
    known = _comment_sides(source) if name == _COMMENTS else {}
    inside = []
    for row in rows:
        group = str(row["questions"]["group"])
        if known.get(group, is_held_out(group, _HELD_OUT, _SEED)) == bool(side):
            inside.append(row)
    wanted = (KEPT, TEST)[side][name]
    file = folder / "questions" / f"{name}-{side}.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(file, json.dumps(inside[: 2 * wanted], ensure_ascii=False) + "\n")
    return _labelled(record(file, wanted, _SEED, on_progress))


def _comment_sides(folder: Path) -> dict[str, bool | None]:
    """Return by comment whether it is held out; None for those that are used for neither."""
    sides: dict[str, bool | None] = {}
    for name in ("train", "dev"):
        for number, line in enumerate(read_lines(_comments(folder, name))):
            unused = name == "train" and number % HELD_OUT_STRIDE == 0
            sides[line.rstrip("\n").split("\t")[2]] = None if unused else name == "dev"
    return sides


def _comments(folder: Path, name: str) -> Path:
    """Return one of the files of comments."""
    return require_files(folder, f"{name}.tsv", "GoEmotions")[0]


def _labelled(rows: Sequence[AgentRow]) -> list[AgentRow]:
    return [row for row in rows if row.is_labelled]


def _take(parts: Mapping[str, Sequence[AgentRow]], wanted: Mapping[str, int]) -> list[AgentRow]:
    taken = [
        row.model_copy(update={"task": f"{name}: {row.decision}"})
        for name in wanted
        if name in parts
        for row in parts[name][: wanted[name]]
    ]
    random.Random(_SEED).shuffle(taken)
    return taken


def export(final: Path, folder: Path) -> None:
    """Write a trained adapter to hand on: in half precision, and with its base model by its name.

    Args:
        final: of a run.
        folder: to write into.

    Raises:
        InputError: there is no adapter.
    """
    import torch
    from safetensors.torch import load_file, save

    try:
        config = parse_json((final / "adapter_config.json").read_text("utf-8"))
        weights = load_file(final / "adapter_model.safetensors")
    except (OSError, ValueError) as error:
        raise InputError(f"there is no adapter ({error})", "Train it first.", final) from error
    config["base_model_name_or_path"] = DEFAULT_POLICY
    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(folder / "adapter_config.json", json.dumps(config, indent=1, sort_keys=True) + "\n")
    half = {name: tensor.to(torch.float16) for name, tensor in weights.items()}
    write_atomically(folder / "adapter_model.safetensors", save(half, {"format": "pt"}))
    if (final / OPTIONS_FILE).is_file():
        write_atomically(folder / OPTIONS_FILE, (final / OPTIONS_FILE).read_text("utf-8"))
    write_atomically(folder / "README.md", (final / "README.md").read_text("utf-8"))


@click.command()
@click.argument("data", type=click.Path(path_type=Path, file_okay=False, exists=True))
@click.argument("output", type=click.Path(path_type=Path, file_okay=False))
@click.option("--seed", default=0, show_default=True, help="Of training.")
@click.option("--export", "exported", type=click.Path(path_type=Path, file_okay=False), help="Also in half precision.")
@click.argument("overrides", nargs=-1, metavar="[KEY=VALUE]...")
def main(data: Path, output: Path, seed: int, exported: Path | None, overrides: tuple[str, ...]) -> None:
    """Train the adapter; see the module."""

    def say(line: str) -> None:
        click.echo(line, err=True)

    with exit_on_error():
        rows = prepare(data, output / "rows", say)
        from omnisense.rl.reporting.choice_evaluation import evaluate_choices

        recipe, trained = train_seed(RECIPE, "choice", rows, output, seed, overrides, say)
        final = Path(str(trained.adapter))
        write_options(final, EmotionSet().names)
        comparison, _ = evaluate_choices(
            read_agent_rows([rows[1]]), [Candidate("base", DEFAULT_POLICY), trained], final.parent,
            recipe.evaluation.batch_size, say,
        )  # fmt: skip
        if exported is not None:
            export(final, exported)
    for pair in comparison.pairs:
        click.echo(pair.describe())


if __name__ == "__main__":
    main()
