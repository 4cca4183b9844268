"""The shape of a reply: its wording without what it takes from the person's own words."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

_QUOTED = re.compile(r"[\"“”„«»][^\"“”„«»]*[\"“”„«»]|'[^']{3,}'(?!\w)")
_TOKEN = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*|\d+(?:[.,:]\d+)*|[.!?,;:…]")
_SLOT = "_"
_FEELINGS = frozenset(
    "sad sadness unhappy happy happiness joy joyful glad angry anger mad afraid fear scared anxious worried disgust "
    "disgusted surprise surprised neutral calm upset grief lonely hurt".split()
)
# Words that change with what they stand beside: "your name is Tom" and "you hate Mondays" are the same slot.
_BESIDE_A_SLOT = frozenset(
    "i i'm i've i'll i'd me my mine you you're you've you'll you'd your yours he she it its his her they them their we "
    "us our a an the this that these those is are was were be been am do does did has have had not no".split()
)
Shape = str


def shape_of(reply: str, heard: str) -> Shape:
    """Return the reply in lower case, with slots for quotations, numbers, feelings and the person's own words.

    Two replies from one template have one shape, whatever was said to either; two replies that a model wrote freely
    hardly ever do.

    Args:
        reply: the reply.
        heard: everything that the person said and typed.
    """
    own = {word for word in _words(heard) if word not in _BESIDE_A_SLOT and len(word) > 2}
    unquoted = _QUOTED.sub(" 0 ", reply)  # numbers become slots
    tokens = [_SLOT if _is_slot(token, own) else token for token in _words(unquoted)]
    for i in range(1, len(tokens)):
        if tokens[i] in _BESIDE_A_SLOT and tokens[i - 1] == _SLOT:
            tokens[i] = _SLOT
    for i in range(len(tokens) - 2, -1, -1):
        if tokens[i] in _BESIDE_A_SLOT and tokens[i + 1] == _SLOT:
            tokens[i] = _SLOT
    kept = [token for i, token in enumerate(tokens) if token != _SLOT or not i or tokens[i - 1] != _SLOT]
    return " ".join(kept)


def shape_counts(shapes: Sequence[Shape]) -> tuple[int, float]:
    """Return how many distinct shapes there are, and the share of the most frequent one."""
    counts = Counter(shapes)
    return len(counts), max(counts.values()) / len(shapes) if shapes else 0.0


def _words(text: str) -> list[str]:
    return [token.replace("’", "'") for token in _TOKEN.findall(text.lower())]


def _is_slot(token: str, own: set[str]) -> bool:
    return token[0].isdigit() or token in own or token in _FEELINGS
