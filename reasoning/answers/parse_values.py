"""Read a number, or yes or no, from a reply."""

from __future__ import annotations

import re

from omnisense.reasoning.answers.normalize import Reading
from omnisense.reasoning.answers.statements import refuses

_UNITS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
).split()
_WORDS = {word: str(n) for n, word in enumerate(_UNITS)} | {"twenty": "20", "thirty": "30", "none": "0", "nobody": "0"}
_CHINESE = {character: str(n) for n, character in enumerate("零一二三四五六七八九十")} | {"两": "2"}
_NUMBER = re.compile(
    rf"(?<![^\W\u3400-\u9fff])(?<![.,/-])(-?\d+(?:[.,/]\d+)*)(?!\d|(?:st|nd|rd|th)\b)|(?<![\w-])({'|'.join(_WORDS)}|no\s+one)(?![\w'])"
    rf"(?!-\w)|([{''.join(_CHINESE)}])(?=[个位人名次张])",
    re.IGNORECASE,
)
# "one" that counts nothing: one of them, this one, one can see; one of several, after their number; times of a clock
_PRONOUN = re.compile(
    r"(?:\b(?:this|that|the|which|each|every|any|some|another|other)\s+)one\b|\bone\s+(?:of|can|could|by|another)\b"
    r"|(?:,|(?<!answer)(?<!count)(?<!total):|\band)\s+one\s+(?:on|in|at|with|to|near|behind|beside)\b"
    r"|\b\d{1,2}(?::\d{2}){1,2}\b",
    re.I,
)
_TOTAL = re.compile(
    r"(?:answer|total|count|number(?:\s+of\s+[\w\s]{1,30}?)?|altogether|答案)\s*(?:is|are|of|:|=|是|为|\s)*\s*$",
    re.IGNORECASE,
)


# "There are four people: two women, a man and a child"
_SEES = re.compile(
    r"\b(?:there\s+(?:is|are|were)|i\s+(?:can\s+)?(?:see|count|counted)|shows?)\s+(?:\w+\s+){0,2}$", re.IGNORECASE
)
# "three men and two women, so five people"
_SO = re.compile(
    r"\b(?:so|thus|therefore|hence|making|that's|that\s+is)\s+(?:there\s+(?:is|are)\s+|it's\s+|it\s+is\s+)?$",
    re.IGNORECASE,
)
_AT_THE_END = re.compile(r"^(?:\s+\w+){0,3}\s*[.!]?\s*$")
_BREAKDOWN = re.compile(r"^(?:\s+\w+){0,3}\s*(?:[:(]|[–—-]\s)")
_AFTER_TOTAL = re.compile(r"^\s*(?:\w+\s+)?(?:in\s+total|altogether|in\s+all)\b", re.IGNORECASE)
_SCALE = re.compile(
    r"\b(?:scale|range)\s+(?:of|from)?\s*\d+\s*(?:to|-|–)\s*\d+|(?<=\d)\s*(?:/|out\s+of)\s*10\b(?![./,]\d)",
    re.IGNORECASE,
)
_DIGITS_OR_WORD = rf"(?:\d{{1,4}}|{'|'.join(_WORDS)})"
_RANGE = re.compile(
    rf"(?<![\w.,/-]){_DIGITS_OR_WORD}\s*(?:[-–—~]|\b(?:to|or|bis|a|à)\b|到|至|或)\s*{_DIGITS_OR_WORD}(?!\w*[.,]\d)"
    rf"|\b(?:at\s+(?:least|most)|(?:more|less|fewer)\s+than|over|up\s+to|mindestens|au\s+moins|al\s+menos)\s+{_DIGITS_OR_WORD}\b"
    r"|(?:至少|超过|不到)\s*\d{1,4}",
    re.IGNORECASE,
)


def read_number(text: str) -> Reading:
    """Read the one whole number that a reply names, in digits or words."""
    kept = _PRONOUN.sub(lambda m: " " * len(m[0]), _SCALE.sub(" ", text))
    kept, ranges = _RANGE.subn(" ", kept)
    found = []
    for match in _NUMBER.finditer(kept):
        before, after = kept[max(0, match.start() - 60) : match.start()], kept[match.end() : match.end() + 60]
        is_total = bool(
            _TOTAL.search(before)
            or _AFTER_TOTAL.match(after)
            or (_SEES.search(before) and _BREAKDOWN.match(after))
            or (_SO.search(before) and _AT_THE_END.match(after))
        )
        found.append((_whole(_digits(match)), is_total))
    if not found and re.match(r"(?i)(?:there\s+(?:is|are)\s+)?no\s+\w+", text):
        found = [("0", False)]  # "There are no people."
    stated = {value for value, is_total in found if is_total}
    if not stated and (ranges or refuses(text)):
        return Reading("", "a range of numbers" if ranges else "it refuses to answer")
    values = stated or {value for value, _ in found}
    if len(values) > 1:
        return Reading("", f"it names several numbers ({', '.join(sorted(values))})")
    if not values:
        return Reading("", "no number is named")
    value = values.pop()
    return Reading(value, "a number") if value.isdigit() else Reading("", f"{value} is not a whole number from 0 on")


def _digits(match: re.Match[str]) -> str:
    if match[1]:
        return match[1]
    if match[3]:
        return _CHINESE[match[3]]
    word = " ".join(match[2].lower().split())
    return "0" if word == "no one" else _WORDS[word]


def _whole(value: str) -> str:
    if re.fullmatch(r"\d+(?:[.,]0+)?", value):
        digits = re.split(r"[.,]", value)[0]
        return str(int(digits)) if len(digits) < 10 else digits  # Python refuses to convert thousands of digits
    return value


_UNTRUE = r"(?:\b(?:not|never)|n't)\s+(?:\w+\s+)?(?:true|correct|right)\b|\b(?:untrue|incorrect)\b"
_NOT_FALSE = r"(?:\bnot|n't)\s+(?:false|untrue|incorrect)\b"
_YES = (
    r"\b(?:yes|yeah|yep|yea|ja|oui|sí|true)\b|是的?|\A\W*(?:はい|네|예|sim|sì|да|evet)(?!\w)"
    r"|\A\W*(?:affirmative|absolutely|definitely|certainly|indeed|correct)(?=\W*\Z)"
)
# "no" before a noun answers nothing: no doubt, no one, no way to tell
_NO = (
    r"\bno\b(?!\s+(?!(?:because|since|as|it|he|she|they|the|this|that|there|we|i|her|his|and|but|or|yes)\b)\w)"
    rf"|{_UNTRUE}|\b(?:nope|false|nein|non)\b|不是的?|否|\A\W*(?:いいえ|아니[요오]|não|nee|нет|hayır)(?!\w)"
    r"|\A\W*(?:negative|(?:probably|definitely|certainly|absolutely|likely)\s+not|not\s+(?:really|at\s+all)|unlikely"
    r"|i\s+(?:don't\s+think\s+so|doubt\s+it))(?=\W*\Z)"
)
_YES_OR_NO = re.compile(rf"(?P<double_no>{_NOT_FALSE})|(?P<no>{_NO})|(?P<yes>{_YES})", re.IGNORECASE)
_MAY_SUPPOSE = re.compile(r"\b(?:whether|if|ob)\b|是不|是否|不确定", re.IGNORECASE)
_SUPPOSED = re.compile(r"\b(?:whether|if|ob)\b[^.!?;:,\n]*$|是不$|是否$|不确定[^,.。]*$", re.IGNORECASE)


def read_yes_no(text: str) -> Reading:
    """Read ``yes`` or ``no`` from a reply."""
    words = list(_YES_OR_NO.finditer(text))
    if _MAY_SUPPOSE.search(text):
        words = [m for m in words if not _SUPPOSED.search(text[max(0, m.start() - 80) : m.start()])]
    yes, no = [m for m in words if not m["no"]], [m for m in words if m["no"]]
    alone = {name for name, found in (("yes", yes), ("no", no)) for m in found if _stands_alone(text, m)}
    if not alone and refuses(text):
        return Reading("", "it refuses to answer")
    if bool(yes) != bool(no):
        return Reading("yes", "a yes") if yes else Reading("no", "a no")
    if not yes:
        return Reading("", "neither yes nor no")
    # Both occur: "Yes, there is no smile" says yes; "Yes. No." and "yes or no" say nothing.
    if len(alone) == 1:
        return Reading(alone.pop(), "the one that stands alone")
    return Reading("", "both yes and no")


_NEAR = 40  # characters looked at on each side: copies of all of a long text would take quadratic time


def _stands_alone(text: str, match: re.Match[str]) -> bool:
    before = text[max(0, match.start() - _NEAR) : match.start()].rstrip(" \"'(")
    after = text[match.end() : match.end() + _NEAR]
    opens = not before or before[-1] in ".:;,!?\n=" or before.lower().endswith((" is", "answer"))
    return opens and bool(re.match(r"[\"')]*\s*(?:[.,;:!\n-]|$)", after))
