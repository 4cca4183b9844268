"""The command line of evaluation: what it refuses, and how."""

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
