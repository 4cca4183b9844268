"""Notes: facts that a person told about themselves, in their own words, with the turn that they come from.

A policy that leads hands over notes of its own. For others, clauses are kept that state one of a few kinds of fact in
English: what they say is the person's own wording, so that a note claims nothing that was not said.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from omnisense.text import quote

_MAX_WORDS = 24
_RELATIONS = (
    r"sister|brother|mother|father|mom|mum|dad|son|daughter|wife|husband|partner|girlfriend|boyfriend|fianc[eé]e?|"
    r"friend|boss|colleague|teacher|neighbou?r|grandmother|grandfather|grandma|grandpa|aunt|uncle|cousin|niece|nephew|"
    r"baby|child|kids?|twins?|dog|cat|horse|parents|therapist|doctor"
)
_EVENTS = (
    r"exam|test|interview|wedding|birthday|surgery|operation|appointment|flight|funeral|move|presentation|date|trip|"
    r"holiday|vacation|deadline|graduation|marathon|concert|trial|hearing|chemo(?:therapy)?|anniversary|meeting|match|"
    r"job|school|university|audition|check-?up|scan"
)
_WHEN = (
    r"today|tonight|tomorrow|yesterday|(?:next|last|this|on|by|until) (?:week|weekend|month|year|monday|tuesday|"
    r"wednesday|thursday|friday|saturday|sunday|january|february|march|april|may|june|july|august|september|october|"
    r"november|december|spring|summer|autumn|fall|winter)|in (?:a|an|one|two|three|four|five|six|\d+) "
    r"(?:hours?|days?|weeks?|months?|years?)"
)
_PROFESSIONS = (
    r"student|teacher|nurse|doctor|engineer|lawyer|driver|programmer|developer|artist|musician|writer|journalist|"
    r"carpenter|electrician|plumber|cook|chef|waiter|waitress|farmer|baker|pilot|soldier|police\s?(?:wo)?m[ae]n|"
    r"firefighter|paramedic|therapist|psychologist|scientist|researcher|designer|manager|accountant|cleaner|"
    r"mother|father|single mom|single mum|single dad|widow(?:er)?|vegetarian|vegan"
)
# What follows "call me" and the like and is no name: "call me back", "I go by bus".
_NO_NAME = (
    r"(?:a|an|the|my|not|on|in|at|to|if|when(?:ever)?|by|with|about|for|out|over|and|or|but|so|as|names|later|back|again"
    r"|today|tonight|tomorrow|now|soon|any\w*|every\w*|before|after|once|this|next|first|maybe|crazy|old|silly|stupid|dumb"
    r"|naive|paranoid|cynical|weird|lazy|lucky|selfish|dramatic|wrong|missing|misspelled|what|how|it|that|foot|bus|train"
    r"|car|bike|bicycle|plane|tram|taxi|boat|metro|subway|feel\w*|gut|instinct|myself)\b"
)
_NAMING = "|".join(
    (
        rf"\bmy (?:first |full |real )?name(?:'s| is) (?!{_NO_NAME})",
        r"^(?:(?:hi|hello|hey|please|just|you (?:can|may|could|should)|feel free to)\b[,! ]*)*"
        rf"call me (?!{_NO_NAME})[^\W\d_]",
        rf"\bi(?:'m| am) called (?!{_NO_NAME})[^\W\d_]",
        rf"\bi(?: usually| mostly| just)? go by (?!{_NO_NAME})[^\W\d_]",
        r"\b(?:everyone|everybody|people|they|friends|family) calls? me (?-i:[A-Z])",
    )
)
_FACTS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"\bmy (?:first |full |real |last )?name(?:'s| is)\b",
        _NAMING,
        r"\b(?:everyone calls me|people call me)\b",
        r"^(?:hi|hello|hey)\b[,!. ]*(?:i am|i'm|this is) \w+$",
        rf"\bmy (?:\w+ ){{0,2}}(?:{_RELATIONS})(?:'s)?\b.*\b(?:is|was|are|were|has|had|will|'s|called|named|died|left|"
        rf"got|lives?|works?|moved|passed|broke|said|came|went|turned|turns|wants?|needs?)\b",
        rf"\b(?:i have|i've got|we have|we've got|i had) (?:an? |two |three |four |\d+ )(?:\w+ )?(?:{_RELATIONS})s?\b",
        r"\bi (?:work|study|volunteer|teach|worked|studied) (?:as|at|for|in|with|\w+)\b",
        rf"\b(?:i am|i'm) (?:an? )(?:\w+ ){{0,2}}(?:{_PROFESSIONS})\b",
        r"\b(?:i live|we live|i grew up|i was born|i moved|we moved|we're moving|i'm moving|i come) "
        r"(?:in|at|on|to|from|with|near)\b",
        r"\b(?:i am|i'm) from \w+",
        r"\b(?:i am|i'm|i turned|i just turned|i'll be) \d{1,3}(?: years old| today)?$",
        rf"\b(?:{_EVENTS})\b.*\b(?:{_WHEN})\b|\b(?:{_WHEN})\b.*\b(?:{_EVENTS})\b",
        r"\bi(?: really| always| never| also)? (?:love|like|hate|enjoy|prefer|can't stand|cannot stand|dislike|"
        r"don't like|do not like|don't eat|do not eat|play|collect)\b",
        r"\bmy favou?rite\b.*\bis\b",
        r"\b(?:i am|i'm) (?:allergic|pregnant|married|divorced|single|engaged|retired|unemployed|vegan|vegetarian)\b",
        r"\bi (?:lost my job|got married|got divorced|retired|was diagnosed|have been diagnosed)\b",
    )
)
_NAME = re.compile(_NAMING, re.IGNORECASE)
# Clauses that suppose, ask or report what others claim state no fact.
_SUPPOSED = re.compile(r"\b(?:if|whether|suppose|imagine|wish|would|could|maybe|perhaps)\b", re.IGNORECASE)
_LEADING = re.compile(
    r"^(?:and|but|so|well|oh|yeah|yes|no|because|also|actually|honestly|anyway)\b[,\s]*", re.IGNORECASE
)


@dataclass(frozen=True)
class Note:
    """A fact that the person told.

    Attributes:
        id: in its conversation; it stays the same when other notes are deleted.
        turn: the turn that it comes from; 0 is the first of the conversation.
        text: the fact in a short sentence.
    """

    id: int
    turn: int
    text: str


def find_facts(text: str) -> tuple[str, ...]:
    """Return the clauses of a text in which a person tells a fact about themselves, in their own words."""
    facts = [clause for clause in _clauses(text) if any(pattern.search(clause) for pattern in _FACTS)]
    return tuple(dict.fromkeys(fact for fact in facts if not _SUPPOSED.search(fact)))


def is_name(text: str) -> bool:
    """Whether a note tells the person's own name; a later one replaces it."""
    return bool(_NAME.search(text))


def notes_text(notes: tuple[Note, ...], keep: int = 12) -> str:
    """Return the latest notes for a prompt, one a line; empty without notes."""
    return "\n".join(f"- {quote(note.text)}" for note in notes[-keep:])


def _clauses(text: str) -> list[str]:
    """Split a text into clauses of at most 24 words; questions are left out."""
    found = []
    for sentence in re.split(r"(?<=[.!?])\s+|[;\n]+", text.replace("\u2019", "'").strip()):
        if sentence.rstrip().endswith("?"):
            continue
        whole = sentence.strip().rstrip(".!, ")
        for clause in re.split(
            r",?\s+(?:and|but|so|because)\s+(?=(?:i|i'm|my|we|tomorrow|today)\b)", whole, flags=re.I
        ):
            clause = _LEADING.sub("", clause.strip()).strip(" ,")
            if 2 <= len(clause.split()) <= _MAX_WORDS:
                found.append(clause)
    return found
