"""The sentence of a message that asks for something, found by its form: with or without a question mark, anywhere.

A form is tried at the beginning of every sentence, behind what only leads into it ("ok so", "In Excel,"); the
questions that people ask of their own doing ("how do i", "should we") and of others ("can you") also within one, as
they stand in messages without punctuation. What is quoted asks nothing.
"""

from __future__ import annotations

import functools
import re
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from omnisense.reasoning.loop.requests import request_of
from omnisense.text import split_sentences

Kind = Literal["help", "advice", "fact"]


class Asked(NamedTuple):
    """What is asked, in the person's words, and what for."""

    sentence: str
    kind: Kind


_QUOTED = re.compile(r"\"[^\"]*\"|(?<![\w'])'(?=[^'\s])[^'\n]*(?:'\w[^'\n]*)*'(?!\w)")
_HELD = re.compile("\ue000(\\d+)\ue000")  # stands for a quote
_LEADS_IN = re.compile(
    r"(?:(?:so|and|but|or|ok|okay|hey|hi|hello|right|well|anyway|also|now|please|kindly|pls|sorry|oh|ah"
    r"|quick (?:one|question)"
    r"|good (?:morning|afternoon|evening)|by the way|honestly|question|dear \w+|do you know|any idea"
    r"|(?:can|could|would|will) (?:you|u) (?:please |kindly |maybe )*tell (?:me|us)"
    r"|tell (?:me|us)(?= (?:what|who|where|when|which|why|how|if|whether)\b)"
    r"|(?:in|on|for|with|at|from|before|after|since) [\w' ]{1,30}(?=, (?:what|who|where|when|which|why|how|is"
    r"|are|do|does|can"
    r"|should)\b))[,:.]? )+",
    re.IGNORECASE,
)
# A question that names nothing of what it is about.
BARE = re.compile(
    r"(?:(?:what|which)(?: one| \w+)? (?:would|do|should|can|could|shall) (?:i|we|you|u)(?: \w+){1,3}|(?:now "
    r"|please )?help"
    r"(?: me)?(?: please)?|(?:please )?advise(?: me)?|(?:any|some) (?:tips|advice|ideas?|suggestions)|worth \w+"
    r"|i need advice"
    r"|(?:ought|should|shall) (?:i|we)|what is (?:the )?(?:better|best)(?: (?:for|thing|way)(?: \w+){0,3})?)\W*",
    re.IGNORECASE,
)
_EITHER_OR = re.compile(
    r"(?!(?:more|sooner|one way|a minute|an hour|a day|either|whether|rain|now)\b)"
    r"(?!.*\b(?:i|we|he|she|they|i'm|you|was|were|is|like it or not|take it or leave it|or (?:so|something"
    r"|whatever|more|less|two"
    r"|not|anything|nothing|never|later))\b)[a-z]+(?: [\w']+){0,3},? or [a-z]+(?: [\w']+){0,4}\W*",
    re.IGNORECASE,
)
RHETORICAL = re.compile(
    r"^(?:i )?(?:just |really |so )*love (?:that|how|when|it when)\b"
    r"|\b(?:can|would) you believe\b|\bwho does (?:that|this)\b|\byou know (?:what\b|\W*$)|\bright\W*$"
    r"|\bhow (?:can|could|dare)\b"
    r"(?! (?:i|we)\b)"
    r"|\bguess what\b|\bwhat would i do without\b|\bhow (?:can|could|do) (?:i|we|you) (?:not|ever)\b"
    r"|\b(?:isn't|aren't|wasn't|hasn't|haven't|don't|doesn't|didn't|can't|won't|can|is|are|do|does|did|has|have|was)"
    r" (?:i|you|he|she|it|they|we)\W*$",
    re.IGNORECASE,
)
_ELLIPTIC = re.compile(  # it asks about what was told before: "Ought I?", "So why does it?"
    r"(?:(?P<own>ought|should|shall) (?:i|we)|(?:so |and |but )?(?:why |how )?(?:do|does|is|are|will"
    r"|can) (?:they|it))\W*\?\W*",
    re.IGNORECASE,
)
_SMALL_START = re.compile(
    r"(?<=[.!?])(?<!\bmr\.)(?<!\bms\.)(?<!\bdr\.)(?<!\bst\.)(?<!\bvs\.)(?<!\bmrs\.)(?<!\betc\.)\s+(?=[a-z])",
    re.IGNORECASE,
)
_REPORTS = re.compile(  # what goes before a question that is told: "she asked how do i manage"
    r"\b(?:asked|asks|asking|said|says|told|wondered|wonders)(?: (?:me|us|him|her|them|if|whether))?[,:]? $",
    re.IGNORECASE,
)


def find_asked(text: str) -> Asked | None:
    """Return what a message asks for; None where all of it tells, as far as its form shows.

    Args:
        text: of the person, without emoji. Of several sentences that ask, the last is taken that says what.
    """
    held, quotes = _hold(text.replace("\u2019", "'").strip())
    found = [asked for sentence in _sentences(held) if (asked := _asked_in(sentence))]
    telling = [asked for asked in found if not BARE.fullmatch(asked.sentence)]
    best = (telling or found)[-1:]
    return best[0]._replace(sentence=_unhold(best[0].sentence, quotes)) if best else None


def sentences_of(text: str) -> list[str]:
    """Return the sentences of a text, also where the next one begins with a small letter, as many people type."""
    held, quotes = _hold(text)
    return [_unhold(sentence, quotes) for sentence in _sentences(held)]


def _hold(text: str) -> tuple[str, list[str]]:
    """Return a text in which quotes are replaced by their numbers, and the quotes."""
    quotes = [found[0] for found in _QUOTED.finditer(text)]
    numbers = iter(range(len(quotes)))
    return _QUOTED.sub(lambda _: f"\ue000{next(numbers)}\ue000", text), quotes


def _unhold(text: str, quotes: Sequence[str]) -> str:
    return _HELD.sub(lambda place: quotes[int(place[1])], text)


def _sentences(text: str) -> list[str]:
    return [part for sentence in split_sentences(text) for part in _SMALL_START.split(sentence) if part.strip()]


def _asked_in(sentence: str) -> Asked | None:
    """Return what a sentence asks; its quotes are held."""
    if elliptic := _ELLIPTIC.fullmatch(sentence):
        return Asked(sentence, "advice" if elliptic["own"] else "fact")
    if RHETORICAL.search(sentence):
        return None
    plain = _LEADS_IN.sub("", sentence, count=1) if _LEADS_IN.match(sentence) else sentence
    if _EITHER_OR.fullmatch(plain):
        return Asked(plain, "advice")
    for kind, pattern in _forms("start"):
        if pattern.match(plain):
            return Asked(plain, kind)
    for kind, pattern in _forms("within"):
        within = pattern.search(plain)
        if within and not _REPORTS.search(plain[: within.start()]):
            return Asked(plain[within.start() :], kind)
    if request_of(sentence) == "text":
        return Asked(plain, "help")
    return None


@functools.cache
def _forms(place: Literal["start", "within"]) -> tuple[tuple[Kind, re.Pattern[str]], ...]:
    """Return the forms of ``asked.toml`` for a place, each with what it asks for."""
    data = tomllib.loads(Path(__file__).with_name("asked.toml").read_text("utf-8"))

    def compiled(pattern: str) -> re.Pattern[str]:
        for name, part in data["parts"].items():
            pattern = pattern.replace(f"<{name}>", part)
        return re.compile(pattern if place == "start" else rf"(?<![\w'-]){pattern}", re.IGNORECASE)

    return tuple((row["kind"], compiled(row["pattern"])) for row in data[place])
