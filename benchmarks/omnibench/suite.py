"""OmniBench as a suite. The rest of the package is imported when it is needed, to keep ``--help`` fast.

``--image text`` and ``--sound text`` give the texts that describe them instead (the authors' ablations), ``none``
leaves one out. Authors' score: :mod:`omnisense.benchmarks.omnibench.official_score` lists its quirks.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from omnisense.benchmarks.harness.suite import (
    ModelUnderTest,
    OfficialRun,
    PublishedProtocol,
    ReportSpec,
    Suite,
    SuiteOption,
    begins_with_keys,
)

if TYPE_CHECKING:
    from omnisense.benchmarks.harness.dataset import Dataset, Sample
    from omnisense.benchmarks.harness.prompting import PromptTemplates
    from omnisense.benchmarks.harness.records import Record

Given = Literal["media", "text", "none"]

PROTOCOL = PublishedProtocol(prompts="authors", think=False, temperature=0.0)


def load(data: Path, model: ModelUnderTest, image: Given = "media", sound: Given = "media") -> Dataset:
    """See :func:`omnisense.benchmarks.omnibench.loading.load`."""
    from omnisense.benchmarks.omnibench import loading

    return loading.load(data, image, sound)


def official_score(sample: Sample, reply: str, think: bool) -> float | None:
    """See :func:`omnisense.benchmarks.omnibench.official_score.score_reply`."""
    from omnisense.benchmarks.omnibench import official_score as official

    return official.score_reply(reply, sample.row["options"], sample.gold)


def score_run(records: Sequence[Record], is_complete: bool) -> OfficialRun:
    """See :func:`omnisense.benchmarks.omnibench.official_score.score_run`."""
    from omnisense.benchmarks.omnibench import official_score as official

    return official.score_run(records, is_complete)


def report_spec(tasks: Iterable[str], groups: Mapping[str, Sequence[str]]) -> ReportSpec:
    """Return the data's types of task, in order of name."""
    names = sorted(set(tasks))
    return ReportSpec(
        title="OmniBench",
        tasks=dict.fromkeys(names, ""),
        groups={},
        macros={},
        published=[
            {"model": "Gemini-1.5-Pro", "split": "full", "average": 0.4756} | dict.fromkeys(names),
        ],
        published_source="the authors' table (arXiv 2409.15272), image and sound; averages over questions",
        score_run=score_run,
        protocol=PROTOCOL,
    )


def load_templates(folder: Path, think: bool) -> PromptTemplates:
    """See :class:`omnisense.benchmarks.omnibench.templates.Templates`."""
    from omnisense.benchmarks.omnibench.templates import Templates

    return Templates.read(folder)


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
    load=load,
    options=(
        SuiteOption("data", "Folder with dataset/ and mm_data/.", "path", "DIR", required=True),
        SuiteOption("image", "Give the image, the text that describes it, or neither.", "choice", choices=_GIVEN,
                    default="media"),
        SuiteOption("sound", "Give the sound, the text that describes it, or neither.", "choice", choices=_GIVEN,
                    default="media"),
    ),
    official_score=official_score,
    report_spec=report_spec,
    is_question_file=is_question_file,
    files=("dataset/batch-5_1142_20240817.jsonl", "batch-5_1142_20240817.jsonl"),
    load_templates=load_templates,
    media="images",
    max_pixels=1280 * 28 * 28,
    size=1142,
    license="not stated",
    shows="image, audio",
    protocol=PROTOCOL,
)  # fmt: skip
