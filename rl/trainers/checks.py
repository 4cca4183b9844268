"""Settings of TRL under which our trainers would not do what they say: each is refused, with what to do instead."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

from transformers import TrainingArguments
from trl import GRPOConfig

from omnisense.errors import InputError
from omnisense.reasoning.policies.encoding import Encoder

_REFUSED: tuple[tuple[Callable[[Any], bool], str, str], ...] = (
    (
        lambda args: args.use_vllm,
        "use_vllm is not supported: TRL passes neither sound nor our token ids to vLLM, whose sampling knows no "
        "suppress_tokens",
        "Omit use_vllm; `rollouts` in a recipe generates in workers, also with vLLM.",
    ),
    (
        lambda args: args.use_transformers_continuous_batching or getattr(args, "use_transformers_paged", False),
        "use_transformers_continuous_batching would generate from the text of a prompt without its media",
        "Omit it.",
    ),
    (
        lambda args: args.cast_lm_head_to_fp32,
        "cast_lm_head_to_fp32 has no effect: log-probabilities come from our own scoring head, in float32",
        "Omit it.",
    ),
    (
        lambda args: args.sync_ref_model,
        "sync_ref_model follows a reference model that TRL loads itself, and there is none here",
        "Omit it: the reference is the model as it was, or as it is without its adapter.",
    ),
    (
        lambda args: bool(args.dataloader_num_workers or args.pad_to_multiple_of),
        "dataloader_num_workers and pad_to_multiple_of cannot be used with prefetched prompts",
        "Omit them; `prefetch_threads` sets how many prompts are encoded at once.",
    ),
)


def check_grpo_settings(
    args: GRPOConfig, encoder: Encoder, adapted: bool, ref_model: Any, more: Mapping[str, Any]
) -> None:
    """Check what a GRPO trainer is given.

    Args:
        args: TRL's configuration.
        encoder: of the model's prompts.
        adapted: whether an adapter is trained, so that the model without it is the reference.
        ref_model: a reference model.
        more: the other arguments for TRL's trainer.

    Raises:
        InputError: a setting under which the model would not be trained on these prompts.
    """
    for is_set, cause, remedy in _REFUSED:
        if is_set(args):
            raise InputError(cause, remedy)
    for name in ("rollout_func", "tools", "environment_factory"):
        if more.get(name) is not None:
            raise InputError(f"{name} would generate from prompts without their media", f"Omit {name}.")
    if more.get("rollouts") is not None and (not adapted or args.deepspeed_plugin is not None or bool(args.fsdp)):
        raise InputError(
            "rollout workers get weights as a LoRA adapter, which a full or sharded model has not",
            "Set weights.train to adapter and use no DeepSpeed or FSDP, or remove `rollouts`.",
        )
    check_evaluation(args, more)
    if args.beta > 0 and not adapted and ref_model is None:
        raise InputError("beta > 0 needs a reference model", "Give ref_model, train an adapter, or set beta to 0.")
    if not encoder.family.batches_media and args.per_device_train_batch_size > 1:
        raise InputError(
            "this model cannot batch prompts with media",
            "Set per_device_train_batch_size to 1 and raise gradient_accumulation_steps.",
        )


def check_evaluation(args: TrainingArguments, more: Mapping[str, Any]) -> None:
    """Check that TRL does not evaluate while it trains.

    Raises:
        InputError: it would; that takes prompts between two rounds of generation, whose media are then encoded again.
    """
    if args.eval_strategy != "no" or more.get("eval_dataset") is not None:
        raise InputError(
            "evaluation during training is not supported",
            "Omit eval_strategy: `evaluation` in the recipe compares the trained model with the base afterwards.",
        )


def check_full_precision(model: Any, args: TrainingArguments) -> None:
    """Check that the updates of weights which are all trained are not lost in rounding.

    AdamW on bfloat16 weights at a small learning rate changes next to none of them: the update is smaller than the
    distance between two values. DeepSpeed and FSDP keep a copy in float32.

    Raises:
        InputError: they would be.
    """
    import torch

    sharded = args.deepspeed_plugin is not None or bool(args.fsdp) or os.environ.get("ACCELERATE_USE_FSDP") == "true"
    trained = {p.dtype for p in model.parameters() if p.requires_grad}
    if not sharded and not hasattr(model, "peft_config") and trained & {torch.bfloat16, torch.float16}:
        raise InputError(
            "all weights are trained in half precision, in which small updates are rounded away",
            "Set dtype=float32, train an adapter (weights.train=adapter), or use DeepSpeed or FSDP.",
        )
