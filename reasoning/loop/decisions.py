"""Decisions: a stated prior pooled with the policy's choice."""

from __future__ import annotations

import functools
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from omnisense.reasoning.loop import prompts
from omnisense.reasoning.loop.state import (
    CHARS_PER_TOKEN,
    GUIDED_TIMELINE_TOKENS,
    LoopSettings,
    State,
    count_tokens,
    evidence_text,
    is_spent,
    seconds_left,
)
from omnisense.reasoning.media import with_media
from omnisense.reasoning.policies.base import Policy
from omnisense.reasoning.policies.calibration import CalibratedChooser
from omnisense.reasoning.policies.messages import Messages
from omnisense.reasoning.pooling import POLICY, pool_log_linear
from omnisense.reasoning.profile import PolicyProfile
from omnisense.text import shorten

_log = logging.getLogger(__name__)
Option = TypeVar("Option", bound=str)


@dataclass(frozen=True)
class Opinion(Generic[Option]):
    """What the policy says about a decision.

    Attributes:
        probabilities: of each option; empty when the policy was not asked.
        note: why it was not asked, where that is out of the ordinary.
        tokens: what it cost.
    """

    probabilities: dict[Option, float] = field(default_factory=dict)
    note: str = ""
    tokens: int = 0

    @property
    def choice(self) -> Option | None:
        """What the policy alone would take; None when it was not asked."""
        return max(self.probabilities, key=self.probabilities.__getitem__, default=None)


@dataclass(frozen=True)
class Decision(Generic[Option]):
    """The outcome of a decision.

    Attributes:
        value: the option taken.
        probabilities: the pooled probability of each option.
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
    """Decides with a policy."""

    def __init__(self, policy: Policy, settings: LoopSettings) -> None:
        self._policy, self._settings = policy, settings
        self._chooser = CalibratedChooser(policy)

    @functools.cached_property
    def profile(self) -> PolicyProfile:
        """How the policy is used."""
        return self._settings.profile_of(self._policy)

    def decide(self, state: State, name: str, question: str, prior: Mapping[Option, float]) -> Decision[Option]:
        """Pool a prior over the options with the policy's choice, at the weights of the policy's profile.

        Args:
            state: what is known in this turn.
            name: of the decision, in the profile.
            question: for the policy.
            prior: a weight above 0 for each option, all equal where nothing is known.

        Raises:
            PolicyError: the policy failed, or gave the wrong number of choices.
        """
        options, total = list(prior), sum(prior.values())
        opinion = self.ask(state, name, question, options)
        sources = {"prior": {option: weight / total for option, weight in prior.items()}}
        if opinion.probabilities:
            sources["policy"] = opinion.probabilities
        pooled = pool_log_linear(sources, {"prior": 1.0, **self.profile.weights_of(name)}, options)
        value, note = max(pooled, key=pooled.__getitem__), opinion.note
        if opinion.choice not in (None, value):
            note = f"the policy alone would choose '{opinion.choice}'"
        return Decision(value, {o: round(p, 4) for o, p in pooled.items()}, opinion.choice, note, opinion.tokens)

    def ask(
        self, state: State, name: str, question: str, options: Sequence[Option], source: str = POLICY
    ) -> Opinion[Option]:
        """Ask the policy, unless its weight is 0, there is one option, or the budget is spent.

        Args:
            state: what is known in this turn.
            name: of the decision, in the profile.
            question: for the policy.
            options: at least one.
            source: by what name the profile has the policy's weight.

        Raises:
            PolicyError: the policy failed, or gave the wrong number of choices.
        """
        if len(options) == 1 or not self.profile.weights_of(name)[source]:
            return Opinion()
        if is_spent(state, self._settings):
            _log.warning("the budget was spent: '%s' is decided without the policy", question)
            return Opinion(note="the budget was spent: decided without the policy")
        prompt = self._prompt(state, question, options)
        neutral = prompts.calibration_prompt(question, options)
        left_s = seconds_left(state, self._settings)
        [choice] = self._chooser.choose([prompt], [options], [neutral], max_seconds=left_s)
        tokens = count_tokens([prompt], options)
        if not choice.readable:
            late = is_spent(state, self._settings)
            why = "was not made in time" if late else "could not be read"
            return Opinion(note=f"the policy's choice {why}: decided without it", tokens=tokens)
        return Opinion(dict(zip(options, choice.probabilities, strict=True)), "", tokens)

    def opinions(self, states: Sequence[State], question: str, options: Sequence[Option]) -> list[dict[Option, float]]:
        """Return the policy's probabilities for several turns in one batch; empty ones where a choice is unreadable.

        Raises:
            PolicyError: the policy failed, or gave the wrong number of choices.
        """
        asked = [self._prompt(state, question, options) for state in states]
        neutral = prompts.calibration_prompt(question, options)
        choices = self._chooser.choose(asked, [options] * len(asked), [neutral] * len(asked))
        return [dict(zip(options, c.probabilities, strict=True)) if c.readable else {} for c in choices]

    def _prompt(self, state: State, question: str, options: Sequence[Option]) -> Messages:
        # A decision reads the beginning and the end of a long text: several are made in a turn.
        space = self._settings.timeline_tokens or GUIDED_TIMELINE_TOKENS
        typed = shorten(state["typed"], CHARS_PER_TOKEN * space)
        [asked] = prompts.decision_prompt(evidence_text({**state, "typed": typed}, space), question, options)
        return [with_media(asked, state["media"])]
