"""IntentBench as a suite. The rest of the package is imported when it is needed, to keep ``--help`` fast.

Authors' score: :mod:`omnisense.benchmarks.harness.problem_rows` lists its quirks. Tasks are ours, by the kind of
problem: Social (one option), Emotion (several), Deception (yes or no); their published figures have the same names. The
breakdown of Social by question word is ours too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from omnisense.benchmarks.harness.suite import (
    Deferred,
    PublishedProtocol,
    ReportSpec,
    Suite,
    SuiteOption,
    is_file_of,
)

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


def report_spec(tasks: Iterable[str], groups: Mapping[str, Sequence[str]]) -> ReportSpec:
    """Return the tasks, and the authors' figures."""
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
        score_run=Deferred("omnisense.benchmarks.harness.problem_rows:score_run"),
        protocol=PROTOCOL,
    )


def is_question_file(path: Path) -> bool:
    """Return whether a path is a file of rows with ``problem_type``, or a folder with one named ``qa.json``."""
    return is_file_of(path, "qa.json", ("problem_type",))


SUITE = Suite(
    name="intentbench",
    summary="Evaluate on IntentBench. Repeat the command to resume an interrupted run.",
    load=Deferred("omnisense.benchmarks.intentbench.loading:load"),
    options=(SuiteOption("data", "Folder with qa.json and videos/.", "path", "DIR", required=True),),
    official_score=Deferred("omnisense.benchmarks.harness.problem_rows:official_score"),
    report_spec=report_spec,
    is_question_file=is_question_file,
    files=("qa.json",),
    load_templates=Deferred("omnisense.benchmarks.intentbench.templates:Templates.read"),
    frames="2fps",
    max_pixels=768 * 28 * 28,
    size="2689",
    license="code Apache-2.0; its own videos CC BY-NC-SA",
    shows="video, audio",
    protocol=PROTOCOL,
)
