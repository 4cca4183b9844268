"""Decisions: a stated prior pooled with the policy's choice.

The policy's bias towards an option for its wording alone is measured without evidence and divided out (Zhao et al.,
"Calibrate Before Use", 2021).
"""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from omnisense.errors import PolicyError
from omnisense.reasoning.loop import prompts
from omnisense.reasoning.loop.appraisal import EmotionValue, NeedName, NeedValue, StrategyName
from omnisense.reasoning.loop.state import LoopSettings, State, count_tokens, evidence_text, is_spent
from omnisense.reasoning.policies.base import Policy
from omnisense.reasoning.policies.messages import Messages

_log = logging.getLogger(__name__)
_POLICY_WEIGHT = 0.5  # of the policy's calibrated choice; the prior's is 1

# Which needs go with which emotion, after the optimal matching of support to stress (Cutrona and Russell, 1990): being
# heard for losses, comfort and safety for fear, space for anger, company in joy. Relative weights, not measured
# probabilities.
NEEDS: dict[EmotionValue, dict[NeedName, float]] = {
    "sadness": {"to be heard": 3, "comfort": 4, "company": 2, "space": 1},
    "fear": {"to be heard": 2, "comfort": 3, "safety": 2, "encouragement": 2, "information": 1},
    "anger": {"to be heard": 5, "space": 2, "information": 1, "comfort": 1},
    "disgust": {"to be heard": 4, "space": 2, "safety": 1},
    "joy": {"to share joy": 5, "to be heard": 2, "encouragement": 1},
    "surprise": {"to be heard": 3, "information": 2, "to share joy": 2},
    "neutral": {"to be heard": 3, "company": 2, "information": 2},
    "unknown": {"company": 3, "space": 2, "information": 1},
}
# Support strategies after Hill's helping skills as ESConv names them (Liu et al., 2021), by need.
SUPPORT_STRATEGIES: dict[NeedValue, dict[StrategyName, float]] = {
    "to be heard": {"reflect the feeling": 4, "validate": 3, "ask one open question": 3},
    "comfort": {"reflect the feeling": 3, "reassure": 4, "validate": 2},
    "company": {"reassure": 2, "ask one open question": 4, "reflect the feeling": 2},
    "space": {"give space": 5, "validate": 2},
    "safety": {"reassure": 4, "offer information": 2},
    "encouragement": {"encourage": 5, "validate": 2},
    "information": {"offer information": 3, "ask one open question": 3},
    "to share joy": {"share the joy": 6, "ask one open question": 2},
}
TONES: dict[EmotionValue, str] = {
    "sadness": "gentle concern",
    "fear": "calm reassurance",
    "anger": "calm understanding",
    "disgust": "calm understanding",
    "joy": "warm gladness",
    "surprise": "curious warmth",
    "neutral": "friendly interest",
    "unknown": "quiet openness",
}


Option = TypeVar("Option", bound=str)


@dataclass(frozen=True)
class Decision(Generic[Option]):
    """The outcome of a decision.

    Attributes:
        value: the option taken.
        probabilities: the pooled probability of each option; empty when neither prior nor policy gave any.
        policy_choice: what the policy alone would take; None when it was not asked.
        note: how the decision was made, where that is out of the ordinary.
        tokens: what it cost.
    """

    value: Option
    probabilities: dict[Option, float]
    policy_choice: Option | None = None
    note: str = ""
    tokens: int = 0


class Decider:
    """Decides with a policy; keeps the biases that it has measured."""

    def __init__(self, policy: Policy, settings: LoopSettings) -> None:
        self._policy, self._settings = policy, settings
        self._bias: dict[tuple[str, tuple[str, ...]], tuple[float, ...]] = {}

    def decide(
        self,
        state: State,
        question: str,
        options: Sequence[Option],
        prior: Mapping[Option, float] | None = None,
    ) -> Decision[Option]:
        """Pool a prior over the options with the policy's calibrated choice, at weights 1 and 0.5.

        Args:
            state: what is known in this turn.
            question: for the policy.
            options: at least one.
            prior: a weight for each option; None for no prior.

        Raises:
            PolicyError: the policy failed, or gave the wrong number of choices.
        """
        weights = prior or dict.fromkeys(options, 1.0)
        if len(options) == 1:
            return Decision(options[0], {options[0]: 1.0})
        if is_spent(state, self._settings):
            _log.warning("the budget was spent: '%s' is decided without the policy", question)
            return Decision(
                max(weights, key=weights.__getitem__),
                _normalize(weights) if prior else {},
                note="the budget was spent: decided without the policy",
            )
        prompt = prompts.decision_prompt(evidence_text(state, self._settings.timeline_tokens), question, options)
        opinion, tokens = self._ask(prompt, question, options), count_tokens([prompt], options)
        choice = max(opinion, key=opinion.__getitem__)
        if prior is None:
            return Decision(choice, opinion, choice, "", tokens)
        pooled = _normalize({o: weights[o] * max(opinion[o], 0.05) ** _POLICY_WEIGHT for o in options})
        value = max(pooled, key=pooled.__getitem__)
        note = f"the policy alone would choose '{choice}'" if choice != value else ""
        return Decision(value, pooled, choice, note, tokens)

    def _ask(self, prompt: Messages, question: str, options: Sequence[Option]) -> dict[Option, float]:
        """Return the policy's probability of each option, calibrated where it compares likelihoods."""
        batch, rows = [prompt], [options]
        key = (question, tuple(options))
        if self._policy.scores_likelihoods and key not in self._bias:
            batch, rows = [prompt, prompts.calibration_prompt(question, options)], [options, options]
        choices = self._policy.choose(batch, rows)
        if len(choices) != len(batch):
            raise PolicyError(
                f"the policy returned {len(choices)} choices for {len(batch)} prompts",
                "Make its choose() return one choice for each prompt.",
            )
        if len(choices) == 2:
            self._bias[key] = choices[1].probabilities
        bias = self._bias.get(key, (1.0,) * len(options))
        return _normalize(
            {o: p / max(b, 1e-6) for o, p, b in zip(options, choices[0].probabilities, bias, strict=True)}
        )


def _normalize(weights: Mapping[Option, float]) -> dict[Option, float]:
    total = math.fsum(weights.values()) or 1.0
    return {key: round(value / total, 4) for key, value in weights.items()}
