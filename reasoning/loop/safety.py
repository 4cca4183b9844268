"""The safety gate, before and after the reasoning.

Before: signs of risk in what was said or typed lead to a caring reply with a pointer to help and an ``escalate`` flag
for the host application, and the language model is not asked. After: a reply that gives method details, urges harm or
denies help is replaced. The signs are patterns in English: they catch plain statements, not hints, and a host that
needs more adds its own check before calling the agent. Words in a clip are evidence, never instructions; attempts to
command the agent are noted.
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple


@dataclass(frozen=True)
class Safety:
    """The gate's finding. ``category`` is empty when nothing was found; ``matched`` quotes what was."""

    category: str = ""
    matched: str = ""
    escalate: bool = False
    injection: str = ""
    reply_replaced: str = ""

    def to_dict(self) -> dict[str, Any]:
        """As plain values."""
        return asdict(self)


class _Sign(NamedTuple):
    category: str
    pattern: re.Pattern[str]


def _signs(category: str, *patterns: str) -> list[_Sign]:
    return [_Sign(category, re.compile(pattern, re.IGNORECASE)) for pattern in patterns]


_SELF = r"(my ?self|my (own )?life|me)"
_SIGNS = [
    *_signs(
        "medical emergency",
        r"\b(having|had|think it'?s) a (heart attack|stroke|seizure)\b",
        r"\b(can'?t|cannot|can not|struggling to|hard to) breathe\b",
        r"\bchest (pain|hurts)\b",
        r"\b(took|swallowed|taken) (too many|a lot of|all (of )?(my|the)) (pills|tablets|medicine)\b",
        r"\b(overdos(ed|ing)|unconscious|won'?t stop bleeding|not breathing)\b",
    ),
    *_signs(
        "self-harm",
        rf"\b(kill|hurt|harm|cut|cutting|hang|drown|shoot) (of )?{_SELF}\b",
        r"\bkilling myself\b",
        r"\b(end|ending|take|taking) (it all|my (own )?life)\b",
        r"\bsuicid(e|al)\b",
        r"\b(want|wanted|wish|ready|going) to (die|be dead|not exist)\b",
        r"\bwish i (was|were) dead\b",
        r"\b(don'?t|do not) want to (live|be alive|be here) ?(any ?more|any longer)?\b",
        r"\bbetter off (dead|without me)\b",
        r"\bno (reason|point) (to|in) (live|living|going on)\b",
    ),
    *_signs(
        "harm to others",
        r"\b(kill|murder|shoot|stab|poison|strangle) (him|her|them|you|my|the|everyone|people|that|those)\b",
        r"\b(going|want|plan|planning) to (hurt|attack|bomb|burn) (him|her|them|my|the|everyone|people|that)\b",
        r"\b(make|build) (a|an) (bomb|explosive)\b",
    ),
    *_signs(
        "abuse",
        r"\b(he|she|they|my \w+) (hits?|beats?|chokes?|kicks?|punche[sd]|slaps?|hit|beat|choked|kicked|slapped|raped"
        r"|molested|abuse[sd]?|touche[sd]) me\b",
        r"\b(i am|i'm|i was|being|getting|been) (abused|raped|beaten|molested|assaulted)\b",
        r"\b(afraid|scared|terrified) (of|to be with) my (husband|wife|partner|boyfriend|girlfriend|father|mother|dad"
        r"|mum|mom)\b",
    ),
]
# "I nearly killed myself laughing", "this traffic is killing me", "to die for": figures of speech, not signs.
_FIGURES = re.compile(
    r"killed? (myself|me) (laughing|with laughter)|(is|are|was) killing (me|it)|to die for|dying to|could have died"
    r"|shoot (me|you) (an?|the) (email|message|text)|shoot (the|that|a|some) (video|film|scene|photo|picture|hoops?)"
    r"|kill(ed|ing)? (the|some) (time|lights?|engine|vibe|mood)|hurts? my (knee|back|head|foot|feet|hand|arm|leg)",
    re.IGNORECASE,
)
_INJECTION = re.compile(
    r"\b(ignore|disregard|forget) (all |any |the |your )*(previous|prior|above|earlier|other)? ?"
    r"(instructions?|rules?|prompts?)"
    r"|\byou are now (a|an|in)\b|\bsystem prompt\b|\b(reveal|print|show) (me )?(your|the) (prompt|instructions)\b"
    r"|<\|?(im_start|system|endoftext)",
    re.IGNORECASE,
)
_UNSAFE_REPLY = [
    *_signs(
        "method details",
        r"\b(dose|dosage|milligrams?|\d+ ?mg)\b.*\b(lethal|fatal|overdose|die)\b|\b(lethal|fatal) (dose|amount)\b",
        r"\b(tie|make) (a|the) noose\b",
        r"\b(mix|combine) (bleach|ammonia)\b",
    ),
    *_signs(
        "urging harm",
        r"\b(you should|go ahead and|just|please) (kill|hurt|harm|cut|die|end)\b",
        r"\bkill yourself\b",
        r"\b(hit|hurt|attack) (him|her|them) back\b",
    ),
    *_signs(
        "turning away from help",
        r"\b(don'?t|do not|never|no need to) (tell|talk to|call|see|ask|trust) (anyone|a doctor|the police|doctors?"
        r"|help|a therapist)\b",
        r"\bstop taking your (pills|medication|medicine)\b",
    ),
    *_signs(
        "contempt",
        r"\byou('re| are) (stupid|worthless|pathetic|a burden|crazy|an idiot|disgusting)\b",
        r"\b(nobody|no one) (cares|loves you)\b",
        r"\bget over it\b",
    ),
]
_CARE = {
    "self-harm": "I am really glad you said this, and I am sorry it hurts so much. You do not have to face it alone. "
    "Please reach someone now: call your local emergency number, or a crisis line (in the US and Canada "
    "call or text 988; in the UK and Ireland call 116 123), or ask a person near you to stay with you. "
    "Are you safe right now?",
    "medical emergency": "This sounds urgent, and I want you to get help right now. Please call your local emergency "
    "number (112 in Europe, 911 in North America) or ask someone near you to call. Stay with "
    "someone if you can. Is anyone there with you?",
    "abuse": "I am so sorry this is happening to you. It is not your fault, and you deserve to be safe. If you are in "
    "danger now, please call your local emergency number; a helpline for domestic violence or a person you "
    "trust can help you find a safe place. Are you safe at the moment?",
    "harm to others": "I can hear how much is boiling up in you. Before anything happens, please put some distance "
    "between you and them, and talk to someone now: a person you trust, a crisis line (988 in the US "
    "and Canada, 116 123 in the UK and Ireland), or your local emergency number if somebody is in "
    "danger. Can you step away while we talk?",
}
_PLAIN_CARE = "Thank you for telling me. I want to be careful with you here. What would help you most right now?"


def check_input(text: str) -> Safety:
    """Look for risk, and for attempts to command the agent, in everything said and typed."""
    text = text.replace("\u2019", "'")
    injection = _INJECTION.search(text)
    noted = injection.group(0) if injection else ""
    plain = _FIGURES.sub(" ", text)
    for sign in _SIGNS:
        found = sign.pattern.search(plain)
        if found:
            return Safety(sign.category, found.group(0), escalate=True, injection=noted)
    return Safety(injection=noted)


def check_reply(reply: str) -> str:
    """Why a reply must not be given: the kind of harm, or an empty string."""
    text = reply.replace("\u2019", "'")
    return next((sign.category for sign in _UNSAFE_REPLY if sign.pattern.search(text)), "")


def caring_reply(category: str) -> str:
    """A reply written by people, for a risk that was found (or in place of a reply that was not safe)."""
    return _CARE.get(category, _PLAIN_CARE)
