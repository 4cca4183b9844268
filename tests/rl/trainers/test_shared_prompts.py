"""Completions that share their prompt in a row: the same log-probabilities, gradients and steps as a row for each."""

import copy

import pytest
import torch

from omnisense.reasoning.policies.loading import load_model
from omnisense.rl.trainers.full_forward import unwrap_model
from omnisense.rl.trainers.shared_prompts import group_by_prompt
from omnisense.rl.trainers.weights import TrainableWeights
from omnisense.testing.tiny_models import tiny_audio, tiny_omni3, tiny_vlm
from tests.rl.conftest import by_length, state_of, trainer_on

pytestmark = pytest.mark.networks

COMPLETIONS = [[65, 66, 67, 256], [70, 71], [80, 81, 82], [90], [97, 98, 99, 100], [65, 66]]


def score(trainer, kinds, prompts, share, grad=False):
    """Log-probabilities and entropies, (rows, longest completion), of completions of these kinds of prompt."""
    trainer._share_prompts = share
    encoded = {kind: trainer._encoder.encode(prompts[kind])[0] for kind in dict.fromkeys(kinds)}
    trainer._encoded = [encoded[kind] for kind in kinds]
    pad = trainer._tokenizer.pad_token_id
    given = COMPLETIONS[: len(kinds)]
    longest, width = max(map(len, given)), max(row.length for row in trainer._encoded)
    ids, mask = [], []
    for row, completion in zip(trainer._encoded, given, strict=True):
        left, right = width - row.length, longest - len(completion)
        ids.append([pad] * left + row.inputs["input_ids"][0].tolist() + completion + [pad] * right)
        mask.append([0] * left + [1] * (row.length + len(completion)) + [0] * right)
    with torch.set_grad_enabled(grad):
        logps, entropies, _ = trainer._get_per_token_logps_and_entropies(
            trainer.model, torch.tensor(ids), torch.tensor(mask), longest, compute_entropy=True
        )
    real = torch.tensor(mask)[:, -longest:]
    return logps * real, entropies * real


KINDS = ["both", "video", "both", "text", "both", "audio"]


@pytest.fixture(scope="module")
def trainer(tiny, prompts, tmp_path_factory):
    return trainer_on(tiny, tmp_path_factory.mktemp("run"), prompts[0].values())


@pytest.mark.parametrize("kinds", [["text"] * 3, ["image"] * 3, ["video"] * 3, ["audio"] * 3, ["both"] * 3, KINDS])
def test_shared_prompts_give_the_same_log_probs(trainer, prompts, kinds):
    alone, entropy_alone = score(trainer, kinds, prompts[0], share=False)
    shared, entropy_shared = score(trainer, kinds, prompts[0], share=True)
    assert torch.allclose(alone, shared, atol=1e-5)
    assert torch.allclose(entropy_alone, entropy_shared, atol=1e-5)


def test_a_completion_does_not_see_its_neighbours(trainer, prompts):
    first, _ = score(trainer, ["both", "both"], prompts[0], share=True)
    more, _ = score(trainer, ["both", "both", "both"], prompts[0], share=True)
    assert torch.allclose(first, more[:2, : first.shape[1]], atol=1e-5)


def test_media_are_computed_once_for_a_group(trainer, prompts):
    seen = []
    hook = unwrap_model(trainer.model).visual.register_forward_pre_hook(lambda _, args: seen.append(len(args[0])))
    score(trainer, ["video"] * 4, prompts[0], share=True)
    score(trainer, ["video"] * 4, prompts[0], share=False)
    hook.remove()
    assert seen[1] == 4 * seen[0]


def test_gradients_are_the_same(tiny, prompts, tmp_path):
    gradients = []
    for share in (False, True):
        trainer = trainer_on(tiny, tmp_path / str(share), prompts[0].values())
        trainer.model.zero_grad()
        (score(trainer, KINDS, prompts[0], share, grad=True)[0] * torch.arange(1, 7)[:, None]).sum().backward()
        gradients.append({n: p.grad for n, p in trainer.model.named_parameters() if p.grad is not None})
    assert gradients[0].keys() == gradients[1].keys()
    assert any("visual." in name for name in gradients[0])
    for name, gradient in gradients[0].items():
        assert torch.allclose(gradient, gradients[1][name], atol=1e-4, rtol=1e-4), name


@pytest.mark.parametrize("make", [tiny_vlm, tiny_audio, tiny_omni3])
def test_other_families_share_too(make, prompts, tmp_path):
    folder = make(tmp_path / "model")
    encoder = load_model(folder)[1]
    kinds = [k for k in ("video", "audio", "image", "text") if k in encoder.family.modalities]
    together = encoder.family.batches_media
    size = {} if together else {"per_device_train_batch_size": 1, "gradient_accumulation_steps": 4}
    trainer = trainer_on(folder, tmp_path / "run", [prompts[0][kind] for kind in kinds], by_length, **size)
    rows = [kind for kind in (kinds if together else ["text"]) for _ in range(2)][:6]
    alone, _ = score(trainer, rows, prompts[0], share=False)
    shared, _ = score(trainer, rows, prompts[0], share=True)
    assert torch.allclose(alone, shared, atol=1e-5)


@pytest.mark.parametrize("how", ["eager", "text model", "adapter", "checkpointing"])
def test_other_settings_share_too(how, tiny, tiny_llm, prompts, tmp_path):
    folder = tiny_llm if how == "text model" else tiny
    kinds = ["text"] * 3 if how == "text model" else ["both", "video", "both"]
    more = {"lora": TrainableWeights(r=4)} if how == "adapter" else {}
    more |= {"gradient_checkpointing": True} if how == "checkpointing" else {}
    trainer = trainer_on(folder, tmp_path, [prompts[0][kind] for kind in kinds], **more)
    if how == "eager":
        unwrap_model(trainer.model).set_attn_implementation("eager")
    alone, _ = score(trainer, kinds, prompts[0], share=False)
    shared, _ = score(trainer, kinds, prompts[0], share=True)
    assert torch.allclose(alone, shared, atol=1e-5)


def test_a_run_trains_to_the_same_weights(tiny, prompts, tmp_path):
    states = []
    for share in (False, True):
        rows = [prompts[0]["both"], prompts[0]["text"], prompts[1]["video"], prompts[0]["audio"]]
        settings = {"gradient_accumulation_steps": 4, "max_steps": 2, "optim": "sgd", "learning_rate": 0.05}
        trainer = trainer_on(tiny, tmp_path / str(share), rows, loss_type="grpo", max_grad_norm=0.0, **settings)
        trainer._share_prompts = share
        trainer._generate_single_turn = lambda ids, *_: (
            [[65 + i % 4] * (2 + i % 4) + [256] for i in range(len(ids))],
            None,
        )
        before = state_of(trainer)
        trainer.train()
        states.append(state_of(trainer))
        assert any(not torch.equal(before[name], states[-1][name]) for name in before)
    assert max(float((states[0][name] - states[1][name]).abs().max()) for name in states[0]) < 1e-4


def test_completions_of_a_prompt_come_side_by_side():
    a, b = object(), object()
    batches = [
        {"encoded": [a, b], "ids": torch.tensor([[1], [2]]), "items": torch.tensor(4), "none": None},
        {"encoded": [b, a], "ids": torch.tensor([[3], [4]]), "items": torch.tensor(4), "none": None},
    ]
    first, second = group_by_prompt(copy.copy(batches), "encoded")
    assert first["encoded"] == [a, a]
    assert first["ids"].tolist() == [[1], [4]]
    assert second["encoded"] == [b, b]
    assert second["ids"].tolist() == [[2], [3]]
    assert (int(first["items"]), first["none"]) == (4, None)
