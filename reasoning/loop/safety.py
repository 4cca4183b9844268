"""The safety gate, before and after the reasoning.

Before: signs of risk in what was said or typed lead to a caring reply that points to help, with an ``escalate`` flag
for the host application, and no language model is asked. After: a reply that gives method details, urges harm or
advises against help is replaced. The signs are regular expressions for English: they catch plain statements, not hints;
a host that needs more adds its own check before it calls the agent. Words in a clip are evidence, never instructions;
attempts to command the agent are recorded.
"""

from __future__ import annotations

import re
from typing import TypeVar

from omnisense.reasoning.loop.appraisal import HarmCategory, RiskCategory, SafetyFinding

Category = TypeVar("Category", bound=str)


def _compile(regexes: dict[Category, tuple[str, ...]]) -> list[tuple[Category, re.Pattern[str]]]:
    return [(category, re.compile(regex, re.IGNORECASE)) for category, row in regexes.items() for regex in row]


_SELF = r"(my ?self|my (own )?life|me)"
_RISK_REGEXES: dict[RiskCategory, tuple[str, ...]] = {
    "medical emergency": (
        r"\b(having|had|think it'?s) a (heart attack|stroke|seizure)\b",
        r"\b(can'?t|cannot|can not|struggling to|hard to) breathe\b",
        r"\bchest (pain|hurts)\b",
        r"\b(took|swallowed|taken) (too many|a lot of|all (of )?(my|the)) (pills|tablets|medicine)\b",
        r"\b(overdos(ed|ing)|unconscious|won'?t stop bleeding|not breathing)\b",
    ),
    "self-harm": (
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
    "harm to others": (
        r"\b(kill|murder|shoot|stab|poison|strangle) (him|her|them|you|my|the|everyone|people|that|those)\b",
        r"\b(going|want|plan|planning) to (hurt|attack|bomb|burn) (him|her|them|my|the|everyone|people|that)\b",
        r"\b(make|build) (a|an) (bomb|explosive)\b",
    ),
    "abuse": (
        r"\b(he|she|they|my \w+) (hits?|beats?|chokes?|kicks?|punche[sd]|slaps?|hit|beat|choked|kicked|slapped|raped"
        r"|molested|abuse[sd]?|touche[sd]) me\b",
        r"\b(i am|i'm|i was|being|getting|been) (abused|raped|beaten|molested|assaulted)\b",
        r"\b(afraid|scared|terrified) (of|to be with) my (husband|wife|partner|boyfriend|girlfriend|father|mother|dad"
        r"|mum|mom)\b",
    ),
}
_RISKS = _compile(_RISK_REGEXES)
# "I nearly killed myself laughing", "this traffic is killing me", "to die for": figures of speech, not signs.
_FIGURES_OF_SPEECH = re.compile(
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
_HARM_REGEXES: dict[HarmCategory, tuple[str, ...]] = {
    "method details": (
        r"\b(dose|dosage|milligrams?|\d+ ?mg)\b.*\b(lethal|fatal|overdose|die)\b|\b(lethal|fatal) (dose|amount)\b",
        r"\b(tie|make) (a|the) noose\b",
        r"\b(mix|combine) (bleach|ammonia)\b",
    ),
    "urging harm": (
        r"\b(you should|go ahead and|just|please) (kill|hurt|harm|cut|die|end)\b",
        r"\bkill yourself\b",
        r"\b(hit|hurt|attack) (him|her|them) back\b",
    ),
    "turning away from help": (
        r"\b(don'?t|do not|never|no need to) (tell|talk to|call|see|ask|trust) (anyone|a doctor|the police|doctors?"
        r"|help|a therapist)\b",
        r"\bstop taking your (pills|medication|medicine)\b",
    ),
    "contempt": (
        r"\byou('re| are) (stupid|worthless|pathetic|a burden|crazy|an idiot|disgusting)\b",
        r"\b(nobody|no one) (cares|loves you)\b",
        r"\bget over it\b",
    ),
}
_UNSAFE_REPLIES = _compile(_HARM_REGEXES)
_CARING_REPLIES: dict[RiskCategory, str] = {
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
_CAREFUL_REPLY = "Thank you for telling me. I want to be careful with you here. What would help you most right now?"


def check_input(text: str) -> SafetyFinding:
    """Look for signs of risk, and for attempts to command the agent, in everything said and typed."""
    text = text.replace("\u2019", "'")
    command = _INJECTION.search(text)
    injection = command.group(0) if command else ""
    literal = _FIGURES_OF_SPEECH.sub(" ", text)
    for category, regex in _RISKS:
        found = regex.search(literal)
        if found:
            return SafetyFinding(category, found.group(0), escalate=True, injection=injection)
    return SafetyFinding(injection=injection)


def check_reply(reply: str) -> HarmCategory | None:
    """Return the kind of harm that a reply would do; None when it is safe."""
    text = reply.replace("\u2019", "'")
    return next((category for category, regex in _UNSAFE_REPLIES if regex.search(text)), None)


def caring_reply(finding: SafetyFinding) -> str:
    """Return a reply written by people: for the risk that was found or, without one, in place of an unsafe reply."""
    if finding.category and finding.reply:
        return finding.reply
    return next((text for risk, text in _CARING_REPLIES.items() if risk == finding.category), _CAREFUL_REPLY)
