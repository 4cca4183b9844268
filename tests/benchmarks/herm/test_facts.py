"""Facts, referring expressions and questions, on painted scenes with known content."""

from __future__ import annotations

import numpy as np
import pytest

from omnisense.benchmarks.herm.engine.annotations import AnnotationCounts
from omnisense.benchmarks.herm.engine.annotator import AnnotateSettings
from omnisense.benchmarks.herm.engine.describe import describe_people
from omnisense.benchmarks.herm.engine.facts import DescribedPerson, Fact
from omnisense.benchmarks.herm.engine.output import read_annotations, read_lines
from omnisense.benchmarks.herm.engine.questions import is_in_test_split
from omnisense.benchmarks.herm.engine.referring_expressions import find_referring_expressions
from omnisense.benchmarks.herm.engine.training import build_training_rows
from omnisense.benchmarks.herm.loading import load
from omnisense.perception.images.coco import CocoSceneReader
from omnisense.perception.images.scene import load_image
from tests.benchmarks.herm.painted import TRIO, Pictures, run


def test_every_person_has_a_row_with_all_levels(trio, tmp_path):
    found = run(trio, tmp_path / "out", trio.write())
    assert found.counts == AnnotationCounts(images=1, people=3, images_with_people=1, failed=0)
    ((image, people),) = read_annotations(tmp_path / "out")
    assert image.dense_caption.startswith("Three people stand in a row. <p>")
    left, middle, right = people
    assert left.appearance == "The person wears <p>a red top</p> and wears <p>black bottoms</p>."
    assert left.pose == (
        "The person is facing the camera, is standing, holds the upper body upright and has the right arm raised."
    )
    assert left.modality == "The person is holding <p>a frisbee</p>."
    assert middle.relation.startswith("The person is to the right of the person")
    assert "is holding" not in middle.modality + right.modality
    x, y, w, h = left.appearance_boxes["a red top"][0]
    assert x < 110 < x + w
    assert y < 170 + 0.35 * 300 < y + h
    assert left.referring_expressions[0] == "the person in a red top"
    assert left.source["appearance"] == "colour measured between the joints"
    assert left.source["pose"] == "COCO keypoints"


def test_referring_expressions_are_unique(trio, tmp_path):
    run(trio, tmp_path / "out", trio.write())
    ((_, people),) = read_annotations(tmp_path / "out")
    phrases = [phrase for person in people for phrase in person.referring_expressions]
    assert len(phrases) == len(set(phrases)) >= 6


def test_a_phrase_that_fits_two_people_is_disambiguated_or_dropped(tmp_path):
    made = Pictures(tmp_path / "in")
    made.add("two.png", [(150, 300, "red", False), (450, 300, "red", False)])
    made.add("crowd.png", [(150, 300, "red", False), (450, 300, "red", False)], crowd=[0, 0, 600, 60])
    run(made, tmp_path / "out", made.write())
    found = {image.image: people for image, people in read_annotations(tmp_path / "out")}
    assert found["two.png"][0].referring_expressions[0] == "the person in a red top furthest to the left"
    # one of the crowd may be further left
    assert [person.referring_expressions for person in found["crowd.png"]] == [(), ()]
    assert "fits other people too" in found["crowd.png"][0].missing["referring_expressions"]


def test_a_person_of_unknown_color_blocks_an_expression(trio):
    """A person whose top has no clear color may wear red too."""
    trio.write()
    (scene,) = CocoSceneReader(trio.folder).read([trio.folder / "images" / "trio.png"])
    known = describe_people(scene, load_image(scene.path))
    unknown = [known[0], DescribedPerson(known[1].person, "person", (), frozenset({"frisbee"})), known[2]]
    assert find_referring_expressions(known[0], known, scene).phrases[0] == "the person in a red top"
    assert (
        find_referring_expressions(unknown[0], unknown, scene).phrases[0]
        == "the person in a red top furthest to the left"
    )


def test_a_fact_that_is_not_known_is_not_lacking():
    red, pink, blue = (Fact("appearance", "top", c, "", "", "") for c in ("red", "pink", "blue"))
    frisbee = Fact("modality", "thing:frisbee", "frisbee", "", "", "")
    one = DescribedPerson(None, "person", (red,), frozenset({"frisbee"}))
    assert one.lacks(blue)
    assert not one.lacks(red)
    assert not one.lacks(pink)  # red and pink are confused, depending on the light
    assert not one.lacks(frisbee)  # one is near, though nothing shows that it is held
    assert DescribedPerson(None, "person", (), frozenset()).lacks(frisbee)
    assert not DescribedPerson(None, "person", (), frozenset()).lacks(red)


@pytest.mark.parametrize(
    ("captions", "noun", "said"),
    [
        (
            ["A man riding a horse.", "The man is riding a brown horse on a road."],
            "man",
            "is riding a horse",
        ),
        (["A young woman in a hat holding a cup"], "woman", ""),
        (["A man and a woman sitting on a bench"], "person", ""),
        (["A boy playing with his friends"], "person", ""),
        (["A man riding a wave", "A woman riding a wave"], "person", "is riding a wave"),
        (["Two men riding a wave", "A wave."], "person", ""),
    ],
)
def test_captions_are_used_only_if_they_are_about_one_person(tmp_path, captions, noun, said):
    made = Pictures(tmp_path / "in")
    made.add("one.png", [(320, 400, "red", False)])
    made.captions = [{"id": i, "image_id": 1, "caption": caption} for i, caption in enumerate(captions)]
    made.write()
    (scene,) = CocoSceneReader(made.folder).read([made.folder / "images" / "one.png"])
    (one,) = describe_people(scene, load_image(scene.path))
    assert one.noun == noun
    assert [fact.text for fact in one.facts if fact.key == "caption"] == ([said] if said else [])


def test_questions_have_one_right_answer_and_hard_negatives(trio, tmp_path):
    run(trio, tmp_path / "out", AnnotateSettings(coco=trio.write().coco, test_fraction=1.0))
    rows = list(read_lines(tmp_path / "out" / "questions.jsonl"))
    by = {row["question"]: row for row in rows}
    colour = by["What colour is the top of the person with the right arm raised?"]
    assert colour["choices"][colour["answer"]] == "red"
    assert {"blue", "white"} & set(colour["choices"].values())  # what the others wear
    who = next(
        row for row in rows if row["dimension"] == "identification" and row["question"].startswith("Who is in a red")
    )
    assert who["choices"][who["answer"]] == "the person with the right arm raised"
    for row in rows:
        if "choices" in row:
            assert len(set(row["choices"].values())) == len(row["choices"]) >= 2
            assert row["choices"][row["answer"]] not in row["question"]
    dataset = load(tmp_path / "out" / "questions.jsonl", trio.folder / "images")
    assert not dataset.problems
    assert set(dataset.groups) == {"basic perception", "complex understanding"}


def test_an_image_is_in_the_test_split_or_in_training(tmp_path):
    made = Pictures(tmp_path / "in")
    for i in range(30):
        made.add(f"p{i}.png", [(320, 300, "red", False), (500, 290, "blue", i % 2 == 0)])
    found = run(made, tmp_path / "out", made.write())
    asked = {row["group"] for row in read_lines(tmp_path / "out" / "questions.jsonl")}
    learnt = {row["group"] for row in read_lines(tmp_path / "out" / "training.jsonl")}
    assert asked
    assert learnt
    assert not asked & learnt
    assert asked | learnt == {f"p{i}" for i in range(30)}
    assert {"dense caption", "instance caption", "instance grounding", "referring person", "referring part",
            "question answering"} == set(found.training)  # fmt: skip
    dataset = load(tmp_path / "out" / "training.jsonl", made.folder / "images")
    assert not dataset.problems
    kinds = {sample.task: sample.question.kind for sample in dataset.samples}
    assert kinds["dense caption"] == "text"
    assert kinds["referring person"] == "box"


def test_some_people_are_referred_to_by_box(tmp_path):
    made = Pictures(tmp_path / "in")
    made.add("a.png", TRIO)
    made.write()
    run(made, tmp_path / "out", AnnotateSettings(coco=str(made.folder), test_fraction=0))
    ((image, people),) = read_annotations(tmp_path / "out")
    rows = [row for seed in range(60) for row in build_training_rows(image, people, seed)]
    captions = [row for row in rows if row.dimension == "instance caption"]
    assert 0.15 < np.mean(["<box>" in row.question for row in captions]) < 0.25
    choices = [row for row in rows if row.choices]
    assert 0.1 < np.mean(["<box>" in row.question for row in choices]) < 0.25
    assert not any("<box>" in row.question for row in rows if isinstance(row.answer, tuple))


def test_the_split_depends_on_image_and_seed_only():
    held = [is_in_test_split(f"{i}", 0.2, 0) for i in range(2000)]
    assert 0.17 < np.mean(held) < 0.23
    assert held == [is_in_test_split(f"{i}", 0.2, 0) for i in range(2000)]
    assert held != [is_in_test_split(f"{i}", 0.2, 1) for i in range(2000)]
