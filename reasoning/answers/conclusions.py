"""What a reply closes with: its last line or sentence, its conclusion, or the one option that it has not set aside.

All patterns are for texts with marks in place of the options (:mod:`omnisense.reasoning.answers.option_marks`).
"""

from __future__ import annotations

import re

from omnisense.reasoning.answers.hesitation import ends_undecided, refuses, wavers
from omnisense.reasoning.answers.normalize import Reading
from omnisense.reasoning.answers.option_marks import MARK, letter_of, letters_in
from omnisense.reasoning.answers.passages import is_cut_off
from omnisense.reasoning.answers.statements import firmly_held, held_letters, is_denied, is_set_aside
from omnisense.reasoning.answers.suppositions import is_conditional

_LAST_LINE = re.compile(rf"(?:^|\n)[^\w\n\ue000-\ue119]*({MARK})[^\w\n\ue000-\ue119]*$")
_LAST_LINES = re.compile(
    rf"(?:^|\n)[^\w\n\ue000-\ue119]*{MARK}[^\w\n\ue000-\ue119]*\n[^\w\n\ue000-\ue119]*{MARK}[^\w\n\ue000-\ue119]*$"
)
# "Best match: B" as the last line, "C." as the last sentence
_LAST_LABEL = re.compile(rf"(?:^|\n)((?:[\w']+ ){{0,3}}[\w']+)\s*[:=–—-]\s*({MARK})[^\w\n\ue000-\ue119]*$")
_LAST_SENTENCE = re.compile(
    rf"(?<=[\w\"')][.!?:;] )(?<!\n\d[.:] )(?:the\s+|an?\s+)?({MARK})(?:,?\s+(?:then|it\s+is))?[^\w\n\ue000-\ue119]*$",
    re.IGNORECASE,
)
_CLAUSE_END = re.compile(
    r"[,;:–—]|\b(?:but|while|whereas|although|though|yet|compared\s+(?:with|to)|aber|mais|pero|mas|ma)\b|但",
    re.IGNORECASE,
)
_SENTENCE_END = re.compile(r"(?<=[.!?。！？;；])(?=\s|[^\x00-\x7f])|\n")
_CONCLUSION = re.compile(
    r"(?:(?<=[.!?\n]\s)|(?<=\n)|\A)(?:overall|so|therefore|thus|hence|in\s+conclusion|in\s+summary|in\s+short|all\s+in\s+all|taken\s+together|to\s+conclude"
    r"|putting\s+(?:it|this|these|everything)|(?:con)?sequently|on\s+balance|insgesamt|daher|also|en\s+conclusion|donc|en\s+resumen|por\s+(?:lo\s+)?tanto"
    r"|in\s+sintesi|quindi|portanto|综上|总之|因此|所以|(?:my\s+|final\s+){0,2}(?:verdict|conclusion|answer|decision)(?=\W*\n))\b",
    re.IGNORECASE,
)
# "the trembling tips it toward B", "it is closer to B": weighs the options and decides
_DECIDES = re.compile(
    r"(?:\A\W*|[,;:.!?—–]\s*|\band\s+)so\b|\b(?:therefore|thus|hence|overall|ultimately|finally|consequently|in\s+(?:conclusion|summary|short|the\s+end)|on\s+balance|all\s+in\s+all"
    r"|taken\s+together|altogether|(?:which|that|this)\s+(?:makes|leaves|means|points|tells|suggests)|tells?\s+me|better|best|closest|closer|strongest|stronger|rather|tips?|tipped"
    r"|lean(?:s|ing|ed)?|toward|towards|settle\w*|convince\w*|decid\w+|decisive|wins?|what\s+remains|what(?:'s|\s+is)\s+left|supported\s+by|comes?\s+from|winner|in\s+favou?r|makes\b|belongs?\s+to|dominat\w+|prevail\w*|stands\s+out|outweighs?|definitely|has\s+to\s+be|must\s+be"
    r"|(?:more|most)\s+\w+|the\s+most\b|comes?\s+first|makes\s+(?:more|the\s+most)\s+sense|leaves|leaving|final"
    r"|daher|deshalb|somit|eher|insgesamt|letztlich|damit|am\s+(?:ehesten|besten|meisten|wahrscheinlichsten)|bleibt|donc|plutôt|davantage|finalement|mieux"
    r"|por\s+(?:lo\s+)?tanto|así\s+que|más\s+bien|en\s+definitiva|finalmente|mejor|más\s+probable|portanto|logo|mais\s+provável|melhor|quindi|dunque|piuttosto|meglio)\b"
    r"|更|最|所以|因此|综上|总之|应该|倾向|还是|したがって|よって|最も|と思|でしょう|より",
    re.IGNORECASE,
)


# "the emotion she shows is B.": a sentence whose predicate is an option
_ASSERTS = re.compile(
    rf"(?<!\bcan\s)(?<!would\s)\b(?:is|are|was|were|be|seems?|looks?|sounds?|feels?|felt|shows?|expresses|conveys|displays)\s+(?:(?:to|be|like|really|very|quite|so|clearly|most|likely|probably"
    rf"|the|an?|genuine|genuinely|truly|actually)\s+){{0,4}}({MARK})(?=\s*(?:[.,;!:\n–—]|$))",
    re.IGNORECASE,
)


# "I'm fairly confident in B", "My money is on B"
_OWN_VOICE = re.compile(
    r"\W*(?:(?:so|and|but|then|now|yes|ok(?:ay)?)\W+){0,2}(?:i|i'm|i'd|i'll|i've|my|mine|for\s+me|to\s+me|in\s+my|(?:this|these|that|those)\s+(?:is|are))\b",
    re.IGNORECASE,
)
_CONCESSIVE = re.compile(
    r"\W*(?:(?:even\s+)?though|although|while|whilst|whereas|even\s+if|despite|obwohl|auch\s+wenn|aunque|bien\s+que|虽然|尽管)\b",
    re.IGNORECASE,
)


# "Nobody is speaking: the man reads", "The woman, whereas the man is silent"
_OPENING = re.compile(
    rf"\A[^.!?:;\n\ue000-\ue119]{{0,40}}({MARK})[^.!?,:;\n\ue000-\ue119]{{0,40}}(?::\s|,?\s+(?:whereas|while|whilst|unlike)\b)",
    re.IGNORECASE,
)


_LABELLED = re.compile(rf"{MARK}\s?:")


def closing_letter(marked: str) -> Reading:
    """Return the letter on the last line, after a label or as the last sentence; ``how`` is empty where none is."""
    if (several := _LAST_LINES.search(marked)) and len(letters_in(several[0])) > 1:
        return Reading("", f"several letters where one is asked for ({letters_in(several[0])})")
    if (last := _LAST_LINE.search(marked)) and not _goes_on_with(marked[: last.start()], letter_of(last[1])):
        return Reading(letter_of(last[1]), "a letter on the last line")
    if (last := _LAST_LABEL.search(marked)) and not is_denied(marked, last.start(2), last.end(2)):
        return Reading(letter_of(last[2]), "a letter on the last line")
    if (last := _LAST_SENTENCE.search(marked)) and not is_conditional(marked, *last.span(1)):
        return Reading(letter_of(last[1]), "a letter as the last sentence")
    return Reading("", "")


_ITEM = re.compile(rf"^[^\w\n\ue000-\ue119]*(?:\d{{1,2}}[.)]\s*)?({MARK})[^\n]*(?:\n|\Z)", re.MULTILINE)
_GOES_THROUGH = re.compile(
    r"\b(?:each|every|one\s+by\s+one|in\s+turn|one\s+at\s+a\s+time|step\s+by\s+step|go(?:ing)?\s+through|the\s+options|options\s*:|\|\s*-{2,}[\s|:-]*)[^.\n]{0,120}:?\s*\Z",
    re.IGNORECASE,
)


def without_items(marked: str) -> str:
    """Return a marked text without the items of a list of options, of which each says something of one."""
    items = {letter_of(item[1]) for item in _ITEM.finditer(marked)}
    first = _ITEM.search(marked)
    is_list = len(items) > 1 or (first is not None and _GOES_THROUGH.search(marked[: first.start()]))
    return _ITEM.sub("\n", marked) if is_list else marked


def _goes_on_with(before: str, letter: str) -> bool:
    """Whether a letter alone on the last line is the next item of a list that breaks off there."""
    items = _ITEM.findall(before)
    return letter_of(items[-1]) == chr(ord(letter) - 1) if items else bool(_GOES_THROUGH.search(before))


def unopposed(marked: str) -> Reading:
    """Return the only option that a marked text names without setting it aside, or the one that it closes with."""
    if is_cut_off(marked) or wavers(marked):
        return Reading("", "")
    marked = without_items(marked)
    if (last := _LAST_SENTENCE.search(marked)) and not is_conditional(marked, *last.span(1)):
        return Reading(letter_of(last[1]), "an option as the last sentence")
    held = held_letters(_CONCLUSION.split(marked)[-1]) if _CONCLUSION.search(marked) else set()
    if len(held) == 1:
        return Reading(held.pop(), "a conclusion")
    if (opening := _OPENING.match(marked)) and not is_set_aside(marked, *opening.span(1)):
        rest = marked[opening.end() :]
        if len(held_letters(opening[0])) == 1 and not _LABELLED.search(rest) and not _DECIDES.search(rest):
            return Reading(letter_of(opening[1]), "the option that it opens with")
    held = firmly_held(marked)
    if len(held) == 1:
        return Reading(held.pop(), "the only option that it does not set aside")
    return Reading("", "")


def weighed(marked: str) -> Reading:
    """Return the one option that the last sentence to hold any decides for; ``how`` is empty where none does."""
    if is_cut_off(marked) or ends_undecided(marked) or refuses(marked):
        return Reading("", "")
    marked = without_items(marked)
    for sentence in reversed(_SENTENCE_END.split(marked)):
        if not (held := held_letters(sentence)):
            continue
        concedes = bool(_CONCESSIVE.match(sentence))  # its main clause comes last
        if len(held) > 1:
            clauses = [c for c in reversed(_CLAUSE_END.split(sentence)) if concedes or _DECIDES.search(c)]
            held = next((letters for letters in map(held_letters, clauses) if letters), set())
        if len(held) == 1 and (concedes or _DECIDES.search(sentence) or _OWN_VOICE.match(sentence)):
            return Reading(held.pop(), "what it decides for in the end")
        break
    asserted = {letter_of(match[1]) for match in _ASSERTS.finditer(marked) if not is_set_aside(marked, *match.span(1))}
    if any(asserted < held_letters(sentence) for sentence in _SENTENCE_END.split(marked) if asserted):
        return Reading("", "")  # "he is A, she B"
    return Reading(asserted.pop(), "the only option that it asserts") if len(asserted) == 1 else Reading("", "")


def after_refusal(marked: str) -> Reading:
    """Read a reply that names one option after "I can't be sure, but"; ``how`` is empty otherwise."""
    despite = _DESPITE.split(marked)
    if len(despite) == 1 or refuses(despite[-1]) or is_cut_off(marked):
        return Reading("", "")
    held = held_letters(despite[-1])
    return Reading(held.pop(), "an answer despite a reservation") if len(held) == 1 else Reading("", "")


_DESPITE = re.compile(r"\b(?:but|however|nevertheless|nonetheless|still|judging)\b", re.IGNORECASE)
