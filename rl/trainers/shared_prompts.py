"""Score all completions of a prompt in one row, so that the prompt and its media are computed once.

A row holds the prompt, then its completions one after another. A mask lets each completion see the prompt and itself
alone, and its positions begin where the prompt ends, as if it were the only one: log-probabilities and gradients equal
those of a row for each completion. The model's own forward pass runs; what its text decoder receives is changed by a
hook, so that this works for text, vision-language and omni models alike.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from omnisense.reasoning.policies.encoding import EncodedPrompt

_MASKED_ATTENTION = ("sdpa", "eager")  # implementations that take a mask of any form


@dataclass(frozen=True)
class PackedCompletions:
    """Prompts, each followed by its completions.

    Attributes:
        prompts: the distinct prompts, one for each row.
        input_ids: (N, P + K * C) for prompts of at most P tokens, each with at most K completions of at most C tokens.
        attention_mask: (N, P + K * C): 0 on the padding before a prompt. Padding among completions counts as text here,
            since positions are counted with it.
        visible: (N, P + K * C): whether a token may be seen by others.
        states: (B, C): for each token of a completion, the index of the state that predicts it, in (N * (P + K * C),).
        prompt_length: P.
        completion_length: C.
    """

    prompts: tuple[EncodedPrompt, ...]
    input_ids: torch.Tensor
    attention_mask: torch.Tensor
    visible: torch.Tensor
    states: torch.Tensor
    prompt_length: int
    completion_length: int


def can_share(model: Any) -> bool:
    """Whether a model's attention takes the mask that sharing needs: full attention in all layers, no flash kernel."""
    config = model.config.get_text_config()
    layers = set(getattr(config, "layer_types", None) or ["full_attention"])
    return layers == {"full_attention"} and getattr(config, "_attn_implementation", "") in _MASKED_ATTENTION


def pack_completions(
    prompts: Sequence[EncodedPrompt], completion_ids: torch.Tensor, completion_mask: torch.Tensor, pad_token_id: int
) -> PackedCompletions | None:
    """Pack completions behind their prompts.

    Args:
        prompts: for each completion its prompt; those of a group are one object.
        completion_ids: (B, C), padded on the right.
        completion_mask: (B, C), 0 on padding.
        pad_token_id: fills the gaps.

    Returns:
        None where no prompt has more than one completion, or where types of tokens decide what they see.
    """
    groups: dict[int, list[int]] = {}
    for i, prompt in enumerate(prompts):
        groups.setdefault(id(prompt), []).append(i)
    if len(groups) == len(prompts) or any("token_type_ids" in prompt.inputs for prompt in prompts):
        return None
    device, length = completion_ids.device, completion_ids.shape[1]
    distinct = tuple(prompts[members[0]] for members in groups.values())
    longest, most = max(prompt.length for prompt in distinct), max(map(len, groups.values()))
    width = longest + most * length
    ids = torch.full((len(distinct), width), pad_token_id, device=device)
    mask = torch.zeros_like(ids)
    visible = torch.zeros_like(ids, dtype=torch.bool)
    states = torch.zeros((len(prompts), length), dtype=torch.long, device=device)
    for row, (prompt, members) in enumerate(zip(distinct, groups.values(), strict=True)):
        begin = longest - prompt.length
        ids[row, begin:longest] = prompt.inputs["input_ids"][0].to(device)
        mask[row, begin:] = 1
        visible[row, begin:longest] = True
        for place, i in enumerate(members):
            at = longest + place * length
            ids[row, at : at + length] = completion_ids[i]
            visible[row, at : at + length] = completion_mask[i].bool()
            # The first token of a completion follows the prompt, the others the token before them.
            before = torch.arange(at - 1, at + length - 1, device=device)
            before[0] = longest - 1
            states[i] = row * width + before
    return PackedCompletions(distinct, ids, mask, visible, states, longest, length)


def score_rows(model: Any, media: dict[str, Any], positions: int, *, labels: torch.Tensor, **inputs: Any) -> Any:
    """Call a model with a scoring head as TRL would, but with the media, and score only the completion's positions."""
    return model(**inputs, **media, shift_labels=labels[:, -positions:], last_positions=positions)


def score_packed(
    model: Any, decoder: Any, media: dict[str, Any], packed: PackedCompletions, *, labels: torch.Tensor, **inputs: Any
) -> Any:
    """Call a model with a scoring head on packed rows, in place of the rows that TRL gives, and score the same tokens.

    Args:
        model: with :func:`.full_forward.add_scoring_head`.
        decoder: its text decoder.
        media: its inputs besides tokens, of ``packed.prompts``.
        packed: the rows.
        labels: (B, T), with those of the completions at the end.
        inputs: what TRL gives besides.
    """
    tokens = {"input_ids": packed.input_ids, "attention_mask": packed.attention_mask}
    scored = labels[:, -packed.completion_length :]
    with _shared_prompts(decoder, packed):
        return model(**inputs | tokens, **media, shift_labels=scored, states=packed.states)


@contextlib.contextmanager
def _shared_prompts(decoder: Any, packed: PackedCompletions) -> Iterator[None]:
    """Let a text decoder see packed rows as what they are."""

    def replace(_: Any, args: tuple[Any, ...], inputs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        positions = inputs.get("position_ids")
        if positions is None:
            positions = torch.arange(packed.input_ids.shape[1], device=packed.input_ids.device)[None]
        implementation = decoder.config._attn_implementation
        mask = _mask(packed, None if implementation == "sdpa" else decoder.dtype)
        return args, inputs | {"attention_mask": mask, "position_ids": _restart(positions, packed)}

    hook = decoder.register_forward_pre_hook(replace, with_kwargs=True)
    try:
        yield
    finally:
        hook.remove()


def _restart(positions: torch.Tensor, packed: PackedCompletions) -> torch.Tensor:
    """Return positions (..., N, L) in which each completion begins where the prompt ends."""
    positions, begin, length = positions.clone(), packed.prompt_length, packed.completion_length
    copies = (positions.shape[-1] - begin) // length
    first = positions[..., begin : begin + length]
    positions[..., begin:] = first.repeat(*[1] * (positions.ndim - 1), copies)
    return positions


def _mask(packed: PackedCompletions, dtype: torch.dtype | None) -> torch.Tensor:
    """Return which tokens each token sees, (N, 1, L, L): as booleans, or as summands of attention scores."""
    width, device = packed.input_ids.shape[1], packed.input_ids.device
    place = torch.arange(width, device=device)
    owner = (place - packed.prompt_length).div(packed.completion_length, rounding_mode="floor").clamp(min=-1)
    in_view = (owner[None, :] == -1) | (owner[None, :] == owner[:, None])
    seen = in_view & (place[None, :] <= place[:, None])
    allowed = seen[None] & packed.visible[:, None, :]
    allowed |= torch.eye(width, dtype=torch.bool, device=device)  # padding sees itself: a row of nothing gives NaN
    if dtype is None:
        return allowed[:, None]
    return torch.zeros_like(allowed, dtype=dtype).masked_fill(~allowed, torch.finfo(dtype).min)[:, None]


def group_by_prompt(batches: Sequence[dict[str, Any]], prompts: str) -> list[dict[str, Any]]:
    """Return the same rows in batches of the same size, those of a prompt side by side.

    Args:
        batches: with a row for each completion, as tensors or lists; tensors without dimensions are of the whole batch.
        prompts: the key of the rows' prompts.
    """
    rows = [prompt for batch in batches for prompt in batch[prompts]]
    place: dict[int, int] = {}
    for prompt in rows:
        place.setdefault(id(prompt), len(place))
    order = sorted(range(len(rows)), key=lambda i: place[id(rows[i])])
    sizes = [len(batch[prompts]) for batch in batches]
    parts = [order[sum(sizes[:i]) : sum(sizes[: i + 1])] for i in range(len(sizes))]

    def reorder(key: str) -> list[Any]:
        values = [batch[key] for batch in batches]
        if isinstance(values[0], torch.Tensor) and values[0].ndim:
            joined = torch.cat(values)
            return [joined[part] for part in parts]
        if isinstance(values[0], list):
            rows = [row for value in values for row in value]
            return [[rows[i] for i in part] for part in parts]
        return values

    columns = {key: reorder(key) for key in batches[0]}
    return [{key: column[i] for key, column in columns.items()} for i in range(len(batches))]
