"""The strict scorer: the one function behind the strict scores of evaluation and the rewards of training."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from omnisense.benchmarks.harness.text_metrics import rouge_l
from omnisense.perception.geometry import best_iou, count_matches
from omnisense.reasoning.answers import boxes
from omnisense.reasoning.answers.parser import Answer, parse
from omnisense.reasoning.answers.question import BOX_KINDS, UNSCORED_KINDS, Question


class Score(NamedTuple):
    """``value`` from 0 to 1, what was read off the reply, and why it earns that value."""

    value: float
    answer: Answer
    reason: str


def score(reply: str, question: Question, gold: str) -> Score:
    """Score a reply.

    Args:
        reply: as the model wrote it.
        question: what was asked.
        gold: the right answer in canonical form (:func:`canonical`).

    Returns:
        1 for the right answer; where several options are right, 0.5 for some of them and no wrong one; else 0. Boxes
        are right when every right one is met by one of its own (IoU over 0.5) and none is left over, as in generalised
        referring (He et al., GREC, 2023: F1 of 1). A reply that cannot be read, or that can be read in two ways, earns
        0 and says why. A decimal is right when it is equal to two decimals; a regression earns its mean relative
        accuracy (:func:`mean_relative_accuracy`); a generated text its ROUGE-L with the reference.

    Raises:
        ValueError: the question is open, so that there is nothing to score by.
        InputError: a generated text is to be scored, and the package for it is not installed.
    """
    if question.kind in UNSCORED_KINDS:
        raise ValueError("an open reply has no right answer")
    answer = parse(reply, question.kind, question.options, question.form)
    if not answer.value:
        return Score(0.0, answer, f"unparseable: {answer.how}")
    if question.kind in BOX_KINDS:
        return Score(*_overlap(answer, gold))
    if question.kind == "regression":
        value = mean_relative_accuracy(float(answer.value), float(gold))
        return Score(value, answer, f"{answer.value}, and {gold} is right")
    if question.kind == "generated":
        value = rouge_l(answer.value, gold)
        return Score(value, answer, f"ROUGE-L {value:.3f}")
    if question.kind == "decimal":
        answer = replace(answer, value=f"{float(answer.value):.2f}")
    if answer.value == gold:
        return Score(1.0, answer, f"{answer.value} is right")
    if question.kind == "several" and set(answer.value) < set(gold):
        return Score(0.5, answer, f"{answer.value} is part of {gold}")
    return Score(0.0, answer, f"{answer.value}, and {gold} is right")


def canonical(gold: str, question: Question) -> str:
    """A dataset's gold answer in the form that the parser gives back; empty when it cannot be an answer."""
    value = parse(str(gold), question.kind, question.options).value
    if question.kind == "decimal" and value:
        return f"{float(value):.2f}"
    return value


def mean_relative_accuracy(given: float, right: float) -> float:
    """Return the share of the thresholds .50, .55, ..., .95 that the relative accuracy of a number exceeds.

    Yang et al., "Thinking in Space" (2024), section 3.2: the relative error has to be below one minus the threshold.
    """
    error = abs(given - right) / (abs(right) + 1e-8)
    return sum(error < 1 - (50 + 5 * i) / 100 for i in range(10)) / 10


def _overlap(answer: Answer, gold: str) -> tuple[float, Answer, str]:
    given, right = boxes.load(answer.value), boxes.load(gold)
    met = count_matches(given, right)
    if len(right) == 1:
        reason = f"IoU {best_iou(given, right):.2f}"
    else:
        reason = f"{met} of {len(right)} found by {len(given)} boxes"
    return float(met == len(right) == len(given)), answer, reason
