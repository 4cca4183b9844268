"""Questions as benchmarks and training ask them: with one correct answer, or open."""

from __future__ import annotations

import string
from dataclasses import dataclass
from typing import Literal, get_args

from omnisense.errors import InputError
from omnisense.reasoning.answers import boxes
from omnisense.text import fence

Kind = Literal["one", "several", "number", "yes_no", "box", "boxes", "open", "text"]
KINDS: tuple[Kind, ...] = get_args(Kind)
BOX_KINDS = ("box", "boxes")
UNSCORED_KINDS = ("open", "text")  # used in training and never scored: there is no correct answer


@dataclass(frozen=True)
class Question:
    """A question.

    Attributes:
        text: the question itself.
        kind: ``one`` option, ``several`` options, a ``number`` from 0 to 10, ``yes_no``, one ``box`` in an image, all
            ``boxes`` that fit, an ``open`` reply to a person, or a ``text`` whose format the question states itself (a
            caption). The last two have no single correct answer.
        options: for the first two kinds, each with its letter: ``A. happy``.
        form: for boxes, their format (:mod:`omnisense.reasoning.answers.boxes`).

    Raises:
        InputError: an unknown kind.
    """

    text: str
    kind: Kind
    options: tuple[str, ...] = ()
    form: str = ""

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise InputError(f"unknown kind of question '{self.kind}'", f"Choose from {', '.join(KINDS)}.")

    @property
    def letters(self) -> str:
        """The letters of the options."""
        return string.ascii_uppercase[: len(self.options)]

    def candidates(self) -> tuple[str, ...]:
        """Return every possible answer to a single choice, as the answer parser returns it."""
        if self.kind == "number":
            return tuple(str(n) for n in range(11))
        return ("yes", "no") if self.kind == "yes_no" else tuple(self.letters)


def strip_letter(option: str) -> str:
    """Return an option without its letter: ``sad`` for ``B) sad``."""
    head, rest = option[:1], option[1:].lstrip()
    if head.isalpha() and rest[:1] in (".", ")", ":", "、"):
        return rest[1:].strip()
    if option[:1] in "([" and option[2:3] in (")", "]") and option[1:2].isalpha():
        return option[3:].strip()
    return option.strip()


_THOUGHT_PATTERN = (
    "Before you answer, look for three things. Key characteristics: what stands out in how the people look, what they "
    "do, feel and how they behave. Chat content: what is said, and by whom. Events: what happens, and the moments "
    "that matter. Reason from these to your answer.\n\n"
)
_ANSWER_FORMATS = {
    "one": "the letter of the one option that is right",
    "several": "the letters of all options that are right",
    "number": "one whole number from 0 to 10, in digits",
    "yes_no": "Yes or No",
    "open": "your reply to the person",
}


def question_text(
    question: Question,
    *,
    think: bool = False,
    thought_pattern: bool = False,
    transcript: str = "",
    percepts: str = "",
) -> str:
    """Return the user message that asks a question, for evaluation and for training.

    Args:
        question: the question.
        think: whether to ask for ``<think>...</think><answer>...</answer>`` instead of the answer alone.
        thought_pattern: whether to point to characteristics, chat content and events first (HumanSense, section on
            training-free enhancement).
        transcript: what is said in the clip, for models without audio input.
        percepts: the rendered percepts, for models without video and audio input.
    """
    seen = f"What was seen and heard in the clip:\n{fence(percepts)}\n\n" if percepts.strip() else ""
    said = f"What is said in the clip:\n{fence(transcript)}\n\n" if transcript.strip() else ""
    if question.kind == "text":
        return f"{seen}{said}{question.text}"
    options = "\nOptions:\n" + "\n".join(question.options) + "\n" if question.options else "\n"
    asks_for_boxes = question.kind in BOX_KINDS
    wanted = (
        boxes.describe_format(question.form, question.kind == "boxes")
        if asks_for_boxes
        else _ANSWER_FORMATS[question.kind]
    )
    form = (
        f"Write your reasoning as <think>...</think>, then {wanted} as <answer>...</answer>."
        if think
        else f"Answer with {wanted} and nothing else."
    )
    return f"{seen}{said}{_THOUGHT_PATTERN if thought_pattern else ''}Question: {question.text}\n{options}\n{form}"
