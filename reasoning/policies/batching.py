"""Batches of encoded prompts: grouped, padded and moved to the model's device.

Upstream processors take one ``use_audio_in_video`` flag for a whole batch and count videos across its rows, so a batch
that mixes silent videos with videos that have sound is silently wrong. Here each row is encoded alone and then
collated, so that any mix in a batch gives the same result as one prompt at a time.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from omnisense.reasoning.policies.encoding import PER_TOKEN_INPUTS, EncodedPrompt, Tensors
from omnisense.reasoning.policies.families import ModelFamily

if TYPE_CHECKING:
    import torch


def batch_groups(rows: Sequence[EncodedPrompt], family: ModelFamily) -> list[list[int]]:
    """Return groups of rows, by index, that may share a batch."""
    groups: dict[Hashable, list[int]] = {}
    for i, row in enumerate(rows):
        groups.setdefault(i if row.has_media and not family.batches_media else "together", []).append(i)
    return list(groups.values())


def length_batches(lengths: Sequence[int], size: int) -> Iterator[list[int]]:
    """Yield indices in batches of similar length, so that little of a batch is padding; within a batch in order."""
    order = sorted(range(len(lengths)), key=lambda i: -lengths[i])
    for start in range(0, len(order), size):
        yield sorted(order[start : start + size])


def collate(rows: Sequence[EncodedPrompt], pad_token_id: int) -> Tensors:
    """Join encoded prompts in one batch: tokens padded on the left, media concatenated in the order of the rows."""
    import torch

    batch: Tensors = {}
    for key in dict.fromkeys(key for row in rows for key in row.inputs):
        found = [row.inputs[key] for row in rows if key in row.inputs]
        if key in PER_TOKEN_INPUTS:
            width = max(row.length for row in rows)
            filler = pad_token_id if key == "input_ids" else 0
            batch[key] = torch.cat([torch.nn.functional.pad(t, (width - t.shape[1], 0), value=filler) for t in found])
        else:
            batch[key] = torch.cat(_pad_to_common_shape(found))
    return batch


def to_device(model: Any, inputs: Tensors) -> Tensors:
    """Move tensors to the model's device; pixels and audio features to its dtype as well."""
    return {
        key: value.to(model.device, model.dtype)
        if key in ("pixel_values", "pixel_values_videos", "input_features")
        else value.to(model.device)
        for key, value in inputs.items()
    }


def _pad_to_common_shape(tensors: list[torch.Tensor]) -> list[torch.Tensor]:
    """Pad tensors with zeros at the end of every dimension but the first, so that they can be concatenated."""
    import torch

    if len({t.shape[1:] for t in tensors}) == 1:
        return tensors
    largest = [max(sizes) for sizes in zip(*(t.shape[1:] for t in tensors), strict=True)]
    padded = []
    for t in tensors:
        missing = [(0, want - have) for want, have in zip(largest, t.shape[1:], strict=True)]
        padded.append(torch.nn.functional.pad(t, [n for pair in reversed(missing) for n in pair]))
    return padded
