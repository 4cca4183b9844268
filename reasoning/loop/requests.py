"""What a message asks for: an answer, or a text, list or plan that is to be written; and whether a reply has it."""

from __future__ import annotations

import re
from typing import Literal

from omnisense.text import split_sentences

Request = Literal["", "answer", "text"]

_THING = (
    r"(?:note|letter|e-?mail|message|text|reply|card|invitation|speech|toast|poem|haiku|story|limerick|song|essay"
    r"|paragraph|post|caption|review|cv|résumé|resume|summary|template|outline|draft|script|list|checklist|recipe"
    r"|plan|timetable|schedule|itinerary|menu|agenda|programme|routine|wish|apology|complaint|translation)s?\b"
)
_POLITE = (
    r"(?:(?:please|pls|plz|hey|hi|hello|ok|okay|so|and|now)[, ]+)*"
    r"(?:(?:can|could|would|will) (?:you|u) (?:please |maybe )?)?"
)
_MAKE = r"(?:write|draft|compose|sketch|outline|plan|make|give|create|prepare|draw up|list|put together|suggest)"
_BETWEEN = r"(?:[\w'-]+ ){0,6}?"  # "me a short, friendly"
# English, German, Spanish and French, the languages whose gates the loop has.
_ASKS_FOR_TEXT = re.compile(
    rf"(?:^|[.!?;,] |\n){_POLITE}(?:help me (?:to )?)?{_MAKE} {_BETWEEN}{_THING}"
    rf"|(?:^|[.!?;,] |\n){_POLITE}(?:help me (?:to )?)?"
    r"(?:(?:translate|proofread|correct|rephrase|reword|shorten|simplify|summari[sz]e|rewrite|write to)\b"
    r"|(?:write|draft) (?:me )?one\b"
    r"|plan (?:an?|my|our|the)\b)"
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
    r" (?:i|you|u|we|he|she|they|it|this|that|the|there|my|our|your|his|her)\b|does \w"
    r"|(?:explain|tell me|teach me|recommend|remind me|help me)\b)"
    r"|\b(?:do you|d'you|u) think\W*$|\bany (?:tips|advice|ideas)\b"
    r"|\b(?:are|r) (?:you|u) (?:an?|real|really|human|my|ok|okay|sure|there|able|allowed|still|even|just)\b",
    re.IGNORECASE,
)
_ANNOUNCES = re.compile(
    r"(?:sure|of course|certainly|okay|ok|yes)?\W*(?:here (?:is|are)|here's"
    r"|i(?:'ll| will| can) (?:try|help|write|make|keep|draft|create|suggest)\b)",
    re.IGNORECASE,
)
# Sentences that stand before an answer, or in place of one.
_NO_ANSWER = re.compile(
    r"\?$|^(?:i'm|i am) (?:so |very |really )?(?:sorry|glad|happy|here)\b"
    r"|^i (?:understand|hear|see|don't know|do not know)\b"
    r"|^(?:it's|it is|that's|that is) (?:\w+ )?(?:great|ok|okay|understandable|natural|normal|interesting|good"
    r"|wonderful|important|hard|difficult|tough)\b|^(?:it|that|this) (?:must|seems|sounds)\b|\blet me know\b|^thank",
    re.IGNORECASE,
)
_OPEN_ITEM = re.compile(r"\n\s*(?:\d+[.)]|[-*\u2022])\s*\**$")
_ASKS_BACK = re.compile(
    r"\b(?:what|how) (?:do|would|are) you (?:think|feel|thinking|feeling)\b|\bdo you think\b", re.IGNORECASE
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


def requested_thing(typed: str) -> str:
    """Return what is to be written, in the person's word ("note", "timetable"); ``text`` where none is found."""
    asked = _ASKS_FOR_TEXT.search(typed.replace("\u2019", "'").strip())
    thing = re.search(rf"\b{_THING}", asked.group(0), re.IGNORECASE) if asked else None
    return thing.group(0).lower() if thing else "text"


def unanswered(reply: str, request: Request) -> str:
    """Return how a reply leaves out what was asked for; empty where it does not, as far as its form shows."""
    if request == "text" and _ANNOUNCES.match(reply) and not re.search(r":\s|\n", reply):
        return "it announces what was asked for and does not write it"
    sentences = split_sentences(reply)
    answers = sum(not _NO_ANSWER.search(sentence) for sentence in sentences)
    asks_back = any(sentence.endswith("?") and _ASKS_BACK.search(sentence) for sentence in sentences)
    if request == "answer" and sentences[-1:] and sentences[-1].endswith("?") and answers < (2 if asks_back else 1):
        return "it asks back and does not answer"
    return ""


def without_open_item(reply: str) -> str:
    """Return a reply without the number or dash of a list's item that it stops at."""
    return _OPEN_ITEM.sub("", reply.strip())
