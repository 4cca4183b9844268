"""Key-value caches of recent text prompts, for new prompts that begin with the same tokens.

All prompts of a turn share a beginning (rules, evidence, history), and so do those of the next turn. What the model
computed for it is kept and taken up again, as servers such as vLLM and SGLang do.
"""

from __future__ import annotations

import functools
import math
import time
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias

from omnisense.reasoning.policies.batching import collate, to_device
from omnisense.reasoning.policies.encoding import EncodedPrompt, Tensors

_MIN_SHARED = 16  # tokens; to take up fewer saves nothing
_READ_AT_ONCE = 512  # tokens between two looks at the clock
_MIN_READ_ALONE = 64  # tokens that a batch shares, from which they are read once before the batch
Layers: TypeAlias = "list[tuple[Any, Any]]"  # keys and values, each (1, heads, tokens, size)


class CachedBatch(NamedTuple):
    """Prompts in one batch, of which the first columns are in the cache already.

    Attributes:
        inputs: ``input_ids`` and ``attention_mask`` of all columns. A row is padded on the left of its cached columns
            and again between these and the others.
        cache: the model's cache of the first columns; None for a model whose cache cannot be reused.
        cached: number of columns in the cache.
    """

    inputs: Tensors
    cache: Any
    cached: int

    def unread(self, end: int | None = None) -> dict[str, Any]:
        """Return the arguments of the model's forward pass over the columns after the cache, up to ``end``."""
        mask = self.inputs["attention_mask"][:, :end]
        position = (mask.cumsum(1) - 1).clamp(min=0)  # a plain forward would count the padding too
        return {
            "input_ids": self.inputs["input_ids"][:, self.cached : end],
            "attention_mask": mask,
            "position_ids": position[:, self.cached :],
            "past_key_values": self.cache,
        }


class PrefixCache:
    """Least recently used caches of whole prompts, up to a size in bytes.

    Only caches with one entry per token are kept: not those of sliding windows or recurrent states.

    Args:
        max_bytes: 0 keeps nothing.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes, self._bytes = max_bytes, 0
        self._entries: OrderedDict[tuple[int, ...], Layers] = OrderedDict()

    def clear(self) -> None:
        """Forget everything; needed when the model's weights have changed."""
        self._entries.clear()
        self._bytes = 0

    def begin(self, model: Any, rows: Sequence[EncodedPrompt], pad_token_id: int) -> CachedBatch:
        """Return the batch of some text prompts, each with as much of its cache as is known."""
        batch = self.begin_by(model, rows, pad_token_id, math.inf)
        assert batch is not None, "the time is never up"
        return batch

    def begin_by(
        self, model: Any, rows: Sequence[EncodedPrompt], pad_token_id: int, deadline: float
    ) -> CachedBatch | None:
        """Return the batch of some text prompts; None where the time was up before they were read.

        Args:
            model: a causal language model.
            rows: the prompts.
            pad_token_id: for the shorter ones.
            deadline: by ``time.perf_counter``. Before a finite one long prompts are read here, piece by piece, but for
                their ends.
        """
        if time.perf_counter() >= deadline:
            return None
        if not self._max_bytes or not is_reusable(model):
            return CachedBatch(to_device(model, collate(rows, pad_token_id)), None, 0)
        ids = [tuple(row.inputs["input_ids"][0].tolist()) for row in rows]
        if len(ids) > 1:
            shared = functools.reduce(lambda a, b: a[: _count_shared(a, b)], ids)
            if len(shared) - self._find(shared)[0] >= _MIN_READ_ALONE:
                alone = self._read(model, self._batch(model, [shared], pad_token_id), deadline)
                if alone is None:
                    return None
                model(**alone.unread(), use_cache=True, logits_to_keep=1)
                self.keep(alone)
        return self._read(model, self._batch(model, ids, pad_token_id), deadline)

    def keep(self, batch: CachedBatch) -> None:
        """Keep the caches of the batch's prompts, after the model has read them; later columns are left out."""
        if batch.cache is None:
            return
        for i, (row, mask) in enumerate(zip(batch.inputs["input_ids"], batch.inputs["attention_mask"], strict=True)):
            at = mask.nonzero()[:, 0]
            ids = tuple(row[at].tolist())
            if len(ids) < _MIN_SHARED or any(known[: len(ids)] == ids for known in self._entries):
                continue
            for known in [known for known in self._entries if known == ids[: len(known)]]:
                self._drop(known)
            layers = [tuple(t[i : i + 1, :, at.to(t.device)] for t in (x.keys, x.values)) for x in batch.cache.layers]
            self._entries[ids] = layers
            self._bytes += _size(layers)
        while self._bytes > self._max_bytes:
            self._drop(next(iter(self._entries)))

    def _read(self, model: Any, batch: CachedBatch, deadline: float) -> CachedBatch | None:
        """Read all but the last piece of a batch; None when the time is up."""
        import torch

        if deadline == math.inf:
            return batch
        width = batch.inputs["input_ids"].shape[1]
        with torch.inference_mode():
            while width - batch.cached > _READ_AT_ONCE:
                if time.perf_counter() >= deadline:
                    return None
                end = batch.cached + _READ_AT_ONCE
                model(**batch.unread(end), use_cache=True, logits_to_keep=1)
                batch = batch._replace(cached=end)
        return batch if time.perf_counter() < deadline else None

    def _batch(self, model: Any, ids: Sequence[tuple[int, ...]], pad_token_id: int) -> CachedBatch:
        import torch

        found = [self._find(row) for row in ids]
        cached = max(n for n, _ in found)
        width = cached + max(len(row) - n for row, (n, _) in zip(ids, found, strict=True))
        tokens = torch.full((len(ids), width), pad_token_id)
        mask = torch.zeros_like(tokens)
        for i, (row, (n, _)) in enumerate(zip(ids, found, strict=True)):
            for end, part in ((cached, row[:n]), (width, row[n:])):
                tokens[i, end - len(part) : end] = torch.tensor(part, dtype=tokens.dtype)
                mask[i, end - len(part) : end] = 1
        inputs = to_device(model, {"input_ids": tokens, "attention_mask": mask})
        return CachedBatch(inputs, _join(model, found, cached), cached)

    def _find(self, ids: tuple[int, ...]) -> tuple[int, Layers]:
        """Return the longest known beginning of a prompt, of which at least the last token is left to read."""
        best, shared = None, _MIN_SHARED - 1
        for known in self._entries:
            n = _count_shared(known, ids[:-1])
            if n > shared:
                best, shared = known, n
        if best is None:
            return 0, []
        self._entries.move_to_end(best)
        return shared, self._entries[best]

    def _drop(self, ids: tuple[int, ...]) -> None:
        self._bytes -= _size(self._entries.pop(ids))


def is_reusable(model: Any) -> bool:
    """Whether a model's cache has one entry per token, in all layers."""
    from transformers.cache_utils import DynamicCache, DynamicLayer

    kinds = getattr(model.config.get_text_config(decoder=True), "layer_types", None) or ()
    return (
        set(kinds) <= {"full_attention"}
        and not getattr(model, "_is_stateful", False)
        and all(type(layer) is DynamicLayer for layer in DynamicCache(config=model.config).layers)
    )


def _join(model: Any, found: Sequence[tuple[int, Layers]], width: int) -> Any:
    """Return a cache with a row for each known beginning, padded on the left to ``width`` tokens."""
    import torch
    from transformers.cache_utils import DynamicCache

    cache = DynamicCache(config=model.config)
    filled = next((layers for n, layers in found if n), [])
    for at, pair in enumerate(filled):
        keys, values = (
            torch.zeros(len(found), *t.shape[1:2], width, *t.shape[3:], dtype=t.dtype, device=t.device) for t in pair
        )
        for i, (n, layers) in enumerate(found):
            if n:
                keys[i, :, width - n :] = layers[at][0][0, :, :n]
                values[i, :, width - n :] = layers[at][1][0, :, :n]
        cache.update(keys, values, at)
    return cache


def _count_shared(a: tuple[int, ...], b: tuple[int, ...]) -> int:
    """Return how many tokens two sequences share at their beginning."""
    return next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))


def _size(layers: Layers) -> int:
    return sum(t.numel() * t.element_size() for pair in layers for t in pair)
