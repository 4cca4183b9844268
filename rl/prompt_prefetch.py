"""Prompts encoded once for all completions of their group, in threads, while the model is still at the last batch."""

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


class Encoded(NamedTuple):
    """A prompt's tensors, and what of its media is in them."""

    prompt: EncodedPrompt
    media_usage: MediaUsage


def dump_prompt(prompt: Messages) -> str:
    """A prompt as JSON, its media by reference: what a dataset row holds, and what names the prompt."""
    return json.dumps(prompt, default=asdict, ensure_ascii=False, sort_keys=True)


def read_prompt(text: str) -> Messages:
    """The prompt that :func:`dump_prompt` wrote."""
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
        threads: how many prompts are decoded at once.

    Attributes:
        encoded: how many prompts have been encoded so far.
    """

    def __init__(self, encoder: Encoder, threads: int = 4) -> None:
        self._encoder, self.encoded = encoder, 0
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="encode", initializer=_alone)
        self._pending: dict[str, Future[Encoded]] = {}
        self._last: frozenset[str] = frozenset()

    def expect(self, prompts: Sequence[str]) -> None:
        """Begin with prompts that will be needed. TRL hands out a batch once for each update: only the first counts."""
        wanted = frozenset(prompts)
        if wanted != self._last:
            self._last = wanted
            self._submit(prompts)

    def take(self, prompts: Sequence[str]) -> list[Encoded]:
        """The prompts encoded, in their order; those taken are forgotten.

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
                self.encoded += 1

    def _encode(self, prompt: str) -> Encoded:
        return Encoded(*self._encoder.encode(read_prompt(prompt)))


def _alone() -> None:
    """One OpenMP thread for a worker: a team of its own spins on the cores that the model needs (half its speed)."""
    threadpoolctl.ThreadpoolController().select(user_api="openmp").limit(limits=1)
