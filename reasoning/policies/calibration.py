"""Choices less the policy's bias for an option's wording.

A language model favors some options before it has seen any evidence, because their words are frequent or stand first.
The bias is measured by the same question without evidence, and divided out (Zhao et al., "Calibrate Before Use", 2021;
Holtzman et al., "Surface Form Competition", 2021).
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from omnisense.errors import PolicyError
from omnisense.reasoning.policies.base import Choice, Policy, no_choice
from omnisense.reasoning.policies.messages import Messages

_FLOOR = 1e-6  # a probability below it is rounding
_REMEMBERED = 256


class CalibratedChooser:
    """Chooses with a policy and divides its bias out; keeps the biases that it has measured.

    Policies that do not compare likelihoods of the options' text have no such bias, and choose alone.

    Args:
        policy: what chooses.
    """

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._biases: dict[str, tuple[float, ...]] = {}

    def choose(
        self,
        prompts: Sequence[Messages],
        options: Sequence[Sequence[str]],
        neutral_prompts: Sequence[Messages],
        max_seconds: float | None = None,
    ) -> list[Choice]:
        """Take one of each prompt's options.

        Args:
            prompts: one conversation each.
            options: for each prompt, at least one.
            neutral_prompts: each prompt's question without the evidence.
            max_seconds: upper bound for the whole call; choices are not ``readable`` that are not made by then, or
                whose bias is not measured by then.

        Raises:
            PolicyError: the policy failed, or returned the wrong number of choices.
        """
        if not self._policy.scores_likelihoods:
            return self._ask(prompts, options, max_seconds)
        keys = [
            json.dumps([prompt, list(row)], default=str) for prompt, row in zip(neutral_prompts, options, strict=True)
        ]
        # Read now: another thread may fill the memory and empty it.
        biases = {key: self._biases[key] for key in keys if key in self._biases}
        new = {key: i for i, key in enumerate(keys) if key not in biases}
        choices = self._ask(
            [*prompts, *(neutral_prompts[i] for i in new.values())],
            [*options, *(options[i] for i in new.values())],
            max_seconds,
        )
        found = zip(new, choices[len(prompts) :], strict=True)
        measured = {key: choice.probabilities for key, choice in found if choice.readable}
        if len(self._biases) + len(measured) > _REMEMBERED:
            self._biases.clear()
        self._biases |= measured
        biases |= measured
        return [
            _divide(choice, biases[key]) if choice.readable and key in biases else no_choice(choice.probabilities)
            for choice, key in zip(choices[: len(prompts)], keys, strict=True)
        ]

    def _ask(
        self, prompts: Sequence[Messages], options: Sequence[Sequence[str]], max_seconds: float | None
    ) -> list[Choice]:
        choices = self._policy.choose(prompts, options, max_seconds=max_seconds)
        if len(choices) != len(prompts):
            raise PolicyError(
                f"the policy returned {len(choices)} choices for {len(prompts)} prompts",
                "Make its choose() return one choice for each prompt.",
            )
        return choices


def _divide(choice: Choice, bias: Sequence[float]) -> Choice:
    weights = [max(p, _FLOOR) / max(b, _FLOOR) for p, b in zip(choice.probabilities, bias, strict=True)]
    total = sum(weights)
    return Choice(max(range(len(weights)), key=weights.__getitem__), tuple(weight / total for weight in weights))
