"""Daily-Omni as a suite. The rest of the package is imported when it is needed, to keep ``--help`` fast.

Authors' score: :mod:`omnisense.benchmarks.dailyomni.official_score` lists its quirks; rows in HumanOmniV2's form are
scored by their script (:mod:`omnisense.benchmarks.harness.problem_rows`).
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

TASKS = {
    "Event Sequence": 306,
    "AV Event Alignment": 238,
    "Context understanding": 193,
    "Reasoning": 175,
    "Inference": 154,
    "Comparative": 131,
}

# Of the authors' repository, March 2026: accuracy over all questions, and by type in the order of TASKS.
_LEADERBOARD = (
    ("Qwen3-Omni-30B-A3B-Thinking", 0.7360, (0.7157, 0.6597, 0.6580, 0.8057, 0.8506, 0.8092)),
    ("Gemini-2.5-Flash", 0.7306, (0.6803, 0.7382, 0.7204, 0.8187, 0.7867, 0.6641)),
    ("Qwen3-Omni-30B-A3B-Instruct", 0.7185, (0.6634, 0.6681, 0.6477, 0.8114, 0.8117, 0.8092)),
    ("Qwen2.5-Omni-7B", 0.6207, (0.5817, 0.4832, 0.5855, 0.7314, 0.7662, 0.6947)),
    ("Qwen2.5-Omni-3B", 0.6023, (0.5392, 0.5084, 0.5389, 0.7029, 0.7597, 0.6947)),
    ("Qwen3-Omni-30B-A3B-Instruct, without sound", 0.5781, (0.5392, 0.4790, 0.5648, 0.6114, 0.7078, 0.6718)),
    ("Qwen2.5-Omni-7B, without sound", 0.4979, (0.4967, 0.3445, 0.4767, 0.5486, 0.6299, 0.5878)),
)

PROTOCOL = PublishedProtocol(
    prompts="authors",
    think=False,
    frames="2fps",  # the default of qwen-omni-utils, which their script calls; so are the pixels
    max_pixels=768 * 28 * 28,
    audio="either",
    separate_audio=False,
    max_new_tokens=10,
    temperature=0.0,
)


def report_spec(tasks: Iterable[str], groups: Mapping[str, Sequence[str]]) -> ReportSpec:
    """Return the types of question."""
    return ReportSpec(
        title="Daily-Omni",
        tasks=dict.fromkeys([*TASKS, *sorted(set(tasks) - TASKS.keys())], ""),
        groups={},
        macros={},
        published=published_averages(
            {
                "Gemini-2.0-Flash": 0.6784,
                "HumanOmniV2": 0.5847,
                "Qwen2.5-Omni-7B (first version of the paper)": 0.4745,
                "Qwen2.5-Omni-7B, without sound (first version of the paper)": 0.4119,
                "GPT-4o, text alone": 0.3634,
            },
            TASKS,
        )
        + [
            {"model": model, "split": "full", "average": average} | dict(zip(TASKS, by_task, strict=True))
            for model, average, by_task in _LEADERBOARD
        ],
        published_source="the authors' tables (arXiv 2505.17862, with its leaderboard of March 2026, and 2506.21277); "
        "averages over questions",
        score_run=Deferred("omnisense.benchmarks.dailyomni.official_score:score_run"),
        protocol=PROTOCOL,
    )


def is_question_file(path: Path) -> bool:
    """Return whether a path is a file of rows with ``Choice`` and ``video_id``, or a folder with one."""
    return is_file_of(path, "qa.json", ("Choice", "video_id"), think_folder="daily-omni")


SUITE = Suite(
    name="daily-omni",
    summary="Evaluate on Daily-Omni. Repeat the command to resume an interrupted run.",
    load=Deferred("omnisense.benchmarks.dailyomni.loading:load"),
    options=(SuiteOption("data", "Folder with qa.json (or qa_think.json) and Videos/.", "path", "DIR", required=True),),
    official_score=Deferred("omnisense.benchmarks.dailyomni.official_score:official_score"),
    report_spec=report_spec,
    is_question_file=is_question_file,
    files=("qa.json", "qa_think.json"),
    load_templates=Deferred("omnisense.benchmarks.dailyomni.templates:Templates.read"),
    frames="2fps",
    max_pixels=768 * 28 * 28,
    size="1197",
    license="not stated (code GPL-3.0)",
    shows="video, audio",
    protocol=PROTOCOL,
)
