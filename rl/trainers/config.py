"""TRL's configuration from a recipe, with checks of what would otherwise fail late or silently."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import torch
from transformers import TrainingArguments
from trl import GRPOConfig, SFTConfig

from omnisense.benchmarks.harness.dataset import Sample
from omnisense.errors import InputError
from omnisense.reasoning.policies.encoding import Encoder
from omnisense.rl.recipe import Method, Recipe

CONFIGS: dict[Method, type[TrainingArguments]] = {
    "grpo": GRPOConfig, "sft": SFTConfig, "choice": TrainingArguments, "reply": GRPOConfig,
    "reply-sft": SFTConfig,
}  # fmt: skip


def build_trainer_config(recipe: Recipe, output: Path) -> TrainingArguments:
    """Return the trainer's configuration for a recipe: TRL's, or for choices that of transformers.

    Args:
        recipe: its ``trainer`` settings are applied over our defaults.
        output: folder of the checkpoints.

    Raises:
        InputError: an unknown setting, one that TRL rejects, or checkpoints from which no run could resume exactly.
    """
    gpu = torch.cuda.is_available()
    settings = {
        "output_dir": str(output), "seed": recipe.seed, "report_to": [], "logging_steps": 1, "save_total_limit": 2,
        "disable_tqdm": True, "bf16": gpu, "use_cpu": not gpu,
    } | recipe.trainer  # fmt: skip
    kind: type[TrainingArguments] = CONFIGS[recipe.method]
    try:
        config = kind(**settings)
    except (TypeError, ValueError) as error:
        cause = " ".join(str(error).split()).removeprefix(f"{kind.__name__}.__init__() ")
        raise InputError(
            f"{kind.__name__} rejects these trainer settings ({cause})", "Fix `trainer` in the recipe."
        ) from error
    if isinstance(config, GRPOConfig) and config.save_strategy == "steps":
        _check_save_steps(config)
    return config


def _check_save_steps(config: GRPOConfig) -> None:
    updates = config.steps_per_generation * config.num_iterations
    if config.save_steps * config.gradient_accumulation_steps % updates:
        raise InputError(
            f"save_steps={config.save_steps:g} falls between two rounds of generation, where no run can resume",
            f"Make it a multiple of {-(-updates // config.gradient_accumulation_steps)}.",
        )


def check_batch_size(config: TrainingArguments, num_rows: int, folder: Path) -> None:
    """Check that there are enough prompts for one step: the sampler would drop them all, and nothing would be trained.

    Raises:
        InputError: there are too few.
    """
    if isinstance(config, GRPOConfig):
        prompts_per_step = config.generation_batch_size // config.num_generations
        if num_rows < prompts_per_step:
            raise InputError(
                f"{num_rows} prompts are fewer than the {prompts_per_step} of one step",
                "Make per_device_train_batch_size or gradient_accumulation_steps smaller, or give more data.",
                folder,
            )


def check_sharded_modalities(
    config: TrainingArguments, encoder: Encoder, samples: Iterable[Sample], audio: bool
) -> None:
    """Check that a run whose weights are sharded trains on one modality.

    ZeRO-3 and FSDP gather a tower's weights on all processes at once, and wait forever for a process whose batch does
    not use the tower.

    Args:
        config: of the trainer.
        encoder: of the model.
        samples: to train on.
        audio: whether videos are given with their audio.

    Raises:
        InputError: several modalities on sharded weights.
    """
    plugin = config.deepspeed_plugin
    sharded = (
        bool(config.fsdp)
        or os.environ.get("ACCELERATE_USE_FSDP") == "true"
        or (plugin is not None and plugin.zero_stage == 3)
    )
    kinds = {(sample.modality, audio and sample.uses_audio and sample.modality == "video") for sample in samples}
    if sharded and config.world_size > 1 and len(kinds) > 1 and encoder.family.modalities != {"text"}:
        named = ", ".join(sorted(f"{kind} with audio" if with_audio else kind for kind, with_audio in kinds))
        raise InputError(
            f"weights that are sharded over processes need questions of one modality, and there are {named}",
            "Train one modality a stage (data.modalities), or use the configuration multi-gpu or zero2.",
        )
