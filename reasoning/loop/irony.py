"""Irony in English words: praise whose occasion is bad ("Wonderful, my flight got cancelled again").

The sign is a contradiction (Riloff et al., "Sarcasm as contrast between a positive sentiment and negative situation",
2013): a stock phrase of praise beside an event that is bad, or that comes once too often. What is praised so is not
counted as joy; what remains is read on its own. Praise of nothing that is named ("Just what I needed.") is open.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from omnisense.text import split_sentences

_PRAISE = (
    "great|wonderful|fantastic|lovely|perfect|brilliant|awesome|fabulous|amazing|nice|terrific|marvell?ous|super|splendid"
    "|good|excellent|superb|delightful|charming|joy|yay|cool|neat|sweet"
)
_PHRASES = re.compile(
    r"^(?:oh|well|wow|ah|yeah|so|and|now|how|just|absolutely|isn't that|that's|this is|\W)*\s*"
    rf"(?P<opening>(?:just |how |simply )*(?:{_PRAISE})(?: (?:job|start|day|weather|service))?)\b"
    rf"(?=\s*[,.!:;…-]|\s*$)(?:[\s,.!…]*(?:just )?(?:{_PRAISE})\b)?"
    r"|\b(?P<needed>just what (?:i|we) (?:needed|wanted)(?: for (?:my|our) [\w ]+?(?=[,.:;!?]|$))?"
    rf"|(?:just |great|perfect|lovely|nice|wonderful|what) ?timing|just (?:{_PRAISE})(?=[,.:;!?]|$)|lucky (?:me|us)"
    r"|living the dream|my favou?rite (?:thing|part)(?: (?:of|about) [\w ]+?(?=[,.:;!?]|$))?|thanks for nothing)\b"
    r"|\b(?P<thanks>thanks a (?:lot|bunch|million)(?:, \w+)?)\b"
    rf"|(?P<what>\bwhat an? (?:\w+ )?(?:surprise|shock|joy|treat|pleasure|{_PRAISE})\b(?: (?:way|start|end|day|week"
    r"|year|evening|morning|to|of|the|a|my|this|finish|begin|spend)\b)*)"
    r"|\bhow (?P<how>kind|nice|lovely|thoughtful|generous|sweet|considerate|wonderful|typical)(?: of \w+ to)?\b"
    r"|(?P<love>\b(?:i|we) (?:just |really |absolutely |simply |do |so )*(?:love|adore|enjoy)(?: it)?(?= (?:when|how"
    r"|being|having|getting|to be|that)\b))|(?P<wait>\b(?:can't|cannot|can hardly) wait (?:for|to)\b)"
    r"|\bso (?P<glad>glad|happy|pleased|lucky|excited|grateful)(?: that)? (?:i|we) (?:get|have|got) to\b"
    r"|(?P<nothing>\bnothing (?:like|beats)\b)",
    re.IGNORECASE,
)
_BAD_WORD_LIST = "|".join(
    r"""cancel\w* delay\w* late miss(?:ed|ing) los[et] lost br[eo]ken? broke(?:n)? breaks crash\w* froze frozen fail\w*
    reject\w* fired laid\soff stuck ticket tax(?:es)? audit bills? fine\sof fever cold flu ill sick vomit\w* threw\sup
    puk\w+ leak\w* flood\w* flat\styre flat\stire won't wouldn't can(?:not|'t) not\scoming did(?:n't|\snot) nobody
    without everyone\sbut\sme forgot\w* ignored? yell\w* shout\w* scream\w* stolen stole robbed drill\w* unpaid overtime
    rain(?:s|ing)? pouring snow storm traffic jams? queue on\shold waiting layover meetings? out\sof\sorder shut\soff
    locked\s(?:out|myself) spill\w* spilt ruin\w* scratch\w* delet\w+ wrong cavit\w+ hole dead died dies hurt\w* ache
    pain night\sshift raised\sthe\srent after\s(?:the|it)\s.{0,20}closed yesterday my\sex redo monday
    on\stop\sof\severything behind\smy\sback left\smy ate\smy fell gave\smy cleaning\sup""".split()
)
_BAD_WORDS = f"(?:{_BAD_WORD_LIST})"
_TROUBLE = re.compile(rf"\b{_BAD_WORDS}\b", re.IGNORECASE)
_NO_TROUBLE = re.compile(
    rf"\b(?:no|not|nothing|never|none)\b(?: \w+){{0,2}}? {_BAD_WORDS}\b"
    rf"|\b{_BAD_WORDS}(?: \w+){{0,2}}? (?:gone|over|cured|fixed|healed|stopped|moved to)\b",
    re.IGNORECASE,
)
_ONCE_MORE = re.compile(r"\b(?:again|another|one more|yet more|once more|more|of course|third time)\b", re.IGNORECASE)
_RELIEF = re.compile(
    r"\b(?:free|fixed|found|works?|starts?|stopped|gone|over|back|cured|healthy|healed|on time"
    r"|survived|held|moved to|clear|cleared|lowered)\b",
    re.IGNORECASE,
)
_CONTRAST = re.compile(r"\b(?:but(?! me\b)|although|though|yet|however|except)\b", re.IGNORECASE)
_BAD, _GOOD = -0.08, 0.2  # sentiment of what is left without the praise


# Praise of nothing that is named is open where it is a stock phrase; "Great!" alone answers what was said before.
_STOCK = ("needed",)
_PLAYED_DOWN = re.compile(
    r"(?:(?:no|yeah|yes|well|oh|really|honestly|don't worry|but)[,.]? )*(?:it'?s|i'?m|that'?s|we'?re|it is|i am"
    r"|everything(?:'s| is))(?: (?:all|just|really|totally|perfectly))?"
    r" (?:fine|ok|okay|alright|all right|no big deal|nothing|not a big deal)"
    r"(?:,? (?:really|honestly|i guess|though))?\W*",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Praise:
    """A stock phrase of praise, which may not be meant.

    Attributes:
        phrase: the praise ("great", "just what I needed").
        occasion: what is praised: the rest of the sentence or, where there is none, the next sentence.
        rest: the whole text without the phrase.
        is_open: whether nothing tells if it is meant ("Just what I needed.").
    """

    phrase: str
    occasion: str
    rest: str
    is_open: bool


def find_praise(text: str) -> Praise | None:
    """Return the first stock phrase of praise; None where there is none, or where a "but" follows it."""
    plain = text.replace("\u2019", "'").strip()
    sentences = split_sentences(plain)
    for at, sentence in enumerate(sentences):
        found = _PHRASES.search(sentence)
        if found is None or _CONTRAST.search(sentence[found.end() :]):
            continue
        group, phrase = next((name, value) for name, value in found.groupdict().items() if value)
        own = _stripped(f"{sentence[: found.start()]} {sentence[found.end() :]}")
        following = sentences[at + 1] if at + 1 < len(sentences) else ""
        rest = " ".join([*sentences[:at], own, *sentences[at + 1 :]]).strip()
        occasion = own or _stripped(following)
        return Praise(phrase.strip(), occasion, rest, not occasion and at == 0 and group in _STOCK)
    return None


def is_played_down(text: str) -> bool:
    """Whether a text says that all is fine and nothing else: that tells little of how it is."""
    return _PLAYED_DOWN.fullmatch(text.replace("\u2019", "'").strip()) is not None


def is_ironic(praise: Praise, sentiment: float | None = None) -> bool:
    """Whether the occasion contradicts the praise: it is bad, or comes once too often without being good.

    Args:
        praise: as found.
        sentiment: of the occasion, -1 to 1, where a model has read it.
    """
    left = _NO_TROUBLE.sub(" ", praise.occasion)
    has_trouble = bool(_TROUBLE.search(left))
    if not has_trouble and (left != praise.occasion or _RELIEF.search(left)):
        return False
    if sentiment is None:
        return has_trouble
    if sentiment >= _GOOD:
        return False
    return has_trouble or sentiment <= _BAD or bool(_ONCE_MORE.search(left) and sentiment < 0)


def _stripped(words: str) -> str:
    return words.strip(" ,.!?:;\u2026-\n")
