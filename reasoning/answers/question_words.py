"""What a question in German, French, Spanish or Chinese asks about, by its words (``question_words.toml``).

The sentence embedding that matches English questions reads English only.
"""

from __future__ import annotations

import functools
import re
import tomllib
from pathlib import Path
from typing import NamedTuple

from omnisense.reasoning.language import detect_language

_FILE = Path(__file__).with_name("question_words.toml")
_APART = ("asks", "time")  # entries of a language that are no topics
_WITHOUT_SPACES = ("zh",)  # languages whose words no space parts
_MAX_CHARACTERS = 2000  # of a question; those that count for its language too
# Plain English words that are none of the languages with a list ("was", "hat", "her" and "on" are).
_ENGLISH = re.compile(
    r"\b(?:the|what|who|whose|how|does|do|did|when|where|which|why|of|there|she|he|they|his|their|is|are|were|you|your"
    r"|and|with|to|woman|speaker|at|for|this|that|these|those|it|its|about|from|have|had|been|my|we|our)\b"
)


class WordsMatch(NamedTuple):
    """What a question's words tell.

    Attributes:
        topic: of the question, or ``none``.
        time: the part of the clip that is asked about, or ``none``.
    """

    topic: str
    time: str


def match_words(text: str) -> WordsMatch | None:
    """Return the topic and the part of the clip; None for a question in English or in a language without a list.

    Short questions hardly show their language: without a plain English word, the lists' question words tell it.

    Args:
        text: the question without its options; the first 2,000 characters count.
    """
    plain = text[:_MAX_CHARACTERS].lower().replace("\u2019", "'")
    # "Qué" and "quién" alone look French; no other language writes the mark.
    lists, detected = _lists(), "es" if "\u00bf" in plain else detect_language(text)
    language = detected
    if language not in lists:
        if _ENGLISH.search(plain):
            return None
        language = next((code for code, patterns in lists.items() if patterns["asks"].search(plain)), "")
    if not language:
        return None
    patterns = lists[language]
    topic = next((name for name, words in patterns.items() if _is_topic(name) and words.search(plain)), "none")
    if topic == "none" and language != detected:
        return None
    time = next(
        (name[5:] for name, words in patterns.items() if name.startswith("time.") and words.search(plain)), "none"
    )
    return WordsMatch(topic, time)


def _is_topic(name: str) -> bool:
    return name != "asks" and not name.startswith("time.")


@functools.cache
def _lists() -> dict[str, dict[str, re.Pattern[str]]]:
    """Return the patterns by language and name; those of times are named ``time.end``."""
    found: dict[str, dict[str, re.Pattern[str]]] = {}
    for language, entries in tomllib.loads(_FILE.read_text("utf-8")).items():
        named = {name: words for name, words in entries.items() if name not in _APART}
        named |= {f"time.{name}": words for name, words in entries["time"].items()} | {"asks": [entries["asks"]]}
        found[language] = {name: _compile(words, language) for name, words in named.items()}
    return found


def _compile(words: list[str], language: str) -> re.Pattern[str]:
    """Return one pattern of several, which matches whole words where spaces part them."""
    either = "|".join(f"(?:{w})" for w in words)
    return re.compile(either if language in _WITHOUT_SPACES else rf"(?<!\w)(?:{either})(?!\w)")
