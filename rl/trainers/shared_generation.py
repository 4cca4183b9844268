"""Generate the completions of a prompt from one reading of it: its key-value cache is repeated for all of them.

``generate`` of transformers reads the prompt, media and all, once for each completion. Here every distinct prompt is
read once, and generation goes on from copies of what was computed. The tokens are those that it would write otherwise.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from omnisense.reasoning.policies.batching import collate, to_device
from omnisense.reasoning.policies.encoding import EncodedPrompt
from omnisense.reasoning.policies.prefix_cache import is_reusable
from omnisense.reasoning.policies.scoring import head_at_last
from omnisense.rl.trainers.tower_features import TowerFeatures

_READ = {"max_new_tokens": 1, "do_sample": False, "temperature": None, "top_p": None, "top_k": None}


@dataclass(frozen=True)
class SharedGeneration:
    """How completions are generated.

    Args:
        pad_token_id: fills the gaps.
        share: whether a prompt is read once for all its completions, where the model's cache allows it.
        at_once: completions that are generated together at most, but always all of one prompt; None for no limit.
        apart: whether prompts with media may not share a batch.
        towers: features of the prompts' media, if they are computed ahead.
    """

    pad_token_id: int
    share: bool = True
    at_once: int | None = None
    apart: bool = False
    towers: TowerFeatures | None = None

    @contextlib.contextmanager
    def of(self, model: Any, prompts: Sequence[EncodedPrompt]) -> Iterator[None]:
        """Let ``model.generate`` take rows of tokens without their media, and add what these prompts hold.

        Logits are computed for the last position only.

        Args:
            model: the model itself, not its PEFT wrapper.
            prompts: for each row its prompt; those of a group are one object.
        """
        plain = model.generate

        def generate(*, input_ids: torch.Tensor, attention_mask: torch.Tensor, **settings: Any) -> torch.Tensor:
            written: dict[int, torch.Tensor] = {}
            for part in self._parts(prompts):
                rows = [i for group in part for i in group]
                written |= zip(rows, self._write(plain, model, prompts, part, settings), strict=True)
            new = [written[i] for i in range(len(prompts))]
            padded = torch.nn.utils.rnn.pad_sequence(new, batch_first=True, padding_value=self.pad_token_id)
            return torch.cat([input_ids, padded], dim=1)

        model.generate = generate
        try:
            with head_at_last(model, 1):
                yield
        finally:
            del model.generate

    def _parts(self, prompts: Sequence[EncodedPrompt]) -> Iterator[list[list[int]]]:
        """Yield groups of rows, by index, that are generated together."""
        groups: dict[int, list[int]] = {}
        for i, prompt in enumerate(prompts):
            groups.setdefault(id(prompt), []).append(i)
        limit = 1 if self.apart else self.at_once or len(prompts)
        part: list[list[int]] = []
        for group in groups.values():
            if part and sum(map(len, part)) + len(group) > limit:
                yield part
                part = []
            part.append(group)
        yield part

    def _write(
        self,
        generate: Callable[..., Any],
        model: Any,
        prompts: Sequence[EncodedPrompt],
        part: list[list[int]],
        settings: dict[str, Any],
    ) -> list[torch.Tensor]:
        """Return what the model writes after each prompt of a part."""
        shared = self.share and is_reusable(model) and not settings["generation_config"].cache_implementation
        if shared and any(len(group) > 1 for group in part):
            distinct = [prompts[group[0]] for group in part]
            owner = [place for place, group in enumerate(part) for _ in group]
            return list(self._continue(generate, model, distinct, owner, settings))
        rows = [prompts[i] for group in part for i in group]
        written: list[torch.Tensor] = []
        for batch in [[row] for row in rows] if self.apart else [rows]:
            inputs = to_device(model, collate(batch, self.pad_token_id))
            with self._features(batch):
                written += generate(**inputs, **settings)[:, inputs["input_ids"].shape[1] :]
        return written

    def _continue(
        self,
        generate: Callable[..., Any],
        model: Any,
        prompts: Sequence[EncodedPrompt],
        owner: Sequence[int],
        settings: dict[str, Any],
    ) -> Any:
        """Return what follows the prompts, with a row for each index of a prompt in ``owner``."""
        batch = to_device(model, collate(prompts, self.pad_token_id))
        width = batch["input_ids"].shape[1]
        with self._features(prompts):
            cache = generate(**batch, **settings, **_READ, return_dict_in_generate=True).past_key_values
        index = torch.tensor(owner, device=model.device)
        cache.crop(width - 1)  # generation needs a token to begin with: it reads the prompt's last one again
        cache.batch_select_indices(index)
        for module in model.modules():  # how far the positions of tokens after media are from their places
            deltas = getattr(module, "rope_deltas", None)
            if isinstance(deltas, torch.Tensor):
                module.rope_deltas = deltas[index]
        rows = {key: batch[key][index] for key in ("input_ids", "attention_mask")}
        return generate(**rows, past_key_values=cache, **settings)[:, width:]

    def _features(self, prompts: Sequence[EncodedPrompt]) -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext() if self.towers is None else self.towers.of(prompts)
