"""``omnisense export``: suites as tasks of other harnesses, and runs as logs and data sets of other tools."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from omnisense.agent.cli.evaluate import SuiteGroup
from omnisense.agent.cli.evaluation_options import suite_option
from omnisense.agent.cli.options import FOLDER, PATH, print_text

if TYPE_CHECKING:
    from omnisense.benchmarks.harness.suite import Suite

_OUTPUT = click.option("--output", type=FOLDER, required=True, metavar="DIR", help="Folder to write.")


def _lmms_eval_command(suite: Suite) -> click.Command:
    def export(output: Path, think: bool, audio: bool, text_only: bool, max_new_tokens: int, **given: Any) -> None:
        from omnisense.benchmarks.exports.lmms_eval import export_lmms_eval
        from omnisense.benchmarks.harness.prompting import PromptSettings
        from omnisense.benchmarks.harness.prompting import text_only as without_media
        from omnisense.benchmarks.harness.suite import ModelUnderTest
        from omnisense.benchmarks.suites import refuse_other_suite

        refuse_other_suite(suite, given["data"].expanduser())
        dataset = suite.load(model=ModelUnderTest(), **given)
        prompting = PromptSettings(audio=audio, separate_audio=audio, think=think)
        asked = without_media(prompting) if text_only else prompting
        task = export_lmms_eval(dataset, asked, output, max_new_tokens)
        print_text(f"{task.questions} questions written to {task.path}")
        if task.left_out:
            print_text(f"{task.left_out} left out: they cannot be asked, or show a window of a longer file", err=True)
        print_text(f"lmms_eval --include_path {output} --tasks {task.path.stem} ...", err=True)

    for option in reversed(
        [
            *(suite_option(option) for option in suite.options),
            _OUTPUT,
            click.option("--audio", is_flag=True, help="Give the sound of videos as a part of its own."),
            click.option("--think", is_flag=True, help="Ask for <think> and <answer> tags."),
            click.option("--text-only", is_flag=True, help="Leave out the media."),
            click.option("--max-new-tokens", type=click.IntRange(1), default=64, show_default=True, metavar="N",
                         help="Maximum reply length."),
        ]
    ):  # fmt: skip
        export = option(export)
    return click.command(suite.name, help=f"Write {suite.name} as a task folder for lmms-eval.")(export)


lmms_eval_group = SuiteGroup(
    _lmms_eval_command, name="lmms-eval", help="Write a benchmark as a task folder that lmms-eval loads."
)


def _run_command(name: str, about: str) -> Callable[[Callable[..., Path]], click.Command]:
    """Return a decorator that makes a command of a function of a run's folder and an output folder."""

    def decorate(write: Callable[..., Path]) -> click.Command:
        def export(run: Path, output: Path) -> None:
            print_text(f"written to {write(run, output)}")

        run_argument = click.argument("run", type=FOLDER)
        return click.command(name, help=about)(run_argument(_OUTPUT(export)))

    return decorate


@_run_command("inspect", "Write a run as a log that `inspect view` opens.")
def inspect_command(run: Path, output: Path) -> Path:
    """Write a run as a log of inspect_ai."""
    from omnisense.benchmarks.exports.inspect_log import export_inspect
    from omnisense.benchmarks.harness.summary import load_run, summarize
    from omnisense.benchmarks.suites import report_spec_for

    manifest, records = load_run(run)
    return export_inspect(manifest, records, summarize(manifest, records, report_spec_for([run])), output)


@_run_command("hf", "Write a run as a folder that datasets.load_dataset reads, with a card.")
def hf_command(run: Path, output: Path) -> Path:
    """Write a run as a data set."""
    from omnisense.benchmarks.exports.hugging_face import export_hf
    from omnisense.benchmarks.harness.report_markdown import as_markdown
    from omnisense.benchmarks.harness.summary import load_run, summarize
    from omnisense.benchmarks.suites import report_spec_for

    manifest, records = load_run(run)
    spec = report_spec_for([run])
    summary = summarize(manifest, records, spec)
    return export_hf(manifest, records, summary, as_markdown([summary], spec, []), output)


@click.command("model-card")
@click.argument("runs", nargs=-1, required=True, type=FOLDER, metavar="RUN...")
@click.option("--card", type=PATH, required=True, metavar="FILE", help="README.md of the model or adapter.")
@click.option("--name", required=True, metavar="NAME", help="Name of the model.")
def model_card_command(runs: tuple[Path, ...], card: Path, name: str) -> None:
    """Put the results of runs into the metadata of a model card."""
    from omnisense.benchmarks.exports.hugging_face import add_to_card
    from omnisense.benchmarks.harness.summary import load_run, summarize
    from omnisense.benchmarks.suites import report_spec_for

    summaries = [summarize(*load_run(run), report_spec_for([run])) for run in runs]
    add_to_card(card, name, summaries)
    print_text(f"written to {card}")


@click.group(name="export")
def export_group() -> None:
    """Write benchmarks and runs in the formats of other tools."""


for _command in (lmms_eval_group, inspect_command, hf_command, model_card_command):
    export_group.add_command(_command)
