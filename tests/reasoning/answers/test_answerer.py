"""Answers: asked as the policy alone is asked, with what was measured beside the question."""

from dataclasses import replace

import pytest

from omnisense.reasoning.answers.answerer import Answerer, AnswerSettings
from omnisense.reasoning.answers.channels import QuestionChannels
from omnisense.reasoning.answers.question import Question, question_text
from omnisense.reasoning.policies.base import Choice
from omnisense.reasoning.policies.messages import text_of
from omnisense.reasoning.policies.scripted import ScriptedPolicy
from omnisense.reasoning.profile import PolicyProfile
from tests.perception.test_pipeline import full

FEELINGS = ("A. happy", "B. sad", "C. angry", "D. neutral")
GUIDED = AnswerSettings(profile=PolicyProfile("scripted", leads=False))
QUESTION = Question("How does her face look in the end?", "one", FEELINGS)


@pytest.fixture(autouse=True)
def matched(monkeypatch):
    """Questions are matched without the embedding model."""
    found = QuestionChannels("expression", {"expression": 0.9}, "end")
    monkeypatch.setattr("omnisense.reasoning.answers.answerer.match_question", lambda _: found)


def test_a_question_without_a_clip_is_asked_as_it_is():
    for settings in (AnswerSettings(), AnswerSettings(think=True), AnswerSettings(method="choose")):
        policy = ScriptedPolicy(["<think>x</think><answer>B</answer>"], choices=[1])
        given = Answerer(policy, settings).answer(QUESTION, transcript="She weeps.")
        (call,) = policy.calls
        assert text_of(call[0]) == question_text(QUESTION, think=settings.think, transcript="She weeps.")
        assert given.value == "B"
        assert given.measurements == ()


def test_a_capable_policy_is_asked_once_and_decides_with_the_evidence_before_the_question():
    policy = ScriptedPolicy(["C"])
    given = Answerer(policy).answer(QUESTION, full())
    (call,) = policy.calls
    asked = text_of(call[0])
    assert asked.endswith(question_text(QUESTION))
    assert "looks happy (0.90), after sad" in asked
    assert "Measured, expression: the face looks joy" in asked
    assert (given.text, given.value, given.probabilities) == ("C", "C", None)
    assert given.measurements[0].evidence
    assert given.notes[0].startswith("expression: the face looks joy")


def test_media_go_before_the_evidence():
    policy = ScriptedPolicy(["A"])
    Answerer(policy).answer(QUESTION, full(), media=[{"type": "image", "path": "x.png"}])
    assert [part["type"] for part in policy.calls[0][0]["content"]] == ["image", "text"]


def test_a_small_policy_that_sees_the_clip_gets_no_notes_that_bear_on_nothing_asked():
    question = Question("Is it bright?", "one", ("A. bright", "B. dark"))
    policy = ScriptedPolicy(choices=[1])
    given = Answerer(policy, GUIDED).answer(question, full(), media=[{"type": "video", "path": "x.mp4"}])
    (call,) = policy.calls
    assert [part["type"] for part in call[0]["content"]] == ["video", "text"]
    assert text_of(call[0]) == question_text(question)
    assert given.value == "B"


def test_what_was_written_without_an_answer_is_kept_and_the_answer_asked_for_alone():
    policy = ScriptedPolicy(["<think>Her eyes are wet, and the corners of"], choices=[1])
    given = Answerer(policy, AnswerSettings(think=True)).answer(QUESTION, full())
    first, second = policy.calls
    assert second[: len(first)] == first
    assert "Her eyes are wet" in text_of(second[1])
    assert given.value == "B"
    assert given.text == "<think>Her eyes are wet, and the corners of</think><answer>B</answer>"
    policy = ScriptedPolicy(["I cannot say.", "A and C"])
    given = Answerer(policy).answer(replace(QUESTION, kind="several"), full())
    assert (given.text, given.value, given.thinking) == ("AC", "AC", "I cannot say.")


def test_a_guided_policy_chooses_and_is_pooled_with_what_was_measured():
    policy = ScriptedPolicy(["never asked"], choices=[2])
    given = Answerer(policy, GUIDED).answer(QUESTION, full())
    assert len(policy.calls) == 1
    assert given.text == "A"
    assert given.probabilities["C"] > given.probabilities["D"]


def test_the_weights_of_a_profile_are_used():
    weights = {"answer": {"expression": 0.1, "policy": 2.0}}
    for leads in (True, False):
        profile = PolicyProfile("scripted", "measured", leads, weights)
        settings = AnswerSettings(method="choose", profile=profile)
        assert Answerer(ScriptedPolicy(choices=[2]), settings).answer(QUESTION, full()).text == "C"
    sure = PolicyProfile("scripted", "measured", True, {"answer": {"expression": 3.0, "policy": 0.1}})
    policy = ScriptedPolicy(choices=[2])
    assert Answerer(policy, AnswerSettings(method="choose", profile=sure)).answer(QUESTION, full()).text == "A"


@pytest.mark.parametrize(
    ("question", "text"),
    [(Question("How many?", "number"), "0"), (Question("Is it so?", "yes_no"), "Yes"),
     (Question("Which?", "several", ("A. x", "B. y", "C. z")), "A"), (QUESTION, "A")],
)  # fmt: skip
def test_answers_are_in_the_form_that_the_question_asks_for(question, text):
    assert Answerer(ScriptedPolicy(), GUIDED).answer(question).text == text


def test_an_open_reply_is_what_was_written():
    given = Answerer(ScriptedPolicy(["I hear you."])).answer(Question("I am sad.", "open"), full())
    assert given.text == "I hear you."


def test_a_batch_is_one_call():
    class Counting(ScriptedPolicy):
        batches: list[int] = []

        def write(self, prompts, **settings):
            self.batches.append(len(prompts))
            return super().write(prompts, **settings)

    answerer = Answerer(Counting(["A"]))
    asked = [answerer.prepare(QUESTION, [{"role": "user", "content": [{"type": "text", "text": "?"}]}])] * 5
    assert [given.text for given in answerer.answer_all(asked)] == ["A"] * 5
    assert Counting.batches == [5]


def test_a_policy_without_weight_is_not_asked_where_something_was_measured():
    profile = PolicyProfile("scripted", "measured", False, {"answer": {"policy": 0.0}})
    policy = ScriptedPolicy(choices=[2])
    answerer = Answerer(policy, AnswerSettings(profile=profile))
    assert answerer.answer(QUESTION, full()).text == "A"
    assert policy.calls == []
    assert answerer.answer(QUESTION).text == "C"


class Unreadable(ScriptedPolicy):
    """Behind a service that names no option."""

    def choose(self, prompts, options, *, max_seconds=None):
        return [Choice(0, (1 / len(row),) * len(row), readable=False) for row in options]


def test_a_choice_that_cannot_be_read_is_no_answer_and_leaves_what_was_measured():
    given = Answerer(Unreadable(), GUIDED).answer(QUESTION)
    assert (given.text, given.value, given.probabilities) == ("", "", None)
    assert given.notes == ("the policy's choice could not be read",)
    measured = Answerer(Unreadable(), GUIDED).answer(QUESTION, full())
    assert measured.value == "A"


def test_a_leading_policy_that_names_no_option_leaves_what_was_measured_and_says_so():
    leads = PolicyProfile("scripted", "prior", True)
    given = Answerer(Unreadable(["well"]), AnswerSettings(profile=leads)).answer(QUESTION, full())
    assert given.value == "A"
    assert "what was measured" in given.notes[-1]
    assert Answerer(Unreadable(["well"]), AnswerSettings(profile=leads)).answer(QUESTION).value == ""
