"""Log-probabilities of options that follow a prompt."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

from omnisense.reasoning.policies.batching import collate, to_device
from omnisense.reasoning.policies.encoding import PER_TOKEN_INPUTS, EncodedPrompt, Encoder


def score_options(
    model: Any, encoder: Encoder, prompts: list[EncodedPrompt], options: Sequence[Sequence[str]]
) -> list[list[float]]:
    """Return the mean log-probability per token of each option after its text prompt.

    Each prompt runs once; its cache is copied to its options, which follow as right-padded rows. Logits are computed
    at the options' positions only.
    """
    import torch

    prompt = to_device(model, collate(prompts, encoder.tokenizer.pad_token_id))
    position = (prompt["attention_mask"].cumsum(1) - 1).clamp(min=0)  # a plain forward would count the padding too
    first = model(**prompt, position_ids=position, use_cache=True, logits_to_keep=1)
    rows = [
        (row, encoder.option_tokens(prompts[row].text, option)) for row, opts in enumerate(options) for option in opts
    ]
    owner = torch.tensor([row for row, _ in rows], device=model.device)
    longest = max(len(tokens) for _, tokens in rows)
    ids = torch.full((len(rows), longest), encoder.tokenizer.pad_token_id, device=model.device)
    real = torch.zeros_like(ids, dtype=torch.bool)
    for i, (_, tokens) in enumerate(rows):
        ids[i, : len(tokens)] = torch.tensor(tokens, device=model.device)
        real[i, : len(tokens)] = True
    logits = first.logits[owner, -1:].float()
    if longest > 1:
        cache = first.past_key_values
        cache.batch_select_indices(owner)
        mask = torch.cat([prompt["attention_mask"][owner], real.long()], dim=1)[:, :-1]
        position = prompt["attention_mask"].sum(1)[owner, None] + torch.arange(longest - 1, device=model.device)
        after = model(input_ids=ids[:, :-1], attention_mask=mask, position_ids=position, past_key_values=cache)
        logits = torch.cat([logits, after.logits.float()], dim=1)
    log_probs = torch.log_softmax(logits, dim=-1).gather(2, ids[..., None])[..., 0]
    means = ((log_probs * real).sum(1) / real.sum(1)).tolist()
    ends = [0, *torch.tensor([len(opts) for opts in options]).cumsum(0).tolist()]
    return [means[a:b] for a, b in itertools.pairwise(ends)]


def score_options_uncached(model: Any, encoder: Encoder, prompt: EncodedPrompt, options: Sequence[str]) -> list[float]:
    """Return the same for one prompt of a model with media: prompt and option run together, one row per option.

    Where positions depend on media, only the model's own forward pass from the first token is sure to get them
    right. The output head sees the options' positions only: logits for thousands of media tokens would not fit in
    memory.
    """
    import torch

    tokens = [encoder.option_tokens(prompt.text, option) for option in options]
    longest = max(map(len, tokens))
    rows = [_append_tokens(prompt, row) for row in tokens]
    head = model.get_output_embeddings()
    keep = head.register_forward_pre_hook(lambda _, args: (args[0][:, -longest - 1 :],))
    try:
        logits = model(
            **to_device(model, collate(rows, encoder.tokenizer.pad_token_id)), use_cache=False
        ).logits.float()
    finally:
        keep.remove()
    log_probs = torch.log_softmax(logits, dim=-1)
    return [
        float(torch.stack([log_probs[i, at - len(row) - 1, t] for at, t in enumerate(row)]).mean())
        for i, row in enumerate(tokens)
    ]


def _append_tokens(prompt: EncodedPrompt, tokens: list[int]) -> EncodedPrompt:
    import torch

    inputs = dict(prompt.inputs)
    for key in inputs.keys() & PER_TOKEN_INPUTS:
        value = inputs[key]
        more = tokens if key == "input_ids" else [int(key == "attention_mask")] * len(tokens)
        inputs[key] = torch.cat([value, torch.tensor([more], dtype=value.dtype)], dim=1)
    return EncodedPrompt(prompt.text, inputs)
