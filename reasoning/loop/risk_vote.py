"""A second reader of risk: a policy that was measured and leads is asked where the head on the embedding is in doubt.

It can only raise a finding. What patterns or the head found stays, whatever the policy says.
"""

from __future__ import annotations

import logging
from dataclasses import replace

from omnisense.errors import PolicyError
from omnisense.reasoning.loop import safety
from omnisense.reasoning.loop.appraisal import SafetyFinding
from omnisense.reasoning.loop.decisions import Decider
from omnisense.reasoning.loop.state import LoopSettings, State, told_words
from omnisense.reasoning.policies.base import Policy

QUESTION = "Might somebody be in danger: of suicide, self-harm, abuse, violence or a medical emergency?"
DANGER = "somebody may be in danger"
OPTIONS = ("there is no danger", "somebody is sad or upset, without danger", DANGER)
RAISE_FROM = 0.6  # of the policy's probability
_log = logging.getLogger(__name__)


class RiskVote:
    """Asks the policy of a turn.

    Args:
        policy: is asked if its profile was measured and says that it leads.
        settings: of the loop.
    """

    def __init__(self, policy: Policy, settings: LoopSettings) -> None:
        self._policy, self._settings, self._decider = policy, settings, Decider(policy, settings)

    def raised(self, state: State) -> State:
        """Return an update of the finding where the policy sees a danger that the gate was in doubt about; else none.

        A policy that fails here costs the vote, never the turn.
        """
        finding = state["safety"]
        doubt = None if finding.category else safety.find_doubt(told_words(state))
        if doubt is None or not self._may_vote():
            return {}
        try:
            opinion = self._decider.ask(state, "risk", QUESTION, OPTIONS)
        except PolicyError as error:
            _log.warning("the policy did not say whether there is a risk (%s)", error)
            return {}
        if opinion.note:
            _log.warning("no vote on risk: %s", opinion.note)
        spent: State = {"spent_tokens": state["spent_tokens"] + opinion.tokens}
        if opinion.probabilities.get(DANGER, 0.0) < RAISE_FROM:
            return spent
        _log.warning("safety escalation by the policy: %s", doubt.category)
        return {**spent, "safety": _with_note(doubt, finding)}

    def _may_vote(self) -> bool:
        profile = self._settings.profile_of(self._policy)
        return profile.leads and profile.source == "measured"


def _with_note(doubt: SafetyFinding, finding: SafetyFinding) -> SafetyFinding:
    return replace(
        doubt, injection=finding.injection, doubtful=False, note="the policy saw a danger where the gate was in doubt"
    )
