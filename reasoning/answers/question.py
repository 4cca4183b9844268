"""Questions as benchmarks and training ask them: with one correct answer, or open."""

from __future__ import annotations

import itertools
import string
from dataclasses import dataclass
from typing import Literal, get_args

from omnisense.errors import InputError
from omnisense.reasoning.answers import boxes
from omnisense.text import fence

Kind = Literal[
    "one",
    "several",
    "number",
    "yes_no",
    "box",
    "boxes",
    "open",
    "text",
    "label",
    "joint",
    "decimal",
    "regression",
    "generated",
]
KINDS: tuple[Kind, ...] = get_args(Kind)
BOX_KINDS = ("box", "boxes")
LABEL_KINDS = ("label", "joint")
VALUE_KINDS = ("decimal", "regression")
WRITTEN_KINDS = (*BOX_KINDS, *VALUE_KINDS, "generated")  # there is nothing to choose from
UNSCORED_KINDS = ("open", "text")  # used in training and never scored: there is no correct answer


@dataclass(frozen=True)
class Question:
    """A question.

    Attributes:
        text: the question itself.
        kind: ``one`` option, ``several`` options, a ``number`` from 0 to 10, ``yes_no``, one ``box`` in an image, all
            ``boxes`` that fit, an ``open`` reply to a person, or a ``text`` whose format the question states itself (a
            caption). These two have no single correct answer. A ``label`` out of a set, a ``joint`` label with one
            value in each of several fields, a ``decimal`` that is right to two decimals, a ``regression`` that is
            scored by its relative error, or a ``generated`` text that is compared with a reference text.
        options: for the first two kinds, each with its letter: ``A. happy``; for a label, the labels; for a joint
            label, its values with their field: ``emotion: happy``.
        form: for boxes, their format (:mod:`omnisense.reasoning.answers.boxes`); ``stated`` where the question's text
            says itself which answers are possible and how they are written.

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
        if self.kind == "label":
            return tuple(dict.fromkeys(option.strip().lower() for option in self.options))
        if self.kind == "joint":
            return tuple("; ".join(values) for values in itertools.product(*self.fields().values()))
        if self.kind in WRITTEN_KINDS:
            return ()
        if self.kind == "number":
            return tuple(str(n) for n in range(11))
        return ("yes", "no") if self.kind == "yes_no" else tuple(self.letters)

    def fields(self) -> dict[str, tuple[str, ...]]:
        """Return the fields of a joint label, each with its possible values in lower case."""
        found: dict[str, list[str]] = {}
        for option in self.options:
            name, _, value = option.partition(":")
            found.setdefault(name.strip().lower(), []).append(value.strip().lower())
        return {name: tuple(values) for name, values in found.items()}


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
    "label": "the one label that fits",
    "joint": "one value for each field, as field: value, separated by commas",
    "decimal": "one number, in digits",
    "regression": "one number, in digits",
    "generated": "your text",
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
    if question.kind == "text" or (question.form == "stated" and not think):
        return f"{seen}{said}{question.text}"
    options = _options_text(question)
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


def _options_text(question: Question) -> str:
    if not question.options or question.form == "stated":
        return "\n"
    if question.kind == "joint":
        lines = [f"{name}: {', '.join(values)}" for name, values in question.fields().items()]
        return "\nFields:\n" + "\n".join(lines) + "\n"
    heading = "Labels" if question.kind == "label" else "Options"
    return f"\n{heading}:\n" + "\n".join(question.options) + "\n"
