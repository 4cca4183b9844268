"""What can be audited: records, attempts, judges, comparability, the leaderboard, trackers, HumanSense's windows."""

import importlib.util
import json
import os
import subprocess
import sys

import pytest

from omnisense.benchmarks.harness.comparability import data_text
from omnisense.benchmarks.harness.judge import extract_answers
from omnisense.benchmarks.harness.prompting import PromptSettings, text_only
from omnisense.benchmarks.harness.records import read_records
from omnisense.benchmarks.harness.report import write_report
from omnisense.benchmarks.harness.run import RunSettings, run
from omnisense.benchmarks.harness.systems import SystemSettings
from omnisense.benchmarks.harness.trackers import scores_of
from omnisense.benchmarks.humansense.loading import load
from omnisense.benchmarks.humansense.suite import SUITE
from omnisense.benchmarks.humansense.windows import parse_window
from omnisense.benchmarks.suites import report_spec_for
from omnisense.errors import InputError
from omnisense.reasoning.answers.question import Question
from omnisense.reasoning.policies.messages import text_of
from omnisense.reasoning.policies.scripted import ScriptedPolicy
from tests.benchmarks.conftest import NUMBER, row, write_benchmark
from tests.conftest import write_media


def script(tmp_path, *replies):
    file = tmp_path / f"script{len(list(tmp_path.glob('script*')))}.json"
    file.write_text(json.dumps({"replies": replies}))
    return f"scripted:{file}"


def test_a_record_holds_what_was_asked(clips, tmp_path):
    settings = RunSettings(SUITE, SystemSettings(policy="scripted"), PromptSettings(audio=True, transcript="data"),
                           output=tmp_path / "run", tasks=("TR", "ER"))  # fmt: skip
    run(settings, load(clips))
    by_task = {record.task: record for record in read_records(tmp_path / "run")}
    heard = by_task["TR"]
    assert heard.source == "HumanSense_VQA.json row 1"
    assert heard.media == ({"type": "video", "path": str(clips / "videos" / "good.mp4"), "with_audio": True},)
    assert heard.transcript == "hello"
    assert "Question 2: what is felt?" in heard.messages[-1]["text"]
    assert "hello" in heard.messages[-1]["text"]
    assert (by_task["ER"].media[0]["start_s"], by_task["ER"].media[0]["end_s"]) == (0.5, 1.5)
    write_report(tmp_path / "run", report_spec_for([tmp_path / "run"]))
    page = (tmp_path / "run" / "report.html").read_text()
    assert "good.mp4" in page
    assert 'folded("prompt"' in page


def test_attempts_give_mean_pass_and_vote(many, tmp_path):
    asked = write_benchmark(tmp_path / "one", [row("Emo_Strategy", 1, answer="B", asr_en="so")])
    policy = script(tmp_path, "A", "B", "B")
    system = SystemSettings(policy=policy, temperature=0.7, batch_size=1)
    settings = RunSettings(SUITE, system, output=tmp_path / "run", num_attempts=3)
    run(settings, load(asked))
    records = read_records(tmp_path / "run")
    assert [(r.attempt, r.answer, r.question_id) for r in records] == [
        (1, "A", records[0].id), (2, "B", records[0].id), (3, "B", records[0].id)]  # fmt: skip
    summary = write_report(tmp_path / "run", report_spec_for([tmp_path / "run"]))
    found = summary["attempts"]
    assert found["k"] == 3
    assert [found[name]["mean"] for name in ("mean", "pass_at_k", "vote")] == pytest.approx([2 / 3, 1, 1])
    assert summary["counts"]["clusters"] == 1
    assert "pass@3 1.000" in (tmp_path / "run" / "report.md").read_text()
    with pytest.raises(InputError, match="same reply"):
        run(RunSettings(SUITE, SystemSettings(policy="scripted"), output=tmp_path / "cold", num_attempts=2), load(many))


def test_a_judge_extracts_and_never_grades(tmp_path):
    question = Question("What is felt?", "one", ("A. happy", "B. sad"))
    judge = ScriptedPolicy(["B", "none", "C"])
    replies = ["Hard to say; tears run, so it is rather the second.", "I cannot see it.", "something"]
    assert extract_answers(judge, [question] * 3, replies) == ["B", "", ""]
    assert all("right" not in text_of(prompt[0]).split("not whether it is right")[1] for prompt in judge.calls)
    data = write_benchmark(tmp_path / "one", [row("Emo_Strategy", 1, answer="B", asr_en="so")])
    system = SystemSettings(policy=script(tmp_path, "It might be the second."), judge=script(tmp_path, "B"))
    run(RunSettings(SUITE, system, output=tmp_path / "run"), load(data))
    (record,) = read_records(tmp_path / "run")
    assert (record.answer, record.strict, record.extracted_by) == ("B", 1.0, "scripted")
    assert record.how.startswith("extracted by scripted, since ")
    summary = write_report(tmp_path / "run", report_spec_for([tmp_path / "run"]))
    assert summary["counts"]["extracted"] == 1


def test_what_is_comparable_is_said(many, tmp_path):
    run(RunSettings(SUITE, SystemSettings(policy="scripted"), output=tmp_path / "run", limit=2), load(many))
    summary = write_report(tmp_path / "run", report_spec_for([tmp_path / "run"]))
    found = {c["name"]: (c["here"], c["published"], c["same"]) for c in summary["comparability"]}
    assert found["prompt wording"] == ("ours", "authors", False)
    assert found["frames"] == ("humansense", "humansense", True)
    assert found["thinking"] == ("no", "not stated", None)
    assert found["data"] == ("not the official set, 2 of 60 questions", "official", False)
    assert data_text({"is_official": True, "questions": 60}, 60) == "official"
    assert data_text({"is_official": True, "questions": 60}, 59) == "official, 59 of 60 questions"
    assert "--as-published sets prompts" in (tmp_path / "run" / "report.md").read_text()


def test_model_arguments_are_checked_and_recorded(run_cli, many, tmp_path):
    command = ["eval", "humansense", "--data", many, "--limit", "2", "--output", tmp_path / "run"]
    for given, said in [("dtype", "not a model argument"), ("depth=3", "unknown model argument depth")]:
        ran = run_cli(*command, "--policy", "smollm2-135m-instruct", "--model-args", given)
        assert ran.returncode == 2
        assert said in " ".join(ran.stderr.split())
    ran = run_cli(*command, "--policy", "scripted", "--model-args", "dtype=bfloat16")
    assert "do not apply to scripted" in " ".join(ran.stderr.split())


def test_a_leaderboard_of_runs(run_cli, many, tmp_path):
    for name in ("random", "longest"):
        run(RunSettings(SUITE, SystemSettings(kind="baseline", policy=name), output=tmp_path / name), load(many))
    out = tmp_path / "board"
    ran = run_cli("report", tmp_path / "random", tmp_path / "longest", "--leaderboard", "--output", out)
    assert ran.returncode == 0, ran.stderr
    rows = json.loads((out / "leaderboard.json").read_text())["HumanSense"]
    assert {entry["system"] for entry in rows} == {"random", "longest"}
    assert rows[0]["strict"]["mean"] >= rows[1]["strict"]["mean"]
    assert "not the official set" in (out / "leaderboard.html").read_text()


def test_scores_go_to_a_tracker(run_cli, many, tmp_path):
    command = ["eval", "humansense", "--data", many, "--baseline", "random", "--output", tmp_path / "run"]
    if importlib.util.find_spec("tensorboard") is None:
        ran = run_cli(*command, "--log-to", "tensorboard")
        assert ran.returncode == 2
        assert "tensorboard is not installed" in " ".join(ran.stderr.split())
    run(RunSettings(SUITE, SystemSettings(kind="baseline", policy="random"), output=tmp_path / "run"), load(many))
    found = scores_of(write_report(tmp_path / "run", report_spec_for([tmp_path / "run"])))
    assert {"strict/all", "strict/ER", "official/all", "rate/error"} <= found.keys()
    if importlib.util.find_spec("tensorboard") is not None:
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

        assert run_cli(*command, "--log-to", "tensorboard").returncode == 0
        events = EventAccumulator(str(tmp_path / "run" / "tensorboard")).Reload()
        logged = {name: events.Scalars(name)[0].value for name in events.Tags()["scalars"]}
        assert logged == pytest.approx(found)


@pytest.mark.subprocess
@pytest.mark.parametrize("mode", ["offline", "online"])
def test_scores_go_to_wandb(many, tmp_path, mode):
    pytest.importorskip("wandb")
    out = tmp_path / "run"
    command = [sys.executable, "-m", "omnisense.agent.cli", "eval", "humansense", "--data", many, "--output", out]
    own = {"WANDB_MODE": mode, "NETRC": str(tmp_path / "none"), "WANDB_API_KEY": "", "OMNISENSE_OFFLINE": ""}
    ran = subprocess.run(
        [*map(str, command), "--baseline", "random", "--log-to", "wandb"],
        capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, env={**os.environ, **own},
    )  # fmt: skip
    if mode == "offline":
        assert ran.returncode == 0, ran.stderr
        assert list((out / "wandb").glob("offline-run-*/*.wandb"))
    else:
        assert ran.returncode == 2
        assert "there is no login to W&B" in " ".join(ran.stderr.split())


@pytest.mark.parametrize(
    ("text", "window"),
    [("[12 - 34]", (12, 34)), ("[00:05 - 00:12]", (5, 12)), ("1:02:03-1:02:05.5", (3723, 3725.5))],
)
def test_windows_in_every_form(text, window):
    assert parse_window(text) == window


def test_a_files_length_decides_about_its_window(run_cli, tmp_path):
    folder = tmp_path / "data"
    (folder / "videos").mkdir(parents=True)
    write_media(folder / "videos" / "whole.mp4", video_s=4.0)
    write_media(folder / "videos" / "cut.mp4", video_s=2.0)
    rows = [
        row("Emo_Strategy", 1, "videos/whole.mp4", time="[00:01 - 00:03]", video_or_clip="clip"),
        row("Emo_Strategy", 2, "videos/cut.mp4", time="[10 - 12]", video_or_clip="clip"),
        row("Emo_Strategy", 3, "videos/cut.mp4", time="[10 - 18]", video_or_clip="clip"),
        row("Emo_Strategy", 4, "videos/cut.mp4", time="[10 - 18]", video_or_clip="clip", full_frame_number=50, fps=25),
    ]
    write_benchmark(folder, rows)
    dataset = load(folder)
    assert [(s.start_s, s.end_s) for s in dataset.samples] == [(1, 3), (None, None), (None, None), (None, None)]
    assert [bool(s.media_problem) for s in dataset.samples] == [False, False, True, False]
    ran = run_cli("eval", "humansense", "--data", folder, "--validate")
    assert ran.returncode == 1
    assert "1 time windows are shown from longer files" in ran.stdout
    assert "2 time windows have been cut out of their files already" in ran.stdout
    assert "row 2: bad window: the window 10-18 s ends beyond its file" in " ".join(ran.stderr.split())
    assert not load(folder, ignore_windows=True).problems


def test_what_the_authors_loop_accepts_is_accepted(tmp_path):
    folder = tmp_path / "data"
    (folder / "videos").mkdir(parents=True)
    write_media(folder / "videos" / "a.mp4")
    absolute = row("Emo_Strategy", 1, str(folder / "videos" / "a.mp4"), answer="b")
    absolute["questions"]["options"] = ["a. happy", "b. sad", "c. angry"]
    rows = [absolute, row("Human_Counting", 2, "videos/a.mp4", pattern=NUMBER, answer="14")]
    dataset = load(write_benchmark(folder, rows))
    assert dataset.problems == ()
    assert [sample.gold for sample in dataset.samples] == ["B", "14"]
    assert dataset.samples[0].question.options == ("A. happy", "B. sad", "C. angry")
    settings = RunSettings(SUITE, SystemSettings(policy=script(tmp_path, "B")), text_only(PromptSettings()),
                           output=tmp_path / "run")  # fmt: skip
    run(settings, dataset)
    assert {r.task: r.strict for r in read_records(tmp_path / "run")} == {"ES": 1.0, "HC": 0.0}
