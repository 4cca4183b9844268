"""Completions from rollout workers, for the GRPO trainer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from omnisense.reasoning.policies.encoding import EncodedPrompt, Encoder
from omnisense.reasoning.policies.messages import Messages, media_of
from omnisense.rl.rollouts.messages import Rollout, RolloutPrompt, RolloutSampling
from omnisense.rl.rollouts.workers import RolloutError, RolloutWorkers


class RolloutGeneration:
    """Generates with workers, and keeps their weights those of the trainer.

    Args:
        workers: that generate.
        encoder: of the model that is trained.
        folder: for the adapter that the workers load, one for each process of training.
    """

    def __init__(self, workers: RolloutWorkers, encoder: Encoder, folder: Path) -> None:
        self._workers, self._encoder, self._folder = workers, encoder, folder
        self._loaded_step: int | None = None

    def check(self, prompts: Sequence[Messages]) -> None:
        """Check that the workers read prompts as the trainer does, by the first one of each combination of media.

        Raises:
            RolloutError: they do not.
        """
        kinds = {tuple((part["type"], part.get("with_audio", True)) for part in media_of(p)): p for p in prompts[::-1]}
        chosen = list(kinds.values())
        encoded = [self._encoder.encode(prompt)[0] for prompt in chosen]
        self._ask(chosen, encoded, [1] * len(chosen), RolloutSampling(max_new_tokens=1))

    def write(
        self,
        prompts: Sequence[Messages],
        encoded: Sequence[EncodedPrompt],
        sampling: RolloutSampling,
        model: Any,
        step: int,
    ) -> tuple[list[list[int]], list[list[float]]]:
        """Return a completion for each prompt, and the log-probabilities of its tokens.

        Args:
            prompts: those of a group are equal and follow each other.
            encoded: the same as the trainer's model reads them; those of a group are one object.
            sampling: of the tokens.
            model: with the adapter that is trained.
            step: of training; the workers get the adapter once a step.

        Raises:
            RolloutError: a worker failed, or read another prompt.
        """
        if step != self._loaded_step:
            model.save_pretrained(self._folder, selected_adapters=["default"])
            self._workers.load_adapter(self._folder.absolute())
            self._loaded_step = step
        groups: dict[int, list[int]] = {}
        for i, prompt in enumerate(encoded):
            groups.setdefault(id(prompt), []).append(i)
        first = [members[0] for members in groups.values()]
        counts = [len(members) for members in groups.values()]
        found = self._ask([prompts[i] for i in first], [encoded[i] for i in first], counts, sampling)
        written: dict[int, Any] = {}
        for rollout, members in zip(found, groups.values(), strict=True):
            written |= zip(members, rollout.completions, strict=True)
        completions = [written[i] for i in range(len(encoded))]
        return [c.ids for c in completions], [c.log_probs for c in completions]

    def _ask(
        self,
        prompts: Sequence[Messages],
        encoded: Sequence[EncodedPrompt],
        counts: Sequence[int],
        sampling: RolloutSampling,
    ) -> list[Rollout]:
        asked = [RolloutPrompt(*self._encoder.unexpanded(p), count) for p, count in zip(prompts, counts, strict=True)]
        rollouts = self._workers.generate(asked, sampling)
        for ours, theirs in zip(encoded, rollouts, strict=True):
            ids = ours.inputs["input_ids"][0].tolist()
            if ids != theirs.prompt_ids:
                raise RolloutError(
                    f"a rollout worker reads a prompt as {len(theirs.prompt_ids)} tokens, the trainer as {len(ids)}, "
                    f"which differ from number {_first_difference(ids, theirs.prompt_ids)} on",
                    "Use the same model files and a version of the worker's library that encodes media alike.",
                )
        return rollouts


def _first_difference(a: Sequence[int], b: Sequence[int]) -> int:
    return next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))


def sampling_from(settings: Any, seed: int) -> RolloutSampling:
    """Return how tokens are sampled by a generation configuration of transformers.

    Args:
        settings: the configuration.
        seed: of this call.
    """
    given: Mapping[str, Any] = {
        name: getattr(settings, name)
        for name in ("max_new_tokens", "temperature", "top_p", "top_k", "min_p", "repetition_penalty")
        if getattr(settings, name) is not None
    }
    end, suppressed = settings.eos_token_id or (), settings.suppress_tokens or ()
    return RolloutSampling(**given, end=tuple(end), suppressed=tuple(suppressed), seed=seed)
