"""Read a number from a reply."""

from __future__ import annotations

import re

from omnisense.reasoning.answers.hesitation import after_revision, refuses
from omnisense.reasoning.answers.normalize import Reading
from omnisense.reasoning.answers.passages import drop_questions, is_cut_off

_UNITS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
).split()
_TENS = {word: 10 * n for n, word in enumerate("twenty thirty forty fifty sixty seventy eighty ninety".split(), 2)}
_WORDS = {word: str(n) for n, word in enumerate(_UNITS)} | {word: str(n) for word, n in _TENS.items()}
_WORDS |= {"none": "0", "nobody": "0", "once": "1", "twice": "2", "thrice": "3", "dozen": "12"}
# without the words for one, which are articles, and those that are words of another language ("elf", Spanish "once")
_WORDS |= {
    word: str(n)
    for words in (
        "zwei drei vier fünf sechs sieben acht neun zehn",
        "deux trois quatre cinq six sept huit neuf dix onze douze",
        "dos tres cuatro cinco seis siete ocho nueve diez",
        "dois três quatro cinco seis sete oito nove dez",
        "due tre quattro cinque sei sette otto nove dieci",
    )
    for n, word in enumerate(words.split(), 2)
}
_CHINESE = {character: n for n, character in enumerate("零一二三四五六七八九十")} | {"两": 2}
_CHINESE_NUMBER = "(?:[一二三四五六七八九]?十[一二三四五六七八九]?|[零一二三四五六七八九两])"  # under a hundred
_WORD = rf"(?:{'|'.join(sorted(_WORDS, key=len, reverse=True))})"
_NUMBER = re.compile(
    rf"(?<![^\W\u3400-\u9fff])(?<![.,/-])(-?\d{{1,3}}(?:,\d{{3}})+(?:\.\d+)?|-?\d+(?:[.,/]\d+)*)(?!\d|(?:st|nd|rd|th)\b)"
    rf"|(?<![\w-])({_WORD}|no\s+one)(?![\w'])(?!-\w)"
    rf"|(?:(?<![第{''.join(_CHINESE)}])(?={_CHINESE_NUMBER}[个位人名次张])|(?:\A|(?<=[是为:共]))(?={_CHINESE_NUMBER}\W*\Z))({_CHINESE_NUMBER})",
    re.IGNORECASE,
)
# numbers that count nothing: one of them, this one, one can see; one of several, after their number; times of a clock;
# the number of a frame or a list's item; the length of a clip
_COUNTS_NOTHING = re.compile(
    r"\b\d{1,3}\s?(?:%|percent)\s+(?:sure|certain|confident|confidence)\b|(?:\A|(?<=[.!?]\s))(?:out\s+)?of\s+(?:the\s+|these\s+)?(?:\d+|two|three|four|five|six|seven|eight|nine|ten)\s+\w+|(?<=\bof\sthe\s)(?:\d+|two|three|four|five|six|seven|eight|nine|ten)\b|\b(?:although|though|while)\b[^.,;!?\n]{0,80},|\b(?:le|son|au|du|de|leur|mon|les)\s+dos\b|(?:\b(?:this|that|the|which|each|every|any|some|another|other|first|second|third|last|next)\s+)one\b"
    r"|(?<=\w,\s)(?:\d+|two|three|four|five|six)\s+of\s+(?:whom|which|them|these|those)\b|\b(?:some|others|people|viewers|one|you)\s+(?:may|might|could|would)\b[^.;!?\n]*|其中\s*(?:\d+|[一二三四五六七八九两])\s*[个位人名]"
    r"|\b(?:check|count|watch|look|listen|play|replay|went|go|verif|view|hear|saw)\w*\s+(?:(?:it|them|this|the|through|again|over|clip|video)\s+){0,3}(?:once|twice|thrice|\w+\s+times)\b"
    r"|\b(?:in|between|across|over|the|these|both|all)\s+(?:the\s+)?(?:\d+|two|three|four|five|six)\s+(?:scenes|cuts|shots|clips|parts|halves|frames|takes|passes|viewings|cameras|angles|segments)\b"
    r"|\bone\s+(?:of|after|can|could|by|another|would|might|more)\b"
    r"|\bthere(?:'s|\s+is)\s+one\s+(?:on|in|at|with|to|near|behind|beside|more)\b|(?:,|(?<!answer)(?<!count)(?<!total):|\band)\s+one\s+(?:on|in|at|with|to|near|behind|beside)\b"
    r"|\b\d{1,2}(?::\d{2}){1,2}\b"
    r"|\b(?:frames?|seasons?|episodes?|steps?|scenes?|lines?|figures?|questions?|parts?|year|page|chapter|shot|second|minute|item|cue|camera)\s+\d+"
    r"(?:\s*(?:-|–|to|and)\s*\d+)?\b"
    r"|(?:^|\n)\s*\d{1,2}[.)]\s(?=\s*\w)|\bthe\s+\d+(?:\.\d+)?[\s-]seconds?\b|\b\d+-(?:second|minute|year)\b|\bnumber\s+\d+\s+(?:on|printed|painted|written)\b",
    re.IGNORECASE,
)
_TOTAL = re.compile(
    r"(?:\banswer|(?<!\w\sin\s)\btotal|\bmaximum|(?<!\bi\s)(?<!'d\s)\bcount|\b(?:number|figure|sum|(?<=the\s)count)(?:\s+of\s+[\w\s\"']{1,60}?)?|altogether|=|\bi(?:'d|\s+would)\s+(?:say|estimate|go\s+with|rate\s+\w+(?:\s+\w+)?)"
    r"|\b(?:guess|estimate|rating|prediction|score)|答案|一共有?|总共有?|共有?)\s*,?\s*(?:is|are|of|at|as|to|:|=|\||是|为|\s)*\s*$",
    re.IGNORECASE,
)
# "There are four people: two women, a man and a child"
_SEES = re.compile(
    r"\b(?:there\s+(?:is|are|were)|i\s+(?:can\s+)?(?:see|count|counted)|shows?)\s+(?:\w+\s+){0,2}$", re.IGNORECASE
)
# "three men and two women, so five people"
_SO = re.compile(
    r"\b(?:so|thus|therefore|hence|making|makes?|adds?\s+up\s+to|sums?\s+(?:up\s+)?to|that's|that\s+is|in\s+total|overall|leaves|leaving|which\s+means|meaning)\s+(?:\w+\s+){0,6}$",
    re.IGNORECASE,
)
# "The 3 kids plus their mother: 4."
_CLOSES = re.compile(
    r"\w\W*(?:[:=]|[.!?;]\s(?:so|thus|hence|therefore|total),?|,\s(?:so|thus|hence|therefore)|\b(?:which|that)\s+(?:gives|makes|equals)|\bthere\s+are|[;,]\s*by\s+the\s+end\s+there\s+are)\s*\Z",
    re.IGNORECASE,
)
_AT_THE_END = re.compile(r"^(?:\s+\w+){0,8}\s*[.!]?\s*$")
_BREAKDOWN = re.compile(r"^(?:\s+\w+){0,6}\s*(?:[:(]|[–—-]\s)")
# "I count nine people. Five of them sit"
_PARTS_FOLLOW = re.compile(
    r"^[^.!?\n]{0,50}[.!]\s+(?:\w+\s+)?(?:of|among)\s+(?:them|these|those|whom)\b", re.IGNORECASE
)
# "Together that's 2 + 3 + 1": its sum is the total where the reply names it too
_ADDITION = re.compile(r"(?<![\w.+-])\d{1,4}(?:\s?\+\s?\d{1,4}){1,9}(?![\w+]|\.\d)")
# "five come in and three leave": the first number is no sum of the others
_TAKES_AWAY = re.compile(
    r"\b(?:leaves?|(?<!the\s)left(?!\s+(?:side|of|hand))|leaving|remain\w*|minus|exits?|exited|(?:goes|go|went|walks?|walked|gone)\s+(?:away|out|off)"
    r"|disappears?|removed?|subtract\w*)\b",
    re.IGNORECASE,
)
_EQUALS = re.compile(r"=\s*(\d+(?:\.\d+)?)(?![\w.]\d)")
_AFTER_TOTAL = re.compile(r"^\s*(?:\w+\s+)?(?:in\s+total|altogether|in\s+all|overall)\b", re.IGNORECASE)
_DENIED = re.compile(r"\b(?:not|isn't|aren't|rather\s+than|instead\s+of|nicht|no)\s+$", re.IGNORECASE)
_HEDGED = re.compile(r"\b(?:maybe|perhaps|possibly)\s+(?:even\s+)?$", re.IGNORECASE)
_MEASURE = re.compile(r"\s*-?(?:frames?|seconds?|secs?|s|fps|minutes?|min|years?|%|percent|dB|Hz|ms)\b", re.IGNORECASE)
# "That leaves 4.": at the end
_LEAVES = re.compile(rf"\bleav(?:es|ing)\s+(?:\w+\s+)?({_WORD}|\d+)(?:\s\w+){{0,2}}\W*\Z", re.IGNORECASE)
_COUNTED = re.compile(r"\s*[个位人名次张]|\s+[^\W\d_]")
_NONE = re.compile(
    r"(?:\A|\bthere\s+(?:is|are)\s+|\bi\s+(?:can\s+)?(?:see|hear|count)\s+|\b(?:shows|contains)\s+)no\s+(?!way|sign|reason|evidence|idea|need)\w+",
    re.IGNORECASE,
)
_SCALE = re.compile(
    r"\b(?:scale|range|skala|échelle|escala|scala)\s+(?:of|from|von|de|da)?\s*-?\d+\s*(?:to|-|–|bis|à|a)\s*\+?-?\d+|\b\d+-point\b|\b\d+\s*(?:-|–|to)\s*\d+\s+(?:scale|range)\b|(?<=\d)\s*(?:/\s*(?:5|7|9|10|100)|(?:(?:points?|stars?)\s+)?(?:out\s+)?of\s+(?:5|7|10|100)|(?:(?:points?|stars?)\s+)?out\s+of\s*\d+|of\s+(?:the\s+)?\d+)\b(?![./,]\d)",
    re.IGNORECASE,
)
_DIGITS_OR_WORD = rf"(?:\d{{1,4}}|{_WORD})"
_RANGE = re.compile(
    rf"(?<![\w.,/-]){_DIGITS_OR_WORD}\s*(?:[-–—~](?!\s+one\b)|\b(?:to|or|bis|a|à)\b|到|至|或)\s*{_DIGITS_OR_WORD}(?!\w*[.,]\d)"
    rf"|\bbetween\s+{_DIGITS_OR_WORD}\s+and\s+{_DIGITS_OR_WORD}\b"
    rf"|\b(?:may|might|could)\s+be\s+{_DIGITS_OR_WORD}\b"
    rf"|(?<![\w.,/-]){_DIGITS_OR_WORD}(?:,\s*{_DIGITS_OR_WORD}){{0,4}},?\s*(?:or|maybe|possibly|perhaps)\s+(?:even\s+|maybe\s+){{0,2}}(?:more|fewer|less|{_DIGITS_OR_WORD})\b"
    rf"|\b(?:at\s+(?:least|most)|(?:more|less|fewer)\s+than|over|(?<!add\s)(?<!adds\s)(?<!sums\s)(?<!sum\s)up\s+to|mindestens|au\s+moins|al\s+menos)\s+{_DIGITS_OR_WORD}\b"
    rf"|(?:至少|超过|不到)\s*(?:\d{{1,4}}|{_CHINESE_NUMBER})|{_CHINESE_NUMBER}\s*[到至或、-]\s*{_CHINESE_NUMBER}",
    re.IGNORECASE,
)


# "a man and two women"
_ADDS_ONE = re.compile(
    rf"\b(?:an?|ein\w{{0,2}}|une?|una?)\s+\w+\s+(?:and|und|et|y)\s+{_DIGITS_OR_WORD}\b"
    rf"|\b{_DIGITS_OR_WORD}\s+\w+\s+(?:und|et|y)\s+(?:ein\w{{0,2}}|une?|una?)\b",
    re.IGNORECASE,
)
# "8... no, 7", "Two. No, three"
_NO_INSTEAD = re.compile(
    rf"(?<=\w)\s*(?:\.\.\.|…|[—–])\s*no\b\s*(?:[,.…—–]|\.\.\.)|{_DIGITS_OR_WORD}[.,;]\s+no,\s+(?={_DIGITS_OR_WORD})",
    re.IGNORECASE,
)


def read_number(text: str) -> Reading:
    """Read the one number that a reply names, in digits or words.

    Args:
        text: without markup.
    """
    tail = after_revision(text)
    if tail is None and (instead := _NO_INSTEAD.search(text)):
        tail = text[instead.end() :]
    if tail is not None and (revised := _read_told(drop_questions(tail))).value:
        return revised
    return _read_told(drop_questions(text))


def _read_told(text: str) -> Reading:
    compound = _HALF_A_DOZEN.sub("six", _TEN_AND_UNIT.sub(_sum, _SCALE.sub(" ", text)))
    kept = _COUNTS_NOTHING.sub(lambda m: " " * len(m[0]), compound)
    kept, ranges = _RANGE.subn(" ", kept)
    found, firm, counted = [], set(), []
    for match in _NUMBER.finditer(kept):
        before, after = kept[max(0, match.start() - 80) : match.start()], kept[match.end() : match.end() + 80]
        if not _DENIED.search(before):
            found.append((_plain(_digits(match)), _is_total(before, after)))
            firm |= set() if _HEDGED.search(before) or _MEASURE.match(after) else {found[-1][0]}
            if _COUNTED.match(after) and not _MEASURE.match(after):
                counted.append(found[-1][0])
    if not found and _NONE.search(text):
        found = [("0", False)]  # "There are no people."
    stated = {value for value, is_total in found if is_total}
    if len(stated) > 1 and (left := _LEAVES.search(kept)) and (number := _NUMBER.fullmatch(left[1])):
        stated = {_plain(_digits(number))}
    if len(stated) > 1:
        stated = {_plain(sum_) for sum_ in _EQUALS.findall(kept)} or stated
    if not stated and not _TAKES_AWAY.search(kept):
        stated = _sum_of_others(counted)
    if not stated:
        stated = _sums(kept) & firm
    if not stated and (ranges or refuses(text)):
        return Reading("", "a range of numbers" if ranges else "it refuses to answer")
    if not stated and is_cut_off(text):
        return Reading("", "it is cut off")
    if not stated and _ADDS_ONE.search(text):
        return Reading("", "numbers that it does not add up")
    values = stated or firm or {value for value, _ in found}
    if len(values) > 1:
        return Reading("", f"it names several numbers ({', '.join(sorted(values))})")
    if not values:
        return Reading("", "no number is named")
    value = values.pop()
    return Reading(value, "a number") if _IS_PLAIN.fullmatch(value) else Reading("", f"{value} is not a number")


_TEN_AND_UNIT = re.compile(rf"\b({'|'.join(_TENS)})[\s-]({'|'.join(_UNITS[1:10])})\b", re.IGNORECASE)
_HALF_A_DOZEN = re.compile(r"\bhalf\s+a\s+dozen\b", re.IGNORECASE)
_IS_PLAIN = re.compile(r"-?\d+(?:\.\d+)?")


def _sum(match: re.Match[str]) -> str:
    return str(_TENS[match[1].lower()] + _UNITS.index(match[2].lower()))


def _sums(text: str) -> set[str]:
    """Return the sums of the additions that a text writes out."""
    return {str(sum(map(int, re.findall(r"\d+", match[0])))) for match in _ADDITION.finditer(text)}


def numbers_in_digits(text: str) -> str:
    """Return a text with its number words as digits: "more than 3" for "more than three"."""
    return _WORD_ALONE.sub(lambda match: _WORDS[match[0].lower()], _TEN_AND_UNIT.sub(_sum, text))


_WORD_ALONE = re.compile(rf"\b{_WORD}\b", re.IGNORECASE)


def _sum_of_others(counted: list[str]) -> set[str]:
    """Return the count that is the sum of all others: 6 of "six people, three on the sofa and three behind it"."""
    counts = [float(value) for value in counted if _IS_PLAIN.fullmatch(value)]
    if len(counts) != len(counted) or len(counts) < 3 or 2 * max(counts) != sum(counts):
        return set()
    return {counted[counts.index(max(counts))]}


def _is_total(before: str, after: str) -> bool:
    """Whether the words around a number say that it is the total."""
    return bool(
        _TOTAL.search(before)
        or _AFTER_TOTAL.match(after)
        or (_SEES.search(before) and (_BREAKDOWN.match(after) or _PARTS_FOLLOW.match(after)))
        or (not before.strip() and _BREAKDOWN.match(after))
        or (_CLOSES.search(before) and re.fullmatch(r"(?:\s\w+){0,2}\W*", after))
        or (_SO.search(before) and _AT_THE_END.match(after))
    )


def _digits(match: re.Match[str]) -> str:
    if match[1]:
        return match[1]
    if match[3]:
        return _chinese(match[3])
    word = " ".join(match[2].lower().split())
    return "0" if word == "no one" else _WORDS[word]


def _chinese(digits: str) -> str:
    """Return a number under a hundred in Chinese characters: 12 for "十二"."""
    tens, ten, units = digits.rpartition("十")
    number = (_CHINESE.get(tens, 1) * 10 if ten else 0) + _CHINESE.get(units, 0)
    return str(number)


def _plain(value: str) -> str:
    """Return digits without leading zeros, thousands separators and a fraction of zero."""
    value = re.sub(r"(?<=\d),(?=\d{3}(?:\D|$))", "", value)
    if re.fullmatch(r"\d+(?:[.,]0+)?", value):
        digits = re.split(r"[.,]", value)[0]
        return str(int(digits)) if len(digits) < 10 else digits  # Python refuses to convert thousands of digits
    return value
