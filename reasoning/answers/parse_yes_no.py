"""Read yes or no from a reply."""

from __future__ import annotations

import re

from omnisense.reasoning.answers.hesitation import after_revision, refuses
from omnisense.reasoning.answers.normalize import Reading
from omnisense.reasoning.answers.passages import drop_questions, drop_quotes

_CLAIM = r"(?:claim|statement|description|assertion|assumption|hypothesis|that|this|it|answer|premise)"
_UNTRUE = r"(?:\b(?:not|never)|n't)\s+(?:\w+\s+)?(?:true|correct|right|the\s+case)\b|\b(?:untrue|incorrect)\b"
_NOT_FALSE = r"(?:\bnot|n't)\s+(?:be\s+)?(?:false|untrue|incorrect|wrong)\b"
_YES = (
    r"\b(?:yes|yeah|yep|yea|ja|oui|sí|true)\b|是的?|没错|\A有(?=[,。.!])|\A\W*(?:はい|네|예|sim|sì|да|evet|对|对的|correct,?)(?!\w)"
    r"|\A\W*that's\s+(?:right|correct)\b"
    r"|\A\W*(?:affirmative|sure|exactly|absolutely|definitely|certainly|indeed|correct|right|of\s+course|without\s+(?:a\s+)?doubt"
    r"|i\s+(?:would\s+say|think|believe|guess|suppose)\s+so|it\s+(?:seems|appears|looks)\s+so|very\s+much\s+so)(?=\W*\Z|[.,!;])"
    rf"|\b{_CLAIM}(?:\s+\w+)?\s+(?:is|would\s+be|seems)\s+(?:indeed\s+|clearly\s+)?(?:correct|right|accurate|affirmative|the\s+case)\b"
    r"|\b(?:claim|statement|description|assertion)\s+(?:holds|applies|stands)\b"
)
# "no" before a noun answers nothing: no doubt, no one, no way to tell
_NO = (
    r"\bno\b(?!\s+(?!(?:from|because|since|as|it|he|she|they|the|this|that|there|we|i|her|his|and|but|or|yes)\b)\w)"
    rf"|{_UNTRUE}|\b(?:nope|false|nein|non)\b|不是的?|否|没有(?=[,。.!]|\Z)|(?<!\w)不(?=[,。.!]|\Z)|\A\W*(?:いいえ|아니[요오]|não|nee|нет|hayır|不对)(?!\w)"
    r"|\A\W*(?:negative|wrong|(?:probably|definitely|certainly|absolutely|likely)\s+not|not\s+(?:really|at\s+all|quite)|unlikely|hardly"
    r"|of\s+course\s+not|i\s+(?:don't\s+think\s+so|doubt\s+(?:it|that)|(?:would|think)\s+(?:say\s+)?not))(?=\W*\Z|[.,!;:–—])"
    rf"|\b{_CLAIM}(?:\s+\w+)?\s+(?:is|would\s+be|seems)\s+(?:clearly\s+)?(?:wrong|negative|inaccurate)\b"
    r"|\b(?:claim|statement|description|assertion)\b[^.!?\n]{0,40}?\b(?:does\s+not|doesn't)\s+(?:hold|apply|stand)\b"
)
_YES_OR_NO = re.compile(rf"(?P<double_no>{_NOT_FALSE})|(?P<no>{_NO})|(?P<yes>{_YES})", re.IGNORECASE)
_MAY_SUPPOSE = re.compile(r"\b(?:whether|if|ob)\b|是不|是否|不确定", re.IGNORECASE)
_SUPPOSED = re.compile(r"\b(?:whether|if|ob)\b[^.!?;:,\n]*$|是不$|是否$|不确定[^,.。]*$", re.IGNORECASE)
# "He does." "She is not." "Y"
_SHORT = re.compile(
    r"\W*(?:(?:he|she|it|they|we|i|the\s+\w+)\s+(does|do|did|is|are|was|were|has|have|had|can|could|will|would)(\s+not|n't)?|([yn]))\W*",
    re.IGNORECASE,
)
_UNSAID = re.compile(
    r"(?:\b(?:he|she|they|(?:the|a)\s+\w+)\s+(?:\w+\s+)?(?:says?|said|answers|answered|replies|replied|nods?|whispers?|shouts?)\W+$|(?:\b(?:not|cannot|never)|n't|\bno\s+reason\s+to)\s+(?:\w+\s+)?(?:say|answer|be)\W+$)",
    re.IGNORECASE,
)
# "I won't give a yes or a no"
_YES_AND_NO = re.compile(r"\ba\s+(?:clear\s+|definite\s+)?yes\s+or\s+(?:a\s+)?no\b", re.IGNORECASE)
# "at first glance it looks like a yes", "some would say no"
_CONCEDED = re.compile(
    r"\b(?:at\s+first|first\s+(?:glance|sight|thought|impression|instinct)|initially|while|although|though|(?:some|one|you|many|people|viewers?)\s+(?:might|may|could|would)"
    r"|(?:may|might|could)\s+(?:seem|look|suggest|think)|tempt\w+|auf\s+den\s+ersten\s+blick|zunächst|au\s+début|a\s+primera\s+vista)\b[^.!?;,\n]{0,60}$|(?:乍看|一开始|最初)[^,。]{0,20}$",
    re.IGNORECASE,
)
_SCORED = re.compile(r"\b(yes|no)\W{1,4}(\d{1,3}(?:\.\d+)?)\s?%")
# 'I would answer with "no"': its own word, in quotation marks
_OWN_WORD = re.compile(
    r"(\banswer\s+(?:\w+\s+){0,3}?(?:with|is|be)|\bi(?:'d|\s+would)\s+say|\banswer:)\s*\"(yes|no)[.,!]?\"",
    re.IGNORECASE,
)
_NEAR = 40  # characters looked at on each side: copies of all of a long text would take quadratic time


def read_yes_no(text: str) -> Reading:
    """Read ``yes`` or ``no`` from a reply.

    Args:
        text: without markup.
    """
    if short := _SHORT.fullmatch(text):
        return Reading("no" if short[2] or (short[3] or "").lower() == "n" else "yes", "a short answer")
    if (scored := dict(_SCORED.findall(text.lower()))).keys() == {"yes", "no"}:
        shares = {word: float(share) for word, share in scored.items()}
        best = max(shares, key=shares.__getitem__)
        return Reading(best, "the higher share") if len(set(shares.values())) == 2 else Reading("", "equal shares")
    told = drop_questions(drop_quotes(_OWN_WORD.sub(r"\1 \2", _YES_AND_NO.sub(" ", text))))
    tail = after_revision(told)
    if tail is not None and (revised := _read_told(tail)).value:
        return revised
    return _read_told(told)


def _read_told(text: str) -> Reading:
    words = list(_YES_OR_NO.finditer(text))
    if _MAY_SUPPOSE.search(text):
        words = [m for m in words if not _SUPPOSED.search(text[max(0, m.start() - 80) : m.start()])]
    words = [m for m in words if not _UNSAID.search(text[max(0, m.start() - _NEAR) : m.start()])]
    words = [m for m in words if not _CONCEDED.search(text[max(0, m.start() - 100) : m.start()])]
    yes, no = [m for m in words if not m["no"]], [m for m in words if m["no"]]
    alone = {name for name, found in (("yes", yes), ("no", no)) for m in found if _stands_alone(text, m)}
    if not alone and refuses(text):
        return Reading("", "it refuses to answer")
    if bool(yes) != bool(no):
        return Reading("yes", "a yes") if yes else Reading("no", "a no")
    if not yes:
        return Reading("", "neither yes nor no")
    # Both occur: "Yes, there is no smile" says yes; "Yes. No." and "yes or no" say nothing.
    if len(alone) == 1:
        return Reading(alone.pop(), "the one that stands alone")
    return Reading("", "both yes and no")


def _stands_alone(text: str, match: re.Match[str]) -> bool:
    before = text[max(0, match.start() - _NEAR) : match.start()].rstrip(" \"'(")
    after = text[match.end() : match.end() + _NEAR]
    opens = (
        not before
        or before[-1] in ".:;,!?。\n="
        or before.lower().endswith((" is", "answer", " a", "so", "thus", "hence", "therefore"))
    )
    return opens and bool(re.match(r"[\"')]*\s*(?:[.,;:!。\n-]|$)", after))
