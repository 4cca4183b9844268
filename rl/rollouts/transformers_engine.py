"""Generation by transformers in a worker."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from omnisense.rl.rollouts.messages import Completion, Rollout, RolloutPrompt, RolloutSampling

_SCORED_AT_ONCE = 4  # completions; their logits over the vocabulary are in memory together


class TransformersEngine:
    """A model of transformers with an adapter.

    Args:
        model: folder of the model.
        dtype, attention: of :func:`omnisense.reasoning.policies.loading.load_model`.
        at_once: completions that are generated together at most; None for all of a request.
    """

    def __init__(
        self, model: str, dtype: str = "auto", attention: str | None = None, at_once: int | None = None
    ) -> None:
        import torch

        from omnisense.reasoning.policies.loading import load_model

        device = "cuda:0" if torch.cuda.is_available() else None
        self._base, self._encoder = load_model(Path(model), dtype, device, attention)
        self._model, self._at_once = self._base, at_once

    def load_adapter(self, folder: str) -> None:
        """Generate with the LoRA adapter in a folder from now on."""
        from omnisense.reasoning.policies.loading import load_adapter

        if self._model is self._base:
            self._model = load_adapter(self._base, folder).eval()
        else:
            self._model.load_adapter(folder, self._model.active_adapter)

    def generate(self, prompts: Sequence[RolloutPrompt], sampling: RolloutSampling) -> list[Rollout]:
        """Continue prompts."""
        import torch
        from transformers import GenerationConfig

        from omnisense.rl.trainers.shared_generation import SharedGeneration

        encoded = [self._encoder.expand(prompt.ids, prompt.media) for prompt in prompts]
        rows = [e for e, prompt in zip(encoded, prompts, strict=True) for _ in range(prompt.completions)]
        pad = self._encoder.tokenizer.pad_token_id
        apart = not self._encoder.family.batches_media
        torch.manual_seed(sampling.seed)
        config = GenerationConfig(
            **sampling.model_dump(exclude={"suppressed", "end", "seed", "top_k", "temperature", "min_p"}),
            do_sample=sampling.temperature > 0, temperature=sampling.temperature or None, top_k=sampling.top_k,
            min_p=sampling.min_p or None, suppress_tokens=list(sampling.suppressed) or None,
            eos_token_id=list(sampling.end) or None, pad_token_id=pad,
        )  # fmt: skip
        ids = torch.zeros(len(rows), 0, dtype=torch.long, device=self._base.device)
        with torch.inference_mode(), SharedGeneration(pad, at_once=self._at_once, apart=apart).of(self._base, rows):
            written = self._model.generate(input_ids=ids, attention_mask=ids, generation_config=config).tolist()
        written = [_until(row, sampling.end) for row in written]
        rollouts, at = [], 0
        for prompt, inputs in zip(prompts, encoded, strict=True):
            mine = written[at : at + prompt.completions]
            at += prompt.completions
            scores = self._log_probs(inputs, mine, sampling.temperature or 1.0)
            completions = [Completion(row, score) for row, score in zip(mine, scores, strict=True)]
            rollouts.append(Rollout(inputs.inputs["input_ids"][0].tolist(), completions))
        return rollouts

    def _log_probs(self, prompt: Any, completions: Sequence[list[int]], temperature: float) -> list[list[float]]:
        """Return the log-probability of each token of a prompt's completions."""
        import torch

        from omnisense.reasoning.policies.batching import collate, to_device
        from omnisense.reasoning.policies.scoring import append_tokens, head_at_last

        scores: list[list[float]] = []
        size = _SCORED_AT_ONCE if self._encoder.family.batches_media else 1
        for at in range(0, len(completions), size):
            part = completions[at : at + size]
            rows = [append_tokens(prompt, row) for row in part]
            longest = max(map(len, part))
            with torch.inference_mode(), head_at_last(self._base, longest + 1):
                inputs = to_device(self._base, collate(rows, self._encoder.tokenizer.pad_token_id))
                logits = self._model(**inputs, use_cache=False).logits.float()[:, -longest - 1 :]
            found = torch.log_softmax(logits / temperature, dim=-1)
            for i, row in enumerate(part):
                begin = longest - len(row)
                scores.append([float(found[i, begin + n, token]) for n, token in enumerate(row)])
        return scores


def _until(ids: list[int], end: Sequence[int]) -> list[int]:
    """Return tokens up to the first that ends a completion, with it."""
    return next((ids[: i + 1] for i, token in enumerate(ids) if token in end), ids)
