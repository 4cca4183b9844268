"""HumanSense as a suite. The rest of the package is imported when it is needed, to keep ``--help`` fast."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omnisense.benchmarks.harness.suite import (
    ModelUnderTest,
    PublishedProtocol,
    ReportSpec,
    Suite,
    SuiteOption,
    begins_with_keys,
)
from omnisense.benchmarks.humansense.tasks import TASKS

if TYPE_CHECKING:
    from omnisense.benchmarks.harness.dataset import Dataset, Sample
    from omnisense.benchmarks.harness.prompting import PromptTemplates


PROTOCOL = PublishedProtocol(
    prompts="authors",
    frames="humansense",
    max_pixels=360 * 420,
    audio="either",
    separate_audio=False,
    max_new_tokens=1024,  # the default of the thinker of Qwen2.5-Omni, which their script keeps
)


def load(data: Path, model: ModelUnderTest, ignore_windows: bool = False) -> Dataset:
    """See :func:`omnisense.benchmarks.humansense.loading.load`."""
    from omnisense.benchmarks.humansense import loading

    return loading.load(data, ignore_windows)


def official_score(sample: Sample, reply: str, think: bool) -> float | None:
    """See :func:`omnisense.benchmarks.humansense.official_score.official_score`."""
    from omnisense.benchmarks.humansense import official_score as official

    return official.official_score(sample, reply, think)


def score_results(results: Path, model: str, think: bool) -> tuple[dict[str, Any], list[str]]:
    """See :func:`omnisense.benchmarks.humansense.official_score.score_results`."""
    from omnisense.benchmarks.humansense import official_score as official

    return official.score_results(results, model, think)


def report_spec(tasks: Iterable[str], groups: Mapping[str, Sequence[str]]) -> ReportSpec:
    """Return the fifteen tasks on four levels, whichever of them the data has."""
    from omnisense.benchmarks.humansense.report_spec import spec

    return replace(spec(), protocol=PROTOCOL)


def load_templates(folder: Path, think: bool) -> PromptTemplates:
    """See :meth:`omnisense.benchmarks.humansense.templates.Templates.read`."""
    from omnisense.benchmarks.humansense.templates import Templates

    return Templates.read(folder, think)


def is_question_file(path: Path) -> bool:
    """Return whether a path is a folder, or a file of rows with ``questions``."""
    return not path.is_file() or begins_with_keys(path, "questions")


SUITE = Suite(
    name="humansense",
    summary="Evaluate on HumanSense. Repeat the command to resume an interrupted run.",
    load=load,
    options=(
        SuiteOption("data", "Folder with HumanSense_VQA.json and its media.", "path", "DIR", required=True),
        SuiteOption("ignore_windows", "Ignore the rows' time windows: the files are trimmed already.", "flag"),
    ),
    official_score=official_score,
    report_spec=report_spec,
    is_question_file=is_question_file,
    files=("HumanSense_VQA.json", "HumanSense_AQA.json"),
    load_templates=load_templates,
    score_results=score_results,
    frames="humansense",
    max_pixels=360 * 420,
    license="Apache-2.0",
    task_sizes={task.code: task.questions for task in TASKS},
    protocol=PROTOCOL,
)
