"""HERM's recipe: the mix by ratio, boxes as the model writes them, two stages, and what a tiny model learns."""

import json
from collections import Counter

import pytest

from omnisense.benchmarks.harness.dataset import Sample
from omnisense.errors import InputError
from omnisense.reasoning.answers.question import Question
from omnisense.rl.curriculum import train_curriculum
from omnisense.rl.data.rows import build_rows, target_reply
from omnisense.rl.data.settings import DataSettings
from omnisense.rl.data.split import load_split
from omnisense.rl.recipe import expand_stages, packaged_recipes, read_recipe
from omnisense.rl.rewards.functions import accuracy_reward
from omnisense.rl.tiny_herm import make_data
from omnisense.rl.train import train
from omnisense.testing import tiny_models


@pytest.fixture(scope="session")
def pictures(tmp_path_factory):
    folder = tmp_path_factory.mktemp("herm")
    make_data(folder, each=16)
    return folder


@pytest.fixture(scope="session")
def vlm(tmp_path_factory):
    return tiny_models.tiny_vlm(tmp_path_factory.mktemp("vlm"))


def recipe_on(vlm, pictures, *changes):
    return read_recipe(
        "herm-tiny",
        [f"policy={vlm}", f"data.files=[{pictures}/training.jsonl]",
         f"data.test_files=[{pictures}/questions.jsonl]", *changes],
    )  # fmt: skip


@pytest.mark.slow
def test_a_tiny_model_learns_the_mix_and_the_second_stage_starts_from_the_first(vlm, pictures, tmp_path):
    recipe = recipe_on(vlm, pictures, "trainer.max_steps=80", "stages.instruct.trainer.max_steps=10")
    result = train_curriculum(recipe, tmp_path / "run")
    mix, instruct = (stage.log.curves["loss"] for stage in result.stages)
    assert mix.last < 0.1 * mix.first
    assert instruct.first < 2 * mix.last  # far from where the first stage began
    started = json.loads((tmp_path / "run" / "2-instruct" / "recipe.json").read_text())["recipe"]
    assert started["policy"] == str(tmp_path / "run" / "1-mix" / "final")
    assert (
        result.comparison.pair("instruct").difference.low > 0.3
    )  # against the untrained copy, on pictures that no stage saw
    assert result.comparison.questions == 32
    page = (tmp_path / "run" / "comparison" / "comparison.md").read_text()
    assert "basic perception" in page
    assert " official |" in page
    assert "omnisense eval herm" in (tmp_path / "run" / "2-instruct" / "final" / "README.md").read_text()


@pytest.mark.slow
def test_an_interrupted_stage_ends_as_an_unbroken_one(vlm, pictures, tmp_path):
    import torch
    from safetensors.torch import load_file
    from transformers import TrainerCallback

    class Stop(TrainerCallback):
        def on_step_end(self, args, state, control, **_):
            if state.global_step == 5:
                raise KeyboardInterrupt

    changes = ("stages=[]", "trainer.max_steps=8", "trainer.save_steps=3", "evaluation.run=false")
    train(recipe_on(vlm, pictures, *changes), tmp_path / "whole")
    lines = []
    with pytest.raises(KeyboardInterrupt):
        train(recipe_on(vlm, pictures, *changes), tmp_path / "cut", callbacks=[Stop()])
    train(recipe_on(vlm, pictures, *changes), tmp_path / "cut", lines.append)
    assert any("resuming from" in line and "checkpoint-3" in line for line in lines)
    whole, cut = (load_file(tmp_path / name / "final" / "model.safetensors") for name in ("whole", "cut"))
    assert all(torch.equal(whole[key], cut[key]) for key in whole)


@pytest.mark.parametrize("family", ["tiny_vlm3", "tiny_omni", "tiny_smolvlm"])
@pytest.mark.slow
def test_other_families_train_by_the_same_recipe(family, pictures, tmp_path):
    if family == "tiny_smolvlm":
        pytest.importorskip("num2words")
    folder = getattr(tiny_models, family)(tmp_path / "model")
    recipe = recipe_on(folder, pictures, "stages=[]", "trainer.max_steps=12", "data.boxes=auto",
                       "data.test_limit=8",
                       "trainer.per_device_train_batch_size=8")  # fmt: skip
    result = train(recipe, tmp_path / "run").summary
    assert result.log.curves["loss"].last < 0.8 * result.log.curves["loss"].first
    assert result.comparison.questions == 8
    assert result.comparison.systems[0].counts.errors == 0


def test_lora_of_the_published_size_trains_the_language_layers(vlm, pictures, tmp_path):
    recipe = recipe_on(vlm, pictures, "stages=[]", "trainer.max_steps=4", "evaluation.run=false",
                       "trainer.warmup_steps=1", "weights={train: adapter, r: 64, alpha: 16}",
                       "trainer.lr_scheduler_type=cosine_with_min_lr",
                       "trainer.lr_scheduler_kwargs={min_lr: 1e-5}")  # fmt: skip
    train(recipe, tmp_path / "run")
    kept = json.loads((tmp_path / "run" / "final" / "adapter_config.json").read_text())
    assert (kept["r"], kept["lora_alpha"]) == (64, 16)


@pytest.mark.slow
def test_training_on_the_rows_of_the_annotation_engine(run_cli, vlm, tmp_path):
    from omnisense.benchmarks.herm.engine.annotate import annotate
    from tests.benchmarks.herm.painted import TRIO, Pictures

    made = Pictures(tmp_path / "in")
    for i in range(8):
        made.add(f"p{i}.png", TRIO[: 2 + i % 2], size=(640, 480), caption="people stand in a row")
    annotate(made.folder / "images", tmp_path / "herm", made.write())
    ran = run_cli(
        "train", "sft", "herm-3b", f"policy={vlm}", "dtype=float32",
        f"data.files=[{tmp_path}/herm/training.jsonl]", f"data.test_files=[{tmp_path}/herm/questions.jsonl]",
        f"data.images={made.folder}/images", "data.samples_per_epoch=32",
        "stages.instruct.data.samples_per_epoch=16", "trainer.max_steps=2", "trainer.per_device_train_batch_size=2",
        "trainer.gradient_accumulation_steps=1", "trainer.warmup_steps=0", "data.test_limit=4",
        "evaluation.max_new_tokens=4", "--output", str(tmp_path / "run"),
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    summary = json.loads((tmp_path / "run" / "2-instruct" / "data.json").read_text())
    assert summary["train_tasks"]["question answering"] > summary["train_tasks"].get("dense caption", 0)


def test_tasks_are_drawn_by_their_ratios(pictures):
    ratios = {"dense caption": 30, "referring person": 10}
    settings = DataSettings(files=[pictures / "training.jsonl"], ratios=ratios, samples_per_epoch=4000, test_fraction=0)
    tasks = Counter(sample.task for sample in load_split(settings, {"image"}, 0).train)
    assert set(tasks) == set(ratios)
    assert 0.73 < tasks["dense caption"] / 4000 < 0.77
    again = load_split(settings, {"image"}, 0).train
    assert [sample.id for sample in again] == [sample.id for sample in load_split(settings, {"image"}, 0).train]


def test_every_row_comes_once_before_any_comes_again(pictures):
    settings = DataSettings(
        files=[pictures / "training.jsonl"], ratios={"dense caption": 1}, samples_per_epoch=96, test_fraction=0
    )
    train = load_split(settings, {"image"}, 0).train
    assert set(Counter(sample.id for sample in train).values()) == {2}  # 48 pictures to train on


def test_ratios_of_unknown_tasks_are_errors(pictures):
    for ratios, what in (
        ({"dense captoin": 1}, "no rows of dense captoin"),
        ({"dense caption": 0}, "no positive number"),
    ):
        with pytest.raises(InputError, match=what):
            load_split(DataSettings(files=[pictures / "training.jsonl"], ratios=ratios), {"image"}, 0)


@pytest.mark.parametrize(
    ("form", "one", "several"),
    [
        ("bins", "{<10><20><50><80>}", "{<10><20><50><80>}"),
        ("thousandths", "[100, 200, 500, 800]", "[[100, 200, 500, 800]]"),
        ("pixels 640x480", "[64, 96, 320, 384]", "[[64, 96, 320, 384]]"),
    ],
)
def test_a_box_is_taught_as_the_family_writes_it_and_read_back_as_right(form, one, several):
    gold = "[[0.1, 0.2, 0.5, 0.8]]"
    for kind, expected in (("box", one), ("boxes", several)):
        sample = Sample("1", "t", 0, Question("Where?", kind, form=form), gold, "text")
        (row,), _ = build_rows([sample], DataSettings(files=["x"]).prompting(), lambda _: 1, 10)
        reply = target_reply(row, think=False)
        assert reply == expected
        columns = {key: [getattr(row, key)] for key in ("question", "kind", "options", "gold", "form")}
        assert accuracy_reward([[{"role": "assistant", "content": reply}]], **columns) == [1.0]


def test_a_text_is_taught_as_it_stands_and_never_scored():
    sample = Sample("1", "t", 0, Question("Describe.", "text"), "A man waves.", "text")
    (row,), _ = build_rows([sample], DataSettings(files=["x"], think=False).prompting(), lambda _: 1, 10)
    assert target_reply(row, think=False) == "A man waves."
    assert json.loads(row.prompt)[0]["content"][-1]["text"] == "Describe."
    columns = {key: [getattr(row, key)] for key in ("question", "kind", "options", "gold", "form")}
    assert accuracy_reward([[{"role": "assistant", "content": "A man waves."}]], **columns) == [None]


def test_boxes_follow_the_model(pictures, vlm):
    forms = {}
    for unit in ("auto", "bins"):
        settings = DataSettings(files=[pictures / "training.jsonl"], boxes=unit)
        train = load_split(settings, {"image"}, 0, str(vlm)).train
        forms[unit] = {sample.question.form for sample in train if sample.question.form}
    assert forms == {"auto": {"pixels 84x56"}, "bins": {"bins"}}


def test_the_published_numbers_are_in_the_recipes():
    for name in ("herm-3b", "herm-7b"):
        mix, instruct = (stage.recipe for stage in expand_stages(packaged_recipes()[name]))
        assert mix.data.ratios == {"dense caption": 13.5, "instance caption": 10, "instance grounding": 27,
                                   "referring person": 27, "referring part": 10}  # fmt: skip
        assert instruct.data.ratios["question answering"] == 150
        assert set(mix.data.ratios) < set(instruct.data.ratios)  # a share of the first stage is kept
        assert (mix.weights.r, mix.weights.alpha) == (64, 16)
        assert mix.data.max_pixels == 448 * 448
        assert (mix.trainer["learning_rate"], mix.trainer["lr_scheduler_kwargs"]["min_lr"]) == (1e-4, 1e-5)
        assert (instruct.trainer["learning_rate"], instruct.trainer["lr_scheduler_kwargs"]["min_lr"]) == (1e-5, 1e-6)
        assert mix.method == instruct.method == "sft"


def test_the_command_runs_a_recipe_of_sft_stages(run_cli):
    listed = run_cli("train", "recipes").stdout
    assert "omnisense train sft herm-3b" in listed
    assert "omnisense train curriculum tiny" in listed
    ran = run_cli("train", "grpo", "herm-tiny")
    assert ran.returncode == 2
    assert "this recipe is for sft" in ran.stderr


@pytest.mark.slow
def test_image_datasets_are_converted_to_the_same_format(run_cli, tmp_path):
    from tests.benchmarks.herm.painted import TRIO, Pictures

    made = Pictures(tmp_path / "in")
    made.add("a.png", TRIO, caption="three people  stand", things=[(2, [10, 20, 120, 90]), (3, [0, 0, 5, 5])])
    made.write()
    talk = [
        {"id": "1", "image": "a.png", "conversations": [
            {"from": "human", "value": "<image>\nWho is there?"}, {"from": "gpt", "value": "Three people."},
            {"from": "human", "value": "Where is the first?"}, {"from": "gpt", "value": "[0.1, 0.2, 0.3, 0.4]"}]},
        {"id": "2", "conversations": [{"from": "human", "value": "Hello"}, {"from": "gpt", "value": "Hi"}]},
    ]  # fmt: skip
    (tmp_path / "llava").mkdir()
    (tmp_path / "llava" / "mix.json").write_text(json.dumps(talk))
    for name, source in (("coco-captions", "in"), ("coco-objects", "in"), ("llava", "llava")):
        ran = run_cli("train", "data", name, tmp_path / source, "--output", tmp_path / "rows")
        assert "1 rows" in ran.stdout, ran.stderr
    for name in ("coco-captions", "coco-objects", "llava"):
        file = tmp_path / "rows" / f"{name}.jsonl"
        settings = DataSettings(files=[file], images=made.folder / "images", test_fraction=0)
        (sample,) = load_split(settings, {"image"}, 0).train
        assert sample.task in ("general caption", "general referring", "conversation")
        assert sample.gold in ("three people stand", "[[0.0156, 0.0417, 0.2031, 0.2292]]", "Three people.")


@pytest.mark.shared
def test_converting_real_annotations(shared, tmp_path):
    from omnisense.rl.data.prepare import prepare_rows

    folder = shared / "people_images"
    assert prepare_rows("coco-captions", folder, tmp_path).num_rows == 65
    prepare_rows("coco-objects", folder, tmp_path)
    rows = DataSettings(files=[tmp_path / "coco-objects.jsonl"], images=folder / "images", test_fraction=0)
    asked = {sample.question.text for sample in load_split(rows, {"image"}, 0).train}
    assert {"Where is the skateboard?", "Where is the dog?"} & asked


def test_a_folder_that_is_not_the_dataset_is_reported(tmp_path):
    from omnisense.rl.data.prepare import prepare_rows

    for name in ("coco-captions", "coco-objects", "llava"):
        with pytest.raises(InputError, match=f"not {name} as published"):
            prepare_rows(name, tmp_path, tmp_path / "out")
