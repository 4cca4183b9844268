"""What a message asks for is found, said behind it in the prompt, and bears on how long the reply may be."""

import json

import pytest

from omnisense import Agent, ScriptedPolicy
from omnisense.agent.events import Token
from omnisense.reasoning.loop.checks import ReplyContext, find_faults
from omnisense.reasoning.loop.emotion_set import EmotionSet
from omnisense.reasoning.loop.leading_prompts import request_reminder
from omnisense.reasoning.loop.requests import request_of, without_open_item
from omnisense.reasoning.loop.sentence_gate import CheckedSentence
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
        "pls help me shorten this for a text: we will be late, the bus broke down",
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
        "im 9 are you a real person",
        "hey r u there",
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
        "They are youngsters, and here you are welcome.",
        "We had a lovely day, the two of us, and the rain did not matter.",
        "I do not know what he wants from me.",
    ],
)
def test_what_is_told_asks_for_nothing(text):
    assert request_of(text) == ""


class Recorder(ScriptedPolicy):
    """Records the tokens that it may write."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.limits = []

    def write(self, prompts, **options):
        self.limits.append(options["max_new_tokens"])
        return super().write(prompts, **options)


EMOTION = "neutral"


def asked(text, reply="Six minutes for a soft yolk.", **settings):
    policy = Recorder([EMOTION, reply], repeat=False)
    response = Agent(policy, memory=None, settings=LoopSettings(**settings)).respond(text=text)
    return response, policy


def test_what_is_asked_is_answered_in_a_plain_conversation_after_the_appraisal():
    response, policy = asked("How long do I boil an egg?")
    appraisal, answer = policy.calls
    assert text_of(answer[-1]) == "How long do I boil an egg?"
    assert text_of(appraisal[-1]).startswith("How long do I boil an egg?\n\nIn one word, what do they feel")
    assert appraisal[:-1] == answer[:-1]  # a policy that keeps its cache reads the conversation once
    assert response.response == "Six minutes for a soft yolk."
    assert (response.appraisal.emotion.policy_choice, response.appraisal.strategy.value) == (
        "neutral",
        "offer information",
    )


def test_an_emotion_that_cannot_be_read_is_noted_and_the_question_answered():
    policy = ScriptedPolicy(["Well.", "Six minutes."], repeat=False)
    response = Agent(policy, memory=None).respond(text="How long do I boil an egg?")
    assert response.response == "Six minutes."
    assert "the policy wrote no emotion: it is what was measured" in response.trace.notes


@pytest.mark.parametrize("written", ["fear", '"fear"', "Fear.", "They feel fear, not anger.", '{"emotion":"fear"}'])
def test_the_emotion_of_a_question_is_read_with_and_without_a_schema(written):
    policy = ScriptedPolicy([written, "Breathe out slowly first."], repeat=False)
    response = Agent(policy, memory=None).respond(text="How do I calm down before the exam?")
    assert response.appraisal.emotion.policy_choice == "fear"
    assert (response.appraisal.need.value, response.appraisal.strategy.value) == ("information", "offer information")


def test_of_emotions_that_begin_alike_the_longer_is_read():
    emotions = EmotionSet(measured={"fear": ("fear",), "fear of loss": ("fear",), "neutral": ("neutral",)})
    policy = ScriptedPolicy(["Fear of loss", "Ring her."], repeat=False)
    agent = Agent(policy, memory=None, settings=LoopSettings(emotions=emotions))
    assert agent.respond(text="What do I do if she leaves?").appraisal.emotion.policy_choice == "fear of loss"


def test_an_answer_that_is_written_in_a_list_is_read_from_it():
    assert asked("How long do I boil an egg?", listed("Six minutes."))[0].response == "Six minutes."
    code = '["red", "green", "blue"]'
    assert asked("Give me three colours as JSON?", code)[0].response == code


def test_an_answer_is_streamed_from_its_first_word():
    policy = ScriptedPolicy([EMOTION, "Six minutes for a soft yolk. Ten for a hard one."], repeat=False)
    events = list(Agent(policy, memory=None).stream(text="How long do I boil an egg?"))
    assert "".join(event.text for event in events if isinstance(event, Token)).rstrip() == (
        "Six minutes for a soft yolk. Ten for a hard one."
    )
    [sentence] = [event for event in events if isinstance(event, CheckedSentence)]
    assert (sentence.text, sentence.strategy.value) == ("Six minutes for a soft yolk.", "offer information")


def test_the_reminder_stands_behind_a_question_that_is_not_answered_alone():
    policy = ScriptedPolicy([listed("You told me of the egg.")])
    agent = Agent(policy, memory=None)
    for text in ("My egg is too hard.", "What did I say first?"):
        agent.respond(text=text, thread_id="t")
    assert text_of(policy.calls[1][-1]).endswith(request_reminder("What did I say first?"))
    assert "the note itself" in request_reminder("Could you write a short note to my landlord about a plan?")
    assert "the text itself" in request_reminder("Translate this: good morning.")


def test_an_answer_may_be_twice_and_a_text_three_times_as_long():
    for text, times in (("How long do I boil an egg?", 2), ("Write a note to my landlord.", 3)):
        assert asked(text, max_reply_tokens=100)[1].limits[-1] == 100 * times


PLAN = """Here it is:
1. Monday: 25 minutes of one subject, then a break of five minutes outside
2. Tuesday: 25 minutes of one subject, then a break of five minutes outside
3. Rest"""


def test_a_plan_with_lines_that_are_alike_is_given_whole():
    response, _ = asked("I need a revision plan for three days.", PLAN)
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


def test_a_text_that_is_only_announced_is_asked_for_again():
    announced = "Sure, here's a revision plan for three days. I'll keep it short. Good luck with your revision!"
    [response], policy = conversation(EMOTION, announced, PLAN, said=["I need a revision plan for three days."])
    assert response.response == PLAN
    assert [m["role"] for m in policy.calls[2]] == ["system", "user", "assistant", "user"]
    assert "it announces what was asked for" in text_of(policy.calls[2][-1])


@pytest.mark.parametrize(
    "reply",
    [
        "Do you think that he is angry, or is it something else?",
        "I'm sorry that this worries you. What happened at supper?",
        "Suppers can be quiet. What do you think about it?",
    ],
)
def test_a_question_that_is_asked_back_is_asked_again(reply):
    answer = "Perhaps he is only tired: ask him tomorrow."
    written = [listed("That sounds nice."), EMOTION, reply, answer, listed("That is a good plan.")]
    said = ["My brother ate with us.", "He went quiet at supper. Is he angry?", "I will ask him."]
    answers, policy = conversation(*written, said=said)
    assert [a.response for a in answers] == ["That sounds nice.", answer, "That is a good plan."]
    assert [text_of(m) for m in policy.calls[3]][1:5] == [said[0], "That sounds nice.", said[1], reply]
    assert json.loads(text_of(policy.calls[4][-2])) == ["neutral", "offer", answer]  # later lists follow a list
    assert answers[1].appraisal.strategy.value == "offer information"


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        ("Perhaps he is only tired. I would ask him. What do you think?", "Is he angry?"),
        ("I do not know that.", "How many people live in Lund?"),
    ],
)
def test_other_answers_are_left_as_they_are(reply, said):
    answers, policy = conversation(EMOTION, reply, said=[said])
    assert (answers[0].response, len(policy.calls)) == (reply, 2)


@pytest.mark.parametrize("item", ["5. **", "5.", "-", "* "])
def test_an_item_that_was_not_begun_is_left_out(item):
    assert without_open_item(f"{PLAN}\n\n{item}") == PLAN
    assert without_open_item(f"She is {item}") == f"She is {item}".strip()
