"""The log: levels, JSON lines, files, worker processes, other libraries, and what must not be in it."""

import json
import logging
import subprocess
import sys
import warnings

import pytest

from omnisense import Agent, InputError, ScriptedPolicy
from omnisense.logging import VARIABLE, add_log_file, configure_logging, log_to_file
from tests.conftest import DEMO

log = logging.getLogger("omnisense.tests")
MARKER = "My dog Rex died on Tuesday"


@pytest.fixture(autouse=True)
def restored_logging(monkeypatch):
    """Leave the handlers, levels and the environment as they were."""
    monkeypatch.setenv(VARIABLE, "warning")
    root, ours = logging.getLogger(), logging.getLogger("omnisense")
    handlers, level = list(root.handlers), ours.level
    yield
    for handler in set(root.handlers) - set(handlers):
        root.removeHandler(handler)
    ours.setLevel(level)
    logging.captureWarnings(False)


def log_all_levels():
    for level in ("debug", "info", "warning", "error"):
        getattr(log, level)("a %s line", level)


def warn():
    with warnings.catch_warnings():
        warnings.simplefilter("always")  # pytest ignores them
        logging.captureWarnings(False)
        logging.captureWarnings(True)
        warnings.warn("of Python", UserWarning, stacklevel=1)


@pytest.mark.parametrize(("level", "lines"), [("debug", 4), ("info", 3), ("warning", 2), ("error", 1)])
def test_levels(capsys, level, lines):
    configure_logging(level)
    log_all_levels()
    err = capsys.readouterr().err.splitlines()
    assert len(err) == lines
    assert err[-1].endswith("ERROR omnisense.tests: a error line")


def test_the_default_is_warning_and_the_environment_changes_it(capsys, monkeypatch):
    monkeypatch.delenv(VARIABLE)
    configure_logging()
    log_all_levels()
    assert len(capsys.readouterr().err.splitlines()) == 2
    monkeypatch.setenv(VARIABLE, "json,DEBUG")
    configure_logging()
    log_all_levels()
    assert [json.loads(line)["level"] for line in capsys.readouterr().err.splitlines()] == [
        "debug", "info", "warning", "error",
    ]  # fmt: skip


def test_json_lines_hold_the_traceback(capsys):
    configure_logging("warning", json_lines=True)
    try:
        raise KeyError("typo")
    except KeyError:
        log.exception("it failed")
    (line,) = capsys.readouterr().err.splitlines()
    record = json.loads(line)
    assert (record["level"], record["logger"], record["message"]) == ("error", "omnisense.tests", "it failed")
    assert record["exception"].startswith("Traceback")
    assert record["exception"].endswith("KeyError: 'typo'")


@pytest.mark.parametrize("where", ["argument", "environment"])
def test_an_unknown_level_is_an_error_that_names_the_choices(monkeypatch, where):
    if where == "environment":
        monkeypatch.setenv(VARIABLE, "loud,json")
    with pytest.raises(InputError, match=r"unknown log level 'loud'.*debug, info, warning, error"):
        configure_logging("loud" if where == "argument" else None)


def test_a_log_file_is_written_from_info_on_and_keeps_the_exception(tmp_path, capsys):
    configure_logging("error")
    with pytest.raises(ValueError), log_to_file(tmp_path / "run.log"):  # noqa: PT012
        log_all_levels()
        logging.getLogger("some.library").warning("of a library")
        warn()
        raise ValueError("the cause")
    log.warning("after the run")
    text = (tmp_path / "run.log").read_text()
    assert [line.split(" ")[2] for line in text.splitlines() if line[:2] == "20"] == [
        "INFO", "WARNING", "ERROR", "WARNING", "WARNING", "ERROR",
    ]  # fmt: skip
    for wanted in ("some.library: of a library", "py.warnings", "of Python", "Traceback", "ValueError: the cause"):
        assert wanted in text
    assert "after the run" not in text
    assert capsys.readouterr().err.count("\n") == 1
    with pytest.raises(InputError, match="the log cannot be written"):
        add_log_file(tmp_path)


@pytest.mark.parametrize(("level", "shown"), [("debug", True), ("info", True), ("warning", False)])
def test_library_warnings_are_shown_at_info_and_debug(capsys, level, shown):
    configure_logging(level)
    logging.getLogger("some.library").warning("of a library")
    logging.getLogger("some.library").info("details of a library")
    warn()
    err = capsys.readouterr().err
    assert ("of a library" in err, "of Python" in err) == (shown, shown)
    assert "details" not in err
    logging.getLogger("some.library").error("a failure of a library")
    assert "a failure of a library" in capsys.readouterr().err


@pytest.mark.subprocess
def test_worker_processes_inherit_the_level_and_the_form(tmp_path):
    configure_logging("info", json_lines=True)
    worker = (
        "import logging, pathlib, sys\n"
        "from omnisense.logging import add_log_file, configure_logging\n"
        "configure_logging()\n"
        "add_log_file(pathlib.Path(sys.argv[1]))\n"
        "logging.getLogger('omnisense.worker').info('started')\n"
        "logging.getLogger('omnisense.worker').debug('details')"
    )
    path = tmp_path / "run.log"
    done = subprocess.run([sys.executable, "-c", worker, path], capture_output=True, text=True, check=True)
    assert [json.loads(line)["message"] for line in done.stderr.splitlines()] == ["started"]
    assert path.read_text() == done.stderr


# --- what a person says -------------------------------------------------------------------------------------


def test_what_a_person_types_is_not_logged_at_info(tmp_path):
    configure_logging("info")
    with log_to_file(tmp_path / "run.log"), Agent(ScriptedPolicy(["I hear you."]), memory=None) as agent:
        for _ in range(2):
            agent.respond(text=f"{MARKER}.", thread_id="t")
        log.info("the end")
    text = (tmp_path / "run.log").read_text()
    assert "the end" in text
    assert not any(word in text for word in ("Rex", "Tuesday", "I hear you"))


@pytest.mark.models
def test_what_a_person_says_in_a_clip_is_not_logged_at_info(perception, tmp_path):
    perception.forget(DEMO)
    configure_logging("info")
    with log_to_file(tmp_path / "run.log"), Agent(ScriptedPolicy(["I hear you."]), perception, memory=None) as agent:
        response = agent.respond(DEMO)
        log.info("the end")
    assert "fly to space" in response.percepts.transcript.text
    text = (tmp_path / "run.log").read_text()
    assert "the end" in text
    assert not any(word in text for word in ("space", "nervous", "I hear you"))


# --- the command --------------------------------------------------------------------------------------------


def test_the_command_logs_the_traceback_of_a_user_error_at_debug(run_cli):
    plain = run_cli("respond")
    assert (plain.returncode, plain.stderr.count("\n")) == (2, 1)
    detailed = run_cli("--log-level", "debug", "--log-json", "respond")
    version, record = (json.loads(line) for line in detailed.stderr.splitlines()[:2])
    assert version["message"].startswith("omnisense 0.")
    assert (detailed.returncode, record["level"]) == (2, "debug")
    assert "InputError" in record["exception"]


def test_an_unknown_level_on_the_command_line_exits_with_2(run_cli):
    assert "'debug', 'info', 'warning', 'error'" in run_cli("--log-level", "loud", "demo").stderr
    code, _, err = run_cli("respond", "--text", "x", OMNISENSE_LOG="loud")
    assert code == 2
    assert "debug, info, warning, error" in err


@pytest.mark.parametrize("flags", [[], ["--log-json"]])
@pytest.mark.subprocess
def test_an_unexpected_exception_is_logged_once_with_its_traceback_and_exits_with_1(flags):
    program = (
        "import sys, omnisense.agent.cli.main as main, omnisense.agent.cli.respond as respond\n"
        "def fail(clip): raise KeyError('typo')\n"
        "respond.must_open = fail\n"
        f"sys.argv = ['omnisense', *{flags}, 'respond', 'clip.mp4']\n"
        "main.main()"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("Traceback") == 1
    assert done.stderr.count("KeyError: 'typo'") == 1
    if flags:
        assert json.loads(done.stderr)["level"] == "error"
