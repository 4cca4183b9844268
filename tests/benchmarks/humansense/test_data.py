"""Reading and checking the official files, by the reader and by ``--validate``."""

import json

import pytest

from omnisense.benchmarks.humansense.loading import load
from omnisense.benchmarks.humansense.tasks import TASKS, VIDEO_TASKS, task_of
from omnisense.errors import InputError
from tests.benchmarks.conftest import NUMBER, SEVERAL, YES_NO, row, write_benchmark


def test_the_table_of_tasks():
    assert len(TASKS) == 15
    assert sum(task.questions for task in TASKS) == 3882
    assert len(VIDEO_TASKS) == 13
    names = ["Rapport_Recognition", "Emo_Strategy", "Talkingperson_Recognition", "Familiarity_Recognition",
             "Relation_Recognition", "Fraud_Recognition", "Psychological_Chat"]  # fmt: skip
    assert [task_of(name).code for name in names] == ["RR2", "ES", "TR", "FR1", "RR1", "FR2", "PC"]
    assert {task.code for task in TASKS if task.uses_audio} == {task_of(name).code for name in names}
    assert task_of("Dance Battle") == ("Dance Battle", "Dance Battle", 0, 0, True, False)


def test_official_folder(clips):
    dataset = load(clips)
    by_task = {sample.question.text: sample for sample in dataset.samples}
    assert len(by_task) == 5
    first, talking, _, window, voice = dataset.samples
    assert first.media == str(clips / "videos" / "good.mp4")
    assert (first.modality, first.gold, first.length_s, first.uses_audio) == ("video", "B", 2.0, False)
    assert (talking.uses_audio, talking.transcript) == (True, "hello")
    assert (window.start_s, window.end_s, window.length_s) == (0.5, 1.5, 1.0)
    assert (voice.modality, voice.uses_audio, voice.task, voice.level) == ("audio", True, "PC", 4)
    assert not dataset.problems


def test_windows_can_be_passed_over(clips):
    cut, whole = load(clips), load(clips, ignore_windows=True)
    assert (cut.samples[3].start_s, whole.samples[3].start_s) == (0.5, None)
    assert cut.samples[3].id == whole.samples[3].id
    assert cut.fingerprint != whole.fingerprint


def test_ids_do_not_depend_on_order_and_twins_are_told_apart(tmp_path):
    rows = [row("Emo_Strategy", n) for n in (1, 2, 2)]
    there = load(write_benchmark(tmp_path / "a", rows))
    back = load(write_benchmark(tmp_path / "b", rows[::-1]))
    assert {i.id for i in there.samples} == {i.id for i in back.samples}
    assert len({i.id for i in there.samples}) == 3
    assert [p.kind for p in there.problems] == ["duplicate"]
    assert there.fingerprint != back.fingerprint


@pytest.mark.parametrize(
    ("fields", "kind", "what"),
    [
        ({"media": "videos/none.mp4"}, "missing media", "no videos/none.mp4"),
        ({"media": f"videos/{'x' * 5000}.mp4"}, "missing media", "no videos/xxx"),
        ({"media": "/etc/hostname"}, "path refused", "leaves the data folder"),
        ({"media": "../videos/x.mp4"}, "path refused", "leaves the data folder"),
        ({"media": "videos/../../x.mp4"}, "path refused", "leaves the data folder"),
        ({"media": "..\\x.mp4"}, "path refused", "leaves the data folder"),
        ({"media": "videos/link.mp4"}, "path refused", "a link that leaves"),
        ({"answer": "E"}, "impossible answer", "'E' is not among ABCD"),
        ({"answer": ""}, "impossible answer", "is empty"),
        ({"pattern": NUMBER, "answer": "many"}, "impossible answer", "'many' is not among numbers"),
        ({"pattern": YES_NO, "answer": "maybe"}, "impossible answer", "yes, no"),
        ({"pattern": SEVERAL, "answer": "A, Z"}, "impossible answer", "not among"),
        ({"options": []}, "impossible answer", "no options"),
        ({"options": ["B. x", "C. y"]}, "impossible answer", "not lettered"),
        ({"pattern": "Essay"}, "unknown pattern", "Essay"),
        ({"question": " "}, "no question", "empty"),
        ({"time": "[9 - 3]"}, "bad window", "is not a window"),
        ({"time": "soon"}, "bad window", "is not a window"),
    ],
)
def test_what_is_wrong_with_a_row_is_said_and_the_row_kept(tmp_path, fields, kind, what):
    folder = tmp_path / "data"
    (folder / "videos").mkdir(parents=True)
    (tmp_path / "secret.mp4").write_bytes(b"x")
    (folder / "videos" / "link.mp4").symlink_to(tmp_path / "secret.mp4")
    media = fields.pop("media", "")
    dataset = load(write_benchmark(folder, [row("Emo_Strategy", 1, media, **fields)]))
    (sample,), (problem,) = dataset.samples, dataset.problems
    assert problem.kind == kind
    assert what in problem.what
    assert what in sample.why_not()
    assert problem.where == "HumanSense_VQA.json row 0"


def test_a_media_folder_may_be_a_link(tmp_path, clips):
    (tmp_path / "linked").mkdir()
    (tmp_path / "linked" / "videos").symlink_to(clips / "videos")
    dataset = load(write_benchmark(tmp_path / "linked", [row("Emo_Strategy", 1, "videos/good.mp4")]))
    assert not dataset.problems


def test_options_without_letters_get_them(tmp_path):
    (sample,) = load(write_benchmark(tmp_path, [row("Emo_Strategy", 1, options=["joy", "grief"])])).samples
    assert sample.question.options == ("A. joy", "B. grief")


def test_training_files_are_read_too(tmp_path):
    (tmp_path / "merged_audio.json").write_text(json.dumps([row("Fraud_Recognition", 1)]))
    (sample,) = load(tmp_path).samples
    assert sample.task == "FR2"
    assert load(tmp_path / "merged_audio.json").samples == (sample,)


@pytest.mark.parametrize("text", ["", "{", "{}", "[]", "[1]", '[{"questions": []}]'])
def test_files_that_are_no_list_of_rows(tmp_path, text, run_cli):
    (tmp_path / "HumanSense_VQA.json").write_text(text)
    with pytest.raises(InputError, match=r"HumanSense_VQA\.json"):
        load(tmp_path)


def test_check(run_cli, clips, tmp_path):
    good = run_cli("eval", "humansense", "--data", clips, "--validate")
    assert good.returncode == 0, good.stderr
    assert "L4 response: PC Psychological Chat" in good.stdout
    rows = [row("Emo_Strategy", 1, "videos/gone.mp4"), row("New_Task", 2)]
    bad = run_cli("eval", "humansense", "--data", write_benchmark(tmp_path / "bad", rows), "--validate")
    assert bad.returncode == 1
    assert "1 of 300 questions, 1 cannot be asked" in bad.stdout
    assert "row 0: missing media" in bad.stderr
    assert "New_Task: other task: its 1 questions keep that name" in bad.stderr
    found = json.loads(run_cli("eval", "humansense", "--data", tmp_path / "bad", "--validate", "--json").stdout)
    assert [p["kind"] for p in found["problems"]] == ["missing media", "other task"]
    nothing = run_cli("eval", "humansense", "--data", tmp_path / "nowhere", "--validate")
    assert (nothing.returncode, "Traceback" in nothing.stderr) == (2, False)
