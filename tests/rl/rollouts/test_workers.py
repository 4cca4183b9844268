"""A worker in a second process reads the prompts that the trainer reads, and writes what its weights would write."""

import subprocess
import sys

import pytest
import torch

from omnisense.errors import InputError
from omnisense.reasoning.policies.loading import load_model
from omnisense.rl.recipe import read_recipe
from omnisense.rl.rollouts.generation import RolloutGeneration
from omnisense.rl.rollouts.messages import RolloutPrompt, RolloutSampling
from omnisense.rl.rollouts.workers import RolloutError, RolloutSettings, RolloutWorkers
from omnisense.rl.tiny import make_data
from omnisense.rl.train import train
from omnisense.rl.trainers.prompt_prefetch import dump_prompt
from omnisense.rl.trainers.weights import TrainableWeights
from omnisense.testing.tiny_models import tiny_audio, tiny_vlm
from tests.rl.conftest import logged, state_of, trainer_on

pytestmark = [pytest.mark.networks, pytest.mark.subprocess]

GREEDY = RolloutSampling(max_new_tokens=5, temperature=0.0)


@pytest.fixture(scope="module")
def workers(tiny, tmp_path_factory):
    made = RolloutWorkers(RolloutSettings(settings={"dtype": "float32"}), tiny, tmp_path_factory.mktemp("logs"))
    yield made
    process = made._handles[0]._process
    made.close()
    assert process.returncode == 0  # workers end with the trainer, by themselves


def generation(workers, tiny, folder):
    return RolloutGeneration(workers, load_model(tiny, "float32")[1], folder)


@pytest.mark.parametrize("make", [None, tiny_vlm, tiny_audio])
def test_the_worker_expands_media_as_the_trainer_does(make, tiny, prompts, tmp_path):
    encoder = load_model(make(tmp_path / "model") if make else tiny)[1]
    kinds = [k for k in ("text", "image", "video", "audio") if k in encoder.family.modalities]
    kinds += ["both"] if {"audio", "video"} <= encoder.family.modalities else []
    for kind in kinds:
        said = [{"role": "user", "content": [*prompts[0][kind][0]["content"], {"type": "text", "text": "<|im_end|>?"}]}]
        for prompt in (prompts[0][kind], said):
            ours, theirs = encoder.encode(prompt)[0], encoder.expand(*encoder.unexpanded(prompt))
            assert ours.inputs.keys() == theirs.inputs.keys()
            assert all(torch.equal(ours.inputs[key], theirs.inputs[key]) for key in ours.inputs), kind


def test_a_worker_writes_what_the_adapter_writes_and_scores_it_alike(workers, tiny, prompts, tmp_path):
    torch.manual_seed(0)
    trainer = trainer_on(tiny, tmp_path / "run", list(prompts[0].values()), lora=TrainableWeights(r=4))
    with torch.no_grad():
        for name, parameter in trainer.model.named_parameters():
            if "lora_B" in name:
                parameter.normal_(0, 0.3)
    kinds = [kind for kind in prompts[0] for _ in range(4)]
    rows = [{"prompt": dump_prompt(prompts[0][kind])} for kind in kinds]
    trainer._rollouts = generation(workers, tiny, tmp_path / "adapter")
    trainer.model.eval()
    made = trainer._generate_and_score_completions(rows)
    mask = made["completion_mask"].bool()
    trainer._encoded = made["encoded"]
    ids = torch.cat([made["prompt_ids"], made["completion_ids"]], 1)
    whole = torch.cat([made["prompt_mask"], made["completion_mask"]], 1)
    with torch.no_grad():
        logps, _, _ = trainer._get_per_token_logps_and_entropies(trainer.model, ids, whole, mask.shape[1])
    assert torch.allclose(logps[mask], made["old_per_token_logps"][mask], atol=1e-4)
    trainer.generation_config.temperature = 0.0  # greedy: the worker's tokens against those written here
    first = trainer._generate_and_score_completions(rows)["completion_ids"]
    trainer._rollouts = None
    trainer.generation_config.do_sample, trainer.generation_kwargs["do_sample"] = False, False
    assert torch.equal(first, trainer._generate_and_score_completions(rows)["completion_ids"])


def test_training_with_a_worker_learns(workers, tiny, prompts, tmp_path):
    trainer = trainer_on(tiny, tmp_path / "run", [prompts[0]["both"], prompts[1]["text"]], lora=TrainableWeights(r=4))
    trainer._rollouts = generation(workers, tiny, tmp_path / "adapter")
    before = state_of(trainer)
    trainer.train()
    assert len(logged(trainer, "loss")) == 3
    assert any(not torch.equal(before[name], value) for name, value in trainer.model.state_dict().items())


def test_a_worker_that_reads_other_tokens_stops_the_run_before_it_begins(workers, tiny, prompts, tmp_path):
    ours = generation(workers, tiny, tmp_path)
    ours.check(list(prompts[0].values()))
    encode = ours._encoder.encode
    ours._encoder.encode = lambda prompt: encode([{"role": "system", "content": []}, *prompt])
    with pytest.raises(RolloutError, match="differ from number"):
        ours.check(list(prompts[0].values()))


@pytest.mark.slow
def test_a_recipe_with_workers_of_two_processes(tiny, tmp_path):
    make_data(tmp_path, each=12)
    recipe = read_recipe(
        "tiny",
        [
            f"policy={tiny}", f"data.files=[{tmp_path / 'both.json'}]", "stages=[]", "trainer.max_steps=2",
            "trainer.save_steps=2", "trainer.per_device_train_batch_size=8", "trainer.num_generations=4",
            "evaluation.run=false", "weights={train: adapter, r: 4}", "trainer.beta=0",
            "rollouts={workers: 2, settings: {dtype: float32}}",
        ],
    )  # fmt: skip
    lines = []
    result = train(recipe, tmp_path / "run", lines.append)
    assert result.summary.log.steps == 2
    assert any("2 rollout workers" in line for line in lines)
    assert len(list((tmp_path / "run").glob("rollouts-0-*.log"))) == 2


@pytest.mark.parametrize(
    ("settings", "cause"),
    [
        ({"settings": {"colour": "red"}}, "colour"),
        ({"engine": "vllm"}, "vllm"),
    ],
)
def test_a_worker_that_does_not_start_says_why(tiny, tmp_path, settings, cause):
    with pytest.raises(RolloutError, match=cause):
        RolloutWorkers(RolloutSettings(**settings), tiny, tmp_path)


@pytest.mark.slow
def test_a_worker_that_is_killed_is_an_error_that_names_its_log(tiny, tmp_path):
    workers = RolloutWorkers(RolloutSettings(settings={"dtype": "float32"}), tiny, tmp_path)
    workers._handles[0]._process.kill()
    with pytest.raises(RolloutError, match=r"rollouts-0-0\.log.*has ended"):
        workers.generate([RolloutPrompt([65])], GREEDY)
    workers.close()


def test_full_training_with_workers_is_refused(tiny, prompts, tmp_path):
    from omnisense.rl.trainers.checks import check_grpo_settings

    trainer = trainer_on(tiny, tmp_path, [prompts[0]["text"]])
    with pytest.raises(InputError, match="LoRA"):
        check_grpo_settings(trainer.args, trainer._encoder, False, None, {"rollouts": object()})


def test_the_worker_needs_neither_torch_nor_transformers_to_start():
    code = (
        "import sys\n"
        "for name in ('torch', 'transformers', 'trl', 'peft', 'datasets', 'cv2', 'decord', 'whisperx', 'langgraph'):\n"
        "    sys.modules[name] = None\n"
        "import omnisense.rl.rollouts.worker, omnisense.rl.rollouts.vllm_engine\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.slow
def test_workers_over_ray(tiny, prompts, tmp_path):
    pytest.importorskip("ray")
    settings = RolloutSettings(workers=2, ray="local", gpus_per_worker=0, settings={"dtype": "float32"})
    workers = RolloutWorkers(settings, tiny, tmp_path)
    try:
        ours = generation(workers, tiny, tmp_path)
        ours.check(list(prompts[0].values()))
        encoder = load_model(tiny, "float32")[1]
        asked = [RolloutPrompt(*encoder.unexpanded(prompts[i][kind]), 2) for i in (0, 1) for kind in ("both", "text")]
        rollouts = workers.generate(asked, GREEDY)
        assert [r.prompt_ids for r in rollouts] == [
            encoder.encode(prompts[i][kind])[0].inputs["input_ids"][0].tolist()
            for i in (0, 1)
            for kind in ("both", "text")
        ]
        assert all(r.completions[0].ids == r.completions[1].ids for r in rollouts)
    finally:
        workers.close()


def test_vllm_gets_a_prompt_in_its_own_form(tiny, prompts):
    from omnisense.rl.rollouts.vllm_engine import _tokens_prompt

    encoder = load_model(tiny)[1]
    ids, media = encoder.unexpanded(prompts[0]["both"])
    given = _tokens_prompt(RolloutPrompt(ids, media))
    assert given["prompt_token_ids"] == ids
    assert given["multi_modal_data"]["video"][0].shape[0] == 4
    samples, rate = given["multi_modal_data"]["audio"][0]
    assert (samples.ndim, rate) == (1, 16_000)
    assert given["mm_processor_kwargs"]["use_audio_in_video"] is True
    assert _tokens_prompt(RolloutPrompt(*encoder.unexpanded(prompts[0]["text"]))).keys() == {"prompt_token_ids"}
