"""GRPO with text, image, video, audio, and video with its audio, freely mixed in a batch.

A thin subclass of TRL's trainer. What it adds: prompts hold media by reference and are encoded in threads, once for all
completions of a group; log-probabilities come from the model's full forward pass over prompt, media and completion. The
algorithm (sampling, advantages, clipping, KL, logging) is TRL's, unchanged.
"""

from __future__ import annotations

import copy
import functools
import time
from collections.abc import Callable, Sequence
from typing import Any

import torch
from datasets import Dataset
from trl import GRPOConfig, GRPOTrainer

from omnisense.reasoning.policies.batching import collate, to_device
from omnisense.reasoning.policies.encoding import PER_TOKEN_INPUTS, EncodedPrompt, Encoder, media_token_ids
from omnisense.reasoning.policies.messages import MediaUsage
from omnisense.rl.rollouts.generation import RolloutGeneration, sampling_from
from omnisense.rl.trainers.checkpoints import ExactCheckpointMixin
from omnisense.rl.trainers.checks import check_full_precision, check_grpo_settings
from omnisense.rl.trainers.distributed import prepare_reference, shards_weights
from omnisense.rl.trainers.epoch_sampler import EpochSeededSampler
from omnisense.rl.trainers.full_forward import add_scoring_head, unwrap_model
from omnisense.rl.trainers.prompt_prefetch import PromptPrefetcher, load_prompt
from omnisense.rl.trainers.shared_generation import SharedGeneration
from omnisense.rl.trainers.shared_prompts import can_share, group_by_prompt, pack_completions, score_packed, score_rows
from omnisense.rl.trainers.tower_features import TowerFeatures, has_frozen_towers


class OmniGRPOTrainer(ExactCheckpointMixin, GRPOTrainer):
    """TRL's GRPO trainer for any model of :mod:`omnisense.reasoning.policies.encoding`.

    Args:
        model: from :func:`omnisense.reasoning.policies.loading.load_model`, with or without a PEFT adapter.
        encoder: from the same function.
        reward_funcs: as TRL takes them.
        args: TRL's configuration. Checkpoints between two rounds of generation are exact.
        train_dataset: its ``prompt`` column holds what :func:`.prompt_prefetch.dump_prompt` writes; all
            other columns go to the rewards.
        ref_model: a second copy of the model, for ``beta > 0`` without an adapter.
        threads: prompts that are decoded and encoded at once.
        share_prompts: whether a prompt with its media is computed once for all completions that are generated or scored
            together, where the model's attention and cache allow it, and what frozen towers compute once for both;
            log-probabilities and gradients are the same.
        generate_at_once: completions that are generated together at most (always all of one prompt); None for all of a
            round. Their caches must fit into memory.
        rollouts: generates in other processes; their log-probabilities are those of the old policy.
        more: ``eval_dataset``, ``callbacks``, ``optimizers``, ``peft_config`` as TRL takes them.

    Attributes:
        prefetcher: encodes the prompts.
        media_usage: for each prompt of the last batch, which of its media the model was given.

    Raises:
        InputError: settings under which the model would not be trained on these prompts.
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
        share_prompts: bool = True,
        generate_at_once: int | None = None,
        rollouts: RolloutGeneration | None = None,
        **more: Any,
    ) -> None:
        adapted = hasattr(model, "peft_config") or more.get("peft_config") is not None
        check_grpo_settings(args, encoder, adapted, ref_model, more | {"rollouts": rollouts})
        check_full_precision(model, args)
        args = copy.copy(args)  # the caller's stay as they are
        self._encoder, self.prefetcher = encoder, PromptPrefetcher(encoder, threads)
        self._share_prompts, self._generate_at_once = share_prompts, generate_at_once
        self._towers: TowerFeatures | None = None
        self._rollouts, self._messages = rollouts, list[Any]()
        self._buffered_inputs: list[dict[str, Any]] | None = None  # TRL's own
        self._encoded: list[EncodedPrompt] = []
        self.media_usage: list[MediaUsage] = []
        media_tokens = media_token_ids(model.config) or None
        args.generation_kwargs = {"suppress_tokens": media_tokens} | (args.generation_kwargs or {})
        args.remove_unused_columns = False
        args.router_aux_loss_coef = args.router_aux_loss_coef or 0.0  # balancing experts: only on request
        if encoder.family.modalities != {"text"} and args.ddp_find_unused_parameters is None:
            args.ddp_find_unused_parameters = True  # a batch without audio gives the audio tower no gradients
        beta, args.beta = args.beta, 0.0 if ref_model is not None else args.beta  # else TRL loads a reference itself
        rewards = [reward_funcs] if callable(reward_funcs) else list(reward_funcs)
        super().__init__(model, rewards, args, train_dataset=train_dataset, processing_class=encoder.tokenizer, **more)
        self.data_collator = self._prefetch_batch
        add_scoring_head(unwrap_model(self.model), self.temperature, ("log_probs", "entropy"))
        if ref_model is not None:
            self.beta = args.beta = beta
            add_scoring_head(ref_model, self.temperature)
            self.ref_model = prepare_reference(self, ref_model)
        if share_prompts and not shards_weights(self) and has_frozen_towers(self.model):
            self._towers = TowerFeatures(unwrap_model(self.accelerator.unwrap_model(self.model)))
            if ref_model is not None:
                self._towers.attach(ref_model)

    def _prefetch_batch(self, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Start to encode a batch. The data loader is one batch ahead of training, and so is the encoding."""
        self.prefetcher.prefetch([row["prompt"] for row in rows])
        return rows

    def _prepare_inputs(self, generation_batch: Any) -> dict[str, Any]:
        known = self._buffered_inputs
        inputs: dict[str, Any] = super()._prepare_inputs(generation_batch)
        batches = self._buffered_inputs
        if not self._share_prompts or batches is known or batches is None:
            return inputs
        # TRL shuffles completions over the batches of a round. Within an optimizer step their order does not matter,
        # and side by side those of a prompt share it.
        step = self.args.gradient_accumulation_steps
        windows = [group_by_prompt(batches[at : at + step], "encoded") for at in range(0, len(batches), step)]
        self._buffered_inputs = [batch for window in windows for batch in window]
        return dict(self._buffered_inputs[self._step % self.args.steps_per_generation])

    def _generate_and_score_completions(self, inputs: list[dict[str, Any]]) -> dict[str, Any]:
        began = time.perf_counter()
        encoded = self.prefetcher.take([row["prompt"] for row in inputs])
        self._log_metric("encoding/wait_s", time.perf_counter() - began)
        self._encoded, self.media_usage = [row.prompt for row in encoded], [row.media_usage for row in encoded]
        if self._towers is not None:
            with self.accelerator.autocast():
                self._towers.compute(self._encoded)
        inputs = [{**row, "prompt": load_prompt(row["prompt"])} for row in inputs]
        output: dict[str, Any] = super()._generate_and_score_completions(inputs)
        if "sampling_per_token_logps" in output:  # of the workers, whose model is the old policy of the ratio
            output["old_per_token_logps"] = output.pop("sampling_per_token_logps")
        output["encoded"] = self._encoded  # a plain list: TRL shuffles and splits it with its tensors
        return output

    def _tokenize_prompts(self, prompts: list[Any]) -> tuple[list[list[int]], None, dict[str, Any]]:
        self._messages = prompts
        return [row.inputs["input_ids"][0].tolist() for row in self._encoded], None, {}

    def _generate_single_turn(self, *args: Any, **more: Any) -> Any:
        if self._rollouts is not None:
            step, model = self.state.global_step, self.accelerator.unwrap_model(self.model_wrapped)
            sampling = sampling_from(self.generation_config, self.args.seed + step)
            return self._rollouts.write(self._messages, self._encoded, sampling, model, step)
        inner = unwrap_model(self.accelerator.unwrap_model(self.model_wrapped))
        pad, apart = self._tokenizer.pad_token_id, not self._encoder.family.batches_media
        generation = SharedGeneration(pad, self._share_prompts, self._generate_at_once, apart, self._towers)
        with generation.of(inner, self._encoded):
            return super()._generate_single_turn(*args, **more)

    def _compute_loss(self, model: Any, inputs: dict[str, Any]) -> Any:
        self._encoded = inputs["encoded"]
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
        for rows in _slices(range(len(input_ids)), batch_size or len(input_ids)):
            width = logits_to_keep + max(self._encoded[i].length for i in rows)  # without the padding of longer prompts
            part = slice(rows[0], rows[-1] + 1)
            parts.append(
                super()._get_per_token_logps_and_entropies(
                    self._scorer(model, self._encoded[part], input_ids[part], attention_mask[part], logits_to_keep),
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

    def _scorer(
        self,
        model: Any,
        prompts: Sequence[EncodedPrompt],
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor,
        positions: int,
    ) -> Callable[..., Any]:
        """Return what stands in for the model when TRL scores these rows."""
        inner = unwrap_model(self.accelerator.unwrap_model(model))
        packed = None
        if self._share_prompts and can_share(inner):
            packed = pack_completions(
                prompts, input_ids[:, -positions:], attention_mask[:, -positions:], self._tokenizer.pad_token_id
            )
        if packed is None:
            score = functools.partial(score_rows, model, self._media_inputs(prompts, positions), positions)
        else:
            prompts = packed.prompts
            media = self._media_inputs(prompts, packed.input_ids.shape[1] - packed.prompt_length)
            score = functools.partial(score_packed, model, inner.get_decoder(), media, packed)
        return score if self._towers is None else functools.partial(self._towers.give, prompts, score)

    def _media_inputs(self, rows: Sequence[EncodedPrompt], completion: int = 0) -> dict[str, Any]:
        """Return the model's inputs besides its tokens; those with a value per token are extended by the completion."""
        batch = to_device(unwrap_model(self.model), collate(rows, self._tokenizer.pad_token_id))
        return {
            key: torch.nn.functional.pad(value, (0, completion)) if key in PER_TOKEN_INPUTS else value
            for key, value in batch.items()
            if key not in ("input_ids", "attention_mask")
        }

    def _get_train_sampler(self, dataset: Dataset | None = None) -> EpochSeededSampler:
        return EpochSeededSampler(super()._get_train_sampler(dataset))


def _slices(indices: Sequence[int], size: int) -> list[Sequence[int]]:
    return [indices[at : at + size] for at in range(0, len(indices), size)]
