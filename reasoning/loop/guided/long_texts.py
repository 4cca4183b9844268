"""What shows that a long text was read."""

from __future__ import annotations

import re

from omnisense.reasoning.loop.guided.noun_phrases import noun_phrases
from omnisense.reasoning.loop.guided.parts import listed

READ = "I have read all of it."
_OF_WRITING = frozenset("text message one tablet phone keyboard story wall".split())
_MOST = 2


def read_about(text: str) -> str:
    """Return that a text was read, with what of the person's own it comes back to ("your mother").

    Args:
        text: of the person.
    """
    words = text.lower()
    heads = {thing: thing.split()[-1].lower() for thing in noun_phrases(text) if thing.startswith("your ")}
    again = [thing for thing, head in heads.items() if len(re.findall(rf"\b{re.escape(head)}\b", words)) > 1]
    kept = [thing for thing in again if heads[thing] not in _OF_WRITING][:_MOST]
    return f"{READ.rstrip('.')}, about {listed(kept)}." if kept else READ
