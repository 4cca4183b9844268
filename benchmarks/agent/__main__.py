"""The benchmark's command: ``python -m omnisense.benchmarks.agent DATA [--part ...] [--output agent.md]``.

DATA contains some or all of ``grid/``, ``faces/``, ``pedestrians/``, ``speech/``, ``people_images/`` and ``text/``.
Everything that was measured is kept in ``--state``, and the command goes on where it was interrupted, or where
``--max-seconds`` ended it: to measure again, give another folder. Policies may be measured one after the other, in
calls of their own: what is written is always of everything in the state folder. Writes ``agent.md`` and ``agent.json``
and, for the replies, ``agent_replies.md`` and a sheet for judgements (``judgements.jsonl`` in the state folder).
"""

from __future__ import annotations

import functools
import json
import os
import platform
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import click

from omnisense.benchmarks.agent import cost, omni, pool, questions, replies, report
from omnisense.benchmarks.agent.policies import DEFAULTS, SERVED, file_name, label_of, loaded
from omnisense.benchmarks.agent.tasks import load_samples
from omnisense.benchmarks.agent.voices import unheard_heads
from omnisense.errors import InputError, OmniSenseError
from omnisense.files import write_atomically
from omnisense.reasoning.loop.state import LoopSettings
from omnisense.reasoning.policies.base import DEFAULT_POLICY
from omnisense.version import __version__

_PARTS = ("questions", "pool", "cost", "replies")
_REPLIES, _ANSWERS, _POOL, _HEADS = "replies", "answers", "pool", "voice_heads"
_DIR = click.Path(path_type=Path, file_okay=False)
_FILE = click.Path(path_type=Path, dir_okay=False, exists=True)
_REPOSITORY = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Options:
    """What the command was asked for; see its help."""

    data: Path
    state: Path
    policies: tuple[str, ...]
    limit: int
    tasks: tuple[str, ...]
    turns: int
    commit: str
    before: Path | None
    judgements: Path | None
    max_seconds: float
    began: float = field(default_factory=time.monotonic)

    def is_over(self) -> bool:
        """Whether the command's time is up."""
        return time.monotonic() - self.began >= self.max_seconds


@click.command()
@click.argument("data", type=click.Path(path_type=Path, file_okay=False, exists=True))
@click.option("--part", "parts", multiple=True, type=click.Choice(_PARTS), help="Measure only this; may be repeated.")
@click.option("--policy", "policies", multiple=True, metavar="NAME", help="As for `omnisense eval`; or one of "
              f"{', '.join(DEFAULTS[1:])}. [default: all of these and {DEFAULTS[0]}]")  # fmt: skip
@click.option("--limit", default=12, show_default=True, help="Questions of each task.")
@click.option("--task", "tasks", multiple=True, metavar="NAME", help="Ask only questions of this task, such as "
              "'best reply'; may be repeated.")  # fmt: skip
@click.option("--max-seconds", default=float("inf"), help="Start nothing after so long; the next call goes on.")
@click.option("--turns", default=8, show_default=True, help="Turns whose cost is measured.")
@click.option("--commit", default="9e1839a", show_default=True, help="The commit that a turn's cost is compared with.")
@click.option("--before", type=_DIR, help="The state folder of an earlier run, to show beside this one.")
@click.option("--judgements", type=_FILE, help="The sheet, filled in.")
@click.option("--state", type=_DIR, default="runs/agent", show_default=True, help="Where measurements are kept.")
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), default="runs/agent/agent.md",
              show_default=True)  # fmt: skip
def main(parts: tuple[str, ...], output: Path, **given: Any) -> None:
    """Measure the agent beside its bare policy, on the sets in DATA."""
    given["policies"] = given["policies"] or DEFAULTS
    options = Options(**given)
    measures: dict[str, Callable[[Options], None]] = {"questions": _questions, "pool": _pool, "cost": _cost,
                                                   "replies": _replies}  # fmt: skip
    for folder in (options.state, output.parent):
        folder.mkdir(parents=True, exist_ok=True)
    try:
        _refuse_older(options)
        for part in parts or _PARTS:
            measures[part](options)
            _write(output, options)
    except OmniSenseError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(2)
    click.echo(output.read_text("utf-8"))


def _refuse_older(options: Options) -> None:
    """Refuse state folders whose files an earlier version of this command recorded elsewhere or by other names.

    Raises:
        InputError: replies lie where they are no longer looked for, or answers do not tell whether the policy had its
            adapter: until versions were recorded, a policy's name was the same with it and without it.
    """
    for folder in filter(None, (options.state, options.before)):
        if (file := folder / f"{_REPLIES}.jsonl").is_file():
            place = _replies_file(folder)
            raise InputError("an earlier version recorded these replies, for any policy",
                             f"Move the file to {place} if they are of that policy, or away.", file)  # fmt: skip
    for file in sorted((options.state / _ANSWERS).glob("*.jsonl")):
        if any(not entry.version for entry in questions.read_answers(file)):
            raise InputError("an earlier version recorded these answers, without saying whether an adapter gave them",
                             "Give another folder as --state, or move the file away.", file)  # fmt: skip


def _questions(options: Options) -> None:
    """Ask every policy; a policy whose questions are all answered is not asked again."""
    heads = unheard_heads(options.data, options.state / _HEADS)
    for name in options.policies:
        if options.is_over():
            return
        with loaded(name, options.data, options.state) as policy:
            samples = (
                omni.omni_samples(options.data, options.state / "omni", 3 * options.limit)
                if name == omni.NAME
                else load_samples(options.data, options.state / "questions", options.limit)
            )
            samples = [sample for sample in samples if not options.tasks or sample.task in options.tasks]
            file = options.state / _ANSWERS / f"{file_name(label_of(name))}.jsonl"
            progress = _progress(f"{label_of(name)}, questions")
            questions.ask(label_of(name), policy, samples, file, progress, options.is_over, heads)


def _pool(options: Options) -> None:
    """Collect what the sources of an emotion's pool say; rows that are there are not asked about again."""
    heads = unheard_heads(options.data, options.state / _HEADS)
    for name in (n for n in options.policies if not n.startswith(SERVED)):
        if options.is_over():
            return
        if name == omni.NAME:
            samples = omni.omni_samples(options.data, options.state / "omni", 3 * options.limit)
            rows = {True: pool.question_rows(samples, heads)}
        else:
            rows = pool.pool_rows(options.data, options.state / "pool_rows", options.state / _HEADS, options.limit)
        with loaded(name, options.data, options.state) as policy:
            file = options.state / _POOL / f"{file_name(label_of(name))}.jsonl"
            pool.collect(label_of(name), policy, rows, file, _progress(f"{label_of(name)}, pool"), options.is_over)


def _sayings(state: Path) -> list[pool.Saying]:
    return [saying for file in sorted((state / _POOL).glob("*.jsonl")) for saying in pool.read_sayings(file)]


def _cost(options: Options) -> None:
    """Measure what a turn costs; what is in the state folder is not measured again."""
    file = options.state / "cost.json"
    found = _read_cost(options.state)
    texts = [i.text for i in replies.read_inputs() if i.text and not i.clip and not i.history and i.kind != "crisis"]
    chosen = [text for text in texts if len(text) < 300][:: max(1, len(texts) // options.turns)][: options.turns]

    def measured(group: dict[str, Any], name: str, measure: Callable[[], Any]) -> None:
        if name not in group and not options.is_over():
            group[name] = measure()
            write_atomically(file, json.dumps(found, indent=1) + "\n")

    measured(found, "overhead", cost.overhead)
    measured(found["plain"], "scripted, leads", lambda: cost.beside_plain_call(cost.scripted_leader(), chosen))
    unhurried = LoopSettings(max_seconds=3600)  # on a busy machine no turn is to be cut short
    for name in (n for n in options.policies if not n.startswith(SERVED) and n != omni.NAME):
        if options.is_over() or any(key.startswith(f"{label_of(name)}, ") for key in found["plain"]):
            continue  # before it is loaded, which may take long
        with loaded(name, options.data, options.state) as policy:
            role = unhurried.profile_of(policy).role
            beside = functools.partial(cost.beside_plain_call, policy, chosen, unhurried)
            measured(found["plain"], f"{label_of(name)}, {role}", beside)
    if DEFAULT_POLICY in options.policies and (_REPOSITORY / ".git").exists():
        measured(found["commit"], label_of(DEFAULT_POLICY),
                 lambda: cost.beside_commit(options.commit, DEFAULT_POLICY, chosen, _REPOSITORY))  # fmt: skip


def _replies(options: Options) -> None:
    """Answer the inputs with the default policy, and write the sheet to judge the replies on."""
    file = _replies_file(options.state)
    if not options.is_over():
        with loaded(DEFAULT_POLICY, options.data, options.state) as policy:
            replies.collect_replies(policy, replies.read_inputs(), options.data, file, None, _progress("replies"),
                                    options.is_over)  # fmt: skip
    replies.write_sheet(options.state / "judgements.jsonl", replies.read_inputs(), _versions(options))


def _versions(options: Options) -> dict[str, dict[str, replies.RecordedReply]]:
    """Return the recorded replies by version; empty where none were recorded."""
    folders = {"before": options.before, "after": options.state}
    found = {name: replies.read_replies(_replies_file(folder)) for name, folder in folders.items() if folder}
    return {name: rows for name, rows in found.items() if rows}


def _replies_file(state: Path) -> Path:
    return state / _REPLIES / f"{file_name(label_of(DEFAULT_POLICY))}.jsonl"


def _read_cost(state: Path) -> dict[str, Any]:
    file = state / "cost.json"
    found: dict[str, Any] = json.loads(file.read_text("utf-8")) if file.is_file() else {"plain": {}, "commit": {}}
    return found


def _answers(state: Path | None) -> list[questions.Answered]:
    """Return the answers to the questions that all of a policy's systems have answered, of all policies."""
    files = sorted((state / _ANSWERS).glob("*.jsonl")) if state else []
    return [entry for file in files for entry in questions.complete(questions.read_answers(file))]


def _write(output: Path, options: Options) -> None:
    """Write the page of everything in the state folder."""
    lines = [
        "# The agent beside its bare policy",
        "",
        f"Measured on {os.cpu_count()} cores, Python {platform.python_version()}, OmniSense {__version__}, by "
        "`python -m omnisense.benchmarks.agent DATA`.",
    ]
    answers, costs, versions = _answers(options.state), _read_cost(options.state), _versions(options)
    judged = replies.read_judgements(options.judgements) if options.judgements else []
    figures: dict[str, Any] = {"cost": costs}
    if answers:
        lines += ["", "## Questions", "", report.QUESTIONS_NOTE, "", *report.questions_table(answers)]
        lines += report.before_table(_answers(options.before), answers)
        figures["questions"] = [asdict(row) for row in report.differences(answers)]
    if sayings := _sayings(options.state):
        lines += ["", "## The pool of the emotion", "", pool.POOL_NOTE, "", *pool.pool_table(sayings)]
    if tables := report.cost_tables(costs):
        lines += ["", "## Cost of a turn", "", report.COST_NOTE, *tables]
    if versions:
        page = output.with_name(f"{output.stem}_replies.md")
        inputs = replies.read_inputs()
        write_atomically(page, "\n".join(["# Replies", *report.reply_pages(inputs, versions)]) + "\n")
        lines += ["", "## Replies", "", *report.reply_sections(inputs, versions, judged, page.name)]
        figures["judgements"] = replies.still_given(judged, versions)
    write_atomically(output, "\n".join(lines) + "\n")
    write_atomically(output.with_suffix(".json"), json.dumps(figures, ensure_ascii=False, indent=1) + "\n")


def _progress(what: str) -> Callable[[int, int], None]:
    def show(done: int, of: int) -> None:
        if done == of or done % 10 == 0:
            click.echo(f"{what}: {done} of {of}", err=True)

    return show


if __name__ == "__main__":
    main()
