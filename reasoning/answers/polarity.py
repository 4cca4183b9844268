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
# "B is what her mother claims", "D only happens later"
_LESSENS = re.compile(r"\b(?:only|merely|just|later|earlier|claim\w*|sa(?:ys|id)|thinks|believes)\b", re.IGNORECASE)
_ASIDE = re.compile(r"\([^()]*\)")
_OR = re.compile(rf"{OR}|\b(?:nor|noch|ni)\b", re.IGNORECASE)
_AND = re.compile(rf"[\s,&()]*(?:{AND})?[\s,&()]*", re.IGNORECASE)


# "so add C", "and I include it as well": what a list that was given before is changed by
_LISTED = (
    r"(?:it|that|this|them|both"
    rf"|(?:also\s+|the\s+)?(?:options?\s+)?{MARK}(?:(?:[\s,&]|{AND}|\bthe\b){{1,6}}{MARK})*)(?!\w)"
)
_ADDS = re.compile(
    rf"\b(?:add(?:ing)?|includ(?:e|ing)|tick|count(?=\s+(?:it|that|this)\s+(?:in|too|as\s+well)))\s+({_LISTED})"
    rf"|(?<=[\ue000-\ue119])(?P<last>)\s+(?:(?:should|must|has\s+to|can|may)\s+be\s+(?:added|included)|(?:belongs|goes)\s+(?:in|on)\s+the\s+list|joins\s+(?:them|the\s+list))\b",
    re.IGNORECASE,
)
_DROPS = re.compile(
    rf"\b(?:drop(?:ping)?|remov(?:e|ing)|exclud(?:e|ing)|leav(?:e|ing)(?=\s+\w+\s+(?:out|off|aside)\b)|tak(?:e|ing)(?=\s+\w+\s+(?:out|off)\b)|leave\s+out"
    rf"|tak(?:e|ing)\s+(?:out|off)|strik(?:e|ing)(?:\s+out)?|cross(?:ing)?\s+(?:out|off)|rul(?:e|ing)\s+out|omit(?:ting)?|discard(?:ing)?|reject(?:ing)?)\s+({_LISTED})",
    re.IGNORECASE,
)
_NO_EDIT = re.compile(
    r"(?:\b(?:not|never|no|if|unless|without|could|might|whether|(?:to|should\s+i|reason\s+to|tempted\s+to|why))\b|n't\b)[^.!?;:,]{0,30}\Z",
    re.IGNORECASE,
)


def edited(marked: str, letters: str, start: int) -> str | None:
    """Return the letters of a list after the sentences that add to or take from it.

    Args:
        marked: text.
        letters: that it lists.
        start: where its list ends.

    Returns:
        None where it is unclear what is added or taken away, or where the text ends with other letters.
    """
    changes = [(m, True) for m in _ADDS.finditer(marked, start)] + [(m, False) for m in _DROPS.finditer(marked, start)]
    changes = [(m, adds) for m, adds in changes if not _NO_EDIT.search(marked[: m.start()][-60:])]
    found = set(letters)
    for match, adds in sorted(changes, key=lambda change: change[0].start()):
        before = re.findall(MARK, marked[: match.start()])
        named = {letter_of(mark) for mark in re.findall(MARK, match[1] or "") or before[-1:]}
        if not before or _BOTH.fullmatch(match[1] or ""):
            return None
        found = found | named if adds else found - named
    if not changes or found == set(letters):
        return letters
    tail = marked[max(match.end() for match, _ in changes) :]
    held = {letter for letter, holds in stands(tail).items() if holds is not False}
    return "".join(sorted(found)) if found and held <= found and held in (set(), found) else None


_BOTH = re.compile("them|both", re.IGNORECASE)


def stands(marked: str) -> dict[str, bool | None]:
    """Return for each letter that a marked text names whether it is affirmed where it is named last (None: unclear)."""
    found: dict[str, bool | None] = {}
    for start, end in _sentences(marked):
        found |= _stands_in(marked, start, end)
    return found


def affirmed_after(marked: str, start: int) -> set[str]:
    """Return the letters that a marked text names after a place, only in sentences that neither deny nor qualify."""
    found: set[str] = set()
    denied: set[str] = set()
    for begin, end in _sentences(marked):
        for match in re.finditer(MARK, marked[max(begin, start) : end]):
            said = marked[begin:end]
            is_plain = not (_NEGATION.search(said) or _LACKS.search(said) or _LESSENS.search(said))
            (found if is_plain else denied).add(letter_of(match[0]))
    return found - denied


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
