"""Every example runs as it stands, offline, and prints something."""

import contextlib
import io
import re
import runpy
import socket

import pytest

from omnisense.benchmarks.suites import SUITES
from tests.conftest import REPOSITORY

EXAMPLES = REPOSITORY / "examples"
FILES = sorted(EXAMPLES.glob("*.py"))
NEED_MODELS = ("companion", "game_character", "meeting_mood")


def marked(file):
    return pytest.param(file, marks=pytest.mark.models if file.stem in NEED_MODELS else ())


@pytest.fixture
def offline(monkeypatch):
    connect = socket.socket.connect

    def refuse(self, address):
        assert address[0] == "127.0.0.1", "an example asks the network"
        return connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", refuse)


@pytest.mark.parametrize("file", map(marked, FILES), ids=lambda file: file.name)
def test_an_example_runs(file, offline, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # what it writes goes there
    monkeypatch.setattr("sys.stdin", io.StringIO("I passed my exam!\nMy name is Ana.\n"))
    monkeypatch.setattr("sys.argv", [str(file)])
    monkeypatch.setattr("omnisense.benchmarks.suites.SUITES", {**SUITES})  # one adds its own
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        runpy.run_path(str(file), run_name="__main__")
    assert printed.getvalue().strip()


def test_the_index_names_every_example():
    listed = set(re.findall(r"\]\((\w+\.py)\)", (EXAMPLES / "README.md").read_text()))
    assert listed == {file.name for file in FILES}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_an_example_is_short(file):
    code = [line for line in file.read_text().splitlines() if line.strip() and not line.lstrip().startswith("#")]
    assert len(code) <= (30 if file.stem.startswith("own_") else 60)
