"""Extraction by a judge model: which answer a reply gives, where the parser cannot read one. A judge never grades."""

from __future__ import annotations

from collections.abc import Sequence

from omnisense.reasoning.answers.parser import parse
from omnisense.reasoning.answers.question import BOX_KINDS, Question
from omnisense.reasoning.policies.base import Policy
from omnisense.reasoning.policies.messages import Messages, message

_MAX_REPLY = 4000  # characters of a reply that a judge reads
_MAX_TOKENS = 32
_NONE = "none"


def extract_answers(policy: Policy, questions: Sequence[Question], replies: Sequence[str]) -> list[str]:
    """Return the answer that each reply gives, as the parser returns it; empty where the judge finds none.

    The judge sees neither the clip nor the right answer.

    Args:
        policy: the judge.
        questions: what was asked.
        replies: one for each question.

    Raises:
        PolicyError: the judge failed.
    """
    if not questions:
        return []
    prompts = [_prompt(question, reply) for question, reply in zip(questions, replies, strict=True)]
    written = policy.write(prompts, max_new_tokens=_MAX_TOKENS)
    return [_read(text, question) for text, question in zip(written, questions, strict=True)]


def can_extract(question: Question) -> bool:
    """Whether a judge may be asked: not for boxes or generated texts, which have no set form to name."""
    return question.kind not in (*BOX_KINDS, "generated")


def _prompt(question: Question, reply: str) -> Messages:
    options = "\n".join(question.options)
    text = (
        "Somebody was asked a question and replied. Say which answer the reply gives, not whether it is right. If it "
        f"gives none, or several where one is asked for, write {_NONE}.\n\n"
        f"Question: {question.text}\n{options}\n\nReply:\n{reply[:_MAX_REPLY]}\n\n"
        f"Write the answer that the reply gives ({_form(question)}), or {_NONE}, and nothing else."
    )
    return [message("user", text)]


def _form(question: Question) -> str:
    forms = {"one": "one letter", "several": "letters", "yes_no": "yes or no", "label": "one label"}
    return forms.get(question.kind, "one number" if question.kind != "joint" else "one value for each field")


def _read(text: str, question: Question) -> str:
    if text.strip().strip(".").lower() == _NONE:
        return ""
    return parse(text, question.kind, question.options, question.form).value
