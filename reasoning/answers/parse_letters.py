"""Read the letters of options from a reply: one where one is asked for, several where several are.

The order of precedence is the same for both. What a reply states as its answer comes first, the last statement where it
revises itself; then a list of verdicts; then the letter that it begins or ends with; then the only option that it names
and does not deny, unless it refuses to answer. Two different answers of the same standing are no answer.
"""

from __future__ import annotations

import re

from omnisense.reasoning.answers.normalize import Reading, fold_words
from omnisense.reasoning.answers.option_marks import (
    MARK,
    WITH_TEXT,
    drop_copied_options,
    letter_of,
    letters_in,
    mark_of,
    mark_options,
    option_cores,
    option_texts,
)
from omnisense.reasoning.answers.statements import (
    after_revision,
    denies_next,
    is_conceded,
    is_denied,
    refuses,
    revised_letter,
    settle,
    stated,
    verdicts,
)

_JOINERS = re.compile(
    r"\b(?:and|or|both|only|options?|choices?|letters?|answers?)\b|[\s,;:./&+|()\[\]{}\"'、-]+", re.IGNORECASE
)
_ONE_WITH_TEXT = re.compile(rf"[^\w\ue000-\ue119]*{WITH_TEXT}[^\w✗✘❌×\ue000-\ue119]*")
_LEADING = re.compile(
    rf"(?:({WITH_TEXT})|({MARK})(?:\s*[^\w\s'?\ue000-\ue119]|\s*\n|\s*$|\s+(?:because|since|as|given|due|for)\b))",
    re.IGNORECASE,
)
_LEADING_LIST = re.compile(rf"(?:both\s+)?{MARK}(?:(?:[\s,;/&+.]|\band\b|\bor\b|和|或){{1,6}}{MARK})+", re.IGNORECASE)
_LEADING_NO = re.compile(rf"{MARK}\W{{1,5}}no\b\W{{0,5}}{MARK}", re.IGNORECASE)  # "A. No, B"
_LAST_LINE = re.compile(rf"(?:^|\n)[^\w\n\ue000-\ue119]*({MARK})[^\w\n\ue000-\ue119]*$")
# "Best match: B" as the last line, "C." as the last sentence
_LAST_LABEL = re.compile(rf"(?:^|\n)((?:[\w']+ ){{0,3}}[\w']+)\s*[:=–—-]\s*({MARK})[^\w\n\ue000-\ue119]*$")
_LAST_SENTENCE = re.compile(rf"(?<=[^\W\ue000-\ue119][.!?] )({MARK})[^\w\n\ue000-\ue119]*$")
_ASKED_BACK = re.compile(rf"[^.!?\n\ue000-\ue119]{{0,30}}({MARK})\s?\?")
_LISTED = re.compile(rf"(?:(?:^|\n)[^\w\n\ue000-\ue119]*|(?={WITH_TEXT}))({MARK})")
_TICKED = re.compile(r"([✗✘❌×✓✔✅☑])\s*([^✗✘❌×✓✔✅☑\n]+)")
_BARE_LETTER = re.compile(r"\W*([A-Za-z])\W*")
_ANY_MARK = re.compile(MARK)
_BARE_CHOICE = re.compile(r"\bor\b", re.IGNORECASE)
_EXPLAINS = re.compile(r"\b(?:explanation|reason(?:ing|s)?|because|since|here's\s+why|why)\b|原因|解释", re.IGNORECASE)
_CHOICE_OF_TWO = re.compile(rf"{MARK}[^.!?;\n]{{0,40}}\b(?:or|oder|ou|o)\b[^.!?;\n]{{0,12}}{MARK}", re.IGNORECASE)
_ALL = re.compile(r"\W*all(?:\W+(?:of|four|the|above|options?|choices?|are|correct|them|these))*\W*", re.IGNORECASE)
_ALL_BUT = re.compile(
    rf"\W*all(?:\s+\w+){{0,3}}\s+(?:except|but)(?:\s+for)?\s+({MARK}(?:\W{{0,3}}(?:and\s+)?{MARK})*)\W*", re.I
)


def read_one(text: str, options: tuple[str, ...]) -> Reading:
    """Read the one letter that a reply gives.

    Args:
        text: without markup.
        options: of the question, each with its letter.
    """
    if bare_letter := _BARE_LETTER.fullmatch(text):
        return Reading(bare_letter[1].upper(), "a bare letter")
    if exact := _exact_option(text, options):
        return Reading(exact, "the option's text")
    marked = settle(_mark_ticked(drop_copied_options(mark_options(text, options), options), options))
    if _ONE_WITH_TEXT.fullmatch(marked):
        return Reading(letters_in(marked), "the option's letter and text")
    spelled = _bare_letters(text)
    if len(spelled) > 1:
        return Reading("", f"several letters where one is asked for ({spelled})")
    if len(spelled) == 1:
        return Reading(spelled, "a bare letter")
    if not _ANY_MARK.search(marked):
        return _only_mention(marked, options)
    if (revised := _revised_letter(marked)).how:
        return revised
    leading = _leading_letter(marked, options)
    if (statement := _stated_letter(marked, leading.value)).how:
        return statement
    if judged := verdicts(marked):
        right = [letter for letter, is_right in judged.items() if is_right]
        return (
            Reading(right[0], "a list of verdicts")
            if len(right) == 1
            else Reading("", f"{len(right)} verdicts of right")
        )
    if leading.how:
        return leading
    if last := _LAST_LINE.search(marked):
        return Reading(letter_of(last[1]), "a letter on the last line")
    if (last := _LAST_LABEL.search(marked)) and not is_denied(marked, last.start(2), last.end(2)):
        return Reading(letter_of(last[2]), "a letter on the last line")
    if last := _LAST_SENTENCE.search(marked):
        return Reading(letter_of(last[1]), "a letter as the last sentence")
    return _only_mention(marked, options)


def _mark_ticked(marked: str, options: tuple[str, ...]) -> str:
    """Return a marked text with a mark for each option whose text alone stands behind a tick or cross."""

    def mark(match: re.Match[str]) -> str:
        letter = _exact_option(match[2], options)
        return f"{match[1]} {mark_of(letter)}" if letter else match[0]

    return _TICKED.sub(mark, marked)


def _exact_option(text: str, options: tuple[str, ...]) -> str:
    folded = fold_words(text)
    exact = [i for i, option in enumerate(option_texts(options)) if option and option == folded]
    return chr(65 + exact[0]) if len(exact) == 1 else ""


def _stated_letter(marked: str, leading: str) -> Reading:
    """Return the one letter that is stated; ``leading``, the letter that the reply begins with, must not differ.

    ``how`` is empty when nothing is stated.
    """
    statements = stated(marked)
    final = [s for s in statements if s.is_final]
    letters = {letter for s in final or statements for letter in s.letters}
    if leading and letters and not final:
        letters.add(leading)
    if len(letters) > 1:
        return Reading("", f"it names {' and '.join(sorted(letters))}")
    return Reading(letters.pop(), "a statement") if letters else Reading("", "")


def _revised_letter(marked: str) -> Reading:
    """Return the letter after the last place where a reply revises itself; ``how`` is empty when it never does."""
    tail = after_revision(marked)
    if tail is None:
        return Reading("", "")
    revised = _stated_letter(tail, revised_letter(tail))
    if not revised.how and (letter := revised_letter(tail)):
        return Reading(letter, "a revision")
    if not revised.how and (stated(marked) or _LEADING.match(marked)):
        return Reading("", "it takes its answer back")
    return revised


def _leading_letter(marked: str, options: tuple[str, ...]) -> Reading:
    """Read a reply that begins with its letter: ``B. sad``, ``(c)``, ``D, because ...``; ``how`` is empty otherwise."""
    if listed := _LEADING_LIST.match(marked) or _LEADING_NO.match(marked):
        return Reading("", f"several letters where one is asked for ({letters_in(listed[0])})")
    lead = _LEADING.match(marked)
    if lead is None:
        return Reading("", "")
    letter, rest = letter_of(lead[0][0]), marked[1:]
    says = _exact_option(rest, options) or _exact_option(rest.partition("\n")[0], options)
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
        at = match.start(1)
        if not (is_denied(marked, at, at + 1) or is_conceded(marked, at, at + 1)):
            named.add(letter_of(match[1]))
    return "".join(sorted(named - {letter}))


def _only_mention(marked: str, options: tuple[str, ...]) -> Reading:
    if refuses(marked):
        return Reading("", "it refuses to answer")
    letters, texts = _mentioned_letters(marked), _contained_options(marked, option_texts(options))
    if len(letters) == 1 and (not texts or texts == letters):
        return Reading(letters, "the only letter named")
    if len(texts) == 1 and not letters:
        return Reading(texts, "the only option's text in it")
    if letters and texts:
        return Reading("", f"it names {letters} and the text of {texts}")
    if named := letters or texts:
        return Reading("", f"it names {' and '.join(named)}")
    if asked_back := _ASKED_BACK.fullmatch(marked):
        return Reading(letter_of(asked_back[1]), "the only letter, as a question")
    cores = _contained_options(marked, option_cores(options))
    return Reading(cores, "the only option's words in it") if len(cores) == 1 else Reading("", "no option is named")


def read_several(text: str, options: tuple[str, ...]) -> Reading:
    """Read the letters that a reply gives, in alphabetical order; arguments as for :func:`read_one`."""
    if exact := _exact_option(text, options):
        return Reading(exact, "the option's text")
    if spelled := _bare_letters(text):
        return (
            Reading("", "a choice between letters") if _BARE_CHOICE.search(text) else Reading(spelled, "bare letters")
        )
    if options and _ALL.fullmatch(text):
        return Reading("".join(chr(65 + i) for i in range(len(options))), "all of them")
    marked = settle(_mark_ticked(mark_options(text, options), options))
    if options and (left_out := _ALL_BUT.fullmatch(marked)):
        kept = {chr(65 + i) for i in range(len(options))} - set(letters_in(left_out[1]))
        return Reading("".join(sorted(kept)), "all but some")
    if judged := verdicts(marked):
        right = "".join(sorted(letter for letter, is_right in judged.items() if is_right))
        return Reading(right, "a list of verdicts" if right else "no verdict of right")
    if statements := stated(marked):
        statements = [s for s in statements if s.is_final] or statements
        if any(s.joined_by_or for s in statements):
            return Reading("", "a choice between letters")
        return Reading("".join(sorted({letter for s in statements for letter in s.letters})), "a statement")
    if listed := _LEADING_LIST.match(marked):
        return Reading(letters_in(listed[0]), "a list of letters")
    return _all_mentions(marked, options)


def _all_mentions(marked: str, options: tuple[str, ...]) -> Reading:
    if refuses(marked):
        return Reading("", "it refuses to answer")
    if _CHOICE_OF_TWO.search(marked):
        return Reading("", "a choice between letters")
    letters, texts = _mentioned_letters(marked), _contained_options(marked, option_texts(options))
    if letters or texts:
        return Reading(letters or texts, "the letters named" if letters else "options' texts in it")
    return Reading("", "no option is named")


def _bare_letters(text: str) -> str:
    """Return the letters of a reply that holds nothing else: ``AC``, ``a, c``, ``(A) and (C)``; otherwise empty."""
    words = _JOINERS.sub(" ", text).split()
    joined = "".join(words)
    alone = all(len(word) == 1 for word in words) or (len(words) == 1 and len(set(joined.lower())) == len(joined) <= 5)
    if not alone or not re.fullmatch(r"[A-Z]+|[a-h]+", joined) or (len(words) == 1 and max(joined.upper()) > "H"):
        return ""
    return "".join(sorted(set(joined.upper())))


def _mentioned_letters(marked: str) -> str:
    """Return letters that a reply names and does not deny."""
    named = {
        letter_of(match[0])
        for match in re.finditer(MARK, marked)
        if not (is_denied(marked, match.start(), match.end()) or marked[match.end() : match.end() + 1] == "?")
    }
    return "".join(sorted(named))


def _contained_options(text: str, known: tuple[str, ...]) -> str:
    """Return options whose text is in the reply, not as part of a longer option's, and not negated."""
    words = f" {fold_words(text)} "
    named = ""
    for i, option in sorted(enumerate(known), key=lambda pair: -len(pair[1])):
        at = words.find(f" {option} ") if option else -1
        if at >= 0:
            if not denies_next(words[: at + 1]):
                named += chr(65 + i)
            words = words[:at] + " | " + words[at + len(option) + 2 :]
    return "".join(sorted(named))
