"""Marks where a reply names an option, so that the patterns that read sentences need not tell ``A`` from an article.

Every option that a reply names by its letter becomes one character outside of any language (Unicode's private use
area): ``Option (B)`` and ``B. sad`` are then one mark each, in any language, with the option's own text taken in.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Sequence

from omnisense.reasoning.answers.conjunctions import AND, OR
from omnisense.reasoning.answers.normalize import fold_words, single_spaced
from omnisense.reasoning.answers.option_places import (
    CLOSE,
    OPEN,
    UNSPACED,
    WORD,
    OptionText,
    lower,
    mark_alone,
    mark_with_letter,
    texts_of,
)
from omnisense.reasoning.answers.question import strip_letter

_BARE, _WITH_TEXT = 0xE000, 0xE100  # the marks of A: named by its letter, and by its letter and its text
MARK = "[\ue000-\ue019\ue100-\ue119]"
WITH_TEXT = "[\ue100-\ue119]"
# what follows the letter A, and not the article: punctuation, Chinese, a line's end, or a verb or connective
AFTER_LETTER_A = (
    rf"(?=\s+(?:(?:to|bis|through|{AND}|{OR})\s+)?(?-i:[B-Z])(?!\w)|\s+\d{{1,3}}\s?[%,;]|\s+\d\.\d|\s*?(?:\n|[^\w\s']|[{UNSPACED}\ue000-\ue119]|$)"
    r"|\s+(?:obviously|clearly|definitely|probably|likely|certainly|surely|imo|to\s+me|i\s+think|i\s+guess|for\s+sure|only|alone|here|by|over|wins|it|all|because|since|as|which|for|and|but|or|nor|plus|through|rather|it\s+is|is|isn't|was|would|with"
    r"|given|due|based|if|when|than|otherwise|seems|seemed|looks|looked|appears|appeared|fits|applies|apply|holds|happens|occurs|counts|stands|remains|works|may|might|could|can|cannot|can't|must|should|has"
    r"|yes|no|yep|nope|the|to\s+be|does|doesn't|matches|describes|shows|suggests|requires|conflicts|over|instead|best\s+\w+s"
    r"|ist|passt|am|und|oder|wäre|es|y|o|est|et|ou)\b)"
)
_OPTION_WORD = r"(?:\b(?:options?|choices?|letters?|opci[oó]n(?:es)?|opciones|optionen)\s+|选项\s*)"
_IS = r"(?:\b(?:is|are|be|es|est|ist|lautet)\s+|[:=是为选]\s*)"
_LETTER = re.compile(
    rf"(?:(?i:{_OPTION_WORD}){OPEN}{{0,3}}([A-HJ-Z]|I(?!\s[a-z]|'))|{OPEN}{{0,3}}(?<!{WORD})(?<!{WORD}['.])(?:([B-HJ-Z])|(A)(?={CLOSE}|(?i:{AFTER_LETTER_A}))|(I)(?=[)\].:]|\s*$)))"
    rf"(?!{WORD}|'{WORD}|&{WORD}){CLOSE}{{0,3}}(?:\s*选项)?"
)
_SMALL_LETTER = re.compile(
    rf"(?:(?i:{_OPTION_WORD}|\b(?:answer|ans|choice|答案)\W{{0,3}}\s*{_IS}(?:{_OPTION_WORD})?"
    rf"|\b(?:it'?s|it\s+is|(?:go|going)\s+(?:with|for|w/)|pick|choose|say|guess|probably|probs|def(?:initely)?|prolly)\s+(?=[b-h])|\b(?:is|be|was|with|for|to|pick|choose|say|select)\s+(?=[(\[][a-h][)\]]))|\A){OPEN}{{0,3}}\s?([a-z])"
    rf"(?=[)\].:,、;}}\"'-]|\s*\Z|\s[(–—])(?!'{WORD}){CLOSE}{{0,3}}"
)
_MAY_BE_LETTER = re.compile(rf"(?<!{WORD})[A-Z](?!{WORD})")
_MAY_BE_SMALL = re.compile(r"(?<![A-Za-z])[a-z](?=[)\].:,、;}\"'-]|\s*\Z|\s[(–—])")
# "b & f for me": no words of English, unlike "a"
_ALONE_SMALL = re.compile(
    r"(?<![\w'./-])([b-df-h]|a(?=\s*(?:[+&,/]|and)\s*[b-h](?!\w))|e(?=\s*(?:[,;:.)!]|$)))(?![\w'/-]|\.\w)"
)
_ANY_MARK = re.compile(MARK)
_LETTERS_IN_A_ROW = re.compile(rf"(?:(?i:{_IS})|\A)(?-i:([A-H]{{2,6}}))(?!{WORD}|\s+[A-Z]{{2}})")


# letters that name something else: "vitamin C", "plan B"
_OTHER_LETTERS = re.compile(
    r"\b(vitamins?|plan|hepatitis|ward|speakers?|exhibit|gate|platform|hall|block|terminal|(?:blood\s+)?type|an)\s+[A-Z](?![\w.):])",
    re.IGNORECASE,
)
_NUMBERED = re.compile(
    r"\b(?:options?|choice|statement|alternative|description|number|no\.|answer\s+number)\s*#?\s?(?:([1-9])|(one|two|three|four|five|six))\b(?!\s*[.:)]|\s(?:by|at|after)\b)",
    re.IGNORECASE,
)
_OWN_NUMBERS = re.compile(r"(?:^|\n)[^\w\n]*[1-9][.)]\s")  # of a list of the reply's own, in an order of its own
_CAPITALS = re.compile(r"[A-H]{2}")
_OPTION_WORDS = ("option", "choice", "letter", "opci", "选项")  # one of them is in whatever _OPTION_WORD finds
_NUMBER_WORDS = "one two three four five six".split()
_CLEFT = re.compile(r"\bit(?:'s|\s+is)\s+(the\s+\w+)\s+who\s+", re.IGNORECASE)  # "it is the woman who talks"
_OF_THEM = re.compile(r"\b(neither|both|none)\s+of\s+(?:them|the\s+two|these)\b", re.IGNORECASE)
_LONGER = 15  # characters
# words of courtesy that may be an option's text
_COURTESY = re.compile(
    r"\b(?:happy|glad|pleased|delighted|sad|sorry)\s+to\s+(?:say|help|hear|see|assist|answer|try|report|explain|describe)\b|\b(?:i'm|am|be)\s+(?:\w+\s+){0,2}(?:happy|glad)\s+to\b|\bi(?:'m|\s+am)\s+(?:so\s+|very\s+|really\s+)?(?:afraid|sorry|not\s+sure|confident|certain|sure)\b|\A\W*sorry\b"
    r"|\b(?:no|without(?:\s+an?y?)?)\s+doubt\b(?=\W)|\bi\s+fear\s+(?:i|that|it)\b|\b(?:that's|all|you're)\s+right\b|\bit(?:'s|\s+is)\s+\w+\s+(?:how|that\s+you|when\s+people)\b|\b(?:happy|merry)\s+(?:new\s+year|birthday|christmas|holidays)\b|\bstay\s+\w+\s+and\b|\bright\s+(?:before|after|away|now|there|here|at|when|as)\b",
    re.IGNORECASE,
)
_NAMED_MARK = re.compile(rf"(?i:{_OPTION_WORD}){OPEN}{{0,3}}({MARK}){CLOSE}{{0,3}}")
_PRIVATE = re.compile(r"[\ue000-\uf8ff]")
_ORDINALS = {"first": 0, "1st": 0, "second": 1, "2nd": 1, "third": 2, "3rd": 2, "fourth": 3, "4th": 3, "fifth": 4,
             "sixth": 5, "last": -1, "final": -1}  # fmt: skip
# what every pattern for a place on the list holds one of
_PLACE_WORDS = (*_ORDINALS, "former", "latter", "option", "choice", "statement", "alternative", "description", "number",
                "no.")  # fmt: skip
_ORDINAL = rf"\bthe\s+(?:very\s+)?({'|'.join(_ORDINALS)})"
_ITEM = r"(?:option|alternative|choice|statement|label|answer|possibility|item|candidate|description)"
_ON_THE_LIST = (
    r"\s+(?:on|in|of)\s+(?:the|these|those|your|this)\s+" rf"(?:list\w*|(?:\w+\s+)?{_ITEM}s?|two|three|four|five)\b"
)
_ORDINAL_OPTION = re.compile(
    rf"{_ORDINAL}\s+(?:(?:answer\s+)?(?:option|alternative|choice|statement|label|possibility|description)\b|(?:one|item)(?:{_ON_THE_LIST}|(?=\s+(?:wins|fits|matches|is\s+(?:right|correct|the\s+(?:best|right|correct|most)))\b)))"
    rf"(?!\s+(?:left|remaining|standing))|\A\W*(?:the\s+)?({'|'.join(_ORDINALS)})\s+(?:one|option|choice)(?=\W)",
    re.IGNORECASE,
)
# "the most probable label is the first": what is counted is named somewhere before
_OF_OPTIONS = re.compile(
    rf"\b(?:{_ITEM}s?|list|one\s+(?:wins|fits|matches|is\s+(?:right|correct|the))|(?:go\s+(?:with|for)|choose|pick|select|take)\s+the|(?:guess|pick|choice|vote)\s+(?:is|would\s+be)|of\s+the\s+(?:two|three|four|five|six)|(?:the|these|those)\s+(?:two|three|four|five|six)\s+(?:\w+\s+)?\w+)\b|\A\W*(?:the\s+\w+\s+one|\w+\s+(?:option|choice)|number\s+\w+(?=\s*[,.:]))\b",
    re.IGNORECASE,
)
# "die zweite Möglichkeit", "la segunda opción", "第二个选项"
_ORDINALS_ELSEWHERE = {
    **dict.fromkeys("erste première primera primeira prima 第一".split(), 0),
    **dict.fromkeys("zweite deuxième seconde segunda seconda 第二".split(), 1),
    **dict.fromkeys("dritte troisième tercera terceira terza 第三".split(), 2),
    **dict.fromkeys("vierte quatrième cuarta quarta 第四".split(), 3),
    **dict.fromkeys("letzte dernière última ultima 最后一".split(), -1),
}
_ORDINAL_ELSEWHERE = re.compile(
    rf"(?:\b(?:der|die|den|la|a)\s+)?(?<!\w)({'|'.join(_ORDINALS_ELSEWHERE)})n?(?:\s+(?:möglichkeit|option|antwort\w*|aussage|variante|réponse|proposition|possibilité|opción|respuesta"
    r"|alternativa|posibilidad|opção|resposta|opzione|risposta)\b|[个項项]选?项?)",
    re.IGNORECASE,
)
_OTHER_PLACE_WORDS = ("möglichkeit", "option", "antwort", "aussage", "variante", "alternativa", "respuesta", "resposta",
                      "opzione", "risposta", "proposition")  # fmt: skip
_ORDINAL_AFTER = re.compile(
    rf"{_ORDINAL}(?:\s+one)?(?=\s*(?:[.,;!]|$)|\s+(?:is|isn't|fits|matches|describes|captures|applies|seems|that|and|or)\b)",
    re.IGNORECASE,
)
_ORDINAL_PAIR = re.compile(
    rf"(\bthe\s+(?:{'|'.join(_ORDINALS)}))\s+and\s+(?:the\s+)?({'|'.join(_ORDINALS)})(?:\s+(?:options|ones|choices|statements)|(?={_ON_THE_LIST}))",
    re.I,
)
_OF_TWO = re.compile(
    r"\bthe\s+(former|latter)\b(?!\s+(?!option|choice|is|fits|one)\w)(?:\s+(?:option|choice|one))?", re.IGNORECASE
)


def mark_of(letter: str) -> str:
    """Return the mark of an option that is named by its letter alone."""
    return chr(_BARE + ord(letter) - 65)


def mark_with_text(place: int) -> str:
    """Return the mark of an option that is named by its text."""
    return chr(_WITH_TEXT + place)


def letter_of(mark: str) -> str:
    """Return the letter of a mark."""
    return chr((ord(mark) & 0xFF) + 65)


def letters_in(marked: str) -> str:
    """Return the letters of all marks in a text, in alphabetical order, each once."""
    return "".join(sorted({letter_of(mark) for mark in re.findall(MARK, marked)}))


def mark_options(text: str, options: tuple[str, ...]) -> str:
    """Return a text with a mark for every option that it names by its letter.

    Args:
        text: without markup (:func:`~omnisense.reasoning.answers.normalize.plain_text`).
        options: of the question, each with its letter.
    """
    text = single_spaced(_mark_ordinals(_PRIVATE.sub(" ", text), options)).replace("cannot", "can't")
    texts = texts_of(options)
    for option in texts:
        if option.parts[0] in lower(text):
            text = mark_with_letter(text, option, chr(_WITH_TEXT + option.place))
    for option in _with_letters(options):  # "Both A and B" is an option, and names no other
        text = _mark_alone(text, [option])
    text = _OTHER_LETTERS.sub(r"\1", text)
    if named := nouns_of_letters(options):  # "Person A" is nobody's letter where options are "Person A", "Person B"
        text = _NOUN_AND_LETTER.sub(lambda match: match[1] if match[1].lower() in named else match[0], text)
    if _CAPITALS.search(text):
        text = _LETTERS_IN_A_ROW.sub(lambda m: m[0][: -len(m[1])] + "".join(map(mark_of, m[1])), text)
    if _MAY_BE_SMALL.search(text):
        text = _SMALL_LETTER.sub(lambda m: _keep_cue(m) + mark_of(m[1].upper()), text)
    if _MAY_BE_LETTER.search(text):
        text = _LETTER.sub(lambda m: mark_of(m[1] or m[2] or m[3] or m[4]), text)
    if not _ANY_MARK.search(text.lstrip()[1:]):
        text = _ALONE_SMALL.sub(lambda m: mark_of(m[1].upper()) if ord(m[1]) - 97 < len(options) else m[0], text)
    return _NAMED_MARK.sub(r"\1", text) if any(word in lower(text) for word in _OPTION_WORDS) else text


@functools.lru_cache(maxsize=1024)
def _with_letters(options: tuple[str, ...]) -> tuple[OptionText, ...]:
    """Return the options whose own text holds letters: "Both A and B", "vitamin C"."""
    return tuple(
        option
        for option in texts_of(options)
        if option.names_letters or _OTHER_LETTERS.search(option.parts[0]) or _names_by_letter(options[option.place])
    )


# the noun and the letter of a name such as "Person A"
_NOUN_AND_LETTER = re.compile(r"\b([^\W\d_]{2,})\s+[A-Z]\b(?!['.)])")


def _names_by_letter(option: str) -> list[str]:
    return [noun.lower() for noun in _NOUN_AND_LETTER.findall(strip_letter(option))]


@functools.lru_cache(maxsize=1024)
def nouns_of_letters(options: tuple[str, ...]) -> frozenset[str]:
    """Return the nouns that two options at least write with a letter, as "Person A" and "Person B" do."""
    nouns = [noun for option in options for noun in set(_names_by_letter(option))]
    return frozenset(noun for noun in nouns if nouns.count(noun) > 1)


def _mark_ordinals(text: str, options: tuple[str, ...]) -> str:
    """Return a text with marks for "option 2", "the second option", and then for "the third" too."""
    count, texts = len(options), option_texts(options)

    def number(match: re.Match[str], place: int) -> str:
        return chr(_BARE + place - 1) if place <= count else match[0]

    def mark(match: re.Match[str]) -> str:
        place = _ORDINALS[next(filter(None, match.groups())).lower()]
        return chr(_BARE + place % count) if place < count else match[0]

    def mark_elsewhere(match: re.Match[str]) -> str:
        place = _ORDINALS_ELSEWHERE[match[1].lower()]
        return chr(_BARE + place % count) if place < count else match[0]

    lowered = lower(text)
    if count and (not text.isascii() or any(word in lowered for word in _OTHER_PLACE_WORDS)):
        text = _ORDINAL_ELSEWHERE.sub(mark_elsewhere, text)
        lowered = lower(text)
    if not count or not any(word in lowered for word in _PLACE_WORDS) or not _OF_OPTIONS.search(text):
        return text
    if not re.search(r"\d", "".join(texts)) and not _OWN_NUMBERS.search(text):
        text = _NUMBERED.sub(
            lambda match: number(match, int(match[1] or 1 + _NUMBER_WORDS.index(match[2].lower()))), text
        )
    if count == 2:
        text = _OF_TWO.sub(lambda match: chr(_BARE + (match[1].lower() == "latter")), text)
    text = _ORDINAL_PAIR.sub(r"\1 option and the \2 option", text)
    return _ORDINAL_AFTER.sub(mark, _ORDINAL_OPTION.sub(mark, text))


def _keep_cue(match: re.Match[str]) -> str:
    return match[0][: match.start(1) - match.start()].rstrip("([{\"'< ") + " "


def drop_copied_options(marked: str, options: tuple[str, ...], header: str = "") -> str:
    """Return a marked text without the places where all options are copied, one after the other.

    Args:
        marked: the text.
        options: of the question.
        header: a pattern of what must stand before them.
    """
    if len(options) < 2 or chr(_WITH_TEXT) not in marked:
        return marked
    return _all_of(len(options), header).sub("\n", marked).strip()


@functools.cache
def _all_of(count: int, header: str) -> re.Pattern[str]:
    between = r"(?:[\s,;.:|/•*–-]|\band\b|\bor\b|\bbeing\b|\ban?\b|\bthe\b|\bto\b|(?<![.\d])\d{1,2}\.(?!\d)){0,12}"
    copied = between.join(chr(_WITH_TEXT + index) for index in range(count))
    return re.compile(header + copied + r"[.;]?", re.IGNORECASE)


@functools.lru_cache(maxsize=1024)
def option_texts(options: tuple[str, ...]) -> tuple[str, ...]:
    """Return the options without their letters, folded for comparison."""
    return tuple(fold_words(strip_letter(unicodedata.normalize("NFKC", option))) for option in options)


def mark_texts(marked: str, options: tuple[str, ...]) -> str:
    """Return a marked text with marks for the options that it names by their text alone, too."""
    texts = texts_of(options)
    marked = _OF_THEM.sub(r"\1", _CLEFT.sub(r"\1 ", _mark_clefts(marked, texts)))
    if _COURTESY.search(marked):  # of the words of courtesy, only those of a longer text are an option's
        longer = [option for option in texts if option.length > _LONGER]
        marked = _COURTESY.sub(" ", _mark_alone(marked, longer))
    marked = _mark_alone(marked, texts)
    words = _both_or_neither(options)
    if not words:
        return marked
    return _ALONE_OF_TWO.sub(lambda match: words.get(match[1].lower(), match[1]) + match[0][len(match[1]) :], marked)


# "so both.", "Both of them do."
_ALONE_OF_TWO = re.compile(
    r"\b(both|neither)(?=(?:\s+of\s+(?:them|the\s+two))?\s*(?:[.,;!\n]|$|\s(?:do|does|are|is|were|was|did|have|has)\b))",
    re.IGNORECASE,
)


@functools.lru_cache(maxsize=1024)
def _both_or_neither(options: tuple[str, ...]) -> dict[str, str]:
    """Return the marks of the only options that begin with "both" and with "neither"."""
    places: dict[str, list[int]] = {"both": [], "neither": []}
    for place, text in enumerate(option_texts(options)):
        if (word := text.partition(" ")[0]) in places:
            places[word].append(place)
    return {word: mark_with_text(at[0]) for word, at in places.items() if len(at) == 1}


def _mark_clefts(marked: str, texts: Sequence[OptionText]) -> str:
    """Return a marked text where "it is the man who" names an option if "the man" is one."""
    whole = [option for option in texts if len(option.parts) == 1]
    return _CLEFT.sub(
        lambda match: (
            f"it is {mark}, who " if (mark := _mark_alone(match[1], whole)) != match[1] and len(mark) == 1 else match[0]
        ),
        marked,
    )


# "both the man and the woman"
_PAIR = re.compile(
    rf"(?:\b(both|neither)\s+|({WITH_TEXT})\s+)?(?:the\s+)?({MARK})\s+(?:and|nor|or|&)\s+(?:also\s+)?(?:the\s+)?({MARK})"
    rf"(?=(\s+(?:\w+\s+)?both\b)?)(?:\s+({WITH_TEXT}))?",
    re.IGNORECASE,
)
_PAIR_OPTIONS = {
    f"{word}{of}": word for word in ("both", "neither") for of in ("", " of them", " of the two", " people")
}
_LETTER_PAIR = re.compile(r"(both|neither)? ?([a-h]) (?:and|nor|or|&) ([a-h])")


def mark_pairs(marked: str, options: tuple[str, ...]) -> str:
    """Return a marked text with one mark for "both the man and the woman" where one option is "both of them".

    So is "neither the man nor the woman"; the two must be those that the option names by letter, or all others.
    """
    pairs = _pairs(options)
    if not pairs:
        return marked

    def mark(match: re.Match[str]) -> str:
        word = (match[1] or (match[5] and "both") or "").lower()
        named = letters_in(match[3] + match[4])
        place = pairs.get((word, named), -1)
        if said := match[2] or match[6]:  # "both" is the text of an option itself
            own = ord(letter_of(said)) - 65
            place = own if (own, named) in {(at, two) for (_, two), at in pairs.items()} else -1
        by_text = ord(match[3]) >= _WITH_TEXT and ord(match[4]) >= _WITH_TEXT
        is_told = place >= 0 and (by_text or _LETTER_PAIR.fullmatch(option_texts(options)[place]))
        return chr(_WITH_TEXT + place) if is_told else match[0]

    return _PAIR.sub(mark, marked)


@functools.lru_cache(maxsize=1024)
def _pairs(options: tuple[str, ...]) -> dict[tuple[str, str], int]:
    """Return the places of the options that are two others, or neither of them, by that word and the letters."""
    texts = option_texts(options)
    words = {place: word for place, text in enumerate(texts) if (word := _PAIR_OPTIONS.get(text))}
    found = {}
    for place, text in enumerate(texts):
        rest = "".join(chr(65 + i) for i in range(len(texts)) if i not in words)
        if letters := _LETTER_PAIR.fullmatch(text):
            rest = "".join(sorted((letters[2] + letters[3]).upper()))
            found[(letters[1] or "both", rest)] = place
            if letters[1] != "neither":
                found[("", rest)] = place  # "the mother and the father" are both
        elif (named := _texts_named(text, texts)) and place not in words:
            found[("both", named)] = found[("", named)] = place
        elif place in words and len(rest) == 2:
            found[(words[place], rest)] = place
    return found


def _texts_named(text: str, texts: tuple[str, ...]) -> str:
    """Return the letters of the two other options whose texts an option joins: "proud and ashamed"."""
    first, _, second = text.removeprefix("both ").partition(" and ")
    if first in texts and second in texts:
        return "".join(sorted(chr(65 + texts.index(part)) for part in (first, second)))
    return ""


def _mark_alone(text: str, texts: Sequence[OptionText]) -> str:
    return mark_alone(single_spaced(text), texts, [chr(_WITH_TEXT + option.place) for option in texts])
