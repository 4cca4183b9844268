"""Supervised fine-tuning on worked solutions, with text, image, video and audio: the cold start before GRPO.

TRL's trainer with our prompts: encoded with their media, and followed by the reply's tokens exactly as in a rollout.
The loss is on the reply alone.
"""

from __future__ import annotations

import copy
from typing import Any

import torch
from datasets import Dataset
from trl import SFTConfig, SFTTrainer

from omnisense.reasoning.policies.batching import collate, to_device
from omnisense.reasoning.policies.encoding import PER_TOKEN_INPUTS, Encoder
from omnisense.rl.trainers.checkpoints import ExactCheckpointMixin
from omnisense.rl.trainers.checks import check_evaluation, check_full_precision
from omnisense.rl.trainers.full_forward import add_scoring_head, unwrap_model
from omnisense.rl.trainers.prompt_prefetch import PromptPrefetcher


class OmniSFTTrainer(ExactCheckpointMixin, SFTTrainer):
    """TRL's SFT trainer for models that take media.

    Args:
        model: from :func:`omnisense.reasoning.policies.loading.load_model`, with or without a PEFT adapter.
        encoder: from the same function.
        args: TRL's configuration.
        train_dataset: ``prompt`` as :func:`.prompt_prefetch.dump_prompt` writes it, and the ``reply``.
        threads: prompts that are decoded and encoded at once.
        more: ``callbacks`` and ``optimizers``, as TRL takes them.

    Raises:
        InputError: settings under which the model would not be trained as they say.
    """

    def __init__(
        self, model: Any, encoder: Encoder, args: SFTConfig, train_dataset: Dataset, *, threads: int = 4, **more: Any
    ) -> None:
        self._inner_model, self._prefetcher = unwrap_model(model), PromptPrefetcher(encoder, threads)
        self._encoder = encoder
        check_evaluation(args, more)
        check_full_precision(model, args)
        args = copy.copy(args)  # the caller's stay as they are
        args.remove_unused_columns = False
        args.dataset_kwargs = {"skip_prepare_dataset": True}
        if encoder.family.modalities != {"text"} and args.ddp_find_unused_parameters is None:
            args.ddp_find_unused_parameters = True
        super().__init__(
            model,
            args,
            data_collator=self._collate,
            train_dataset=train_dataset,
            processing_class=encoder.tokenizer,
            **more,
        )
        add_scoring_head(self._inner_model, outputs=("log_probs", "entropy", "is_top1"))

    def _collate(self, rows: list[dict[str, Any]]) -> dict[str, Any]:
        """Return prompts (left-padded) followed by replies (right-padded), with labels on the replies."""
        tokenizer = self._tokenizer
        prompts = [row.prompt for row in self._prefetcher.take([row["prompt"] for row in rows])]
        batch = to_device(self._inner_model, collate(prompts, tokenizer.pad_token_id))
        device = batch["input_ids"].device
        replies = [[*self._encoder.text_tokens(row["reply"]), tokenizer.eos_token_id] for row in rows]
        longest = max(map(len, replies))
        ids = torch.tensor([r + [tokenizer.pad_token_id] * (longest - len(r)) for r in replies], device=device)
        mask = torch.tensor([[1] * len(r) + [0] * (longest - len(r)) for r in replies], device=device)
        for key in batch.keys() & PER_TOKEN_INPUTS:
            appended = ids if key == "input_ids" else mask if key == "attention_mask" else torch.zeros_like(ids)
            batch[key] = torch.cat([batch[key], appended], dim=1)
        ignored = torch.full_like(batch["input_ids"][:, :-longest], -100)
        batch["labels"] = torch.cat([ignored, ids.masked_fill(mask == 0, -100)], dim=1)
        return batch
