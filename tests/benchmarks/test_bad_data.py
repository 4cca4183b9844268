"""Data that are damaged, of another benchmark, or of another kind than stated: each is said, and nothing is guessed."""

import json
import shutil

import pytest

from omnisense.benchmarks.harness.records import read_records
from omnisense.benchmarks.harness.suite import ModelUnderTest
from omnisense.benchmarks.suites import get_suite

FILES = {
    "intentbench": "qa.json",
    "daily-omni": "qa.json",
    "worldsense": "worldsense_qa.json",
    "emobench-m": "benchmark_json/MELD_test.json",
    "omnibench": "dataset/batch-5_1142_20240817.jsonl",
    "humansense": "HumanSense_VQA.json",
    "herm": "questions.json",
}


@pytest.fixture
def copy(data, tmp_path):
    """Copy a sample; return what to name as ``--data``, and its question file."""

    def make(name):
        shutil.copytree(data / name, tmp_path / name)
        file = tmp_path / name / FILES[name]
        return file if name == "herm" else tmp_path / name, file

    return make


def read(file):
    text = file.read_text()
    return [json.loads(line) for line in text.splitlines()] if file.suffix == ".jsonl" else json.loads(text)


def write(file, rows):
    is_lines = file.suffix == ".jsonl"
    file.write_text("\n".join(map(json.dumps, rows)) if is_lines else json.dumps(rows))


@pytest.mark.parametrize("name", FILES)
def test_a_byte_order_mark_and_windows_line_ends_change_nothing(copy, name):
    path, file = copy(name)
    before = get_suite(name).load(path, model=ModelUnderTest()).samples
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes().replace(b"\n", b"\r\n"))
    assert get_suite(name).load(path, model=ModelUnderTest()).samples == before


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize(
    ("contents", "said"),
    [
        (b"", "cannot be read as JSON|holds no rows"),
        (b"[]", "it holds no rows|is not a list of rows|neither videos|lacks its fields"),
        (b'[{"a": "\xff"}]', "cannot be read as JSON"),
        (b"[" * 100_000, "cannot be read as JSON .*nested too deeply|cannot be read as JSON lines"),
        (b'["a row"]', "lacks|no 'questions' object|has no question"),
    ],
)
def test_a_file_that_holds_no_questions_is_said(run_cli, copy, name, contents, said):
    path, file = copy(name)
    file.write_bytes(contents)
    ran = run_cli("eval", name, "--data", path, "--validate", COLUMNS="1000")
    assert ran.returncode == 2
    assert any(part in ran.stderr for part in said.replace(".*", "|").split("|")), ran.stderr
    assert str(file) in ran.stderr


@pytest.mark.parametrize("name", FILES)
def test_the_data_have_to_be_named(run_cli, name):
    ran = run_cli("eval", name, "--validate")
    assert (ran.returncode, "Missing option '--data'" in ran.stderr) == (2, True), ran.stderr


@pytest.mark.parametrize("name", FILES)
def test_data_of_another_benchmark_are_refused(run_cli, data, name):
    for other in (*FILES, "think/Daily-Omni", "think/WorldSense"):
        if name in other.lower() or other == "herm":
            continue
        ran = run_cli("eval", name, "--data", data / other, "--validate")
        said = " ".join(ran.stderr.split())
        assert ran.returncode == 2, (other, said)
        if name != "humansense":
            of = other.rpartition("/")[2].lower()
            assert f"it holds the questions of {of}. Use {of} in place of {name}" in said


@pytest.mark.parametrize(
    ("name", "key", "value", "said"),
    [
        ("daily-omni", "Question", None, "the question is empty"),
        ("daily-omni", "Question", 3, "the question is no text"),
        ("daily-omni", "Choice", ["A. yes", None], "an option is no text"),
        ("daily-omni", "Answer", {"A": 1}, "is not among ABCD"),
        ("intentbench", "options", None, "there are no options"),
        ("intentbench", "problem", ["?"], "the question is no text"),
        ("intentbench", "solution", ["A"], "is not among ABCD"),
        ("herm", "question", 3, "the question is no text"),
        ("herm", "choices", ["a man", None], "an option is no text"),
        ("omnibench", "answer", ["x"], "is none of the options"),
    ],
)
def test_values_of_another_type_are_faults_of_their_row(copy, name, key, value, said):
    path, file = copy(name)
    rows = read(file)
    rows[0][key] = value
    write(file, rows)
    dataset = get_suite(name).load(path, model=ModelUnderTest())
    assert said in dataset.samples[0].problem
    assert not any(sample.problem for sample in dataset.samples[1:])


def test_half_of_a_surrogate_pair_ends_no_run(run_cli, copy, tmp_path):
    path, file = copy("daily-omni")
    rows = read(file)
    rows[0]["Question"] = "What is \ud83d felt?"
    write(file, rows)
    out, script = tmp_path / "run", tmp_path / "script.json"
    ran = run_cli("eval", "daily-omni", "--data", path, "--policy", "scripted", "--text-only", "--output", out)
    assert ran.returncode == 0, ran.stderr
    assert any(record.question == "What is \ufffd felt?" for record in read_records(out))
    script.write_text(json.dumps({"replies": ["B \ud83d"]}))  # as a service ends a reply in the middle of a character
    out = tmp_path / "cut"
    ran = run_cli(
        "eval", "daily-omni", "--data", path, "--policy", f"scripted:{script}", "--text-only", "--output", out
    )
    assert ran.returncode == 0, ran.stderr
    assert {record.reply for record in read_records(out)} == {"B ?"}


def test_media_that_are_empty_or_missing_are_named(run_cli, copy, tmp_path):
    path, _ = copy("worldsense")
    first, second = sorted(path.rglob("*.mp4"))
    first.write_bytes(b"")
    second.unlink()
    ran = run_cli("eval", "worldsense", "--data", path, "--validate", COLUMNS="1000")
    assert ran.returncode == 1
    assert "bad media: videos/wS_one.mp4 is an empty file" in ran.stderr
    assert "missing media: there is no videos/wS_two.mp4" in ran.stderr
    ran = run_cli("eval", "worldsense", "--data", path, "--baseline", "random", "--output", tmp_path / "run")
    assert ran.returncode == 1
    assert {record.error.kind for record in read_records(tmp_path / "run")} == {"bad media"}


@pytest.mark.parametrize("command", [["eval"], ["export", "lmms-eval"]])
def test_an_unknown_benchmark_is_refused_with_those_that_there_are(run_cli, command):
    ran = run_cli(*command, "dailyomni", "--data", "x", COLUMNS="1000")
    assert ran.returncode == 2
    assert "There is no 'dailyomni'. Choose from" in ran.stderr
    assert "daily-omni" in ran.stderr
