"""Choices among a question's possible answers, for evaluation and for the agent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from omnisense.reasoning.answers.question import Question
from omnisense.reasoning.policies.base import Choice, Policy
from omnisense.reasoning.policies.messages import Messages


def choose_answers(
    policy: Policy, prompts: Sequence[Messages], questions: Sequence[Question]
) -> list[dict[str, float] | None]:
    """Return the policy's probabilities of each question's possible answers, in one batch; None where unreadable.

    Args:
        policy: which chooses.
        prompts: one for each question.
        questions: with possible answers.

    Raises:
        PolicyError: the policy failed.
    """
    if not prompts:
        return []
    choices = policy.choose(prompts, [answer_texts(question) for question in questions])
    return [by_answer(question, choice) for question, choice in zip(questions, choices, strict=True)]


def by_answer(question: Question, choice: Choice) -> dict[str, float] | None:
    """Return a choice's probabilities by possible answer; None where the choice could not be read."""
    return dict(zip(question.candidates(), choice.probabilities, strict=True)) if choice.readable else None


def answer_texts(question: Question) -> list[str]:
    """Return the possible answers as a question asks for them: letters, numbers, or ``Yes`` and ``No``."""
    return [in_form(answer, question) for answer in question.candidates()]


def in_form(answer: str, question: Question) -> str:
    """Return an answer as the question asks for it: ``Yes`` for ``yes``."""
    return answer.capitalize() if question.kind == "yes_no" else answer


def take(question: Question, probabilities: Mapping[str, float]) -> str:
    """Return the likeliest answer; where several may be right, all that are likelier than chance."""
    best = max(probabilities, key=probabilities.__getitem__)
    if question.kind != "several":
        return best
    return "".join(a for a, p in probabilities.items() if p > 1 / len(probabilities)) or best
