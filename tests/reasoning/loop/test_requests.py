"""What a message asks for is found, said behind it in the prompt, and bears on how long the reply may be."""

import json

import pytest

from omnisense import Agent, ScriptedPolicy
from omnisense.reasoning.loop.checks import ReplyContext, find_faults
from omnisense.reasoning.loop.leading_prompts import request_reminder
from omnisense.reasoning.loop.requests import request_of
from omnisense.reasoning.loop.state import LoopSettings
from omnisense.reasoning.policies.messages import text_of


@pytest.mark.parametrize(
    "text",
    [
        "Please draft a polite e-mail to the school, Tom is ill again.",
        "we are out of ideas. can u make us a short packing list for a week by the sea",
        "I'd love a recipe for lentil soup without onions.",
        "Help me write a speech for my brother's wedding?",
        "Translate this into Polish: the shop is shut on Mondays.",
        "i need a training plan for a 10k in march",
        "Schreib mir bitte eine kurze Absage an den Verein.",
        "Rédige un petit mot pour ma voisine, s'il te plaît.",
    ],
)
def test_a_text_or_a_plan_is_asked_for(text):
    assert request_of(text) == "text"


@pytest.mark.parametrize(
    "text",
    [
        "why do cats purr",
        "He went quiet at supper. is he angry do you think",
        "My flatmate eats my food. do i say something or hide it",
        "How many eggs go into a sponge for eight?",
        "¿Qué le digo a mi jefa?",
        "will the parcel still come today",
        "any tips for a first date",
    ],
)
def test_an_answer_is_asked_for(text):
    assert request_of(text) == "answer"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "I wrote a letter to my father and never sent it.",
        "She gave me a list of everything I do wrong.",
        "Nobody told me why the plan changed.",
        "We had a lovely day, the two of us, and the rain did not matter.",
        "I do not know what he wants from me.",
    ],
)
def test_what_is_told_asks_for_nothing(text):
    assert request_of(text) == ""


def asked(text, reply="Six minutes for a soft yolk.", **settings):
    limits = []

    class Policy(ScriptedPolicy):
        def write(self, prompts, **options):
            limits.append(options["max_new_tokens"])
            return super().write(prompts, **options)

    policy = Policy([json.dumps(["neutral", "offer information", reply])])
    response = Agent(policy, memory=None, settings=LoopSettings(**settings)).respond(text=text)
    return response, text_of(policy.calls[0][-1]), limits


def test_the_reminder_stands_behind_a_message_that_asks():
    for text, request in (("How long do I boil an egg?", "answer"), ("Write a note to my landlord.", "text")):
        assert asked(text)[1].endswith(f"\n{request_reminder(request)}")
    assert asked("My egg is too hard.")[1].endswith('The person wrote: "My egg is too hard."')


def test_a_text_may_be_three_times_as_long():
    told, text = asked("My egg is too hard.")[2], asked("Write a note to my landlord.", max_reply_tokens=100)[2]
    assert text[0] - 300 == told[0] - 160


PLAN = """Here it is:
1. Monday: 25 minutes of one subject, then a break of five minutes outside
2. Tuesday: 25 minutes of one subject, then a break of five minutes outside
3. Rest"""


def test_a_plan_with_lines_that_are_alike_is_given_whole():
    response, _, _ = asked("I need a revision plan for three days.", PLAN)
    assert response.response == PLAN
    assert not response.trace.reply.faults


def test_a_loop_is_no_plan_and_a_line_that_breaks_off_no_end():
    def faults(text):
        return [fault.name for fault in find_faults(text, ReplyContext("", (), leads=True, is_text=True))]

    line = "Then take a break of five minutes and walk around the house"
    assert faults(f"{line}\n{line}\nRest.") == ["repetition"]
    assert faults(f"Monday.\n{line}") == ["unfinished"]
    assert faults("Dear Tom,\nplease ring me.\nBest wishes,\nAnna") == []


def test_a_text_that_is_only_announced_is_written_again():
    announced = "Sure, here's a revision plan for three days. I'll keep it short. Good luck with your revision!"
    policy = ScriptedPolicy([json.dumps(["neutral", "offer information", text]) for text in (announced, PLAN)])
    response = Agent(policy, memory=None).respond(text="I need a revision plan for three days.")
    assert response.response == PLAN
    assert "does not write it" in text_of(policy.calls[1][-1])
