"""Records what a policy is asked, so that training rows hold the very prompts of the agent."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from omnisense.reasoning.policies.base import Choice, OnToken, Policy
from omnisense.reasoning.policies.messages import Messages, Modality, PreparedPrompt


@dataclass(frozen=True)
class PolicyCall:
    """One prompt that a policy was given.

    Attributes:
        verb: ``choose`` or ``write``.
        prompt: as it was given.
        options: to choose from; empty for ``write``.
        place: of the prompt in its batch.
        reply: what was written; empty for ``choose``.
    """

    verb: Literal["choose", "write"]
    prompt: Messages
    options: tuple[str, ...] = ()
    place: int = 0
    reply: str = ""


class RecordingPolicy:
    """A policy that hands on every call, and reports it afterwards.

    Args:
        policy: which answers.
        on_call: receives each prompt that was put to it, in order.
        scores_likelihoods: whether callers shall measure the bias for an option's wording; None: as the policy says.
        needs_guidance: whether callers shall treat it as a small model; None: as the policy says.
    """

    def __init__(
        self,
        policy: Policy,
        on_call: Callable[[PolicyCall], None],
        *,
        scores_likelihoods: bool | None = None,
        needs_guidance: bool | None = None,
    ) -> None:
        self._policy, self._on_call, self._needs_guidance = policy, on_call, needs_guidance
        self.name = policy.name
        self.scores_likelihoods = policy.scores_likelihoods if scores_likelihoods is None else scores_likelihoods

    @property
    def modalities(self) -> frozenset[Modality]:
        """Those of the policy."""
        return self._policy.modalities

    @property
    def parameters(self) -> float | None:
        """Those of the model; None where it does not tell."""
        return getattr(self._policy, "parameters", None)

    @property
    def needs_guidance(self) -> bool:
        """See the class."""
        return self._policy.needs_guidance if self._needs_guidance is None else self._needs_guidance

    def prepare(self, prompt: Messages) -> PreparedPrompt:
        """See :class:`omnisense.reasoning.policies.base.Policy`."""
        return self._policy.prepare(prompt)

    def write(
        self,
        prompts: Sequence[Messages],
        *,
        max_new_tokens: int = 256,
        temperature: float = 0.0,
        stop: Sequence[str] = (),
        seed: int = 0,
        on_token: OnToken | None = None,
        schema: Mapping[str, Any] | None = None,
        max_seconds: float | None = None,
    ) -> list[str]:
        """See :class:`omnisense.reasoning.policies.base.Policy`."""
        replies = self._policy.write(
            prompts,
            max_new_tokens=max_new_tokens,
            temperature=temperature,
            stop=stop,
            seed=seed,
            on_token=on_token,
            schema=schema,
            max_seconds=max_seconds,
        )
        for place, (prompt, reply) in enumerate(zip(prompts, replies, strict=True)):
            self._on_call(PolicyCall("write", list(prompt), place=place, reply=reply))
        return replies

    def choose(
        self, prompts: Sequence[Messages], options: Sequence[Sequence[str]], *, max_seconds: float | None = None
    ) -> list[Choice]:
        """See :class:`omnisense.reasoning.policies.base.Policy`."""
        choices = self._policy.choose(prompts, options, max_seconds=max_seconds)
        for place, (prompt, row) in enumerate(zip(prompts, options, strict=True)):
            self._on_call(PolicyCall("choose", list(prompt), tuple(row), place))
        return choices
