"""Train a policy by a recipe, evaluate it, and write everything into one run folder.

The same command resumes a run: from the last complete checkpoint, or with the evaluation if training is done.
"""

from __future__ import annotations

import contextlib
import gc
import json
import logging
import os
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from transformers import PrinterCallback, Trainer, TrainerCallback, TrainingArguments, set_seed
from trl import GRPOConfig, SFTConfig

from omnisense import models
from omnisense.errors import InputError
from omnisense.files import write_atomically
from omnisense.reasoning.policies.encoding import Encoder
from omnisense.reasoning.policies.families import family_of
from omnisense.reasoning.policies.loading import load_model
from omnisense.reasoning.policies.messages import Messages
from omnisense.rl.data.choice_split import ChoiceSplit, choice_columns, load_choice_split
from omnisense.rl.data.reply_rows import ReplySplit, load_reply_split, reply_columns, written_columns
from omnisense.rl.data.rows import TrainingRow, build_rows, target_reply
from omnisense.rl.data.split import Split, load_split
from omnisense.rl.preflight import check_inputs
from omnisense.rl.progress import OnProgress, log_progress
from omnisense.rl.recipe import Recipe
from omnisense.rl.reporting.completion_samples import CompletionSamplesCallback
from omnisense.rl.reporting.curves import LogEntry
from omnisense.rl.reporting.evaluate import Candidate
from omnisense.rl.reporting.results import PromptSummary, RunSummary
from omnisense.rl.reporting.run_summary import summarize_run
from omnisense.rl.rewards.registry import build_rewards
from omnisense.rl.rollouts.generation import RolloutGeneration
from omnisense.rl.rollouts.workers import RolloutWorkers
from omnisense.rl.run_folder import explain_full_disk, open_run_folder, write_or_check_recipe
from omnisense.rl.trainers.alarms import AlarmCallback
from omnisense.rl.trainers.checkpoints import last_complete_checkpoint
from omnisense.rl.trainers.choice import ChoiceTrainer
from omnisense.rl.trainers.config import build_trainer_config, check_batch_size, check_sharded_modalities
from omnisense.rl.trainers.distributed import is_main_process
from omnisense.rl.trainers.grpo import OmniGRPOTrainer
from omnisense.rl.trainers.prompt_length import estimate_prompt_tokens
from omnisense.rl.trainers.prompt_prefetch import load_prompt
from omnisense.rl.trainers.sft import OmniSFTTrainer
from omnisense.rl.trainers.step_log import StepLogCallback
from omnisense.text import parse_json

_log = logging.getLogger(__name__)
_MAX_NAMED = 20


@dataclass(frozen=True)
class TrainingResult:
    """What a run produced.

    Attributes:
        candidate: the trained policy, as ``--policy`` and ``--adapter`` take it.
        split: the training and held-out questions.
        log: what the trainer logged, in order.
        summary: the content of ``result.json``; None in a process other than the main one.
    """

    candidate: Candidate
    split: Split | ChoiceSplit
    log: Sequence[LogEntry]
    summary: RunSummary | None


def train(
    recipe: Recipe,
    folder: Path,
    on_progress: OnProgress | None = None,
    callbacks: Sequence[TrainerCallback] = (),
) -> TrainingResult:
    """Train by a recipe without stages.

    Args:
        recipe: of the run.
        folder: of the run; each run has its own.
        on_progress: receives a line for each step of the run, in the main process.
        callbacks: for the trainer.

    Raises:
        InputError: data, settings or folder cannot be used, or the disk is full.
        ModelError: the model cannot be loaded.
        RewardError: a reward failed; the run can resume from its last checkpoint.
        MediaError: a clip could not be decoded during training.
    """
    with open_run_folder(folder):
        report = log_progress(_log, on_progress)
        check_inputs(recipe)
        source = models.fetch(recipe.policy, report)
        split: Split | ChoiceSplit
        if recipe.method == "choice":
            split = load_choice_split(recipe.data, recipe.seed)
        elif recipe.method in ("reply", "reply-sft"):
            split = load_reply_split(recipe.data, recipe.seed, written=recipe.method == "reply-sft")
        else:
            split = load_split(recipe.data, family_of(source).modalities, recipe.seed, str(source))
        write_or_check_recipe(folder, recipe, split)
        if is_main_process():
            _log.info("training %s with %s in %s", recipe.policy, recipe.method, folder)
        final = folder / "final"
        if not (final / "log.json").is_file():
            _fit(recipe, folder, source, split, report, callbacks)
        trained = _candidate(recipe, final)
        if not is_main_process():
            return TrainingResult(trained, split, [], None)
        log = parse_json((final / "log.json").read_text("utf-8"))
        candidates = [Candidate("base", recipe.policy)]
        if recipe.adapter:
            candidates.append(Candidate("start", recipe.policy, recipe.adapter))
        summary = summarize_run(recipe, folder, split, log, [*candidates, trained], report)
        _log.info("run finished")
        return TrainingResult(trained, split, log, summary)


def _candidate(recipe: Recipe, final: Path) -> Candidate:
    adapter = recipe.weights.train == "adapter"
    return Candidate("trained", recipe.policy, str(final)) if adapter else Candidate("trained", str(final))


def _fit(
    recipe: Recipe,
    folder: Path,
    source: Path,
    split: Split | ChoiceSplit,
    report: OnProgress,
    callbacks: Sequence[TrainerCallback],
) -> None:
    """Train, and write the trained model or adapter to ``final``."""
    # DeepSpeed is set up by the configuration, and models load accordingly: it comes first.
    config = build_trainer_config(recipe, folder / "checkpoints")
    set_seed(recipe.seed)
    model, encoder = load_model(source, recipe.dtype, attention=recipe.attention)
    rows = _build_dataset_rows(recipe, encoder, split, folder, report)
    check_batch_size(config, len(rows), folder)
    if isinstance(split, Split):
        check_sharded_modalities(config, encoder, split.train, recipe.data.audio)
    model = recipe.weights.apply(model, recipe.adapter)
    with contextlib.ExitStack() as open_workers:
        rollouts = _start_rollouts(recipe, encoder, rows, source, folder, open_workers, report)
        trainer = _build_trainer(recipe, model, encoder, config, rows, source, callbacks, rollouts)
        _run(trainer, recipe, source, folder, report)
    del trainer, model
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def _run(trainer: Trainer, recipe: Recipe, source: Path, folder: Path, report: OnProgress) -> None:
    """Train from the last complete checkpoint, or from the start, and save the result."""
    if isinstance(trainer, OmniGRPOTrainer):
        trainer.add_callback(CompletionSamplesCallback(trainer, folder, recipe.completion_samples))
        trainer.add_callback(AlarmCallback(recipe.alarms, folder, report))
    trainer.add_callback(StepLogCallback())
    trainer.remove_callback(PrinterCallback)  # run.log and the progress bar show what it prints
    checkpoint = last_complete_checkpoint(folder / "checkpoints")
    if checkpoint is not None:
        report(f"resuming from {checkpoint}")
    with explain_full_disk(folder):
        trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
        _save(trainer, source, folder / "final")


def _start_rollouts(
    recipe: Recipe,
    encoder: Encoder,
    rows: list[dict[str, Any]],
    source: Path,
    folder: Path,
    open_workers: contextlib.ExitStack,
    report: OnProgress,
) -> RolloutGeneration | None:
    """Start the recipe's rollout workers, and check that they read its prompts as the trainer does."""
    if recipe.rollouts is None or recipe.method not in ("grpo", "reply"):
        return None
    report(f"starting {recipe.rollouts.workers} rollout workers ({recipe.rollouts.engine})")
    workers = open_workers.enter_context(contextlib.closing(RolloutWorkers(recipe.rollouts, source, folder)))
    generation = RolloutGeneration(workers, encoder, folder / f"rollout-adapter-{os.environ.get('RANK', '0')}")
    generation.check([load_prompt(row["prompt"]) for row in rows])
    return generation


def _build_dataset_rows(
    recipe: Recipe, encoder: Encoder, split: Split | ChoiceSplit, folder: Path, report: OnProgress
) -> list[dict[str, Any]]:
    """Return the dataset's rows, and write ``data.json`` about them.

    Raises:
        InputError: there are none.
    """

    def count_tokens(prompt: Messages) -> int:
        return estimate_prompt_tokens(encoder, prompt)

    if isinstance(split, ReplySplit) and recipe.method == "reply-sft":
        columns, too_long = written_columns(split.train, recipe.data, count_tokens)
    elif isinstance(split, ReplySplit):
        columns, too_long = reply_columns(split.train, recipe.data, count_tokens)
    elif isinstance(split, ChoiceSplit):
        columns, too_long = choice_columns(split.train, recipe.data, count_tokens, recipe.seed)
    else:
        rows, too_long = build_rows(split.train, recipe.data.prompting(), count_tokens, recipe.data.max_prompt_tokens)
        columns = _sft_columns(rows, recipe.data.think) if recipe.method == "sft" else [asdict(row) for row in rows]
    summary = PromptSummary(
        **split.summary().model_dump(),
        prompts=len(columns),
        too_long=len(too_long),
        first_too_long=too_long[:_MAX_NAMED],
    )
    if is_main_process():
        write_atomically(folder / "data.json", summary.to_json())
    dropped = sum(split.dropped.values()) + len(too_long)
    reasons = f", {dropped} dropped (see {folder / 'data.json'})" if dropped else ""
    report(f"{len(columns)} questions to train on, {summary.test} held out{reasons}")
    if not columns:
        what = "has a worked solution" if recipe.method == "sft" else "fits into max_prompt_tokens"
        raise InputError(f"no question {what}", "See data.json in the run folder.", folder)
    return columns


def _sft_columns(rows: Sequence[TrainingRow], think: bool) -> list[dict[str, Any]]:
    return [{"prompt": row.prompt, "reply": reply} for row in rows if (reply := target_reply(row, think))]


def _build_trainer(
    recipe: Recipe,
    model: Any,
    encoder: Encoder,
    config: TrainingArguments,
    rows: list[dict[str, Any]],
    source: Path,
    callbacks: Sequence[TrainerCallback],
    rollouts: RolloutGeneration | None,
) -> Trainer:
    data = Dataset.from_list(rows)
    if recipe.method == "choice":
        return ChoiceTrainer(model, encoder, config, data, threads=recipe.prefetch_threads, callbacks=list(callbacks))
    if isinstance(config, SFTConfig):
        return OmniSFTTrainer(model, encoder, config, data, threads=recipe.prefetch_threads, callbacks=list(callbacks))
    assert isinstance(config, GRPOConfig), "the configuration is of the recipe's method"
    rewards, config.reward_weights = build_rewards(recipe.rewards)
    needs_reference = recipe.weights.train == "full" and config.beta > 0
    reference = load_model(source, recipe.dtype, attention=recipe.attention)[0] if needs_reference else None
    return OmniGRPOTrainer(
        model, encoder, rewards, config, data, ref_model=reference, threads=recipe.prefetch_threads,
        share_prompts=recipe.share_prompts, generate_at_once=recipe.generate_at_once, rollouts=rollouts,
        callbacks=list(callbacks),
    )  # fmt: skip


def _save(trainer: Trainer, source: Path, final: Path) -> None:
    """Save the adapter, or the whole model with everything that ``--policy`` needs."""
    trainer.save_model(str(final))
    if is_main_process():
        _complete(final, source, trainer.state.log_history)
    trainer.accelerator.wait_for_everyone()  # another process may start from here


def _complete(final: Path, source: Path, log: Sequence[LogEntry]) -> None:
    """Add the processor's files, remove TRL's, and write ``log.json`` last: a folder that has it is complete."""
    if not (final / "adapter_config.json").is_file():
        for file in source.iterdir():  # unchanged: transformers 4.57 mixes the processor's settings up when it saves
            if file.suffix in (".json", ".jinja", ".txt", ".model") and not (final / file.name).exists():
                shutil.copyfile(file, final / file.name)
    for copied in final.glob("*/adapter_config.json"):
        shutil.rmtree(copied.parent)  # TRL's copy of the initial adapter
    write_atomically(final / "log.json", json.dumps(log, indent=0) + "\n")
