"""``omnisense eval``, ``omnisense score`` and ``omnisense report``: benchmarks on the command line."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from omnisense.errors import InputError

if TYPE_CHECKING:
    from omnisense.benchmarks.harness.dataset import Dataset
    from omnisense.benchmarks.harness.run import RunSettings
    from omnisense.benchmarks.harness.worker import OfficialScore

_DIR = click.Path(path_type=Path, file_okay=False)
_FILE = click.Path(path_type=Path)


def _options(*options: Callable[..., Any]) -> Callable[..., Any]:
    def add(command: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(options):
            command = option(command)
        return command

    return add


_SYSTEM = _options(
    click.option("--policy", metavar="NAME", help="A listed name, folder or hub id; chat:PROVIDER:MODEL; scripted."),
    click.option("--agent", "as_agent", is_flag=True, help="Our agent around the policy, instead of the policy alone."),
    click.option("--baseline", type=click.Choice(["random", "majority", "longest"]), help="Answer without looking."),
    click.option("--adapter", metavar="DIR", help="LoRA adapter for a local model."),
    click.option("--modalities", default="", metavar="LIST", help="What a chat model takes besides text: image,audio."),
    click.option("--method", type=click.Choice(["write", "choose"]), default="write", show_default=True,
                 help="Let the model write, or compare the likelihood of the answers."),
    click.option("--max-new-tokens", type=click.IntRange(1), help="Of a reply. [default: 64; thinking: 2048]"),
    click.option("--temperature", type=click.FloatRange(0), default=0.0, show_default=True),
    click.option("--seed", default=0, show_default=True),
    click.option("--batch-size", type=click.IntRange(1), default=8, show_default=True),
    click.option("--speech-model", default="whisper-tiny.en", show_default=True,
                 help="For the agent and own transcripts."),
)  # fmt: skip
_ASKING_OF_PICTURES = _options(
    click.option("--think", is_flag=True, help="Ask for <think> and <answer>."),
    click.option("--thought-pattern", is_flag=True, help="Point to characteristics, chat content and events first."),
    click.option("--text-only", is_flag=True, help="The question without its media: what the wording gives away."),
    click.option(
        "--max-pixels", type=click.IntRange(1), default=1280 * 28 * 28, show_default=True, help="Of a picture."
    ),
    click.option("--system-prompt", default="", metavar="TEXT", help="A system turn."),
)
_ASKING = _options(
    click.option("--audio", is_flag=True, help="Give the sound of videos, for the tasks that hear."),
    click.option("--transcript", type=click.Choice(["none", "data", "asr"]), default="none", show_default=True,
                 help="Put what is said before the question: from the data, or by our speech recognition."),
    click.option("--think", is_flag=True, help="Ask for <think> and <answer>."),
    click.option("--thought-pattern", is_flag=True, help="Point to characteristics, chat content and events first."),
    click.option("--text-only", is_flag=True, help="The question without its media: what the wording gives away."),
    click.option("--frames", default="humansense", show_default=True, metavar="RULE",
                 help="humansense (the paper's rule), a count such as 24, or a rate such as 2fps."),
    click.option("--max-pixels", type=click.IntRange(1), default=360 * 420, show_default=True, help="Of one frame."),
    click.option("--system-prompt", default="", metavar="TEXT", help="A system turn."),
    click.option("--templates", type=_DIR, metavar="DIR", help="Use the prompts of the authors' checkout."),
)  # fmt: skip
_RUN = _options(
    click.option("--output", type=_DIR, metavar="DIR", help="Run folder. [default: runs/BENCHMARK/..., by settings]"),
    click.option("--tasks", default="", metavar="LIST", help="Only these tasks, by code: ER,TR."),
    click.option("--limit", type=click.IntRange(1), help="At most so many questions, from the tasks in turn."),
    click.option("--workers", type=click.IntRange(0), default=0, help="Processes on this machine, or Ray actors."),
    click.option("--timeout", type=click.FloatRange(0, min_open=True), metavar="SECONDS",
                 help="With --workers: one that gives no sign of life for so long is replaced."),
    click.option("--ray", metavar="ADDRESS", help="Run on a Ray cluster; `local` starts one here."),
    click.option("--gpus-per-worker", type=click.FloatRange(0), default=0.0, help="For Ray actors."),
    click.option("--shard", default="", metavar="I/N", help="Only the I-th of N parts, into the same run folder."),
    click.option("--retry-errors", is_flag=True, help="Ask again what ended in an error."),
)  # fmt: skip


@click.group("eval")
def eval_group() -> None:
    """Evaluate a model, the agent or a baseline on a benchmark."""


@eval_group.command("humansense")
@click.option("--data", required=True, type=_FILE, metavar="DIR", help="Folder with HumanSense_VQA.json and its media.")
@click.option("--ignore-windows", is_flag=True, help="Pass over the rows' time windows: the files are cut already.")
@click.option("--validate", is_flag=True, help="Say what is there and what is wrong with it; run nothing.")
@_SYSTEM
@_ASKING
@_RUN
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def eval_humansense(data: Path, ignore_windows: bool, validate: bool, as_json: bool, **given: Any) -> None:
    """Run HumanSense; run the same command again to go on where it stopped."""
    from omnisense.benchmarks.humansense.data import load
    from omnisense.benchmarks.humansense.official_score import official_score
    from omnisense.benchmarks.humansense.tasks import QUESTIONS

    dataset = load(data, ignore_windows)
    if validate:
        _validate(dataset, as_json, QUESTIONS)
        return
    settings = _settings(given, "humansense")
    _say_what_cannot_be_asked(dataset)
    _run_and_report(settings, dataset, official_score, as_json)


@eval_group.command("herm")
@click.option("--data", required=True, type=_FILE, metavar="FILE", help="Questions: a JSON list or JSON lines.")
@click.option("--images", type=_DIR, metavar="DIR", help="Folder of the pictures. [default: the questions' own]")
@click.option(
    "--boxes",
    type=click.Choice(["auto", "fractions", "bins", "thousandths", "pixels"]),
    default="auto",
    show_default=True,
    help="How boxes are asked for, and what plain numbers in a reply mean.",
)
@click.option("--field", "fields", multiple=True, metavar="NAME=LIST", help="A field and its dimensions; repeatable.")
@click.option("--validate", is_flag=True, help="Say what is there and what is wrong with it; run nothing.")
@_SYSTEM
@_ASKING_OF_PICTURES
@_RUN
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def eval_herm(
    data: Path, images: Path | None, boxes: Any, fields: tuple[str, ...], validate: bool, as_json: bool, **given: Any
) -> None:
    """Run questions about people in pictures, in HERM-Bench's form: choices, one box, several boxes."""
    from omnisense.benchmarks.herm.data import authors_score, load
    from omnisense.reasoning.answers.boxes import notation_of

    given |= {"audio": False, "transcript": "none", "frames": "1", "templates": None}
    settings = None if validate else _settings(given, "herm")
    folder = _local_model(given["policy"]) if settings and given["policy"] and not given["as_agent"] else None
    dataset = load(data, images, notation_of(boxes, folder, given["max_pixels"]))
    dataset = replace(dataset, groups=_fields(fields, dataset) or dataset.groups)
    if settings is None:
        _validate(dataset, as_json)
        return
    _say_what_cannot_be_asked(dataset)
    _run_and_report(settings, dataset, authors_score, as_json)


@click.group("score")
def score_group() -> None:
    """Score results that were made elsewhere."""


@score_group.command("humansense")
@click.option("--official-results", required=True, type=_FILE, metavar="FILE", help="The authors' result file.")
@click.option("--model", required=True, metavar="NAME", help="The key in each row that holds the predictions.")
@click.option("--think", is_flag=True, help="Score as their thinking script does.")
def score_humansense(official_results: Path, model: str, think: bool) -> None:
    """Print what the authors' scoring script computes, as JSON."""
    from omnisense.benchmarks.humansense.data import read_rows
    from omnisense.benchmarks.humansense.official_score import statistics

    rows = read_rows(official_results)
    if not any(model in row["questions"] for row in rows):
        raise InputError(
            f"no row has predictions of '{model}'", "Give the key that the predictions stand under.", official_results
        )
    stats, faults = statistics(rows, model, think)
    click.echo(json.dumps(stats, indent=4))
    for fault in faults[:20]:
        click.echo(f"the authors' script stops at {fault}; counted as wrong here", err=True)
    if faults:
        click.echo(f"{len(faults)} such rows", err=True)
        sys.exit(1)


@click.command()
@click.argument("runs", nargs=-1, required=True, type=_DIR, metavar="RUN...")
@click.option("--compare", is_flag=True, help="Compare every later run with the first.")
@click.option("--output", type=_DIR, default="comparison", show_default=True, help="Where the comparison goes.")
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
def report(runs: tuple[Path, ...], compare: bool, output: Path, as_json: bool) -> None:
    """Write the reports of runs anew, or compare them."""
    from omnisense.benchmarks.harness.report import write_comparison, write_report
    from omnisense.benchmarks.harness.suite import report_spec_of

    if compare and len(runs) < 2:
        raise InputError("there is one run to compare", "Give at least two.")
    found: Any = (
        write_comparison(runs, report_spec_of(runs), output)
        if compare
        else [write_report(r, report_spec_of([r])) for r in runs]
    )
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False))
    elif compare:
        click.echo((output / "comparison.md").read_text("utf-8"))
        click.echo(f"written to {output / 'comparison.html'}")
    else:
        for folder in runs:
            click.echo((folder / "report.md").read_text("utf-8"))
            click.echo(f"written to {folder / 'report.html'}")


def _settings(given: dict[str, Any], benchmark: str) -> RunSettings:
    from omnisense.benchmarks.harness.prompting import PromptSettings, text_only
    from omnisense.benchmarks.harness.run import RunSettings
    from omnisense.benchmarks.harness.systems import SystemSettings

    named = [name for name in ("policy", "baseline") if given[name]]
    if len(named) != 1:
        raise InputError("it is not said what to evaluate" if not named else "both a policy and a baseline are named",
                         "Give --policy NAME (with --agent for our agent around it), or --baseline NAME.")  # fmt: skip
    _refuse_what_would_be_ignored(given)
    if given["timeout"] and not given["workers"]:
        raise InputError("--timeout needs workers that can be replaced", "Give --workers N too.")
    prompting = PromptSettings(
        audio=given["audio"],
        transcript=given["transcript"],
        think=given["think"],
        thought_pattern=given["thought_pattern"],
        sampling=_sampling(given["frames"], given["max_pixels"]),
        system=given["system_prompt"],
        templates=str(given["templates"]) if given["templates"] else None,
    )
    system = SystemSettings(
        kind="baseline" if given["baseline"] else "agent" if given["as_agent"] else "policy",
        policy=given["baseline"] or given["policy"],
        adapter=given["adapter"],
        modalities=tuple(_listed(given["modalities"])),
        method=given["method"],
        max_new_tokens=given["max_new_tokens"] or (2048 if given["think"] else 256 if given["as_agent"] else 64),
        temperature=given["temperature"],
        seed=given["seed"],
        batch_size=given["batch_size"],
        speech_model=given["speech_model"],
    )
    return RunSettings(
        benchmark=benchmark,
        system=system,
        prompting=text_only(prompting) if given["text_only"] else prompting,
        output=given["output"],
        tasks=tuple(_listed(given["tasks"])),
        limit=given["limit"],
        workers=given["workers"],
        timeout_s=given["timeout"],
        ray=given["ray"],
        gpus=given["gpus_per_worker"],
        shard=given["shard"],
        retry_errors=given["retry_errors"],
    )


def _refuse_what_would_be_ignored(given: dict[str, Any]) -> None:
    """The agent perceives clips and asks by its own means, and a baseline looks at nothing."""
    who = "the agent" if given["as_agent"] else "a baseline" if given["baseline"] else ""
    if not who:
        return
    context = click.get_current_context()
    of_policies = ["audio", "transcript", "think", "thought_pattern", "text_only", "frames", "max_pixels",
                   "system_prompt", "templates", "method", "temperature"]  # fmt: skip
    set_here = [name for name in of_policies if context.get_parameter_source(name) is ParameterSource.COMMANDLINE]
    if set_here:
        options = ", ".join(f"--{name.replace('_', '-')}" for name in set_here)
        raise InputError(f"{who} perceives and asks by its own means", f"Leave {options} out.")


def _sampling(rule: str, max_pixels: int) -> Any:
    from omnisense.perception.media.sampling import Sampling

    if rule == "humansense":
        return Sampling(rule="humansense", max_pixels=max_pixels)
    try:
        if rule.endswith("fps"):
            return Sampling(rule="rate", fps=float(rule[:-3]), max_pixels=max_pixels)
        return Sampling(rule="count", count=int(rule), max_pixels=max_pixels)
    except ValueError as error:
        raise InputError(f"'{rule}' is no frame rule", "Write humansense, a count such as 24, or 2fps.") from error


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _validate(dataset: Dataset, as_json: bool, full: int = 0) -> None:
    """What is there by level and task, and every problem; exit code 1 when there are any.

    ``full``: how many questions the whole benchmark has, where that is known.
    """
    from omnisense.benchmarks.humansense.tasks import BY_CODE, LEVELS

    counts: dict[tuple[int, str], list[int]] = {}
    for sample in dataset.samples:
        found = counts.setdefault((sample.level, sample.task), [0, 0])
        found[0] += 1
        found[1] += bool(sample.problem)
    if as_json:
        tasks = [
            {"level": level, "task": task, "questions": n, "cannot_be_asked": bad}
            for (level, task), (n, bad) in sorted(counts.items())
        ]
        problems = [{"where": p.where, "kind": p.kind, "what": p.what} for p in dataset.problems]
        click.echo(json.dumps({"tasks": tasks, "problems": problems, "fingerprint": dataset.fingerprint}))
    else:
        for (level, task), (n, bad) in sorted(counts.items()):
            known = BY_CODE.get(task) if full else None
            of = f" of {known.questions}" if known else ""
            name = f"{LEVELS.get(level, 'unknown task')}: {task} {known.name if known else ''}".rstrip()
            click.echo(f"{name if full else task:<46} {n:>5}{of} questions{f', {bad} cannot be asked' if bad else ''}")
        click.echo(f"{'all':<46} {len(dataset.samples):>5}{f' of {full}' if full else ''} questions")
        for problem in dataset.problems:
            click.echo(f"{problem.where}: {problem.kind}: {problem.what}", err=True)
    if any(problem.kind != "unknown task" for problem in dataset.problems):
        sys.exit(1)


def _say_what_cannot_be_asked(dataset: Dataset) -> None:
    if blocked := sum(1 for sample in dataset.samples if sample.problem):
        click.echo(f"{blocked} questions cannot be asked and become errors; --validate says why", err=True)


def _fields(named: Sequence[str], dataset: Dataset) -> dict[str, tuple[str, ...]]:
    """Fields as the command line gives them: ``basic perception=appearance,pose``."""
    known = {sample.task for sample in dataset.samples}
    found: dict[str, tuple[str, ...]] = {}
    for one in named:
        name, _, listed = one.partition("=")
        found[name.strip()] = tuple(_listed(listed))
        if strange := set(found[name.strip()]) - known or (not listed and {one}):
            raise InputError(
                f"there is no dimension {', '.join(sorted(strange))}", f"Choose from {', '.join(sorted(known))}."
            )
    return found


def _local_model(policy: str) -> Path | None:
    """The folder of a model of this machine, for what it is used to; None for a remote or a scripted one."""
    from omnisense import models

    return None if policy.partition(":")[0] in ("chat", "scripted") else models.ensure(policy)


def _run_and_report(settings: RunSettings, dataset: Dataset, official_score: OfficialScore, as_json: bool) -> None:
    from omnisense.agent.cli.progress import EvaluationProgress
    from omnisense.benchmarks.harness.report import write_report
    from omnisense.benchmarks.harness.run import run
    from omnisense.benchmarks.harness.suite import report_spec_of

    folder = settings.folder(dataset)
    interrupted = False
    with EvaluationProgress() as progress:
        try:
            run(settings, dataset, official_score, progress.plan, progress.record)
        except KeyboardInterrupt:
            interrupted = True
    if not (folder / "manifest.json").is_file():  # stopped before anything began
        _leave(130)
    summary = write_report(folder, report_spec_of([folder]))
    click.echo(json.dumps(summary, ensure_ascii=False) if as_json else (folder / "report.md").read_text("utf-8"))
    click.echo(f"written to {folder / 'report.html'}", err=True)
    if interrupted:
        click.echo("interrupted; the same command goes on from here", err=True)
        _leave(130)
    if summary["counts"]["errors"]:
        click.echo(f"{summary['counts']['errors']} questions ended in errors; --retry-errors asks them again", err=True)
        sys.exit(1)


def _leave(code: int) -> None:
    """Exit without waiting for a batch that is still being computed for nobody."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
