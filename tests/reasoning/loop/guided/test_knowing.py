"""Sums are worked out where one is asked for, and only of whole numbers."""

import pytest

from omnisense.reasoning.loop.guided.knowing import _work_out


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("What is 12 times 12?", "That is 144."),
        ("how much is 17 + 25", "That is 42."),
        ("100 - 58?", "That is 42."),
        ("3 x 4 = ?", "That is 12."),
        ("whats 1000 minus 1", "That is 999."),
        ("what is 15% of 80", "That is 12."),
        ("How much is 20 percent of £250?", "That is 50."),
    ],
)
def test_a_sum_is_worked_out(question, answer):
    assert _work_out(question) == answer


@pytest.mark.parametrize(
    "question",
    [
        "What is 7.5% of 200?",
        "what's 2.5 times 4?",
        "3 x 4.5 = ?",
        "What is 15% of 1,200?",
        "How many pizzas for 10-15 people?",
        "Is 3-4 hours enough for the drive?",
        "What is 10-15% of a salary called?",
        "Who won 3-2 last night?",
        "I called 3 times 2 days ago, is that rude?",
    ],
)
def test_nothing_is_made_of_ranges_scores_and_parts_of_numbers(question):
    assert _work_out(question) == ""
