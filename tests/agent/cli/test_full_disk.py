"""Commands whose output cannot be written: an error that names the file and the remedy, and no traceback."""

import contextlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from omnisense.benchmarks.trust.runs import write_questions

resource = pytest.importorskip("resource", reason="this system has no limits on the size of files")


@contextlib.contextmanager
def full_after(size):
    """Let no file grow beyond a number of bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.fixture
def questions(tmp_path):
    return write_questions(tmp_path / "data")


@pytest.fixture
def images(tmp_path):
    from PIL import Image

    folder = tmp_path / "images"
    folder.mkdir()
    Image.new("RGB", (90, 90), "red").save(folder / "a.png")
    (folder / "instances.json").write_text(
        json.dumps(
            {
                "images": [{"id": 1, "file_name": "a.png", "width": 90, "height": 90}],
                "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [9, 9, 60, 70]}],
                "categories": [{"id": 1, "name": "person"}],
            }
        )
    )
    return folder


def check(ran, folder):
    assert ran.returncode == 2, ran.stderr
    assert "Traceback" not in ran.stderr
    last = ran.stderr.splitlines()[-1]
    assert last.startswith("omnisense: ")
    assert str(folder) in last
    assert "pace" in last or "Name another" in last, last
    assert not list(Path(folder).rglob("*.part"))


@pytest.mark.parametrize("size", [0, 300, 5000])
def test_an_evaluation_that_cannot_be_written(run_cli, questions, tmp_path, size):
    out = tmp_path / "run"
    command = ["eval", "humansense", "--data", questions, "--baseline", "random", "--output", out]
    with full_after(size):
        check(run_cli(*command), out)
    ran = run_cli(*command)  # with room, the same command goes on
    assert ran.returncode == 0, ran.stderr
    assert len((out / "records.jsonl").read_text().splitlines()) == 300
    for kind in ("hf", "inspect"):
        with full_after(size):
            check(run_cli("export", kind, out, "--output", tmp_path / kind), tmp_path / kind)
        assert not [path for path in (tmp_path / kind).rglob("*") if path.is_file() and path.suffix == ".parquet"]
    task = ["export", "lmms-eval", "humansense", "--data", questions, "--text-only", "--output", tmp_path / "task"]
    with full_after(size):
        check(run_cli(*task), tmp_path / "task")


@pytest.mark.parametrize("size", [0, 300, 3000])
def test_annotations_that_cannot_be_written(run_cli, images, tmp_path, size):
    out = tmp_path / "out"
    command = ["annotate", images, "--coco", images, "--output", out]
    with full_after(size):
        check(run_cli(*command), out)
    ran = run_cli(*command)
    assert ran.returncode == 0, ran.stderr
    assert len((out / "images.jsonl").read_text().splitlines()) == 1


@pytest.mark.subprocess
def test_a_full_standard_output():
    if not Path("/dev/full").exists():
        pytest.skip("there is no /dev/full")
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "omnisense.agent.cli.main", "schema", "respond"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("omnisense: the output: it cannot be written (No space left")
    assert "Traceback" not in done.stderr
