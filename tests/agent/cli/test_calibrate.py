"""``omnisense calibrate``: from labelled rows to the profile that the agent loads."""

import json

import pytest

from omnisense.reasoning.profile import PolicyProfile

WORDS = {"joy": "I am happy", "sadness": "I am sad", "anger": "I am angry", "fear": "I am scared"}


@pytest.fixture
def rows(tmp_path):
    folder = tmp_path / "rows"
    folder.mkdir()
    emotions = [{"text": f"{words} {i}", "emotion": e} for i in range(5) for e, words in WORDS.items()]
    question = {"text": "It rains.", "question": "Does it rain?", "options": ["A. yes", "B. no"], "answer": "A"}
    (folder / "emotions.jsonl").write_text("\n".join(map(json.dumps, emotions)))
    (folder / "questions.jsonl").write_text("\n".join([json.dumps(question)] * 12))
    return folder


def test_a_folder_of_rows_becomes_a_profile(run_cli, rows, own_home):
    code, out, err = run_cli("calibrate", rows, "--policy", "scripted")
    assert code == 0
    assert "emotion (texts): held-out accuracy of 20: " in out
    assert "answer (texts): held-out accuracy of 12: " in out
    assert "written to" in err
    profile = PolicyProfile.from_file(own_home / "profiles" / "scripted.json")
    assert profile.source == "measured"
    assert profile.accuracy["answer (texts)"]["policy"] == 1.0  # the script takes the first option
    assert profile.accuracy["emotion (texts)"]["words"] == 1.0
    assert profile.weights["emotion"]["words"] > 0
    assert profile.description == "32 rows of rows"


def test_the_profile_goes_where_it_is_wanted(run_cli, rows, tmp_path):
    file = tmp_path / "new" / "mine.json"
    code, out, _ = run_cli(
        "calibrate", rows, "--policy", "scripted", "--output", file, "--description", "ours", "--json"
    )
    assert code == 0
    assert json.loads(out) == json.loads(file.read_text())
    assert json.loads(out)["description"] == "ours"


def test_rows_that_cannot_be_read_are_said(run_cli, tmp_path):
    file = tmp_path / "rows.jsonl"
    file.write_text('{"text": "x", "feeling": "joy"}')
    code, _, err = run_cli("calibrate", file, "--policy", "scripted")
    assert code == 2
    assert "rows.jsonl: line 1 is no row (feeling: Extra inputs are not permitted)" in err


def test_a_profile_that_cannot_be_written_is_said_before_anything_is_measured(run_cli, rows, tmp_path):
    (tmp_path / "file").write_text("")
    code, out, err = run_cli("calibrate", rows, "--policy", "scripted", "--output", tmp_path / "file" / "mine.json")
    assert code == 2
    assert "it cannot be written" in err
    assert "measuring" not in err
    assert not out
