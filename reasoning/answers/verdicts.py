"""Verdicts and scores that a reply gives option by option, and the options that it leaves by ruling out the others.

All patterns are for texts with marks in place of the options (:mod:`omnisense.reasoning.answers.option_marks`).
"""

from __future__ import annotations

import re

from omnisense.reasoning.answers.conjunctions import AND, OR
from omnisense.reasoning.answers.option_marks import MARK, letter_of, letters_in

_WRONG = (
    r"(?:not\s+(?:correct|right|true|supported|present|visible|shown|seen|heard|observed|detected|found|applicable|a\s+match|quite|likely|this)|incorrect|wrong|false"
    r"|no\b(?!\s+doubt)|none\b|absent|unlikely|unsupported|ruled\s+out|excluded|eliminated|rejected|doesn't|does\s+not|isn't|is\s+not|falsch"
    r"|nein\b|non\b|falso|faux|错误?|不正确|不对|不符合|否|[✗✘❌×✕])"
)
_RIGHT = (
    r"(?:correct|right\b|true|yes\b|present|observed|visible|detected|supported|applies|fits|matches|confirmed|selected|richtig|ja\b|oui\b|vrai|sí\b|verdadero"
    r"|正确|对|符合|是|[✓✔✅☑])"
)
_OPEN = (
    r"(?:possibl[ey]|maybe|perhaps|plausible|partly|partial(?:ly)?|unclear|unsure|uncertain|cannot\s+tell"
    r"|medium|moderate|mittel|中)"
)
_LOW = r"(?:(?:very\s+)?(?:low|weak|poor|unlikely|minimal)|less\s+likely|not\s+(?:very\s+)?likely|niedrig|gering|低)"
_HIGH = (
    r"(?:(?:very\s+|most\s+|highly\s+)?(?:high|strong|likely|probable)|(?:best|strongest|good)\s+(?:match|fit)|hoch|高)"
)
NO, LOW, OPEN, LIKELY, YES = range(5)
_GRADES = (("no", NO), ("low", LOW), ("open", OPEN), ("high", LIKELY), ("yes", YES))
_GRADE = rf"(?:(?P<low>{_LOW})|(?P<no>{_WRONG})|(?P<high>{_HIGH})|(?P<yes>{_RIGHT})|(?P<open>{_OPEN}))(?!\w)"
_BETWEEN = r"(?:[\s.,):=>|–—?-]|\b(?:is|are|ist|est|es|option)\b|是){0,8}"
# "A - correct, B - incorrect"
_VERDICT = re.compile(rf"({MARK}){_BETWEEN}{_GRADE}(?!\w*\s+(?:answer|choice|option))", re.IGNORECASE)
# "✅ A, ❌ B"
_TICK_BEFORE = re.compile(rf"(?:([✗✘❌×✕])|[✓✔✅☑])\s*({MARK})")
_UNKNOWN_TICKED = re.compile(r"(?:^|\n)[^\w\n\ue000-\ue119]*[✗✘❌×✕✓✔✅☑]\s*\w")
_ITEM = re.compile(rf"(?:^|\n)[^\w\n\ue000-\ue119✗✘❌×✕✓✔✅☑]*(?:\d{{1,2}}[.)]\s*)?({MARK})")
_ITEM_SAYS = re.compile(rf"[^\w✗✘❌×✕✓✔✅☑]{{0,8}}{_GRADE}", re.IGNORECASE)
# "| C. angry | shouts | high |", "angry – he shouts → likely"
_ITEM_CLOSES = re.compile(
    rf"(?:[|→=:(–—-]|->|(?=[✗✘❌×✕✓✔✅☑]))\s*{_GRADE}(?:\s+(?:match|fit|likelihood))?[\s|).]*\Z", re.IGNORECASE
)
_ITEM_ENDS = re.compile(
    r"(?:(leave\s+(?:it|this|that)\s+out|drop|discard|reject|rule\s+(?:it|this)?\s*out)|(keep|include))\b[^.!?\n]{0,20}[.!]?\s*\Z",
    re.IGNORECASE,
)
_NO_WORDS = re.compile(r"[\s|–—-]*")
_SCORE = re.compile(
    rf"({MARK})(?:\s(?:at|with|is))?[\s:=(|–—~≈\"')-]{{0,6}}(\d{{1,3}}(?:\.\d+)?)(?![\w:]|\.\d)\s*(?:%|percent)?"
)
_STARS = re.compile("★+☆*|☆+")
# "80% C, 20% B", "70% sure that it's C"
_SCORE_BEFORE = re.compile(
    rf"(\d{{1,3}}(?:\.\d+)?)\s?(?:%|percent)\s*(?:\b(?:sure|certain|confident|confidence|likely|likelihood|probability|chance|for|of|in|on|that|it's|it|is|the|he's|she's|they're|he|she|they|are)\b\s*){{0,5}}:?\s*({MARK})",
    re.IGNORECASE,
)
_LEFT = (
    r"(?:leav(?:es|ing)\s+(?:only|just|us\s+with)|(?:only|just)\s+one\b|the\s+only\s+(?:one|option|possibility)|remain(?:s|ing)\b|by\s+elimination"
    r"|by\s+exclusion|haven't\s+(?:excluded|ruled)|(?:is|what's|what\s+is)\s+left|übrig|queda|reste|只剩)"
)
_ONE_LEFT = re.compile(_LEFT, re.IGNORECASE)
_OTHERS = re.compile(
    r"\bwhat(?:'s|\s+is)\s+left\s+is\s+(?:my|the)\s+answer\b|"
    r"\b(?:the\s+)?(?:others?|rest|remaining)\b(?:\s+(one|two|three|four|five))?(?:\s+\w+){0,2}[\s,:–-]+(?:yes|are|is|do|does|all|apply|applies|hold|can\s+be)\b(?!\s*(?:not|n't))",
    re.IGNORECASE,
)
_SOME = rf"({MARK}(?:(?:[\s,;/&]|{AND}|{OR}|\b(?:nor|the)\b){{1,6}}{MARK}){{0,8}})"
_ALL_BUT = re.compile(
    rf"\b(?:all|every\w*|each|any)\b(?:\s+[\w']+){{0,10}}?\s+(?:except|but|save|apart\s+from|other\s+than|besides)(?:\s+for)?(?:\s+the)?\s+{_SOME}"
    rf"|\b(?:all\w*\s+(?:außer|bis\s+auf)|bis\s+auf|tou(?:s|tes|t)\s+sauf|sauf|tod[oa]s?\s+(?:menos|excepto|salvo)|tutt[eio]\s+tranne|todas?\s+exceto)\s+{_SOME}"
    rf"|\bexceptions?\s+(?:is|are|being)\s+{_SOME}|除了?\s*{_SOME}",
    re.IGNORECASE,
)
_IS_WRONG = re.compile(
    r"\s*(?:\([^()]{0,60}\)\s*)?(?:\s*之?外?\W*都?|(?:is|are|can|could|may)\b)?\s*(?:be\s+|all\s+)*(?:wrong|incorrect|false|ruled|excluded|eliminated|unlikely|contradict\w*|conflict\w*|clash\w*|fails?\b|falls?\b|(?:does|do)(?:n't|\s+not)\b|lacks?\b"
    r"|不|错|排除)",
    re.IGNORECASE,
)


def verdicts(marked: str) -> dict[str, bool | None]:
    """Return the options that a list of verdicts judges, and how (None: undecided); empty when it is no such list."""
    return {letter: None if grade == OPEN else grade > OPEN for letter, grade in grades(marked).items()}


def grades(marked: str) -> dict[str, int]:
    """Return the options that a list of verdicts judges, from NO to YES; empty when it is no such list."""
    judged: dict[str, int] = {}
    first = re.search(rf"[✗✘❌×✕✓✔✅☑]|{MARK}", marked)
    if first and not re.match(MARK, first[0]):
        if _UNKNOWN_TICKED.search(marked):
            return {}  # an option that is ticked by a name that was not recognized
        found = [(letters_in(match[2]), NO if match[1] else YES) for match in _TICK_BEFORE.finditer(marked)]
    else:
        found = [(letters_in(match[1]), _grade(match)) for match in _VERDICT.finditer(marked)]
    for letter, grade in found:
        if judged.setdefault(letter, grade) != grade:
            return {}
    return judged if len(judged) > 1 and set(judged) == set(letters_in(marked)) else _item_grades(marked)


def is_doubted(marked: str) -> bool:
    """Whether a marked text begins with an option and a verdict on it that is no yes: "A. happy - incorrect"."""
    found = _VERDICT.match(marked)
    return found is not None and _grade(found) <= OPEN


def _item_grades(marked: str) -> dict[str, int]:
    """Return the grades of a list with one option in each line or paragraph."""
    items = list(_ITEM.finditer(marked))
    if len(items) < 2:
        return {}
    ends = [*(item.start() for item in items[1:]), len(marked)]
    judged: dict[str, int] = {}
    for item, end in zip(items, ends, strict=True):
        letter, says = letter_of(item[1]), marked[item.end() : end]
        grade = _item_grade(says.partition("\n")[0].strip())
        if grade is None or judged.setdefault(letter, grade) != grade:
            return {}
    return judged if len(judged) > 1 and any(grade > LOW for grade in judged.values()) else {}


def _grade(found: re.Match[str]) -> int:
    return next(grade for name, grade in _GRADES if found[name])


def _item_grade(says: str) -> int | None:
    if found := _ITEM_SAYS.match(says) or _ITEM_CLOSES.search(says[-80:]):
        return _grade(found)
    if tail := _ITEM_ENDS.search(says[-80:]):
        return NO if tail[1] else YES
    return NO if _NO_WORDS.fullmatch(says) else None


def scores(marked: str, count: int) -> dict[str, float]:
    """Return the score that a reply gives each of ``count`` options; empty when it does not score each of them once.

    Percentages of all that it names are enough, and so are those of some where one has more than half.
    """
    marked = _STARS.sub(lambda match: str(match[0].count("★")), marked)
    found = [(match[1], match[2]) for match in _SCORE.finditer(marked)]
    if len(found) < len(letters_in(marked)):
        found = [(match[2], match[1]) for match in _SCORE_BEFORE.finditer(marked)] or found
    scored = {letter_of(mark): float(number) for mark, number in found}
    is_majority = bool(scored) and max(scored.values()) > 50 and 50 < sum(scored.values()) <= 100
    is_whole = len(scored) == count or ("%" in marked and (is_majority or set(scored) == set(letters_in(marked))))
    return scored if is_whole and len(found) == len(scored) > 1 else {}


def all_but(marked: str, count: int) -> tuple[str, str] | None:
    """Return the options that "all but B" takes in and leaves out, or None; "all but B are wrong" takes in B."""
    match = _ALL_BUT.search(marked)
    if match is None:
        return None
    group = match.lastindex or 0
    named = letters_in(match[group])
    rest = "".join(chr(65 + i) for i in range(count) if chr(65 + i) not in named)
    return (named, rest) if _IS_WRONG.match(marked[match.end() : match.end() + 80]) else (rest, named)


def says_one_is_left(marked: str) -> bool:
    """Whether a reply says that it has ruled out all options but one, in a sentence that names none."""
    return any(_ONE_LEFT.search(sentence) and not _ANY_MARK.search(sentence) for sentence in _SENTENCES.split(marked))


_ANY_MARK = re.compile(MARK)
_SENTENCES = re.compile(r"[.!?\n。]")


def says_others_hold(marked: str) -> int:
    """Return how many options a reply says are right without naming them; 0 for none, -1 for an unknown number."""
    match = _OTHERS.search(marked)
    return 0 if match is None else _COUNTS.get(str(match[1]).lower(), -1)


_COUNTS = {"one": 1, "two": 2, "three": 3, "four": 4, "five": 5}
