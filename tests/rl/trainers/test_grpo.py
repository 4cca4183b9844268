"""The trainer: the same numbers as a plain forward, the same run after a break, the same on two processes."""

import copy
import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from datasets import Dataset
from peft import LoraConfig
from trl import GRPOConfig

from omnisense.errors import InputError, MediaError
from omnisense.reasoning.policies.batching import collate
from omnisense.reasoning.policies.loading import load_model
from omnisense.rl.trainers.full_forward import unwrap_model
from omnisense.rl.trainers.grpo import OmniGRPOTrainer
from omnisense.rl.trainers.prompt_prefetch import PromptPrefetcher, dump_prompt, load_prompt
from omnisense.rl.trainers.weights import TrainableWeights, language_layers
from omnisense.testing.tiny_models import tiny_audio, tiny_omni3, tiny_vlm
from tests.rl.conftest import by_length, logged, state_of, trainer_on

pytestmark = pytest.mark.networks

LORA = LoraConfig(r=4, lora_alpha=8, target_modules=language_layers())
COMPLETIONS = [[65, 66, 67, 256], [70, 71], [80, 81, 82], [90], [97, 98, 99, 100]]


def trained_path(trainer, rows, batch_size=None, grad=False):
    """Log-probabilities (rows, longest completion) by the trainer's own path, as TRL lays a batch out."""
    pad = trainer._tokenizer.pad_token_id
    trainer._encoded = [trainer._encoder.encode(prompt)[0] for prompt in rows]
    prompt = collate(trainer._encoded, pad)
    longest = max(map(len, COMPLETIONS[: len(rows)]))
    done = torch.tensor([c + [pad] * (longest - len(c)) for c in COMPLETIONS[: len(rows)]])
    real = torch.tensor([[1] * len(c) + [0] * (longest - len(c)) for c in COMPLETIONS[: len(rows)]])
    with torch.set_grad_enabled(grad):
        logps, entropies, _ = trainer._get_per_token_logps_and_entropies(
            trainer.model,
            torch.cat([prompt["input_ids"], done], 1),
            torch.cat([prompt["attention_mask"], real], 1),
            longest,
            batch_size=batch_size,
            compute_entropy=True,
        )
    return logps * real, entropies * real


def plain_forward(model, encoder, prompt, completion):
    """The same by a forward over one row, with all logits."""
    row = encoder.encode(prompt)[0]
    ids = torch.cat([row.inputs["input_ids"], torch.tensor([completion])], 1)
    extra = {}
    if "mm_token_type_ids" in row.inputs:
        kinds = row.inputs["mm_token_type_ids"]
        extra["mm_token_type_ids"] = torch.cat([kinds, kinds.new_zeros(1, len(completion))], 1)
    media = {k: v for k, v in row.inputs.items() if k not in ("input_ids", "attention_mask", "mm_token_type_ids")}
    logits = model(input_ids=ids, attention_mask=torch.ones_like(ids), **media, **extra, use_cache=False).logits[0]
    logps = torch.log_softmax(logits.float(), -1)
    start = row.length - 1
    chosen = logps[range(start, start + len(completion)), completion]
    entropy = -(logps.exp() * logps).sum(-1)[start : start + len(completion)]
    return chosen, entropy


@pytest.fixture(scope="module")
def trainer(tiny, prompts, tmp_path_factory):
    return trainer_on(tiny, tmp_path_factory.mktemp("run"), prompts[0].values())


@pytest.mark.parametrize("kinds", [["text"], ["image"], ["video"], ["audio"], ["both"],
                                   ["video", "both", "audio", "text", "image"]])  # fmt: skip
@pytest.mark.parametrize("batch_size", [None, 2])
def test_log_probs_equal_a_plain_forward(trainer, tiny, prompts, kinds, batch_size):
    rows = [prompts[0][kind] for kind in kinds]
    logps, entropies = trained_path(trainer, rows, batch_size)
    model, encoder = load_model(tiny, "float32")
    for i, prompt in enumerate(rows):
        with torch.no_grad():
            expected, entropy = plain_forward(model, encoder, prompt, COMPLETIONS[i])
        assert torch.allclose(logps[i, : len(expected)], expected, atol=1e-4)
        assert torch.allclose(entropies[i, : len(expected)], entropy, atol=1e-4)


@pytest.mark.parametrize("kind", ["image", "video", "audio", "both"])
def test_other_media_change_the_log_probs(trainer, prompts, kind):
    first, _ = trained_path(trainer, [prompts[0][kind]])
    second, _ = trained_path(trainer, [prompts[1][kind]])
    assert (first - second).abs().max() > 1e-3


def test_gradients_equal_those_of_a_plain_forward(tiny, prompts, tmp_path):
    trainer = trainer_on(tiny, tmp_path, prompts[0].values())
    rows = list(prompts[0].values())
    trainer.model.zero_grad()
    trained_path(trainer, rows, grad=True)[0].sum().backward()
    model, encoder = load_model(tiny, "float32")
    sum(plain_forward(model, encoder, p, c)[0].sum() for p, c in zip(rows, COMPLETIONS, strict=True)).backward()
    found = dict(trainer.model.named_parameters())
    with_gradient = 0
    for name, parameter in model.named_parameters():
        if parameter.grad is not None:
            with_gradient += 1
            assert torch.allclose(found[name].grad, parameter.grad, atol=1e-3, rtol=1e-3), name
    reached = " ".join(name for name, p in model.named_parameters() if p.grad is not None)
    assert all(part in reached for part in ("visual.", "audio_tower.", "layers.1.mlp"))
    assert with_gradient > 40


def test_logits_are_made_for_the_completion_alone(trainer, prompts, monkeypatch):
    seen = []
    head = unwrap_model(trainer.model).get_output_embeddings()
    hook = head.register_forward_hook(lambda _, args, output: seen.append(output.shape[1]))
    trained_path(trainer, [prompts[0]["video"], prompts[0]["text"]])
    hook.remove()
    assert seen == [0]


@pytest.mark.parametrize("make", [tiny_vlm, tiny_audio, tiny_omni3])
def test_other_families_too(make, prompts, tmp_path):
    folder = make(tmp_path / "model")
    encoder = load_model(folder)[1]
    kinds = [k for k in ("video", "audio", "image", "text") if k in encoder.family.modalities]
    rows = [prompts[0][kind] for kind in kinds]
    together = encoder.family.batches_media
    size = {} if together else {"per_device_train_batch_size": 1, "gradient_accumulation_steps": 4}
    trainer = trainer_on(folder, tmp_path / "run", rows, by_length, max_steps=2, **size)
    logps, _ = trained_path(trainer, rows, None if together else 1)
    model, encoder = load_model(folder, "float32")
    for i, prompt in enumerate(rows):
        with torch.no_grad():
            expected, _ = plain_forward(model, encoder, prompt, COMPLETIONS[i])
        assert torch.allclose(logps[i, : len(expected)], expected, atol=1e-4)
    before = state_of(trainer)
    trainer.train()
    assert any(not torch.equal(before[name], value) for name, value in trainer.model.state_dict().items())


def test_a_text_model_too(tiny_llm, prompts, tmp_path):
    trainer = trainer_on(tiny_llm, tmp_path, [p["text"] for p in prompts], by_length)
    logps, _ = trained_path(trainer, [p["text"] for p in prompts])
    model, encoder = load_model(tiny_llm, "float32")
    with torch.no_grad():
        assert torch.allclose(
            logps[1, :2], plain_forward(model, encoder, prompts[1]["text"], COMPLETIONS[1])[0], atol=1e-4
        )
    trainer.train()
    assert trainer.state.global_step == 3


# --- media ------------------------------------------------------------------------------------------------------------


def test_media_are_encoded_once_a_group(tiny, prompts, tmp_path):
    rows = [prompts[0]["both"], prompts[1]["video"]]
    trainer = trainer_on(
        tiny, tmp_path, rows, num_generations=8, per_device_train_batch_size=8, gradient_accumulation_steps=2,
        num_iterations=2, max_steps=4,
    )  # fmt: skip
    trainer.train()
    # Two rounds of generation over both rows, and the batch that the loader holds ready.
    assert trainer.prefetcher.num_encoded <= 6
    assert logged(trainer, "encoding/wait_s")


def test_a_prompt_is_written_and_read(prompts):
    for prompt in prompts[0].values():
        assert load_prompt(dump_prompt(prompt)) == prompt


def test_a_clip_that_vanishes_stops_the_run_and_is_named(tiny, tmp_path):
    gone = [{"role": "user", "content": [{"type": "video", "path": str(tmp_path / "gone.mp4")}]}]
    with pytest.raises(MediaError, match=r"gone\.mp4"):
        trainer_on(tiny, tmp_path, [gone]).train()


def test_what_is_expected_is_not_encoded_again(trainer, prompts):
    prefetcher = PromptPrefetcher(trainer._encoder, 2)
    rows = [dump_prompt(prompts[0]["video"])] * 4 + [dump_prompt(prompts[0]["text"])] * 4
    prefetcher.prefetch(rows)
    prefetcher.prefetch(rows)
    first = prefetcher.take(rows)
    assert prefetcher.num_encoded == 2
    assert first[0] is first[3]
    prefetcher.prefetch(rows)  # TRL hands the same batch out for its next update
    assert prefetcher.num_encoded == 2
    assert prefetcher.take(rows[4:])[0].prompt.length == first[4].prompt.length


# --- runs -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("beta", "lora"),
    [
        pytest.param(0.1, True, id="0.1-lora"),
        *(pytest.param(b, lo, marks=pytest.mark.slow) for b, lo in [(0.0, True), (0.0, False), (0.1, False)]),
    ],
)
def test_a_run_that_is_resumed_ends_bit_for_bit_the_same(tiny, prompts, tmp_path, lora, beta):
    def start(name):
        return trainer_on(
            tiny, tmp_path / name, list(prompts[0].values())[2:], by_length, copy.deepcopy(LORA) if lora else None,
            beta=beta, max_steps=8, save_strategy="steps", save_steps=2, per_device_train_batch_size=4,
        )  # fmt: skip

    whole = start("whole")
    whole.train()
    # Three prompts, one a step: the fourth step is in the second epoch.
    for step in (2, 4):
        resumed = start(f"resumed{step}")
        resumed.train(resume_from_checkpoint=str(tmp_path / "whole" / f"checkpoint-{step}"))
        for name, value in state_of(whole).items():
            assert torch.equal(value, resumed.model.state_dict()[name]), name
        assert logged(resumed, "reward")[step:] == logged(whole, "reward")[step:]
        assert len(logged(resumed, "reward")) == 8
    if beta:
        assert logged(whole, "kl")[0] == 0.0
        assert logged(whole, "kl")[-1] > 0.0


def test_gradient_checkpointing_changes_nothing(tiny, prompts, tmp_path):
    ends = []
    for checkpointing in (False, True):
        trainer = trainer_on(tiny, tmp_path, [prompts[0]["both"]], gradient_checkpointing=checkpointing, max_steps=2)
        trainer.train()
        ends.append(state_of(trainer))
    assert all(torch.allclose(ends[0][name], ends[1][name], atol=1e-5) for name in ends[0])


@pytest.mark.parametrize("lora", [None, LORA], ids=["full", "lora"])
def test_mixed_precision_keeps_the_media(tiny, prompts, tmp_path, lora):
    rows = [prompts[0][kind] for kind in ("both", "video", "audio")]
    trainer = trainer_on(
        tiny, tmp_path, rows, by_length, copy.deepcopy(lora), bf16=True, beta=0.1, learning_rate=0.0, max_steps=2
    )
    trainer.train()
    assert logged(trainer, "kl") == [0.0, 0.0]
    logps, _ = trained_path(trainer, rows)
    model, encoder = load_model(tiny, "float32")
    for i, prompt in enumerate(rows):
        with torch.no_grad():
            expected, _ = plain_forward(model, encoder, prompt, COMPLETIONS[i])
        assert torch.allclose(logps[i, : len(expected)], expected, atol=0.15)
    others, _ = trained_path(trainer, [prompts[1][kind] for kind in ("both", "video", "audio")])
    assert ((logps - others).abs().max(1).values > 0.02).all()  # exactly zero, were the media lost


def test_media_tokens_are_never_written(tiny, prompts, tmp_path):
    trainer = trainer_on(tiny, tmp_path, [prompts[0]["both"]])
    media = {trainer._tokenizer.convert_tokens_to_ids(t) for t in ("<|IMAGE|>", "<|VIDEO|>", "<|AUDIO|>")}
    head = unwrap_model(trainer.model).get_output_embeddings()
    with torch.no_grad():  # make them all but certain
        head.weight[sorted(media)] *= 50
    rows = [{"prompt": dump_prompt(prompts[0]["both"])}] * 4
    trainer.model.eval()
    assert not media & set(trainer._generate_and_score_completions(rows)["completion_ids"].flatten().tolist())


_TWO = """
import sys, torch
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from omnisense.rl.trainers.prompt_prefetch import load_prompt
from tests.rl.conftest import by_position, state_of, trainer_on
folder, output, size = Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4])
prompts = [load_prompt(line) for line in Path(sys.argv[5]).read_text().splitlines()]
trainer = trainer_on(folder, output, prompts, per_device_train_batch_size=size, max_steps=3, optim="sgd",
                     learning_rate=0.01, beta=0.05, max_grad_norm=0.0)
trainer._generate_single_turn = lambda ids, *_: ([[65 + i % 4] * (2 + i % 4) + [256] for i in range(len(ids))], None)
trainer.train()
if trainer.accelerator.is_main_process:
    torch.save(state_of(trainer), output / "state.pt")
"""


@pytest.mark.slow
def test_two_processes_agree_with_one(tiny, prompts, tmp_path):
    (tmp_path / "prompts.jsonl").write_text("\n".join(map(dump_prompt, prompts[0].values())))
    (tmp_path / "two.py").write_text(_TWO)
    for processes, size in ((1, 8), (2, 4)):
        (tmp_path / str(processes)).mkdir()
        command = [sys.executable, "-m", "torch.distributed.run", f"--nproc-per-node={processes}", "--standalone"]
        given = [os.getcwd(), tiny, tmp_path / str(processes), size, tmp_path / "prompts.jsonl"]
        done = subprocess.run(
            [*command, str(tmp_path / "two.py"), *map(str, given)], capture_output=True, text=True, timeout=280,
            env=os.environ | {"OMP_NUM_THREADS": "1"}, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-3000:]
    one, two = (torch.load(tmp_path / str(n) / "state.pt") for n in (1, 2))
    start = load_model(tiny, "float32")[0].state_dict()
    assert max(float((one[name] - start[name]).abs().max()) for name in start) > 1e-3
    worst = max(float((one[name] - two[name]).abs().max()) for name in one)
    assert worst < 1e-5


# --- settings that would train on something else ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "cause"),
    [
        ({"use_vllm": True}, "vLLM"),
        ({"use_transformers_continuous_batching": True}, "without its media"),
        ({"cast_lm_head_to_fp32": True}, "no effect"),
        ({"sync_ref_model": True}, "sync_ref_model"),
        ({"pad_to_multiple_of": 8}, "pad_to_multiple_of"),
        ({"dataloader_num_workers": 1}, "dataloader_num_workers"),
        ({"eval_strategy": "steps", "eval_steps": 1}, "evaluation during training"),
    ],
)
def test_settings_that_would_not_do_what_they_say_are_refused(tiny, prompts, tmp_path, settings, cause):
    with pytest.raises(InputError, match=cause):
        trainer_on(tiny, tmp_path, [prompts[0]["video"]], **settings)


@pytest.mark.parametrize("name", ["rollout_func", "tools", "environment_factory", "eval_dataset"])
def test_arguments_that_would_bypass_our_prompts_are_refused(tiny, prompts, tmp_path, name):
    trainer = trainer_on(tiny, tmp_path, [prompts[0]["text"]])
    rest = trainer._encoder, by_length, trainer.args, trainer.train_dataset
    with pytest.raises(InputError, match=r"without their media|during training"):
        OmniGRPOTrainer(trainer.model, *rest, **{name: trainer.train_dataset})


def test_the_callers_arguments_stay_as_they_are(tiny, prompts, tmp_path):
    model, encoder = load_model(tiny, "float32")
    args = GRPOConfig(str(tmp_path), per_device_train_batch_size=4, num_generations=4, use_cpu=True, bf16=False)
    before = args.to_dict()
    data = Dataset.from_list([{"prompt": dump_prompt(prompts[0]["text"])}])
    OmniGRPOTrainer(model, encoder, by_length, args, data)
    assert args.to_dict() == before


def test_half_precision_weights_are_not_trained_whole(tiny, prompts, tmp_path):
    model, encoder = load_model(tiny, "bfloat16")
    args = GRPOConfig(str(tmp_path), per_device_train_batch_size=4, num_generations=4, use_cpu=True, bf16=False)
    data = Dataset.from_list([{"prompt": dump_prompt(prompts[0]["text"])}])
    with pytest.raises(InputError, match="half precision"):
        OmniGRPOTrainer(model, encoder, by_length, args, data)
    OmniGRPOTrainer(TrainableWeights().apply(model), encoder, by_length, args, data)  # an adapter is float32


def test_an_adapter_under_zero3_has_the_type_of_its_weights(tiny, tmp_path, monkeypatch):
    TrainableWeights().apply(load_model(tiny, "bfloat16")[0]).save_pretrained(tmp_path)
    monkeypatch.setattr("transformers.integrations.is_deepspeed_zero3_enabled", lambda: True)
    for start in (None, str(tmp_path)):  # a new adapter, and training that goes on from one
        model = TrainableWeights().apply(load_model(tiny, "bfloat16")[0], start)
        assert {p.dtype for p in model.parameters() if p.requires_grad} == {torch.bfloat16}, start


def test_the_implementation_of_attention_is_a_setting(tiny):
    assert load_model(tiny, attention="eager")[0].config._attn_implementation == "eager"
    assert load_model(tiny, attention="sdpa")[0].config._attn_implementation == "sdpa"


def test_beta_without_the_model_as_it_was_is_refused(tiny, prompts, tmp_path):
    trainer = trainer_on(tiny, tmp_path, [prompts[0]["text"]])
    trainer.args.beta = 0.1
    with pytest.raises(InputError, match="beta"):
        OmniGRPOTrainer(trainer.model, trainer._encoder, by_length, trainer.args, trainer.train_dataset)


def test_lora_goes_on_the_language_layers_alone(tiny, tmp_path):
    import re

    for folder in (tiny, tiny_vlm(tmp_path / "vlm"), tiny_audio(tmp_path / "audio"), tiny_omni3(tmp_path / "omni3")):
        model = load_model(folder)[0]
        hit = [
            n for n, m in model.named_modules() if isinstance(m, torch.nn.Linear) and re.fullmatch(language_layers(), n)
        ]
        assert len([n for n in hit if n.endswith("q_proj")]) == 2, hit
        assert not any("visual" in n or "audio" in n or "lm_head" in n for n in hit)


def test_rewards_travel():
    assert pickle.loads(pickle.dumps(by_length))([[{"content": "four"}]]) == [4.0]


@pytest.mark.parametrize("towers", [False, True], ids=["language", "towers too"])
def test_an_adapter_learns_under_gradient_checkpointing(tiny, prompts, tmp_path, towers):
    trainer = trainer_on(
        tiny, tmp_path, [prompts[0]["both"]], lora=TrainableWeights(r=4, towers=towers), gradient_checkpointing=True
    )
    before = {name: value.detach().clone() for name, value in trainer.model.named_parameters()}
    trainer.train()
    moved = {name for name, value in trainer.model.named_parameters() if not torch.equal(value, before[name])}
    assert moved
    assert all("lora_" in name for name in moved)
    assert any("visual" in name or "audio_tower" in name for name in moved) == towers


def test_all_weights_or_the_language_alone(tiny):
    for towers in (False, True):
        model = TrainableWeights(train="full", towers=towers).apply(load_model(tiny)[0])
        learning = {name for name, value in model.named_parameters() if value.requires_grad}
        assert any("layers.1.mlp" in name for name in learning)
        assert any("visual." in name for name in learning) == towers
        assert any("audio_tower." in name for name in learning) == towers
    with pytest.raises(InputError, match="adapter"):
        TrainableWeights(train="full").apply(model, "some/adapter")


def test_the_trainer_stays_thin():
    import omnisense.rl.trainers as trainers

    folder = Path(trainers.__file__).parent
    lines = [(folder / name).read_text().splitlines() for name in ("grpo.py", "full_forward.py", "checkpoints.py")]
    assert sum(bool(line.strip()) for file in lines for line in file) < 300
