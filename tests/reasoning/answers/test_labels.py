"""Labels, joint labels, numbers with decimals and generated texts through the answer contract."""

import pytest

from omnisense.benchmarks.harness.scorer import canonical, mean_relative_accuracy, score
from omnisense.errors import InputError
from omnisense.reasoning.answers.parser import parse
from omnisense.reasoning.answers.question import Question, question_text

LABELS = ("weak negative", "strong negative", "neutral", "negative", "happy", "sad")
JOINT = ("emotion: happy", "emotion: sad", "emotion: neutral", "intent: questioning", "intent: neutral")


@pytest.mark.parametrize(
    ("reply", "value"),
    [
        ("Neutral.", "neutral"),
        ("The answer is weak negative.", "weak negative"),
        ("I think negative, not happy", "negative"),
        ("<think>sad?</think><answer>Happy</answer>", "happy"),
        ('{"answer": "sad"}', "sad"),
        ("Emotion: **happy**\nThe person is not sad", "happy"),
        ("weak-negative", "weak negative"),
        ("sad or happy", ""),
        ("I cannot tell from the video whether she is happy.", ""),
        ("unhappy", ""),
        ("", ""),
    ],
)
def test_labels(reply, value):
    assert parse(reply, "label", LABELS).value == value


@pytest.mark.parametrize(
    ("reply", "value"),
    [
        ("{'emotion label': 'happy', 'intent label': 'questioning'}", "happy; questioning"),
        ('{"intention": "neutral", "emotion": "sad"}', "sad; neutral"),
        ("Emotion: neutral\nIntent: neutral", "neutral; neutral"),
        ("<answer>sad, questioning</answer>", "sad; questioning"),
        ("happy", ""),
        ("{'emotion': 'angry', 'intent': 'questioning'}", ""),
    ],
)
def test_joint_labels(reply, value):
    question = Question("?", "joint", JOINT)
    assert parse(reply, "joint", JOINT).value == value
    assert not value or value in question.candidates()


@pytest.mark.parametrize(
    ("reply", "value"),
    [("3.14", "3.14"), ("The answer is 3.14, since 2 and 4", "3.14"), ("1,234.5", "1234.5"), ("-2.5%", "-2.5"),
     ("12 or 13", ""), ("no idea", ""), ("<answer>42</answer>", "42")],
)  # fmt: skip
def test_decimals(reply, value):
    assert parse(reply, "decimal").value == value


def test_scores_of_the_new_kinds():
    decimal = Question("?", "decimal")
    assert canonical("3.1", decimal) == "3.10"
    assert score("about 3.104", decimal, "3.10").value == 1
    assert score("3.2", decimal, "3.10").value == 0
    assert score("90", Question("?", "regression"), "100").value == 0.9
    assert score("no idea", Question("?", "regression"), "100").value == 0
    assert [mean_relative_accuracy(given, 100) for given in (100, 200, 70)] == [1, 0, 0.5]
    generated = Question("?", "generated")
    assert score("They laughed.", generated, "They laughed.").value == 1
    assert 0 < score("They cried.", generated, "They laughed.").value < 1
    assert score("", generated, "They laughed.").value == 0


def test_a_question_that_states_its_labels_is_asked_as_it_is():
    stated = Question("Choose happy or sad.", "label", ("happy", "sad"), form="stated")
    assert question_text(stated) == "Choose happy or sad."
    assert question_text(stated, think=True).endswith("then the one label that fits as <answer>...</answer>.")
    listed = question_text(Question("What is felt?", "joint", JOINT))
    assert "emotion: happy, sad, neutral\nintent: questioning, neutral" in listed
    with pytest.raises(InputError, match="unknown kind"):
        Question("?", "rank")
