"""Policies: a language or omni model behind two verbs, ``write`` and ``choose``, always batched."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from omnisense.reasoning.policies.messages import Messages, PreparedPrompt

OnToken = Callable[[str], None]


@dataclass(frozen=True)
class Choice:
    """The option taken, by index, and a probability for each option (they sum to 1)."""

    index: int
    probabilities: tuple[float, ...]


@runtime_checkable
class Policy(Protocol):
    """What the reasoning loop, evaluation and training ask of a model.

    Attributes:
        name: for traces and reports.
        modalities: the part types it accepts; ``text`` always.
        scores_likelihoods: whether ``choose`` compares likelihoods of the options' text. Those carry a bias towards
            frequent words that the caller can measure and take off.
        needs_guidance: whether the model is small; the loop then lets it continue an opening written from the
            appraisal.
    """

    name: str
    scores_likelihoods: bool

    @property
    def modalities(self) -> frozenset[str]:
        """See the class."""
        ...

    @property
    def needs_guidance(self) -> bool:
        """See the class."""
        ...

    def prepare(self, prompt: Messages) -> PreparedPrompt:
        """Do ahead of time what ``write`` and ``choose`` would do first with a prompt: decode and encode its media.

        May be called from another thread while the model works.

        Raises:
            MediaError: media that cannot be opened or decoded.
            PolicyError: a part the model cannot take.
        """
        ...

    def write(
        self,
        prompts: Sequence[Messages],
        *,
        max_new_tokens: int = 256,
        temperature: float = 0.0,
        stop: Sequence[str] = (),
        seed: int = 0,
        on_token: OnToken | None = None,
    ) -> list[str]:
        """Continue each prompt; a prompt that ends with an assistant message is continued inside it.

        Args:
            prompts: one conversation each.
            max_new_tokens: upper bound for each reply.
            temperature: 0 for the likeliest reply, above to sample.
            stop: texts that end a reply; they are left out of it.
            seed: for sampling; the same call with the same seed gives the same replies.
            on_token: receives the first prompt's reply piece by piece while it is written.

        Raises:
            PolicyError: a prompt holds a part the model cannot take, or its service failed.
        """
        ...

    def choose(self, prompts: Sequence[Messages], options: Sequence[Sequence[str]]) -> list[Choice]:
        """Take one of each prompt's options.

        Raises:
            PolicyError: as for :meth:`write`, or a prompt has no options.
        """
        ...
