"""Stems of words: without their endings, one for all words of a family, and whether a word is a misspelled one."""

from __future__ import annotations

import functools
import re

from omnisense.reasoning.answers.word_families import FAMILY_OF, UNSPACED_FAMILY_OF

_SHORTEST_MISSPELLED = 5  # letters; one edit makes another word of a shorter one ("fear", "fair")
_SHORTEST_SWAPPED = 7  # letters; "quite" is no misspelled "quiet"
_SUFFIXES = re.compile(
    r"(?:fulness|iness|ness|atious|etic|ment|iously|ious|ation|ition|ion|ingly|edly|fully|ing|ied|ed|dom|ity|ful|ously|ous|ly|ies|es|s|y|e|i)$"
)


@functools.lru_cache(maxsize=16384)
def stem_of(word: str) -> str:
    """Return the word's family, or the word without its ending."""
    word = word.removesuffix("'s")
    return FAMILY_OF.get(word) or UNSPACED_FAMILY_OF.get(word) or without_ending(word)


@functools.lru_cache(maxsize=16384)
def without_ending(word: str) -> str:
    """Return a word without its ending, or as it is where too little is left."""
    kept = _SUFFIXES.sub("", word)
    if len(kept) < 3:
        return word
    return kept[:-1] if len(kept) > 3 and kept[-1] == kept[-2] else kept  # stopp(ed)


@functools.lru_cache(maxsize=16384)
def is_misspelled(stem: str, word: str) -> bool:
    """Whether one edit, not of the first letter, makes a word of a stem; a longer one may have two letters swapped."""
    if min(len(stem), len(word)) < _SHORTEST_MISSPELLED or abs(len(stem) - len(word)) > 1:
        return False
    shared = 0
    while shared < min(len(stem), len(word)) and stem[shared] == word[shared]:
        shared += 1
    rest, other = stem[shared:], word[shared:]
    if len(stem) >= _SHORTEST_SWAPPED and rest[:2] == other[1::-1] and rest[2:] == other[2:]:
        return True
    return rest[1:] == other[1:] or rest[1:] == other or rest == other[1:]
