"""Prompts encoded in threads, ahead of the model, and once for all completions of their group."""

from __future__ import annotations

import json
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict
from typing import NamedTuple

import threadpoolctl

from omnisense.perception.media.sampling import Sampling
from omnisense.reasoning.policies.encoding import EncodedPrompt, Encoder
from omnisense.reasoning.policies.messages import MediaUsage, Messages


class PrefetchedPrompt(NamedTuple):
    """A prompt's tensors, and which of its media they contain."""

    prompt: EncodedPrompt
    media_usage: MediaUsage


def dump_prompt(prompt: Messages) -> str:
    """Return a prompt as JSON, its media by reference: the content of a dataset row, and the key of the prompt."""
    return json.dumps(prompt, default=asdict, ensure_ascii=False, sort_keys=True)


def load_prompt(text: str) -> Messages:
    """Return the prompt that :func:`dump_prompt` wrote."""
    prompt: Messages = json.loads(text)
    for message in prompt:
        for part in message["content"]:
            if "sampling" in part:
                part["sampling"] = Sampling(**part["sampling"])  # type: ignore[arg-type]
    return prompt


class PromptPrefetcher:
    """Encodes prompts in worker threads, each distinct one once.

    Args:
        encoder: of the model that is trained.
        threads: how many prompts are decoded and encoded at once.

    Attributes:
        num_encoded: how many prompts have been encoded so far.
    """

    def __init__(self, encoder: Encoder, threads: int = 4) -> None:
        self._encoder, self.num_encoded = encoder, 0
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="encode", initializer=_use_one_openmp_thread)
        self._pending: dict[str, Future[PrefetchedPrompt]] = {}
        self._last: frozenset[str] = frozenset()

    def prefetch(self, prompts: Sequence[str]) -> None:
        """Start to encode prompts that will be needed.

        TRL hands out a batch once for each update on it; only the first of these calls has an effect.
        """
        wanted = frozenset(prompts)
        if wanted != self._last:
            self._last = wanted
            self._submit(prompts)

    def take(self, prompts: Sequence[str]) -> list[PrefetchedPrompt]:
        """Return the encoded prompts, in their order, and forget them.

        Raises:
            MediaError, PolicyError: from the first prompt that cannot be encoded.
        """
        self._submit(prompts)
        taken = {prompt: self._pending.pop(prompt) for prompt in dict.fromkeys(prompts)}
        return [taken[prompt].result() for prompt in prompts]

    def _submit(self, prompts: Sequence[str]) -> None:
        for prompt in dict.fromkeys(prompts):
            if prompt not in self._pending:
                self._pending[prompt] = self._threads.submit(self._encode, prompt)
                self.num_encoded += 1

    def _encode(self, prompt: str) -> PrefetchedPrompt:
        return PrefetchedPrompt(*self._encoder.encode(load_prompt(prompt)))


def _use_one_openmp_thread() -> None:
    """Limit a worker to one OpenMP thread: more would spin on the cores that the model needs (half its speed)."""
    threadpoolctl.ThreadpoolController().select(user_api="openmp").limit(limits=1)
