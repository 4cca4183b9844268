"""Log-probabilities of options that follow a prompt."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator, Sequence
from typing import Any

from omnisense.reasoning.policies.batching import collate, to_device
from omnisense.reasoning.policies.encoding import PER_TOKEN_INPUTS, EncodedPrompt, Encoder
from omnisense.reasoning.policies.prefix_cache import CachedBatch, PrefixCache


def score_options(
    model: Any,
    encoder: Encoder,
    prompts: list[EncodedPrompt],
    options: Sequence[Sequence[str]],
    prefixes: PrefixCache,
    deadline: float = math.inf,
) -> list[list[float]] | None:
    """Return the mean log-probability per token of each option as the whole reply to its text prompt.

    None where the time (of ``time.perf_counter``) was up before the prompts were read.
    """
    tokens = [encoder.option_tokens(p.text, opts) for p, opts in zip(prompts, options, strict=True)]
    batch = prefixes.begin_by(model, prompts, encoder.tokenizer.pad_token_id, deadline)
    if batch is None:
        return None
    found = token_log_probs(model, batch, tokens, prefixes)
    return [[sum(row) / len(row) for row in rows] for rows in found]


def token_log_probs(
    model: Any, batch: CachedBatch, continuations: Sequence[Sequence[list[int]]], prefixes: PrefixCache
) -> list[list[list[float]]]:
    """Return the log-probability of each token of the continuations of text prompts.

    Each prompt runs once; its cache is copied to its continuations, which follow as right-padded rows. Logits are
    computed at the positions of the continuations only.

    Args:
        model: a causal language model.
        batch: the prompts.
        continuations: for each prompt, tokens that follow it.
        prefixes: keeps the prompts' caches.
    """
    import torch

    first = model(**batch.unread(), use_cache=True, logits_to_keep=1)
    prefixes.keep(batch)
    rows = [tokens for group in continuations for tokens in group]
    owner = torch.tensor([i for i, group in enumerate(continuations) for _ in group], device=model.device)
    longest = max(map(len, rows))
    ids = torch.zeros(len(rows), longest, dtype=torch.long, device=model.device)
    for i, tokens in enumerate(rows):
        ids[i, : len(tokens)] = torch.tensor(tokens, device=model.device)
    logits = first.logits[owner, -1:].float()
    if longest > 1:
        cache = first.past_key_values
        cache.batch_select_indices(owner)
        real = torch.tensor([[i < len(tokens) for i in range(longest - 1)] for tokens in rows], device=model.device)
        prompt_mask = batch.inputs["attention_mask"][owner]
        position = prompt_mask.sum(1)[:, None] + torch.arange(longest - 1, device=model.device)
        mask = torch.cat([prompt_mask, real.long()], dim=1)
        after = model(input_ids=ids[:, :-1], attention_mask=mask, position_ids=position, past_key_values=cache)
        logits = torch.cat([logits, after.logits.float()], dim=1)
    log_probs = torch.log_softmax(logits, dim=-1).gather(2, ids[..., None])[..., 0].tolist()
    found = iter([row[: len(tokens)] for row, tokens in zip(log_probs, rows, strict=True)])
    return [[next(found) for _ in group] for group in continuations]


def score_options_uncached(model: Any, encoder: Encoder, prompt: EncodedPrompt, options: Sequence[str]) -> list[float]:
    """Return the same for one prompt of a model with media: prompt and option run together, one row per option.

    Where positions depend on media, only the model's own forward pass from the first token is sure to get them
    right. The output head sees the options' positions only: logits for thousands of media tokens would not fit in
    memory.
    """
    import torch

    tokens = encoder.option_tokens(prompt.text, options)
    longest = max(map(len, tokens))
    rows = [append_tokens(prompt, row) for row in tokens]
    with head_at_last(model, longest + 1):
        inputs = to_device(model, collate(rows, encoder.tokenizer.pad_token_id))
        logits = model(**inputs, use_cache=False).logits.float()
    log_probs = torch.log_softmax(logits, dim=-1)
    return [
        float(torch.stack([log_probs[i, at - len(row) - 1, t] for at, t in enumerate(row)]).mean())
        for i, row in enumerate(tokens)
    ]


@contextlib.contextmanager
def head_at_last(model: Any, positions: int) -> Iterator[None]:
    """Make a model's output head see the last positions only: logits for a long prompt would not fit in memory.

    Models that accept ``logits_to_keep`` do this themselves; Qwen's omni and audio models do not accept it.
    """
    head = model.get_output_embeddings()
    handle = head.register_forward_pre_hook(lambda _, args: (args[0][:, -positions:],))
    try:
        yield
    finally:
        handle.remove()


def append_tokens(prompt: EncodedPrompt, tokens: list[int]) -> EncodedPrompt:
    """Return a prompt with tokens of a reply after it."""
    import torch

    inputs = dict(prompt.inputs)
    for key in inputs.keys() & PER_TOKEN_INPUTS:
        value = inputs[key]
        more = tokens if key == "input_ids" else [int(key == "attention_mask")] * len(tokens)
        inputs[key] = torch.cat([value, torch.tensor([more], dtype=value.dtype)], dim=1)
    return EncodedPrompt(prompt.text, inputs)
