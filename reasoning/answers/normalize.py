"""Replies as plain text, before an answer is read from them."""

from __future__ import annotations

import json
import re
import unicodedata
from typing import NamedTuple


class Reading(NamedTuple):
    """A parsed value (empty: none), and the rule that found it or the reason why none did."""

    value: str
    how: str


_QUOTES = str.maketrans("’‘“”„✔✖", '\'\'"""✓✗', "\ufe0f")  # and ticks, without the mark that makes them emoji
_LATEX = re.compile(r"\\(?:boxed|text(?:bf|rm|it)?|math(?:bf|rm|it|sf)|bold|underline)\s*\{([^{}]*)\}")
_MARKUP = re.compile(r"\$+|\\[()\[\]]|[*`#【】]|</?[a-z]+>")
_STRUCK = re.compile(r"~~[^~\n]+~~")
_TICKED, _UNTICKED = re.compile(r"\[[xX✓✔]\]|☑"), re.compile(r"\[ \]|☐")
_SPACES, _LINE_END = re.compile(r"[^\S\n]{2,}|[^\S\n ]"), re.compile(r"\s*\n\s*")
_UNUSUAL_SPACES = (
    "  ",
    "\t",
    "\r",
    "\f",
    "\v",
    "\x1c",
    "\x1d",
    "\x1e",
    "\x1f",
)  # every ASCII character of space but two
_BETWEEN_WORDS = re.compile(r"[^\w']+|(?<!\w)'|'(?!\w)")
_ANSWER_KEYS = (
    "answer answers final_answer final correct_answer option selected_option selected option_letter choice selection "
    "response prediction letter 选项 答案 选择 回答 parameters count label emotion result value"
).split()


def plain_text(text: str) -> str:
    """Return a text with full-width and styled characters folded, markup dropped and a JSON answer unpacked.

    Text that is struck through is dropped, and boxes that are ticked or not become marks.
    """
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text).translate(_QUOTES)
    if "~~" in text:
        text = _STRUCK.sub(" ", text)
    if "[" in text or "☐" in text or "☑" in text:
        text = _UNTICKED.sub("✗", _TICKED.sub("✓", text))
    text = _unpack_json(text.strip())
    if "\\" in text:
        text = _LATEX.sub(r"\1", _LATEX.sub(r"\1", text))  # twice: \boxed{\text{B}}
    text = _MARKUP.sub("", text)
    return single_spaced(text).strip()  # long runs of spaces would make the parsers' searches slow


def single_spaced(text: str) -> str:
    """Return a text with one space, or one line's end, for each run of them."""
    if not text.isascii() or any(space in text for space in _UNUSUAL_SPACES):  # faster than a search for each of them
        text = _SPACES.sub(" ", text)
    return _LINE_END.sub("\n", text) if "\n" in text else text


def drop_markup(text: str) -> str:
    """Return a text with full-width characters folded and markup dropped, JSON left as it is."""
    text = unicodedata.normalize("NFKC", text).translate(_QUOTES)
    return re.sub(r"\s+", " ", _MARKUP.sub("", text)).strip()


def _unpack_json(text: str) -> str:
    """Return the answer of a JSON reply, or of a JSON object in one; a text that holds neither as it is."""
    start, end = (
        min((i for i in (text.find("{"), text.find("[")) if i >= 0), default=-1),
        max(text.rfind("}"), text.rfind("]")),
    )
    if start < 0 or end < start:
        return text
    is_whole = start == 0 and end == len(text) - 1
    try:
        value = json.loads(text[start : end + 1])
    except (ValueError, RecursionError):
        quoted = _PYTHON_ANSWER.fullmatch(text)  # as Python prints a dictionary
        return quoted[1] if quoted else text
    if not is_whole and isinstance(value, list) and not all(isinstance(item, str) for item in value):
        return text  # a box, or a range of time
    answer = _answer_in(value)
    if answer is None:
        return text if not is_whole or not isinstance(value, dict) else ""
    return answer


_PYTHON_ANSWER = re.compile(r"\{\s*'(?:final_)?answers?'\s*:\s*'([^']*)'\s*\}")


def _answer_in(value: object) -> str | None:
    """Return the answer in a JSON value; None when no key of it says that it is one."""
    if isinstance(value, dict):
        key = next((key for key in value if str(key).lower().replace(" ", "_") in _ANSWER_KEYS), None)
        only = next(iter(value.values())) if key is None and len(value) == 1 else None
        if isinstance(only, dict):
            return _answer_in(only)
        if isinstance(only, str) and len(only) <= _SHORT:
            return only
        if key is None and value and all(isinstance(v, bool | int | float) or _is_verdict(v) for v in value.values()):
            return "\n".join(f"{name}: {verdict}" for name, verdict in value.items())  # a verdict or score for each
        lists = [v for v in value.values() if isinstance(v, list)]
        numbers = [v for v in value.values() if isinstance(v, int | float) and not isinstance(v, bool)]
        if key is None and len(numbers) == 1 and any(_COUNT_KEY.match(str(name)) for name in value):
            return str(numbers[0])
        if key is None and (verdict := _only_verdict(value)) is not None:
            return verdict
        if key is None:
            return _as_text(lists[0]) if len(lists) == 1 and all(isinstance(item, str) for item in lists[0]) else None
        found = value[key]
        return _answer_in(found) if isinstance(found, dict) else _as_text(found)
    if isinstance(value, list) and value and all(isinstance(v, dict) for v in value):
        answers = [_answer_in(v) for v in value]
        return None if None in answers else ", ".join(map(str, answers))
    return _as_text(value) if isinstance(value, list) else None


_SHORT = 40  # characters of an answer under a key of any name
_COUNT_KEY = re.compile(r"(?:num|number|count|total|how_many)", re.IGNORECASE)
_SURENESS = re.compile(r"certain|sure|confiden|uncertain", re.IGNORECASE)


def _only_verdict(value: dict[str, object]) -> str | None:
    """Return the one yes or no in a JSON object without a key that calls it the answer; None when there is not one."""
    verdicts = [
        v for name, v in value.items() if str(v).strip(" .").lower() in _YES_OR_NO and not _SURENESS.search(name)
    ]
    return str(verdicts[0]) if len(verdicts) == 1 else None


def _is_verdict(value: object) -> bool:
    return isinstance(value, str) and value.strip(" .").lower() in _YES_OR_NO


_YES_OR_NO = ("yes", "no", "true", "false")


def _as_text(value: object) -> str:
    if value is None:
        return ""
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def fold_words(text: str) -> str:
    """Return the words of a text in lower case, without punctuation."""
    return " ".join(_BETWEEN_WORDS.sub(" ", text.casefold()).split())
