"""Generation from one reading of a prompt, and towers that run once: the same completions and weights."""

import pytest
import torch

from omnisense.reasoning.policies.loading import load_model
from omnisense.rl.trainers.full_forward import unwrap_model
from omnisense.rl.trainers.prompt_prefetch import dump_prompt
from omnisense.rl.trainers.weights import TrainableWeights
from omnisense.testing.tiny_models import tiny_audio, tiny_omni3, tiny_vlm
from tests.rl.conftest import by_length, state_of, trainer_on

pytestmark = pytest.mark.networks

LORA = TrainableWeights(r=4)


def generate(trainer, prompts, share=True, seed=0):
    trainer._share_prompts = share
    trainer.model.eval()
    torch.manual_seed(seed)
    made = trainer._generate_and_score_completions([{"prompt": dump_prompt(prompt)} for prompt in prompts])
    masks = made["completion_mask"].bool()
    return [row[mask].tolist() for row, mask in zip(made["completion_ids"], masks, strict=True)]


def group(prompts, *kinds):
    return [prompts[0][kind] for kind in kinds for _ in range(4)]


@pytest.fixture(scope="module")
def trainer(tiny, prompts, tmp_path_factory):
    return trainer_on(tiny, tmp_path_factory.mktemp("run"), prompts[0].values(), lora=LORA)


@pytest.mark.parametrize("kinds", [["text"], ["image"], ["video"], ["audio"], ["both", "video", "text", "audio"]])
def test_a_prompt_that_is_read_once_gets_the_same_completions(trainer, prompts, kinds):
    rows = group(prompts, *kinds)
    shared = generate(trainer, rows)
    assert shared == generate(trainer, rows, share=False)
    assert len({tuple(ids) for ids in shared}) > 1


@pytest.mark.parametrize("make", [tiny_vlm, tiny_audio, tiny_omni3])
def test_other_families_too(make, prompts, tmp_path):
    folder = make(tmp_path / "model")
    family = load_model(folder)[1].family
    kinds = [kind for kind in ("video", "audio", "image", "text") if kind in family.modalities]
    size = {} if family.batches_media else {"per_device_train_batch_size": 1, "gradient_accumulation_steps": 4}
    trainer = trainer_on(folder, tmp_path / "run", [prompts[0][kind] for kind in kinds], by_length, **size)
    rows = group(prompts, *kinds)
    if family.batches_media:
        assert generate(trainer, rows) == generate(trainer, rows, share=False)
    else:  # one row at a time otherwise, with other random numbers
        trainer.generation_config.do_sample = False
        trainer.generation_kwargs["do_sample"] = False
        assert generate(trainer, rows) == generate(trainer, rows, share=False)


def test_a_text_model_too(tiny_llm, prompts, tmp_path):
    trainer = trainer_on(tiny_llm, tmp_path, [prompts[0]["text"]])
    rows = group(prompts, "text") + [prompts[1]["text"]] * 4
    assert generate(trainer, rows) == generate(trainer, rows, share=False)


def test_a_prompt_is_read_once_and_logits_are_of_the_last_position(trainer, prompts):
    read, headed = [], []
    inner = unwrap_model(trainer.model)
    hooks = [
        inner.get_input_embeddings().register_forward_pre_hook(lambda _, args: read.append(args[0].numel())),
        inner.lm_head.register_forward_hook(lambda _, args, out: headed.append(out.shape[1])),
    ]
    tokens = {}
    for share in (True, False):
        read.clear()
        generate(trainer, group(prompts, "both"), share)
        tokens[share] = sum(read)
    for hook in hooks:
        hook.remove()
    assert tokens[True] < tokens[False] / 2
    assert set(headed) <= {0, 1}  # none where completions are scored by our own head


def test_a_limit_of_completions_at_once(trainer, prompts):
    sizes = []
    hook = unwrap_model(trainer.model).lm_head.register_forward_hook(lambda _, args, out: sizes.append(out.shape[0]))
    trainer._generate_at_once = 8
    made = generate(trainer, group(prompts, "both", "video", "text"))
    hook.remove()
    trainer._generate_at_once = None
    assert len(made) == 12
    assert max(sizes) == 8
    trainer.generation_config.do_sample, trainer.generation_kwargs["do_sample"] = False, False
    whole = generate(trainer, group(prompts, "both", "video", "text"))
    trainer._generate_at_once = 4
    assert generate(trainer, group(prompts, "both", "video", "text")) == whole
    trainer.generation_config.do_sample, trainer.generation_kwargs["do_sample"] = True, True
    trainer._generate_at_once = None


@pytest.mark.parametrize("full", [False, True], ids=["adapter", "with a reference model"])
def test_frozen_towers_run_once_a_round_and_train_to_the_same_weights(tiny, prompts, tmp_path, full):
    rows = [prompts[0]["both"], prompts[1]["video"], prompts[0]["audio"], prompts[1]["image"]]
    ends, calls = [], []
    for share in (False, True):
        torch.manual_seed(0)  # of the adapter
        trainer = trainer_on(
            tiny, tmp_path / str(share), rows, by_length, TrainableWeights(train="full") if full else LORA,
            beta=0.1, num_iterations=2, max_steps=4, optim="sgd", learning_rate=0.01, max_grad_norm=0.0,
            gradient_checkpointing=share, per_device_train_batch_size=8, reference=full,
        )  # fmt: skip
        if not share:
            trainer._share_prompts, trainer._towers = False, None
        runs = []
        inner = unwrap_model(trainer.model)
        for tower in (inner.visual, inner.audio_tower):
            tower.register_forward_pre_hook(lambda *_, runs=runs: runs.append(1))
        trainer.train()
        ends.append(state_of(trainer))
        calls.append(len(runs))
    assert calls[1] < calls[0] / 2
    assert calls[1] <= 2 * 2 * 2  # two rounds of two prompts, each with at most one video and its sound
    assert max(float((ends[0][name] - ends[1][name]).abs().max()) for name in ends[0]) < 1e-4


def test_trained_towers_run_every_time(tiny, prompts, tmp_path):
    trainer = trainer_on(tiny, tmp_path, [prompts[0]["both"]], lora=TrainableWeights(r=4, towers=True))
    assert trainer._towers is None
