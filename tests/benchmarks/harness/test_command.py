"""The command line of evaluation: what it refuses, and how."""

import json

import pytest


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "there is nothing to evaluate"),
        (["--policy", "scripted", "--baseline", "random"], "both a policy and a baseline are given"),
        (["--policy", "scripted", "--frames", "many"], "'many' is not a frame rule"),
        (["--policy", "scripted", "--frames", "0"], "count is 0"),
        (["--policy", "scripted", "--agent", "--audio", "--frames", "8"], "Leave --audio, --frames out"),
        (["--baseline", "random", "--think"], "Leave --think out"),
        (["--policy", "scripted", "--timeout", "5"], "needs workers"),
        (["--policy", "scripted", "--shard", "3/2"], "'3/2' is not a shard"),
        (["--policy", "scripted", "--tasks", "XX"], "there is no task XX"),
        (["--policy", "scripted", "--templates", "nowhere"], "no PROMPT_TEMPLATE.py"),
        (["--policy", "scripted:nowhere.json"], "the script cannot be read"),
        (["--policy", "no-such-model"], "no model is called 'no-such-model'"),
        (["--policy", "chat:openai"], "has no provider"),
        (["--policy", "smollm2-135m-instruct", "--audio"], "does not take audio"),
        (["--baseline", "random", "--limit", "0"], "0 is not in the range"),
        (["--baseline", "worst"], "'worst' is not one of"),
    ],
)
def test_bad_input_ends_with_its_remedy(run_cli, many, tmp_path, arguments, said):
    ran = run_cli("eval", "humansense", "--data", many, "--output", tmp_path / "run", *arguments)
    assert ran.returncode == 2, ran.stderr
    assert said in " ".join(ran.stderr.split())
    assert "Traceback" not in ran.stderr
    assert ran.stdout == ""


def test_errors_in_a_finished_run_are_exit_code_1(run_cli, clips, tmp_path):
    ran = run_cli("eval", "humansense", "--data", clips, "--policy", "scripted", "--tasks", "TR",
                  "--output", tmp_path / "good")  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    (clips / "videos" / "good.mp4").unlink()
    ran = run_cli("eval", "humansense", "--data", clips, "--policy", "scripted", "--output", tmp_path / "bad")
    assert ran.returncode == 1, ran.stderr
    assert "questions are invalid" in ran.stderr
    assert "--retry-errors asks them again" in ran.stderr
    assert "bad media: there is no videos/good.mp4" in ran.stdout


def test_the_run_folder_is_found_again_by_its_settings(run_cli, many, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    command = ["eval", "humansense", "--data", many, "--baseline", "random"]
    first, second = run_cli(*command), run_cli(*command)
    assert "60 questions; run folder runs/humansense/random-" in first.stderr
    assert "60 questions, 60 already answered" in second.stderr
    other = run_cli(*command, "--seed", "1")
    assert "already answered" not in other.stderr
    assert len(list((tmp_path / "runs" / "humansense").iterdir())) == 2


@pytest.fixture(scope="module")
def a_run(data, tmp_path_factory):
    """A finished run's manifest and lines of records."""
    from omnisense.benchmarks.harness.run import RunSettings, run
    from omnisense.benchmarks.harness.systems import SystemSettings
    from omnisense.benchmarks.suites import get_suite

    folder = tmp_path_factory.mktemp("sample")
    suite = get_suite("daily-omni")
    settings = RunSettings(suite, SystemSettings(kind="baseline", policy="random"), output=folder / "run", limit=3)
    run(settings, suite.load(data=data / "daily-omni"))
    lines = (folder / "run" / "records.jsonl").read_text().splitlines(keepends=True)
    return json.loads((folder / "run" / "manifest.json").read_text()), lines


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda m, r: (None, r), "it is not a run folder"),
        (lambda m, r: (json.dumps(m)[:90], r), "it is not a run folder"),
        (lambda m, r: ([m], r), "its manifest.json is not a run's"),
        (lambda m, r: (m | {"selection": None}, r), "not a run's (selection: Input should be a valid dictionary)"),
        (lambda m, r: ({k: v for k, v in m.items() if k != "system"}, r), "not a run's (system: Field required)"),
        (lambda m, r: (m | {"identity": {"suite": "none"}}, r), "is of an unknown benchmark"),
        (lambda m, r: (m, [r[0], "[1]\n", r[2]]), "records.jsonl: line 2: it is not a record (no object)"),
        (lambda m, r: (m, [r[0], r[1][:60] + "\n", r[2]]), "records.jsonl: line 2 is not a record"),
        (lambda m, r: (m, [r[0].replace('"strict": ', '"strict": 3')]), "line 1: it is not a record (strict:"),
        (lambda m, r: (m, []), "has no answers"),
    ],
)
def test_damaged_runs_are_named_by_reports_and_exports(run_cli, a_run, tmp_path, change, said):
    manifest, lines = change(*a_run)
    run = tmp_path / "bad"
    run.mkdir()
    if manifest is not None:
        (run / "manifest.json").write_text(manifest if isinstance(manifest, str) else json.dumps(manifest))
    (run / "records.jsonl").write_text("".join(lines))
    commands = [["export", "model-card", run, "--card", tmp_path / "README.md", "--name", "m"]]
    if lines:
        commands += [["report", run], ["report", run, "--leaderboard", "--output", tmp_path / "board"]]
    for command in commands:
        ran = run_cli(*command)
        assert ran.returncode == 2, ran.stderr
        assert said in " ".join(ran.stderr.split())
        assert "Traceback" not in ran.stderr
    assert not (tmp_path / "README.md").exists()


def test_a_folder_that_cannot_be_written_is_named(run_cli, a_run, tmp_path):
    manifest, lines = a_run
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    (tmp_path / "records.jsonl").write_text("".join(lines))
    below = tmp_path / "records.jsonl" / "x"
    for command in (
        ["report", tmp_path, tmp_path, "--compare", "--output", below],
        ["report", tmp_path, "--leaderboard", "--output", below],
        ["export", "inspect", tmp_path, "--output", below],
        ["export", "model-card", tmp_path, "--card", below, "--name", "m"],
    ):
        ran = run_cli(*command)
        assert ran.returncode == 2, ran.stderr
        assert "cannot be written" in ran.stderr
        assert "Traceback" not in ran.stderr


def test_a_line_that_a_kill_cut_off_is_left_out_of_the_report(run_cli, a_run, tmp_path):
    manifest, lines = a_run
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    (tmp_path / "records.jsonl").write_text("".join(lines)[:-30])
    ran = run_cli("report", tmp_path)
    assert ran.returncode == 0, ran.stderr
    assert "2 of 3 questions answered" in ran.stdout
