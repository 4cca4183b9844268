"""Failures: what an error record keeps, and what a run's log says of it, wherever the worker lives."""

import json
from dataclasses import replace

import pytest

from omnisense.benchmarks.harness.baselines import Baseline
from omnisense.benchmarks.harness.records import Record, RecordError, read_records
from omnisense.benchmarks.harness.run import RunSettings, run
from omnisense.benchmarks.harness.systems import SystemSettings
from omnisense.benchmarks.harness.worker import Worker, WorkerSettings
from omnisense.benchmarks.humansense.loading import load
from omnisense.benchmarks.humansense.suite import SUITE
from omnisense.errors import InputError, MediaError, ModelError, PolicyError

RANDOM = SystemSettings(kind="baseline", policy="random")


def faulty_official_score(sample, reply, think):
    """The official score, with a programming error in one question."""
    return {}["typo"] if sample.question.text.startswith("Question 7:") else SUITE.official_score(sample, reply, think)


def raise_key_error(batch):
    raise KeyError("typo")


class FaultySettings(WorkerSettings):
    """A system that raises a KeyError outside of any one question, as a worker does that has a fault."""

    def make(self):
        class Faulty(Worker):
            def work(self, batch):
                return raise_key_error(batch)

        return Faulty(Baseline(self.system, ()), self.suite.official_score, False)


@pytest.mark.parametrize(
    "executor",
    [{}, {"workers": 2}, pytest.param({"ray": "local", "workers": 2}, marks=pytest.mark.slow)],
    ids=["local", "process", "ray"],
)
@pytest.mark.subprocess
def test_a_programming_error_leaves_its_traceback_in_the_record_and_the_log(many, tmp_path, executor):
    if "ray" in executor:
        pytest.importorskip("ray")
    suite = replace(SUITE, official_score=faulty_official_score)
    run(RunSettings(suite, RANDOM, output=tmp_path / "run", **executor), load(many))
    records = read_records(tmp_path / "run")
    (failed,) = [record for record in records if record.status == "error"]
    assert len(records) == 60
    assert (failed.error.kind, failed.error.type, failed.error.message) == ("internal error", "KeyError", "'typo'")
    assert not failed.error.retryable
    assert "in faulty_official_score" in failed.error.traceback
    log = (tmp_path / "run" / "run.log").read_text()
    assert f"question {failed.id} failed: KeyError" in log
    assert "in faulty_official_score" in log
    assert "60 questions, 60 to ask" in log
    assert log.rstrip().endswith("finished")


def test_a_failing_system_leaves_its_traceback(many, tmp_path, monkeypatch):
    answer = Baseline.answer

    def failing(self, batch):
        if any(p.sample.question.text.startswith("Question 7:") for p in batch):
            raise KeyError("typo")
        return answer(self, batch)

    monkeypatch.setattr(Baseline, "answer", failing)
    run(RunSettings(SUITE, RANDOM, output=tmp_path / "run"), load(many))
    (failed,) = [record for record in read_records(tmp_path / "run") if record.status == "error"]
    assert failed.error.summary == "internal error: KeyError: 'typo'"
    assert "in failing" in failed.error.traceback
    assert "in failing" in (tmp_path / "run" / "run.log").read_text()
    monkeypatch.setattr(Baseline, "answer", answer)
    again = run(RunSettings(SUITE, RANDOM, output=tmp_path / "run", retry_errors=True), load(many))
    assert [sample.id for sample in again.pending] == [failed.id]  # though the same program would fail again


@pytest.mark.subprocess
def test_a_worker_that_fails_as_a_whole_ends_the_run_and_leaves_its_traceback_in_the_log(many, tmp_path, monkeypatch):
    from omnisense.benchmarks.harness import run as running

    monkeypatch.setattr(running, "WorkerSettings", FaultySettings)
    with pytest.raises(KeyError, match="typo"):
        run(RunSettings(SUITE, RANDOM, output=tmp_path / "run", workers=1), load(many))
    assert "in raise_key_error" in (tmp_path / "run" / "run.log").read_text()


@pytest.mark.parametrize(
    ("error", "kind", "retryable"),
    [
        (MediaError("it is damaged", "Record it again.", "a.mp4"), "bad media", False),
        (InputError("it is no file", "Give a file."), "bad input", False),
        (PolicyError("the service failed", "Try again."), "policy error", True),
        (ModelError("it cannot be loaded", "Look."), "model error", True),
        (MemoryError(), "out of memory", True),
        (RuntimeError("CUDA out of memory. Tried to allocate"), "out of memory", True),
        (ConnectionResetError("gone"), "connection lost", True),
        (TimeoutError(), "connection lost", True),
        (KeyError("typo"), "internal error", False),
        (ZeroDivisionError("division by zero"), "internal error", False),
    ],
)
def test_kinds_of_errors(error, kind, retryable):
    found = RecordError.from_exception(error)
    assert (found.kind, found.retryable, found.type) == (kind, retryable, type(error).__name__)
    assert found.message
    assert not found.message.endswith("Record it again.")


def test_records_are_read_back_as_they_were_written(many, tmp_path):
    run(RunSettings(SUITE, RANDOM, output=tmp_path / "run", limit=3), load(many))
    answered = read_records(tmp_path / "run")[0]
    failed = replace(answered, status="error", error=RecordError("bad media", "MediaError", "it is damaged"))
    for record in (answered, failed, replace(answered, probabilities={"A": 0.25, "B": 0.75}, times_s=(0.5, 1.0))):
        assert Record.from_dict(json.loads(record.to_line())) == record


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"schema_version": 1}, r"schema version 1, and .* reads 3"),
        ({"schema_version": None}, "schema version None"),
        ({"status": "skipped"}, "not a record"),
        ({"paper": 1.0}, "not a record"),
        ({"error": {"kind": "typo"}}, "not a record"),
    ],
)
def test_records_that_cannot_be_read_say_why(many, tmp_path, change, problem):
    run(RunSettings(SUITE, RANDOM, output=tmp_path / "run", limit=1), load(many))
    file = tmp_path / "run" / "records.jsonl"
    file.write_text(json.dumps(json.loads(file.read_text()) | change) + "\n")
    with pytest.raises(InputError, match=problem):
        read_records(tmp_path / "run")
