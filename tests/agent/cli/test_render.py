"""What others wrote cannot control the terminal that shows it."""

import io
import json
import re
from types import SimpleNamespace

from rich.console import Console

from omnisense.agent.cli.options import print_json, print_text
from omnisense.agent.cli.render import show_percepts
from omnisense.perception.fusion.timeline import Event, Timeline

# A title, a color by C0 and by C1, a cleared screen, a link, backspaces; and rich's own markup
ATTACK = "a\x1b]0;owned\x07b\x1b[31mc\x9b2Jd\x1b]8;;http://example.org\x1b\\e\x08\x08\x7f\x00[red]f[/nothing]"
SHOWN = "a]0;ownedb[31mc2Jd]8;;http://example.org\\e[red]f[/nothing]"
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def test_words_and_file_names_of_a_timeline_are_shown_without_control_characters():
    event = Event("e1", 0.0, 1.0, "speech", "", ATTACK, 1.0)
    percepts = SimpleNamespace(timeline=lambda: Timeline(f"Clip {ATTACK}", (ATTACK,), (event,)))
    console = Console(file=io.StringIO(), force_terminal=True, color_system=None, width=200)
    show_percepts(console, percepts)
    written = console.file.getvalue()
    assert written.count(SHOWN) == 3
    assert not CONTROL.search(re.sub(r"\x1b\[\d*m", "", written))


def test_a_reply_a_thread_and_an_error_are_shown_without_control_characters(tmp_path, run_cli):
    script = tmp_path / "script.json"
    script.write_text(json.dumps({"replies": [f"I hear you. {ATTACK}"]}))
    policy = f"scripted:{script}"
    shown = run_cli("respond", "--text", f"I lost my job. {ATTACK}", "--policy", policy)
    assert shown.returncode == 0, shown.stderr
    assert not CONTROL.search(shown.stdout)
    name = ATTACK.replace("\0", "")  # a NUL is an error in names of files and conversations
    chatted = run_cli("chat", "--thread", name, "--policy", policy, stdin=f"I lost my job. {ATTACK}\n\n")
    assert chatted.returncode == 0, chatted.stderr
    assert not CONTROL.search(chatted.stdout.replace("\r", ""))
    failed = run_cli("perceive", f"{name}.mp4")
    assert failed.returncode == 2
    assert not CONTROL.search(failed.stderr)


def test_json_keeps_control_characters_as_escapes(capsys):
    print_json({"text": ATTACK})
    written = capsys.readouterr().out
    assert not CONTROL.search(written)
    assert json.loads(written) == {"text": ATTACK}
    print_text(f"{ATTACK}\tß 你好\n")
    assert capsys.readouterr().out == f"{SHOWN}\tß 你好\n\n"


def percepts_of(name, said, reason="none"):
    from omnisense.perception.percepts import Percepts, Provenance
    from omnisense.perception.settings import PerceptionSettings
    from omnisense.perception.types import ClipInfo, Missing, Segment, Transcript, Word

    clip = ClipInfo(name, "audio", 3.0, 0.0, 0, 0, 0.0, "", "pcm", "")
    words = Transcript("en", (Segment(0.0, 2.0, said, (Word(said, 0.0, 2.0),)),), "none")
    provenance = Provenance("0", {}, PerceptionSettings(), {})
    return Percepts(clip, Missing(reason), Missing(reason), words, provenance=provenance)


def test_files_of_percepts_hold_no_control_characters_and_no_formulas(capsys):
    """A dollar sign begins a formula in matplotlib, and a wrong one is an error."""
    from omnisense.agent.cli.render import transcript_text
    from omnisense.agent.cli.timeline_plot import draw_timeline

    for text in ("a$x^{$b", "$\\frac{1}$", ATTACK):
        percepts = percepts_of(f"{text}.wav", f"{text}\n[9.00-9.10] {text}", f"{text} {text} {'x ' * 200}")
        assert draw_timeline(percepts).startswith(b"\x89PNG")
        written = transcript_text(percepts)
        assert not CONTROL.search(written)
        assert written.count("\n") == 1


def test_a_name_that_is_no_utf_8_can_be_written(tmp_path):
    from omnisense.perception.percepts import Percepts

    percepts = percepts_of("clip-\udcff.wav", "hi")
    percepts.save(tmp_path / "percepts.json")
    assert Percepts.from_json((tmp_path / "percepts.json").read_bytes()).clip.path == "clip-?.wav"
    assert (tmp_path / "percepts.json").stat().st_mode & 0o077 == 0


def test_the_log_holds_no_control_characters(monkeypatch, capsys):
    import logging

    from omnisense.logging import VARIABLE, configure_logging

    monkeypatch.setenv(VARIABLE, "warning")
    root, ours = logging.getLogger(), logging.getLogger("omnisense")
    handlers, level = list(root.handlers), ours.level
    try:
        for as_json in (False, True):
            configure_logging("warning", as_json)
            logging.getLogger("omnisense.tests").warning("%s cannot be removed", ATTACK)
    finally:
        for handler in set(root.handlers) - set(handlers):
            root.removeHandler(handler)
        ours.setLevel(level)
        logging.captureWarnings(False)
    plain, line = capsys.readouterr().err.splitlines()
    assert not CONTROL.search(plain + line)
    assert json.loads(line)["message"] == f"{ATTACK} cannot be removed"


def test_a_run_folder_may_be_named_like_markup(tmp_path, run_cli):
    from omnisense.benchmarks.trust.runs import write_questions

    data, run = write_questions(tmp_path / "data"), tmp_path / "run[/b]"
    done = run_cli("eval", "humansense", "--data", data, "--baseline", "random", "--limit", "2", "--output", run)
    assert done.returncode == 0, done.stderr
    assert "run[/b]" in done.stderr.replace("\n", "")
