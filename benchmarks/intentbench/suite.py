"""IntentBench as a suite. The rest of the package is imported when it is needed, to keep ``--help`` fast.

Authors' score: :mod:`omnisense.benchmarks.harness.problem_rows` lists its quirks. Tasks are ours, by the kind of
problem: Social (one option), Emotion (several), Deception (yes or no); their published figures have the same names. The
breakdown of Social by question word is ours too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from omnisense.benchmarks.harness.suite import (
    ModelUnderTest,
    PublishedProtocol,
    ReportSpec,
    Suite,
    SuiteOption,
    begins_with_keys,
)

if TYPE_CHECKING:
    from omnisense.benchmarks.harness.dataset import Dataset, Sample
    from omnisense.benchmarks.harness.prompting import PromptTemplates


PROTOCOL = PublishedProtocol(
    prompts="authors",
    think=True,
    frames="2fps",  # the default of qwen-omni-utils, which their script calls; so are the pixels
    max_pixels=768 * 28 * 28,
    audio=True,
    separate_audio=True,
    max_new_tokens=2048,
    temperature=0.0,
)


def load(data: Path, model: ModelUnderTest) -> Dataset:
    """See :func:`omnisense.benchmarks.intentbench.loading.load`."""
    from omnisense.benchmarks.intentbench import loading

    return loading.load(data)


def official_score(sample: Sample, reply: str, think: bool) -> float | None:
    """See :func:`omnisense.benchmarks.harness.problem_rows.official_score`."""
    from omnisense.benchmarks.harness import problem_rows

    return problem_rows.official_score(sample, reply)


def report_spec(tasks: Iterable[str], groups: Mapping[str, Sequence[str]]) -> ReportSpec:
    """Return the tasks, and the authors' figures."""
    from omnisense.benchmarks.harness import problem_rows

    return ReportSpec(
        title="IntentBench",
        tasks={"Social": "what people mean and why", "Emotion": "all that are felt", "Deception": "whether one lies"},
        groups={},
        macros={},
        published=[
            {"model": model, "split": "full", "average": average, "Social": None, "Emotion": emotion, "Deception": lie}
            for model, average, emotion, lie in (
                ("HumanOmniV2", 0.6933, 0.8241, 0.6400),
                ("Gemini-2.5-Pro", 0.6715, None, None),
                ("Qwen2.5-Omni-7B", 0.6420, 0.5974, 0.6350),
            )
        ],
        published_source="the authors' table (arXiv 2506.21277); their average is over questions",
        score_run=problem_rows.score_run,
        protocol=PROTOCOL,
    )


def load_templates(folder: Path, think: bool) -> PromptTemplates:
    """See :class:`omnisense.benchmarks.intentbench.templates.Templates`."""
    from omnisense.benchmarks.intentbench.templates import Templates

    return Templates.read(folder)


def is_question_file(path: Path) -> bool:
    """Return whether a path is a file of rows with ``problem_type``, or a folder with one named ``qa.json``."""
    return begins_with_keys(path / "qa.json" if path.is_dir() else path, "problem_type")


SUITE = Suite(
    name="intentbench",
    summary="Evaluate on IntentBench. Repeat the command to resume an interrupted run.",
    load=load,
    options=(SuiteOption("data", "Folder with qa.json and videos/.", "path", "DIR", required=True),),
    official_score=official_score,
    report_spec=report_spec,
    is_question_file=is_question_file,
    files=("qa.json",),
    load_templates=load_templates,
    frames="2fps",
    max_pixels=768 * 28 * 28,
    license="code Apache-2.0; its own videos CC BY-NC-SA",
    shows="video, audio",
    protocol=PROTOCOL,
)
