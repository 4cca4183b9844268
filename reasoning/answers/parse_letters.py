"""Read the letters of options from a reply: one where one is asked for, several where several are."""

from __future__ import annotations

import functools
import re
import unicodedata

from omnisense.reasoning.answers.normalize import Reading, fold_words
from omnisense.reasoning.answers.question import strip_letter

_LEADING = re.compile(
    r"""[("'\[{<]*\s*(?:option|choice|letter)?\s*([A-Z])\s*(?:(?:[)\]}>"]|'(?!\w))+\s*[.:,、-]?|[.:,、;-])\s*(.*)""",
    re.IGNORECASE | re.DOTALL,
)
_MARKER = re.compile(r"(?:^|(?<=[\s,;&(\[]))[(\[]?([A-Z])(?:[)\]:]|\.(?!\w)|\.(?=[A-Z][a-z]))")
_LINE = re.compile(r"^\s*[-•]?\s*[(\[]?([A-Z])[)\].:]", re.MULTILINE)
_HEDGE = r"(?:(?:that|probably|most|likely|clearly|therefore|definitely|option|choice|letter|be)\s+){0,4}"
_CONTINUES = (
    r"(?=\s*(?:[^\w\s']|$)|\s+(?:because|since|as|which|for|and|but|is|was|would|given|due|based"
    r"|seems|looks|sounds|appears|fits|may|might|could|can|must|has)\b)"
)
_UPPER = rf"[(\[\"'<]*(?:([B-Z])(?![\w'])|(A){_CONTINUES}|([a-z])(?=[)\].\"']|\s*$))"
_STATES = re.compile(
    rf"(?:(final)\s+)?(?:answer|choice|option|selection|response|conclusion|答案|选择?)s?\s*"
    rf"(?:is|are|would|should|must|:|=|->|→|是|为|\s){{0,9}}\s*{_HEDGE}{_UPPER}"
    rf"|\b(?:choose|pick|select|go\s+with|vote\s+for|i'd\s+say|i\s+say|it's|it\s+is|it\s+must\s+be|that's)\s+"
    rf"{_HEDGE}{_UPPER}"
    r"|(?<![\w'])[(\[\"']?([A-Z])[)\]\"']?\s+(?:is|seems|looks|appears|would\s+be|must\s+be)\s+(?:to\s+be\s+)?(?:the\s+)?"
    r"(?:most\s+|best\s+)?(?:correct|right|answer|best|likely|suitable|appropriate|accurate)\b",
    re.IGNORECASE,
)
_AND_MORE = re.compile(
    rf"[)\]\"']*\s*(?:,|/|&|\bor\b|\band\b)\s*(?:option\s+)?[(\[]?(?:([B-Z])(?![\w'])|(A){_CONTINUES})"
)
_BEFORE_NOT = re.compile(
    r"(?:\b(?:not|never|no|nor|neither|isn't|aren't|wasn't|can't|cannot|without|rather\s+than|instead\s+of|except|unlike|"
    r"exclude|eliminate|rule\s+out)\b)(?:[\s\"'(\[]+(?!but\b|so\b|then\b|yet\b)\w+){0,2}[\s\"'(\[]*$",
    re.IGNORECASE,
)
_AFTER_NOT = re.compile(
    r"^\W*(?:(?:and|or)\s+[A-Z]\W+(?:are|aren't|can|cannot)|is|are|was|seems|can|could|does|cannot|isn't|aren't)\s*"
    r"(?:n't|not|wrong|incorrect|false|out|unlikely|ruled|excluded|be\s+(?:ruled|excluded))",
    re.IGNORECASE,
)
_JOINERS = re.compile(
    r"\b(?:and|or|both|only|options?|choices?|letters?|answers?)\b|[\s,;:./&+|()\[\]{}\"'、-]+", re.IGNORECASE
)


def read_one(text: str, known: tuple[str, ...]) -> Reading:
    """Read the one letter that a reply gives; ``known`` are the options' folded texts (:func:`option_texts`)."""
    if bare_letter := re.fullmatch(r"\W*([A-Za-z])\W*", text, re.ASCII):
        return Reading(bare_letter[1].upper(), "a bare letter")
    exact = [i for i, option in enumerate(known) if option and option == fold_words(text)]
    if len(exact) == 1:
        return Reading(_letter(exact[0]), "the option's text")
    spelled = _bare_letters(text)
    if len(spelled) > 1:
        return Reading("", f"several letters where one is asked for ({spelled})")
    if len(spelled) == 1:
        return Reading(spelled, "a bare letter")
    stated, leading = _stated_letters(text), _leading_letter(text, known)
    if len(stated) == 1 and (not leading.value or leading.value == stated[0]):
        return Reading(stated[0], "a statement")
    if stated:
        return Reading("", f"it names {' and '.join(dict.fromkeys([*stated, leading.value or stated[0]]))}")
    return leading if leading.how else _only_mention(text, known)


def _leading_letter(text: str, known: tuple[str, ...]) -> Reading:
    """Read a reply that begins with its letter: ``B. sad``, ``(c)``, ``D, because ...``; ``how`` is empty otherwise."""
    lead = _LEADING.match(text)
    if lead is None:
        return Reading("", "")
    letter, rest = lead[1].upper(), lead[2]
    others = {m[1] for m in _LINE.finditer(text)} | {m[1] for m in _MARKER.finditer(text)}
    if others - {letter}:
        return Reading("", f"several letters where one is asked for ({''.join(sorted(others | {letter}))})")
    if re.match(r"(?:and|or|&|/)?\s*[(\[]?[A-Z](?:\W*$|\W*[,/&]|\W+(?:and|or)\b)", rest):
        return Reading("", "several letters where one is asked for")
    says = [i for i, option in enumerate(known) if option and option == fold_words(rest)]
    if says and ord(letter) - 65 not in says:
        return Reading("", f"the letter {letter} with the text of {_letter(says[0])}")
    return Reading(letter, "a leading letter")


def _stated_letters(text: str) -> list[str]:
    """Return the letters that the reply states as its answer; if any are called final, only those."""
    found = []
    for match in _STATES.finditer(text):
        letter, after = next(group for group in match.groups()[1:] if group).upper(), text[match.end() :]
        if not (_BEFORE_NOT.search(text[: match.start()][-30:]) or _AFTER_NOT.match(after)):
            found.append((letter, bool(match[1])))
            if (more := _AND_MORE.match(after)) and not _AFTER_NOT.match(after[more.end() :]):
                found.append((more[1] or more[2], bool(match[1])))
    final = [letter for letter, is_final in found if is_final]
    return list(dict.fromkeys(final or [letter for letter, _ in found]))


def _only_mention(text: str, known: tuple[str, ...]) -> Reading:
    letters, texts = _mentioned_letters(text), _contained_options(text, known)
    if len(letters) == 1 and (not texts or texts == letters):
        return Reading(letters, "the only letter named")
    if len(texts) == 1 and not letters:
        return Reading(texts, "the only option's text in it")
    if letters and texts:
        return Reading("", f"it names {letters} and the text of {texts}")
    named = letters or texts
    return Reading("", f"it names {' and '.join(named)}" if named else "no option is named")


def read_several(text: str, known: tuple[str, ...]) -> Reading:
    """Read the letters that a reply gives, in alphabetical order; ``known`` as for :func:`read_one`."""
    exact = [i for i, option in enumerate(known) if option and option == fold_words(text)]
    if len(exact) == 1:
        return Reading(_letter(exact[0]), "the option's text")
    spelled = _bare_letters(text)
    if spelled:
        return Reading(spelled, "bare letters")
    if known and re.match(
        r"(?i)\W*all(?:\W+(?:of|four|the|above|options?|choices?|are|correct|them|these))*\W*$", text
    ):
        return Reading("".join(map(_letter, range(len(known)))), "all of them")
    listed = re.search(
        r"(?i)\banswers?\b(?:\s+(?:is|are|would\s+be|include)|\s*[:=])+\s*(?:options?\s+)?"
        r"((?-i:[(\[]?[A-Z][)\]]?(?![\w'])(?:\s*(?:,|;|/|&|and|or)\s*|\s)*)+)",
        text,
    ) or re.match(r"((?:[(\[]?[A-Z][)\]]?(?![\w'])\s*(?:,\s*and|,|;|/|&|and)\s*)+[(\[]?[A-Z][)\]]?)(?![\w'])", text)
    if listed and (letters := _bare_letters(listed[1])):
        return Reading(letters, "a list of letters")
    marked = {m[1] for m in _LINE.finditer(text)} | {m[1] for m in _MARKER.finditer(text)}
    if marked:
        return Reading("".join(sorted(marked)), "letters in front of options")
    letters, texts = _mentioned_letters(text), _contained_options(text, known)
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


def _mentioned_letters(text: str) -> str:
    """Return letters that are words by themselves and not negated; the article in ``A man smiles`` is not a letter."""
    named = set()
    for match in re.finditer(rf"(?<![\w'])(?:([B-HJ-Z])(?![\w'])|(A){_CONTINUES})", text):
        if not (_BEFORE_NOT.search(text[: match.start()][-30:]) or _AFTER_NOT.match(text[match.end() :])):
            named.add(match[1] or match[2])
    return "".join(sorted(named))


def _contained_options(text: str, known: tuple[str, ...]) -> str:
    """Return options whose text is in the reply, not as part of a longer option's, and not negated."""
    words = f" {fold_words(text)} "
    named = ""
    for i, option in sorted(enumerate(known), key=lambda pair: -len(pair[1])):
        at = words.find(f" {option} ") if option else -1
        if at >= 0:
            if not _BEFORE_NOT.search(words[: at + 1]):
                named += _letter(i)
            words = words[:at] + " | " + words[at + len(option) + 2 :]
    return "".join(sorted(named))


@functools.lru_cache(maxsize=1024)
def option_texts(options: tuple[str, ...]) -> tuple[str, ...]:
    """Return the options without their letters, folded for comparison."""
    return tuple(fold_words(strip_letter(unicodedata.normalize("NFKC", option))) for option in options)


def _letter(index: int) -> str:
    return chr(65 + index)
