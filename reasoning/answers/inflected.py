"""Find the option whose words a short reply gives in another form or misspelled: "suprised" for "surprise"."""

from __future__ import annotations

import functools
import re

from omnisense.reasoning.answers.normalize import fold_words
from omnisense.reasoning.answers.option_marks import option_texts

_MOST_WORDS = 25  # a longer reply describes, and a word of an option's family in it says little
_SHORTEST = 4  # letters of a stem that may be misspelled
_SUFFIXES = re.compile(
    r"(?:fulness|iness|ness|ment|ation|ition|ingly|edly|fully|ing|ied|ed|dom|ity|ful|ously|ous|ly|ies|es|s|y|e|i)$"
)
_SMALL_WORDS = frozenset(
    "a an the he she it they he's she's it's they're his her their its is are was were be been being am to of in on at "
    "with for by as and or that this there i i'm you person man woman people someone speaker very feels feel feeling "
    "seems looks".split()
)
_MODAL = frozenset("would could might may if whether".split())  # what may be so is no answer
_NEGATIONS = frozenset(
    "not no never isn't doesn't don't didn't aren't wasn't can't cannot without nor neither hardly nicht kein keine "
    "keinen pas".split()
)


def only_option_worded(text: str, options: tuple[str, ...]) -> str:
    """Return the letter of the only option all of whose words are in a short reply; empty when there is none.

    Args:
        text: without markup.
        options: of the question, each with its letter.
    """
    words = fold_words(text).split()
    if not words or len(words) > _MOST_WORDS or not _MODAL.isdisjoint(words):
        return ""
    denies = not _NEGATIONS.isdisjoint(words)
    said = [_stem(word) for word in words]
    found = {}
    for index, option in enumerate(option_texts(options)):
        stems = _content(option)
        if stems and all(any(_is_close(stem, word) for word in said) for stem in stems):
            found[chr(65 + index)] = (stems, not _NEGATIONS.isdisjoint(option.split()))
    most = max((len(stems) for stems, _ in found.values()), default=0)
    longest = [letter for letter, (stems, _) in found.items() if len(stems) == most]
    if len(longest) != 1 or found[longest[0]][1] != denies:
        return ""
    own = found[longest[0]][0]
    return longest[0] if all(stems <= own for stems, _ in found.values()) else ""


# "she points at the door, not waving"
_RIVAL = re.compile(r"[,;]\s*(?:and\s+|but\s+)?(?:not|rather\s+than|instead\s+of)\s+[^.,;!?\n]+", re.IGNORECASE)
_CLAUSE_END = re.compile(r"(?<=[.;!?\n])")


def drop_denied(text: str, options: tuple[str, ...]) -> str:
    """Return a text without its clauses that deny something; empty where it has none, or an option is one.

    Args:
        text: without markup.
        options: of the question, each with its letter.
    """
    if any(not _NEGATIONS.isdisjoint(option.split()) for option in option_texts(options)):
        return ""
    clauses = _CLAUSE_END.split(_RIVAL.sub("", text))
    kept = "".join(clause for clause in clauses if _NEGATIONS.isdisjoint(fold_words(clause).split()))
    return "" if kept == text else kept


@functools.lru_cache(maxsize=4096)
def _content(option: str) -> frozenset[str]:
    """Return the stems of an option's words that are not mere grammar."""
    return frozenset(_stem(word) for word in option.split() if word not in _SMALL_WORDS and word not in _NEGATIONS)


@functools.lru_cache(maxsize=16384)
def _stem(word: str) -> str:
    stem = _SUFFIXES.sub("", word)
    if len(stem) < 3:
        return word
    return stem[:-1] if len(stem) > 3 and stem[-1] == stem[-2] else stem  # sadd(ened)


def _is_close(stem: str, word: str) -> bool:
    """Whether a word is a stem, or a longer one with the same first letter that one edit makes it."""
    if stem == word:
        return True
    if min(len(stem), len(word)) < _SHORTEST or stem[0] != word[0] or abs(len(stem) - len(word)) > 1:
        return False
    shared = 0
    while shared < min(len(stem), len(word)) and stem[shared] == word[shared]:
        shared += 1
    rest, other = stem[shared:], word[shared:]
    return rest[1:] == other[1:] or rest[1:] == other or rest == other[1:]
