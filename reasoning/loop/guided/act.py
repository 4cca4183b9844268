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
from omnisense.reasoning.loop.guided.asked import Asked
from omnisense.reasoning.loop.paraphrase import split_clauses

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
NEED_KNOWLEDGE: frozenset[ActName] = frozenset({"fact", "advice", "help", "clip"})  # of these
_SURE = 0.5
_SURELY_A_JOKE = 0.85
_LEAST_JOKE, _JOKE_WORDS = 6, 25
_SHORT_WORDS = 40  # a longer text tells something, whatever forms occur in it
_ASKS = re.compile(
    r"\?\s*$|^(?!what an?\b|how (?:nice|lovely|kind|sweet|funny|strange|sad)\b)(?:(?:in|at|on|for|to|from|by) )?"
    r"(?:what|what's|who|where|when|which|why|how)\b|^(?:whats|is|are|do|does|did|can|could|should|would|will|am"
    r"|was|were)\b",
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
_WHY = re.compile(r"why\b(?!.*\b(i|me|my)\b)", re.IGNORECASE)
# Of these a pattern counts for more than a form that asks: "are you a person? just asking", "no, I said ...".
_BEFORE_REQUESTS: frozenset[ActName] = frozenset(
    {"clip", "agent", "memory", "correction", "complaint", "joke request", "joke", "small talk", "goodbye", "answer"}
)
# A riddle and its answer: of somebody unknown, told as a past deed.
_RIDDLE = re.compile(
    r"why did (?:the|an?) [^.?!]+[.?!]+ (?:because|'?cause|to|so|he|she|they|it)\b(?:(?!\b(?:i|my|me|we"
    r"|our)\b)[^.?!])+(?:[.!?]|$)",
    re.IGNORECASE,
)
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


def choose_act(
    text: str,
    scores: Mapping[str, float],
    asked: Asked | None = None,
    *,
    has_clip: bool,
    has_history: bool,
    about: bool,
) -> Act:
    """Return the act of a text.

    Args:
        text: without emoji.
        scores: of the act head; empty where it is not available.
        asked: what it asks for, by its form.
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
    if shown := _shown(text, asked, has_history):
        return shown
    if asks and has_clip:
        return Act("clip", scores.get("clip", 0.0))
    if asked:
        return Act(asked.kind, 1.0, explicit=True)
    if len(text.split()) > _SHORT_WORDS:
        return Act("third person" if about else "telling", 1.0)
    return _asking(text, scores, has_history, about) if asks else _telling(text, scores, has_history, about)


def _shown(text: str, asked: Asked | None, has_history: bool) -> Act | None:
    """Return the act that a pattern shows; None where none does, or something is asked that counts for more."""
    if len(text.split()) > _SHORT_WORDS:
        return None
    if _RIDDLE.match(text):
        return Act("joke", 1.0, explicit=True)
    for name, pattern in _patterns():
        may_be = not asked or name in _BEFORE_REQUESTS
        if may_be and pattern.search(text) and (name != "correction" or has_history or _CORRECTS.search(text)):
            return Act(name, 1.0, explicit=True)
    return None


def _asking(text: str, scores: Mapping[str, float], has_history: bool, about: bool) -> Act:
    """Return the act of a short text that is a question of no form that is known."""
    asked: dict[str, float] = {name: scores.get(name, 0.0) for name in (*QUESTIONS, "small talk", "greeting")}
    if not has_history:
        asked.pop("memory")
    if _WHY.match(text):  # it asks for a reason, not for help or advice
        return Act("fact", asked["fact"])
    best = max(asked, key=asked.__getitem__) if scores else "fact"
    told_too = any(not _ASKS.search(clause) for clause in split_clauses(text))
    if asked.get(best, 1.0) < _SURE and told_too:  # "I hate waiting. Why is everyone late?"
        return Act("third person" if about else "telling", asked[best])
    return Act(_name(best), asked.get(best, 0.0))


def _telling(text: str, scores: Mapping[str, float], has_history: bool, about: bool) -> Act:
    """Return the act of a short text that is no question."""
    best = max(scores, key=scores.__getitem__, default="telling")
    confidence = scores.get(best, 0.0)
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


@functools.lru_cache(maxsize=1)
def _patterns() -> tuple[tuple[ActName, re.Pattern[str]], ...]:
    rows = tomllib.loads(Path(__file__).with_name("act_patterns.toml").read_text("utf-8"))
    return tuple((_name(act), re.compile("|".join(row), re.IGNORECASE)) for act, row in rows.items())


def _name(label: str) -> ActName:
    return label  # type: ignore[return-value]  # the head's labels are acts; the tests check it
