"""Questions about what a text's writer, or somebody in a dialogue, feels: the text emotion model is consulted."""

from dataclasses import replace

import pytest

from omnisense.perception.pipeline import Perception
from omnisense.reasoning.answers.answerer import Answerer, AnswerSettings
from omnisense.reasoning.answers.channels import QuestionChannels, match_question
from omnisense.reasoning.answers.measured_text import measure_text
from omnisense.reasoning.answers.question import Question
from omnisense.reasoning.policies.messages import text_of
from omnisense.reasoning.policies.scripted import ScriptedPolicy
from omnisense.reasoning.profile import PolicyProfile

FEELINGS = ("A. joy", "B. sadness", "C. anger", "D. fear", "E. no particular emotion")
CHANNELS = QuestionChannels("feeling", {"tone": 0.8, "expression": 0.8, "text emotion": 0.9})
LABELS = ("anger", "disgust", "fear", "joy", "sadness", "surprise", "neutral")
DIALOGUE = "Anna: I am so happy for you!\nBen: I hate this stupid job.\nAnna: Oh, this is wonderful!"


def read(transcript):
    """A reader for which what holds a word of anger is angry, and everything else joyful."""
    angry = {s.text: "hate" in s.text for s in transcript.segments}
    of = {True: (0.9, 0, 0, 0.05, 0, 0, 0.05), False: (0.05, 0, 0, 0.9, 0, 0, 0.05)}
    feelings = {True: ("anger", "annoyance"), False: ("joy",)}
    segments = [replace(s, emotion=of[angry[s.text]], feelings=feelings[angry[s.text]]) for s in transcript.segments]
    return replace(transcript, segments=tuple(segments), emotion_labels=LABELS)


def best(question, text):
    found = measure_text(question, CHANNELS, text, read)
    return max(found[0].probabilities, key=found[0].probabilities.get) if found else ""


@pytest.mark.parametrize(
    ("asked", "right"),
    [
        ("What does Ben feel?", "C"),
        ("How does Anna feel in the last line?", "A"),
        ("Which emotion does the first line show?", "A"),
    ],
)
def test_in_a_dialogue_the_lines_of_whom_the_question_names_are_read(asked, right):
    assert best(Question(asked, "one", FEELINGS), DIALOGUE) == right


def test_a_story_is_not_the_own_words_of_the_people_in_it():
    question = Question("How does Tom feel when he reads this?", "one", FEELINGS)
    assert best(question, "Tom got a letter. His friends hate what it says.") == ""
    assert best(question, "I hate what the letter says.") == "C"


def test_finer_labels_that_the_model_found_are_preferred_among_several():
    options = ("A. annoyance", "B. gratitude", "C. pride", "D. anger")
    (found,) = measure_text(
        Question("What does the writer feel?", "several", options), CHANNELS, "I hate waiting.", read
    )
    assert {answer for answer, p in found.probabilities.items() if p > 0.25} == {"A", "D"}
    assert (
        measure_text(Question("What will the writer do?", "one", FEELINGS), QuestionChannels(), "I hate it.", read)
        == ()
    )
    assert best(Question("Is the writer angry?", "yes_no"), "I hate it.") == "yes"


def test_a_guided_policy_is_pooled_with_the_words_and_a_leading_one_reads_what_was_measured(monkeypatch):
    monkeypatch.setattr("omnisense.reasoning.answers.answerer.match_question", lambda _: CHANNELS)
    question = Question("What does the writer feel?", "one", FEELINGS)
    for leads in (False, True):
        policy = ScriptedPolicy(["B"], choices=[1])
        settings = AnswerSettings(profile=PolicyProfile("scripted", leads=leads))
        given = Answerer(policy, settings, None, read).answer(question, transcript="I hate it.")
        assert given.value == ("B" if leads else "C")
        assert ("Measured, text emotion" in text_of(policy.calls[0][0])) == leads
        assert given.notes[0].startswith("text emotion: the words read like anger")


@pytest.mark.models
@pytest.mark.parametrize(
    "asked",
    [
        "What does the writer of this feel?",
        "Which emotion is expressed in this comment?",
        "How does the author of the message feel?",
        "What emotion does this tweet convey?",
        "Which feeling does the post show?",
        "What is the mood of this text?",
    ],
)
def test_paraphrases_of_a_question_about_a_text_reach_the_text_emotion_model(asked):
    perception = Perception()
    text = "I am so sad that she left, I cannot stop crying."
    question = Question(asked, "one", FEELINGS)
    (found,) = measure_text(question, match_question(asked), text, perception.add_text_emotion)
    assert found.probabilities["B"] > 0.5
