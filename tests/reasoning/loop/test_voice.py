"""A reply is the agent's own: it does not say the person's words again, and tells of no life that a program has not."""

import json

import pytest

from omnisense import Agent, ScriptedPolicy
from omnisense.reasoning.loop.state import LoopSettings
from omnisense.reasoning.loop.voice import echoed, tells_of_itself
from omnisense.reasoning.policies.messages import text_of

SAID = "We put Biscuit down yesterday, she was 15. I filled her water bowl this morning before I remembered."
ECHO = "You put Biscuit down yesterday, she was 15. You filled her water bowl this morning before you remembered. How?"
OWN = "Fifteen years is a long time, and your hands still did what they do every morning. What was she like?"


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        ("I'm feeling flat, and it's hard to get out of bed.", "I'm"),
        ("I feel angry that they took it.", "I feel"),
        ("It's been a year, and I'm still holding onto his voicemail.", "I'm"),
        ("I miss her too.", "I miss"),
        ("That is hard. My boss did the same.", "My boss"),
        ("We are so sorry, and we will contact the garage.", "we will contact"),
        ("I\u2019ve been through this.", "I've been"),
        ("We look forward to having you as our guest.", "as our guest"),
    ],
)
def test_a_life_that_a_program_has_not_is_found(reply, told):
    assert tells_of_itself(reply).startswith(told)


@pytest.mark.parametrize(
    "reply",
    [
        OWN,
        "I'm so sorry, and I am really glad that you told me.",
        "I'm here if you want to talk. I can listen, and I hear how much he meant.",
        "My condolences. I hope that the day goes gently.",
        "I'm a program, so I have no dog, and I was not there.",
        "I'm not sure what he meant, and I was wondering what you think.",
        'You said "I feel stupid", and I understand why.',
        "I feel for you. My advice would be to rest.",
        "I'm impressed by your patience! I'm curious what comes next.",
    ],
)
def test_what_a_program_may_say_of_itself_is_left_alone(reply):
    assert tells_of_itself(reply) == ""


def test_the_person_s_words_said_again_are_found():
    assert echoed(ECHO, SAID) == "You put Biscuit down yesterday, she was 15."
    assert echoed(OWN, SAID) == ""
    assert echoed("You put Biscuit down yesterday. That is so hard after fifteen years.", SAID) == ""  # short


def test_a_reply_that_only_says_the_words_again_is_written_anew_in_a_plain_conversation():
    policy = ScriptedPolicy([json.dumps(["sadness", "reflect", ECHO]), OWN], repeat=False)
    response = Agent(policy, memory=None).respond(text=SAID)
    assert response.response == OWN
    assert text_of(policy.calls[1][-1]) == f"{SAID}\n\n(I feel sad.)"


def test_a_sentence_of_a_life_of_its_own_is_left_out():
    reply = "It's been a hard week since the clocks went back. I'm worried about my health. What has it been like?"
    policy = ScriptedPolicy([json.dumps(["sadness", "ask", reply])])
    response = Agent(policy, memory=None).respond(text="I feel flat since the clocks went back.")
    assert response.response == "It's been a hard week since the clocks went back. What has it been like?"
    assert len(policy.calls) == 1


def test_the_feeling_is_not_put_in_english_behind_a_message_in_another_language():
    said = "Wir haben gestern unseren alten Hund einschläfern lassen, und heute Morgen habe ich seinen Napf gefüllt."
    reply = "So viele Jahre, und der Morgen fühlt sich leer an. Wie war er denn so?"
    policy = ScriptedPolicy([json.dumps(["sadness", "reflect", said], ensure_ascii=False), reply], repeat=False)
    assert Agent(policy, memory=None).respond(text=said).response == reply
    assert text_of(policy.calls[1][-1]) == said


def test_an_echo_is_mended_where_no_second_look_is_allowed():
    policy = ScriptedPolicy([json.dumps(["sadness", "reflect", f"I am so sorry about Biscuit, truly. {ECHO}"])])
    settings = LoopSettings(max_revisions=0)
    response = Agent(policy, memory=None, settings=settings).respond(text=SAID)
    assert len(policy.calls) == 1
    assert "filled her water bowl" not in response.response
    assert response.response.startswith("I am so sorry about Biscuit")
