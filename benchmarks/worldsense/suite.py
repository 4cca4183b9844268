"""WorldSense as a suite. The rest of the package is imported when it is needed, to keep ``--help`` fast.

Settings: frames alone; ``--audio``; ``--transcript data`` for the lines of the subtitles that are shown at the sampled
frames. The published protocol never gives sound and subtitles together. Authors' score:
:mod:`omnisense.benchmarks.worldsense.official_score`; rows in HumanOmniV2's form are scored by their script
(:mod:`omnisense.benchmarks.harness.problem_rows`).
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
    published_averages,
)

# Frames, pixels and decoding differ from model to model; VLMEvalKit hands the sound over as a file of its own.
PROTOCOL = PublishedProtocol(prompts="authors", think=False, audio="either", separate_audio=True)


def report_spec(tasks: Iterable[str], groups: Mapping[str, Sequence[str]]) -> ReportSpec:
    """Return the data's types of task in their domains."""
    ordered = [task for codes in groups.values() for task in codes]
    names = list(dict.fromkeys([*ordered, *sorted(set(tasks))]))
    return ReportSpec(
        title="WorldSense",
        tasks=dict.fromkeys(names, ""),
        groups=groups,
        macros={},
        published=published_averages(
            {
                "Doubao-Seed-2.0-Lite": 0.673,
                "Gemini-2.5-Pro": 0.651,
                "Qwen3-Omni": 0.540,
                "HumanOmniV2": 0.471,
                "Qwen2.5-Omni-7B": 0.454,
            },
            names,
        ),
        published_source="the authors' leaderboard; averages over questions",
        score_run=Deferred("omnisense.benchmarks.worldsense.official_score:score_run"),
        protocol=PROTOCOL,
    )


def is_question_file(path: Path) -> bool:
    """Return whether a path is a file with ``candidates`` and ``task_domain``, or a folder with one."""
    return is_file_of(path, "worldsense_qa.json", ("candidates", "task_domain"), think_folder="worldsense")


SUITE = Suite(
    name="worldsense",
    summary="Evaluate on WorldSense. Repeat the command to resume an interrupted run.",
    load=Deferred("omnisense.benchmarks.worldsense.loading:load"),
    options=(
        SuiteOption("data", "Folder with worldsense_qa.json (or qa_think.json) and videos/.", "path", "DIR",
                    required=True),
    ),
    official_score=Deferred("omnisense.benchmarks.worldsense.official_score:official_score"),
    report_spec=report_spec,
    is_question_file=is_question_file,
    files=("worldsense_qa.json", "qa_think.json"),
    load_templates=Deferred("omnisense.benchmarks.worldsense.templates:Templates.read"),
    frames="64",
    max_pixels=768 * 28 * 28,
    size="3172",
    license="not stated",
    shows="video, audio, subtitles",
    protocol=PROTOCOL,
)  # fmt: skip
