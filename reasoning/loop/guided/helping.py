"""Replies to requests for a text, a list, a plan or a deed: what is beyond the model, by its name, and a beginning.

The beginning is the person's own details, or how such a thing is commonly made.
"""

from __future__ import annotations

import re
from dataclasses import replace

from omnisense.reasoning.loop.guided.asked import find_asked, sentences_of
from omnisense.reasoning.loop.guided.parts import Composed, Situation, join, listed, say, upper
from omnisense.reasoning.loop.guided.phrases import Picker, phrases
from omnisense.reasoning.loop.guided.reading import Reading
from omnisense.reasoning.loop.guided.restating import restate
from omnisense.reasoning.loop.guided.rewording import drafted_message, how_to, quoted, wanted
from omnisense.reasoning.loop.paraphrase import split_clauses

_MAX_DETAIL, _MAX_DETAILS = 18, 5  # words of a detail that is said again, and how many are
_FELT = re.compile(
    r"i(?:'m| am| feel) (?:(?:so|very|really|quite|a bit|absolutely) )*(?:nervous|scared|terrified|worried"
    r"|anxious|excited|livid|furious"
    r"|angry|sad|heartbroken|stressed|overwhelmed|lost|ashamed|embarrassed|mortified)\b",
    re.IGNORECASE,
)
# Sentences that give no detail: a greeting, a closing, or how the text is to be.
_NO_DETAIL = re.compile(
    r"(?:hi|hello|hey|good (?:morning|afternoon|evening)|dear|thanks?|thank you|regards|best|yours|sorry|please"
    r"|pls|keep it"
    r"|make it|not too|under an?|no more|about an?|nothing|polite|short|cheers|this is)\b",
    re.IGNORECASE,
)
_SHORTER = re.compile(r"; | and (?=(?:she|he|they|it|there) )", re.IGNORECASE)  # where long sentences are parted
# What is asked for, the first that fits; those of _WRITTEN are put together from the person's own details.
_KINDS = (
    ("act", r"^(?:please |(?:can|could|would) you )*(?:remind|book|order|send|play|buy|set an? (?:alarm|timer))\b"),
    ("translate", r"\btranslat\w+\b|\bin (?:french|german|spanish|italian|chinese|japanese)\b"),
    ("condolence", r"\b(?:condolen\w+|sympathy|died|passed away|your loss)\b"),
    ("error", r"\b(?:\w*error|exception|traceback|code|program|script|bug)\b"),
    ("shares", r"\bwho owes\b|\bsplit (?:the|a|our|this) (?:bill|rent|cost)|\bwe each owe\b"),
    ("amounts", r"\bnew amounts?\b|\bscale\b|\bconvert\b|\b(?:halve|double) (?:the|this|a) recipe\b"),
    ("speech", r"\b(?:speech|toast|eulogy|vows)\b"),
    ("shopping", r"\b(?:shopping|grocery|groceries)\b"),
    ("packing", r"\b(?:packing|pack)\b"),
    ("revision", r"\b(?:revision|revise|study|exams?|homework)\b"),
    ("timetable", r"\b(?:timetable|schedule|routine|rota|running order|chores?)\b"),
    ("verse", r"\b(?:poems?|songs?|lyrics|story|rap)\b"),
    ("lines", r"\b(?:lines?|sentences?|things? to say)\b"),
    ("write", r"\b(?:write|draft|notice|proofread|text|message|note|e-?mail|letter|card)\b"),
    ("recipe", r"\b(?:recipes?|cook|dinners?|lunch|meals?)\b"),
    ("names", r"\bnames?\b"),
    ("tips", r"\btips\b"),
    ("ideas", r"\b(?:think of|ideas?|recommend\w*|suggest\w*)\b"),
    ("plan", r"\b(?:plan|organi[sz]e|prepare|list|party|trip|itinerary|menu|agenda|checklist)\b"),
)  # fmt: skip
_WRITTEN = frozenset("speech verse lines write shopping packing revision timetable plan".split())
_OF_DETAILS = frozenset("speech lines write timetable plan".split())


def answer_request(_: Situation, reading: Reading, picker: Picker) -> Composed:
    """Return the reply to a request, behind the feeling that is told with it."""
    helped = _helped(reading, picker)
    said = next((restate(c.text) for c in reading.clauses if _FELT.match(c.text)), "")
    return replace(helped, text=join(f"{upper(said)}, and that is no small thing." if said else "", helped.text))


def _helped(reading: Reading, picker: Picker) -> Composed:
    section, asked = phrases()["help"], reading.asked or reading.text
    if draft := drafted_message(asked):
        offer = picker.pick(section["draft"], "draft", draft=draft)
        return Composed(join(offer, say("help", picker, "draft_ask")), "help: a draft")
    key = next((key for key, pattern in _KINDS if re.search(pattern, asked, re.IGNORECASE)), "say")
    if key == "say" and (steps := how_to(asked)):
        return Composed(picker.pick(phrases()["fact"]["how"], "how", asked=steps), "fact: how to")
    if key not in _WRITTEN:
        return Composed(picker.pick(section[key], "help", it=quoted(asked)), f"help: {key}")
    it = wanted(asked) or quoted(asked)
    lead = picker.pick(section["lead"], "lead", it=it, It=upper(it))
    if key in _OF_DETAILS and (given := _given(reading)):
        return Composed(join(lead, picker.pick(section["given"], "given", given=given)), "help: what is given")
    ask = say("help", picker, "ask_plan") if key == "plan" else ""
    return Composed(join(lead, say("help", picker, key), ask), f"help: {key}")


def _given(reading: Reading) -> str:
    """Return the details that somebody gives beside a request, in quotes; empty where there are none."""
    details: list[str] = []
    for sentence in sentences_of(reading.text):
        plain = sentence.strip(' .!"')
        if reading.asked in sentence or find_asked(sentence) or _NO_DETAIL.match(plain) or _FELT.match(plain):
            continue
        parts = [plain] if len(plain.split()) <= _MAX_DETAIL else _SHORTER.split("; ".join(split_clauses(plain)))
        details += [part for part in parts if 2 <= len(part.split()) <= _MAX_DETAIL and '"' not in part]
    return listed([f'"{detail}"' for detail in details[:_MAX_DETAILS]]) if details else ""
