"""Read a number, or yes or no, from a reply."""

from __future__ import annotations

import re

from omnisense.reasoning.answers.normalize import Reading

_UNITS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
).split()
_WORDS = {word: str(n) for n, word in enumerate(_UNITS)} | {"twenty": "20", "thirty": "30", "none": "0", "nobody": "0"}
_NUMBER = re.compile(
    rf"(?<![\w.,/-])(-?\d+(?:[.,/]\d+)*)(?!\d|(?:st|nd|rd|th)\b)|(?<![\w-])({'|'.join(_WORDS)}|no\s+one)(?![\w'])(?!-\w)",
    re.IGNORECASE,
)
# "one" that counts nothing: one of them, this one, one can see
_PRONOUN = re.compile(
    r"(?:\b(?:this|that|the|which|each|every|any|some|another|other)\s+)one\b|\bone\s+(?:of|can|could|by|another)\b",
    re.I,
)
_TOTAL = re.compile(
    r"(?:answer|total|count|number(?:\s+of\s+[\w\s]{1,30}?)?|altogether|答案)\s*(?:is|are|of|:|=|是|为|\s)*\s*$",
    re.IGNORECASE,
)


def read_number(text: str) -> Reading:
    """Read the one whole number that a reply names, in digits or words."""
    kept = _PRONOUN.sub(lambda m: " " * len(m[0]), text)
    found = []
    for match in _NUMBER.finditer(kept):
        word = " ".join((match[2] or "").lower().split())
        value = match[1] if match[1] else "0" if word == "no one" else _WORDS[word]
        found.append((_whole(value), bool(_TOTAL.search(kept[: match.start()][-60:]))))
    if not found and re.match(r"(?i)(?:there\s+(?:is|are)\s+)?no\s+\w+", text):
        found = [("0", False)]  # "There are no people."
    stated = {value for value, is_total in found if is_total}
    values = stated or {value for value, _ in found}
    if len(values) > 1:
        return Reading("", f"it names several numbers ({', '.join(sorted(values))})")
    if not values:
        return Reading("", "no number is named")
    value = values.pop()
    return Reading(value, "a number") if value.isdigit() else Reading("", f"{value} is not a whole number from 0 on")


def _whole(value: str) -> str:
    if re.fullmatch(r"\d+(?:[.,]0+)?", value):
        digits = re.split(r"[.,]", value)[0]
        return str(int(digits)) if len(digits) < 10 else digits  # Python refuses to convert thousands of digits
    return value


_YES = re.compile(r"\b(?:yes|yeah|yep|yea)\b|是的?|(?<!in)(?<!un)\btrue\b", re.IGNORECASE)
_NO = re.compile(
    r"\b(?:no(?!\s+(?:one|doubt|matter|longer|more|idea|question|problem|sign|evidence|other)\b)|nope|false)\b|不是|否",
    re.IGNORECASE,
)


def read_yes_no(text: str) -> Reading:
    """Read ``yes`` or ``no`` from a reply."""
    yes = [m for m in _YES.finditer(text) if not text[: m.start()].endswith("不")]
    no = list(_NO.finditer(text))
    if bool(yes) != bool(no):
        return Reading("yes", "a yes") if yes else Reading("no", "a no")
    if not yes:
        return Reading("", "neither yes nor no")
    # Both occur: "Yes, there is no smile" says yes; "Yes. No." and "yes or no" say nothing.
    alone = {name for name, found in (("yes", yes), ("no", no)) for m in found if _stands_alone(text, m)}
    if len(alone) == 1:
        return Reading(alone.pop(), "the one that stands alone")
    return Reading("", "both yes and no")


def _stands_alone(text: str, match: re.Match[str]) -> bool:
    before, after = text[: match.start()].rstrip(" \"'("), text[match.end() :]
    opens = not before or before[-1] in ".:;,!?\n=" or before.lower().endswith((" is", "answer"))
    return opens and bool(re.match(r"[\"')]*\s*(?:[.,;:!\n-]|$)", after))
