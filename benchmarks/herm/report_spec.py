"""How HERM-Bench's figures are put together: dimensions and fields are those of the data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from omnisense.benchmarks.harness.summary import Layout


def layout(tasks: Iterable[str], groups: Mapping[str, Sequence[str]]) -> Layout:
    """The dimensions in order of name, and their fields."""
    return Layout(
        title="HERM-Bench",
        tasks=dict.fromkeys(sorted(set(tasks)), ""),
        groups=groups,
        macros={},
        own_score="authors' rule",
        published=(),
    )
