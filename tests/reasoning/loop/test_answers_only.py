"""A policy that only answers writes where something is asked; what the person tells is answered by composed replies."""

import pytest

from omnisense import Agent, ScriptedPolicy
from omnisense.reasoning.loop.state import LoopSettings
from omnisense.reasoning.persona import Persona
from omnisense.reasoning.policies.messages import text_of
from omnisense.reasoning.profile import PolicyProfile

ANSWER = "Six minutes give a soft yolk, and ten a hard one."
PROFILE = PolicyProfile("scripted", answers_only=True)


def agent(*replies, **settings):
    policy = ScriptedPolicy(replies or [ANSWER], repeat=False)
    given = {"profile": PROFILE, **settings}
    return Agent(policy, memory=None, settings=LoopSettings(**given)), policy


@pytest.mark.parametrize(
    "text",
    [
        "How long do I boil an egg?",
        "does bourbon have to come from kentucky",
        "My sister is coming at six and I have no idea what to cook. Any tips?",
        "write me a short note for my neighbour who fed the cat",
        "roughly how long between low tide and high tide? want to take the kids out and not get caught",
    ],
)
def test_what_is_asked_is_answered_in_one_plain_call(text):
    omni, policy = agent(ANSWER if "note" not in text else "Dear neighbour, thank you for feeding the cat.")
    response = omni.respond(text=text)
    assert response.trace.reply.written_by == "policy"
    [prompt] = policy.calls  # its view of the emotion counts for nothing, and is not asked for
    assert text_of(prompt[-1]) == text
    assert response.appraisal.emotion.policy_choice is None
    assert response.appraisal.need.value == "information"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("My cat died on Sunday.", "cat"),
        ("I passed my driving test!", "test"),
        ("So my train was cancelled again, third time this week.", "train"),
        ("Are you a real person?", "program"),
        ("Is this a real person I am talking to or one of them computer things?", "program"),
        ("Thanks, that helped a lot.", ""),
    ],
)
def test_what_is_told_or_asked_of_the_agent_is_composed_without_a_call(text, said):
    omni, policy = agent()
    response = omni.respond(text=text)
    assert response.trace.reply.written_by == "template"
    assert not policy.calls
    assert said in response.response.lower()


def test_a_conversation_is_one_plain_prompt_and_what_was_told_is_recalled():
    omni, policy = agent(ANSWER, "Start with the eggs, and make the toast last.")
    told = omni.respond(text="My name is Tom and I hate Mondays.", thread_id="a").response
    omni.respond(text="How long do I boil an egg?", thread_id="a")
    omni.respond(text="What do I cook first for breakfast?", thread_id="a")
    first, second = policy.calls
    assert [text_of(message) for message in second[: len(first)]] == [text_of(message) for message in first]
    assert [text_of(message) for message in first[1:3]] == ["My name is Tom and I hate Mondays.", told]
    assert [text_of(message) for message in second[-2:]] == [ANSWER, "What do I cook first for breakfast?"]
    assert "Tom" in omni.respond(text="And what is my name?", thread_id="a").response
    assert len(policy.calls) == 2


@pytest.mark.parametrize(
    ("text", "language"),
    [("Ich habe heute meine Prüfung nicht bestanden und bin traurig.", ""), ("I failed my exam today.", "de")],
)
def test_a_composed_reply_is_english_and_the_policy_writes_in_other_languages(text, language):
    reply = "Das tut mir leid. Möchtest du erzählen, wie die Prüfung war?"
    omni, policy = agent(reply, persona=Persona(language=language))
    response = omni.respond(text=text)
    assert response.response == reply
    assert len(policy.calls) == 1


def test_an_opinion_that_counts_is_asked_for():
    profile = PolicyProfile("scripted", answers_only=True, weights={"emotion": {"policy": 2.0}})
    omni, policy = agent('"fear"', ANSWER, profile=profile)
    response = omni.respond(text="How long do I boil an egg?")
    assert response.appraisal.emotion.policy_choice == "fear"
    assert len(policy.calls) == 2


def test_a_faulty_answer_is_no_sign_that_lists_cannot_be_written():
    omni, policy = agent(*["What do you think?"] * 8)
    for _ in range(3):
        response = omni.respond(text="How long do I boil an egg?", thread_id="a")
    assert response.trace.reply.written_by == "policy"
    assert len(policy.calls) == 6


def test_the_settings_can_let_it_write_everything():
    omni, policy = agent('["sadness","validate","I am sorry about your cat. How are you with it?"]', guided=False)
    response = omni.respond(text="My cat died on Sunday.")
    assert response.trace.reply.written_by == "policy"
    assert len(policy.calls) == 1
