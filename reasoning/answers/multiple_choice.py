"""Messages that are a multiple-choice question, as evaluation harnesses send them, and the form of their answer."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from omnisense.reasoning.answers.question import Question, strip_letter

_OPTION = re.compile(r"^[ \t]*[(\[]?([A-Z])[.):\]、][ \t]*(\S.*)$", re.MULTILINE)
# How such messages say that an answer is to be a letter. A person who asks for advice may list choices too ("What would
# you do?"), but does not say so.
_WANTS_LETTER = re.compile(
    r"\$letters?\b|multiple[- ]choice question|from the given choices|"
    r"(?:option|choice|answer)(?:'s|s'|’s)? letters?\b|\bletters? (?:of|for|corresponding to) (?:the|all|each|your)\b|"
    r"\b(?:answer|respond|reply) (?:with|by|using) (?:\w+ ){0,4}letters?\b|\bletters? (?:only|alone)\b|"
    r"\b(?:output|select|choose|return) (?:\w+ ){0,4}letters?\b(?! (?:from|to)\b)|"
    r"\b(?:select|choose|pick|give|provide|answer with) (?:only )?(?:the|one|all)(?: of the)?(?: single)? "
    r"(?:(?:best|right) answers?|correct (?:answer|option|choice)s?)\b|the (?:best|correct|right) answer is:?\s*$|"
    r"\bnur (?:mit )?de[mn] buchstaben\b|\bbuchstaben? der (?:richtigen|korrekten)|"
    r"\blettre de (?:l['’]option|la (?:bonne )?réponse)|\bletra de la (?:opción|respuesta)|"
    r"选项(?:的)?字母|字母(?:回答|作答)",
    re.IGNORECASE | re.MULTILINE,
)
_SEVERAL = re.compile(
    r"\$letters\b|\bletters of (?:all|every|each)\b|\bone or more\b|"
    r"\ball (?:that apply|options that|correct|the correct)\b|"
    r"\bmultiple (?:answers|options) (?:may|can)\b",
    re.IGNORECASE,
)
_ANSWER_LINE = re.compile(r"['\"`]?ANSWER:\s*\$LETTERS?\b")
_ANSWER_TAGS = re.compile(r"<answer>", re.IGNORECASE)
_HEADING = re.compile(r"^(?:question|options?|choices|answer(?: choices)?)\s*:\s*", re.IGNORECASE)
_SAYS_HOW = re.compile(
    r"\bstep by step\b|\b(?:the|your) (?:entire|last line|final|whole|response|answer|reply)\b.*\bformat\b|"
    r"<answer>|<think>|\bwithout quotes\b|\bnothing else\b",
    re.IGNORECASE,
)
_FIRST_PERSON = re.compile(
    r"\b(?:i|me|my|mine|myself|we|us|our|ich|mir|mich|mein\w*|wir|uns|je|moi|mon|ma|mes|nous|yo|mí|mis?|nos)\b|我",
    re.IGNORECASE,
)
_SENTENCE = re.compile(r"(?<=[.!?。？！])\s+|\n+")


@dataclass(frozen=True)
class AskedChoice:
    """A message that is a multiple-choice question.

    Attributes:
        question: its question and options, as measurements and the answer parser take them.
        passage: what it says beside these and the form of the answer: subtitles, a story, a dialogue.
        stem: all of it but the options.
        form: in which the answer is asked for: the letter alone, a line ``ANSWER: A``, or in ``<answer>`` tags.
    """

    question: Question
    passage: str
    stem: str
    form: Literal["letter", "line", "tags"] = "letter"

    @property
    def speaks_of_the_writer(self) -> bool:
        """Whether somebody speaks of themselves in it, so that the options may be about the writer."""
        return bool(_FIRST_PERSON.search(self.stem))

    def written(self, letters: str) -> str:
        """Return an answer in the form that is asked for.

        Args:
            letters: of the options, such as ``A`` or ``AC``.
        """
        if self.form == "line":
            return f"ANSWER: {','.join(letters)}"
        return f"<answer>{letters}</answer>" if self.form == "tags" else letters


def find_choice(text: str) -> AskedChoice | None:
    """Return the multiple-choice question that a message is; None where it is anything else.

    It has options on lines of their own, lettered from A without a gap, and says outside of them that the answer is to
    be a letter or the right option. Choices that somebody lists in a conversation are none.

    Args:
        text: the whole message.
    """
    options = _last_options(text)
    if len(options) < 2:
        return None
    around = f"{text[: options[0].start()]}\n{text[options[-1].end() :]}"
    if not _WANTS_LETTER.search(around):
        return None
    asked, passage = _parts(around)
    texts = tuple(f"{option[1]}. {strip_letter(option[0].strip())}" for option in options)
    question = Question(asked, "several" if _SEVERAL.search(around) else "one", texts)
    form: Literal["letter", "line", "tags"] = (
        "line" if _ANSWER_LINE.search(around) else "tags" if _ANSWER_TAGS.search(around) else "letter"
    )
    return AskedChoice(question, passage, around, form)


def _last_options(text: str) -> Sequence[re.Match[str]]:
    """Return the last lines that are lettered A, B and so on: examples of other questions may stand before them."""
    found: list[re.Match[str]] = []
    last: list[re.Match[str]] = []
    for line in _OPTION.finditer(text):
        found = [line] if line[1] == "A" else [*found, line] if ord(line[1]) == ord("A") + len(found) else []
        last = found if len(found) > 1 else last
    return last


def _parts(around: str) -> tuple[str, str]:
    """Return the question of a message and its passage, from what stands around the options."""
    sentences = [_HEADING.sub("", part.strip()) for part in _SENTENCE.split(around)]
    told = [s for s in sentences if s and not _WANTS_LETTER.search(s) and not _SAYS_HOW.search(s)]
    asked = next((s for s in reversed(told) if s.endswith(("?", "？"))), told[-1] if told else "Which option is right?")
    return asked, "\n".join(s for s in told if s != asked)
