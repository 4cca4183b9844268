"""Recipes that extend others."""

import pytest

from omnisense.errors import InputError
from omnisense.rl.recipe import packaged_recipes, read_recipe


def test_a_recipe_extends_a_packaged_one_or_a_file_beside_it(tmp_path):
    (tmp_path / "mine.yaml").write_text("extends: omni-3b\npolicy: owner/model\nrewards: {accuracy: 2}\n")
    (tmp_path / "more.yaml").write_text("extends: mine.yaml\ntrainer: {beta: 0.5}\n")
    base, recipe = read_recipe("omni-3b"), read_recipe(str(tmp_path / "more.yaml"))
    assert recipe.policy == "owner/model"
    assert recipe.rewards == {"accuracy": 2}
    assert recipe.trainer == base.trainer | {"beta": 0.5}
    assert recipe.stages == base.stages


def test_a_recipe_cannot_extend_itself_or_what_is_not_there(tmp_path):
    (tmp_path / "a.yaml").write_text("extends: b.yaml\n")
    (tmp_path / "b.yaml").write_text("extends: a.yaml\n")
    with pytest.raises(InputError, match="extends itself"):
        read_recipe(str(tmp_path / "a.yaml"))
    (tmp_path / "c.yaml").write_text("extends: nowhere\n")
    with pytest.raises(InputError, match="nowhere"):
        read_recipe(str(tmp_path / "c.yaml"))


def test_recipes_of_omni_models_take_sixteen_prompts_a_step():
    for name, gpus in (("omni-3b", 1), ("omni-7b", 8)):
        trainer = packaged_recipes()[name].trainer
        rows = trainer["per_device_train_batch_size"] * trainer["gradient_accumulation_steps"] * gpus
        assert rows // trainer["num_generations"] == 16
        assert trainer["loss_type"] == "grpo"


def test_rollout_workers_have_a_device_each():
    with pytest.raises(InputError, match="3 workers and 2 devices"):
        read_recipe("omni-3b", ["rollouts={workers: 3, devices: ['0', '1']}"])
