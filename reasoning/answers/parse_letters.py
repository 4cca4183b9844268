"""Read the one letter of an option that a reply gives.

The order of precedence: what a reply states as its answer comes first, the last statement where it revises itself; then
a list of verdicts or scores, or the exclusion of all others; then the letter that it begins or ends with; then the only
option that it names and does not deny, unless it refuses to answer. Two answers of the same standing are none.
What the letters do not settle is read once more with the options' texts taken for their letters.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from omnisense.reasoning.answers.conclusions import after_refusal, closing_letter, unopposed, weighed, without_items
from omnisense.reasoning.answers.hesitation import (
    after_revision,
    ends_undecided,
    keeps_answer,
    points_back,
    refuses,
    settle,
)
from omnisense.reasoning.answers.inflected import mark_keywords, mark_wordings, shares_words
from omnisense.reasoning.answers.mentions import (
    LEADING_LIST,
    NOTHING,
    bare_letters,
    contained_options,
    exact_option,
    mark_ticked,
    mentioned_letters,
    option_part,
)
from omnisense.reasoning.answers.normalize import Reading, single_spaced
from omnisense.reasoning.answers.option_marks import (
    AFTER_LETTER_A,
    MARK,
    WITH_TEXT,
    drop_copied_options,
    letter_of,
    letters_in,
    mark_options,
    mark_pairs,
    mark_texts,
    option_texts,
)
from omnisense.reasoning.answers.option_values import YES_OR_NO_FIRST, by_value, unless_opposite
from omnisense.reasoning.answers.passages import drop_instructions, drop_questions, drop_speech, ends_midway, is_cut_off
from omnisense.reasoning.answers.statements import (
    Stated,
    denied_letters,
    held_letters,
    is_conceded,
    is_denied,
    is_set_aside,
    stated,
)
from omnisense.reasoning.answers.verdicts import LIKELY, all_but, grades, is_doubted, says_one_is_left, scores

_ONE_WITH_TEXT = re.compile(rf"[^\w\ue000-\ue119]*{WITH_TEXT}[^\w✗✘❌×\ue000-\ue119]*")
_LEADING = re.compile(
    rf"(?:({WITH_TEXT})(?!\s?\?)(?!\s(?!(?:because|since|as|given|due|for|with|and|but|i)\b)[a-z])|({MARK})(?:\s*[^\w\s'?\ue000-\ue119]|\s*\n|\s*$|\s+(?:because|since|as|given|due|for)\b))",
    re.IGNORECASE,
)
_LEADING_NO = re.compile(rf"{MARK}\W{{1,5}}no\b\W{{0,5}}{MARK}", re.IGNORECASE)  # "A. No, B"
_ASKED_BACK = re.compile(rf"[^.!?\n\ue000-\ue119]{{0,30}}({MARK})\s?\?")
# an item of a list: at the start of a line, after another one, or with a colon at the start of a sentence
_LISTED = re.compile(
    rf"(?:^|\n)[^\w\n\ue000-\ue119]*({MARK})|(?<=[\ue000-\ue119])[\s,;.|/]{{1,4}}({WITH_TEXT})|(?:(?<=[.!?;]\s)|(?<=[。!?;]))({MARK})\s?[:)]"
)
# "from most to least likely: B, C, A", "B > C > A", "1st place: B"
_RANKED = re.compile(
    rf"(?:\b(?:most\s+to\s+(?:the\s+)?least|best\s+to\s+(?:the\s+)?worst|highest\s+to\s+(?:the\s+)?lowest)\b[^.:\n]{{0,30}}:|(?<![>≻\ue000-\ue119])\s*(?={MARK}(?:\s*[>≻]+\s*{MARK})+)|\b(?:1st|first)(?:\s+(?:place|rank|choice))?\s*[:=–—-]|\brank\w*[^:.\n\ue000-\ue119]{{0,40}}:\s*(?:1\s?[.)]?)?)\s*({MARK})",
    re.IGNORECASE,
)
_LEADING_TEXT = re.compile(rf"[^\w\n\ue000-\ue119]*({WITH_TEXT})[^\w\n\ue000-\ue119]{{0,3}}(?:\n|$|(?<=[.!]))")
_ABSTAINS = re.compile(
    r"\b(?:not enough|cannot be|can't be|none of|undetermined|unknown|unclear|not mentioned|not sure|insufficient"
    r"|impossible to)\b"
)
_INTERJECTED = re.compile(
    r"(?:hm+|uh|um|ok(?:ay)?|well|so|ans(?:wer)?|answer:)[\W_]{1,4}(?:option\W+)?([B-Hb-hA])\W*", re.IGNORECASE
)
TAKEN_BACK = "it takes its answer back"
_BARE_LETTER = re.compile(r"\W*([A-Za-z])\W*")
_ANY_MARK = re.compile(MARK)
# a letter that may be an option's, capitals in a row, or words that point to an option
_MAY_NAME = re.compile(
    rf"(?<![A-Za-z0-9'])(?:[B-HJ-Zb-hj-z]|(?<=.)A|A(?={AFTER_LETTER_A})|[aI](?!\s[a-z]|'))(?![A-Za-z0-9'])|[A-Z]{2}"
    r"|(?i:\b(?:option|alternative|choice|statement|label|item|list|(?:first|last|second|third|fourth|fifth|sixth|former|latter|all|both|neither"
    r"|none|number|no\.)\b))"
)
_EXPLAINS = re.compile(
    r"(?:\n|(?<=[.!?]\s))[^\n\ue000-\ue119]*\b(?:explanation|reason(?:ing|s)?|because|since|here's\s+why|why)\b|\b(?:because|since|why|reasons?):?\s*\n|原因|解释",
    re.IGNORECASE,
)


def read_one(text: str, options: tuple[str, ...]) -> Reading:
    """Read the one letter that a reply gives.

    Args:
        text: without markup.
        options: of the question, each with its letter.
    """
    if bare_letter := _BARE_LETTER.fullmatch(text) or _INTERJECTED.fullmatch(text):
        return Reading(bare_letter[1].upper(), "a bare letter")
    if exact := exact_option(text, options):
        return Reading(exact, "the option's text")
    if text.isascii() and not _MAY_NAME.search(text) and not shares_words(text, options):
        return Reading("", "it refuses to answer") if refuses(text) else by_value(text, options)
    text = drop_speech(drop_instructions(text), options)
    marked = drop_copied_options(mark_options(text, options), options)
    if points_back(marked):
        marked = mark_texts(marked, options)
    marked = mark_pairs(single_spaced(settle(mark_ticked(marked, options))), options)
    if _ONE_WITH_TEXT.fullmatch(marked):
        return Reading(letters_in(marked), "the option's letter and text")
    spelled = bare_letters(text)
    if len(spelled) > 1:
        return Reading("", f"several letters where one is asked for ({spelled})")
    if len(spelled) == 1:
        return Reading(spelled, "a bare letter")
    reading = _committed(marked, options, by_text=False)
    if reading.how and (reading.how != TAKEN_BACK or letters_in(after_revision(marked) or "")):
        return reading
    taken_back = reading
    by_text = settle(mark_pairs(drop_copied_options(mark_texts(marked, options), options), options))
    if (
        by_text != marked
        and (not taken_back.how or letters_in(after_revision(by_text) or ""))
        and (reading := _committed(by_text, options, by_text=True)).how
    ):
        return reading
    worded = mark_wordings(by_text, options)
    if worded != by_text:
        worded = settle(mark_pairs(drop_copied_options(worded, options), options))
    if taken_back.how and not letters_in(after_revision(worded) or ""):
        return taken_back
    if worded not in (marked, by_text) and (reading := _committed(worded, options, by_text=True)).how:
        return reading
    told = drop_questions(worded)
    keyed = mark_keywords(worded, options)
    if not refuses(told) and (reading := unopposed(told)).how:
        closing = closing_letter(keyed)
        return unless_opposite(closing if closing.value else reading, text, options)
    if (reading := weighed(worded)).how or (refuses(worded) and (reading := after_refusal(worded)).how):
        return reading
    if keyed != worded and (reading := _by_keywords(keyed)).how:
        return unless_opposite(reading, text, options)
    if (asked_back := _ASKED_BACK.match(marked)) and len(letters_in(worded)) == 1 and not refuses(marked):
        return Reading(letter_of(asked_back[1]), "the only letter, as a question")
    mentioned = _only_mention(drop_questions(marked if letters_in(worded) else worded), options)
    if mentioned.value and mentioned.value in set(letters_in(worded)) - held_letters(_HEDGED.sub("is", worded)):
        return Reading("", "it sets the only option that it names aside")
    if mentioned.value and (others := held_letters(told) - {mentioned.value}):
        return Reading("", f"it names {' and '.join(sorted({mentioned.value, *others}))}")
    if (mentioned.how == NOTHING and not refuses(marked)) or YES_OR_NO_FIRST.match(text):
        read = by_value(text, options, denied_letters(worded))
        return read if read.value else mentioned
    return mentioned


def _by_keywords(keyed: str) -> Reading:
    """Read a reply by the telling words of the options."""
    if refuses(keyed):
        return Reading("", "")
    reading = unopposed(drop_questions(keyed))
    return reading if reading.how else weighed(keyed)


_HEDGED = re.compile(
    r"\b(?:may|might|could)\s+(?:well\s+)?be\b", re.IGNORECASE
)  # "she might be sad": unsure, but one option


def _committed(asked: str, options: tuple[str, ...], by_text: bool) -> Reading:
    """Return the letter that a marked text commits itself to, or why none; ``how`` is empty if neither is.

    Args:
        asked: with its questions.
        options: of the question.
        by_text: whether the marks stand for options' texts, too.
    """
    marked = drop_questions(asked)
    if not _ANY_MARK.search(asked):
        return Reading("", "")
    if (revised := _revised_letter(marked)).how:
        return revised
    leading = _leading_text(marked) if by_text else _leading_letter(asked, options)
    if by_text and ((reading := _abstained(marked, options)).how or refuses(marked)):
        return reading
    if (statement := _stated_letter(marked, leading.value)).how:
        is_open = statement.value and marked != asked and ends_undecided(asked)
        return Reading("", "it cannot decide") if is_open else _unless_contradicted(statement, marked)
    if (judged := _judged(asked, len(options))).how:
        return judged
    if leading.how:
        return _unless_contradicted(leading, marked)
    return Reading("", "") if by_text else closing_letter(marked)


def _unless_contradicted(reading: Reading, marked: str) -> Reading:
    """Return a reading, but none where the reply goes on to decide for another option, final answers apart."""
    other = weighed(marked).value if reading.value else ""
    if not other or other == reading.value or any(s.is_final for s in stated(marked)):
        return reading
    return Reading("", f"it names {' and '.join(sorted({reading.value, other}))}")


def _abstained(marked: str, options: tuple[str, ...]) -> Reading:
    """Read a reply that holds an option such as "not enough information", or one despite its reservations."""
    if (abstains := (_abstaining(options) & set(letters_in(marked))) - denied_letters(marked)) and not scores(
        marked, len(options)
    ):
        return Reading(abstains.pop(), "the option that says there is no answer")
    return after_refusal(marked) if refuses(marked) else Reading("", "")


def _abstaining(options: tuple[str, ...]) -> set[str]:
    """Return the letters of options such as "not enough information"."""
    return {chr(65 + i) for i, text in enumerate(option_texts(options)) if _ABSTAINS.search(text)}


def _leading_text(marked: str) -> Reading:
    """Read a reply whose first sentence is an option's text."""
    if _LEADING_NO.match(marked):
        return Reading("", TAKEN_BACK)
    lead = _LEADING_TEXT.match(marked)
    return Reading(letter_of(lead[1]), "the option's text first") if lead else Reading("", "")


def _judged(marked: str, count: int) -> Reading:
    """Return the one option that verdicts, scores or the exclusion of the others leave; ``how`` is empty if none do."""
    if graded := grades(marked):
        best = [letter for letter, grade in graded.items() if grade == max(graded.values())]
        if len(best) == 1 and (graded[best[0]] >= LIKELY or len(graded) == count):
            return Reading(best[0], "a list of verdicts")
        right = sum(grade >= LIKELY for grade in graded.values())
        if right or len(graded) == count:
            return Reading("", f"{right} verdicts of right")
    if scored := scores(marked, count):
        best = [letter for letter, value in scored.items() if value == max(scored.values())]
        return Reading(best[0], "the highest score") if len(best) == 1 else Reading("", "equal scores")
    if ranked := _RANKED.search(marked):
        return Reading(letter_of(ranked[1]), "the first of a ranking")
    if (kept := all_but(marked, count)) and len(kept[0]) == 1:
        return Reading(kept[0], "all but one are ruled out")
    named, denied = set(letters_in(marked)), denied_letters(marked)
    left = sorted({chr(65 + i) for i in range(count)} - denied)
    if len(left) == 1 and left[0] not in named and count > 2 and not is_cut_off(marked):
        return Reading(left[0], "all but one are ruled out")
    unnamed = sorted({chr(65 + i) for i in range(count)} - named)
    if len(unnamed) == 1 and count > 2 and says_one_is_left(marked):
        return Reading(unnamed[0], "all but one are ruled out")
    return Reading("", "")


def _stated_letter(marked: str, leading: str) -> Reading:
    """Return the one letter that is stated; ``leading``, the letter that the reply begins with, must not differ.

    ``how`` is empty when nothing is stated.
    """
    statements: Sequence[Stated] = stated(marked)
    final = [s for s in statements if s.is_final]
    if statements:  # the last one outdoes weaker ones
        statements = [s for s in statements if s.strength >= statements[-1].strength]
    letters = {letter for s in final or statements for letter in s.letters}
    if leading and letters and not final:
        letters.add(leading)
    if len(letters) > 1:
        return Reading("", f"it names {' and '.join(sorted(letters))}")
    if letters and ends_undecided(marked) and not final:
        return Reading("", "it cannot decide")
    return Reading(letters.pop(), "a statement") if letters else Reading("", "")


def _revised_letter(marked: str) -> Reading:
    """Return the letter after the last place where a reply revises itself; ``how`` is empty when it never does."""
    tail = after_revision(marked)
    if tail is None:
        return Reading("", "")
    revised = _stated_letter(tail, "")
    if not revised.how and (closing := closing_letter(tail)).how:
        return closing
    if not revised.how and keeps_answer(tail):
        return revised
    if not revised.how and len(held := held_letters(tail)) == 1:
        return Reading(held.pop(), "a revision")
    if not revised.how and (stated(marked) or _LEADING.match(marked)):
        return Reading("", TAKEN_BACK)
    return revised


def _leading_letter(marked: str, options: tuple[str, ...]) -> Reading:
    """Read a reply that begins with its letter: ``B. sad``, ``(c)``, ``D, because ...``; ``how`` is empty otherwise."""
    if (listed := LEADING_LIST.match(marked) or _LEADING_NO.match(marked)) and marked[
        listed.end() : listed.end() + 1
    ] == "?":
        return Reading("", "")  # "A or B? A."
    if listed:
        return Reading("", f"several letters where one is asked for ({letters_in(listed[0])})")
    lead = _LEADING.match(marked)
    if lead is None or is_conceded(marked, lead.start(), lead.start() + 1):
        return Reading("", "")
    if is_doubted(marked):
        return Reading("", "")
    letter, rest = letter_of(lead[0][0]), marked[1:]
    says = exact_option(rest, options) or exact_option(rest.partition("\n")[0], options)
    if says and says != letter:
        return Reading("", f"the letter {letter} with the text of {says}")
    others = _named_beside(marked, letter)
    if others:
        return Reading("", f"several letters where one is asked for ({''.join(sorted({*others, letter}))})")
    return Reading(letter, "a leading letter")


def _named_beside(marked: str, letter: str) -> str:
    """Return the letters that a reply lists beside its first one, neither denying them nor in its explanation."""
    explanation = _EXPLAINS.search(marked)
    listed = marked[: explanation.start()] if explanation else marked
    named = set()
    for match in _LISTED.finditer(listed, 1):
        at = match.start(match.lastindex or 0)
        if not (is_denied(marked, at, at + 1) or is_conceded(marked, at, at + 1)):
            named.add(letter_of(marked[at]))
    return "".join(sorted(named - {letter}))


def _only_mention(marked: str, options: tuple[str, ...]) -> Reading:
    if refuses(marked):
        return Reading("", "it refuses to answer")
    if _ANY_MARK.search(marked) and not _ANY_MARK.search(without_items(marked)):
        return Reading("", "it goes through the options")
    letters, texts = mentioned_letters(marked), contained_options(marked, option_texts(options))
    if ends_midway(marked):
        return Reading("", "it is cut off")
    if len(letters) == 1 and (not texts or texts == letters):
        return Reading(letters, "the only letter named")
    if len(texts) == 1 and not letters:
        return Reading(texts, "the only option's text in it")
    if len(letters) == 1 and (own := re.search(WITH_TEXT, marked)) and not is_set_aside(marked, own.start(), own.end()):
        return Reading(letters, "the only option named by letter and text")
    if letters and texts:
        return Reading("", f"it names {letters} and the text of {texts}")
    if named := letters or texts:
        return Reading("", f"it names {' and '.join(named)}")
    if part := option_part(marked, options):
        return Reading(part, "a part of the only option's words")
    return Reading("", NOTHING)
