"""The answer contract: what a reply says, and how that was read off it, or why nothing could be.

The evaluation scorer and the training reward both call :func:`parse`. Where a reply can be read in two ways it is not
read at all: a model earns nothing by naming several answers where one is asked for, nor by prose that happens to begin
with a letter.
"""

from __future__ import annotations

import functools
import json
import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from omnisense.reasoning.answers import boxes
from omnisense.reasoning.answers.question import BOXED, UNSCORED, Kind, strip_letter

PARSER_VERSION = 2  # raise it when any reply comes to be read otherwise; every record carries it


@dataclass(frozen=True)
class Answer:
    """What was read off a reply.

    Attributes:
        value: ``B``; ``AC`` (letters in order); ``3``; ``yes`` or ``no``; boxes as JSON (fractions of the picture);
            empty when nothing could be read.
        how: the rule that read it, or the reason why none did.
        thinking: what stood in the think tags.
    """

    value: str
    how: str
    thinking: str = ""


class _Read(NamedTuple):
    value: str
    how: str


def parse(reply: str, kind: Kind, options: Sequence[str] = (), form: str = "") -> Answer:
    """Read the answer off a reply.

    Args:
        reply: as the model wrote it: bare, in a sentence, or as ``<think>...</think><answer>...</answer>``.
        kind: what was asked for.
        options: the question's, each with its letter in front.
        form: for boxes, how they were to be written.

    Never raises for any text.
    """
    if kind in BOXED:
        reply = reply.replace("<|box_start|>", "<box_start>")  # what follows it is in thousandths
    thinking, answers, where = _split(reply, str.strip if kind in BOXED else _plain)
    if not answers:
        return Answer("", where, thinking)
    read = [_boxes(t, kind, form) if kind in BOXED else _read(t, kind, tuple(options)) for t in answers]
    if len({r.value for r in read}) > 1:
        return Answer("", f"{len(read)} answers that differ", thinking)
    return Answer(read[0].value, f"{where}{read[0].how}", thinking)


def is_think_then_answer(reply: str) -> bool:
    """Whether a reply is exactly one think block and then one answer block, with nothing else but space."""
    return bool(_WELL_FORMED.fullmatch(reply)) and len(_TAG.findall(reply)) == 4


# --- from a reply to the text of its answer -------------------------------------------------------------------------

_WELL_FORMED = re.compile(r"\s*<think>.*?</think>\s*<answer>.*?</answer>\s*", re.DOTALL)
_TAG = re.compile(r"<\s*/?\s*(?:think|answer)\s*>", re.IGNORECASE)
_THINK = re.compile(r"<\s*think(?:ing)?\s*>(.*?)<\s*/\s*think(?:ing)?\s*>", re.DOTALL | re.IGNORECASE)
_THINK_OPEN = re.compile(r"<\s*think(?:ing)?\s*>", re.IGNORECASE)
_THINK_CLOSE = re.compile(r"<\s*/\s*think(?:ing)?\s*>", re.IGNORECASE)
_ANSWER = re.compile(r"<\s*answer\s*>(.*?)(?=<\s*/?\s*answer\s*>|\Z)", re.DOTALL | re.IGNORECASE)
_BOXED = re.compile(r"\\boxed\s*\{(?:\\text\s*\{)?([^{}]*)\}")
_SPECIAL = re.compile(r"<\|[^|<>]*\|>|</?s>|```(?:json)?")


def _split(reply: str, clean: Callable[[str], str]) -> tuple[str, list[str], str]:
    """The thinking, the texts that hold an answer, and where they stood (or why there are none)."""
    text = _SPECIAL.sub(" ", reply)
    thinking = "\n".join(part.strip() for part in _THINK.findall(text))
    text = _THINK.sub(" ", text)
    if closing := _THINK_CLOSE.search(text):  # a chat template may have written the opening tag itself
        thinking, text = f"{thinking}\n{text[: closing.start()]}".strip(), text[closing.end() :]
    elif opening := _THINK_OPEN.search(text):
        asked = _ANSWER.search(text, opening.end())
        if asked is None:
            return text[opening.end() :].strip(), [], "the thinking never ends"
        thinking, text = text[opening.end() : asked.start()].strip(), text[asked.start() :]
    if _ANSWER.search(text):
        found = [part for part in map(clean, _ANSWER.findall(text)) if part]
        return thinking, found, "answer tag: " if found else "the answer tag is empty"
    if boxed := [part for part in map(clean, _BOXED.findall(text)) if part]:
        return thinking, boxed, "boxed: "
    said = clean(text)
    return thinking, [said] if said else [], "" if said else "the reply is empty"


def _plain(text: str) -> str:
    """Full-width and styled characters folded, markup dropped, a JSON answer unpacked."""
    text = unicodedata.normalize("NFKC", text).replace("’", "'").replace("‘", "'")
    text = _unpacked(text.strip())
    text = re.sub(r"[^\S\n]+", " ", re.sub(r"[*`#“”]|</?[a-z]+>", "", text))
    return re.sub(r"\s*\n\s*", "\n", text).strip()  # long runs of space would make the searches below slow


def _unpacked(text: str) -> str:
    if text[:1] not in "{[":
        return text
    try:
        value = json.loads(text)
    except ValueError:
        return text
    if isinstance(value, dict):
        value = next((v for k, v in value.items() if str(k).lower() in ("answer", "answers", "option", "choice")), "")
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _read(text: str, kind: Kind, options: tuple[str, ...]) -> _Read:
    if kind in UNSCORED:
        return _Read(text, "the reply")
    if kind == "number":
        return _number(text)
    if kind == "yes_no":
        return _yes_no(text)
    known = _texts(options)
    read = _one(text, known) if kind == "one" else _several(text, known)
    beyond = [letter for letter in read.value if ord(letter) - 65 >= len(options)]
    return _Read("", f"'{beyond[0]}' is not among the options") if options and beyond else read


def _boxes(text: str, kind: Kind, form: str) -> _Read:
    found = boxes.read(unicodedata.normalize("NFKC", text), form)
    if kind == "box" and len(found.boxes) > 1:
        return _Read("", f"{len(found.boxes)} boxes where one is asked for")
    return _Read(boxes.dump(found.boxes) if found.boxes else "", found.how)


# --- letters --------------------------------------------------------------------------------------------------------

_LEADING = re.compile(
    r"""[("'\[{<]*\s*(?:option|choice|letter)?\s*([A-Z])\s*(?:(?:[)\]}>"]|'(?!\w))+\s*[.:,、-]?|[.:,、;-])\s*(.*)""",
    re.IGNORECASE | re.DOTALL,
)
_MARKER = re.compile(r"(?:^|(?<=[\s,;&(\[]))[(\[]?([A-Z])(?:[)\]:]|\.(?!\w)|\.(?=[A-Z][a-z]))")
_LINE = re.compile(r"^\s*[-•]?\s*[(\[]?([A-Z])[)\].:]", re.MULTILINE)
_HEDGE = r"(?:(?:that|probably|most|likely|clearly|therefore|definitely|option|choice|letter|be)\s+){0,4}"
_GO_ON = (
    r"(?=\s*(?:[^\w\s']|$)|\s+(?:because|since|as|which|for|and|but|is|was|would|given|due|based"
    r"|seems|looks|sounds|appears|fits|may|might|could|can|must|has)\b)"
)
_UPPER = rf"[(\[\"'<]*(?:([B-Z])(?![\w'])|(A){_GO_ON}|([a-z])(?=[)\].\"']|\s*$))"
_STATES = re.compile(
    rf"(?:(final)\s+)?(?:answer|choice|option|selection|response|conclusion|答案|选择?)s?\s*"
    rf"(?:is|are|would|should|must|:|=|->|→|是|为|\s){{0,9}}\s*{_HEDGE}{_UPPER}"
    rf"|\b(?:choose|pick|select|go\s+with|vote\s+for|i'd\s+say|i\s+say|it's|it\s+is|it\s+must\s+be|that's)\s+"
    rf"{_HEDGE}{_UPPER}"
    r"|(?<![\w'])[(\[\"']?([A-Z])[)\]\"']?\s+(?:is|seems|looks|appears|would\s+be|must\s+be)\s+(?:to\s+be\s+)?(?:the\s+)?"
    r"(?:most\s+|best\s+)?(?:correct|right|answer|best|likely|suitable|appropriate|accurate)\b",
    re.IGNORECASE,
)
_AND_MORE = re.compile(rf"[)\]\"']*\s*(?:,|/|&|\bor\b|\band\b)\s*(?:option\s+)?[(\[]?(?:([B-Z])(?![\w'])|(A){_GO_ON})")
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


def _one(text: str, known: tuple[str, ...]) -> _Read:
    if bare_letter := re.fullmatch(r"\W*([A-Za-z])\W*", text, re.ASCII):
        return _Read(bare_letter[1].upper(), "a bare letter")
    exact = [i for i, option in enumerate(known) if option and option == _norm(text)]
    if len(exact) == 1:
        return _Read(_letter(exact[0]), "the option's text")
    spelled = _compact(text)
    if len(spelled) > 1:
        return _Read("", f"several letters where one is asked for ({spelled})")
    if len(spelled) == 1:
        return _Read(spelled, "a bare letter")
    stated, led = _stated(text), _led(text, known)
    if len(stated) == 1 and (not led.value or led.value == stated[0]):
        return _Read(stated[0], "a statement")
    if stated:
        return _Read("", f"it names {' and '.join(dict.fromkeys([*stated, led.value or stated[0]]))}")
    return led if led.how else _mentioned_once(text, known)


def _led(text: str, known: tuple[str, ...]) -> _Read:
    """A reply that begins with its letter: ``B. sad``, ``(c)``, ``D, because ...``. ``how`` is empty if it does not."""
    lead = _LEADING.match(text)
    if lead is None:
        return _Read("", "")
    letter, rest = lead[1].upper(), lead[2]
    others = {m[1] for m in _LINE.finditer(text)} | {m[1] for m in _MARKER.finditer(text)}
    if others - {letter}:
        return _Read("", f"several letters where one is asked for ({''.join(sorted(others | {letter}))})")
    if re.match(r"(?:and|or|&|/)?\s*[(\[]?[A-Z](?:\W*$|\W*[,/&]|\W+(?:and|or)\b)", rest):
        return _Read("", "several letters where one is asked for")
    says = [i for i, option in enumerate(known) if option and option == _norm(rest)]
    if says and ord(letter) - 65 not in says:
        return _Read("", f"the letter {letter} with the text of {_letter(says[0])}")
    return _Read(letter, "a leading letter")


def _stated(text: str) -> list[str]:
    """Letters that the reply states as its answer; those called final stand for all."""
    found = []
    for match in _STATES.finditer(text):
        letter, after = next(group for group in match.groups()[1:] if group).upper(), text[match.end() :]
        if not (_BEFORE_NOT.search(text[: match.start()][-30:]) or _AFTER_NOT.match(after)):
            found.append((letter, bool(match[1])))
            if (more := _AND_MORE.match(after)) and not _AFTER_NOT.match(after[more.end() :]):
                found.append((more[1] or more[2], bool(match[1])))
    final = [letter for letter, is_final in found if is_final]
    return list(dict.fromkeys(final or [letter for letter, _ in found]))


def _mentioned_once(text: str, known: tuple[str, ...]) -> _Read:
    letters, texts = _mentioned(text), _contained(text, known)
    if len(letters) == 1 and (not texts or texts == letters):
        return _Read(letters, "the only letter named")
    if len(texts) == 1 and not letters:
        return _Read(texts, "the only option's text in it")
    if letters and texts:
        return _Read("", f"it names {letters} and the text of {texts}")
    named = letters or texts
    return _Read("", f"it names {' and '.join(named)}" if named else "no option is named")


def _several(text: str, known: tuple[str, ...]) -> _Read:
    exact = [i for i, option in enumerate(known) if option and option == _norm(text)]
    if len(exact) == 1:
        return _Read(_letter(exact[0]), "the option's text")
    spelled = _compact(text)
    if spelled:
        return _Read(spelled, "bare letters")
    if known and re.match(
        r"(?i)\W*all(?:\W+(?:of|four|the|above|options?|choices?|are|correct|them|these))*\W*$", text
    ):
        return _Read("".join(map(_letter, range(len(known)))), "all of them")
    listed = re.search(
        r"(?i)\banswers?\b(?:\s+(?:is|are|would\s+be|include)|\s*[:=])+\s*(?:options?\s+)?"
        r"((?-i:[(\[]?[A-Z][)\]]?(?![\w'])(?:\s*(?:,|;|/|&|and|or)\s*|\s)*)+)",
        text,
    ) or re.match(r"((?:[(\[]?[A-Z][)\]]?(?![\w'])\s*(?:,\s*and|,|;|/|&|and)\s*)+[(\[]?[A-Z][)\]]?)(?![\w'])", text)
    if listed and (letters := _compact(listed[1])):
        return _Read(letters, "a list of letters")
    marked = {m[1] for m in _LINE.finditer(text)} | {m[1] for m in _MARKER.finditer(text)}
    if marked:
        return _Read("".join(sorted(marked)), "letters in front of options")
    letters, texts = _mentioned(text), _contained(text, known)
    if letters or texts:
        return _Read(letters or texts, "the letters named" if letters else "options' texts in it")
    return _Read("", "no option is named")


def _compact(text: str) -> str:
    """The letters of a reply that holds nothing else: ``AC``, ``a, c``, ``(A) and (C)``; else empty."""
    words = _JOINERS.sub(" ", text).split()
    joined = "".join(words)
    alone = all(len(word) == 1 for word in words) or (len(words) == 1 and len(set(joined.lower())) == len(joined) <= 5)
    if not alone or not re.fullmatch(r"[A-Z]+|[a-h]+", joined) or (len(words) == 1 and max(joined.upper()) > "H"):
        return ""
    return "".join(sorted(set(joined.upper())))


def _mentioned(text: str) -> str:
    """Letters that stand alone as letters and are not denied: not the article in ``A man smiles``."""
    named = set()
    for match in re.finditer(rf"(?<![\w'])(?:([B-HJ-Z])(?![\w'])|(A){_GO_ON})", text):
        if not (_BEFORE_NOT.search(text[: match.start()][-30:]) or _AFTER_NOT.match(text[match.end() :])):
            named.add(match[1] or match[2])
    return "".join(sorted(named))


def _contained(text: str, known: tuple[str, ...]) -> str:
    """Options whose text stands in the reply, not as part of a longer option's, and is not denied."""
    said = f" {_norm(text)} "
    named = ""
    for i, option in sorted(enumerate(known), key=lambda pair: -len(pair[1])):
        at = said.find(f" {option} ") if option else -1
        if at >= 0:
            if not _BEFORE_NOT.search(said[: at + 1]):
                named += _letter(i)
            said = said[:at] + " | " + said[at + len(option) + 2 :]
    return "".join(sorted(named))


@functools.lru_cache(maxsize=1024)
def _texts(options: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(_norm(strip_letter(unicodedata.normalize("NFKC", option))) for option in options)


def _norm(text: str) -> str:
    return re.sub(r"[^\w']+", " ", text.casefold()).strip()


def _letter(index: int) -> str:
    return chr(65 + index)


# --- numbers, yes and no --------------------------------------------------------------------------------------------

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


def _number(text: str) -> _Read:
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
        return _Read("", f"it names several numbers ({', '.join(sorted(values))})")
    if not values:
        return _Read("", "no number is named")
    value = values.pop()
    return _Read(value, "a number") if value.isdigit() else _Read("", f"{value} is not a whole number from 0 on")


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


def _yes_no(text: str) -> _Read:
    yes = [m for m in _YES.finditer(text) if not text[: m.start()].endswith("不")]
    no = list(_NO.finditer(text))
    if bool(yes) != bool(no):
        return _Read("yes", "a yes") if yes else _Read("no", "a no")
    if not yes:
        return _Read("", "neither yes nor no")
    # Both occur: "Yes, there is no smile" says yes; "Yes. No." and "yes or no" say nothing.
    alone = {name for name, found in (("yes", yes), ("no", no)) for m in found if _stands_alone(text, m)}
    if len(alone) == 1:
        return _Read(alone.pop(), "the one that stands alone")
    return _Read("", "both yes and no")


def _stands_alone(text: str, match: re.Match[str]) -> bool:
    before, after = text[: match.start()].rstrip(" \"'("), text[match.end() :]
    opens = not before or before[-1] in ".:;,!?\n=" or before.lower().endswith((" is", "answer"))
    return opens and bool(re.match(r"[\"')]*\s*(?:[.,;:!\n-]|$)", after))
