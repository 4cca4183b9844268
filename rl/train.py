"""Train a policy by a recipe: read the data, train, keep what was learnt, and say what it is worth.

One folder a run. The same command goes on where it stopped: from the last whole checkpoint, or with the evaluation
where the training is done.
"""

from __future__ import annotations

import gc
import json
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from transformers import PrinterCallback, TrainerCallback, set_seed
from trl import GRPOConfig, SFTConfig

from omnisense import models
from omnisense.benchmarks.harness.dataset import Sample
from omnisense.benchmarks.harness.run_folder import claim
from omnisense.errors import InputError
from omnisense.files import write_atomically
from omnisense.perception.media.sampling import Sampling
from omnisense.reasoning.policies.encoding import Encoder
from omnisense.reasoning.policies.families import family_of
from omnisense.reasoning.policies.loading import load_model
from omnisense.reasoning.policies.messages import Messages, clip_of, media_of
from omnisense.rl.checkpoints import last_whole
from omnisense.rl.completion_samples import Samples
from omnisense.rl.data.split import Split, read_split, rows_of, solution
from omnisense.rl.evaluate import Candidate, finish
from omnisense.rl.recipe import Recipe
from omnisense.rl.rewards import build_rewards
from omnisense.rl.sft import OmniSFTTrainer
from omnisense.rl.trainer import OmniGRPOTrainer

Say = Callable[[str], None]
_PIXELS_A_TOKEN, _SOUND_TOKENS_A_SECOND = 28 * 28, 25  # of the Qwen2.5 families; close enough for others
_ONE_FRAME = Sampling(rule="count", count=1)  # what an image is looked at by
_SPARE_BYTES = 1 << 20


@dataclass(frozen=True)
class Trained:
    """What a run left behind.

    Attributes:
        candidate: the policy as ``--policy`` and ``--adapter`` take it.
        split: the data.
        log: what the trainer logged, in order.
        result: ``result.json``; None in a process that is not the main one.
    """

    candidate: Candidate
    split: Split
    log: list[dict[str, Any]]
    result: dict[str, Any] | None


def train(
    recipe: Recipe,
    folder: Path,
    say: Say = print,
    callbacks: Sequence[TrainerCallback] = (),
) -> Trained:
    """Train by a recipe of one stage.

    Args:
        recipe: what to do.
        folder: the run's; one run each.
        say: told what happens, a line each.
        callbacks: for the trainer.

    Raises:
        InputError: data, settings or folder cannot be used, or the disk is full.
        ModelError: the model cannot be had.
        RewardError: a reward failed; the run goes on from its last checkpoint.
        MediaError: a clip broke in the middle of training.
    """
    with _claimed(folder):
        source = models.fetch(recipe.policy, say)
        split = read_split(recipe.data, family_of(source).modalities, recipe.seed, str(source))
        _agree(folder, recipe, split)
        final = folder / "final"
        if not (final / "log.json").is_file():
            _fit(recipe, folder, source, split, say, callbacks)
        if not _is_main():
            return Trained(_candidate(recipe, final, "trained"), split, [], None)
        log = json.loads((final / "log.json").read_text("utf-8"))
        candidates = [Candidate("base", recipe.policy)]
        if recipe.adapter:
            candidates.append(Candidate("start", recipe.policy, recipe.adapter))
        trained = _candidate(recipe, final, "trained")
        result = finish(recipe, folder, split, log, [*candidates, trained], say)
        return Trained(trained, split, log, result)


def _candidate(recipe: Recipe, final: Path, name: str) -> Candidate:
    adapted = recipe.weights.train == "adapter"
    return Candidate(name, recipe.policy, str(final)) if adapted else Candidate(name, str(final))


def _fit(
    recipe: Recipe, folder: Path, source: Path, split: Split, say: Say, callbacks: Sequence[TrainerCallback]
) -> None:
    arguments = _arguments(recipe, folder / "checkpoints")  # first: DeepSpeed is set up by it, and models load by that
    set_seed(recipe.seed)
    model, encoder = load_model(source, recipe.dtype)
    rows, too_long = rows_of(
        split.train,
        recipe.data.prompting(),
        lambda prompt: prompt_tokens(encoder, prompt),
        recipe.data.max_prompt_tokens,
    )
    if recipe.method == "sft":
        rows = [
            {"prompt": row["prompt"], "reply": reply} for row in rows if (reply := solution(row, recipe.data.think))
        ]
    told = split.summary() | {"prompts": len(rows), "too_long": len(too_long), "first_too_long": too_long[:20]}
    if _is_main():
        write_atomically(folder / "data.json", json.dumps(told, indent=1, ensure_ascii=False) + "\n")
    dropped = sum(split.dropped.values()) + len(too_long)
    why = f", {dropped} dropped ({folder / 'data.json'} says why)" if dropped else ""
    say(f"{len(rows)} questions to train on, {told['held_out']} held out{why}")
    if not rows:
        what = "has a worked solution" if recipe.method == "sft" else "fits into max_prompt_tokens"
        raise InputError(f"no question {what}", "Look at data.json in the run folder.", folder)
    at_once = arguments.generation_batch_size // arguments.num_generations if recipe.method == "grpo" else 1
    if len(rows) < at_once:  # the sampler would drop them all, and nothing would be trained
        raise InputError(
            f"{len(rows)} prompts are fewer than the {at_once} of one step",
            "Make per_device_train_batch_size or gradient_accumulation_steps smaller, or give more data.",
            folder,
        )
    _same_modality_on_every_process(arguments, encoder, split.train, recipe.data.audio)
    model = recipe.weights.apply(model, recipe.adapter)
    trainer = _trainer(recipe, model, encoder, arguments, rows, source, callbacks)
    if isinstance(trainer, OmniGRPOTrainer):
        trainer.add_callback(Samples(trainer, folder, recipe.samples))
    trainer.remove_callback(PrinterCallback)  # everything logged is in final/log.json, and the bar shows the rest
    checkpoint = last_whole(folder / "checkpoints")
    if checkpoint is not None:
        say(f"going on from {checkpoint}")
    with _told_when_the_disk_is_full(folder):
        trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
        _keep(trainer, source, folder / "final")
    del trainer, model
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def _arguments(recipe: Recipe, output: Path) -> Any:
    """TRL's configuration.

    Raises:
        InputError: an unknown setting, one that TRL refuses, or checkpoints that could not be gone on from exactly.
    """
    gpu = torch.cuda.is_available()
    settings = {
        "output_dir": str(output), "seed": recipe.seed, "report_to": [], "logging_steps": 1, "save_total_limit": 2,
        "disable_tqdm": True, "bf16": gpu, "use_cpu": not gpu,
    } | recipe.trainer  # fmt: skip
    try:
        found = GRPOConfig(**settings) if recipe.method == "grpo" else SFTConfig(**settings)
    except (TypeError, ValueError) as error:
        cause = (
            " ".join(str(error).split()).removeprefix("GRPOConfig.__init__() ").removeprefix("SFTConfig.__init__() ")
        )
        raise InputError(f"trainer settings that TRL refuses ({cause})", "Mend `trainer` in the recipe.") from error
    if isinstance(found, GRPOConfig) and found.save_strategy == "steps":
        updates = found.steps_per_generation * found.num_iterations
        if found.save_steps * found.gradient_accumulation_steps % updates:
            raise InputError(
                f"save_steps={found.save_steps:g} falls between two rounds of generation, from where no run can go on",
                f"Make it a multiple of {-(-updates // found.gradient_accumulation_steps)}.",
            )
    return found


def _trainer(
    recipe: Recipe, model: Any, encoder: Encoder, arguments: Any, rows: list[Any], source: Path, callbacks: Any
) -> Any:
    data = Dataset.from_list(rows)
    more: dict[str, Any] = {"threads": recipe.threads, "callbacks": list(callbacks)}
    if recipe.method == "sft":
        return OmniSFTTrainer(model, encoder, arguments, data, **more)
    rewards, arguments.reward_weights = build_rewards(recipe.rewards)
    whole = recipe.weights.train == "full" and arguments.beta > 0
    reference = load_model(source, recipe.dtype)[0] if whole else None
    return OmniGRPOTrainer(model, encoder, rewards, arguments, data, ref_model=reference, **more)


def _keep(trainer: Any, source: Path, final: Path) -> None:
    """The adapter, or the whole model, with all that ``--policy`` needs; its log last, as the sign that it is whole."""
    trainer.save_model(str(final))
    if _is_main():
        _complete(final, source, trainer.state.log_history)
    trainer.accelerator.wait_for_everyone()  # another process may go on from here


def _complete(final: Path, source: Path, log: list[dict[str, Any]]) -> None:
    if not (final / "adapter_config.json").is_file():
        for file in source.iterdir():  # the processor as it was: 4.57 mixes its settings up when it saves them
            if file.suffix in (".json", ".jinja", ".txt", ".model") and not (final / file.name).exists():
                shutil.copyfile(file, final / file.name)
    for copied in final.glob("*/adapter_config.json"):
        shutil.rmtree(copied.parent)  # TRL's copy of the adapter as it was
    write_atomically(final / "log.json", json.dumps(log, indent=0) + "\n")


def prompt_tokens(encoder: Encoder, prompt: Messages) -> int:
    """How long a prompt will be: its text by the tokenizer, its media estimated from their length and size."""
    text = "".join(part["text"] for message in prompt for part in message["content"] if part["type"] == "text")
    tokens = len(encoder.tokenizer(text, add_special_tokens=False)["input_ids"])
    for part in media_of(prompt):
        clip = clip_of(part)
        if part["type"] != "audio" and clip.has_video:
            sampling = part.get("sampling") or _ONE_FRAME
            plan = sampling.plan(clip.duration_s, clip.frame_rate, clip.frame_count, clip.width, clip.height)
            pairs = (len(plan.times_s) + 1) // 2
            tokens += pairs * max(1, plan.width * plan.height // _PIXELS_A_TOKEN)
        if part["type"] == "audio" or part.get("with_audio", False):
            tokens += int(clip.duration_s * _SOUND_TOKENS_A_SECOND) if clip.has_audio else 0
    return tokens


def _same_modality_on_every_process(arguments: Any, encoder: Encoder, samples: Sequence[Sample], audio: bool) -> None:
    """ZeRO-3 and FSDP gather a tower's weights on all processes at once, and wait for ever for one that does not."""
    sharded = bool(arguments.fsdp) or os.environ.get("ACCELERATE_USE_FSDP") == "true"
    plugin = arguments.deepspeed_plugin
    sharded = sharded or (plugin is not None and plugin.zero_stage == 3)
    kinds = {(sample.modality, audio and sample.uses_audio and sample.modality == "video") for sample in samples}
    if sharded and arguments.world_size > 1 and len(kinds) > 1 and encoder.family.modalities != {"text"}:
        named = ", ".join(sorted(f"{kind} with sound" if sound else kind for kind, sound in kinds))
        raise InputError(
            f"weights that are split over processes need questions of one modality, and there are {named}",
            "Train one modality a stage (data.modalities), or use the configuration multi-gpu or zero2.",
        )


def _agree(folder: Path, recipe: Recipe, split: Split) -> None:
    """The recipe in the run folder, or an error where it holds another run."""
    if not _is_main():
        return
    kept = recipe.model_dump(mode="json", exclude={"about", "needs", "evaluation", "threads", "samples", "stages"})
    wanted = {"recipe": kept, "data": split.fingerprint}
    path = folder / "recipe.json"
    try:
        found = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        write_atomically(path, json.dumps(wanted, indent=1, ensure_ascii=False) + "\n")
        return
    except ValueError as error:
        raise InputError(f"it is damaged ({error})", "Name another --output.", path) from error
    if found != wanted:
        keys = {**kept, "data files": 0}
        old = {**found.get("recipe", {}), "data files": 0 if found.get("data") == split.fingerprint else 1}
        changed = ", ".join(sorted(key for key in keys if keys[key] != old.get(key)))
        raise InputError(f"it holds a run with other settings ({changed})", "Name another --output.", folder)


@contextmanager
def _claimed(folder: Path) -> Iterator[None]:
    """The folder, for one run at a time; the processes of one run share it."""
    if not _is_main():
        yield
        return
    lock = claim(folder)
    try:
        yield
    finally:
        lock.release()


@contextmanager
def _told_when_the_disk_is_full(folder: Path) -> Iterator[None]:
    """Checkpoints are written by three libraries, each with an error of its own for a full disk."""
    try:
        yield
    except Exception as error:
        full = "No space left" in str(error) or shutil.disk_usage(folder).free < _SPARE_BYTES
        if not full:
            raise
        raise InputError(
            "the disk is full; what was learnt up to the last checkpoint is kept",
            "Make room, then run the same command again: it goes on from there.",
            folder,
        ) from error


def _is_main() -> bool:
    return os.environ.get("RANK", "0") == "0"
