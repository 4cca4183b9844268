"""Which benchmark a run folder is of, and how that one's figures are put together."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from omnisense.benchmarks.harness.records import read_manifest, read_records
from omnisense.benchmarks.harness.summary import ReportSpec
from omnisense.errors import InputError


def report_spec_of(folders: Sequence[Path]) -> ReportSpec:
    """The layout for runs of one benchmark.

    Raises:
        InputError: one is no run folder, or they are of unlike benchmarks.
    """
    manifests = [read_manifest(folder) for folder in folders]
    names = {manifest["identity"].get("benchmark") for manifest in manifests}
    if len(names) > 1 and "herm" in names:
        raise InputError("the runs are of unlike benchmarks", "Compare runs of the same one.", folders[-1])
    if names == {"herm"}:
        from omnisense.benchmarks.herm.report_spec import spec as herm

        tasks = {record.task for folder in folders for record in read_records(folder)}
        groups = {name: tasks for manifest in manifests for name, tasks in manifest["data"].get("groups", {}).items()}
        return herm(tasks, groups)
    from omnisense.benchmarks.humansense.report_spec import spec as humansense

    return humansense()
