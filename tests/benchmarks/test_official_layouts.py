"""The files of each benchmark as their authors' reference describes them, with the forms that their rows may take."""

import json

import pytest

from omnisense.benchmarks.harness.suite import ModelUnderTest
from omnisense.benchmarks.suites import get_suite

LETTERED = ["A. red", "B. blue", "C. green", "D. grey"]
PROBLEM = {"problem": "Q?", "problem_type": "multiple choice", "options": LETTERED, "data_type": "video",
           "path": "x.mp4", "solution": "<answer>B</answer>"}  # fmt: skip
DAILY = {"Question": "Q?", "Choice": LETTERED, "Answer": "B", "video_id": "a", "Type": "Reasoning"}
WORLD = {"question": "Q?", "candidates": LETTERED[:3], "answer": "B", "task_domain": "Recognition", "task_type": "T"}
OMNI = {"index": 0, "task type": "Action", "audio type": "Speech", "question": "Q?", "audio_path": "a.mp3",
        "options": ["They fly", "They  sing", "A man", "B"], "answer": "They fly", "image_path": "a.png",
        "audio content": "x", "image content": "y"}  # fmt: skip


@pytest.fixture
def load(tmp_path):
    """Write rows as a question file and return the samples of the only row."""

    def loaded(suite, rows, file, folder=""):
        path = tmp_path / (folder or suite) / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(map(json.dumps, rows)) if file.endswith("l") else json.dumps(rows))
        return get_suite(suite).load(data=tmp_path / (folder or suite), model=ModelUnderTest())

    return loaded


@pytest.mark.parametrize(
    ("given", "read"),
    [
        (["red", "blue", "green", "grey"], LETTERED),
        ([" A. red ", "B. blue\n", "\tC. green", "D. grey"], LETTERED),
        (["a. red", "b. blue", "c. green", "d. grey"], LETTERED),
        (["A red", "B blue", "C green", "D grey"], LETTERED),
        (["A - red", "B – blue", "C．green", "D ． grey"], LETTERED),
        (["A. red", "B blue", "green", "D. grey"], LETTERED),
        (["A) red", "(B) blue", "C: green", "D、grey"], ["A) red", "(B) blue", "C: green", "D、grey"]),
        (["D. grey", "B. blue", "C. green", "A. red"], LETTERED),
        (["A. red", "B. blue", "C. green", "C. grey"], LETTERED),
        (["A man", "A dog", "I see"], ["A. A man", "B. A dog", "C. I see"]),
        (["R) x", "y", "I. e. z"], ["A. R) x", "B. y", "C. I. e. z"]),
        ([1, 2.5], ["A. 1", "B. 2.5"]),
    ],
)
def test_options_get_the_letters_of_their_places(load, given, read):
    (sample,) = load("daily-omni", [DAILY | {"Choice": given}], "qa.json").samples
    assert (list(sample.question.options), sample.problem, sample.gold) == (read, "", "B")


@pytest.mark.parametrize(
    "given", [["A. red", "B. blue", "D. green", "E. grey"], ["B. red", "C. blue"], "A. red", ["x"]]
)
def test_options_whose_letters_are_unclear_are_a_fault(load, given):
    (sample,) = load("daily-omni", [DAILY | {"Choice": given}], "qa.json").samples
    assert "lettered from A on" in sample.problem or "no options" in sample.problem


@pytest.mark.parametrize(
    ("changed", "task", "gold"),
    [
        ({"Type": " context Understanding\n"}, "Context understanding", "B"),
        ({"Type": "Another"}, "Another", "B"),
        ({"Type": None}, "all", "B"),
        ({"Answer": " c. "}, "Reasoning", "C"),
        ({"Answer": "D. grey"}, "Reasoning", "D"),
    ],
)
def test_daily_omni(load, changed, task, gold):
    (sample,) = load("daily-omni", [DAILY | changed], "qa.json").samples
    assert (sample.task, sample.gold, sample.problem) == (task, gold, "")


@pytest.mark.parametrize(
    ("changed", "kind", "gold"),
    [
        ({"problem_type": "Multiple Choice"}, "one", "B"),
        ({"solution": "<think>A?</think>\n<answer> B </answer>"}, "one", "B"),
        ({"solution": "B"}, "one", "B"),
        ({"problem_type": "emer_ov_mc", "solution": "<answer>A, C,</answer>"}, "several", "AC"),
        ({"problem_type": "judge", "options": [], "solution": "<answer>No</answer>"}, "yes_no", "no"),
        ({"problem_type": "numerical", "options": None, "solution": "<answer>1,000</answer>"}, "decimal", "1000.00"),
        ({"problem_type": "regression", "options": None, "solution": "<answer>0.5</answer>"}, "regression", "0.5"),
    ],
)
@pytest.mark.parametrize(
    ("suite", "file", "folder"),
    [
        ("intentbench", "qa.json", ""),
        ("daily-omni", "qa_think.json", "Daily-Omni"),
        ("worldsense", "qa_think.json", "WorldSense"),
    ],
)
def test_the_rows_of_humanomniv2(load, suite, file, folder, changed, kind, gold):
    (sample,) = load(suite, [PROBLEM | changed], file, folder).samples
    assert (sample.question.kind, sample.gold, sample.problem) == (kind, gold, "")


@pytest.mark.parametrize(
    ("folder", "path"),
    [
        ("videos", "a/a.mp4"),
        ("Videos", "a/a.mp4"),
        ("videos", "./videos/a/a.mp4"),
        ("videos", "Daily-Omni/videos/a/a.mp4"),
    ],
)
def test_media_of_humanomniv2s_rows(tmp_path, load, folder, path):
    (tmp_path / "Daily-Omni" / folder / "a").mkdir(parents=True)
    (tmp_path / "Daily-Omni" / folder / "a" / "a.mp4").write_bytes(b"x")
    (sample,) = load("daily-omni", [PROBLEM | {"path": path}], "qa_think.json", "Daily-Omni").samples
    assert (sample.problem, sample.media_problem) == ("", "")


def test_a_medium_of_another_type_can_still_be_asked_about_as_text(load):
    (sample,) = load("intentbench", [PROBLEM | {"data_type": "image"}], "qa.json").samples
    assert (sample.problem, sample.media_problem) == ("", "the data type 'image' is not video")


def test_worldsense(load):
    video = {"duration": "<1min", "domain": "D", "sub_category": "S", "audio_class": ["Speech", "Music"],
             "video_caption": "c", "task0": WORLD,
             "my_task": WORLD | {"task_type": " U", "candidates": LETTERED}}  # fmt: skip
    dataset = load("worldsense", {"v": video}, "worldsense_qa.json")
    assert [(s.task, len(s.question.options), s.gold, s.problem) for s in dataset.samples] == [
        ("T", 3, "B", ""), ("U", 4, "B", "")]  # fmt: skip
    assert dataset.samples[0].tags["audio class"] == ("Speech", "Music")
    assert dict(dataset.groups) == {"Recognition": ("T", "U")}


@pytest.mark.parametrize(
    ("said", "label", "file", "gold"),
    [
        ("<video>\nQ?", "joy", "MELD_test.json", "joy"),
        ("Q?\n<video>", " Joy ", "MELD_test.json", "joy"),
        ("<video>Q?", 0, "new_set.json", "0"),
        ("<video>\nQ?", "{'emotion label': 'happy', 'intent label': 'neutral'}", "MC-EIU-test.json", "happy; neutral"),
        ("<video>\nQ?", "weak negative", "FGMSA_test.json", "weak negative"),
        ("<video>\nQ?", "They laughed.", "smile_test_data.json", "They laughed."),
    ],
)
def test_emobench(load, said, label, file, gold):
    turns = [{"from": "human", "value": said}, {"from": "gpt", "value": label}]
    row = {"id": 1, "video": "MELD/videos/a.mp4", "conversations": turns}
    (sample,) = load("emobench-m", [row], f"benchmark_json/{file}").samples
    assert (sample.gold, sample.problem, sample.question.text) == (gold, "", "Q?")


@pytest.mark.parametrize(
    ("changed", "gold"),
    [
        ({}, "A"),
        ({"answer": "They sing "}, "B"),
        ({"answer": "they fly."}, "A"),
        ({"answer": "B"}, "D"),
        ({"options": "A. They fly B. They sing C. x D. y"}, "A"),
        ({"options": ["A. They fly", "B. They sing", "C. x", "D. y"]}, "A"),
    ],
)
def test_omnibench(load, changed, gold):
    (sample,) = load("omnibench", [OMNI | changed], "dataset/batch-5_1142_20240817.jsonl").samples
    assert (sample.gold, sample.problem) == (gold, "")
