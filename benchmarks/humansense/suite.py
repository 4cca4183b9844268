"""HumanSense as a suite. The rest of the package is imported when it is needed, to keep ``--help`` fast."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from omnisense.benchmarks.harness.suite import (
    Deferred,
    PublishedProtocol,
    ReportSpec,
    Suite,
    SuiteOption,
    begins_with_keys,
)
from omnisense.benchmarks.humansense.tasks import TASKS

PROTOCOL = PublishedProtocol(
    prompts="authors",
    frames="humansense",
    max_pixels=360 * 420,
    audio="either",
    separate_audio=False,
    max_new_tokens=1024,  # the default of the thinker of Qwen2.5-Omni, which their script keeps
)


def report_spec(tasks: Iterable[str], groups: Mapping[str, Sequence[str]]) -> ReportSpec:
    """Return the fifteen tasks on four levels, whichever of them the data has."""
    from omnisense.benchmarks.humansense.report_spec import spec

    return replace(spec(), protocol=PROTOCOL)


def is_question_file(path: Path) -> bool:
    """Return whether a path is a folder, or a file of rows with ``questions``."""
    return not path.is_file() or begins_with_keys(path, "questions")


SUITE = Suite(
    name="humansense",
    summary="Evaluate on HumanSense. Repeat the command to resume an interrupted run.",
    load=Deferred("omnisense.benchmarks.humansense.loading:load"),
    options=(
        SuiteOption("data", "Folder with HumanSense_VQA.json and its media.", "path", "DIR", required=True),
        SuiteOption("ignore_windows", "Ignore the rows' time windows: the files are trimmed already.", "flag"),
    ),
    official_score=Deferred("omnisense.benchmarks.humansense.official_score:official_score"),
    report_spec=report_spec,
    is_question_file=is_question_file,
    files=("HumanSense_VQA.json", "HumanSense_AQA.json"),
    load_templates=Deferred("omnisense.benchmarks.humansense.templates:Templates.read"),
    score_results=Deferred("omnisense.benchmarks.humansense.official_score:score_results"),
    frames="humansense",
    max_pixels=360 * 420,
    license="Apache-2.0",
    task_sizes={task.code: task.questions for task in TASKS},
    protocol=PROTOCOL,
)
