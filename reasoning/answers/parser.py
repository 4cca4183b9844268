"""The answer contract: what a reply says, and how that was read off it, or why nothing could be.

The evaluation scorer and the training reward both call :func:`parse`. Where a reply can be read in two ways it is not
read at all: a model earns nothing by naming several answers where one is asked for, nor by prose that happens to begin
with a letter.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from omnisense.reasoning.answers import boxes
from omnisense.reasoning.answers.normalize import Reading, plain_text
from omnisense.reasoning.answers.parse_letters import option_texts, read_one, read_several
from omnisense.reasoning.answers.parse_values import read_number, read_yes_no
from omnisense.reasoning.answers.question import BOX_KINDS, UNSCORED_KINDS, Kind

PARSER_VERSION = 2  # raise it when any reply comes to be read otherwise; every record carries it


@dataclass(frozen=True)
class Answer:
    """What was read off a reply.

    Attributes:
        value: ``B``; ``AC`` (letters in order); ``3``; ``yes`` or ``no``; boxes as JSON (fractions of the picture);
            empty when nothing could be read.
        how: the rule that read it, or the reason why none did.
        thinking: what stood in the think tags.
    """

    value: str
    how: str
    thinking: str = ""


def parse(reply: str, kind: Kind, options: Sequence[str] = (), form: str = "") -> Answer:
    """Read the answer off a reply.

    Args:
        reply: as the model wrote it: bare, in a sentence, or as ``<think>...</think><answer>...</answer>``.
        kind: what was asked for.
        options: the question's, each with its letter in front.
        form: for boxes, how they were to be written.

    Never raises for any text.
    """
    if kind in BOX_KINDS:
        reply = reply.replace("<|box_start|>", "<box_start>")  # what follows it is in thousandths
    thinking, answers, where = _split(reply, str.strip if kind in BOX_KINDS else plain_text)
    if not answers:
        return Answer("", where, thinking)
    read = [_boxes(t, kind, form) if kind in BOX_KINDS else _read(t, kind, tuple(options)) for t in answers]
    if len({r.value for r in read}) > 1:
        return Answer("", f"{len(read)} answers that differ", thinking)
    return Answer(read[0].value, f"{where}{read[0].how}", thinking)


def is_think_then_answer(reply: str) -> bool:
    """Whether a reply is exactly one think block and then one answer block, with nothing else but space."""
    return bool(_WELL_FORMED.fullmatch(reply)) and len(_TAG.findall(reply)) == 4


# --- from a reply to the text of its answer -------------------------------------------------------------------------

_WELL_FORMED = re.compile(r"\s*<think>.*?</think>\s*<answer>.*?</answer>\s*", re.DOTALL)
_TAG = re.compile(r"<\s*/?\s*(?:think|answer)\s*>", re.IGNORECASE)
_THINK = re.compile(r"<\s*think(?:ing)?\s*>(.*?)<\s*/\s*think(?:ing)?\s*>", re.DOTALL | re.IGNORECASE)
_THINK_OPEN = re.compile(r"<\s*think(?:ing)?\s*>", re.IGNORECASE)
_THINK_CLOSE = re.compile(r"<\s*/\s*think(?:ing)?\s*>", re.IGNORECASE)
_ANSWER = re.compile(r"<\s*answer\s*>(.*?)(?=<\s*/?\s*answer\s*>|\Z)", re.DOTALL | re.IGNORECASE)
_BOXED = re.compile(r"\\boxed\s*\{(?:\\text\s*\{)?([^{}]*)\}")
_SPECIAL = re.compile(r"<\|[^|<>]*\|>|</?s>|```(?:json)?")


def _split(reply: str, clean: Callable[[str], str]) -> tuple[str, list[str], str]:
    """The thinking, the texts that hold an answer, and where they stood (or why there are none)."""
    text = _SPECIAL.sub(" ", reply)
    thinking = "\n".join(part.strip() for part in _THINK.findall(text))
    text = _THINK.sub(" ", text)
    if closing := _THINK_CLOSE.search(text):  # a chat template may have written the opening tag itself
        thinking, text = f"{thinking}\n{text[: closing.start()]}".strip(), text[closing.end() :]
    elif opening := _THINK_OPEN.search(text):
        asked = _ANSWER.search(text, opening.end())
        if asked is None:
            return text[opening.end() :].strip(), [], "the thinking never ends"
        thinking, text = text[opening.end() : asked.start()].strip(), text[asked.start() :]
    if _ANSWER.search(text):
        found = [part for part in map(clean, _ANSWER.findall(text)) if part]
        return thinking, found, "answer tag: " if found else "the answer tag is empty"
    if boxed := [part for part in map(clean, _BOXED.findall(text)) if part]:
        return thinking, boxed, "boxed: "
    said = clean(text)
    return thinking, [said] if said else [], "" if said else "the reply is empty"


def _read(text: str, kind: Kind, options: tuple[str, ...]) -> Reading:
    if kind in UNSCORED_KINDS:
        return Reading(text, "the reply")
    if kind == "number":
        return read_number(text)
    if kind == "yes_no":
        return read_yes_no(text)
    known = option_texts(options)
    read = read_one(text, known) if kind == "one" else read_several(text, known)
    beyond = [letter for letter in read.value if ord(letter) - 65 >= len(options)]
    return Reading("", f"'{beyond[0]}' is not among the options") if options and beyond else read


def _boxes(text: str, kind: Kind, form: str) -> Reading:
    found = boxes.parse(unicodedata.normalize("NFKC", text), form)
    if kind == "box" and len(found.boxes) > 1:
        return Reading("", f"{len(found.boxes)} boxes where one is asked for")
    return Reading(boxes.dump(found.boxes) if found.boxes else "", found.how)
