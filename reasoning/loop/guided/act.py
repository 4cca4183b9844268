"""What the person does with what they say: tell, ask, thank, greet, correct, joke.

Explicit forms ("Thank you", "What is my name?") are patterns. The rest is read by a linear head on the sentence
embedding, fitted on the phrasings beside this file; where it is not sure, a question stays a question and anything else
is something that the person tells.
"""

from __future__ import annotations

import functools
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, NamedTuple

from omnisense.reasoning.loop.conversation import asks_to_recall
from omnisense.reasoning.loop.paraphrase import split_clauses
from omnisense.reasoning.loop.requests import request_of
from omnisense.text import split_sentences

ActName = Literal[
    "feeling",
    "telling",
    "third person",
    "fact",
    "advice",
    "help",
    "clip",
    "agent",
    "memory",
    "thanks",
    "greeting",
    "goodbye",
    "joke request",
    "joke",
    "correction",
    "complaint",
    "small talk",
    "answer",
    "apology",
    "silence",
]
HEAD = Path(__file__).with_name("act.npz")
QUESTIONS: frozenset[ActName] = frozenset({"fact", "advice", "help", "clip", "agent", "memory"})
_SURE = 0.5
_GUESS = 0.3  # scores of an act below this tell nothing
_SURELY_A_JOKE = 0.85
_LEAST_JOKE, _JOKE_WORDS = 6, 25
_SHORT_WORDS = 40  # a longer text tells something, whatever forms occur in it
_WH = r"(?:(?:in|at|on|for|to|from|by) )?(?:what|what's|who|where|when|which|why|how)\b"
_ASKS = re.compile(
    rf"\?\s*$|^(?!what an?\b|how (?:nice|lovely|kind|sweet|funny|strange|sad)\b){_WH}|^(?:whats|is|are|do|does"
    rf"|did|can|could|should|would|will|am|was|were)\b",
    re.IGNORECASE,
)
# Whoever says so corrects something, though nothing of it is known here.
_CORRECTS = re.compile(
    r"\bi (never|didn'?t|did not) (say|said|mean)\b.*\bi (said|meant)\b|^(a |just a )?(\w+ )?correction\b"
    r"|^(?:actually|no|nope|wait)\b.*\b(?:not|n't)\b (?:me|him|her|us|them|mine|my|the|what)\b"
    r"|^(?:actually|wait|no)[, ]+(?:it|that) (?:was|is|wasn't|isn't)\b"
    r"|\byou(?:'ve| have)? (?:got|had|mixed) (?:that|it|this|me|them) (?:\w+ )?(?:wrong|backwards|mixed up|up)\b"
    r"|^(?:no|nope|wait)[, ]+i (?:said|meant|asked)\b"
    r"|(?:^|[.!,] )i meant\b|\bnot what i (asked|said|meant)\b"
    r"|\bi asked (about|how|what|why|when|where|who|whether|if|for)\b",
    re.IGNORECASE,
)
# A question about the world, with a remark behind it.
_BEGINS_WITH_QUESTION = re.compile(
    r"(?:what|who|where|when|which|how|why)\b(?!(?:(?!\?).)*\b(?:i|my|me)\b)[^.!?]{20,}\?", re.IGNORECASE
)
_ASKS_FIRST = re.compile(rf"{_WH}(?!(?:(?![,.?!]).)*\b(?:i|my|me)\b)[^,.?!]{{10,}}[,.?]", re.IGNORECASE)
# Without a question mark behind it too: "which way do the clocks go, i never remember".
_BEGINS_ASKING = re.compile(
    r"(?:whats|what's|what (?:is|are|was|does|do|did)|which (?:\w+ )?(?:is|are|do|does|did|has)|is it|are there"
    r"|is there"
    r"|who (?:is|was|wrote|invented)|how (?:many|far|old|tall|long) (?!i\b))\b",
    re.IGNORECASE,
)
_WHY = re.compile(r"why\b(?!.*\b(i|me|my)\b)", re.IGNORECASE)
# A question that expects no answer: a tag, or words of anger.
_RHETORICAL = re.compile(
    r"\b(?:can|would) you believe\b|\bwho does (?:that|this)\b|\byou know\W*$|\bright\W*$|\bhow (?:can|could|dare)\b"
    r"|\b(?:isn't|aren't|wasn't|hasn't|haven't|don't|doesn't|didn't|can't|won't|can|is|are|do|does|did|has|have|was)"
    r" (?:i|you|he|she|it|they|we)\W*$",
    re.IGNORECASE,
)
_OF_WORLD = re.compile(rf"{_WH}(?!.*\b(?:i|my|me|we|our|us|you|your|he|she|they)\b)(?: [^\s]+){{5,}}", re.IGNORECASE)
_ASKED_OF = 3  # the first sentence and the last ones may ask for something; those between tell
_OF_CLIP = re.compile(
    r"\b(video|clip|picture|photo|image|recording|see|look|looks|hear|sound|sounds|voice|face|smil\w+|say|said|saying"
    r"|talking|speak\w*|wear\w*|happen\w*|here|doing|watch)\b",
    re.I,
)


class Act(NamedTuple):
    """What the person does, how sure that is (0 to 1), and whether a pattern showed it."""

    name: ActName
    confidence: float
    explicit: bool = False


def last_question(text: str) -> str:
    """Return the last question of a text that says more beside it; empty where there is none."""
    sentences = split_sentences(text)
    asked = [s for s in sentences if s.endswith("?") and not _RHETORICAL.search(s)] if len(sentences) > 1 else []
    return asked[-1] if asked else ""


def choose_act(
    text: str,
    scores: Mapping[str, float],
    question: Mapping[str, float] | None = None,
    *,
    has_clip: bool,
    has_history: bool,
    about: bool,
) -> Act:
    """Return the act of a text.

    Args:
        text: without emoji.
        scores: of the act head; empty where it is not available.
        question: the same of its last question by itself, where it says more beside it.
        has_clip: whether a clip came with the text.
        has_history: whether there are earlier turns.
        about: whether a person of theirs is named ("my sister").
    """
    text = text.strip().replace("\u2019", "'")
    if not re.search(r"\w", text):
        return Act("silence", 1.0, explicit=True)
    asks = bool(_ASKS.search(text))
    if has_clip and asks and _OF_CLIP.search(text):
        return Act("clip", 1.0, explicit=True)
    if has_history and asks_to_recall(text):
        return Act("memory", 1.0, explicit=True)
    for name, pattern in _patterns() if len(text.split()) <= _SHORT_WORDS else ():
        if pattern.search(text) and (name != "correction" or has_history or _CORRECTS.search(text)):
            return Act(name, 1.0, explicit=True)
    if asks and has_clip:
        return Act("clip", scores.get("clip", 0.0))
    if asked_for := _asked_for(text, question or {}):
        return asked_for
    if len(text.split()) > _SHORT_WORDS:
        return Act("third person" if about else "telling", 1.0)
    best = max(scores, key=scores.__getitem__, default="telling")
    confidence = scores.get(best, 0.0)
    if asks:
        asked: dict[str, float] = {name: scores.get(name, 0.0) for name in (*QUESTIONS, "small talk", "greeting")}
        if not has_history:
            asked.pop("memory")
        if _WHY.match(text):  # it asks for a reason, not for help or advice
            return Act("fact", asked["fact"])
        best = max(asked, key=asked.__getitem__) if scores else "fact"
        is_first = _BEGINS_WITH_QUESTION.match(text) or _ASKS_FIRST.match(text)
        told_too = not (is_first or _BEGINS_ASKING.match(text)) and any(
            not _ASKS.search(clause) for clause in split_clauses(text)
        )
        if is_first and _ASKS_FIRST.match(text) and asked.get(best, 1.0) < _GUESS:
            return Act("fact", asked["fact"])
        if asked.get(best, 1.0) < _SURE and told_too:  # "I hate waiting. Why is everyone late?"
            return Act("third person" if about else "telling", asked[best])
        return Act(_name(best), asked.get(best, 0.0))
    is_doubtful = confidence < (_SURELY_A_JOKE if best == "joke" else _SURE)
    is_doubtful |= best == "joke" and not _LEAST_JOKE <= len(text.split()) <= _JOKE_WORDS
    if is_doubtful or best in QUESTIONS or (best == "correction" and not has_history):
        told = {name: scores.get(name, 0.0) for name in ("telling", "feeling", "small talk")}
        best = max(told, key=told.__getitem__) if scores else "telling"
        confidence = told.get(best, 0.0)
    if best == "third person" and not about:
        best = "telling"
    if about and best in ("telling", "feeling", "small talk"):
        best = "third person"
    return Act(_name(best), confidence)


def asks_for_help(sentence: str) -> bool:
    """Whether a sentence asks for something to be done or written."""
    return request_of(sentence) == "text" or bool(dict(_patterns())["help"].search(sentence))


def _asked_for(text: str, question: Mapping[str, float]) -> Act | None:
    """Return what one sentence among others asks for; None where all of them tell.

    Args:
        text: of the person.
        question: the scores of its last question by itself; empty where there is none.
    """
    sentences = split_sentences(text)
    if len(sentences) == 1 and len(text.split()) <= _SHORT_WORDS:
        return None
    for sentence in dict.fromkeys([*sentences[:-_ASKED_OF:-1], *sentences[:1]]):
        if _RHETORICAL.search(sentence):
            continue
        for name, pattern in _patterns():
            if name in ("help", "advice", "fact") and pattern.search(sentence):
                return Act(name, 1.0, explicit=True)
        if asks_for_help(sentence):
            return Act("help", 1.0, explicit=True)
    asked = {name: question.get(name, 0.0) for name in ("help", "advice", "fact")}
    best = max(asked, key=asked.__getitem__)
    if asked[best] >= _SURE:
        return Act(_name(best), asked[best])
    return Act("fact", _GUESS) if _OF_WORLD.match(last_question(text)) else None


@functools.lru_cache(maxsize=1)
def _patterns() -> tuple[tuple[ActName, re.Pattern[str]], ...]:
    rows = tomllib.loads(Path(__file__).with_name("act_patterns.toml").read_text("utf-8"))
    return tuple((_name(act), re.compile("|".join(row), re.IGNORECASE)) for act, row in rows.items())


def _name(label: str) -> ActName:
    return label  # type: ignore[return-value]  # the head's labels are acts; the tests check it
