"""``omnisense threads`` and ``forget``, ``--no-store``, and lines that are no paths."""

import json

import pytest

from omnisense.agent.cli.respond import _split_line

GOOD = "I hear you, and it sounds like a lot to hold."


@pytest.fixture
def say(run_cli, own_home, tmp_path):
    """Send a text in a thread of the default memory."""
    script = tmp_path / "script.json"
    script.write_text(json.dumps({"replies": [GOOD]}))

    def say(text, thread, *options):
        ran = run_cli("respond", "--text", text, "--thread", thread, "--policy", f"scripted:{script}", *options)
        assert ran.returncode == 0, ran.stderr

    return say


def stored(home):
    return b"".join(path.read_bytes() for path in home.glob("conversations*") if path.is_file())


def test_conversations_are_listed_and_forgotten(run_cli, say, own_home):
    assert run_cli("threads").stdout == "There are no conversations.\n"
    say("I play the xylophone.", "ana")
    say("My dog died.", "ben")
    _, out, _ = run_cli("threads")
    assert [(line.split()[:2], line.split()[-1]) for line in out.splitlines()] == [
        (["1", "turns"], "ana"),
        (["1", "turns"], "ben"),
    ]
    listed = json.loads(run_cli("threads", "--json").stdout)["threads"]
    assert [(row["thread_id"], row["turns"], row["interrupted"]) for row in listed] == [
        ("ana", 1, False),
        ("ben", 1, False),
    ]
    assert b"xylophone" in stored(own_home)
    code, out, err = run_cli("forget", "--thread", "ana", stdin="n\n")
    assert (code, out) == (0, "nothing was removed\n")
    assert "'ana'" in err
    assert run_cli("forget", "--thread", "ana", stdin="y\n").stdout == "removed the conversation 'ana'\n"
    assert b"xylophone" not in stored(own_home)
    code, _, err = run_cli("forget", "--thread", "ana", "--yes")
    assert (code, "no conversation 'ana'" in err) == (2, True)
    assert "removed 1 conversations" in run_cli("forget", "--all", "--yes").stdout
    assert run_cli("threads").stdout == "There are no conversations.\n"


def test_it_must_be_clear_what_to_forget(run_cli):
    for arguments in ([], ["--all", "--thread", "ana"], ["--thread", "ana", "--clip", "a.mp4"]):
        code, _, err = run_cli("forget", *arguments, "--yes")
        assert (code, "not clear what" in err) == (2, True)


def test_a_clip_of_which_nothing_is_cached(run_cli, tmp_path):
    code, out, _ = run_cli("forget", "--clip", tmp_path / "gone.mp4", "--yes")
    assert (code, "nothing is cached" in out) == (0, True)


def test_nothing_is_stored_on_demand(run_cli, say, own_home, make_media):
    before = sorted(own_home.iterdir())
    say("Hello.", "ana", "--no-store")
    clip = make_media("a.wav", video_s=None, audio_codec="pcm_s16le")
    code, _, _ = run_cli(
        "respond", clip, "--text", "Hello.", "--policy", "scripted", "--no-store", "--streams", "audio"
    )
    assert code == 0
    assert sorted(own_home.iterdir()) == before
    code, _, err = run_cli("respond", "--text", "Hello.", "--no-store", "--memory", "m.sqlite", "--policy", "scripted")
    assert (code, "contradict" in err) == (2, True)


@pytest.mark.parametrize("line", ["word " * 2000, "x" * 5000, "a/" * 3000, "~nobody.at.all/x y", "a\0.mp4 b"])
def test_a_text_that_can_be_no_path_is_a_text(line):
    assert _split_line(line) == (None, line)


@pytest.mark.parametrize("line", ["'{}' How was I?", '"{}"   How was I?'])
def test_a_path_with_spaces_is_quoted_in_a_chat(tmp_path, line):
    clip = tmp_path / "my clip.mp4"
    clip.touch()
    assert _split_line(line.format(clip)) == (clip, "How was I?")
    assert _split_line("'Never mind', she said.") == (None, "'Never mind', she said.")
