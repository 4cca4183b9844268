"""The data engine as a whole: resuming, several workers, bad input, and real images."""

from __future__ import annotations

import json
import re

import pytest
from click.testing import CliRunner
from PIL import Image

from omnisense.agent.cli.main import cli
from omnisense.benchmarks.herm.engine.annotate import annotate
from omnisense.benchmarks.herm.engine.annotations import (
    AnnotationCounts,
    AnnotationSummary,
    ImageAnnotation,
    PersonAnnotation,
    QuestionRow,
    TrainingRow,
)
from omnisense.benchmarks.herm.engine.annotator import AnnotateSettings
from omnisense.benchmarks.herm.engine.output import read_annotations, read_lines
from omnisense.benchmarks.herm.loading import load
from omnisense.errors import InputError
from tests.benchmarks.herm.painted import RGB, TRIO, Pictures, run
from tests.conftest import SHARED

FILES = ("images.jsonl", "instances.jsonl", "questions.jsonl", "training.jsonl", "viewer.html")


@pytest.fixture
def dozen(tmp_path):
    made = Pictures(tmp_path / "in")
    for i in range(12):
        made.add(f"p{i:02}.png", TRIO[: 1 + i % 3], caption="people stand in a row")
    return made


def contents(folder):
    return {name: (folder / name).read_bytes() for name in FILES}


@pytest.mark.subprocess
def test_the_result_does_not_depend_on_the_number_of_workers(dozen, tmp_path):
    settings = dozen.write()
    (dozen.folder / "images" / "p03x.png").write_text("no picture")
    one = run(dozen, tmp_path / "one", settings, batch_size=1)
    two = run(dozen, tmp_path / "two", settings, batch_size=5, workers=2)
    assert one == two
    assert set(two.failed) == {"p03x.png"}
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


@pytest.mark.slow
@pytest.mark.subprocess
def test_the_result_on_a_cluster_is_the_same(dozen, tmp_path):
    settings = dozen.write()
    run(dozen, tmp_path / "one", settings)
    run(dozen, tmp_path / "ray", settings, ray="local", workers=2, batch_size=3)
    assert contents(tmp_path / "one") == contents(tmp_path / "ray")


def test_an_interrupted_run_continues(dozen, tmp_path):
    settings = dozen.write()
    run(dozen, tmp_path / "whole", settings)

    def stop(one, seen=[]):  # noqa: B006
        seen.append(one)
        if len(seen) == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(dozen, tmp_path / "cut", settings, batch_size=2, on_progress=stop)
    with (tmp_path / "cut" / "instances.jsonl").open("a") as file:  # a kill between the people and their picture
        file.write('{"image_id": "p05", "instance_id": "9"}\n{"image_id": "p0')
    again = []
    run(dozen, tmp_path / "cut", settings, on_progress=again.append)
    assert [one.path.name for one in again] == [f"p{i:02}.png" for i in range(5, 12)]
    assert contents(tmp_path / "cut") == contents(tmp_path / "whole")


def test_rows_round_trip_and_carry_a_schema_version(dozen, tmp_path):
    summary = run(dozen, tmp_path / "out", AnnotateSettings(coco=dozen.write().coco, test_fraction=0.5))
    for name, kind in (
        ("images", ImageAnnotation), ("instances", PersonAnnotation), ("questions", QuestionRow),
        ("training", TrainingRow),
    ):  # fmt: skip
        rows = list(read_lines(tmp_path / "out" / f"{name}.jsonl"))
        assert rows
        assert [kind.from_dict(row).to_dict() for row in rows] == rows
        assert name in ("questions", "training") or all(row["schema_version"] == 1 for row in rows)
    saved = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert AnnotationSummary.from_dict(saved) == summary
    with pytest.raises(ValueError, match="schema_version"):
        AnnotationSummary.from_dict(saved | {"schema_version": 2})


def test_rows_of_another_version_are_an_error(dozen, tmp_path):
    run(dozen, tmp_path / "out", dozen.write())
    file = tmp_path / "out" / "images.jsonl"
    file.write_text(file.read_text().replace('"schema_version": 1', '"schema_version": 9', 1))
    with pytest.raises(InputError, match="a row cannot be read"):
        list(read_annotations(tmp_path / "out"))


@pytest.mark.parametrize(("name", "line"), [("images", "[]"), ("images", '{"image_id": "p01"}'), ("instances", "7")])
def test_a_damaged_row_is_an_error(dozen, tmp_path, name, line):
    settings = dozen.write()
    run(dozen, tmp_path / "out", settings)
    with (tmp_path / "out" / f"{name}.jsonl").open("a") as file:
        file.write(f"{line}\n")
    with pytest.raises(InputError, match="another --output"):
        run(dozen, tmp_path / "out", settings)


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.subprocess
def test_failures_are_in_the_summary_and_in_the_log(dozen, tmp_path, workers):
    (dozen.folder / "images" / "p03x.png").write_text("no picture")
    found = run(dozen, tmp_path / "out", dozen.write(), workers=workers)
    error = found.failed["p03x.png"]
    assert error.type == "MediaError"
    assert error.traceback.startswith("Traceback")
    log = (tmp_path / "out" / "run.log").read_text()
    assert "annotating 13 images, 0 already done" in log
    assert "cannot annotate p03x.png\nTraceback" in log


@pytest.mark.parametrize("workers", [0, pytest.param(2, marks=pytest.mark.subprocess)])
def test_where_every_image_fails_each_has_its_reason(tmp_path, run_cli, workers):
    images, coco = tmp_path / "images", tmp_path / "coco"
    for folder in (images, coco):
        folder.mkdir()
    for name in ("a.jpg", "b.png"):
        (images / name).write_text("no picture")
    (coco / "instances.json").write_text(
        '{"images": [{"id": 1, "file_name": "a.jpg", "width": 9, "height": 9}],'
        ' "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [0, 0, 9, 9]}],'
        ' "categories": [{"id": 1, "name": "person"}]}'
    )
    for _ in range(2):  # the second time it resumes
        arguments = ("--coco", coco, "--output", tmp_path / "out", "--workers", workers)
        code, out, err = run_cli("annotate", images, *arguments)
        assert (code, "0 people in 0 of 0 images" in out) == (1, True)
        assert [line.partition(":")[0] for line in err.splitlines() if "no video or audio track" in line] == [
            "a.jpg",
            "b.png",
        ]
        assert "Traceback" not in err


def test_other_settings_need_another_folder(dozen, tmp_path):
    run(dozen, tmp_path / "out", dozen.write())
    with pytest.raises(InputError, match="seed"):
        run(dozen, tmp_path / "out", AnnotateSettings(coco=str(dozen.folder), seed=1))


def test_a_run_that_failed_before_its_first_row_does_not_block_the_folder(dozen, tmp_path):
    settings = dozen.write()
    with pytest.raises(InputError):
        run(dozen, tmp_path / "out", AnnotateSettings(coco=str(tmp_path / "nowhere")))
    (tmp_path / "out" / "images.jsonl").write_text('{"torn')
    assert run(dozen, tmp_path / "out", settings).counts.people == 24


# --- bad input ------------------------------------------------------------------------------------------------------


def test_bad_images_do_not_stop_the_others(trio, tmp_path, capsys):
    trio.add("cmyk.jpg", TRIO, mode="CMYK")
    trio.add("grey.png", TRIO, mode="L")
    trio.add("one.png", [], size=(1, 1))
    trio.add("broken.png", TRIO)
    trio.add("nobody.png", [])
    folder = trio.folder / "images"
    (folder / "broken.png").write_bytes((folder / "trio.png").read_bytes()[:300])
    (folder / "text.jpg").write_text("this is no picture")
    (folder / "stranger.png").write_bytes((folder / "trio.png").read_bytes())
    Image.new("L", (20_000, 20_000)).save(folder / "huge.png")
    trio.images.append({"id": 99, "file_name": "huge.png", "width": 20_000, "height": 20_000})
    trio.write()
    result = CliRunner().invoke(
        cli, ["annotate", str(folder), "--coco", str(trio.folder), "--output", str(tmp_path / "out"), "--json"]
    )
    assert result.exit_code == 1
    found = json.loads(result.stdout)
    assert found["counts"] == {"images": 4, "people": 9, "images_with_people": 3, "failed": 5}
    failed = {name: error["message"] for name, error in found["failed"].items()}
    assert all(error["type"] and "Error" in error["traceback"] for error in found["failed"].values())
    assert "truncated" in failed["broken.png"]
    assert "too small (1x1)" in failed["one.png"]
    assert "exceeds limit" in failed["huge.png"]
    assert "missing from the annotations" in failed["stranger.png"]
    assert set(failed) == {"broken.png", "one.png", "huge.png", "text.jpg", "stranger.png"}
    assert found["dropped"]["image without people"] == 1
    people = {image.image: rows for image, rows in read_annotations(tmp_path / "out")}
    assert people["cmyk.jpg"][0].referring_expressions[0] == "the person in a red top"
    assert not any("red" in phrase for phrase in people["grey.png"][0].referring_expressions)


def test_sixty_people_are_all_annotated(tmp_path):
    made = Pictures(tmp_path / "in")
    made.add("many.png", [(40 + i % 30 * 40, 100 + i // 30 * 120, list(RGB)[i % 5], i % 7 == 0) for i in range(60)],
             size=(1280, 720))  # fmt: skip
    found = run(made, tmp_path / "out", made.write())
    assert found.counts.people == 60
    ((_, people),) = read_annotations(tmp_path / "out")
    phrases = [phrase for person in people for phrase in person.referring_expressions]
    assert len(phrases) == len(set(phrases))


def test_boxes_outside_the_image_are_clipped_or_dropped(trio, tmp_path):
    trio.boxes += [
        {"id": 900, "image_id": 1, "category_id": 1, "bbox": [600, 400, 300, 300], "iscrowd": 0},
        {"id": 901, "image_id": 1, "category_id": 1, "bbox": [700, 100, 50, 50], "iscrowd": 0},
        {"id": 902, "image_id": 1, "category_id": 2, "bbox": [-50, 100, 20, 50], "iscrowd": 0},
        {"id": 903, "image_id": 1, "category_id": 1, "bbox": [10, 10, None, 50], "iscrowd": 0},
    ]
    found = run(trio, tmp_path / "out", trio.write())
    assert found.dropped["person outside the image or without area"] == 2
    assert found.dropped["object outside the image or without area"] == 1
    ((_, people),) = read_annotations(tmp_path / "out")
    assert people[-1].bbox == (600, 400, 40, 80)


def test_missing_captions_and_joints_are_reported(trio, tmp_path):
    found = run(trio, tmp_path / "out", trio.write(joints=False, captions=False))
    assert found.missing[:2] == ("person_keypoints.json", "captions.json")
    ((image, people),) = read_annotations(tmp_path / "out")
    assert people[1].referring_expressions == ("the second person from the left",)
    assert people[0].missing["pose"] == "no joints are known"
    assert not image.dense_caption.startswith("Three")


def test_an_image_of_another_size_than_annotated_is_an_error(trio, tmp_path):
    trio.images[0]["width"] = 320
    found = run(trio, tmp_path / "out", trio.write())
    assert "640x480 pixels and its annotations 320x480" in found.failed["trio.png"].message


@pytest.mark.parametrize(
    ("spoil", "what"),
    [
        (lambda f: (f / "instances.json").unlink(), "cannot be read"),
        (lambda f: (f / "instances.json").write_text("{"), "cannot be read"),
        (lambda f: (f / "instances.json").write_text("{}"), "no 'images'"),
        (lambda f: (f / "instances.json").write_text('{"annotations": [{}]}'), "no 'images'"),
    ],
)
def test_invalid_annotations_are_an_error(trio, tmp_path, spoil, what):
    settings = trio.write()
    spoil(trio.folder)
    with pytest.raises(InputError, match=what):
        run(trio, tmp_path / "out", settings)


def test_settings_are_checked_before_anything_is_done(trio, tmp_path):
    from omnisense.testing.tiny_models import tiny_text

    with pytest.raises(InputError, match="no source of people"):
        run(trio, tmp_path / "out", AnnotateSettings())
    for given, what in (({"coco": "x", "detector_model": "y"}, "both"), ({"pose_model": "x"}, "Give --detector-model"),
                        ({"coco": "x", "grounder_model": "y"}, "Give --captioner-model")):  # fmt: skip
        with pytest.raises(InputError, match=what):
            AnnotateSettings(**given).make()
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="has no images"):
        annotate(tmp_path / "empty", tmp_path / "out2", trio.write())
    with pytest.raises(InputError, match="takes no images"):
        run(
            trio,
            tmp_path / "out3",
            AnnotateSettings(coco=str(trio.folder), captioner_model=str(tiny_text(tmp_path / "text"))),
        )


# --- real images ----------------------------------------------------------------------------------------------------


@pytest.mark.shared
def test_real_images_give_rows_for_every_annotated_person(tmp_path):
    folder = SHARED / "people_images"
    found = annotate(folder / "images", tmp_path / "out", AnnotateSettings(coco=str(folder), test_fraction=1.0))
    assert found.counts == AnnotationCounts(images=13, people=62, images_with_people=10, failed=0)
    coco = json.loads((folder / "instances.json").read_text())
    single = [a for a in coco["annotations"] if a["category_id"] == 1 and not a["iscrowd"]]
    people = [person for _, rows in read_annotations(tmp_path / "out") for person in rows]
    assert {person.instance_id for person in people} == {str(a["id"]) for a in single}
    fields = ("referring_expressions", "pose", "appearance")
    assert all(getattr(person, key) or key in person.missing for person in people for key in fields)
    assert found.people_with["referring_expressions"] >= 10
    assert sum(found.questions.values()) >= 45
    assert not load(tmp_path / "out" / "questions.jsonl", folder / "images").problems
    page = (tmp_path / "out" / "viewer.html").read_text()
    assert page.count("<section>") == 10
    assert "the boy on a skateboard in the foreground" in page


@pytest.mark.parametrize(
    "identifier",
    ["1</style><script>alert(1)</script>", "' onload='alert(1)", "../../x", "/tmp/x", "..", "", " ", 1.5, True],
)
def test_ids_that_are_no_plain_names_are_an_error_of_their_image(trio, tmp_path, identifier):
    """An id becomes part of the page, and the name of a person's crop: nothing but a number or a plain name is read."""
    trio.add("good.png", TRIO)
    trio.boxes[0]["id"] = identifier
    found = run(trio, tmp_path / "out", trio.write())
    if identifier is True:  # SQLite stores it as 1
        assert not found.failed
    else:
        assert set(found.failed) == {"trio.png"}
        assert "not a number or a plain name" in found.failed["trio.png"].message
    assert found.counts.images_with_people == 2 - len(found.failed)
    page = (tmp_path / "out" / "viewer.html").read_text()
    assert "<script" not in page
    assert "alert" not in page
    assert not (tmp_path.parent / "x").exists()


@pytest.mark.parametrize("identifier", [["a"], {"a": 1}])
def test_ids_that_cannot_be_stored_are_reported_as_such(trio, tmp_path, identifier):
    trio.boxes[0]["id"] = identifier
    with pytest.raises(InputError, match="not in COCO's format"):
        run(trio, tmp_path / "out", trio.write())


def test_ids_of_rows_never_become_part_of_the_page(trio, tmp_path):
    """Also where a run folder's rows were written by somebody else."""
    from omnisense.benchmarks.herm.engine.viewer import write_viewer

    run(trio, tmp_path / "out", trio.write())
    evil = "x</style><script>alert(1)</script>"
    rows = [
        (
            image.model_copy(update={"image_id": "../../y'><script>", "image": "<script>.png"}),
            [person.model_copy(update={"instance_id": evil, "appearance": evil}) for person in people],
        )
        for image, people in read_annotations(tmp_path / "out")
    ]
    write_viewer(tmp_path / "out", "<script>", {}, rows)
    page = (tmp_path / "out" / "viewer.html").read_text()
    assert "<script" not in page
    assert page.count("<style>") == page.count("</style>") == 1
    assert len(re.findall(r"#d\d+:hover", page)) == len(re.findall(r"<details[^>]* id='d\d+'", page)) == 3


def test_plain_names_are_ids(trio, tmp_path):
    trio.boxes[0]["id"] = trio.joints[0]["id"] = "Ana-1.b_2"
    found = run(trio, tmp_path / "out", trio.write())
    assert not found.failed
    ids = [person.instance_id for _, people in read_annotations(tmp_path / "out") for person in people]
    assert "Ana-1.b_2" in ids
