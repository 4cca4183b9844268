"""Whether each option that a reply names in passing is affirmed or denied there, or left unclear.

All patterns are for texts with marks in place of the options (:mod:`omnisense.reasoning.answers.option_marks`).
"""

from __future__ import annotations

import re

from omnisense.reasoning.answers.conjunctions import AND, OR
from omnisense.reasoning.answers.option_marks import MARK, letter_of
from omnisense.reasoning.answers.statements import is_denied

_SENTENCE = re.compile(r"(?<=[.!?;])\s|[\n。；]")
# where what is said of one option ends, and what is said of the next one begins
_BOUNDARY = re.compile(
    rf"[,:()–—、，]|{AND}|{OR}|\b(?:but|while|whereas|nor|aber|sondern|noch|mais|pero|sino|ni|mas|ma)\b|但|而",
    re.IGNORECASE,
)
_CONTRAST = re.compile(
    r"\b(?:but|while|whereas|instead|only|so|therefore|thus|hence|leav(?:es|ing)|remain\w*|aber|sondern|nur|bleib\w*|daher|mais|donc|rest(?:ent|e)"
    r"|pero|sino|qued\w+|mas|ma|quindi)\b|但|而|所以|只|仅",
    re.IGNORECASE,
)
_NEGATION = re.compile(
    r"\b(?:not|never|no(?!\s+doubt|\s+longer\s+hid)|nobody|nowhere|neither|nor|without(?!\s+(?:a\s+|any\s+)?(?:hesitation|doubt|question))|cannot|isn't|nicht|kein\w*|nie|weder|ne|n'|pas|jamais|ni|nunca"
    r"|jamás|tampoco|não|non|niet|geen)\b|n't\b|不(?!错)|没(?!错)|無|无",
    re.IGNORECASE,
)
_SUPPOSED = re.compile(
    r"\b(?:if|whether|unless|maybe|perhaps|possibly|could|might|wenn|si|vielleicht|peut-être|quizás?|talvez)\b|可能|如果",
    re.I,
)
# "there is a clap, but it's the crowd's"
_QUALIFIED = re.compile(
    r"\b(?:but|though|although|however|yet)\b[^.!?;]{0,60}(?:\b(?:not|no|never|someone|somebody|another|other|crowd|audience|off-?screen|earlier|later|previous)\b|n't\b)",
    re.IGNORECASE,
)
_LACKS = re.compile(r"\b(?:absent|missing|false|wrong|fehlt|falsch|manque)\b", re.IGNORECASE)
_ASIDE = re.compile(r"\([^()]*\)")
_OR = re.compile(rf"{OR}|\b(?:nor|noch|ni)\b", re.IGNORECASE)
_AND = re.compile(rf"[\s,&()]*(?:{AND})?[\s,&()]*", re.IGNORECASE)


def stands(marked: str) -> dict[str, bool | None]:
    """Return for each letter that a marked text names whether it is affirmed where it is named last (None: unclear)."""
    found: dict[str, bool | None] = {}
    for start, end in _sentences(marked):
        found |= _stands_in(marked, start, end)
    return found


def _sentences(marked: str) -> list[tuple[int, int]]:
    ends = [match.end() for match in _SENTENCE.finditer(marked)]
    return list(zip([0, *ends], [*ends, len(marked)], strict=True))


def _stands_in(marked: str, start: int, end: int) -> dict[str, bool | None]:
    places = [match.start() for match in re.finditer(MARK, marked[start:end])]
    places = [start + place for place in places]
    found: dict[str, bool | None] = {}
    held: bool | None = None
    for at, place in enumerate(places):
        before = marked[places[at - 1] + 1 if at else start : place]
        after = marked[place + 1 : places[at + 1] if at + 1 < len(places) else end]
        own = _BOUNDARY.split(before)[-1] if at else before
        tail = _BOUNDARY.split(after)[0] if at + 1 < len(places) else after
        if is_denied(marked, place, place + 1) or _NEGATION.search(own):
            now: bool | None = False
        elif _NEGATION.search(said := _BOUNDARY.split(tail)[0]) or _LACKS.search(said):
            now = False
        elif held is False and at:
            now = _after_denied(before, marked[place + 1 : end])
        else:
            is_open = _SUPPOSED.search(own) or (place == places[-1] and _QUALIFIED.search(after))
            now = None if is_open else True
        found[letter_of(marked[place])] = held = now
    return found


def _after_denied(between: str, rest: str) -> bool | None:
    """Return how an option stands that follows a denied one without a negation of its own."""
    between = _ASIDE.sub(" ", between)
    if _OR.search(between):
        return False
    if _CONTRAST.search(between):
        return True
    return False if _AND.fullmatch(between) or _OR.search(rest) else None
