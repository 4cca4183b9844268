"""The measurement of conversations, on a small scale."""

import pytest

from omnisense.benchmarks.speed import conversations


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
