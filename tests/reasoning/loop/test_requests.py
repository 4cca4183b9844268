"""What a message asks for is found, said behind it in the prompt, and bears on how long the reply may be."""

import json

import pytest

from omnisense import Agent, ScriptedPolicy
from omnisense.reasoning.loop.checks import ReplyContext, find_faults
from omnisense.reasoning.loop.leading_prompts import request_reminder
from omnisense.reasoning.loop.requests import request_of, without_open_item
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
        "Can you help me plan a barbecue for twelve?",
        "Would a card be too much? Please write one that is short.",
        "Write to my boss that I am ill today.",
        "Correct this: me and him was at the sea",
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
    for text in ("How long do I boil an egg?", "Write a note to my landlord."):
        assert asked(text)[1].endswith(f"\n{request_reminder(text)}")
    assert "the note itself" in request_reminder("Could you write a short note to my landlord about a plan?")
    assert "the text itself" in request_reminder("Translate this: good morning.")
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
        return [fault.name for fault in find_faults(text, ReplyContext("", (), leads=True, request="text"))]

    line = "Then take a break of five minutes and walk around the house"
    assert faults(f"{line}\n{line}\nRest.") == ["repetition"]
    assert faults(f"Monday.\n{line}") == ["unfinished"]
    assert faults("Dear Tom,\nplease ring me.\nBest wishes,\nAnna") == []


def listed(reply):
    return json.dumps(["neutral", "validate", reply])


def conversation(*written, said):
    policy = ScriptedPolicy(written, repeat=False)
    agent = Agent(policy, memory=None)
    return [agent.respond(text=text, thread_id="t") for text in said], policy


def test_a_text_that_is_only_announced_is_written_alone():
    announced = "Sure, here's a revision plan for three days. I'll keep it short. Good luck with your revision!"
    [response], policy = conversation(listed(announced), PLAN, said=["I need a revision plan for three days."])
    assert response.response == PLAN
    assert [m["role"] for m in policy.calls[1]] == ["system", "user"]
    assert text_of(policy.calls[1][-1]) == "I need a revision plan for three days."


@pytest.mark.parametrize(
    "reply",
    [
        "Do you think that he is angry, or is it something else?",
        "I'm sorry that this worries you. What happened at supper?",
        "Suppers can be quiet. What do you think about it?",
    ],
)
def test_a_question_that_is_asked_back_is_answered_alone(reply):
    answer = "Perhaps he is only tired: ask him tomorrow."
    written = [listed("That sounds nice."), listed(reply), answer, listed("That is a good plan.")]
    said = ["My brother ate with us.", "He went quiet at supper. Is he angry?", "I will ask him."]
    answers, policy = conversation(*written, said=said)
    assert [a.response for a in answers] == ["That sounds nice.", answer, "That is a good plan."]
    assert [text_of(m) for m in policy.calls[2]][1:] == [said[0], "That sounds nice.", said[1]]
    assert json.loads(text_of(policy.calls[3][-2]))[-1] == answer
    assert answers[1].appraisal.strategy.value == "validate"


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        ("Perhaps he is only tired. I would ask him. What do you think?", "Is he angry?"),
        ("That sounds hard. What happened?", "He is angry with me."),
        ("I do not know that.", "How many people live in Lund?"),
    ],
)
def test_other_replies_are_left_as_they_are(reply, said):
    answers, policy = conversation(listed(reply), said=[said])
    assert (answers[0].response, len(policy.calls)) == (reply, 1)


@pytest.mark.parametrize("item", ["5. **", "5.", "-", "* "])
def test_an_item_that_was_not_begun_is_left_out(item):
    assert without_open_item(f"{PLAN}\n\n{item}") == PLAN
    assert without_open_item(f"She is {item}") == f"She is {item}".strip()
