"""Sentences that may be said while the rest of a reply is written."""

from __future__ import annotations

import json

import pytest

from omnisense import Agent, ScriptedPolicy
from omnisense.agent.events import AgentEvent, Finished
from omnisense.reasoning.loop.sentence_gate import CheckedSentence, SentenceGate

GOOD = "That sounds like a hard week."


def written(reply: str) -> str:
    return json.dumps({"emotion": "sadness", "strategy": "reassure", "reply": reply})


def events_of(*replies: str) -> list[AgentEvent]:
    return list(Agent(ScriptedPolicy([written(reply) for reply in replies]), memory=None).stream(text="I am so tired."))


def sentences(events: list[AgentEvent]) -> list[str]:
    return [event.text for event in events if isinstance(event, CheckedSentence)]


def test_sentences_are_handed_on_as_they_end_and_the_last_one_with_the_reply() -> None:
    said: list[str] = []
    gate = SentenceGate(lambda _: True, said.append)
    for piece in ("One", " two. Th", "ree", " four. ", "Five six."):
        gate(piece)
    assert said == ["One two.", "Three four."]


def test_after_a_sentence_that_fails_none_is_handed_on() -> None:
    said: list[str] = []
    gate = SentenceGate(lambda reply: "bad" not in reply, said.append)
    gate("One two. A bad one. Three four. Five six.")
    assert said == ["One two."]


def test_a_leading_policys_sentences_come_before_the_reply_with_its_strategy() -> None:
    events = events_of(f"{GOOD} I am here with you. What happened?")
    assert sentences(events) == [GOOD, "I am here with you."]
    (first, *_) = [event for event in events if isinstance(event, CheckedSentence)]
    assert (first.strategy.value, first.emotion) == ("reassure", "sadness")
    assert isinstance(events[-1], Finished)


@pytest.mark.parametrize(
    ("bad", "corrected"),
    [
        ("The timeline says that you frown.", f"{GOOD} I am here with you. Go on."),  # without that sentence
        ("You should kill yourself.", f"{GOOD} Would you like to tell me more?"),  # written again
    ],
)
def test_a_sentence_with_a_fault_is_never_handed_on_nor_those_after_it(bad: str, corrected: str) -> None:
    events = events_of(f"{GOOD} {bad} I am here with you. Go on.", f"{GOOD} Would you like to tell me more?")
    assert sentences(events) == [GOOD]
    last = events[-1]
    assert isinstance(last, Finished)
    assert last.response.response == corrected


def test_an_own_safety_check_holds_for_each_sentence() -> None:
    class NoWeeks:
        def check_input(self, text: str) -> None:
            return None

        def check_reply(self, reply: str) -> str | None:
            return "week" if "week" in reply else None

    agent = Agent(ScriptedPolicy([written(f"I hear you. {GOOD} Go on.")]), memory=None, safety_checks=[NoWeeks()])
    assert sentences(list(agent.stream(text="I am so tired."))) == ["I hear you."]
