"""OmniBench as a suite. The rest of the package is imported when it is needed, to keep ``--help`` fast.

``--image text`` and ``--sound text`` give the texts that describe them instead (the authors' ablations), ``none``
leaves one out. Authors' score: :mod:`omnisense.benchmarks.omnibench.official_score` lists its quirks.
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
    begins_with_keys,
    published_averages,
)

PROTOCOL = PublishedProtocol(prompts="authors", think=False, images=True, temperature=0.0)


def report_spec(tasks: Iterable[str], groups: Mapping[str, Sequence[str]]) -> ReportSpec:
    """Return the data's types of task, in order of name."""
    names = sorted(set(tasks))
    return ReportSpec(
        title="OmniBench",
        tasks=dict.fromkeys(names, ""),
        groups={},
        macros={},
        published=published_averages({"Gemini-1.5-Pro": 0.4756}, names),
        published_source="the authors' table (arXiv 2409.15272), image and sound; averages over questions",
        score_run=Deferred("omnisense.benchmarks.omnibench.official_score:score_run"),
        protocol=PROTOCOL,
    )


def is_question_file(path: Path) -> bool:
    """Return whether a path is a file of rows with ``audio content``, or a folder with the authors' one."""
    names = ("dataset/batch-5_1142_20240817.jsonl", "batch-5_1142_20240817.jsonl")
    if path.is_dir():
        return any((path / name).is_file() for name in names)
    return begins_with_keys(path, "audio content")


_GIVEN = ("media", "text", "none")
SUITE = Suite(
    name="omnibench",
    summary="Evaluate on OmniBench. Repeat the command to resume an interrupted run.",
    load=Deferred("omnisense.benchmarks.omnibench.loading:load"),
    options=(
        SuiteOption("data", "Folder with dataset/ and mm_data/.", "path", "DIR", required=True),
        SuiteOption("image", "Give the image, the text that describes it, or neither.", "choice", choices=_GIVEN,
                    default="media"),
        SuiteOption("sound", "Give the sound, the text that describes it, or neither.", "choice", choices=_GIVEN,
                    default="media"),
    ),
    official_score=Deferred("omnisense.benchmarks.omnibench.official_score:official_score"),
    report_spec=report_spec,
    is_question_file=is_question_file,
    files=("dataset/batch-5_1142_20240817.jsonl", "batch-5_1142_20240817.jsonl"),
    load_templates=Deferred("omnisense.benchmarks.omnibench.templates:Templates.read"),
    media="images",
    max_pixels=1280 * 28 * 28,
    size="1142",
    license="not stated",
    shows="image, audio",
    protocol=PROTOCOL,
)  # fmt: skip
