"""HERM-Bench: its reader, its two rules, and runs on it with their reports."""

import json

import pytest
from click.testing import CliRunner
from PIL import Image

from omnisense.agent.cli.main import cli
from omnisense.benchmarks.harness.records import read_records
from omnisense.benchmarks.herm.loading import load
from omnisense.benchmarks.herm.official_score import official_score
from omnisense.errors import InputError, OmniSenseError
from omnisense.reasoning.answers.box_notation import notation_of
from omnisense.testing.tiny_models import tiny_vlm

CHOICE = {"image": "a.png", "question": "What?", "choices": {"A": "a hat", "B": "a coat"}, "answer": "B"}
BOX = {"image": "a.png", "question": "Where?", "answer": [0.1, 0.2, 0.4, 0.6], "dimension": "position"}
BOXES = {"image": "b.png", "question": "Where all?", "answer": [[0, 0, 0.5, 0.5], [0.5, 0.5, 0.5, 0.5]],
         "dimension": "position", "field": "basic perception"}  # fmt: skip


@pytest.fixture
def pictures(tmp_path):
    for name, size in (("a.png", (64, 48)), ("b.png", (40, 80))):
        Image.new("RGB", size, (90, 120, 200)).save(tmp_path / name)
    return tmp_path


def write(folder, rows, name="q.jsonl"):
    text = json.dumps(rows) if name.endswith(".json") else "\n".join(map(json.dumps, rows))
    (folder / name).write_text(text)
    return folder / name


@pytest.mark.parametrize("name", ["q.jsonl", "q.json"])
def test_the_three_kinds_are_read(pictures, name):
    found = load(write(pictures, [CHOICE | {"dimension": "dress", "field": "x"}, BOX, BOXES], name))
    one, box, several = found.samples
    assert (one.question.kind, one.question.options, one.gold) == ("one", ("A. a hat", "B. a coat"), "B")
    assert (box.question.kind, box.gold, box.task) == ("box", "[[0.1, 0.2, 0.5, 0.8]]", "position")
    assert (several.question.kind, several.gold) == ("boxes", "[[0.0, 0.0, 0.5, 0.5], [0.5, 0.5, 1.0, 1.0]]")
    assert found.groups == {"x": ("dress",), "basic perception": ("position",)}
    assert not found.problems
    assert all(sample.modality == "image" for sample in found.samples)


def test_choices_may_be_a_list(pictures):
    found = load(write(pictures, [CHOICE | {"choices": ["a hat", "a coat"]}]))
    assert found.samples[0].question.options == ("A. a hat", "B. a coat")


def test_a_text_answer_is_there_to_learn_from(pictures):
    row = {
        "image": "a.png",
        "question": "Describe the person in <box>[[0.5, 0, 1, 1]]</box>.",
        "answer": "A man waves.",
    }
    sample = load(write(pictures, [row]), notation=notation_of("bins", None)).samples[0]
    assert sample.question.kind == "text"
    assert sample.question.text == "Describe the person in {<50><0><100><100>}."
    assert sample.gold == "A man waves."


@pytest.mark.parametrize(
    ("row", "what"),
    [
        (CHOICE | {"answer": "C"}, "'C' is not among AB"),
        (CHOICE | {"choices": {"A": "a hat"}}, "no choices"),
        (CHOICE | {"choices": {"A": "a hat", "C": "a coat"}}, "not lettered"),
        (CHOICE | {"image": "none.png"}, "there is no none.png"),
        (CHOICE | {"image": "../a.png"}, "leaves the data folder"),
        (CHOICE | {"image": "/etc/passwd"}, "leaves the data folder"),
        (CHOICE | {"question": " "}, "empty"),
        (BOX | {"answer": [0.1, 0.2, 0.4]}, "no box"),
        (BOX | {"answer": [0.8, 0.2, 0.4, 0.6]}, "not inside the image"),
        (BOX | {"answer": [0.1, 0.2, 0, 0.6]}, "not inside the image"),
        (BOX | {"answer": [64, 48, 10, 10]}, "not inside the image"),
        (BOX | {"answer": 3}, "no letter, box or text"),
        (BOX | {"image": ""}, "no image"),
    ],
)  # fmt: skip
def test_a_row_that_cannot_be_asked_is_kept_with_its_problem(pictures, row, what):
    found = load(write(pictures, [row, CHOICE]))
    assert what in found.samples[0].problem
    assert what in found.problems[0].what
    assert not found.samples[1].problem


def test_files_that_cannot_be_read_say_so(pictures):
    for text, what in (
        ("{", "JSON"),
        ("", "no rows"),
        ('{"question": 1}', "no question and answer"),
        ("[3]", "no question"),
    ):
        (pictures / "q.json").write_text(text)
        with pytest.raises(InputError, match=what):
            load(pictures / "q.json")
    with pytest.raises(InputError, match="no such folder"):
        load(write(pictures, [CHOICE]), pictures / "nowhere")


def test_a_folder_without_any_of_the_pictures_is_named(pictures, tmp_path):
    (tmp_path / "other").mkdir()
    with pytest.raises(InputError, match=r"none of the images that it names \(.*\) is in .*other"):
        load(write(pictures, [CHOICE, BOX]), tmp_path / "other")


def test_the_authors_rule_takes_the_first_box_and_any_right_one(pictures):
    _, several = load(write(pictures, [BOX, BOXES]), notation=notation_of("fractions", None)).samples
    assert official_score(several, "[[0.5, 0.5, 1, 1]]", False) == 1
    assert official_score(several, "[[0.5, 0, 1, 0.5], [0.5, 0.5, 1, 1]]", False) == 0
    assert official_score(several, "nowhere", False) == 0


def test_pixels_are_those_of_the_upright_picture(tmp_path):
    image = Image.new("RGB", (64, 48))
    exif = image.getexif()
    exif[0x0112] = 6  # lies on its side
    image.save(tmp_path / "a.png", exif=exif)
    sample = load(write(tmp_path, [BOX]), notation=notation_of("pixels", None)).samples[0]
    assert sample.question.form == "pixels 48x64"


def run(*arguments):
    result = CliRunner().invoke(cli, list(map(str, arguments)))
    if isinstance(result.exception, OmniSenseError):
        raise result.exception
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


@pytest.fixture
def questions(pictures):
    rows = [
        CHOICE | {"dimension": "dress", "field": "complex understanding"},
        BOX | {"field": "basic perception"},
        BOXES,
    ]
    rows += [BOX | {"image": "none.png"}]
    return write(pictures, rows)


@pytest.mark.parametrize("baseline", ["random", "majority", "longest"])
def test_baselines_answer_boxes_too(questions, tmp_path, baseline):
    result = run("eval", "herm", "--data", questions, "--baseline", baseline, "--output", tmp_path / "run", "--json")
    assert result.exit_code == 1  # one picture is not there
    found = json.loads(result.stdout)
    assert found["counts"]["answered"] == 3
    assert found["counts"]["unparseable"] == 0
    assert set(found["strict"]["tasks"]) == {"dress", "position"}
    assert set(found["strict"]["groups"]) == {"basic perception", "complex understanding"}
    if baseline == "majority":
        assert found["strict"]["tasks"]["position"]["mean"] == 0.5


@pytest.mark.parametrize("method", ["write", "choose"])
def test_a_vision_language_model_is_evaluated_in_its_own_notation(questions, tmp_path, method):
    folder = tiny_vlm(tmp_path / "vlm")
    result = run("eval", "herm", "--data", questions, "--policy", folder, "--method", method, "--max-new-tokens", 8,
                 "--output", tmp_path / "run")  # fmt: skip
    assert result.exit_code == 1
    records = {r.question: r for r in read_records(tmp_path / "run") if r.status == "answered"}
    assert len(records) == 3
    assert records["Where?"].form.startswith("pixels ")
    assert all(record.frames == 1 for record in records.values())
    assert (records["What?"].probabilities is not None) == (method == "choose")
    page = (tmp_path / "run" / "report.html").read_text()
    assert "drawn(" in page
    assert " official</th>" in page
    again = run("eval", "herm", "--data", questions, "--policy", folder, "--method", method, "--max-new-tokens", 8,
                "--output", tmp_path / "run")  # fmt: skip
    assert "4 already answered" in again.stderr


def test_the_report_command_knows_the_benchmark(questions, tmp_path):
    for name in ("random", "longest"):
        run("eval", "herm", "--data", questions, "--baseline", name, "--output", tmp_path / name)
    result = run("report", tmp_path / "random", tmp_path / "longest", "--compare", "--output", tmp_path / "both")
    assert result.stdout.startswith("# HERM-Bench: random, longest")
    assert "position" in result.stdout


def test_fields_can_be_named_on_the_command_line(questions, tmp_path):
    given = ("eval", "herm", "--data", questions, "--baseline", "random", "--output", tmp_path / "run", "--json")
    found = json.loads(run(*given, "--field", "seeing=position,dress").stdout)
    assert list(found["strict"]["groups"]) == ["seeing"]
    with pytest.raises(InputError, match="no dimension colour"):
        run(*given, "--field", "seeing=colour")


def test_the_agent_is_not_asked_for_boxes(questions, tmp_path):
    run(
        "eval",
        "herm",
        "--data",
        questions,
        "--policy",
        "scripted",
        "--agent",
        "--output",
        tmp_path / "run",
        "--limit",
        1,
    )
    assert json.loads((tmp_path / "run" / "report.json").read_text())["counts"]["not_asked"] == {
        "our agent gives no boxes": 3
    }


def test_check_lists_what_is_wrong(questions):
    result = run("eval", "herm", "--data", questions, "--validate")
    assert result.exit_code == 1
    assert "there is no none.png" in result.stderr
    assert "position" in result.stdout
