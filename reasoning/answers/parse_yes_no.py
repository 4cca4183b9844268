"""Read yes or no from a reply."""

from __future__ import annotations

import re

from omnisense.reasoning.answers.hesitation import after_revision, refuses
from omnisense.reasoning.answers.inflected import content_stems
from omnisense.reasoning.answers.normalize import Reading
from omnisense.reasoning.answers.passages import drop_questions, drop_quotes

_CLAIM = r"(?:claim|statement|description|assertion|assumption|hypothesis|that|this|it|answer|premise)"
_UNTRUE = r"(?:\b(?:not|never)|n't)\s+(?:\w+\s+)?(?:true|correct|right|the\s+case)\b|\b(?:untrue|incorrect)\b"
_NOT_FALSE = r"(?:\bnot|n't)\s+(?:be\s+)?(?:false|untrue|incorrect|wrong)\b"
_YES = (
    r"\b(?:yes+(?!-)|ye|yeah+|yep+|yea|yup+|ja|oui|sí|true)\b|是的?|没错|\A有(?=[,。.!])|\A\W*(?:はい|네|예|tak|sim|sì|да|evet|对|对的|correct,?)(?!\w)"
    r"|\A\W*that's\s+(?:right|correct)\b"
    r"|\A\W*(?:(?:oh|well|hm+|ah)\W+)?(?:affirmative|sure|exactly|agreed|sure\s+(?:he|she|it|they)\s+\w+|sure\s+(?:looks|seems|sounds)\s+like\s+(?:it|that)|(?:most|very|quite)\s+(?:likely|probably)|absolutely|definitely|certainly|indeed|correct|right|of\s+course|without\s+(?:a\s+)?doubt"
    r"|(?:a\s+)?(?:100\s?%|hundred\s+percent)|you\s+bet(?:\s+(?:he|she|it|they)\s+\w+)?|i\s+(?:would\s+say|think|believe|guess|suppose)\s+so|i'd\s+say\s+so|it\s+(?:seems|appears|looks)\s+so|very\s+much\s+so)(?=\W*\Z|[.,!;])"
    r"|\b(?:without\s+(?:a\s+|any\s+)?(?:question|doubt)|no\s+(?:doubt|question)(?:\s+about\s+(?:it|that))?)(?=\W*\Z|[.!])"
    rf"|\b{_CLAIM}(?:\s+\w+)?\s+(?:is|would\s+be|seems)\s+(?:indeed\s+|clearly\s+)?(?:correct|right|accurate|affirmative|the\s+case)\b"
    r"|\b(?:claim|statement|description|assertion)\s+(?:holds|applies|stands)\b"
    r"|\A\W*(?:he|she|it|they|there|this|that|the\s+\w+)\s+(?:is|are|was|were|does|do|did|has|have|can|could|will),?\s+indeed\b(?!\s+(?:not|no|never|hardly)\b)"
)
# "no" before a noun answers nothing: no doubt, no one, no way to tell
_NO = (
    r"\bno\b(?!\x20+(?!(?:from|because|since|as|on|again|(?:way|chance)(?=\W*\Z|[.,!])|it|he|she|they|the|this|that|there|we|i|her|his|and|but|or|yes)\b)\w)"
    rf"|{_UNTRUE}|\b(?:noo+|nope+|nah+|naw|false|nein|non)\b|不是的?|否|没有(?=[,。.!]|\Z)|(?<!\w)不(?=[,。.!]|\Z)|\A\W*(?:いいえ|아니[요오]|não|nie|nee|нет|hayır|不对)(?!\w)"
    r"|\A\W*(?:negative|wrong|quite\s+the\s+(?:opposite|contrary)|on\s+the\s+contrary|never|i'm\s+afraid\s+not|i\s+think\s+not|(?:he|she|it|they)\s+never\s+(?:does|did|do|is|was|has)|(?:(?:most|very)\s+)?(?:probably|definitely|certainly|absolutely|likely)\s+not|not\s+(?:really|at\s+all|quite)|unlikely|hardly"
    r"|of\s+course\s+not|i\s+(?:(?:don't|do\s+not)\s+think\s+so|(?:wouldn't|would\s+not)\s+say\s+so|doubt\s+(?:it|that)|(?:would|think)\s+(?:say\s+)?not))(?=\W*\Z|[.,!;:–—])"
    r"|\A\W*(?:he|she|it|they|there|this|that|the\s+\w+)\s+(?:is|are|was|were|does|do|did|has|have|can|could|will)\s+indeed\s+not\b"
    rf"|\b{_CLAIM}(?:\s+\w+)?\s+(?:is|would\s+be|seems)\s+(?:clearly\s+)?(?:wrong|negative|inaccurate)\b"
    r"|\b(?:claim|statement|description|assertion)\b[^.!?\n]{0,60}?\b(?:not|n't)\s+(?:supported|backed|borne)\b|\A\W*(?:far\s+from\s+it|not\s+that\s+i|i\s+(?:disagree|beg\s+to\s+differ)|(?:that|this|it)(?:'s|\s+is)\s+not\s+(?:what|how|the)|not\s+in\s+the\s+(?:least|slightest)|by\s+no\s+means|anything\s+but)\b"
    r"|\b(?:claim|statement|description|assertion)\b[^.!?\n]{0,40}?\b(?:does\s+not|doesn't)\s+(?:hold|apply|stand)\b"
)
_YES_OR_NO = re.compile(rf"(?P<double_no>{_NOT_FALSE})|(?P<no>{_NO})|(?P<yes>{_YES})", re.IGNORECASE)
_MAY_SUPPOSE = re.compile(r"\b(?:whether|if|ob)\b|是不|是否|不确定", re.IGNORECASE)
_ANSWER_IS = re.compile(r"\b(?:the|my)\s+answer\b[^.!?\n]*\bis\s*:?\s*$", re.IGNORECASE)
_SUPPOSED = re.compile(r"\b(?:whether|if|ob)\b[^.!?;:,\n]*$|是不$|是否$|不确定[^,.。]*$", re.IGNORECASE)
# "He does." "She is not." "Y"
_SHORT = re.compile(
    r"\W*(?:(?:indeed,?\s+|certainly\s+|i(?:'d|\s+would)\s+say\s+|i\s+(?:think|believe|guess)\s+)?(?:he|she|it|they|we|i|the\s+\w+)\s+(does|do|did|is|are|was|were|has|have|had|can|could|will|would)(\s+not|n't)?|([yn]))\W*",
    re.IGNORECASE,
)
_UNSAID = re.compile(
    r"(?:\b(?:he|she|they|(?:the|a)\s+\w+)\s+(?:\w+\s+)?(?:says?|said|answers|answered|replies|replied|nods?|whispers?|shouts?)\W+$|(?:\b(?:not|cannot|never)|n't|\bno\s+reason\s+to)\s+(?:\w+\s+)?(?:say|answer|be)\W+$)",
    re.IGNORECASE,
)
# "[00:02] WOMAN: yes"
_LINE_OF_SPEECH = re.compile(r"\d:\d\d\W{1,3}\w+(?:\s\w+)?:\s*\Z")
# "I won't give a yes or a no"
# "não há dúvida de que sim"
_NO_DOUBT = re.compile(
    r"\b(?:não\s+há|no\s+hay|no\s+cabe|sin|sem|kein(?:e|en)?|ohne|pas\s+de|aucun|sans|nessun|senza)\s+(?:la\s+menor\s+|la\s+)?(?:dúvidas?|dudas?|duda|zweifel|doutes?|dubbio)\b(?:\s+(?:de\s+)?que)?|毫无疑问",
    re.IGNORECASE,
)
_YES_AND_NO = re.compile(
    r"\byes\s+(?:or|and)\s+no\b|\bno-brainer\b|\ba\s+(?:clear\s+|definite\s+)?yes\s+or\s+(?:a\s+)?no\b", re.IGNORECASE
)
# "at first glance it looks like a yes", "some would say no"
_CONCEDED = re.compile(
    r"\b(?:at\s+first|first\s+(?:glance|sight|thought|impression|instinct)|initially|while|although|though|(?:some|one|you|many|people|viewers?)\s+(?:might|may|could|would)"
    r"|(?:may|might|could)\s+(?:seem|look|suggest|think)|tempt\w+|(?:looked|seemed|sounded|felt)\s+like|i(?:'d|\s+had|\s+would\s+have)?\s+expected|about\s+to|auf\s+den\s+ersten\s+blick|zunächst|au\s+début|a\s+primera\s+vista)\b[^.!?;,\n]{0,60}$|(?:乍看|一开始|最初)[^,。]{0,20}$",
    re.IGNORECASE,
)
_SCORED = re.compile(r"\b(yes|no)\W{1,5}(\d{1,3}(?:\.\d+)?(?=\s?%)|[01]?\.\d+)")
# 'I would answer with "no"': its own word, in quotation marks
_OWN_WORD = re.compile(
    r"(\banswer\s+(?:\w+\s+){0,3}?(?:with|is|be)|\bi(?:'d|\s+would)\s+say|\banswer:)\s*\"(yes|no)[.,!]?\"",
    re.IGNORECASE,
)
# "Yes, of course I can help!", "Sure, let's look": to the request, not to the question
_COURTESY = re.compile(
    r"\A\W*(?:yes|yeah|sure|of\s+course|certainly|absolutely|no\s+problem)\b(?:[,!]?\s+(?:sure|of\s+course|certainly|absolutely))*[,!.]?\s*"
    r"(?:i(?:'d|'ll|\s+can|\s+could|\s+will|\s+would)|happy|glad)\s+(?:be\s+|happy\s+|glad\s+|gladly\s+|certainly\s+|to\s+)*(?:help|assist|try)\b"
    r"|\A\W*(?:sure|of\s+course|certainly|absolutely|no\s+problem)\b[,!.]?\s*(?:ask|go\s+ahead|send|share|upload|let's|let\s+me|here(?:'s|\s+is|\s+are))\b",
    re.IGNORECASE,
)
_MORE_THAN = re.compile(
    r"\b(?:more(?:\s+of\s+a)?|rather|closer\s+to)\s+(?:an?\s+)?(yes|no)\s+than\s+(?:an?\s+)?(?:yes|no)\b", re.IGNORECASE
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
    text = _NO_DOUBT.sub(" ", text)
    text = _MORE_THAN.sub(r"\1", _COURTESY.sub("", text))
    told = drop_questions(drop_quotes(_OWN_WORD.sub(r"\1 \2", _YES_AND_NO.sub(" ", text))))
    tail = after_revision(told)
    if tail is not None and (revised := _read_told(tail)).value:
        return revised
    if asked := _ASKED_AND_ANSWERED.search(text):
        return Reading("no" if asked[1] else "yes", "a short answer to its own question")
    read = _read_told(told)
    return read if read.how != _NEITHER else _read_claim(text)


def _read_told(text: str) -> Reading:
    words = list(_YES_OR_NO.finditer(text))
    if _MAY_SUPPOSE.search(text):
        words = [
            m
            for m in words
            if _ANSWER_IS.search(before := text[max(0, m.start() - 90) : m.start()]) or not _SUPPOSED.search(before)
        ]
    words = [m for m in words if not _LINE_OF_SPEECH.search(text[max(0, m.start() - _NEAR) : m.start()])]
    words = [m for m in words if not _UNSAID.search(text[max(0, m.start() - _NEAR) : m.start()])]
    words = [m for m in words if not _CONCEDED.search(text[max(0, m.start() - 100) : m.start()])]
    final = [m for m in words if _FINAL.search(text[max(0, m.start() - _NEAR) : m.start()])]
    if final and _FINAL_WORD.match(text, final[-1].end()):
        return Reading("no" if final[-1]["no"] else "yes", "its final word")
    yes, no = [m for m in words if not m["no"]], [m for m in words if m["no"]]
    alone = {name for name, found in (("yes", yes), ("no", no)) for m in found if _stands_alone(text, m)}
    if not alone and refuses(text):
        return Reading("", "it refuses to answer")
    if bool(yes) != bool(no):
        return Reading("yes", "a yes") if yes else Reading("no", "a no")
    if not yes:
        return Reading("", _NEITHER)
    # Both occur: "Yes, there is no smile" says yes; "Yes. No." and "yes or no" say nothing.
    last = words[-1]
    if _FINAL_WORD.match(text, last.end()) and _FINAL_START.search(text[max(0, last.start() - _NEAR) : last.start()]):
        return Reading("no" if last["no"] else "yes", "what it ends with")
    if len(alone) == 1:
        return Reading(alone.pop(), "the one that stands alone")
    if len(alone) == 2 and _opens(text, words):
        return Reading("no" if words[0]["no"] else "yes", "what it begins with")
    concluded = {bool(m["no"]) for m in words if _CONCLUDED.search(text[max(0, m.start() - 60) : m.start()])}
    if len(concluded) == 1:
        return Reading("no" if concluded.pop() else "yes", "what it concludes")
    return Reading("", "both yes and no")


# "Final answer: no", "I would settle on yes"
_FINAL = re.compile(
    r"\b(?:(?:final|overall)\s+(?:answer|verdict|judg\w+|decision|conclusion|call)|verdict|conclusion|decision|answer|fazit|antwort|réponse|respuesta|conclusión)"
    r"(?:\s+is)?(?:\s*(?:[:=→—–-]|->)\s*|\s+)(?:an?\s+)?\W?\Z"
    r"|\bi(?:'d|'ll|\s+would|\s+will|\s+have\s+to)?\s+(?:settle\s+(?:on|for)|go\s+with|land\s+on|end\s+up\s+(?:with|at)|conclude|choose|come\s+down\s+on)\s+(?:an?\s+)?\W?\Z",
    re.IGNORECASE,
)
# "He smiles, but he means no. No.": a sentence of its own at the end, after more than the other word
_FINAL_WORD = re.compile(r"[\s\"')]*[.!]?\s*\Z")
_FINAL_START = re.compile(
    r"\w{3,} [^.!?\n]*\w{3,}(?:[.!?\n]|,\s+but)\s*(?:so,?\s+|therefore,?\s+|thus,?\s+|hence:?\s+|conclusion:\s+)?\Z",
    re.IGNORECASE,
)
# "Overall, I'd say no": the last sentence
_CONCLUDED = re.compile(
    r"(?:[.!?]\s|\n)\W*(?:overall|all\s+in\s+all|in\s+(?:conclusion|summary|short|the\s+end)|on\s+balance|taken\s+together|ultimately|to\s+conclude)\b"
    r"(?:,?\s+(?:i(?:'d|'ll|\s+would)?|say|answer|go\s+with|lean\w*|towards?|the|my|answer|is|a|it's|think)){0,5}\W{1,3}\Z",
    re.IGNORECASE,
)


def _opens(text: str, words: list[re.Match[str]]) -> bool:
    """Whether a reply begins with its answer, and the other word only begins a clause: "No. Yes, he laughs, but"."""
    if re.search(r"\w", text[: words[0].start()]):
        return False
    others = [m for m in words if bool(m["no"]) != bool(words[0]["no"]) and _stands_alone(text, m)]
    return all(
        re.match(r", \w+ \w+", text[m.end() : m.end() + _NEAR])
        and not _CONCLUDES.search(text[max(0, m.start() - _NEAR) : m.start()])
        for m in others
    )


_CONCLUDES = re.compile(
    r"(?:\b(?:so|therefore|thus|hence|answer|conclusion|final|overall|actually|wait)\b[^.!?]*|\.\.\.\s*)\Z",
    re.IGNORECASE,
)


def _read_claim(text: str) -> Reading:
    """Read a reply that says whether something is so, and ends by saying it or its opposite.

    "To decide whether the coach is angry, we look at his face. ... In conclusion, the coach isn't angry."
    """
    claim = _WHETHER.search(text)
    sentences = [sentence for sentence in _SENTENCE.split(text) if sentence.strip()]
    if claim is None or len(sentences) < 2 or refuses(text):
        return Reading("", _NEITHER)
    last, asked = sentences[-1], claim[1] or claim[2]
    shared = content_stems(asked) & content_stems(last)
    if (
        claim.end() > text.rfind(last)
        or len(shared) < (1 if _CONCLUDES.search(text[: text.rfind(last)]) else len(content_stems(asked)) / 2)
        or _OPEN.search(last)
    ):
        return Reading("", _NEITHER)
    is_opposite = bool(_NEGATES.search(last)) != bool(_NEGATES.search(asked))
    return Reading("no" if is_opposite else "yes", "what it says of the claim in the end")


_NEITHER = "neither yes nor no"
_SENTENCE = re.compile(r"(?<=[.!?])\s|\n")
# the question as a clause, or as a sentence at the start of a line
_WHETHER = re.compile(
    r"\bwhether\s+([^.?!,;:\n]{5,120})|(?:^|\n)\W*(?:question:\s*)?(?:is|are|was|were|does|do|did|has|have|can|could|will)\s+([^.?!;:\n]{5,120})\?",
    re.IGNORECASE,
)
_NEGATES = re.compile(r"\b(?:not|never|no|nothing|neither|hardly|without)\b|n't\b", re.IGNORECASE)
_OPEN = re.compile(
    r"\b(?:may|might|could|whether|if|would|perhaps|maybe|possibly|unclear|unsure|seem\w*\s+to\s+but)\b|\?",
    re.IGNORECASE,
)
# "Does she trust him? She does."
_ASKED_AND_ANSWERED = re.compile(
    r"\?\s+(?:he|she|it|they)\s+(?:does|do|did|is|are|was|were|has|have|can|could|will|would)(\s+not|n't)?(?=[.!,])",
    re.IGNORECASE,
)


def _stands_alone(text: str, match: re.Match[str]) -> bool:
    before = text[max(0, match.start() - _NEAR) : match.start()].rstrip(" \"'(")
    after = text[match.end() : match.end() + _NEAR]
    opens = (
        not before
        or before[-1] in ".:;,!?。\n="
        or before.lower().endswith((" is", "answer", " a", "so", "thus", "hence", "therefore"))
    )
    return opens and bool(re.match(r"[\"')]*\s*(?:[.,;:!。\n-]|$)", after))
