"""Read the letters of options from a reply where several may be right.

The order of precedence is that of :mod:`omnisense.reasoning.answers.parse_letters`. "A or B" is no answer.
"""

from __future__ import annotations

import re
from collections.abc import Container, Sequence

from omnisense.reasoning.answers.conjunctions import AND, OR
from omnisense.reasoning.answers.hesitation import after_revision, keeps_answer, refuses, settle
from omnisense.reasoning.answers.inflected import mark_keywords, mark_wordings
from omnisense.reasoning.answers.mentions import (
    LEADING_LIST,
    NOTHING,
    bare_letters,
    denies_any,
    exact_option,
    mark_ticked,
    mentioned_letters,
)
from omnisense.reasoning.answers.normalize import Reading, fold_words, single_spaced
from omnisense.reasoning.answers.option_marks import (
    MARK,
    drop_copied_options,
    letter_of,
    letters_in,
    mark_of,
    mark_options,
    mark_texts,
)
from omnisense.reasoning.answers.passages import drop_instructions, drop_questions, drop_speech, ends_midway, is_cut_off
from omnisense.reasoning.answers.polarity import affirmed_after, edited, stands
from omnisense.reasoning.answers.statements import (
    Stated,
    denied_letters,
    held_letters,
    is_denied,
    is_set_aside,
    runs,
    stated,
)
from omnisense.reasoning.answers.verdicts import all_but, says_others_hold, scores, verdicts

_THROUGH = re.compile(rf"({MARK}) ?(?:through|thru|to|bis|à|至|到|–|-) ?({MARK})", re.IGNORECASE)
_MAYBE = re.compile(rf"(?:\b(?:possibly|maybe|perhaps)\W{{1,3}}|(?:可能|也许|或许)[是为很]?\s?){MARK}", re.IGNORECASE)
_BARE_CHOICE = re.compile(r"\bor\b", re.IGNORECASE)
_CHOICE_OF_TWO = re.compile(rf"{MARK}[^.!?;\n]{{0,40}}{OR}[^.!?;\n]{{0,12}}{MARK}", re.IGNORECASE)
_NAMED = rf"{MARK}(?:(?:[\s,&]|{AND}){{1,6}}{MARK})*"
_REVISED_LIST = re.compile(
    rf"(?:\W|\b(?:no|so|make|that|it|it's|is|rather|actually|only|just)\b){{0,8}}{_NAMED}\W*\Z",
    re.IGNORECASE,
)
# "Wait, the nod is his. A."
_LAST_LIST = re.compile(
    rf"(?<=[.!?:\n])\s*(?:\W|\b(?:so|then|only|just|and)\b){{0,4}}{_NAMED}\W*\Z",
    re.IGNORECASE,
)
_ALL = re.compile(
    r"\W*(?:all|each|every(?:\s?one|\s+single\s+one)?)(?:\W+(?:of|four|the|above|options?|choices?|are|correct|them|these))*\W*",
    re.IGNORECASE,
)
# one option in each line: "1. C – she bows"
_ITEMS = re.compile(rf"(?:[^\w\n\ue000-\ue119]*(?:\d{{1,2}}[.)] ?)?{MARK}[^\n]*(?:\n|\Z)){{2,}}")
_FIRST_OF_LINE = re.compile(rf"^[^\ue000-\ue119\n]*({MARK})", re.MULTILINE)
# "She does all five.", "Every single one of them happens."
_ALL_IN_ALL = re.compile(
    r"\ball\s+(?:of\s+(?:them|these|those)|two|three|four|five|six)\b|\bevery(?:\s+single)?\s+one\b", re.IGNORECASE
)
_DENIED_ASIDE = re.compile(
    rf"\s?\((?:but\s+)?(?:not|no|without|nicht|pas|sans|sin)\s[^()\n]{{0,40}}?{MARK}\)?", re.IGNORECASE
)  # "A, B (not C), D"
_ONLY = re.compile(
    rf"\b(?:only|just|solely|nur|lediglich|seulement|uniquement|sólo|solo|solamente|únicamente|apenas|somente|soltanto)\s+{MARK}(?:(?:[\s,&]|{AND}|\b(?:the|la|el)\b){{1,6}}{MARK})+",
    re.IGNORECASE,
)
_LIST_END = re.compile(r"[.!?;:(\n–—]")
_GOES_ON = re.compile(rf"\s?(?:[,&+]|{AND}|(?:for|as)\b)", re.IGNORECASE)
_GOES_ON_AT_END = re.compile(r"\w\s*(?:[,&+]|\band)\s*\Z", re.IGNORECASE)
_EXCLUDES = re.compile(r"\b(?:exclud\w*|rul\w+\s+out|eliminat\w*|leave\s+out)\b", re.IGNORECASE)
_ALL_HOLD = re.compile(
    r"(?:\A|[.!?:\n]\s?)\W*all(?:\s+(?:of\s+)?(?:the|these|those|them|above|listed|given|\d|two|three|four|five|six|options?|choices?|statements?"
    r"|answers?|cues?|gestures?|emotions?))*"
    r"\s+(?:apply|hold|fit|occur|appear|are\s+(?:\w+\s+)?(?:correct|true|right|present|visible|shown)|can\s+be\s+(?:seen|heard|observed))\b",
    re.IGNORECASE,
)
_SELECT_FROM = r"(?:select|choose|pick|mark)\b[^.:\n]{0,40}:\s*"  # the prompt's words before the options


def read_several(text: str, options: tuple[str, ...]) -> Reading:
    """Read the letters that a reply gives, in alphabetical order; arguments as for :func:`read_one`."""
    if exact := exact_option(text, options):
        return Reading(exact, "the option's text")
    if (spelled := bare_letters(text)) and not _GOES_ON_AT_END.search(text):
        return (
            Reading("", "a choice between letters") if _BARE_CHOICE.search(text) else Reading(spelled, "bare letters")
        )
    if options and _ALL.fullmatch(text):
        return Reading("".join(chr(65 + i) for i in range(len(options))), "all of them")
    marked = drop_copied_options(
        mark_options(drop_speech(drop_instructions(text), options), options), options, _SELECT_FROM
    )
    marked = _LINES.sub(", ", marked)
    marked = single_spaced(settle(mark_ticked(_THROUGH.sub(_all_through, marked), options)))
    by_text = settle(mark_texts(marked, options))
    worded = settle(mark_wordings(by_text, options))
    reading = _read_views(marked, by_text, worded, options)
    return _after_list(reading, drop_questions(worded)) if reading.value else reading


def _after_list(reading: Reading, worded: str) -> Reading:
    """Return a reading with what the reply adds to its list or takes from it; none where it names others after it."""
    lists = [run for run in runs(worded) if set(reading.value) <= set(letters_in(run[0]))]
    letters = edited(worded, reading.value, lists[-1].end() if lists else 0)
    if letters is None:
        return Reading("", "it changes its list")
    if letters != reading.value:
        return Reading(letters, "a list and its changes")
    if not lists or reading.how not in _LISTS or any(s.is_final for s in stated(worded)):
        return reading
    more = affirmed_after(worded, lists[-1].end()) - set(letters)
    if not more or _NO_OTHERS.search(worded, lists[-1].end()):
        return reading
    places = [match for match in _ANY_MARK.finditer(worded, lists[-1].end()) if letter_of(match[0]) in more]
    aside = {letter_of(match[0]) for match in places if is_set_aside(worded, *match.span())}
    return Reading("", "it names others after its list") if more - aside else reading


_LISTS = ("a list of letters", "a statement", "a revision")
_NO_OTHERS = re.compile(
    r"\b(?:others?|rest|remaining)\b[^.!?\n]{0,30}(?:\b(?:not|no|never|none)\b|n't\b)", re.IGNORECASE
)
_ANY_MARK = re.compile(MARK)


def _read_views(marked: str, by_text: str, worded: str, options: tuple[str, ...]) -> Reading:
    """Read a text by its marks for letters, then by those for options' texts, then by those for other words."""
    views = tuple(dict.fromkeys((marked, by_text, worded)))
    tails = [after_revision(view) for view in views]
    for view, tail in zip(views, tails, strict=True):
        if tail is not None and (revised := _revised(view, tail, len(options))).how:
            return revised
    if any(tail is not None and letters_in(tail) and not keeps_answer(tail) for tail in tails):
        return Reading("", "it takes its answer back")
    for view in views:
        if (reading := _committed_to_several(view, len(options))).how:
            return reading
    if (listed := LEADING_LIST.match(marked := _DENIED_ASIDE.sub("", marked))) and is_denied(marked, *listed.span()):
        return _rest(denied_letters(marked), letters_in(worded), len(options))
    if listed and not _MAYBE.search(marked) and marked[listed.end() : listed.end() + 1] != "?":
        rest = _LIST_END.split(marked[listed.end() :], maxsplit=1)[0]
        more = held_letters(rest) if _GOES_ON.match(rest) else ()
        return Reading("".join(sorted({*letters_in(listed[0]), *more})), "a list of letters")
    return _all_mentions(drop_questions(marked), drop_questions(mark_keywords(worded, options)), len(options))


def _revised(view: str, tail: str, count: int) -> Reading:
    """Read what follows the last place where a reply revises itself; ``how`` is empty where that holds no answer."""
    if (revised := _committed_to_several(tail, count)).how:
        return revised
    if listed := _REVISED_LIST.match(tail) or _LAST_LIST.search(tail):
        return Reading(letters_in(listed[0]), "a revision")
    return Reading("", "") if keeps_answer(tail) else _revised_list(view, tail)


def _committed_to_several(asked: str, count: int) -> Reading:
    """Return the letters that a marked text commits itself to, or why none; ``how`` is empty if neither is."""
    marked = drop_questions(asked)
    if (named := _ALL_HOLD.search(marked)) and not is_denied(marked, *named.span()):
        return Reading("".join(chr(65 + i) for i in range(count)), "all of them")
    statements = [s for s in stated(marked) if s.is_final] or stated(marked)
    if explicit := [s for s in statements if s.strength == 2]:
        return _joined(explicit)
    if (shares := scores(asked, count)) and len(shares) == count:
        half = 0.5 if max(shares.values()) <= 1 else 50
        likely = "".join(sorted(letter for letter, share in shares.items() if share >= half))
        return Reading(likely, "the likely ones" if likely else "none is likely")
    if kept := all_but(marked, count):
        return Reading("".join(sorted(kept[0])), "all but some")
    if judged := verdicts(asked):
        right = "".join(sorted(letter for letter, is_right in judged.items() if is_right))
        return Reading(right, "a list of verdicts" if right else "no verdict of right")
    if (listed := LEADING_LIST.match(marked)) and marked[listed.end() : listed.end() + 1] != "?":
        return Reading("", "")
    if statements and not (refuses(marked) and not any(s.strength for s in statements)):
        return _joined(statements)
    if says_others_hold(marked) and (denied := {letter for letter, holds in stands(marked).items() if holds is False}):
        return _rest(denied, letters_in(marked), count, says_others_hold(marked))
    return Reading("", "")


def _rest(denied: Container[str], named: str, count: int, others: int = 0) -> Reading:
    """Read a reply that denies some options, and of which the others hold if it names none of them beside."""
    rest = "".join(letter for letter in map(chr, range(65, 65 + count)) if letter not in denied)
    is_told = rest and (not set(rest) & set(named) or others) and others in (0, -1, len(rest))
    return Reading(rest, "all but some") if is_told else Reading("", "it leaves open which of the others hold")


def _revised_list(view: str, tail: str) -> Reading:
    """Read a reply that stated letters, and denies some of them after a second thought; ``how`` is empty otherwise."""
    before = {letter for s in stated(view[: len(view) - len(tail)]) for letter in s.letters}
    denied, held = denied_letters(tail), held_letters(tail)
    if not before & denied and not (before and held - before):
        return Reading("", "")
    if held <= before <= held | denied or not held:
        return Reading("".join(sorted(before - denied)), "a revision")
    return Reading("", "it takes a part of its answer back")


def _all_through(match: re.Match[str]) -> str:
    first, last = ord(letter_of(match[1])), ord(letter_of(match[2]))
    return ", ".join(mark_of(chr(letter)) for letter in range(first, last + 1)) or match[0]


def _joined(statements: Sequence[Stated]) -> Reading:
    if any(s.joined_by_or for s in statements):
        return Reading("", "a choice between letters")
    return Reading("".join(sorted({letter for s in statements for letter in s.letters})), "a statement")


def _held_items(marked: str) -> tuple[str, str] | None:
    """Return the options of a list that denies some, and those that it does not deny; None if it is no such list."""
    items = {letter_of(item[1]): item[2] for item in _ITEM.finditer(marked)}
    denied = {letter for letter, says in items.items() if denies_any(fold_words(says).split())}
    if not denied or set(letters_in(marked)) != set(items):
        return None
    return "".join(sorted(items)), "".join(sorted(items.keys() - denied))


TEXTS_NAMED = "options' texts in it"
_HOW_MANY = re.compile(
    r"\b(?:(?:all|the|these|only)\s+)?(two|three|four|five|six|[2-6])(?:\s+of\s+(?:the|these|those|them)|\s+\w+){0,3}\s+(?:\w+\s+)?(?:apply|hold|fit|occur|appear|happen|are|can\s+be|is)\b",
    re.IGNORECASE,
)
_NUMBERS = {"two": 2, "three": 3, "four": 4, "five": 5, "six": 6}


def _says_how_many(marked: str, count: int) -> bool:
    """Whether a text says that as many options hold: "Two of these apply"."""
    told = _HOW_MANY.search(marked)
    return told is not None and int(_NUMBERS.get(told[1].lower(), told[1])) == count


def _affirmed(view: str, how: str, count: int) -> Reading:
    """Return the options that a text names in passing and affirms; none where it is unclear of any of them."""
    standing = stands(view)
    alone = {letter for match in _ONLY.finditer(view) for letter in letters_in(match[0])}
    if len(alone) > 1 and not any(is_denied(view, *match.span()) for match in _ONLY.finditer(view)):
        return Reading("".join(sorted(alone)), "only these")
    if None in standing.values():
        return Reading("", "it leaves open which of the options hold")
    conceded = set(standing) - set(mentioned_letters(view))
    letters = "".join(sorted(letter for letter, holds in standing.items() if holds and letter not in conceded))
    is_prose = how == TEXTS_NAMED and len(standing) == count > 2
    if (
        is_prose
        and not _says_how_many(view, len(letters))
        and not any(set(letters) <= set(letters_in(run[0])) for run in runs(view))
    ):
        return Reading("", "it says something else of each option")
    return Reading(letters, how if letters else NOTHING)


_ITEM = re.compile(rf"^[^\w\n\ue000-\ue119]*(?:\d{{1,2}}[.)] ?)?({MARK})([^\n]*)", re.MULTILINE)
_LINES = re.compile(rf"\s*\n\s*[-*•]\s*(?={MARK}\s*(?:\n|\Z))")  # of letters alone
_SHORT = 80  # characters


def _all_mentions(marked: str, worded: str, count: int) -> Reading:
    if refuses(marked):
        return Reading("", "it refuses to answer")
    if _ITEMS.fullmatch(marked) and not denies_any(fold_words(marked).split()) and not ends_midway(marked):
        return Reading(letters_in("".join(_FIRST_OF_LINE.findall(marked))), "a list of options")
    if (held := _held_items(marked)) and len(held[0]) == count:
        return Reading(held[1], "a list of options, some of them denied") if held[1] else Reading("", NOTHING)
    if held and len(held[0]) > 1:
        return Reading("", "a list of options that breaks off")
    if is_cut_off(worded) or ends_midway(worded) or _MAYBE.search(worded):
        return Reading("", "it is cut off or leaves some open")
    if any(not is_denied(worded, m.start(), m.start() + 1) for m in _CHOICE_OF_TWO.finditer(worded)):
        return Reading("", "a choice between letters")
    for view, how in ((marked, "the letters named"), (worded, TEXTS_NAMED)):
        if mentioned_letters(view):
            return _affirmed(view, how, count)
    if kept := all_but(worded, count):
        return Reading("".join(sorted(kept[0])), "all but some")
    if (
        not letters_in(worded)
        and len(worded) < _SHORT
        and _ALL_IN_ALL.search(worded)
        and not denies_any(fold_words(worded).split())
    ):
        return Reading("".join(chr(65 + i) for i in range(count)), "all of them")
    if (denied := denied_letters(worded)) and denied == set(letters_in(worded)) and _EXCLUDES.search(worded):
        return _rest(denied, letters_in(worded), count)
    return Reading("", NOTHING)
