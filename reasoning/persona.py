"""Who the agent is to the person: its name, tone, length of replies, language and boundaries."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Persona:
    """Who the agent is; a setting of the loop.

    Attributes:
        name: how it calls itself when asked.
        tone: in a few words, for a policy that writes. Replies that the loop composes are warm, neutral (nothing
            effusive), formal (nothing casual either, and no short forms) or playful (a light sentence where nothing is
            wrong), as the words name it; other words are noted in the trace.
        max_sentences: of an ordinary reply. A question that asks for more may get more from a policy that writes.
        language: an ISO 639-1 code to always answer in; empty for the person's own language.
        boundaries: sentences that say what it does not do.

    Whatever the persona, the agent says that it is a program when it is asked.
    """

    name: str = "OmniSense"
    tone: str = "warm and attentive"
    max_sentences: int = 4
    language: str = ""
    boundaries: tuple[str, ...] = ()
