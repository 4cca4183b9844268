"""Every example runs as it stands, offline, and prints something."""

import contextlib
import io
import re
import runpy
import socket

import pytest

from tests.conftest import REPOSITORY

EXAMPLES = REPOSITORY / "examples"
FILES = sorted(EXAMPLES.glob("*.py"))


@pytest.fixture
def offline(monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("an example asks the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_an_example_runs(file, offline, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # what it writes goes there
    monkeypatch.setattr("sys.stdin", io.StringIO("I passed my exam!\nMy name is Ana.\n"))
    monkeypatch.setattr("sys.argv", [str(file)])
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
    assert len(code) <= 30
