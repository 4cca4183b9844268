"""The benchmark's command: ``python -m omnisense.benchmarks.agent DATA [--part ...] [--output agent.md]``.

DATA contains some or all of ``grid/``, ``faces/``, ``pedestrians/``, ``speech/``, ``people_images/`` and ``text/``.
Everything that was measured is kept in ``--state``, and the command goes on where it was interrupted: to measure again,
give another folder. Writes ``agent.md`` and ``agent.json`` and, for the replies, ``agent_replies.md`` and a sheet for
judgements (``judgements.jsonl`` in the state folder).
"""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import click

from omnisense.benchmarks.agent import cost, omni, questions, replies, report
from omnisense.benchmarks.agent.policies import DEFAULTS, file_name, loaded
from omnisense.benchmarks.agent.tasks import load_samples
from omnisense.files import write_atomically
from omnisense.reasoning.loop.state import LoopSettings
from omnisense.reasoning.policies.base import DEFAULT_POLICY
from omnisense.reasoning.profile import PolicyProfile
from omnisense.version import __version__

_PARTS = ("questions", "cost", "replies")
_REPLIES, _ANSWERS = "replies.jsonl", "answers"
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
    turns: int
    commit: str
    before: Path | None
    judgements: Path | None


@click.command()
@click.argument("data", type=click.Path(path_type=Path, file_okay=False, exists=True))
@click.option("--part", "parts", multiple=True, type=click.Choice(_PARTS), help="Measure only this; may be repeated.")
@click.option("--policy", "policies", multiple=True, metavar="NAME", help="As for `omnisense eval`; or one of "
              f"{', '.join(DEFAULTS[1:])}. [default: all of these and {DEFAULTS[0]}]")  # fmt: skip
@click.option("--limit", default=12, show_default=True, help="Questions of each task.")
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
    measures: dict[str, Callable[[Options], dict[str, Any]]] = {
        "questions": _questions, "cost": _cost, "replies": _replies}  # fmt: skip
    for folder in (options.state, output.parent):
        folder.mkdir(parents=True, exist_ok=True)
    file = options.state / "parts.json"
    found: dict[str, Any] = json.loads(file.read_text("utf-8")) if file.is_file() else {}
    for part in parts or _PARTS:
        began = time.perf_counter()
        found[part] = measures[part](options) | {"took_s": round(time.perf_counter() - began, 1)}
        write_atomically(file, json.dumps(found, indent=1, ensure_ascii=False) + "\n")
        _write(output, options, found)
    click.echo(output.read_text("utf-8"))


def _questions(options: Options) -> dict[str, Any]:
    """Ask every policy; a policy whose questions are all answered costs no time."""
    found: list[questions.Answered] = []
    before: list[questions.Answered] = []
    for name in options.policies:
        with loaded(name, options.data, options.state) as policy:
            samples = (
                omni.omni_samples(options.data, options.state / "omni", 3 * options.limit)
                if name == omni.NAME
                else load_samples(options.data, options.state / "questions", options.limit)
            )
            file = Path(_ANSWERS) / f"{file_name(name)}.jsonl"
            found += questions.ask(name, policy, samples, options.state / file, _progress(f"{name}, questions"))
            if options.before:
                before += questions.read_answers(options.before / file)
    return {"answers": [asdict(entry) for entry in found], "before": [asdict(entry) for entry in before]}


def _cost(options: Options) -> dict[str, Any]:
    """Measure what a turn costs; what is in the state folder is not measured again."""
    file = options.state / "cost.json"
    found: dict[str, Any] = json.loads(file.read_text("utf-8")) if file.is_file() else {"plain": {}, "commit": {}}
    texts = [i.text for i in replies.read_inputs() if i.text and not i.clip and not i.history and i.kind != "crisis"]
    chosen = [text for text in texts if len(text) < 300][:: max(1, len(texts) // options.turns)][: options.turns]

    def keep() -> None:
        write_atomically(file, json.dumps(found, indent=1) + "\n")

    if "scripted, leading" not in found["plain"]:
        found["plain"]["scripted, leading"] = cost.beside_plain_call(cost.scripted_leader(), chosen)
        keep()
    unhurried = LoopSettings(max_seconds=3600)  # on a busy machine no turn is to be cut short
    leading = replace(unhurried, profile=PolicyProfile(DEFAULT_POLICY, leads=True))
    for name, settings in ((f"{DEFAULT_POLICY}, leading", leading), (f"{DEFAULT_POLICY}, guided", unhurried)):
        if name not in found["plain"]:
            with loaded(DEFAULT_POLICY, options.data, options.state) as policy:
                found["plain"][name] = cost.beside_plain_call(policy, chosen, settings)
            keep()
    if DEFAULT_POLICY not in found["commit"] and (_REPOSITORY / ".git").exists():
        found["commit"][DEFAULT_POLICY] = cost.beside_commit(options.commit, DEFAULT_POLICY, chosen, _REPOSITORY)
        keep()
    if "overhead" not in found:
        found["overhead"] = cost.overhead()
        keep()
    return found


def _replies(options: Options) -> dict[str, Any]:
    """Answer the inputs with the default policy."""
    inputs = replies.read_inputs()
    with loaded(DEFAULT_POLICY, options.data, options.state) as policy:
        now = replies.collect_replies(
            policy, inputs, options.data, options.state / _REPLIES, on_input=_progress("replies")
        )
    versions = {"after": now}
    if options.before and (earlier := replies.read_replies(options.before / _REPLIES)):
        versions = {"before": earlier} | versions
    replies.write_sheet(options.state / "judgements.jsonl", inputs, versions)
    return {
        "versions": {name: {key: asdict(reply) for key, reply in found.items()} for name, found in versions.items()},
        "judgements": replies.read_judgements(options.judgements) if options.judgements else [],
    }


def _write(output: Path, options: Options, found: dict[str, Any]) -> None:
    lines = [
        "# The agent beside its bare policy",
        "",
        f"Measured on {os.cpu_count()} cores, Python {platform.python_version()}, OmniSense {__version__}, by "
        "`python -m omnisense.benchmarks.agent DATA`.",
    ]
    if "questions" in found:
        answers = [questions.Answered(**entry) for entry in found["questions"]["answers"]]
        before = [questions.Answered(**entry) for entry in found["questions"]["before"]]
        lines += ["", "## Questions", "", report.QUESTIONS_NOTE, "", *report.questions_table(answers)]
        lines += report.before_table(before, answers)
    if "cost" in found:
        lines += ["", "## Cost of a turn", "", report.COST_NOTE, *report.cost_tables(found["cost"])]
    if "replies" in found:
        lines += ["", "## Replies", "", *_reply_sections(output, found["replies"])]
    write_atomically(output, "\n".join(lines) + "\n")
    write_atomically(output.with_suffix(".json"), json.dumps(_figures(found), ensure_ascii=False, indent=1) + "\n")


def _reply_sections(output: Path, found: dict[str, Any]) -> list[str]:
    inputs = replies.read_inputs()
    versions = {
        name: {key: replies.RecordedReply.from_dict(row) for key, row in rows.items()}
        for name, rows in found["versions"].items()
    }
    page = output.with_name(f"{output.stem}_replies.md")
    write_atomically(page, "\n".join(["# Replies", *report.reply_pages(inputs, versions)]) + "\n")
    judged = report.judgement_table(found["judgements"])
    return [
        *report.reply_statistics(inputs, versions),
        "",
        f"All replies: [{page.name}]({page.name}). {report.REPLIES_NOTE}",
        *(["", *judged] if judged else []),
    ]


def _figures(found: dict[str, Any]) -> dict[str, Any]:
    """Return what was measured without the single answers and replies, which the state folder has."""
    figures = {"cost": found.get("cost", {}), "judgements": found.get("replies", {}).get("judgements", [])}
    if "questions" in found:
        answers = [questions.Answered(**entry) for entry in found["questions"]["answers"]]
        figures["questions"] = [asdict(row) for row in report.differences(answers)]
    return figures


def _progress(what: str) -> Callable[[int, int], None]:
    def show(done: int, of: int) -> None:
        if done == of or done % 10 == 0:
            click.echo(f"{what}: {done} of {of}", err=True)

    return show


if __name__ == "__main__":
    main()
