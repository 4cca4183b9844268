"""The answer parser: the answer in a reply, and the rule that found it or the reason why there is none.

The evaluation scorer and the training reward both call :func:`parse`. An ambiguous reply has no answer: a model gains
nothing by naming several answers where one is asked for, nor by prose that happens to begin with a letter.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from omnisense.reasoning.answers import boxes
from omnisense.reasoning.answers.hesitation import after_revision
from omnisense.reasoning.answers.normalize import Reading, drop_markup, plain_text
from omnisense.reasoning.answers.parse_labels import read_decimal, read_joint, read_label
from omnisense.reasoning.answers.parse_letters import read_one
from omnisense.reasoning.answers.parse_several import read_several
from omnisense.reasoning.answers.parse_values import read_number
from omnisense.reasoning.answers.parse_yes_no import read_yes_no
from omnisense.reasoning.answers.passages import before_end_of_turn, own_passages
from omnisense.reasoning.answers.question import BOX_KINDS, UNSCORED_KINDS, VALUE_KINDS, Kind, Question

PARSER_VERSION = 22  # raise it when any reply is parsed differently; every record carries it


@dataclass(frozen=True)
class Answer:
    """The answer in a reply.

    Attributes:
        value: ``B``; ``AC`` (letters in order); ``3``; ``yes`` or ``no``; boxes as JSON (fractions of the image); a
            label; the values of a joint label (``happy; questioning``); ``-2.50``; a generated text; empty when there
            is none.
        how: the rule that found it, or the reason why none did.
        thinking: the text in the think tags.
    """

    value: str
    how: str
    thinking: str = ""


def parse(reply: str, kind: Kind, options: Sequence[str] = (), form: str = "") -> Answer:
    """Parse the answer in a reply.

    Args:
        reply: as the model wrote it: the answer alone, in a sentence, or as ``<think>...</think><answer>...</answer>``.
        kind: what was asked for.
        options: of the question, each with its letter.
        form: for boxes, the format that was asked for.

    Never raises for any text.
    """
    if kind in BOX_KINDS:
        reply = reply.replace("<|box_start|>", "<box_start>")  # what follows it is in thousandths
    thinking, answers, where = _split_reply(reply, _CLEAN.get(kind, plain_text))
    if not answers:
        return Answer("", where, thinking)
    if not where and kind not in BOX_KINDS:
        for own in own_passages(answers[0]):
            if (reading := _read(own, kind, tuple(options))).value:
                return Answer(reading.value, reading.how, thinking)
    readings = [_read_boxes(t, kind, form) if kind in BOX_KINDS else _read(t, kind, tuple(options)) for t in answers]
    if len({reading.value for reading in readings}) > 1:
        return Answer("", f"{len(readings)} answers that differ", thinking)
    return Answer(readings[0].value, f"{where}{readings[0].how}", thinking)


def is_think_then_answer(reply: str) -> bool:
    """Whether a reply is exactly one think block and one answer block, with nothing else but whitespace."""
    return bool(_WELL_FORMED.fullmatch(reply)) and len(_TAG.findall(reply)) == 4


_CLEAN: dict[str, Callable[[str], str]] = {
    **dict.fromkeys((*BOX_KINDS, "generated"), str.strip),
    "joint": drop_markup,  # its fields may be those of a JSON object
}

# --- from a reply to the text of its answer -------------------------------------------------------------------------

_WELL_FORMED = re.compile(r"\s*<think>.*?</think>\s*<answer>.*?</answer>\s*", re.DOTALL)
_TAG = re.compile(r"<\s*/?\s*(?:think|answer)\s*>", re.IGNORECASE)
_THINK_TAG = r"(?:think(?:ing)?|thoughts?|analysis|reasoning|reflection)\s*>"
_THINK_OPEN = re.compile(rf"<\s*{_THINK_TAG}", re.IGNORECASE)
_THINK_CLOSE = re.compile(rf"<\s*/\s*{_THINK_TAG}", re.IGNORECASE)
# the channels of OpenAI's harmony format, with its special tokens or, where decoding dropped them, without
_FINAL_CHANNEL = re.compile(r"<\|channel\|>\s*final\b[^<]{0,80}<\|message\|>|(?<![a-z])assistantfinal(?![a-z])")
_ANALYSIS_CHANNEL = re.compile(r"<\|channel\|>\s*(?:analysis|commentary)\b[^<]{0,80}<\|message\|>|\Aanalysis(?=[A-Z])")
_ANSWER = re.compile(r"<\s*answer\s*>(.*?)(?=<\s*/?\s*answer\s*/?\s*>|\Z)", re.DOTALL | re.IGNORECASE)
# what ends thinking that is never closed
_FINAL_LINE = re.compile(
    r"\n\W*final\s+answer\W*[:：][^\n]+\s*\Z|(?:\n|(?<=[.!?]\s))\W{0,3}answer\W{0,3}[:：]\s*\W{0,3}[A-Z](?!\w)[^.\n]{0,60}\.?\W*\Z"
    r"|\b(?:so|therefore|thus|hence),?\s+(?:the\s+|my\s+)?(?:final\s+|correct\s+)?answer\s+(?:is|must\s+be|should\s+be)\b[^.\n]{1,60}[.!]?\s*\Z"
    r"|(?<=[.!?]\s)(?:the|my)\s+(?:final\s+|correct\s+)?answer\s+is\b[^.\n]{1,60}[.!]\s*\Z",
    re.IGNORECASE,
)
_BOXED = re.compile(r"\\boxed\s*\{(?:\s*\\[a-z]{1,12}\s*\{)?([^{}]*)\}")
_FINAL_BOX = re.compile(r"\b(?:final|corrected|revised|updated)\b[^.\n]*\Z", re.IGNORECASE)
_SIGNS = ("<", "\\boxed", "```", "assistantfinal")
_SPECIAL = re.compile(r"<\|[^|<>]*\|>|</?s>|```(?:json)?")


def _split_reply(reply: str, clean: Callable[[str], str]) -> tuple[str, list[str], str]:
    """Return the thinking, the texts that hold an answer, and where they were found (or why there are none)."""
    if not any(sign in reply for sign in _SIGNS):  # the usual case: no tags, channels or boxes to look for
        plain = clean(reply)
        return "", [plain] if plain else [], "" if plain else "the reply is empty"
    thinking, text = _take_thinking(_channels_as_tags(reply))
    if not text.strip() and (inside := _ANSWER.search(thinking)):  # all of it was taken for thinking
        text = inside[0]
    text = _SPECIAL.sub(" ", before_end_of_turn(text))
    if closing := _THINK_CLOSE.search(text):  # a chat template may have written the opening tag itself
        thinking, text = f"{thinking}\n{text[: closing.start()]}".strip(), text[closing.end() :]
    elif opening := _THINK_OPEN.search(text):
        answer = _ANSWER.search(text, opening.end()) or _FINAL_LINE.search(text, opening.end())
        if answer is None:
            return text[opening.end() :].strip(), [], "the thinking never ends"
        thinking, text = text[opening.end() : answer.start()].strip(), text[answer.start() :]
    if _ANSWER.search(text):
        found = [part for part in map(clean, _given_answers(text)) if part]
        return thinking, found, "answer tag: " if found else "the answer tag is empty"
    if boxed := [part for box in _last_if_final(text, list(_BOXED.finditer(text))) if (part := clean(box[1]))]:
        return thinking, boxed, "boxed: "
    plain = clean(text)
    return thinking, [plain] if plain else [], "" if plain else "the reply is empty"


def _given_answers(text: str) -> list[str]:
    """Return what answer tags hold; only the last where the words before it take the earlier ones back."""
    tags = list(_ANSWER.finditer(text))
    between = text[tags[-2].end() : tags[-1].start()] if len(tags) > 1 else ""
    is_revised = after_revision(_TAG.sub("\n", between)) is not None
    return [tag[1] for tag in (tags[-1:] if is_revised else tags)]


def _last_if_final(text: str, boxed: list[re.Match[str]]) -> list[re.Match[str]]:
    """Return the boxes of a text, only the last one where the words before it call it final."""
    return boxed[-1:] if len(boxed) > 1 and _FINAL_BOX.search(text[: boxed[-1].start()][-40:]) else boxed


def _take_thinking(text: str) -> tuple[str, str]:
    """Return what stands between think tags, and the text without it, in one pass over the tags."""
    closings = iter(list(_THINK_CLOSE.finditer(text)))
    closing = next(closings, None)
    thoughts, kept, at = [], [], 0
    for opening in _THINK_OPEN.finditer(text):
        if opening.start() < at:
            continue
        while closing is not None and closing.start() < opening.end():
            closing = next(closings, None)
        if closing is None:
            break
        kept.append(text[at : opening.start()])
        thoughts.append(text[opening.end() : closing.start()].strip())
        at = closing.end()
    return "\n".join(thoughts), " ".join([*kept, text[at:]])


def _channels_as_tags(reply: str) -> str:
    """Return a reply whose analysis and final channels, if it has any, are written as thinking and what follows it."""
    if "<|channel|>" not in reply and "assistantfinal" not in reply:
        return reply
    opening = _ANALYSIS_CHANNEL.search(reply)
    finals = list(_FINAL_CHANNEL.finditer(reply))
    if finals and (opening or reply[finals[-1].start()] == "<"):
        analysis = reply[opening.end() if opening else 0 : finals[-1].start()]
        return f"<think>{_THINK_CLOSE.sub(' ', analysis)}</think>{reply[finals[-1].end() :]}"
    if opening and opening[0].startswith("<"):
        return f"<think>{reply[opening.end() :]}"
    return reply


def _read(text: str, kind: Kind, options: tuple[str, ...]) -> Reading:
    if kind in UNSCORED_KINDS or kind == "generated":
        return Reading(text, "the reply")
    if kind in VALUE_KINDS:
        return read_decimal(text)
    if kind == "label":
        return read_label(text, Question("", kind, options).candidates())
    if kind == "joint":
        return read_joint(text, Question("", kind, options).fields())
    if kind == "number":
        return read_number(text)
    if kind == "yes_no":
        return read_yes_no(text)
    read = read_one(text, options) if kind == "one" else read_several(text, options)
    beyond = [letter for letter in read.value if ord(letter) - 65 >= len(options)]
    return Reading("", f"'{beyond[0]}' is not among the options") if options and beyond else read


def _read_boxes(text: str, kind: Kind, form: str) -> Reading:
    found = boxes.parse(unicodedata.normalize("NFKC", text), form)
    if kind == "box" and len(found.boxes) > 1:
        return Reading("", f"{len(found.boxes)} boxes where one is asked for")
    return Reading(boxes.dump(found.boxes) if found.boxes else "", found.how)
