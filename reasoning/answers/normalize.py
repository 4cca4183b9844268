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


def plain_text(text: str) -> str:
    """Return a text with full-width and styled characters folded, markup dropped and a JSON answer unpacked."""
    text = unicodedata.normalize("NFKC", text).replace("’", "'").replace("‘", "'")
    text = _unpack_json(text.strip())
    text = re.sub(r"[^\S\n]+", " ", re.sub(r"[*`#“”]|</?[a-z]+>", "", text))
    return re.sub(r"\s*\n\s*", "\n", text).strip()  # long runs of spaces would make the parsers' searches slow


def _unpack_json(text: str) -> str:
    if text[:1] not in "{[":
        return text
    try:
        value = json.loads(text)
    except ValueError:
        return text
    if isinstance(value, dict):
        value = next((v for k, v in value.items() if str(k).lower() in ("answer", "answers", "option", "choice")), "")
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def fold_words(text: str) -> str:
    """Return the words of a text in lower case, without punctuation."""
    return re.sub(r"[^\w']+", " ", text.casefold()).strip()
