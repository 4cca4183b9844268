"""Decisions: a stated prior pooled with the policy's choice.

The policy's bias towards options for their wording alone is measured without evidence and taken off (Zhao et al.,
"Calibrate Before Use", 2021).
"""

from __future__ import annotations

import math
from typing import NamedTuple

from omnisense.errors import PolicyError
from omnisense.reasoning.loop import prompts
from omnisense.reasoning.loop.state import LoopSettings, State, count_tokens, evidence, is_spent
from omnisense.reasoning.policies.base import Policy
from omnisense.reasoning.policies.messages import Messages

_POLICY_WEIGHT = 0.5  # of the policy's calibrated choice against a prior's 1.0

# What helps with what, after the optimal matching of support to stress (Cutrona and Russell, 1990): being heard for
# losses, comfort and safety for fear, space for anger, company in joy. Shares, not probabilities of anything measured.
NEEDS: dict[str, dict[str, float]] = {
    "sadness": {"to be heard": 3, "comfort": 4, "company": 2, "space": 1},
    "fear": {"to be heard": 2, "comfort": 3, "safety": 2, "encouragement": 2, "information": 1},
    "anger": {"to be heard": 5, "space": 2, "information": 1, "comfort": 1},
    "disgust": {"to be heard": 4, "space": 2, "safety": 1},
    "joy": {"to share joy": 5, "to be heard": 2, "encouragement": 1},
    "surprise": {"to be heard": 3, "information": 2, "to share joy": 2},
    "neutral": {"to be heard": 3, "company": 2, "information": 2},
    "unknown": {"company": 3, "space": 2, "information": 1},
}
# Support moves after Hill's helping skills as ESConv names them (Liu et al., 2021), by need.
SUPPORT_STRATEGIES: dict[str, dict[str, float]] = {
    "to be heard": {"reflect the feeling": 4, "validate": 3, "ask one open question": 3},
    "comfort": {"reflect the feeling": 3, "reassure": 4, "validate": 2},
    "company": {"reassure": 2, "ask one open question": 4, "reflect the feeling": 2},
    "space": {"give space": 5, "validate": 2},
    "safety": {"reassure": 4, "offer information": 2},
    "encouragement": {"encourage": 5, "validate": 2},
    "information": {"offer information": 3, "ask one open question": 3},
    "to share joy": {"share the joy": 6, "ask one open question": 2},
}
SHOWN = {
    "sadness": "gentle concern",
    "fear": "calm reassurance",
    "anger": "calm understanding",
    "disgust": "calm understanding",
    "joy": "warm gladness",
    "surprise": "curious warmth",
    "neutral": "friendly interest",
    "unknown": "quiet openness",
}


class Decision(NamedTuple):
    """An option taken, the pooled probabilities, what the policy alone would take, a note, and the tokens it cost."""

    value: str
    probabilities: dict[str, float]
    policy_choice: str = ""
    note: str = ""
    tokens: int = 0


class Decider:
    """Decides by a policy; keeps the biases that it has measured."""

    def __init__(self, policy: Policy, settings: LoopSettings) -> None:
        self._policy, self._settings = policy, settings
        self._bias: dict[tuple[str, tuple[str, ...]], tuple[float, ...]] = {}

    def decide(self, state: State, question: str, options: list[str], prior: dict[str, float] | None) -> Decision:
        """Pool a prior over options (or none) with the policy's calibrated choice, weight 0.5 against 1."""
        weights = prior or dict.fromkeys(options, 1.0)
        if len(options) == 1:
            return Decision(options[0], {options[0]: 1.0})
        if is_spent(state, self._settings):
            return Decision(
                max(weights, key=weights.__getitem__),
                _shares(weights) if prior else {},
                note="the budget was spent: decided without the policy",
            )
        prompt = prompts.decision_prompt(evidence(state, self._settings.timeline_tokens), question, options)
        opinion, tokens = self._opinion(prompt, question, options), count_tokens([prompt], options)
        choice = max(opinion, key=opinion.__getitem__)
        if prior is None:
            return Decision(choice, opinion, choice, "", tokens)
        pooled = _shares({o: weights[o] * max(opinion[o], 0.05) ** _POLICY_WEIGHT for o in options})
        value = max(pooled, key=pooled.__getitem__)
        note = f"the policy alone would choose '{choice}'" if choice != value else ""
        return Decision(value, pooled, choice, note, tokens)

    def _opinion(self, prompt: Messages, question: str, options: list[str]) -> dict[str, float]:
        asked, row = [prompt], [options]
        key = (question, tuple(options))
        if self._policy.scores_likelihoods and key not in self._bias:
            asked, row = [prompt, prompts.unknown_prompt(question, options)], [options, options]
        choices = self._policy.choose(asked, row)
        if len(choices) != len(asked):
            raise PolicyError(f"the policy gave {len(choices)} choices for {len(asked)} prompts", "Mend the policy.")
        if len(choices) == 2:
            self._bias[key] = choices[1].probabilities
        bias = self._bias.get(key, (1.0,) * len(options))
        return _shares({o: p / max(b, 1e-6) for o, p, b in zip(options, choices[0].probabilities, bias, strict=True)})


def _shares(weights: dict[str, float]) -> dict[str, float]:
    total = math.fsum(weights.values()) or 1.0
    return {key: round(value / total, 4) for key, value in weights.items()}
