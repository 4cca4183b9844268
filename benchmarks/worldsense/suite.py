"""WorldSense as a suite. The rest of the package is imported when it is needed, to keep ``--help`` fast.

Settings: frames alone; ``--audio``; ``--transcript data`` for the lines of the subtitles that are shown at the sampled
frames. The published protocol never gives sound and subtitles together. Authors' score:
:mod:`omnisense.benchmarks.worldsense.official_score`; rows in HumanOmniV2's form are scored by their script
(:mod:`omnisense.benchmarks.harness.problem_rows`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

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


# Frames, pixels and decoding differ from model to model; VLMEvalKit hands the sound over as a file of its own.
PROTOCOL = PublishedProtocol(prompts="authors", think=False, audio="either", separate_audio=True)


def load(data: Path, model: ModelUnderTest) -> Dataset:
    """See :func:`omnisense.benchmarks.worldsense.loading.load`."""
    from omnisense.benchmarks.worldsense import loading

    return loading.load(data)


def official_score(sample: Sample, reply: str, think: bool) -> float | None:
    """Return the score of the script that reads rows of the sample's form."""
    from omnisense.benchmarks.harness import problem_rows
    from omnisense.benchmarks.worldsense import official_score as official

    if "solution" in sample.row:
        return problem_rows.official_score(sample, reply)
    return float(official.letter_of(reply) == str(sample.row["answer"]).strip())


def score_run(records: Sequence[Record], is_complete: bool) -> OfficialRun:
    """Return the figures of the script that reads rows of the records' form."""
    from omnisense.benchmarks.harness import problem_rows
    from omnisense.benchmarks.worldsense import official_score as official

    if any("solution" in record.row for record in records):
        return problem_rows.score_run(records, is_complete)
    return official.score_run(records, is_complete)


def report_spec(tasks: Iterable[str], groups: Mapping[str, Sequence[str]]) -> ReportSpec:
    """Return the data's types of task in their domains."""
    ordered = [task for codes in groups.values() for task in codes]
    names = list(dict.fromkeys([*ordered, *sorted(set(tasks))]))
    return ReportSpec(
        title="WorldSense",
        tasks=dict.fromkeys(names, ""),
        groups=groups,
        macros={},
        published=[
            {"model": model, "split": "full", "average": average} | dict.fromkeys(names)
            for model, average in (
                ("Doubao-Seed-2.0-Lite", 0.673),
                ("Gemini-2.5-Pro", 0.651),
                ("Qwen3-Omni", 0.540),
                ("HumanOmniV2", 0.471),
                ("Qwen2.5-Omni-7B", 0.454),
            )
        ],
        published_source="the authors' leaderboard; averages over questions",
        score_run=score_run,
        protocol=PROTOCOL,
    )


def load_templates(folder: Path, think: bool) -> PromptTemplates:
    """See :class:`omnisense.benchmarks.worldsense.templates.Templates`."""
    from omnisense.benchmarks.worldsense.templates import Templates

    return Templates.read(folder)


def is_question_file(path: Path) -> bool:
    """Return whether a path is a file with ``candidates`` and ``task_domain``, or a folder with one."""
    file = path / "worldsense_qa.json" if path.is_dir() else path
    if not file.is_file():
        return path.is_dir() and path.name.lower() == "worldsense" and (path / "qa_think.json").is_file()
    return begins_with_keys(file, "candidates", "task_domain")


SUITE = Suite(
    name="worldsense",
    summary="Evaluate on WorldSense. Repeat the command to resume an interrupted run.",
    load=load,
    options=(
        SuiteOption("data", "Folder with worldsense_qa.json (or qa_think.json) and videos/.", "path", "DIR",
                    required=True),
    ),
    official_score=official_score,
    report_spec=report_spec,
    is_question_file=is_question_file,
    files=("worldsense_qa.json", "qa_think.json"),
    load_templates=load_templates,
    frames="64",
    max_pixels=768 * 28 * 28,
    size=3172,
    license="not stated",
    shows="video, audio, subtitles",
    protocol=PROTOCOL,
)  # fmt: skip
