"""The person's own clauses, turned to "you"; only those that stay true and grammatical when they are."""

from __future__ import annotations

import re

from omnisense.reasoning.loop.paraphrase import to_second_person

_MAX_WORDS = 16
_MIN_WORDS = 3
_SUBJECT = re.compile(r"^(i|i'm|i've|i'd|i'll|we|we're|we've|my|our)\b", re.IGNORECASE)
_UNFIT = re.compile(
    r"\byou\b|\byour\b|[\"()\[\]{}<>|/:]"
    r"|^(if|because|when|that|which|what|who|why|where|how|is|are|do|does|did|can|could|should|would|will|give|show|tell"
    r"|help|don't|to|for|with|in|at|on|please|let|i guess|i hope|i wonder|i mean"
    r"|i know|i can't believe|my name)\b"
    r"|^(i|we) would(n't| not)? have to\b"
    r"|^i(?:'m| am) (such )?an? (joke|failure|loser|burden|idiot|mess|disappointment|nobody)\b"
    r"|\b(lol|haha\w*|idk|omg)\b|\b(and|but|or|the|a|my|of|to|because|if|that|when|since|with)$",
    re.IGNORECASE,
)
_CAPITALS = re.compile(r"\b[A-Z]{4,}\b")  # they shout, and are not shouted back
_NAME = re.compile(
    r"(?:\b[Mm]y name(?: is|'s)|\bI(?: am|'m) called|^(?:[Hh](?:i|ello|ey)[,!.]? )(?:I'm|I am|it's|this is)"
    r"|\bI'm(?= [A-Z][a-z]+[.!]*$)) (?P<name>[A-Z][\w-]+)"
)
_FEELINGS = {
    "positive": "relieved happy glad excited proud hopeful grateful thrilled joyful calm delighted thankful".split(),
    "negative": (
        "terrified scared afraid sad anxious nervous worried lonely guilty angry exhausted ashamed heartbroken"
    ).split(),
}
# "You're so angry" can be a reproach, and the check of harmful replies takes it for one; "you feel so angry" cannot.
_STATE = re.compile(
    r"^i(?:'m| am)(?= (?:(?:so|very|really|too|quite|still|a bit|a little) )*"
    rf"(?:{'|'.join([*_FEELINGS['positive'], *_FEELINGS['negative']])}"
    r"|upset|mad|furious|livid|fuming|enraged|frustrated|tired|stressed|overwhelmed|hurt|depressed|disappointed|jealous|embarrassed|confused)\b"
    r"(?! (?:i|so|not)\b))",
    re.IGNORECASE,
)
_OWN = re.compile(
    rf"\bi(?:'m| am| feel| was) (?:(?:so|very|really|a|an|little|bit|also|both|just) )*"
    rf"(?P<name>{'|'.join([*_FEELINGS['positive'], *_FEELINGS['negative']])})\b",
    re.IGNORECASE,
)
_TWO = re.compile(
    r"\b(?P<a>{words})\b(?: for (?:him|her|them))? (?:and|but)(?: also)?(?: so| very| a bit)? (?P<b>{words})\b".replace(
        "{words}", "|".join([*_FEELINGS["positive"], *_FEELINGS["negative"]])
    ),
    re.IGNORECASE,
)


def restate(clause: str) -> str:
    """Return a clause of which the person is the subject as ``you feel lonely``; empty where that does not work."""
    clause = _mild(clause.strip(" ,.!").replace("\u2019", "'"))
    if not _SUBJECT.match(clause) or not _fits(clause):
        return ""
    plain = re.sub(r"^(i|we) (just|really|only|kind of|sort of) ", r"\1 ", clause, flags=re.IGNORECASE)
    return to_second_person(_STATE.sub("I feel", plain))


def restate_about(clause: str) -> str:
    """Return a clause about anything (``my brother lost his job``) as ``your brother lost his job``; empty likewise."""
    clause = _mild(clause.strip(" ,.!").replace("\u2019", "'"))
    return to_second_person(clause) if _fits(clause, least=2) else ""


def _mild(clause: str) -> str:
    """Return "I'm sick of it" as "I'm fed up with it": turned to "you", the first reads as an insult."""
    clause = _CAPITALS.sub(lambda word: word[0].lower(), clause)
    return re.sub(r"\b(I(?:'m| am)(?: \w+)?) sick (?:and tired )?of\b", r"\1 fed up with", clause, flags=re.IGNORECASE)


def named(text: str) -> str:
    """Return the name by which the person calls themself; empty where they do not."""
    found = _NAME.search(text.replace("\u2019", "'").strip())
    return found["name"] if found else ""


def opposite_feelings(text: str) -> tuple[str, str] | None:
    """Return two feelings of opposite valence that the person names of themself, such as relieved and terrified."""
    found = _TWO.search(text)
    if found:
        named_two = [found["a"].lower(), found["b"].lower()]
    else:
        named_two = [feeling["name"].lower() for feeling in _OWN.finditer(text.replace("\u2019", "'"))]
    is_positive = [name in _FEELINGS["positive"] for name in named_two]
    if len(set(is_positive)) < 2:
        return None
    return named_two[is_positive.index(is_positive[0])], named_two[is_positive.index(not is_positive[0])]


def _fits(clause: str, least: int = _MIN_WORDS) -> bool:
    return least <= len(clause.split()) <= _MAX_WORDS and not _UNFIT.search(clause)
