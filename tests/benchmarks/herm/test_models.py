"""The data engine with models: tiny ones with random weights, and a scripted one with known answers."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from omnisense.benchmarks.herm.engine.annotations import ImageAnnotation
from omnisense.benchmarks.herm.engine.annotator import AnnotateSettings
from omnisense.benchmarks.herm.engine.captioner import Captioner
from omnisense.benchmarks.herm.engine.describe import describe_people
from omnisense.benchmarks.herm.engine.grounders import PolicyGrounder
from omnisense.benchmarks.herm.engine.output import read_annotations
from omnisense.benchmarks.herm.engine.rewriter import rewrite_caption
from omnisense.errors import ModelError
from omnisense.perception.images.coco import CocoSceneReader
from omnisense.perception.images.scene import load_image
from omnisense.reasoning.answers.box_notation import notation_of
from tests.benchmarks.herm.painted import run

pytestmark = pytest.mark.networks


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


def test_models_replace_annotations(trio, tmp_path, detector, poser):
    found = run(trio, tmp_path / "out", AnnotateSettings(detector_model=str(detector), pose_model=str(poser)))
    assert found.counts.people == 4
    ((_, people),) = read_annotations(tmp_path / "out")
    assert people[0].source["bbox"] == f"detector {detector}"
    without = run(trio, tmp_path / "out2", AnnotateSettings(detector_model=str(detector)))
    assert "pose model (no poses, no colors of garments)" in without.missing
    with pytest.raises(ModelError, match="cannot be loaded"):
        run(trio, tmp_path / "out3", AnnotateSettings(detector_model=str(poser)))


def test_a_detector_that_fails_on_every_image_is_named_as_the_reason(trio, tmp_path, detector, run_cli, monkeypatch):
    from omnisense.perception.images.detector import DetectorSceneReader

    folder = tmp_path / "detector"
    shutil.copytree(detector, folder)
    config = json.loads((folder / "config.json").read_text())
    config |= {"id2label": {"5": "person", "6": "frisbee"}, "label2id": {"person": 5, "frisbee": 6}}
    (folder / "config.json").write_text(json.dumps(config))
    arguments = ("annotate", trio.folder / "images", "--detector-model", folder, "--output")
    code, _, err = run_cli(*arguments, tmp_path / "out")
    assert (code, "names no label 0" in err, "Traceback" in err) == (1, True, False)
    monkeypatch.setattr(DetectorSceneReader, "_detect", lambda *_: {}["logits"])
    code, _, err = run_cli(*arguments, tmp_path / "out2")
    assert (code, "trio.png: 'logits'" in err) == (1, True)


@pytest.fixture(scope="module")
def vlm(tmp_path_factory):
    from omnisense.testing.tiny_models import tiny_vlm

    return str(tiny_vlm(tmp_path_factory.mktemp("vlm")))


@pytest.mark.slow
def test_texts_of_a_model_must_pass_the_checks(trio, tmp_path, vlm):
    settings = AnnotateSettings(coco=trio.write().coco, captioner_model=vlm, grounder_model=vlm)
    found = run(trio, tmp_path / "out", settings)
    ((_, people),) = read_annotations(tmp_path / "out")
    # a model of random weights writes nothing usable: the template-based texts stay, and dropped texts are counted
    assert sum(n for reason, n in found.dropped.items() if reason.startswith("model text")) == 1 + 3 * 4
    assert people[0].source["appearance"] == "colour measured between the joints"


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
    from omnisense.perception.images.grounding import ZeroShotGrounder, is_zero_shot_detector

    trio.write()
    assert is_zero_shot_detector(owl)
    assert not is_zero_shot_detector(Path(vlm))
    found = ZeroShotGrounder(str(owl), min_score=0.0).ground(
        trio.folder / "images" / "trio.png", ["a red top", "a hat"]
    )
    assert all(0 < len(boxes) <= 16 for boxes in found)  # one for each patch of the image, without empty boxes
    assert all(0 <= v <= 1 for boxes in found for box in boxes for v in box)
    assert ZeroShotGrounder(str(owl), min_score=0.0).ground(trio.folder / "images" / "trio.png", ["a" * 40]) == [[]]
    settings = AnnotateSettings(coco=str(trio.folder), captioner_model=vlm, grounder_model=str(owl))
    assert not run(trio, tmp_path / "out", settings).failed


def test_usable_texts_of_a_model_are_kept_and_grounded(trio, tmp_path):

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
    (scene,) = CocoSceneReader(trio.folder).read([trio.folder / "images" / "trio.png"])
    from omnisense.benchmarks.herm.engine.descriptions import build_annotations

    image, people, _ = build_annotations(scene, describe_people(scene, load_image(scene.path)))
    expressions = (people[0].referring_expressions[:1], (), people[2].referring_expressions)
    people = [
        person.model_copy(update={"referring_expressions": kept})
        for person, kept in zip(people, expressions, strict=True)
    ]
    seer = Seer()
    (tmp_path / "crops").mkdir()
    notation = notation_of("thousandths", None)
    captioner = Captioner(seer, notation, PolicyGrounder(seer, notation), tmp_path / "crops")
    _, people, dropped = captioner.describe(scene.path, image, people)
    left = people[0]
    assert left.referring_expressions == ("the one waving",)  # the model's, which the grounder finds
    assert left.source["referring_expressions"] == "model seer, checked by seer"
    assert people[1].referring_expressions == ()  # the grounder finds no person for what was written
    assert left.appearance == "They wear <p>a knitted red top</p> and <p>a scarf</p>."
    assert left.source["appearance"] == "model seer"
    assert left.appearance_boxes == {"a knitted red top": ((64.0, 216.0, 89.6, 120.0),)}
    assert left.source["pose"] == "COCO keypoints"  # the refusal is not used
    assert dropped["referring expression: grounded elsewhere"] == 1
    assert dropped["model text: a refusal"] == 3
    assert dropped["phrase: no box on the person"] == 5


def test_without_a_grounder_there_are_no_training_rows_with_boxes(trio, tmp_path):
    """The boxes of the template-based text do not belong to the phrases of the model's text."""
    from omnisense.benchmarks.herm.engine.descriptions import build_annotations
    from omnisense.benchmarks.herm.engine.training import build_training_rows
    from omnisense.reasoning.policies.scripted import ScriptedPolicy

    trio.write()
    (scene,) = CocoSceneReader(trio.folder).read([trio.folder / "images" / "trio.png"])
    image, people, _ = build_annotations(scene, describe_people(scene, load_image(scene.path)))
    assert any(row.dimension == "instance grounding" for row in build_training_rows(image, people, 0))
    policy = ScriptedPolicy(["They wear <p>a knitted top</p> today."])
    captioner = Captioner(policy, notation_of("bins", None), None, tmp_path)
    image, people, dropped = captioner.describe(scene.path, image, people)
    assert not dropped
    assert people[0].appearance_boxes == {}
    assert "no grounder" in people[0].missing["appearance_boxes"]
    assert not any(row.dimension == "instance grounding" for row in build_training_rows(image, people, 0))


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
def test_a_rewritten_caption_must_keep_the_content(written, fault):
    from omnisense.reasoning.policies.scripted import ScriptedPolicy

    original = "<p>A boy</p> stands by a car. The boy waves."
    image = ImageAnnotation(
        image="a.png", image_id="a", width=640, height=480, people=1, crowds=(), dense_caption=original,
        caption_boxes={}, source={"dense_caption": "templates"}, dropped={},
    )  # fmt: skip
    rewritten, found = rewrite_caption(ScriptedPolicy([written]), image)
    assert found == fault
    assert rewritten.source["dense_caption"] == ("templates" if fault else "templates; rewritten by scripted")
    assert rewritten.dense_caption == (original if fault else written)
