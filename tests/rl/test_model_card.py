"""What a model card says of a run, and how long a run will still take."""

import pytest

from omnisense.agent.cli.training_progress import time_left
from omnisense.rl.recipe import read_recipe
from omnisense.rl.reporting.evaluate import Candidate
from omnisense.rl.reporting.model_card import render_model_card
from omnisense.rl.reporting.results import DataSummary, LogSummary, RunSummary

pytestmark = pytest.mark.networks

DATA = DataSummary(
    train=5,
    test=0,
    train_tasks={"t": 5},
    test_tasks={},
    dropped={},
    first_dropped=[],
    fingerprint="",
    suite="humansense",
)
LOG = LogSummary(steps=3, seconds=2.0, tokens=100.0, curves={})


def card(*overrides, adapter="final", method="grpo"):
    recipe = read_recipe("tiny", ["stages=[]", f"method={method}", "seed=7", *overrides])
    summary = RunSummary(method=method, log=LOG, data=DATA, comparison=None)
    return render_model_card(recipe, summary, Candidate("trained", recipe.policy, adapter))


def test_a_card_names_seed_learning_rate_and_base_model(tmp_path):
    text = card("policy=smollm2-135m-instruct")
    assert "base_model: smollm2-135m-instruct" in text
    assert "Seed 7, learning rate 0.001." in text
    assert "not compared with its base" in text
    (tmp_path / "my-model").mkdir()
    (tmp_path / "my-model" / "config.json").write_text("{}")
    named = card(f"policy={tmp_path / 'my-model'}", f"adapter={tmp_path / 'start'}")
    assert "base_model: my-model" in named
    assert "from my-model" in named
    assert "the adapter" in named


def test_a_learning_rate_that_no_recipe_gives_is_the_trainers_own():
    text = card("policy=smollm2-135m-instruct", "trainer={max_steps: 1}")
    assert "learning rate 1e-06." in text


def test_the_time_that_is_left():
    assert time_left(10.0, 0, 100) == ""
    assert time_left(60.0, 2, 130) == ", about 1:05:00 left"
