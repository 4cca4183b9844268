"""What a reply says that others would answer, that it merely guesses, or that would hold under a condition.

All patterns are for texts with marks in place of the options (:mod:`omnisense.reasoning.answers.option_marks`).
"""

from __future__ import annotations

import re

from omnisense.reasoning.answers.option_marks import MARK

_WINDOW = 160  # characters of a sentence that are looked at before an option
# "one could argue that she tests him, and that's B", "a casual viewer would answer A"
_ARGUABLY = re.compile(
    r"\b(?:people|others?|viewers?|listeners?|observers?|readers?|annotators?|raters?|reviewers?|critics?|colleagues?|friends?|novices?|beginners?|laypersons?|laypeople|strangers?|students?|audiences?|humans?|models?|someone|somebody)\s+(?:(?:\w+ly|will|would|who\s+\w+|often|may|might|could|tend\s+to|have|has|had)\s+){0,3}(?:choose|chose|chosen|pick(?:s|ed)?|say|said|think|thought|reads?|call(?:s|ed)?|label(?:s|l?ed)?|go(?:es)?\s+(?:for|with)|sees?|saw|interpret\w*|answer\w*|wrote|written|suspect\w*|vote\w*|mark(?:s|ed)?|took|take|argue\w*|guess\w*|assum\w+|describe\w*|classif\w+|suggest\w*)\b"
    r"|\b(?:previous|earlier|other|another)\s+(?:\w+\s+)?(?:responses?|answers?|repl(?:y|ies)|solutions?|assistants?|models?|users?)\s+(?:\w+\s+)?(?:claim|say|said|stat|gave|give|argu|chose|pick|wrote|conclud|insist)\w*|\b(?:popular|folk|pop)\s+(?:culture|psychology|wisdom|belief)\b"
    r"|\bothers?\s+as\b|\b(?:can|could|may|might)\s+(?:also\s+|just\s+as\s+well\s+)?(?:mean|indicate|signal|imply)\b|\bwould\s+(?:mean|imply|suggest|indicate)\s+that\b|\b(?:i|you)(?:'m|'re|\s+(?:am|are|was|were|seem|sound|look|get|must\s+be|would\s+be|might\s+be)|'d\s+be)\s+(?:(?:so|very|really|quite|also|a|bit|little|rather|feeling)\s+){0,2}\Z|\b(?:would|do|don't|could|can)\s+you\s+(?:say|think|mean|agree|call|describe)\b"
    r"|\bpeople\s+(?:who|can|often)\b(?!\s+(?:speak|talk|sing|appear|are|were|can)\b)|\b(?:everyone|everybody)\b|\boften\b|\b(?:viewers?|observers?|listeners?|annotators?|bystanders?)\s+(?:could|might|may|would)\b|\b(?:one|you|some(?:one|body)?|people|viewers)\s+(?:could|might|may|would)\s+(?:\w+\s+)?(?:argue|think|say|read|guess|expect|assume)\b",
    re.IGNORECASE,
)
_MAYBE = re.compile(rf"\b(?:could|might|may)\b(?:\s+\w+){{0,3}}\s+{MARK}[^.!?\n]*\Z", re.IGNORECASE)
_OR = re.compile(r"\bor\b", re.IGNORECASE)
_SENTENCE_END = re.compile(r"[.!?\n]")
_TURN = re.compile(r"[.!?\n;]|\b(?:but|however|yet|still)\b", re.IGNORECASE)
# "Pick A if she smiles"
_TOLD_TO_CHOOSE = re.compile(
    rf"(?:\A|[.!?\n,;]\s)(?:pick|choose|select|tick|go\s+(?:with|for))\s+{MARK}\s+(?:if|when|unless)\s+(?!i\b|forced|you\s+ask)",
    re.IGNORECASE,
)
# "If she smiles: A."
_IF_THEN = re.compile(
    r"\bif\s+(?!i\b|forced|pressed|you\s+ask|anything|not\b|in\s+doubt|only|so\b)[^.!?:;\n]{1,80}[:,]\s*(?:then\s+)?(?:it'?s\s+)?\Z",
    re.IGNORECASE,
)
_WOULD = re.compile(r"(?:\bwould|'d)\b")
_IF_NEXT = re.compile(
    r"\s*(?:would\s[^.!?,\n\ue000-\ue119]{0,60})?,?\s*(?:only\s+)?if\s+(?:he|she|it|they|the\w*|his|her)\b",
    re.IGNORECASE,
)
_IF = re.compile(r"\b(?:if|unless|had)\b(?!\s+i\s+(?:had|have|must|were)|\s+(?:forced|pressed))", re.IGNORECASE)


def is_attributed(marked: str, at: int) -> bool:
    """Whether a sentence says before a place, and after the last word like "but", that it is what others would say."""
    return bool(_ARGUABLY.search(_since_turn(marked, at)))


def is_guessed(marked: str, at: int) -> bool:
    """Whether a place is not the first of several options that a sentence holds possible: "it could be A, or B"."""
    maybe = _MAYBE.search(_since_turn(marked, at))
    return maybe is not None and bool(_OR.search(maybe[0] + _SENTENCE_END.split(marked[at : at + _WINDOW])[0]))


def is_told_to_choose(marked: str, start: int, end: int) -> bool:
    """Whether a statement tells when to choose an option."""
    return bool(_TOLD_TO_CHOOSE.search(marked[max(0, start - 3) : end + 30]))


def _since_turn(marked: str, at: int) -> str:
    """Return what stands before a place in its sentence, after the last word like "but"."""
    return _TURN.split(marked[max(0, at - _WINDOW) : at])[-1]


def is_conditional(marked: str, start: int, end: int) -> bool:
    """Whether a sentence says what would hold if something else did: "if the act matters, A would be right".

    So does one that supposes it after them: "it would be A if he smiled".
    """
    sentence = re.split(r"[.!?\n]", marked[max(0, start - _WINDOW) : start])[-1]
    if (supposed := _IF_NEXT.match(marked[end : end + 90])) and _WOULD.search(
        sentence + marked[start:end] + supposed[0]
    ):
        return True
    if _IF_THEN.search(sentence):
        return True
    supposed = _IF.search(sentence)
    return bool(supposed and _WOULD.search(sentence[supposed.end() :] + marked[start : end + 20]))
