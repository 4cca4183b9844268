"""The benchmark of trust: it damages files, kills processes, and reports what was measured."""

import os
import signal

import numpy as np
import pytest

from omnisense import Agent, ScriptedPolicy
from omnisense.benchmarks.trust import attacks, losses, media, training
from omnisense.benchmarks.trust.report import render
from omnisense.errors import OmniSenseError

forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")


def test_files_are_damaged_the_same_way_in_every_run():
    contents = [bytes(range(256)) * 20, b"other" * 500]

    def damaged():
        random = np.random.default_rng(3)
        return [media.mutate(contents[i % 2], contents, random) for i in range(40)]

    first = damaged()
    assert first == damaged()
    assert len({kind for kind, _ in first}) == 7
    assert sum(content not in contents for _, content in first) > 30


@pytest.mark.subprocess
def test_damaged_files_have_an_outcome_each(tmp_path):
    found = media.measure(tmp_path, 4, lambda line: None)
    assert sum(found["outcomes"].values()) == 4
    assert not found["odd"]


@forks
def test_killed_writers_leave_whole_files(tmp_path):
    assert losses.kill_writes(tmp_path, 3, lambda line: None) == {"kills": 3, "damaged": 0, "left over": 0}


def test_the_report_has_what_was_measured_and_says_what_was_not():
    report = render(
        {"writes": {"kills": 3, "damaged": 0, "left over": 0}, "perception": {"tone": {"clean": {"uar": 0.8}}}}
    )
    assert "3 processes were killed" in report
    assert "| tone | clean, uar: 0.8 |" in report
    others = "attacks, media, risk, chat, concurrent, restarts, growth, perceive, eval, annotate, pull, train, turns"
    assert f"Not measured: {others}." in report


def test_the_tests_of_an_attack_are_those_that_were_run():
    report = render({"attacks": {"of an earlier name": {"files": ["agent/test_memory.py"], "passed": 2, "errors": 1}}})
    assert "| of an earlier name | 2 | 1 | 0 | `tests/agent/test_memory.py` |" in report


@pytest.mark.parametrize(
    ("summary", "counts"),
    [
        ("103 passed, 4 skipped in 9.13s", {"passed": 103, "skipped": 4}),
        ("2 failed, 1 passed, 1 xfailed, 1 error in 0.20s", {"failed": 2, "passed": 1, "errors": 1}),
        ("3 errors in 0.10s", {"errors": 3}),
        ("no tests ran in 0.00s", {}),
    ],
)
def test_tests_that_end_in_errors_are_counted(summary, counts):
    assert attacks.counts_of(summary) == counts


@pytest.mark.subprocess
def test_tests_that_do_not_run_are_an_error(monkeypatch):
    monkeypatch.setattr(attacks, "ATTACKS", {"an attack": ["omnisense/test_not_there.py"]})
    with pytest.raises(OmniSenseError, match=r"the tests of 'an attack' did not run.*test_not_there"):
        attacks.measure(lambda line: None)


def test_concurrent_turns_leave_nothing_in_a_database_that_is_used_again(tmp_path):
    file = tmp_path / "shared.sqlite"
    found = [losses.concurrent_turns(tmp_path, 2, 2, file) for _ in range(2)]
    assert found == [{"workers": 2, "turns that returned": 4, "lost": 0, "doubled": 0}] * 2
    with Agent(ScriptedPolicy(["Yes."]), memory=file) as one:
        assert one.threads() == []


@forks
def test_a_process_that_fails_is_told_from_one_that_was_killed(capfd):
    def fail(told):
        os.write(told, b"begun")
        raise ValueError("no such tensor")

    assert losses.run_and_kill(lambda told: None, None) == ("", 0)
    assert losses.run_and_kill(lambda told: signal.pause(), 0.05) == ("", -signal.SIGKILL)
    assert losses.run_and_kill(fail, None) == ("begun", 1)
    assert "ValueError: no such tensor" in capfd.readouterr().err
    with pytest.raises(OmniSenseError, match="exit code 1"):
        training._ended(fail, None)
    assert training._ended(lambda told: signal.pause(), 0.05) == ""
