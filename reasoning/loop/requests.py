"""What a message asks for: an answer, or a text, list or plan that is to be written."""

from __future__ import annotations

import re
from typing import Literal

Request = Literal["", "answer", "text"]

_THING = (
    r"(?:note|letter|e-?mail|message|text|reply|card|invitation|speech|toast|poem|haiku|story|limerick|song|essay"
    r"|paragraph|post|caption|review|cv|résumé|resume|summary|template|outline|draft|script|list|checklist|recipe"
    r"|plan|timetable|schedule|itinerary|menu|agenda|programme|routine|wish|apology|complaint|translation)s?\b"
)
_POLITE = (
    r"(?:(?:please|hey|hi|hello|ok|okay|so|and|now)[, ]+)*"
    r"(?:(?:can|could|would|will) (?:you|u) (?:please |maybe )?)?"
)
_MAKE = r"(?:write|draft|compose|sketch|outline|plan|make|give|create|prepare|draw up|list|put together|suggest)"
_BETWEEN = r"(?:[\w'-]+ ){0,6}?"  # "me a short, friendly"
# English, German, Spanish and French, the languages whose gates the loop has.
_ASKS_FOR_TEXT = re.compile(
    rf"(?:^|[.!?;,] |\n){_POLITE}(?:help me (?:to )?)?{_MAKE} {_BETWEEN}{_THING}"
    rf"|(?:^|[.!?;,] |\n){_POLITE}(?:help me (?:to )?)?"
    r"(?:translate|proofread|rephrase|reword|summari[sz]e|rewrite)\b"
    rf"|(?:^|[.!?;,] |\bi(?:'d| would)? )(?:really |just )?(?:need|want|like|love) (?:an? |some )?{_BETWEEN}{_THING}"
    rf"|\b(?:can|could|would|will) (?:you|u) (?:please )?(?:help me (?:to )?)?{_MAKE} {_BETWEEN}{_THING}"
    r"|\b(?:schreib|schreibe|schreiben sie|formulier|formuliere|übersetze?|erstelle?)\b"
    r"|\b(?:escríbeme|escribe|escriba|redacta|tradúceme|traduce|haz una lista)\b"
    r"|\b(?:écris|écrivez|rédige|rédigez|traduis|traduisez|fais une liste)\b",
    re.IGNORECASE,
)
# Without a question mark, as people chat: "why do we yawn", "how do i say no".
_ASKS = re.compile(
    r"\?|(?:^|[.!;] |, |\n)(?:(?:so|and|but|ok|okay|hey|also|or) )?(?:"
    r"(?:what|who|where|when|which|why|how)(?:'s|s)? (?:\w+ ){0,2}?"
    r"(?:is|are|was|were|do|does|did|can|could|should|would|will|shall|has|have|many|much|long)\b"
    r"|(?:do|does|did|can|could|should|shall|would|will|is|are|was|were)"
    r" (?:i|you|u|we|he|she|they|it|this|that|the|there|my|our|your|his|her)\b"
    r"|(?:explain|tell me|teach me|recommend|remind me|help me)\b)"
    r"|\b(?:do you|d'you|u) think\W*$|\bany (?:tips|advice|ideas)\b",
    re.IGNORECASE,
)


def request_of(typed: str) -> Request:
    """Return what a message asks for.

    Args:
        typed: what the person typed.

    Returns:
        ``text`` where something is to be written or planned, ``answer`` where there is any other question, and an empty
        string where nothing is asked.
    """
    plain = typed.replace("\u2019", "'").strip()
    if _ASKS_FOR_TEXT.search(plain):
        return "text"
    return "answer" if _ASKS.search(plain) else ""
