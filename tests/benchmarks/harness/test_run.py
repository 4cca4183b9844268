"""Runs: every question once, whatever happens to the run."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from omnisense.benchmarks.harness.baselines import Baseline
from omnisense.benchmarks.harness.dispatch import dispatch
from omnisense.benchmarks.harness.executors import ProcessExecutor, RayExecutor
from omnisense.benchmarks.harness.prompting import PromptSettings
from omnisense.benchmarks.harness.records import read_records
from omnisense.benchmarks.harness.run import RunSettings, run
from omnisense.benchmarks.harness.run_folder import RunFolder, read_manifest
from omnisense.benchmarks.harness.systems import PolicySystem, Reply, SystemSettings
from omnisense.benchmarks.harness.worker import Worker, WorkerSettings
from omnisense.benchmarks.humansense.loading import load
from omnisense.benchmarks.humansense.suite import SUITE
from omnisense.errors import InputError, PolicyError
from omnisense.perception.media.sampling import Sampling
from omnisense.reasoning.answers.parser import PARSER_VERSION
from omnisense.reasoning.policies.scripted import ScriptedPolicy
from omnisense.testing.tiny_models import tiny_omni
from tests.benchmarks.conftest import row, write_benchmark

RANDOM = SystemSettings(kind="baseline", policy="random")
SLOW = [sys.executable, str(Path(__file__).with_name("slow_command.py")), "eval", "humansense"]


def settings(output, system=RANDOM, **more):
    return RunSettings(SUITE, system, output=output, **more)


def answers(folder):
    return {r.id: (r.status, r.reply, r.strict) for r in read_records(folder)}


def test_a_run_and_its_records(many, tmp_path):
    seen = []
    plan = run(settings(tmp_path / "run"), load(many), on_record=seen.append)
    records = read_records(plan.folder)
    assert len(plan.pending) == len(records) == len(seen) == 60
    assert {r.id for r in records} == {sample.id for sample in load(many).samples}
    one = records[0]
    assert (one.status, one.parser, one.kind) == ("answered", PARSER_VERSION, "one")
    assert one.strict == (one.reply == one.gold)
    assert one.official == one.strict
    manifest = read_manifest(plan.folder)
    assert manifest["identity"]["system"]["policy"] == "random"
    assert manifest["identity"]["data"] == load(many).fingerprint
    assert manifest["packages"]["numpy"]


def test_a_finished_run_asks_nothing_again(many, tmp_path, monkeypatch):
    run(settings(tmp_path / "run"), load(many))
    monkeypatch.setattr(Baseline, "answer", lambda *_: pytest.fail("asked again"))
    plan = run(settings(tmp_path / "run"), load(many))
    assert plan.pending == ()


def test_another_run_in_the_same_folder_is_refused(many, tmp_path):
    run(settings(tmp_path / "run", limit=3), load(many))
    run(settings(tmp_path / "run", limit=9), load(many))  # more of the same run is welcome
    assert len(read_records(tmp_path / "run")) == 9
    with pytest.raises(InputError, match="different system"):
        run(settings(tmp_path / "run", SystemSettings(kind="baseline", policy="longest")), load(many))
    scripted = SystemSettings(policy="scripted")
    run(settings(tmp_path / "asked", scripted, limit=3), load(many))
    with pytest.raises(InputError, match="different prompting, prompts"):
        run(settings(tmp_path / "asked", scripted, prompting=PromptSettings(think=True)), load(many))


def test_a_limit_is_spread_over_the_tasks(many, tmp_path):
    run(settings(tmp_path / "run", limit=6), load(many))
    assert sorted(r.task for r in read_records(tmp_path / "run")) == ["ER", "ER", "ES", "ES", "LD", "LD"]


def test_a_torn_line_is_cut_off_and_its_question_asked_again(many, tmp_path):
    run(settings(tmp_path / "run"), load(many))
    whole = answers(tmp_path / "run")
    file = tmp_path / "run" / "records.jsonl"
    data = file.read_bytes()
    for cut in (1, 40, 700):
        file.write_bytes(data[:-cut])
        assert len(read_records(tmp_path / "run")) < 60  # a report made meanwhile passes over the torn line
        run(settings(tmp_path / "run"), load(many))
        assert answers(tmp_path / "run") == whole
        assert file.read_bytes().count(b"\n") == 60


def test_a_damaged_line_is_named(many, tmp_path):
    run(settings(tmp_path / "run"), load(many))
    file = tmp_path / "run" / "records.jsonl"
    lines = file.read_text().splitlines(keepends=True)
    file.write_text("".join([*lines[:3], '{"id": 1, "schema_version": 2}\n', *lines[4:]]))
    with pytest.raises(InputError, match="line 4: it is not a record"):
        run(settings(tmp_path / "run"), load(many))


def test_two_writers_are_one_too_many(many, tmp_path):
    run(settings(tmp_path / "run", limit=1), load(many))
    with (
        RunFolder(tmp_path / "run", read_manifest(tmp_path / "run")),
        pytest.raises(InputError, match="another process is writing"),
    ):
        run(settings(tmp_path / "run"), load(many))


def test_errors_are_records_of_their_own_and_can_be_retried(many, tmp_path, monkeypatch):
    dataset = load(many)
    broken = {sample.id for sample in dataset.samples[::7]}
    answer = Baseline.answer

    def failing(self, batch):
        if any(p.sample.id in broken for p in batch):
            raise RuntimeError("CUDA out of memory")
        return answer(self, batch)

    monkeypatch.setattr(Baseline, "answer", failing)
    run(settings(tmp_path / "run"), dataset)
    records = {r.id: r for r in read_records(tmp_path / "run")}
    assert {r.id for r in records.values() if r.status == "error"} == broken  # their neighbours were answered
    error = records[next(iter(broken))]
    assert (error.error.kind, error.error.type, error.error.message) == (
        "out of memory",
        "RuntimeError",
        "CUDA out of memory",
    )
    assert error.error.retryable
    assert "in failing" in error.error.traceback
    monkeypatch.setattr(Baseline, "answer", answer)
    assert run(settings(tmp_path / "run"), dataset).pending == ()
    again = run(settings(tmp_path / "run", retry_errors=True), dataset)
    assert {sample.id for sample in again.pending} == broken
    records = read_records(tmp_path / "run")
    assert [r.status for r in records] == ["answered"] * 60
    assert len({r.id for r in records}) == 60


def test_a_run_on_which_everything_fails_stops(many, tmp_path, monkeypatch):
    monkeypatch.setattr(Baseline, "answer", lambda *_: 1 / 0)
    with pytest.raises(PolicyError, match=r"questions all failed.*division by zero"):
        run(settings(tmp_path / "run"), load(many))
    assert all(r.status == "error" for r in read_records(tmp_path / "run"))


def test_a_system_that_loses_replies_is_no_answer(many):
    class Short(Baseline):
        def answer(self, batch):
            return super().answer(batch)[1:] if len(batch) == 1 else super().answer(batch)

    samples = load(many).samples[:1]
    (done,) = Worker(Short(RANDOM, ()), SUITE.official_score, False).work(samples)
    assert done.record.error.message.startswith("the system gave 0 replies")


def test_a_full_disk_keeps_what_was_written(many, tmp_path, monkeypatch):
    from omnisense.benchmarks.harness import run_folder

    calls = []
    fsync = os.fsync

    def full(fd):
        calls.append(fd)
        if len(calls) > 4:
            raise OSError(28, "No space left on device")
        fsync(fd)

    monkeypatch.setattr(run_folder.os, "fsync", full)
    with pytest.raises(InputError, match="No space left on device"):
        run(settings(tmp_path / "run"), load(many))
    monkeypatch.setattr(run_folder.os, "fsync", fsync)
    assert read_records(tmp_path / "run")
    run(settings(tmp_path / "run"), load(many))
    assert len(read_records(tmp_path / "run")) == 60


def test_shards_share_a_folder(many, tmp_path):
    dataset = load(many)
    for part in ("1/3", "3/3", "2/3"):
        run(settings(tmp_path / "run", shard=part), dataset)
    run(settings(tmp_path / "whole"), dataset)
    assert answers(tmp_path / "run") == answers(tmp_path / "whole")
    for wrong in ("0/3", "4/3", "x", "1/0"):
        with pytest.raises(InputError, match="shard"):
            run(settings(tmp_path / "run", shard=wrong), dataset)


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.subprocess
def test_workers_give_the_same_records(many, tmp_path, workers):
    dataset = load(many)
    run(settings(tmp_path / "here"), dataset)
    run(settings(tmp_path / "there", workers=workers), dataset)
    assert answers(tmp_path / "there") == answers(tmp_path / "here")


@pytest.mark.subprocess
def test_a_worker_that_cannot_be_made_ends_the_run(many, tmp_path):
    absent = SystemSettings(policy=str(tmp_path / "no-model"))
    with pytest.raises(Exception, match="no-model"):
        run(settings(tmp_path / "run", absent, workers=2), load(many))


class Cursed(WorkerSettings):
    """A system that one question kills and another hangs, by its own name."""

    def make(self):
        class System(Baseline):
            def answer(self, batch):
                for prepared in batch:
                    if "number 7:" in prepared.sample.question.text:
                        os._exit(3)
                    if "number 11:" in prepared.sample.question.text:
                        time.sleep(600)
                return super().answer(batch)

        return Worker(System(self.system, ()), self.suite.official_score, False)


@pytest.mark.subprocess
def test_a_question_that_kills_or_hangs_its_worker_costs_one_record(tmp_path):
    rows = [row("Emo_Strategy", n, question=f"number {n}: what is felt?") for n in range(24)]
    samples = load(write_benchmark(tmp_path / "data", rows)).samples
    executor = ProcessExecutor(Cursed(RANDOM, PromptSettings(), SUITE), 2, timeout_s=12)
    try:
        done = [
            one.record for batch in dispatch(executor, [samples[i : i + 6] for i in range(0, 24, 6)]) for one in batch
        ]
    finally:
        executor.close()
    assert sorted(r.id for r in done) == sorted(sample.id for sample in samples)
    failed = [r for r in done if r.status == "error"]
    assert sorted(r.question.split(":")[0] for r in failed) == ["number 11", "number 7"]
    assert {r.error.kind for r in failed} == {"worker died"}


@pytest.mark.slow
def test_a_lost_ray_actor_costs_one_record(tmp_path):
    pytest.importorskip("ray")
    rows = [row("Emo_Strategy", n, question=f"number {n}: what is felt?") for n in range(1, 11)]
    samples = load(write_benchmark(tmp_path / "data", rows)).samples
    executor = RayExecutor(Cursed(RANDOM, PromptSettings(), SUITE), 2, "local")
    try:
        done = [one.record for batch in dispatch(executor, [samples[:3], samples[3:7], samples[7:]]) for one in batch]
    finally:
        executor.close()
    assert sorted(r.id for r in done) == sorted(sample.id for sample in samples)
    assert [r.question.split(":")[0] for r in done if r.status == "error"] == ["number 7"]


@pytest.mark.parametrize(
    ("named", "there", "taken"),
    [
        ("3,5", 0, ["3", "5", "3"]),
        ("3", 8, [None] * 3),
        ("", 8, [None] * 3),
        (None, 2, ["0", "1", "0"]),
        (None, 0, [None] * 3),
    ],
)
def test_workers_take_gpus_in_turn(tmp_path, monkeypatch, named, there, taken):
    from omnisense.benchmarks.harness import executors

    for i in range(there):
        (tmp_path / f"0000:0{i}:00.0").mkdir()
    monkeypatch.setattr(executors, "_GPUS", tmp_path)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if named is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", named)
    assert [executors.gpu_for(worker) for worker in range(3)] == taken


@pytest.mark.subprocess
def test_ray_gives_the_same_records(many, tmp_path):
    pytest.importorskip("ray")
    dataset = load(many)
    run(settings(tmp_path / "here"), dataset)
    run(settings(tmp_path / "ray", ray="local", workers=2), dataset)
    assert answers(tmp_path / "ray") == answers(tmp_path / "here")


# --- killed ---------------------------------------------------------------------------------------------------------


def _five_hundred(folder: Path) -> Path:
    tasks = ["Emotion_Recognition", "Lie_Detection", "Emo_Strategy", "Human_Counting", "Rapport_Recognition"]
    return write_benchmark(
        folder, [row(tasks[i % 5], i, answer="ABCD"[i % 4], asr_en=f"Line {i}.") for i in range(500)]
    )


def _kill_until_done(data: Path, output: Path, rng: random.Random, kills: int) -> int:
    """Start the run again and again, killing the writer or one of its workers at a random moment; kills spent."""
    spent = 0
    while True:
        workers = rng.choice(["0", "0", "2"])
        more = ["--output", output, "--batch-size", "5", "--workers", workers]
        process = subprocess.Popen(
            [*SLOW, "--data", data, "--baseline", "random", *more],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True,
        )  # fmt: skip
        if spent >= kills:
            assert process.wait(120) == 0, process.stderr.read()
            return spent
        time.sleep(rng.uniform(0.2, 1.6) if workers == "0" else rng.uniform(0.5, 3.5))
        children = _children(process.pid)
        victim = rng.choice(children) if children and rng.random() < 0.5 else process.pid
        try:
            os.kill(victim, signal.SIGKILL)
            spent += 1
        except ProcessLookupError:
            pass
        if process.wait(120) == 0:
            return spent


def _children(pid: int) -> list[int]:
    listed = subprocess.run(
        ["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=False
    ).stdout
    return [int(child) for child in listed.split()]


def _report(folder: Path) -> dict:
    found = json.loads((folder / "report.json").read_text())
    del found["seconds"], found["cost"], found["provenance"]["started"]
    return found


def _killed(tmp_path: Path, kills: int) -> None:
    data = _five_hundred(tmp_path / "data")
    done = subprocess.run([*SLOW, "--data", data, "--baseline", "random", "--output", tmp_path / "whole"], check=False)
    assert done.returncode == 0
    rng, spent, runs = random.Random(kills), 0, 0
    while spent < kills:
        output = tmp_path / f"killed-{runs}"
        spent += _kill_until_done(data, output, rng, kills - spent)
        lines = [json.loads(line)["id"] for line in (output / "records.jsonl").read_text().splitlines()]
        assert len(lines) == len(set(lines)) == 500
        assert answers(output) == answers(tmp_path / "whole")
        assert _report(output) == _report(tmp_path / "whole")
        runs += 1
    print(f"{spent} kills over {runs} runs")


@pytest.mark.subprocess
def test_killed_runs_lose_and_double_nothing(tmp_path):
    _killed(tmp_path, 8)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_hundred_kills(tmp_path):
    _killed(tmp_path, 100)


@pytest.mark.usefixtures("interruptible")
@pytest.mark.subprocess
def test_ctrl_c_leaves_a_report_and_130(tmp_path):
    data = _five_hundred(tmp_path / "data")
    process = subprocess.Popen(
        [*SLOW, "--data", data, "--baseline", "random", "--output", tmp_path / "run", "--batch-size", "1"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    records = tmp_path / "run" / "records.jsonl"
    for _ in range(200):
        if records.is_file() and records.stat().st_size:
            break
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "Traceback" not in err
    assert "to continue from here" in err
    so_far = json.loads((tmp_path / "run" / "report.json").read_text())["counts"]
    assert 0 < so_far["answered"] < 500
    assert so_far["questions"] == 500
    assert "# HumanSense: random" in out


# --- with media -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def omni(tmp_path_factory):
    return str(tiny_omni(tmp_path_factory.mktemp("omni")))


def test_a_bad_video_costs_one_record(clips, tmp_path, omni):
    prompting = PromptSettings(audio=True, sampling=Sampling(rule="humansense", max_pixels=56 * 84))
    system = SystemSettings(policy=omni, max_new_tokens=4)
    run(settings(tmp_path / "run", system, prompting=prompting), load(clips))
    records = {r.question: r for r in read_records(tmp_path / "run")}
    action, talking, bad, window, voice = (records[f"Question {n}: what is felt?"] for n in range(1, 6))
    assert bad.status == "error"
    assert bad.error.kind == "bad media"
    assert "bad.mp4" in bad.error.message
    assert not bad.error.retryable
    assert (action.frames, action.audio_s) == (2, 0.0)  # one frame a second, and a task that does not hear
    assert (talking.frames, talking.audio_s) == (2, pytest.approx(2.0, abs=0.1))
    assert (voice.frames, voice.audio_s) == (0, pytest.approx(1.0, abs=0.05))
    assert window.times_s[0] < 0.5  # times are the window's own
    assert (tmp_path / "run" / "frames" / f"{action.id}.jpg").stat().st_size > 500
    assert len({r.prompt for r in records.values() if r.prompt}) == 4


def test_settings_that_the_model_cannot_meet_are_refused(clips, many, tmp_path):
    text = SystemSettings(policy="smollm2-135m-instruct")
    scripted = SystemSettings(policy="scripted")
    with pytest.raises(InputError, match="none of the 5 questions can be asked"):
        run(settings(tmp_path / "a", text), load(clips))
    with pytest.raises(InputError, match="does not take audio"):
        run(settings(tmp_path / "b", text, prompting=PromptSettings(audio=True)), load(many))
    with pytest.raises(InputError, match="no task XX"):
        run(settings(tmp_path / "c", scripted, tasks=("XX",)), load(many))


def test_a_scripted_policy_through_the_command(many, tmp_path, run_cli):
    script = tmp_path / "script.json"
    script.write_text(json.dumps({"replies": ["<think>hm</think><answer>B</answer>", "A man"]}))
    ran = run_cli("eval", "humansense", "--data", many, "--policy", f"scripted:{script}", "--think", "--json",
                  "--output", tmp_path / "run")  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    report = json.loads(ran.stdout)
    assert report["counts"]["unparseable"] == 30
    assert report["rates"]["unparseable"] == 0.5
    assert report["official"]["micro"]["n"] == 60
    for name in ("manifest.json", "records.jsonl", "report.json", "report.md", "report.html"):
        assert (tmp_path / "run" / name).is_file()


def test_a_policy_sees_what_the_setting_says(clips):
    sample = load(clips).samples[1]
    policy = ScriptedPolicy(["B"])
    prompting = PromptSettings(audio=True, transcript="data", think=True, thought_pattern=True, system="Be brief.")
    system = PolicySystem(SystemSettings(policy="scripted"), prompting, policy)
    assert system.answer([system.prepare(sample)]) == [Reply("B")]
    turn = policy.calls[-1]
    assert turn[0] == {"role": "system", "content": [{"type": "text", "text": "Be brief."}]}
    video, words = turn[1]["content"]
    assert (video["type"], video["path"], video["with_audio"]) == ("video", sample.media, True)
    for said in ("hello", "Key characteristics", "Question 2", "B. sad", "<answer>"):
        assert said in words["text"]
