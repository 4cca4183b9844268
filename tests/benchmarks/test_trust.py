"""The benchmark of trust: it damages files, kills processes, and reports what was measured."""

import os

import numpy as np
import pytest

from omnisense.benchmarks.trust import losses, media
from omnisense.benchmarks.trust.report import render


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


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_killed_writers_leave_whole_files(tmp_path):
    assert losses.kill_writes(tmp_path, 3, lambda line: None) == {"kills": 3, "damaged": 0, "left over": 0}


def test_the_report_has_what_was_measured_and_says_what_was_not():
    report = render(
        {"writes": {"kills": 3, "damaged": 0, "left over": 0}, "perception": {"tone": {"clean": {"uar": 0.8}}}}
    )
    assert "3 processes were killed" in report
    assert "| tone | clean, uar: 0.8 |" in report
    others = "attacks, media, risk, chat, concurrent, growth, perceive, eval, annotate, pull, train, turns"
    assert f"Not measured in this run: {others}." in report
