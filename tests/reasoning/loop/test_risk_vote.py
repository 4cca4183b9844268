"""The policy's vote on risk: asked in doubt only, of a policy that was measured and leads, and it can only raise."""

import json

import pytest

from omnisense import Agent
from omnisense.reasoning.loop import risk_vote, safety
from omnisense.reasoning.loop.appraisal import SafetyFinding
from omnisense.reasoning.loop.risk_vote import DANGER, OPTIONS
from omnisense.reasoning.loop.state import LoopSettings
from omnisense.reasoning.policies.scripted import ScriptedPolicy
from omnisense.reasoning.profile import PolicyProfile
from omnisense.reasoning.safety.heads import read_sentences

TURN = json.dumps({"emotion": "sadness", "need": "comfort", "strategy": "reflect the feeling", "reply": "I hear you."})
DOUBT = SafetyFinding("self-harm", "I was never meant to get this old", escalate=True, grade="risk", probability=0.3)
MEASURED = PolicyProfile("scripted", "measured", leads=True)


class Reader(ScriptedPolicy):
    """Counts what it is asked about danger, and answers always the same."""

    def __init__(self, answer):
        self.asked = []
        super().__init__([TURN], self._choose)
        self._answer = answer

    def _choose(self, messages, options):
        if tuple(options) == OPTIONS:
            self.asked.append(messages[-1]["content"])
            return self._answer
        return 0


@pytest.fixture
def in_doubt(monkeypatch):
    monkeypatch.setattr(risk_vote.safety, "find_doubt", lambda text: DOUBT if "old" in text else None)


def respond(policy, text, profile=MEASURED):
    return Agent(policy, memory=None, settings=LoopSettings(profile=profile)).respond(text=text)


@pytest.mark.usefixtures("in_doubt")
def test_a_danger_that_the_policy_sees_is_answered_with_care_and_reported():
    policy = Reader(DANGER)
    response = respond(policy, "I was never meant to get this old.")
    assert response.safety.escalate
    assert response.safety.category == "self-harm"
    assert response.safety.note == "the policy saw a danger where the gate was in doubt"
    assert response.trace.reply.written_by == "safety gate"
    assert "never meant to get this old" in policy.asked[-1][0]["text"]


@pytest.mark.usefixtures("in_doubt")
def test_without_danger_the_turn_goes_on_as_before():
    policy = Reader(OPTIONS[1])
    response = respond(policy, "I was never meant to get this old.")
    assert policy.asked
    assert response.response == "I hear you."
    assert not response.safety.escalate


@pytest.mark.usefixtures("in_doubt")
@pytest.mark.parametrize(
    "profile", [PolicyProfile("scripted", "prior", leads=True), PolicyProfile("scripted", "measured", leads=False)]
)
def test_a_policy_that_was_not_measured_to_lead_has_no_vote(profile):
    policy = Reader(DANGER)
    assert not respond(policy, "I was never meant to get this old.", profile).safety.escalate
    assert not policy.asked


@pytest.mark.usefixtures("in_doubt")
def test_the_vote_never_lowers_what_patterns_found_and_is_not_asked_without_doubt():
    policy = Reader(OPTIONS[0])
    assert respond(policy, "I want to kill myself, I am too old.").safety.category == "self-harm"
    assert not respond(policy, "The train leaves at nine.").safety.escalate
    assert not policy.asked


@pytest.mark.usefixtures("in_doubt")
def test_a_policy_that_fails_at_the_vote_costs_no_turn(caplog):
    class Broken(Reader):
        def _choose(self, messages, options):
            if tuple(options) == OPTIONS:
                return "no option at all"
            return 0

    assert respond(Broken(DANGER), "I was never meant to get this old.").response == "I hear you."


@pytest.mark.models
def test_the_head_is_in_doubt_about_hints_only():
    assert safety.find_doubt("The train leaves at nine.") is None
    assert safety.find_doubt("There is a monster under my bed") is None
    rows = [row["text"] for row in read_sentences("sentences.csv") if row["split"] == "tune"][::5]
    quiet = [text for text in rows if safety.check_input(text).category is None]
    doubts = [found for text in quiet if (found := safety.find_doubt(text))]
    assert 0 < len(doubts) < len(quiet) / 2
    assert all(found.escalate and found.category and found.probability >= 0.1 for found in doubts)
