"""Question files that are damaged in many ways: each ends in a dataset or in an error with file, cause and remedy."""

import copy
import json
import random
import shutil

import pytest

from omnisense.benchmarks.harness.report import write_report
from omnisense.benchmarks.harness.run import RunSettings, run
from omnisense.benchmarks.harness.suite import ModelUnderTest
from omnisense.benchmarks.harness.systems import SystemSettings
from omnisense.benchmarks.suites import get_suite, report_spec_for
from omnisense.errors import OmniSenseError
from tests.benchmarks.test_bad_data import FILES

STRANGE = [None, True, -1, 1.5, "", " ", "\x00", "x" * 5000, "../../etc/passwd", "\ud83d", [], {}, [[]], [None],
           {"a": []}, ["A. x"], ["A. x", "A. x"], "A" * 300 + "/b", "<video>", float("1e308")]  # fmt: skip


def places(value, path=()):
    """Yield the path of every value inside a value."""
    yield path
    if isinstance(value, dict | list):
        for key, inside in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places(inside, (*path, key))


def changed(rows, path, new):
    """Return a copy with another value at a path; without it where the new value is ``...``."""
    rows = copy.deepcopy(rows)
    at = rows
    for key in path[:-1]:
        at = at[key]
    if new is ...:
        del at[path[-1]]
    else:
        at[path[-1]] = new
    return rows


def written(rows, is_lines):
    return "\n".join(map(json.dumps, rows)).encode() if is_lines else json.dumps(rows).encode()


def damages(raw, is_lines, rng):
    """Yield names and contents: bytes that were cut, swapped or overwritten, and values of every other type."""
    yield "cut", raw[: len(raw) * 2 // 3]
    yield "cut at the start", raw[len(raw) // 3 :]
    yield "twice", raw + raw
    yield "noughts", raw[:50] + bytes(20) + raw[70:]
    yield "latin-1", raw[:60] + "é".encode("latin-1") + raw[60:]
    yield "utf-16", raw.decode().encode("utf-16")
    yield "a picture", b"\x89PNG\r\n\x1a\n" + bytes(rng.randbytes(200))
    yield "a Git LFS pointer", b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12\n"
    yield "a web page", b"<!doctype html><title>404</title>"
    yield "NaN", raw.replace(b'"A', b"NaN,", 1)
    rows = [json.loads(line) for line in raw.splitlines()] if is_lines else json.loads(raw)
    for value in (None, True, 3, "rows", {}, {"rows": rows}, [rows], [None], [[]]):
        yield f"all {str(value)[:9]}", written(value if isinstance(value, list) or not is_lines else [value], is_lines)
    inside = [path for path in places(rows) if path]
    for value in (..., *STRANGE):
        path = rng.choice(inside)
        yield f"{path} = {str(value)[:20]!r}", written(changed(rows, path, value), is_lines)


@pytest.mark.parametrize("name", FILES)
def test_damaged_files_are_read_or_refused_in_words(data, name, tmp_path):
    shutil.copytree(data / name, tmp_path / name)
    file = tmp_path / name / FILES[name]
    raw, is_lines, rng = file.read_bytes(), file.suffix == ".jsonl", random.Random(name)
    refused = 0
    for kind, contents in damages(raw, is_lines, rng):
        file.write_bytes(contents)
        try:
            dataset = get_suite(name).load(file if name == "herm" else tmp_path / name, model=ModelUnderTest())
        except OmniSenseError as error:
            assert str(error.path) == str(file), (kind, error)
            assert error.problem, kind
            assert error.remedy, kind
            refused += 1
        else:
            assert dataset.samples, kind
            assert all(problem.where and problem.what for problem in dataset.problems), kind
            json.dumps([problem.what for problem in dataset.problems]).encode()
    assert refused >= 15


@pytest.mark.slow
@pytest.mark.parametrize("name", FILES)
def test_what_is_read_of_damaged_files_can_be_run(data, name, tmp_path):
    shutil.copytree(data / name, tmp_path / name)
    file, suite = tmp_path / name / FILES[name], get_suite(name)
    raw, is_lines, rng = file.read_bytes(), file.suffix == ".jsonl", random.Random(f"{name} again")
    system = SystemSettings(kind="baseline", policy="random")
    for number, (kind, contents) in enumerate(damages(raw, is_lines, rng)):
        file.write_bytes(contents)
        out = tmp_path / f"run{number}"
        try:
            dataset = suite.load(file if name == "herm" else tmp_path / name, model=ModelUnderTest())
            plan = run(RunSettings(suite, system, output=out), dataset)
        except OmniSenseError as error:
            assert error.problem, kind
            assert error.remedy, kind
        else:
            counts = write_report(out, report_spec_for([out]))["counts"]
            assert counts["answered"] + counts["errors"] == len(plan.chosen), kind


@pytest.mark.slow
@pytest.mark.parametrize("name", FILES)
def test_every_value_of_a_row_may_be_of_another_type(data, name, tmp_path):
    shutil.copytree(data / name, tmp_path / name)
    file = tmp_path / name / FILES[name]
    raw, is_lines = file.read_bytes(), file.suffix == ".jsonl"
    rows = [json.loads(line) for line in raw.splitlines()] if is_lines else json.loads(raw)
    first = next(iter(rows)) if isinstance(rows, dict) else 0
    for path in [path for path in places(rows) if path and path[0] == first]:
        for value in (..., *STRANGE):
            file.write_bytes(written(changed(rows, path, value), is_lines))
            try:
                dataset = get_suite(name).load(file if name == "herm" else tmp_path / name, model=ModelUnderTest())
            except OmniSenseError as error:
                assert str(error.path) == str(file), (path, value)
            else:
                assert dataset.samples, (path, value)
