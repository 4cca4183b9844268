"""A question with one right answer, or an open one, as benchmarks and training put it."""

from __future__ import annotations

import string
from dataclasses import dataclass
from typing import Literal

from omnisense.reasoning.answers import boxes

Kind = Literal["one", "several", "number", "yes_no", "box", "boxes", "open", "text"]
BOX_KINDS = ("box", "boxes")
UNSCORED_KINDS = ("open", "text")  # learnt from, and never scored: no answer is the right one


@dataclass(frozen=True)
class Question:
    """What is asked.

    Attributes:
        text: the question itself.
        kind: ``one`` option, ``several`` options, a ``number`` from 0 to 10, ``yes_no``, one ``box`` in a picture, all
            ``boxes`` that fit, an ``open`` reply to a person, or a ``text`` that the question asks for in words of its
            own (a caption). To the last two no answer is the right one.
        options: for the first two kinds, each with its letter in front: ``A. happy``.
        form: for boxes, how they are to be written (:mod:`omnisense.reasoning.answers.boxes`).
    """

    text: str
    kind: Kind
    options: tuple[str, ...] = ()
    form: str = ""

    @property
    def letters(self) -> str:
        """The letters of the options."""
        return string.ascii_uppercase[: len(self.options)]

    def candidates(self) -> tuple[str, ...]:
        """Every answer that a single choice can give, in the form that the answer parser gives back."""
        if self.kind == "number":
            return tuple(str(n) for n in range(11))
        return ("yes", "no") if self.kind == "yes_no" else tuple(self.letters)


def strip_letter(option: str) -> str:
    """An option without the letter in front: ``B) sad`` gives ``sad``."""
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
_WANTED = {
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
    """The user turn that puts a question: to models under evaluation and to policies in training.

    Args:
        question: what is asked.
        think: whether to ask for ``<think>...</think><answer>...</answer>`` instead of the bare answer.
        thought_pattern: whether to point to characteristics, chat content and events first (HumanSense, section on
            training-free enhancement).
        transcript: what is said in the clip, for models that do not hear it.
        percepts: what perception found in the clip, rendered, for models that neither see nor hear it.
    """
    seen = f"What was seen and heard in the clip:\n{percepts.strip()}\n\n" if percepts.strip() else ""
    said = f"What is said in the clip:\n{transcript.strip()}\n\n" if transcript.strip() else ""
    if question.kind == "text":
        return f"{seen}{said}{question.text}"
    options = "\nOptions:\n" + "\n".join(question.options) + "\n" if question.options else "\n"
    boxed = question.kind in BOX_KINDS
    wanted = boxes.describe_format(question.form, question.kind == "boxes") if boxed else _WANTED[question.kind]
    form = (
        f"Write your reasoning as <think>...</think>, then {wanted} as <answer>...</answer>."
        if think
        else f"Answer with {wanted} and nothing else."
    )
    return f"{seen}{said}{_THOUGHT_PATTERN if thought_pattern else ''}Question: {question.text}\n{options}\n{form}"
