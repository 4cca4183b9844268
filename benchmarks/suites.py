"""The registry of benchmarks: one line each. A suite is imported when it is first used."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from omnisense.benchmarks.harness.suite import ReportSpec, Suite, find_named
from omnisense.errors import InputError

SUITES = {
    "intentbench": "omnisense.benchmarks.intentbench.suite:SUITE",
    "daily-omni": "omnisense.benchmarks.dailyomni.suite:SUITE",
    "worldsense": "omnisense.benchmarks.worldsense.suite:SUITE",
    "emobench-m": "omnisense.benchmarks.emobench.suite:SUITE",
    "omnibench": "omnisense.benchmarks.omnibench.suite:SUITE",
    "humansense": "omnisense.benchmarks.humansense.suite:SUITE",
    "herm": "omnisense.benchmarks.herm.suite:SUITE",
}
DEFAULT_SUITE = "humansense"  # of mixed data, and the format in which training rows are written


def get_suite(name: str) -> Suite:
    """Return a suite by its name.

    Raises:
        InputError: there is no such suite.
    """
    if name not in SUITES:
        raise InputError(f"there is no benchmark '{name}'", f"Choose from {', '.join(SUITES)}.")
    suite: Suite = find_named(SUITES[name])
    return suite


def find_suite(data: Path) -> Suite:
    """Return the suite in whose format a file or folder of questions is written; the default one where none fits."""
    fitting = (suite for name in SUITES if (suite := get_suite(name)).is_question_file(data))
    return next(fitting, get_suite(DEFAULT_SUITE))


def refuse_other_suite(suite: Suite, data: Path) -> None:
    """Refuse a file or folder that holds the questions of another suite.

    Raises:
        InputError: it does.
    """
    if suite.is_question_file(data):
        return
    other = next((name for name in SUITES if _is_data_of(get_suite(name), data)), suite.name)
    if other != suite.name:
        raise InputError(f"it holds the questions of {other}", f"Use {other} in place of {suite.name}.", data)


def _is_data_of(suite: Suite, path: Path) -> bool:
    """Return whether a path is, or a folder holds, a question file of a suite, by its name and contents."""
    is_named = path.name in suite.files if path.is_file() else any((path / file).exists() for file in suite.files)
    return is_named and suite.is_question_file(path)


def find_data(root: Path) -> dict[str, Path]:
    """Return the data folders of suites in a folder, or in folders up to two levels below it.

    Of several folders of one suite the first counts, in order of depth and name. Suites whose data are single files
    of any name are not found.
    """
    found: dict[str, Path] = {}
    for folder in (root, *(p for pattern in ("*", "*/*") for p in sorted(root.glob(pattern)) if p.is_dir())):
        for name in SUITES:
            suite = get_suite(name)
            if _is_data_of(suite, folder):
                found.setdefault(name, folder)
                break
    return {name: found[name] for name in SUITES if name in found}


def report_spec_for(folders: Sequence[Path]) -> ReportSpec:
    """Return how the figures of run folders are combined, all of them runs of one suite.

    Raises:
        InputError: one is not a run folder, or they are runs of different suites.
    """
    from omnisense.benchmarks.harness.records import read_records
    from omnisense.benchmarks.harness.run_folder import read_manifest

    manifests = [read_manifest(folder) for folder in folders]
    names = {str(manifest["identity"]["suite"]) for manifest in manifests}
    if len(names) > 1:
        raise InputError(f"the runs are of different benchmarks ({', '.join(sorted(names))})",
                         "Compare runs of the same one.", folders[-1])  # fmt: skip
    tasks = {record.task for folder in folders for record in read_records(folder)}
    groups = {name: codes for manifest in manifests for name, codes in manifest["data"]["groups"].items()}
    try:
        suite = get_suite(names.pop())
    except InputError as error:
        raise InputError(
            f"its manifest.json is of an unknown benchmark: {error.problem}", error.remedy, folders[0]
        ) from error
    return suite.report_spec(tasks, groups)
