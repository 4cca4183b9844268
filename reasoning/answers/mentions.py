"""What a reply names: letters that stand alone, letters in prose, and options by their text."""

from __future__ import annotations

import re

from omnisense.reasoning.answers.conjunctions import AND, OR
from omnisense.reasoning.answers.normalize import fold_words
from omnisense.reasoning.answers.option_marks import MARK, letter_of, mark_of, option_texts
from omnisense.reasoning.answers.statements import is_conceded, is_denied, runs
from omnisense.reasoning.answers.suppositions import is_conditional

NOTHING = "no option is named"
LEADING_LIST = re.compile(
    rf"(?:both\s+)?{MARK}(?:(?:\s?(?:[,/&+…]|\.{{3}}|\.(?!\s)|{AND}|{OR})\s?){{1,3}}{MARK}"
    rf"|[,;.]?\s?{MARK}(?! \w))+",
    re.IGNORECASE,
)
_JOINERS = re.compile(
    r"\b(?:and|as\s+well\s+as|plus|und|sowie|et|og|och|en|ve|or|both|only"
    r"|options?|choices?|letters?|answers?)\b|[\s,;:./&+|()\[\]{}\"'、-]+",
    re.IGNORECASE,
)
_LONG_WORD = re.compile(r"[^\W\d_]{8}")  # longer than any joiner
_MOST_WORDS = 25
_TICKED = re.compile(r"(?:^|(?<=[\n,;|•–-])|(?<=[\n,;|•–-]\s))([✗✘❌×✓✔✅☑])[^\S\n]*([^✗✘❌×✓✔✅☑\n]+)")


def mark_ticked(marked: str, options: tuple[str, ...]) -> str:
    """Return a marked text with a mark for each option whose text alone stands behind a tick or cross."""

    def mark(match: re.Match[str]) -> str:
        letter = exact_option(match[2], options)
        return f"{match[1]} {mark_of(letter)}" if letter else match[0]

    return _TICKED.sub(mark, marked)


def exact_option(text: str, options: tuple[str, ...]) -> str:
    """Return the letter of the only option that a text is; empty when there is none."""
    folded = fold_words(text)
    if not folded:  # an emoji
        holding = [i for i, option in enumerate(options) if text.strip() and text.strip() in option]
        return chr(65 + holding[0]) if len(holding) == 1 else ""
    exact = [i for i, option in enumerate(option_texts(options)) if option and option == folded]
    return chr(65 + exact[0]) if len(exact) == 1 else ""


def bare_letters(text: str) -> str:
    """Return the letters of a reply that holds nothing else: ``AC``, ``a, c``, ``(A) and (C)``; otherwise empty."""
    if _LONG_WORD.search(text):
        return ""
    words = _JOINERS.sub(" ", text).split()
    joined = "".join(words)
    alone = all(len(word) == 1 for word in words) or (len(words) == 1 and len(set(joined.lower())) == len(joined) <= 5)
    if not alone or not re.fullmatch(r"[A-Z]+|[a-h]+", joined) or (len(words) == 1 and max(joined.upper()) > "H"):
        return ""
    return "".join(sorted(set(joined.upper())))


def mentioned_letters(marked: str) -> str:
    """Return letters that a reply names and does not deny; of several, those that it does not merely concede."""
    places = [
        match.span()
        for match in re.finditer(MARK, marked)
        if not (
            is_denied(marked, *match.span())
            or is_conditional(marked, *match.span())
            or marked[match.end() : match.end() + 1] == "?"
        )
    ]
    conceded = [run.span() for run in runs(marked) if is_conceded(marked, *run.span())]
    held = [start for start, _ in places if not any(first <= start < last for first, last in conceded)]
    return "".join(sorted({letter_of(marked[at]) for at in held or (start for start, _ in places)}))


def denies_next(words: str) -> bool:
    """Whether folded words end in a negation of what follows: "not", "instead of a"."""
    return bool(_DENIES_NEXT.search(words[-40:]))


def denies_any(words: list[str]) -> bool:
    """Whether folded words hold a negation, or suppose something."""
    return not _DENIALS.isdisjoint(words) or any(word.endswith("n't") for word in words)


_DENIALS = frozenset("not never no nor neither cannot without if whether might could would may".split())
_DENIES_NEXT = re.compile(
    r"\b(?:not|never|no|nor|neither|isn't|aren't|wasn't|can't|cannot|without|rather than|instead of|except|unlike"
    r"|exclude|eliminate|rule out|nicht|kein|pas)\b(?: (?!but\b|so\b|then\b|yet\b)\w+){0,2} $"
)


def option_part(text: str, options: tuple[str, ...]) -> str:
    """Return the letter of the only option that a short reply gives a long part of; empty where there is none.

    The part is half of the option's words in a row, four at least, that stand in no other option.
    """
    words = fold_words(text).split()
    texts = [option.split() for option in option_texts(options)]
    if not 3 < len(words) <= _MOST_WORDS or denies_any(words):
        return ""
    found = []
    for place, option in enumerate(texts):
        length = max(4, (len(option) + 1) // 2)
        parts = {tuple(option[at : at + length]) for at in range(len(option) - length + 1)}
        others = {
            tuple(o[at : at + length]) for i, o in enumerate(texts) if i != place for at in range(len(o) - length + 1)
        }
        if any(tuple(words[at : at + length]) in parts - others for at in range(len(words) - length + 1)):
            found.append(chr(65 + place))
    return found[0] if len(found) == 1 else ""


def contained_options(text: str, known: tuple[str, ...]) -> str:
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
