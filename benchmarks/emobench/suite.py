"""EmoBench-M as a suite. The rest of the package is imported when it is needed, to keep ``--help`` fast.

The questions state themselves which labels are possible, so that the prompts are the authors' own. Authors' score:
:mod:`omnisense.benchmarks.emobench.official_score` lists its quirks. Groups of sets are the paper's, by the names of
files (:mod:`omnisense.benchmarks.emobench.sets`).
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

PROTOCOL = PublishedProtocol(prompts="data", think=False, temperature=0.0)


def report_spec(tasks: Iterable[str], groups: Mapping[str, Sequence[str]]) -> ReportSpec:
    """Return the sets in their groups."""
    from omnisense.benchmarks.emobench.sets import SETS

    names = [*SETS, *sorted(set(tasks) - set(SETS))]
    return ReportSpec(
        title="EmoBench-M",
        tasks=dict.fromkeys(names, ""),
        groups=groups,
        macros={},
        published=published_averages(
            {
                "human (FER .620, CEU .844, SCEA .727)": 0.730,
                "Gemini-2.0-Flash": 0.623,
                "Gemini-1.5-Flash": 0.613,
                "Video-LLaMA2.1-7B-AV": 0.487,
                "random": 0.254,
            },
            names,
        ),
        published_source="the authors' table (arXiv 2502.04424); averages are over the three groups",
        score_run=Deferred("omnisense.benchmarks.emobench.official_score:score_run"),
        protocol=PROTOCOL,
    )


def is_question_file(path: Path) -> bool:
    """Return whether a path is a folder with ``benchmark_json/``, or a file of rows with ``conversations``."""
    if path.is_dir():
        return (path / "benchmark_json").is_dir()
    return begins_with_keys(path, "conversations")


SUITE = Suite(
    name="emobench-m",
    summary="Evaluate on EmoBench-M. Repeat the command to resume an interrupted run.",
    load=Deferred("omnisense.benchmarks.emobench.loading:load"),
    options=(SuiteOption("data", "Folder with benchmark_json/ and dataset/.", "path", "DIR", required=True),),
    official_score=Deferred("omnisense.benchmarks.emobench.official_score:official_score"),
    report_spec=report_spec,
    is_question_file=is_question_file,
    files=("benchmark_json",),
    frames="16",
    max_pixels=768 * 28 * 28,
    size="over 5000",
    license="Apache-2.0",
    shows="video, audio",
    protocol=PROTOCOL,
)
