"""Training of choices: cross-entropy over the very scores that ``choose`` compares.

A policy chooses the option with the highest mean log-probability per token, the end of the turn included
(:meth:`omnisense.reasoning.policies.transformers.TransformersPolicy.choose`). The loss is the cross-entropy between the
softmax of these means and the right option. A prompt is computed once for all its options, in one row; the output head
sees the positions of the options only.
"""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator
from typing import Any

import torch
from datasets import Dataset
from transformers import Trainer, TrainingArguments

from omnisense.errors import InputError
from omnisense.reasoning.policies.batching import collate, to_device
from omnisense.reasoning.policies.encoding import EncodedPrompt, Encoder
from omnisense.rl.trainers.checkpoints import ExactCheckpointMixin
from omnisense.rl.trainers.checks import check_evaluation, check_full_precision
from omnisense.rl.trainers.full_forward import add_scoring_head, unwrap_model
from omnisense.rl.trainers.prompt_prefetch import PromptPrefetcher
from omnisense.rl.trainers.shared_prompts import can_share, pack_completions, score_packed

_NO_LABEL = -100
_WINDOW_BATCHES = 16  # within so many batches prompts are put together by length


class ChoiceTrainer(ExactCheckpointMixin, Trainer):
    """Trains a model to choose, with transformers' own trainer.

    Args:
        model: from :func:`omnisense.reasoning.policies.loading.load_model`, with or without a PEFT adapter.
        encoder: from the same function.
        args: of the trainer.
        train_dataset: ``prompt`` as :func:`.prompt_prefetch.dump_prompt` writes it, its ``options``, and the ``target``
            distribution over them: 1 for the right one, or equal shares where nothing speaks for any.
        threads: prompts that are decoded and encoded at once.
        more: ``callbacks`` and ``optimizers``, as the trainer takes them.

    Raises:
        InputError: settings under which the model would not be trained as they say, or a model whose attention does not
            take the mask that sharing a prompt needs.
    """

    def __init__(
        self,
        model: Any,
        encoder: Encoder,
        args: TrainingArguments,
        train_dataset: Dataset,
        *,
        threads: int = 4,
        **more: Any,
    ) -> None:
        self._inner, self._encoder = unwrap_model(model), encoder
        self._prefetcher = PromptPrefetcher(encoder, threads)
        check_evaluation(args, more)
        check_full_precision(model, args)
        if not can_share(self._inner):
            raise InputError("this model's attention takes no mask of any form", "Set attention to sdpa or eager.")
        args = copy.copy(args)  # the caller's stay as they are
        args.remove_unused_columns = False
        super().__init__(model, args, data_collator=self._collate, train_dataset=train_dataset, **more)
        self.model_accepts_loss_kwargs = False  # the loss is a mean over choices, not over tokens
        add_scoring_head(self._inner)

    def _collate(self, rows: list[dict[str, Any]]) -> dict[str, Any]:
        """Return the encoded prompt of each row, the tokens of its options, and the target distribution."""
        prompts = [row.prompt for row in self._prefetcher.take([row["prompt"] for row in rows])]
        options = [self._encoder.option_tokens(p.text, row["options"]) for p, row in zip(prompts, rows, strict=True)]
        return {"prompts": prompts, "options": options, "targets": [row["target"] for row in rows]}

    def _get_train_sampler(self, dataset: Dataset | None = None) -> SimilarLengthSampler:
        rows = dataset if dataset is not None else self.train_dataset
        return SimilarLengthSampler([len(prompt) for prompt in rows["prompt"]], self._train_batch_size, self.args.seed)

    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """Return the mean cross-entropy of the batch's choices."""
        scores = self._scores(model, inputs["prompts"], inputs["options"])
        losses = [
            -(torch.tensor(target, device=row.device) * torch.log_softmax(row, 0)).sum()
            for row, target in zip(scores, inputs["targets"], strict=True)
        ]
        loss = torch.stack(losses).mean()
        return (loss, {"scores": scores}) if return_outputs else loss

    def _scores(self, model: Any, prompts: list[EncodedPrompt], options: list[list[list[int]]]) -> list[torch.Tensor]:
        """Return the score of each option of each prompt: its mean log-probability per token."""
        device, pad = self._inner.device, self._encoder.tokenizer.pad_token_id
        tokens = [row for group in options for row in group]
        longest = max(map(len, tokens))
        ids = torch.tensor([row + [pad] * (longest - len(row)) for row in tokens], device=device)
        mask = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in tokens], device=device)
        # A prompt object for each row: rows with equal prompts stay apart.
        owners = [EncodedPrompt(prompt.text, prompt.inputs) for prompt in prompts]
        owner_of = [owner for owner, group in zip(owners, options, strict=True) for _ in group]
        packed = pack_completions(owner_of, ids, mask, pad)
        if packed is None:
            raise InputError("types of tokens decide what this model sees", "Train another model.")
        media = to_device(self._inner, collate(packed.prompts, pad))
        media = {key: value for key, value in media.items() if key not in ("input_ids", "attention_mask")}
        labels = ids.masked_fill(mask == 0, _NO_LABEL)
        scored = score_packed(model, self._inner.get_decoder(), media, packed, labels=labels, fused_lm_head=True)
        means = scored.log_probs.sum(1) / mask.sum(1)
        return list(means.split([len(group) for group in options]))


class SimilarLengthSampler(torch.utils.data.Sampler[int]):
    """A random order in which the prompts of a batch are of similar length, so that little of it is padding.

    It depends only on seed and epoch, so that a run can resume in a later epoch.

    Args:
        lengths: of the prompts, in any unit.
        batch_size: of a batch.
        seed: of the order.
    """

    def __init__(self, lengths: list[int], batch_size: int, seed: int) -> None:
        self._lengths, self._batch_size, self._seed, self._epoch = lengths, batch_size, seed, 0

    def __len__(self) -> int:
        return len(self._lengths)

    def __iter__(self) -> Iterator[int]:
        draw = random.Random(f"{self._seed}:{self._epoch}")
        order = draw.sample(range(len(self)), len(self))
        window = _WINDOW_BATCHES * self._batch_size
        batches: list[list[int]] = []
        for at in range(0, len(order), window):
            part = sorted(order[at : at + window], key=lambda i: -self._lengths[i])
            batches += [part[i : i + self._batch_size] for i in range(0, len(part), self._batch_size)]
        whole = [batch for batch in batches if len(batch) == self._batch_size]
        draw.shuffle(whole)
        yield from (i for batch in [*whole, *(b for b in batches if len(b) < self._batch_size)] for i in batch)

    def set_epoch(self, epoch: int) -> None:
        """Seed the order; Accelerate calls this before each epoch."""
        self._epoch = epoch
