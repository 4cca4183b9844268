"""Tiny models, media that look and sound different, and trainers on them."""

import json
from pathlib import Path

import numpy as np
import pytest
from datasets import Dataset
from trl import GRPOConfig

from omnisense.perception.media.sampling import Sampling
from omnisense.reasoning.policies.loading import load_model
from omnisense.rl.trainers.grpo import OmniGRPOTrainer
from omnisense.rl.trainers.prompt_prefetch import dump_prompt
from omnisense.rl.trainers.weights import TrainableWeights
from omnisense.testing.tiny_models import tiny_omni, tiny_text
from tests.conftest import write_media

FEW = Sampling(rule="count", count=4, max_pixels=56 * 84)


@pytest.fixture(autouse=True)
def own_precision(monkeypatch):
    """Keep a test's mixed precision to itself: TrainingArguments leaves it in the environment for the next trainer."""
    monkeypatch.setenv("ACCELERATE_MIXED_PRECISION", "no")


@pytest.fixture(scope="session")
def tiny(tmp_path_factory):
    """The folder of a tiny omni model."""
    return tiny_omni(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="session")
def tiny_llm(tmp_path_factory):
    return tiny_text(tmp_path_factory.mktemp("tiny_text"))


@pytest.fixture(scope="session")
def prompts(tmp_path_factory):
    """One prompt of each kind, and the same with other media."""
    from PIL import Image

    folder = tmp_path_factory.mktemp("media")
    loud = np.random.default_rng(0).normal(0, 0.2, 44_100 * 2).astype(np.float32)
    one = str(write_media(folder / "one.mp4"))
    two = str(write_media(folder / "two.mp4", size=(120, 160), samples=loud))
    low = str(write_media(folder / "low.wav", video_s=None, audio_s=1.5, audio_codec="pcm_s16le"))
    noise = str(write_media(folder / "noise.wav", video_s=None, audio_codec="pcm_s16le", samples=loud))
    pictures = []
    for seed in (1, 2):
        pictures.append(str(folder / f"{seed}.png"))
        Image.fromarray(np.random.default_rng(seed).integers(0, 255, (60, 80, 3), np.uint8)).save(pictures[-1])

    def ask(*parts, text="What is felt?"):
        return [{"role": "user", "content": [*parts, {"type": "text", "text": text}]}]

    def video(path, sound):
        return {"type": "video", "path": path, "sampling": FEW, "with_audio": sound}

    def kinds(clip, sound, picture, text):
        return {
            "text": ask(text=text),
            "image": ask({"type": "image", "path": picture}),
            "video": ask(video(clip, False)),
            "audio": ask({"type": "audio", "path": sound}),
            "both": ask(video(clip, True), text="And in a longer question?"),
        }

    return kinds(one, low, pictures[0], "Who?"), kinds(two, noise, pictures[1], "Why?")


def by_position(completions, **_):
    """A reward that knows nothing of the model: 0, 1, 2, 3 within each group of four."""
    return [float(i % 4) for i in range(len(completions))]


def by_length(completions, **_):
    return [float(len(completion[0]["content"]) % 7) for completion in completions]


def trainer_on(folder: Path, output: Path, prompts, reward=by_position, lora=None, adapter=None, **settings):
    """A trainer of the tiny model in ``folder`` on these prompts; ``settings`` are TRL's."""
    from peft import get_peft_model

    model, encoder = load_model(folder, "float32")
    if isinstance(lora, TrainableWeights):
        model = lora.apply(model)
    elif lora is not None:
        model = get_peft_model(model, lora)
    with_reference = settings.pop("reference", lora is None)
    reference = load_model(folder, "float32")[0] if with_reference and settings.get("beta") else None
    args = GRPOConfig(
        str(output),
        **{
            "per_device_train_batch_size": 4,
            "num_generations": 4,
            "max_completion_length": 6,
            "max_steps": 3,
            "logging_steps": 1,
            "report_to": [],
            "use_cpu": True,
            "bf16": False,
            "gradient_checkpointing": False,
            "learning_rate": 1e-3,
            "save_strategy": "no",
            "disable_tqdm": True,
        }
        | settings,
    )
    data = Dataset.from_list([{"prompt": dump_prompt(prompt)} for prompt in prompts])
    return OmniGRPOTrainer(model, encoder, reward, args, data, ref_model=reference)


def state_of(trainer):
    return {name: value.detach().clone() for name, value in trainer.model.state_dict().items()}


def logged(trainer, key):
    return [entry[key] for entry in trainer.state.log_history if key in entry]


def read(path):
    return json.loads(Path(path).read_text())
