"""The data engine: on scenes whose truth is known, on bad input, interrupted, with many workers, with models."""

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image, ImageDraw

from omnisense.agent.cli import cli
from omnisense.benchmarks.herm.annotate import AnnotateSettings, annotate
from omnisense.benchmarks.herm.data import load
from omnisense.benchmarks.herm.facts import Described, Fact, describe
from omnisense.benchmarks.herm.output import pictures_of, read_lines
from omnisense.benchmarks.herm.questions import is_held_out, training_of
from omnisense.benchmarks.herm.refer import refer
from omnisense.errors import InputError, ModelError
from omnisense.perception.coco import CocoScenes
from omnisense.perception.people import KEYPOINTS, pixels
from tests.conftest import SHARED

RGB = {
    "red": (200, 30, 35),
    "blue": (35, 60, 190),
    "white": (245, 245, 245),
    "black": (8, 8, 8),
    "green": (30, 130, 40),
}
KINDS = [{"id": 1, "name": "person"}, {"id": 2, "name": "frisbee"}, {"id": 3, "name": "chair"}]
# a standing body in units of its height, x from its middle; left is the person's own, so on the right of the picture
BODY = {"nose": (0, .08), "left_eye": (.02, .065), "right_eye": (-.02, .065), "left_ear": (.045, .07),
        "right_ear": (-.045, .07), "left_shoulder": (.11, .2), "right_shoulder": (-.11, .2), "left_elbow": (.14, .35),
        "right_elbow": (-.14, .35), "left_wrist": (.15, .48), "right_wrist": (-.15, .48), "left_hip": (.07, .5),
        "right_hip": (-.07, .5), "left_knee": (.07, .74), "right_knee": (-.07, .74), "left_ankle": (.07, .96),
        "right_ankle": (-.07, .96)}  # fmt: skip


class Pictures:
    """Pictures of painted people, and their annotations in COCO's form."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.images, self.boxes, self.joints, self.captions = folder, [], [], [], []
        (folder / "images").mkdir(parents=True, exist_ok=True)

    def add(self, name, people, size=(640, 480), caption="", things=(), crowd=None, mode="RGB"):
        """People as (x of the middle, height, colour of the top, right arm raised)."""
        image = Image.new("RGB", size, (140, 150, 130))
        draw = ImageDraw.Draw(image)
        number = len(self.images) + 1
        self.images.append({"id": number, "file_name": name, "width": size[0], "height": size[1]})
        for x, height, colour, raised in people:
            self._paint(draw, number, x, size[1] - 10 - height, height, colour, raised)
        for kind, box in things:
            self.boxes.append({"id": 10_000 + len(self.boxes), "image_id": number, "category_id": kind, "bbox": box})
        if crowd:
            self.boxes.append({"id": 10_000 + len(self.boxes), "image_id": number, "category_id": 1, "bbox": crowd,
                               "iscrowd": 1})  # fmt: skip
        if caption:
            self.captions.append({"id": number, "image_id": number, "caption": caption})
        image.convert(mode).save(self.folder / "images" / name)

    def _paint(self, draw, number, x, top, height, colour, raised):
        body = {k: (x + dx * height, top + dy * height) for k, (dx, dy) in BODY.items()}
        if raised:
            body["right_elbow"] = (x - 0.18 * height, top + 0.15 * height)
            body["right_wrist"] = (x - 0.2 * height, top + 0.02 * height)
        draw.ellipse([x - 0.06 * height, top, x + 0.06 * height, top + 0.14 * height], fill=(225, 172, 140))
        corners = [body[f"{side}_{part}"] for side, part in
                   (("left", "shoulder"), ("right", "shoulder"), ("right", "hip"), ("left", "hip"))]  # fmt: skip
        draw.polygon(corners, fill=RGB[colour])
        for side in ("left", "right"):
            draw.line([body[f"{side}_hip"], body[f"{side}_ankle"]], fill=RGB["black"], width=max(3, int(0.11 * height)))
        box = [x - 0.22 * height, top, 0.44 * height, height]
        entry = {"id": len(self.boxes) + 1, "image_id": number, "category_id": 1, "bbox": box, "iscrowd": 0}
        self.boxes.append(entry)
        flat = [v for name in KEYPOINTS for v in (*body[name], 2)]
        self.joints.append({"id": entry["id"], "image_id": number, "keypoints": flat, "num_keypoints": 17})

    def write(self, joints=True, captions=True):
        def put(name, **more):
            (self.folder / name).write_text(json.dumps({"images": self.images, **more}))

        put("instances.json", annotations=self.boxes, categories=KINDS)
        if joints:
            put("person_keypoints.json", annotations=self.joints)
        if captions:
            put("captions.json", annotations=self.captions)
        return AnnotateSettings(coco=str(self.folder))


TRIO = [(110, 300, "red", True), (320, 320, "blue", False), (530, 310, "white", False)]


@pytest.fixture
def trio(tmp_path):
    made = Pictures(tmp_path / "in")
    made.add("trio.png", TRIO, caption="three people stand in a row", things=[(2, [20, 150, 30, 30])])
    return made


def run(made, output, settings, **how):
    return annotate(made.folder / "images", output, settings, **how)


def test_every_person_has_a_row_with_all_levels(trio, tmp_path):
    found = run(trio, tmp_path / "out", trio.write())
    assert found["counts"] == {"pictures": 1, "people": 3, "pictures with people": 1, "failed": 0}
    ((image, people),) = pictures_of(tmp_path / "out")
    assert image["dense_caption"].startswith("Three people stand in a row. <p>")
    left, middle, right = people
    assert left["appearance"] == "The person wears <p>a red top</p> and wears <p>black bottoms</p>."
    assert left["pose"] == (
        "The person is facing the camera, is standing, holds the upper body upright and has the right arm raised."
    )
    assert left["modality"] == "The person is holding <p>a frisbee</p>."
    assert middle["relation"].startswith("The person is to the right of the person")
    assert "is holding" not in middle["modality"] + right["modality"]
    x, y, w, h = left["appearance_boxes"]["a red top"][0]
    assert x < 110 < x + w
    assert y < 170 + 0.35 * 300 < y + h
    assert left["refer"][0] == "the person in a red top"
    assert left["source"]["appearance"] == "colour measured between the joints"
    assert left["source"]["pose"] == "COCO keypoints"


def test_phrases_fit_nobody_else(trio, tmp_path):
    run(trio, tmp_path / "out", trio.write())
    ((_, people),) = pictures_of(tmp_path / "out")
    phrases = [phrase for person in people for phrase in person["refer"]]
    assert len(phrases) == len(set(phrases)) >= 6


def test_a_phrase_that_fits_two_is_sharpened_or_dropped(tmp_path):
    made = Pictures(tmp_path / "in")
    made.add("two.png", [(150, 300, "red", False), (450, 300, "red", False)])
    made.add("crowd.png", [(150, 300, "red", False), (450, 300, "red", False)], crowd=[0, 0, 600, 60])
    run(made, tmp_path / "out", made.write())
    found = {image["image"]: people for image, people in pictures_of(tmp_path / "out")}
    assert found["two.png"][0]["refer"][0] == "the person in a red top furthest to the left"
    assert [person["refer"] for person in found["crowd.png"]] == [[], []]  # one of the crowd may be further left
    assert "fits others too" in found["crowd.png"][0]["missing"]["refer"]


def test_who_is_little_known_blocks_a_phrase(trio):
    """Somebody whose top has no clear colour may wear red too."""
    trio.write()
    (scene,) = CocoScenes(trio.folder).read([trio.folder / "images" / "trio.png"])
    known = describe(scene, pixels(scene.path))
    unknown = [known[0], Described(known[1].person, "person", (), frozenset({"frisbee"})), known[2]]
    assert refer(known[0], known, scene).phrases[0] == "the person in a red top"
    assert refer(unknown[0], unknown, scene).phrases[0] == "the person in a red top furthest to the left"


def test_lacking_is_not_the_same_as_not_known():
    red, pink, blue = (Fact("appearance", "top", c, "", "", "") for c in ("red", "pink", "blue"))
    frisbee = Fact("modality", "thing:frisbee", "frisbee", "", "", "")
    one = Described(None, "person", (red,), frozenset({"frisbee"}))
    assert one.lacks(blue)
    assert not one.lacks(red)
    assert not one.lacks(pink)  # red and pink pass into each other with the light
    assert not one.lacks(frisbee)  # one is near, though nothing shows that it is held
    assert Described(None, "person", (), frozenset()).lacks(frisbee)
    assert not Described(None, "person", (), frozenset()).lacks(red)


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
def test_captions_count_only_where_they_speak_of_one_person(tmp_path, captions, noun, said):
    made = Pictures(tmp_path / "in")
    made.add("one.png", [(320, 400, "red", False)])
    made.captions = [{"id": i, "image_id": 1, "caption": caption} for i, caption in enumerate(captions)]
    made.write()
    (scene,) = CocoScenes(made.folder).read([made.folder / "images" / "one.png"])
    (one,) = describe(scene, pixels(scene.path))
    assert one.noun == noun
    assert [fact.text for fact in one.facts if fact.key == "caption"] == ([said] if said else [])


def test_questions_have_one_right_answer_and_hard_wrong_ones(trio, tmp_path):
    run(trio, tmp_path / "out", AnnotateSettings(coco=trio.write().coco, held_out=1.0))
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


def test_a_picture_is_in_the_test_or_in_training_never_both(tmp_path):
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
            "question answering"} == set(found["training"])  # fmt: skip
    dataset = load(tmp_path / "out" / "training.jsonl", made.folder / "images")
    assert not dataset.problems
    kinds = {item.task: item.question.kind for item in dataset.items}
    assert kinds["dense caption"] == "text"
    assert kinds["referring person"] == "box"


def test_some_persons_are_named_by_their_box(tmp_path):
    made = Pictures(tmp_path / "in")
    made.add("a.png", TRIO)
    made.write()
    run(made, tmp_path / "out", AnnotateSettings(coco=str(made.folder), held_out=0))
    ((image, people),) = pictures_of(tmp_path / "out")
    rows = [row for seed in range(60) for row in training_of(image, people, seed)]
    captions = [row for row in rows if row["dimension"] == "instance caption"]
    assert 0.15 < np.mean(["<box>" in row["question"] for row in captions]) < 0.25
    choices = [row for row in rows if "choices" in row]
    assert 0.1 < np.mean(["<box>" in row["question"] for row in choices]) < 0.25
    assert not any("<box>" in row["question"] for row in rows if isinstance(row["answer"], list))


def test_the_split_depends_on_picture_and_seed_alone():
    held = [is_held_out(f"{i}", 0.2, 0) for i in range(2000)]
    assert 0.17 < np.mean(held) < 0.23
    assert held == [is_held_out(f"{i}", 0.2, 0) for i in range(2000)]
    assert held != [is_held_out(f"{i}", 0.2, 1) for i in range(2000)]


# --- runs -----------------------------------------------------------------------------------------------------------

FILES = ("images.jsonl", "instances.jsonl", "questions.jsonl", "training.jsonl", "viewer.html")


@pytest.fixture
def dozen(tmp_path):
    made = Pictures(tmp_path / "in")
    for i in range(12):
        made.add(f"p{i:02}.png", TRIO[: 1 + i % 3], caption="people stand in a row")
    return made


def contents(folder):
    return {name: (folder / name).read_bytes() for name in FILES}


def test_the_same_comes_of_any_number_of_workers(dozen, tmp_path):
    settings = dozen.write()
    (dozen.folder / "images" / "p03x.png").write_text("no picture")
    one = run(dozen, tmp_path / "one", settings, batch_size=1)
    two = run(dozen, tmp_path / "two", settings, batch_size=5, workers=2)
    assert one == two
    assert set(two["failed"]) == {"p03x.png"}
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


@pytest.mark.slow
def test_the_same_comes_of_a_cluster(dozen, tmp_path):
    settings = dozen.write()
    run(dozen, tmp_path / "one", settings)
    run(dozen, tmp_path / "ray", settings, ray="local", workers=2, batch_size=3)
    assert contents(tmp_path / "one") == contents(tmp_path / "ray")


def test_an_interrupted_run_goes_on(dozen, tmp_path):
    settings = dozen.write()
    run(dozen, tmp_path / "whole", settings)

    def stop(one, seen=[]):  # noqa: B006
        seen.append(one)
        if len(seen) == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(dozen, tmp_path / "cut", settings, batch_size=2, on_done=stop)
    with (tmp_path / "cut" / "instances.jsonl").open("a") as file:  # a kill between the people and their picture
        file.write('{"image_id": "p05", "instance_id": "9"}\n{"image_id": "p0')
    again = []
    run(dozen, tmp_path / "cut", settings, on_done=again.append)
    assert [one.picture.name for one in again] == [f"p{i:02}.png" for i in range(5, 12)]
    assert contents(tmp_path / "cut") == contents(tmp_path / "whole")


def test_other_settings_do_not_go_into_the_same_folder(dozen, tmp_path):
    run(dozen, tmp_path / "out", dozen.write())
    with pytest.raises(InputError, match="seed"):
        run(dozen, tmp_path / "out", AnnotateSettings(coco=str(dozen.folder), seed=1))


# --- bad input ------------------------------------------------------------------------------------------------------


def test_bad_pictures_cost_only_themselves(trio, tmp_path, capsys):
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
    assert found["counts"] == {"pictures": 4, "people": 9, "pictures with people": 3, "failed": 5}
    failed = found["failed"]
    assert "truncated" in failed["broken.png"]
    assert "too small (1x1)" in failed["one.png"]
    assert "exceeds limit" in failed["huge.png"]
    assert "annotations do not have it" in failed["stranger.png"]
    assert set(failed) == {"broken.png", "one.png", "huge.png", "text.jpg", "stranger.png"}
    assert found["dropped"]["picture: nobody in it"] == 1
    people = {image["image"]: rows for image, rows in pictures_of(tmp_path / "out")}
    assert people["cmyk.jpg"][0]["refer"][0] == "the person in a red top"
    assert not any("red" in phrase for phrase in people["grey.png"][0]["refer"])


def test_sixty_people_are_all_there(tmp_path):
    made = Pictures(tmp_path / "in")
    made.add("many.png", [(40 + i % 30 * 40, 100 + i // 30 * 120, list(RGB)[i % 5], i % 7 == 0) for i in range(60)],
             size=(1280, 720))  # fmt: skip
    found = run(made, tmp_path / "out", made.write())
    assert found["counts"]["people"] == 60
    ((_, people),) = pictures_of(tmp_path / "out")
    phrases = [phrase for person in people for phrase in person["refer"]]
    assert len(phrases) == len(set(phrases))


def test_boxes_outside_the_picture_are_cut_or_dropped(trio, tmp_path):
    trio.boxes += [
        {"id": 900, "image_id": 1, "category_id": 1, "bbox": [600, 400, 300, 300], "iscrowd": 0},
        {"id": 901, "image_id": 1, "category_id": 1, "bbox": [700, 100, 50, 50], "iscrowd": 0},
        {"id": 902, "image_id": 1, "category_id": 2, "bbox": [-50, 100, 20, 50], "iscrowd": 0},
        {"id": 903, "image_id": 1, "category_id": 1, "bbox": [10, 10, None, 50], "iscrowd": 0},
    ]
    found = run(trio, tmp_path / "out", trio.write())
    assert found["dropped"]["person outside the picture or without area"] == 2
    assert found["dropped"]["object outside the picture or without area"] == 1
    ((_, people),) = pictures_of(tmp_path / "out")
    assert people[-1]["bbox"] == [600, 400, 40, 80]


def test_missing_captions_and_joints_are_said(trio, tmp_path):
    found = run(trio, tmp_path / "out", trio.write(joints=False, captions=False))
    assert found["missing"][:2] == ["person_keypoints.json", "captions.json"]
    ((image, people),) = pictures_of(tmp_path / "out")
    assert people[1]["refer"] == ["the second person from the left"]
    assert people[0]["missing"]["pose"] == "no joints are known"
    assert not image["dense_caption"].startswith("Three")


def test_a_picture_of_another_size_than_annotated_is_refused(trio, tmp_path):
    trio.images[0]["width"] = 320
    found = run(trio, tmp_path / "out", trio.write())
    assert "640x480 pixels and its annotations 320x480" in found["failed"]["trio.png"]


@pytest.mark.parametrize(
    ("spoil", "what"),
    [
        (lambda f: (f / "instances.json").unlink(), "cannot be read"),
        (lambda f: (f / "instances.json").write_text("{"), "cannot be read"),
        (lambda f: (f / "instances.json").write_text("{}"), "no 'images'"),
        (lambda f: (f / "instances.json").write_text('{"annotations": [{}]}'), "no 'images'"),
    ],
)
def test_annotations_that_are_none_say_so(trio, tmp_path, spoil, what):
    settings = trio.write()
    spoil(trio.folder)
    with pytest.raises(InputError, match=what):
        run(trio, tmp_path / "out", settings)


def test_what_is_lacking_is_named_before_anything_is_done(trio, tmp_path):
    from omnisense.reasoning.tiny_models import tiny_text

    with pytest.raises(InputError, match="where people come from"):
        run(trio, tmp_path / "out", AnnotateSettings())
    for given, what in (({"coco": "x", "detector": "y"}, "both"), ({"pose": "x"}, "Give --detector"),
                        ({"coco": "x", "grounder": "y"}, "Give --captioner")):  # fmt: skip
        with pytest.raises(InputError, match=what):
            AnnotateSettings(**given).make()
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no pictures"):
        annotate(tmp_path / "empty", tmp_path / "out2", trio.write())
    with pytest.raises(InputError, match="takes no images"):
        run(
            trio,
            tmp_path / "out3",
            AnnotateSettings(coco=str(trio.folder), captioner=str(tiny_text(tmp_path / "text"))),
        )


# --- models ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def detector(tmp_path_factory):
    """A tiny YOLOS with random weights, biased to see people."""
    import torch
    from transformers import YolosConfig, YolosForObjectDetection, YolosImageProcessor

    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("yolos")
    config = YolosConfig(hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32,
                         image_size=[64, 64], patch_size=16, num_detection_tokens=4,
                         id2label={0: "person", 1: "frisbee"}, label2id={"person": 0, "frisbee": 1})  # fmt: skip
    model = YolosForObjectDetection(config)
    model.class_labels_classifier.layers[-1].bias.data = torch.tensor([9.0, 0.0, 0.0])
    model.save_pretrained(folder)
    YolosImageProcessor(size={"height": 64, "width": 64}).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def poser(tmp_path_factory):
    import torch
    from transformers import VitPoseBackboneConfig, VitPoseConfig, VitPoseForPoseEstimation, VitPoseImageProcessor

    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("vitpose")
    backbone = VitPoseBackboneConfig(hidden_size=32, num_hidden_layers=1, num_attention_heads=2, image_size=[64, 48],
                                     patch_size=[16, 16], out_indices=[1])  # fmt: skip
    VitPoseForPoseEstimation(VitPoseConfig(backbone_config=backbone, num_labels=17)).save_pretrained(folder)
    VitPoseImageProcessor(size={"height": 64, "width": 48}).save_pretrained(folder)
    return folder


def test_models_stand_in_where_there_are_no_annotations(trio, tmp_path, detector, poser):
    found = run(trio, tmp_path / "out", AnnotateSettings(detector=str(detector), pose=str(poser)))
    assert found["counts"]["people"] == 4
    ((_, people),) = pictures_of(tmp_path / "out")
    assert people[0]["source"]["bbox"] == f"detector {detector}"
    without = run(trio, tmp_path / "out2", AnnotateSettings(detector=str(detector)))
    assert "a pose model: no poses, no colours of garments" in without["missing"]
    with pytest.raises(ModelError, match="cannot be loaded"):
        run(trio, tmp_path / "out3", AnnotateSettings(detector=str(poser)))


@pytest.fixture(scope="module")
def vlm(tmp_path_factory):
    from omnisense.reasoning.tiny_models import tiny_vlm

    return str(tiny_vlm(tmp_path_factory.mktemp("vlm")))


def test_a_vision_language_model_runs_through_the_same_gates(trio, tmp_path, vlm):
    settings = AnnotateSettings(coco=trio.write().coco, captioner=vlm, grounder=vlm)
    found = run(trio, tmp_path / "out", settings)
    ((_, people),) = pictures_of(tmp_path / "out")
    # a model of random weights writes nothing that passes: what rules wrote stays, and the drops are counted
    assert sum(n for reason, n in found["dropped"].items() if reason.startswith("model text")) == 1 + 3 * 4
    assert people[0]["source"]["appearance"] == "colour measured between the joints"


@pytest.fixture(scope="module")
def owl(tmp_path_factory):
    """A tiny OWL-ViT with random weights."""
    import torch
    from transformers import (
        CLIPTokenizerFast,
        OwlViTConfig,
        OwlViTForObjectDetection,
        OwlViTImageProcessor,
        OwlViTProcessor,
    )  # fmt: skip

    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("owl")
    letters = [chr(c) for c in range(33, 127)]
    tokens = [*letters, *(f"{c}</w>" for c in letters), "<|startoftext|>", "<|endoftext|>"]
    (folder / "vocab.json").write_text(json.dumps({token: i for i, token in enumerate(tokens)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    tokenizer = CLIPTokenizerFast(str(folder / "vocab.json"), str(folder / "merges.txt"), model_max_length=16)
    shared = {"hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = OwlViTConfig(
        text_config=shared | {"vocab_size": len(tokens), "max_position_embeddings": 16,
                              "bos_token_id": len(tokens) - 2, "eos_token_id": len(tokens) - 1},
        vision_config=shared | {"image_size": 64, "patch_size": 16}, projection_dim=32,
    )  # fmt: skip
    OwlViTForObjectDetection(config).save_pretrained(folder)
    images = OwlViTImageProcessor(size={"height": 64, "width": 64}, crop_size={"height": 64, "width": 64})
    OwlViTProcessor(images, tokenizer).save_pretrained(folder)
    return folder


def test_a_zero_shot_detector_grounds_phrases(trio, tmp_path, owl, vlm):
    from omnisense.perception.grounding import ZeroShotGrounder, is_zero_shot

    trio.write()
    assert is_zero_shot(owl)
    assert not is_zero_shot(Path(vlm))
    found = ZeroShotGrounder(str(owl), min_score=0.0).where(trio.folder / "images" / "trio.png", ["a red top", "a hat"])
    assert all(0 < len(boxes) <= 16 for boxes in found)  # one for each patch of the picture, but for those without area
    assert all(0 <= v <= 1 for boxes in found for box in boxes for v in box)
    assert ZeroShotGrounder(str(owl), min_score=0.0).where(trio.folder / "images" / "trio.png", ["a" * 40]) == [[]]
    settings = AnnotateSettings(coco=str(trio.folder), captioner=vlm, grounder=str(owl))
    assert not run(trio, tmp_path / "out", settings)["failed"]


def test_what_a_capable_model_writes_is_taken_and_grounded(trio, tmp_path):
    from omnisense.benchmarks.herm.captioner import Captioner, PolicyGrounder
    from omnisense.reasoning.boxes import notation_of

    class Seer:
        """Sees garments where they are, and finds one phrase on the wrong person."""

        name, modalities = "seer", frozenset({"text", "image"})

        def write(self, prompts, **_):
            return [self._one(prompt[0]["content"][1]["text"]) for prompt in prompts]

        def _one(self, asked):
            if asked.startswith("Question: Where is a knitted red top"):
                return "[100, 450, 240, 700]"
            if asked.startswith("Question: Where is the person in a red top?"):
                return "[390, 300, 610, 980]"
            if asked.startswith("Question: Where is the one waving"):
                return "[70, 360, 280, 980]"
            if asked.startswith("Write one short phrase"):
                return "The one waving." if "[69," in asked else "The one who stands."
            if asked.startswith("Question"):
                return "I cannot find it."
            if "clothing" in asked:
                return "They wear <p>a knitted red top</p> and <p>a scarf</p>."
            return "I'm sorry, I am unable to." if "pose" in asked else "Somebody does something here."

    trio.write()
    (scene,) = CocoScenes(trio.folder).read([trio.folder / "images" / "trio.png"])
    from omnisense.benchmarks.herm.texts import rows_of

    image, people, _ = rows_of(scene, describe(scene, pixels(scene.path)))
    people[0]["refer"], people[1]["refer"] = people[0]["refer"][:1], []
    seer = Seer()
    (tmp_path / "crops").mkdir()
    notation = notation_of("thousandths", None)
    captioner = Captioner(seer, notation, PolicyGrounder(seer, notation), tmp_path / "crops")
    dropped = captioner.describe(scene.path, image, people)
    left = people[0]
    assert left["refer"] == ["the one waving"]  # the model's, which the grounder finds
    assert left["source"]["refer"] == "model seer, checked by seer"
    assert people[1]["refer"] == []  # the grounder finds nobody by what was written
    assert left["appearance"] == "They wear <p>a knitted red top</p> and <p>a scarf</p>."
    assert left["source"]["appearance"] == "model seer"
    assert left["appearance_boxes"] == {"a knitted red top": [[64.0, 216.0, 89.6, 120.0]]}
    assert left["source"]["pose"] == "COCO keypoints"  # the refusal was not taken
    assert dropped["refer phrase: the grounder finds it elsewhere"] == 1
    assert dropped["model text: a refusal"] == 3
    assert dropped["phrase: its box could not be found on the person"] == 5


@pytest.mark.parametrize(
    ("written", "fault"),
    [
        ("<p>A boy</p> stands by a car and waves.", ""),
        ("A boy stands by a car and waves.", "a person's phrase is lost"),
        ("<p>A boy</p> stands by a red car and waves.", "new words (red)"),
        ("<p>A boy</p> stands and waves.", "something is left out"),
        ("<p>A boy</p> stands by a car. The boy waves.", "nothing is changed"),
        ("no", "too short"),
    ],
)
def test_a_rewritten_caption_adds_nothing_and_loses_nothing(written, fault):
    from omnisense.benchmarks.herm.captioner import rewrite
    from omnisense.reasoning.policy import ScriptedPolicy

    image = {"dense_caption": "<p>A boy</p> stands by a car. The boy waves.", "source": {"dense_caption": "rules"}}
    found = rewrite(ScriptedPolicy([written]), image)
    assert found == fault
    assert image["source"]["dense_caption"] == ("rules" if fault else "rules; rewritten by scripted")
    assert image["dense_caption"] == ("<p>A boy</p> stands by a car. The boy waves." if fault else written)


# --- real pictures --------------------------------------------------------------------------------------------------


@pytest.mark.shared
def test_real_pictures_give_rows_for_every_annotated_person(tmp_path):
    folder = SHARED / "people_images"
    found = annotate(folder / "images", tmp_path / "out", AnnotateSettings(coco=str(folder), held_out=1.0))
    assert found["counts"] == {"pictures": 13, "people": 62, "pictures with people": 10, "failed": 0}
    coco = json.loads((folder / "instances.json").read_text())
    single = [a for a in coco["annotations"] if a["category_id"] == 1 and not a["iscrowd"]]
    people = [person for _, rows in pictures_of(tmp_path / "out") for person in rows]
    assert {person["instance_id"] for person in people} == {str(a["id"]) for a in single}
    assert all(person[key] or key in person["missing"] for person in people for key in ("refer", "pose", "appearance"))
    assert found["people with"]["refer"] >= 10
    assert sum(found["questions"].values()) >= 50
    assert not load(tmp_path / "out" / "questions.jsonl", folder / "images").problems
    page = (tmp_path / "out" / "viewer.html").read_text()
    assert page.count("<section>") == 10
    assert "the boy on a skateboard in the foreground" in page
