"""GRPO on models that see and hear: text, image, video, audio, and video with its sound, freely mixed in a batch.

A thin subclass of TRL's trainer. What it adds: prompts hold media by reference and are encoded once for all completions
of a group, ahead of need; log-probabilities come from the model's own forward over prompt, media and completion. What
GRPO is (sampling, advantages, clipping, KL, logging) is TRL's, unchanged.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from datasets import Dataset
from trl import GRPOConfig, GRPOTrainer
from trl.import_utils import is_vllm_available
from trl.models import prepare_deepspeed, prepare_fsdp
from trl.trainer.utils import RepeatSampler

from omnisense.errors import InputError
from omnisense.reasoning.policies.batching import collate, to_device
from omnisense.reasoning.policies.encoding import PER_TOKEN_INPUTS, EncodedPrompt, Encoder, media_token_ids
from omnisense.reasoning.policies.messages import MediaUsage
from omnisense.rl.checkpoints import ExactCheckpoints
from omnisense.rl.full_forward import add_scoring_head, bare_model
from omnisense.rl.prompt_prefetch import PromptPrefetcher, read_prompt


class OmniGRPOTrainer(ExactCheckpoints, GRPOTrainer):
    """TRL's GRPO trainer for any model of :mod:`omnisense.reasoning.policies.encoding`.

    Args:
        model: from :func:`omnisense.reasoning.policies.loading.load_model`, bare or with a PEFT adapter on it.
        encoder: from the same function.
        reward_funcs: as TRL takes them.
        args: TRL's configuration. Checkpoints are exact where they fall between two rounds of generation.
        train_dataset: its ``prompt`` column holds what :func:`omnisense.rl.prompt_prefetch.dump_prompt` writes; all
            other columns go to the rewards.
        ref_model: a second copy of the model, for ``beta > 0`` without an adapter.
        threads: prompts that are decoded at once.
        more: ``eval_dataset``, ``callbacks``, ``optimizers``, ``peft_config`` as TRL takes them.

    Attributes:
        ahead: what encodes the prompts.
        media_usage: what of its media each prompt of the last batch showed the model.

    Raises:
        InputError: settings that would train on something else than the prompts.
    """

    def __init__(
        self,
        model: Any,
        encoder: Encoder,
        reward_funcs: Callable[..., Any] | Sequence[Callable[..., Any]],
        args: GRPOConfig,
        train_dataset: Dataset,
        *,
        ref_model: Any = None,
        threads: int = 4,
        **more: Any,
    ) -> None:
        adapted = hasattr(model, "peft_config") or more.get("peft_config") is not None
        _check(args, encoder, needs_reference=args.beta > 0 and not adapted and ref_model is None)
        self._encoder, self.ahead = encoder, PromptPrefetcher(encoder, threads)
        self._rows: list[EncodedPrompt] = []
        self.media_usage: list[MediaUsage] = []
        args.generation_kwargs = {"suppress_tokens": media_token_ids(model.config) or None} | (
            args.generation_kwargs or {}
        )
        args.remove_unused_columns = False
        args.router_aux_loss_coef = args.router_aux_loss_coef or 0.0  # balancing experts: only where it is asked for
        if encoder.family.modalities != {"text"} and args.ddp_find_unused_parameters is None:
            args.ddp_find_unused_parameters = True  # a batch without sound leaves the audio tower without gradients
        beta, args.beta = args.beta, 0.0 if ref_model is not None else args.beta  # TRL would load a model of its own
        rewards = [reward_funcs] if callable(reward_funcs) else list(reward_funcs)
        super().__init__(model, rewards, args, train_dataset=train_dataset, processing_class=encoder.tokenizer, **more)
        self.data_collator = self._expect
        add_scoring_head(bare_model(self.model), self.temperature, ("log_probs", "entropy"))
        if ref_model is not None:
            self.beta = args.beta = beta
            add_scoring_head(ref_model, self.temperature)
            self.ref_model = self._prepared(ref_model)

    def _expect(self, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """The data loader is a batch ahead of training: so is the decoding."""
        self.ahead.expect([row["prompt"] for row in rows])
        return rows

    def _generate_and_score_completions(self, inputs: list[dict[str, Any]]) -> dict[str, Any]:
        began = time.perf_counter()
        encoded = self.ahead.take([row["prompt"] for row in inputs])
        self._log_metric("encoding/wait_s", time.perf_counter() - began)
        self._rows, self.media_usage = [row.prompt for row in encoded], [row.media_usage for row in encoded]
        inputs = [{**row, "prompt": read_prompt(row["prompt"])} for row in inputs]
        output: dict[str, Any] = super()._generate_and_score_completions(inputs)
        output["encoded"] = self._rows  # a plain list: TRL shuffles and splits it with its tensors
        return output

    def _tokenize_prompts(self, prompts: list[Any]) -> tuple[list[list[int]], None, dict[str, Any]]:
        return [row.inputs["input_ids"][0].tolist() for row in self._rows], None, self._media(self._rows)

    def _generate_single_turn(self, prompt_ids: Any, images: Any, fields: Any, *args: Any, **more: Any) -> Any:
        if self._encoder.family.batches_media:
            return super()._generate_single_turn(prompt_ids, images, fields, *args, **more)
        completions = []
        for row, ids in zip(self._rows, prompt_ids, strict=True):
            completions += super()._generate_single_turn([ids], images, self._media([row]), *args, **more)[0]
        return completions, None

    def _compute_loss(self, model: Any, inputs: dict[str, Any]) -> Any:
        self._rows = inputs["encoded"]
        return super()._compute_loss(model, inputs)

    def _get_per_token_logps_and_entropies(
        self,
        model: Any,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor,
        logits_to_keep: int,
        batch_size: int | None = None,
        compute_entropy: bool = False,
        compute_aux_loss: bool = False,
        **_: Any,
    ) -> tuple[torch.Tensor, torch.Tensor | None, torch.Tensor | None]:
        parts = []
        for rows in _split(range(len(input_ids)), batch_size or len(input_ids)):
            width = logits_to_keep + max(self._rows[i].length for i in rows)  # the padding of longer prompts goes
            part = slice(rows[0], rows[-1] + 1)
            scored = functools.partial(_score, model, self._media(self._rows[part], logits_to_keep), logits_to_keep)
            parts.append(
                super()._get_per_token_logps_and_entropies(
                    scored,
                    input_ids[part, -width:],
                    attention_mask[part, -width:],
                    logits_to_keep,
                    compute_entropy=compute_entropy,
                    compute_aux_loss=compute_aux_loss,
                )
            )
        logps, entropies, losses = zip(*parts, strict=True)
        return (
            torch.cat(logps),
            torch.cat(entropies) if compute_entropy else None,
            torch.stack(losses).mean() if compute_aux_loss else None,
        )

    def _media(self, rows: Sequence[EncodedPrompt], completion: int = 0) -> dict[str, Any]:
        """What goes to the model beside its tokens; what runs along them is lengthened by the completion."""
        batch = to_device(bare_model(self.model), collate(rows, self._tokenizer.pad_token_id))
        return {
            key: torch.nn.functional.pad(value, (0, completion)) if key in PER_TOKEN_INPUTS else value
            for key, value in batch.items()
            if key not in ("input_ids", "attention_mask")
        }

    def _prepared(self, ref_model: Any) -> Any:
        if self.is_deepspeed_enabled:
            return prepare_deepspeed(ref_model, self.accelerator)
        if self.is_fsdp_enabled:
            return prepare_fsdp(ref_model, self.accelerator)
        return self.accelerator.prepare_model(ref_model.eval(), evaluation_mode=True)

    def _get_train_sampler(self, dataset: Dataset | None = None) -> _ByEpoch:
        return _ByEpoch(super()._get_train_sampler(dataset))


def _check(args: GRPOConfig, encoder: Encoder, needs_reference: bool) -> None:
    if needs_reference:
        raise InputError("beta > 0 needs the model as it was", "Give ref_model, train an adapter, or set beta to 0.")
    if args.use_vllm and encoder.family.modalities != {"text"}:
        raise InputError(
            "TRL hands vLLM images only, so video and sound would be lost from the rollouts",
            "Leave use_vllm out for a model that sees or hears; text models can use it.",
        )
    if args.use_vllm and not is_vllm_available():
        raise InputError(
            "vLLM is not installed, or not in a version that TRL takes", "Install it, or leave use_vllm out."
        )
    if args.dataloader_num_workers or args.pad_to_multiple_of:
        raise InputError(
            "dataloader_num_workers and pad_to_multiple_of do not go with prompts that are encoded ahead",
            "Leave them out; `threads` says how many prompts are decoded at once.",
        )
    if not encoder.family.batches_media and args.per_device_train_batch_size > 1:
        raise InputError(
            "this model's media cannot share a batch",
            "Set per_device_train_batch_size to 1 and raise gradient_accumulation_steps.",
        )


def _score(model: Any, media: dict[str, Any], positions: int, *, labels: torch.Tensor, **inputs: Any) -> Any:
    """Call the model as TRL would, with the media, and have the completion's positions scored alone."""
    return model(**inputs, **media, shift_labels=labels[:, -positions:], last_positions=positions)


def _split(indices: Sequence[int], size: int) -> list[Sequence[int]]:
    return [indices[at : at + size] for at in range(0, len(indices), size)]


class _ByEpoch(torch.utils.data.Sampler[int]):
    """TRL's sampler, its order given by the epoch alone: a run that is taken up in its second epoch finds its place."""

    def __init__(self, sampler: RepeatSampler) -> None:
        self._sampler = sampler

    def __len__(self) -> int:
        return len(self._sampler)

    def __iter__(self) -> Iterator[int]:
        return iter(self._sampler)

    def set_epoch(self, epoch: int) -> None:
        """Called by Accelerate before each epoch."""
        if self._sampler.shuffle:
            self._sampler.generator.manual_seed(self._sampler.seed + epoch)
