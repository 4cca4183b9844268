"""Supervised fine-tuning on worked solutions, for any model of the encoder: the cold start before GRPO.

TRL's trainer with our prompts: encoded with their media, and continued by the reply's tokens exactly as a rollout
would continue them. The loss is on the reply alone.
"""

from __future__ import annotations

from typing import Any

import torch
from datasets import Dataset
from trl import SFTConfig, SFTTrainer

from omnisense.reasoning.policies.batching import collate, to_device
from omnisense.reasoning.policies.encoding import PER_TOKEN_INPUTS, Encoder
from omnisense.rl.checkpoints import ExactCheckpoints
from omnisense.rl.full_forward import add_scoring_head, bare_model
from omnisense.rl.prompt_prefetch import PromptPrefetcher


class OmniSFTTrainer(ExactCheckpoints, SFTTrainer):
    """TRL's SFT trainer for models that see and hear.

    Args:
        model: from :func:`omnisense.reasoning.policies.loading.load_model`, bare or with a PEFT adapter on it.
        encoder: from the same function.
        args: TRL's configuration.
        train_dataset: ``prompt`` as :func:`omnisense.rl.prompt_prefetch.dump_prompt` writes it, and the ``reply``.
        threads: prompts that are decoded at once.
        more: ``callbacks`` and ``optimizers``, as TRL takes them.
    """

    def __init__(
        self, model: Any, encoder: Encoder, args: SFTConfig, train_dataset: Dataset, *, threads: int = 4, **more: Any
    ) -> None:
        self._bare, self._ahead = bare_model(model), PromptPrefetcher(encoder, threads)
        args.remove_unused_columns = False
        args.dataset_kwargs = {"skip_prepare_dataset": True}
        if encoder.family.modalities != {"text"} and args.ddp_find_unused_parameters is None:
            args.ddp_find_unused_parameters = True
        super().__init__(
            model,
            args,
            data_collator=self._batch,
            train_dataset=train_dataset,
            processing_class=encoder.tokenizer,
            **more,
        )
        add_scoring_head(self._bare, outputs=("log_probs", "entropy", "is_top1"))

    def _batch(self, rows: list[dict[str, Any]]) -> dict[str, Any]:
        tokenizer = self._tokenizer
        prompts = [row.prompt for row in self._ahead.take([row["prompt"] for row in rows])]
        batch = to_device(self._bare, collate(prompts, tokenizer.pad_token_id))
        device = batch["input_ids"].device
        replies = [
            [*tokenizer(r["reply"], add_special_tokens=False)["input_ids"], tokenizer.eos_token_id] for r in rows
        ]
        longest = max(map(len, replies))
        ids = torch.tensor([r + [tokenizer.pad_token_id] * (longest - len(r)) for r in replies], device=device)
        real = torch.tensor([[1] * len(r) + [0] * (longest - len(r)) for r in replies], device=device)
        for key in batch.keys() & PER_TOKEN_INPUTS:
            more = ids if key == "input_ids" else real if key == "attention_mask" else torch.zeros_like(ids)
            batch[key] = torch.cat([batch[key], more], dim=1)
        unscored = torch.full_like(batch["input_ids"][:, :-longest], -100)
        batch["labels"] = torch.cat([unscored, ids.masked_fill(real == 0, -100)], dim=1)
        return batch
