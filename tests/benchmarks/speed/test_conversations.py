"""The measurement of conversations, on a small scale."""

import json

import pytest

from omnisense.benchmarks.speed import conversations, live
from omnisense.errors import OmniSenseError


@pytest.mark.subprocess
@pytest.mark.slow
def test_turns_are_counted_and_timed(tmp_path, monkeypatch):
    for name, value in {"_CONCURRENT_TURNS": 16, "_TURNS_A_PROCESS": 3, "_LONG": 6, "_TIMED": 2}.items():
        monkeypatch.setattr(conversations, name, value)
    found = conversations.measure(str(tmp_path / "m.sqlite"))
    assert found["threads"] == {"returned": 16, "refused": 0, "kept": 16}
    assert found["processes"] == {"returned": 6, "refused": 0, "kept": 6}
    assert 0 < found["long_ms"]["cpu"] < 1000
    table = conversations.as_table({"python": "3.11", "cpu_count": 2, "storage": {"SQLite": found}})
    assert "| turns lost, 8 threads of one process | 0 of 16 (0 refused with an error) |" in table


@pytest.mark.subprocess
def test_a_process_that_fails_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setattr(conversations, "_PROCESS", "raise SystemExit(3)")
    with pytest.raises(OmniSenseError, match=r"2 of 2 processes .* exit code 3"):
        conversations._concurrent_processes(str(tmp_path / "m.sqlite"))


def test_a_live_measurement_goes_on_behind_a_torn_line(tmp_path):
    state, made = tmp_path / "live.jsonl", []
    items = [lambda i=i: made.append(i) or {"turn": i} for i in range(3)]
    live._measure("turns", items[:2], state)
    state.write_text(state.read_text() + '{"part": "tur')
    made.clear()
    live._measure("turns", items, state)
    assert made == [0, 2]  # the first one loads the models
    rows = [json.loads(line) for line in state.read_text().splitlines()]
    assert sorted(row["number"] for row in rows) == [0, 1, 2]
