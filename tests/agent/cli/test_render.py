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
