"""Decisions: what the policy is asked, what it can reach, and what is decided without it."""

import pytest

from omnisense import Agent, Choice, EmotionSet, ScriptedPolicy, StrategySet
from omnisense.reasoning.loop.appraisal import EMOTIONS, Emotion, Need
from omnisense.reasoning.loop.appraiser import Appraiser
from omnisense.reasoning.loop.decisions import Decider
from omnisense.reasoning.loop.state import LoopSettings, initial_state
from omnisense.reasoning.policies.messages import text_of
from omnisense.reasoning.profile import PolicyProfile
from omnisense.text import shorten

DEFAULT = StrategySet()


def decide(step, choice, **state):
    """What the appraiser decides when a policy with a say is sure of ``choice``."""
    profile = PolicyProfile("scripted", leads=False, weights={step: {"prior": 1.0, "policy": 1.0}})
    appraiser = Appraiser(ScriptedPolicy((), (choice,)), LoopSettings(profile=profile))
    return getattr(appraiser, step)({**initial_state(None, "a message"), **state})[step]


@pytest.mark.parametrize("need", DEFAULT.need_names)
@pytest.mark.parametrize("felt", [*EMOTIONS, "unknown"])
def test_every_need_can_win_with_every_emotion(need, felt):
    assert decide("need", need, emotion=Emotion(felt, probabilities={felt: 1.0})).value == need


@pytest.mark.parametrize("strategy", DEFAULT.strategy_names)
@pytest.mark.parametrize("felt", ["sadness", "neutral", "unknown"])
@pytest.mark.parametrize("need", DEFAULT.need_names)
def test_every_strategy_can_win_with_every_need(strategy, need, felt):
    assert decide("strategy", strategy, emotion=Emotion(felt), need=Need(need)).value == strategy


def prior_choice(step, **given):
    weights = getattr(DEFAULT, f"{step}_weights")(**given)
    return max(weights, key=weights.__getitem__)


def test_the_tables_alone_reach_every_need_and_every_strategy():
    emotions = EmotionSet()
    needs = {
        prior_choice("need", felt={e: 1.0}, emotions=emotions, feelings=feelings, is_silent=silent)
        for e in (*EMOTIONS, "unknown")
        for feelings in [[], *([f] for f in DEFAULT.feeling_needs)]
        for silent in (False, True)
    }
    assert needs == set(DEFAULT.need_names)
    strategies = {prior_choice("strategy", need=n, felt=e, emotions=emotions) for n in needs for e in EMOTIONS}
    assert strategies == set(DEFAULT.strategy_names)


def test_a_policy_without_a_say_is_not_asked():
    policy = ScriptedPolicy(["I am here."])
    settings = LoopSettings(profile=PolicyProfile("scripted", leads=False, weights={"emotion": {"policy": 0.0}}))
    appraisal = Agent(policy, memory=None, settings=settings).respond(text="My dog died yesterday.").appraisal
    assert all(step.policy_choice is None for step in (appraisal.emotion, appraisal.context, appraisal.need))
    assert all("Options" not in text_of(call[-1]) for call in policy.calls)  # replies were written, nothing was chosen


def test_an_unreadable_choice_falls_back_on_the_prior_and_says_so():
    class Unreadable(ScriptedPolicy):
        def choose(self, prompts, options, *, max_seconds=None):
            return [Choice(0, tuple(1 / len(row) for _ in row), readable=False) for row in options]

    decision = Decider(Unreadable(), LoopSettings()).decide(initial_state(None, "x"), "need", "?", {"a": 1.0, "b": 3.0})
    assert (decision.value, decision.policy_choice) == ("b", None)
    assert decision.note == "the policy's choice could not be read: decided without it"


def test_a_decision_reads_both_ends_of_a_long_text():
    policy = ScriptedPolicy()
    text = "The beginning. " + "And so on. " * 5000 + "The end."
    Decider(policy, LoopSettings()).decide(initial_state(None, text), "need", "?", {"a": 1.0, "b": 1.0})
    prompt = text_of(policy.calls[-1][-1])
    assert len(prompt) < 3000
    assert "The beginning." in prompt
    assert "The end." in prompt


def test_shorten():
    assert shorten("one two", 10) == "one two"
    assert shorten("one two three four five", 20) == "one [...] five"


def test_own_emotions_take_needs_and_tones_from_what_they_are_read_from():
    own = EmotionSet({"calm": ("neutral",), "homesick": ("sadness",)}, {}, "calm")
    weights = DEFAULT.need_weights({"homesick": 1.0}, own)
    assert weights == DEFAULT.need_weights({"sadness": 1.0}, EmotionSet())
    assert DEFAULT.tone("homesick", own) == DEFAULT.tones["sadness"]
