"""How HERM-Bench's figures are put together: dimensions and fields are those of the data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from omnisense.benchmarks.harness.summary import ReportSpec


def spec(tasks: Iterable[str], groups: Mapping[str, Sequence[str]]) -> ReportSpec:
    """The dimensions in order of name, and their fields."""
    return ReportSpec(
        title="HERM-Bench",
        tasks=dict.fromkeys(sorted(set(tasks)), ""),
        groups=groups,
        macros={},
        official_score="authors' rule",
        published=(),
    )
