"""Training of choices: the loss is over the scores that ``choose`` compares, and teaches it."""

import json
import shutil

import pytest
import torch
from datasets import Dataset
from transformers import TrainingArguments

from omnisense.errors import InputError
from omnisense.reasoning.policies.loading import load_model
from omnisense.reasoning.policies.messages import message
from omnisense.reasoning.policies.transformers import TransformersPolicy
from omnisense.rl.data.agent_rows import AgentRow, MeasuredChannel, write_agent_rows
from omnisense.rl.recipe import read_recipe
from omnisense.rl.train import train
from omnisense.rl.trainers.choice import ChoiceTrainer
from omnisense.rl.trainers.prompt_prefetch import dump_prompt
from omnisense.rl.trainers.weights import TrainableWeights, language_layers

pytestmark = pytest.mark.networks

OPTIONS = ["joy", "deep sadness", "fear"]
WORDS = {"joy": "sun cake", "deep sadness": "rain grave", "fear": "dark wolf"}


def asked(text):
    return [message("user", f"They said: {text}. What is felt? {'; '.join(OPTIONS)}")]


def trainer(folder, model, encoder, rows, **settings):
    args = TrainingArguments(
        output_dir=str(folder), use_cpu=True, report_to=[], save_strategy="no", disable_tqdm=True, **settings
    )
    return ChoiceTrainer(model, encoder, args, Dataset.from_list(rows), threads=1)


def row(text, target):
    return {"prompt": dump_prompt(asked(text)), "options": OPTIONS, "target": target}


def test_loss_is_over_the_scores_that_choose_compares(tiny_llm, tmp_path):
    texts = ["sun", "rain and a long evening", "wolf"]
    policy = TransformersPolicy(tiny_llm, dtype="float32")
    chosen = policy.choose([asked(text) for text in texts], [OPTIONS] * 3)
    model, encoder = load_model(tiny_llm, "float32")
    targets = [[1.0, 0, 0], [0, 0.5, 0.5], [1 / 3] * 3]
    rows = [row(text, target) for text, target in zip(texts, targets, strict=True)]
    training = trainer(tmp_path, model, encoder, rows)
    loss = training.compute_loss(training.model, training._collate(rows))
    wanted = [
        -sum(t * torch.tensor(p).log() for t, p in zip(target, choice.probabilities, strict=True))
        for target, choice in zip(targets, chosen, strict=True)
    ]
    assert loss.item() == pytest.approx(sum(wanted).item() / 3, abs=1e-5)


def test_only_layers_from_the_first_on_are_trained(tiny_llm):
    model = TrainableWeights(first_layer=1, r=4).apply(load_model(tiny_llm, "float32")[0])
    trained = [name for name, p in model.named_parameters() if p.requires_grad]
    assert trained
    assert all(".layers.1." in name for name in trained)
    model = TrainableWeights(train="full", first_layer=1).apply(load_model(tiny_llm, "float32")[0])
    frozen = {name for name, p in model.named_parameters() if not p.requires_grad}
    assert "model.embed_tokens.weight" in frozen
    assert any(".layers.0." in name for name in frozen)
    assert not any(".layers.1." in name for name in frozen)


def test_a_pattern_from_layer_10_on_leaves_layer_1_out():
    import re

    names = [f"model.layers.{n}.self_attn.q_proj" for n in (0, 1, 9, 10, 11, 29)]
    assert [bool(re.fullmatch(language_layers(10), name)) for name in names] == [False] * 3 + [True] * 3


def agent_rows(count):
    made = []
    for i in range(count):
        gold = OPTIONS[i % 3]
        made.append(
            AgentRow(
                id=f"r{i}", group=f"g{i}", task="comments: emotion", decision="emotion", verb="choose",
                prompt=dump_prompt(asked(f"{WORDS[gold]} {i}")), options=OPTIONS, gold=[gold],
                neutral=dump_prompt(asked("N/A")),
                measured={"words": MeasuredChannel(reliability=1, probabilities=dict.fromkeys(OPTIONS, 1 / 3))},
            )
        )  # fmt: skip
    made.append(made[0].model_copy(update={"id": "reply", "verb": "write", "options": [], "gold": []}))
    return made


@pytest.fixture
def recipe(tiny_llm, tmp_path):
    write_agent_rows(agent_rows(300), tmp_path / "rows.jsonl")

    def make(*changes):
        quick = [
            f"policy={tiny_llm}", f"data.files=[{tmp_path / 'rows.jsonl'}]", "weights={train: full}",
            "data.test_fraction=0.3",
            "trainer={learning_rate: 1e-2, per_device_train_batch_size: 16, max_steps: 48, save_steps: 16}",
        ]  # fmt: skip
        return read_recipe("smollm2-choice", [*quick, *changes], "choice")

    return make


def test_a_run_teaches_policy_and_agent_on_held_out_groups_and_resumes(recipe, tmp_path):
    whole = train(recipe("evaluation.run=false"), tmp_path / "whole").split
    assert whole.dropped == {"no right option is known": 1}
    assert not {r.group for r in whole.train} & {r.group for r in whole.test}
    final = {p.name: p.read_bytes() for p in (tmp_path / "whole/final").glob("*.safetensors")}
    shutil.rmtree(tmp_path / "whole/checkpoints/checkpoint-48")
    shutil.rmtree(tmp_path / "whole/final")
    (tmp_path / "whole/result.json").unlink()
    summary = train(recipe(), tmp_path / "whole").summary  # goes on from step 32
    assert final == {p.name: p.read_bytes() for p in (tmp_path / "whole/final").glob("*.safetensors")}
    gain, agent = summary.comparison.pairs
    assert (gain.second, agent.second) == ("trained", "agent, trained")
    assert gain.difference.low > 0
    assert agent.difference.mean > 0.1
    profile = json.loads((tmp_path / "whole/final/profile.json").read_text())
    assert profile["weights"]["emotion"]["policy"] > 0.3
    table = (tmp_path / "whole/comparison/choices.md").read_text()
    assert "comments: emotion" in table
    assert "agent, trained" in table
    assert "## Evaluation" in (tmp_path / "whole/final/README.md").read_text()


def test_rows_that_are_no_rows_are_named(recipe, tmp_path):
    (tmp_path / "bad.jsonl").write_text('{"id": "x"}\n')
    with pytest.raises(InputError, match="line 1 is no row of the agent"):
        train(recipe(f"data.files=[{tmp_path / 'bad.jsonl'}]"), tmp_path / "bad")
