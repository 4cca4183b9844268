"""The command: its arguments, output and exit codes."""

import json
import os

import pytest

from tests.conftest import DEMO


@pytest.fixture
def script(tmp_path):
    path = tmp_path / "script.json"
    path.write_text(json.dumps({"replies": ["I hear you, and it sounds like a lot to hold."]}))
    return f"scripted:{path}"


@pytest.mark.models
def test_respond_json_is_one_object(run_cli_process, script):
    code, out, _ = run_cli_process("respond", DEMO, "--text", "Look at me!", "--policy", script, "--json")
    assert code == 0
    assert out.count("\n") == 1
    answer = json.loads(out)
    assert set(answer) >= {"response", "appraisal", "safety", "percepts", "trace", "timings_s"}
    for appraisal in answer["appraisal"].values():
        assert {"value", "evidence"} <= set(appraisal)
    assert answer["percepts"]["transcript"]["segments"]
    assert answer["appraisal"]["emotion"]["value"] == "joy"


@pytest.mark.models
@pytest.mark.slow
def test_respond_for_people_fits_80_columns(run_cli, script):
    code, out, err = run_cli("respond", DEMO, "--policy", script)
    assert code == 0
    assert err == ""
    for wanted in (
        "looked",
        "listened",
        "the person in view looks happy",
        "said",
        "Appraisal",
        "strategy",
        "I hear you, and it sounds like a lot to hold.",
    ):
        assert wanted in out
    assert max(len(line) for line in out.splitlines()) <= 80


@pytest.mark.models
def test_perceive_writes_a_picture(run_cli, tmp_path, monkeypatch, perception):
    from PIL import Image

    monkeypatch.setattr("omnisense.agent.cli.options.PerceptionOptions.load", lambda _: perception)

    code, out, _ = run_cli("perceive", DEMO, "--output", tmp_path / "out")
    assert code == 0
    assert "happy" in out
    assert {p.name for p in (tmp_path / "out").iterdir()} == {
        "percepts.json",
        "timeline.txt",
        "transcript.txt",
        "timeline.png",
    }
    if os.name == "posix":  # they hold what was said
        assert {p.stat().st_mode & 0o777 for p in (tmp_path / "out").iterdir()} == {0o600}
    with Image.open(tmp_path / "out" / "timeline.png") as picture:
        assert picture.width > 800
        assert len(picture.convert("RGB").resize((200, 100)).getcolors(20_000)) > 100
    assert "fly to space" in (tmp_path / "out" / "transcript.txt").read_text()
    (tmp_path / "file").write_text("")
    code, _, err = run_cli("perceive", DEMO, "--output", tmp_path / "file")
    assert (code, "is a file" in err) == (2, True)


@pytest.mark.parametrize("streams", ["audio", "visual"])
@pytest.mark.slow
def test_a_picture_of_few_streams(run_cli, streams, tmp_path):
    code, out, _ = run_cli("perceive", DEMO, "--streams", streams, "--output", tmp_path)
    assert code == 0
    assert "not requested" in out
    assert (tmp_path / "timeline.png").stat().st_size > 10_000


def test_chat_remembers_and_bad_lines_do_not_end_it(run_cli, script, tmp_path):
    lines = "My name is Ana.\n/no/such/clip.mp4\nI like tea.\n"
    code, out, _ = run_cli("chat", "--policy", script, "--memory", tmp_path / "m.sqlite", stdin=lines)
    assert code == 0
    assert out.count("OmniSense") == 3
    code, out, _ = run_cli("chat", "--policy", script, "--memory", tmp_path / "m.sqlite", stdin="\n")
    assert "3 turns so far" in out


def test_chat_takes_clips(run_cli, script, tmp_path):
    bad = tmp_path / "bad.mp4"
    bad.write_text("no video")
    code, out, _ = run_cli(
        "chat", "--policy", script, "--memory", tmp_path / "m.sqlite", stdin=f"{bad} look\nHello there.\n"
    )
    assert code == 0
    assert "not a media file" in " ".join(out.split())
    assert out.count("OmniSense") == 1


def test_respond_in_a_thread(run_cli, script, tmp_path):
    for text in ("My name is Ana.", "What is my name?"):
        code, out, _ = run_cli(
            "respond", "--text", text, "--thread", "t", "--policy", script, "--memory", tmp_path / "m.sqlite", "--json"
        )
        assert code == 0
    assert json.loads(out)["appraisal"]["context"]["recalled"] == "My name is Ana"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["respond"], "neither a clip nor a text"),
        (["respond", "--text", "x", "--policy", "no-such-model"], "models list"),
        (["respond", "--text", "x", "--policy", "chat:nowhere"], "chat:PROVIDER:MODEL"),
        (["respond", "--text", "x", "--policy", "scripted:/absent.json"], "/absent.json"),
        (
            ["respond", "--text", "x", "--thread", "t", "--policy", "scripted", "--memory", "/proc/none/m.sqlite"],
            "--memory",
        ),
        (["perceive", str(DEMO), "--streams", "smell"], "unknown stream 'smell'"),
        (["perceive", str(DEMO), "--fps", "0"], "positive number of frames"),
        (["perceive"], "Missing argument"),
        (["nonsense"], "No such command"),
        (["demo", "--policy", "no-such-model"], "models list"),
    ],
)
def test_bad_arguments_end_with_code_2_and_the_remedy(run_cli, arguments, says):
    code, out, err = run_cli(*arguments)
    assert code == 2
    assert says in err
    assert "Traceback" not in out + err


@pytest.mark.subprocess
@pytest.mark.usefixtures("interruptible")
def test_interrupting_exits_130():
    import os
    import signal
    import subprocess
    import sys

    process = subprocess.Popen(
        [
            sys.executable,
            "-c",
            (
                "import os, signal, omnisense.agent.cli.main as c, omnisense.agent.cli.respond as r\n"
                "r.must_open = lambda clip: os.kill(os.getpid(), signal.SIGINT)\n"
                f"import sys; sys.argv = ['omnisense', 'respond', {str(DEMO)!r}]\nc.main()"
            ),
        ],
        stderr=subprocess.PIPE,
        env=os.environ,
    )
    _, err = process.communicate(timeout=60)
    assert process.returncode in (130, -signal.SIGINT)
    assert b"Traceback" not in err


@pytest.mark.models
@pytest.mark.slow
def test_the_demo_ends_with_a_reply(run_cli):
    code, out, _ = run_cli("demo")
    assert code == 0
    assert "You are going to fly to space." in " ".join(out.split())
