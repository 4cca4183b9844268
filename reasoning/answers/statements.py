"""What the sentences of a reply do with the options they name: state, deny, concede, revise, or refuse to choose.

All patterns are for texts with marks in place of the options (:mod:`omnisense.reasoning.answers.option_marks`).
"""

from __future__ import annotations

import itertools
import re
from typing import NamedTuple

from omnisense.reasoning.answers.option_marks import MARK, letters_in

_HEDGE = (
    r"(?:(?:that|probably|most|likely|clearly|therefore|definitely|indeed|both|all|the|la|le|el|die|wohl|also|be|to)\s+)"
    r"{0,4}"
)
_JOIN = (
    r"(?:[\s,;/&、]|\b(?:and|or|und|oder|y|o|et|ou|maybe|possibly|perhaps|also|then|plus|as\s+well\s+as)\b"
    r"|和|或者?|还是|与|以及){1,6}"
)
_LIST = rf"({MARK}(?:(?:{_JOIN})?{MARK}){{0,9}})"
_VERB = r"(?:\b(?:is|are|was|would\s+be|should\s+be|must\s+be|include|ist|sind|es|son|est|sont|é|è)\b|[是为は])"
_IS = (
    r"(?:\s|\b(?:is|are|was|would\s+be|should\s+be|must\s+be|has\s+to\s+be|to\s+be|be|include|ist|lautet|sind|wäre|es|son|"
    r"sería|est|sont|serait|é|è|jest)\b|应该|[:=,]|->|→|[是为选は은는이]|'s\b|[-–—])"
)
_ANSWER = (
    r"\b(?:(?:answer|response|conclusion|antwort|lösung)s?|ans|antwoord|cevap|ответ|odpowiedź)\b"
    r"|\b(?:respuesta|réponse|risposta|resposta|alternativa|opzione)s?\b"
    r"(?:\s+(?:corr?ecte?t?t?[ao]?s?|corret[ao]|giusta|certa|bonne))?|答案|答え|正解|정답|답"
)
_OPTION = r"(?:choice|option|selection|opción)s?\b|选项"  # a colon after it may only open the list of them
_RIGHT = (
    r"(?:correct|right|true|answers?|best|likely|suitable|appropriate|accurate|fitting|better|richtig|korrekt|correct[ao]s?|"
    r"bonne|juste)\b|正确|对|最"
)
# "the answer is B"
_ANSWER_IS = re.compile(
    rf"(?:(final|最终)\s*)?(?:{_ANSWER}|^\W*(?:choice|option|selection)\b|(?:{_OPTION})(?=\s*(?:\w+\s+){{0,9}}?{_VERB}))"
    rf"(?:\s+(?:to|that|for|which|in|with|here|based|given)\b[^.;:!?,\n\ue000-\ue119]{{0,60}})?"
    rf"(?:{_IS}){{1,9}}\s*{_HEDGE}{_LIST}",
    re.IGNORECASE,
)
# "the most suitable one is B"
_RIGHT_ONE_IS = re.compile(
    rf"\b(?:best|most\s+\w+|right|correct|only)\s+\w+(?:\s+that\s[^.;:!?,\n\ue000-\ue119]{{1,60}})?\s+(?:is|are)\s*:?\s*{_LIST}"
    rf"|\bone\s+that\s[^.;:!?,\n\ue000-\ue119]{{1,60}}\s(?:is|are)\s+{_LIST}|\brichtig\s+ist\s+{_LIST}"
    rf"|(?:^|[\n|;])\s*(?:correct|right)\s*[:=]\s*{_LIST}"
    rf"|\b(?:corret[ao]|corretta|correct[ao]|correcte|giusta|certa|juiste|верный|правильный)\s+(?:é|è|es|est|is)\s+{_LIST}",
    re.IGNORECASE,
)
# "I choose B", "it's B", "the tone suggests B", "so B"
_CHOOSES = re.compile(
    rf"(?:\b(?:choose|chose|pick|select|go\s+with|opt\s+for|vote\s+for|settle\s+on|lean(?:ed|ing)?\s+(?:to|towards?)|i(?:'d|'ll)\s+say|favou?rs?"
    r"|i\s+(?:would\s+)?say|it's|it\s+is|it\s+(?:must|should)\s+be|that's|points?\s+(?:to|at)|leaves|leaving|suggests?"
    r"|indicates?|wähle|nehme|elijo|direi|scelgo|escolho|kies"
    rf"|escojo|choisis)\s+:?|应?故?选择?:?\s*){_HEDGE}{_LIST}"
    rf"|\b(?:so|therefore|thus|hence)\s*,?\s*{_LIST}(?=\s*(?:[.,;!]|$))",
    re.IGNORECASE,
)
# "B is the best answer", "B fits best"
_IS_RIGHT = re.compile(
    rf"{_LIST}\W{{0,3}}(?:\s*\bit\s+is\b|\s*(?:\b(?:is|are|seems|looks|appears|would\s+be|must\s+be|ist|sind|es|son|est|sont)\b|是)\s*"
    rf"(?:(?:to\s+be|the|a|la|el|le|die|most|by\s+far|clearly|also|both|all)\s+){{0,4}}(?:{_RIGHT})"
    rf"|\s*(?:正确|最)|\s+(?:best\s+)?(?:fits?|matches|describes|captures|passt|apply|applies)\b|\s+the\s+(?:better|best|correct|right)\b"
    r"|\s+wählen\b)",
    re.IGNORECASE,
)
# "At first B seems right", "while B is tempting"
_CONCEDES = re.compile(
    r"\b(?:while|although|though|even\s+if|at\s+first|initially|first\s+(?:instinct|thought|impression|guess)|tempt(?:ed|ing)"
    r"|seemed|(?:may|might|could|would)\s+(?:seem|look|appear|think|say|read|argue|call|expect)|obwohl|zunächst|aunque|bien\s+que)\b"
    r"|起初|虽然|尽管|乍一?看|一开始",
    re.IGNORECASE,
)
_SUPPOSES = re.compile(
    r"\b(?:whether|if|either|could|may|might|falls|wenn|ob|entweder)\b|可能|要么|如果", re.IGNORECASE
)
# "A... wait, no, B"
_REVISES = re.compile(
    r"(?:^|[.!?;,:…—–\n-]\s*)(?:(?:but|no|hmm+|oh|and|so|well)\b[,.\s]*){0,3}(?:wait|actually|correction|scratch\s+that"
    r"|on\s+(?:second\s+thoughts?|reflection|closer\s+inspection)|let\s+me\s+(?:re-?\w+|look\s+again|check\s+again)"
    r"|i\s+(?:misread|made\s+a\s+mistake)|moment|espera|attends)\b|等等|不对,",
    re.IGNORECASE,
)
_REVISED_TO = re.compile(
    rf"^(?:\W|\b(?:no|wait|actually|so|make|that|it|it's|is|rather)\b){{0,8}}({MARK})(?=\s*(?:[.,;!—–-]|$))", re.I
)
# "I'm afraid I can't view videos"
_REFUSES = re.compile(
    r"\b(?:i|we)(?:\s+(?:\w+\s+){0,2}|')?(?:can't|cannot|can\s+not|couldn't|don't|do\s+not|m\s+not\s+able|am\s+not\s+able"
    r"|m\s+unable|am\s+unable|won't|would\s+need)\s+(?:\w+\s+){0,3}?(?:see|view|watch|hear|access|process|determine|tell|say|identify"
    r"|answer|provide|help|assist|have|feel|verify|count|choose|know|more|to)\b"
    r"|\bunable\s+to\b|\bnot\s+able\s+to\b|\bcannot\s+be\s+determined\b|\b(?:not|isn't|un)\s*available\b"
    r"|\b(?:provide|upload|share|attach)\s+(?:the|a|your)\b|\bno\s+(?:way|video|image|audio|clip)\b|\bas\s+an\s+ai\b"
    r"|\bsorry\b[^.!?\n]{0,20}\b(?:i|but)\b|\bafraid\s+(?:that\b|i\b|not\b)|\b(?:happy|glad)\s+to\s+(?:help|assist|answer)\b"
    r"|\bnot\s+sure\b|\b(?:hard|difficult|impossible)\s+to\s+(?:say|tell|determine)\b|\b(?:it's|is)\s+unclear\b"
    r"|\bkann\b[^.\n]{0,40}\bnicht\b|\bno\s+puedo\b|\bne\s+peux\s+pas\b|\btut\s+mir\s+leid\b|\blo\s+siento\b|\bdésolée?\b"
    r"|无法|不能|看不到|抱歉|很难|不确定",
    re.IGNORECASE,
)
_NOT = re.compile(
    r"\b(?:not|never|neither|nor|cannot|without|doubt|unlikely|except|unlike|exclude|eliminate|nicht|kein|pas|rather\s+than"
    r"|instead\s+of|rule\s+out|rules\s+out|anything\s+but|no\s+es|jamás|nunca|non(?!-)|não|niet|geen|не"
    r"|(?:wrong|incorrect|least\s+\w+|worst)(?=(?:\s+(?!and\b|or\b)\w+){0,2}\s*$))\b|n't\b|不|并非|排除",
    re.IGNORECASE,
)
_NOT_AFTER = re.compile(
    rf"^(?:(?:{_JOIN}){MARK})*[^\w.,;!?(\n\ue000-\ue119]*(?:\b(?:is|are|was|seems?|can|could|do|does|did|has|would|ist|sind|est|es|é|è|está)\b)?"
    r"\s*(?:cannot|can't|isn't|aren't|n't|not\b|all\s+\w+\s+(?:wrong|incorrect)"
    r"|(?:the\s+)?(?:wrong|incorrect|least|worst)|false|out\b|unlikely|ruled|excluded"
    r"|contradicted|be\s+(?:ruled|excluded|eliminated)|falsch|nicht|pas\b|incorrect[oa]|(?:errad|sbagliat|incorret)[oa]|não\b"
    r"|non\b|niet\b|fout\b|не\b|невер|均?不|错误)",
    re.IGNORECASE,
)
_CLAUSE_START = re.compile(
    r"[.!?;:,\n…—–(]|\b(?:but|so|then|yet|however|therefore|because|sondern|sino|mais|pero)\b|但|因此|所以", re.I
)
_MOST_STATEMENTS = 100  # of one form; a reply that repeats itself until it is cut off says no more
_WINDOW = 160  # characters of a clause that are looked at before a statement


class Stated(NamedTuple):
    """The letters of one statement (several where it joins them), and whether it calls them final."""

    letters: str
    is_final: bool
    joined_by_or: bool


def stated(marked: str) -> list[Stated]:
    """Return the statements of a text, in its order, that are neither denied, conceded, supposed nor asked."""
    found: list[tuple[int, Stated]] = []
    if not re.search(MARK, marked):
        return []
    for pattern in (_ANSWER_IS, _RIGHT_ONE_IS, _CHOOSES, _IS_RIGHT):
        for match in itertools.islice(pattern.finditer(marked), _MOST_STATEMENTS):
            group = match.lastindex or 0
            is_final = pattern is _ANSWER_IS and bool(match[1])
            start, end = match.start(), match.end(group)
            if pattern is not _IS_RIGHT:
                end = _end_of_list(marked, match.start(group), end)
            if end < match.end(group):  # what is denied after the list is its tail
                denied = bool(_NOT.search(clause_before(marked, start)))
            else:
                denied = is_denied(marked, start, end)
            if not (denied or _is_withdrawn(marked, start, match.end(), end)):
                names = marked[match.start(group) : end]
                found.append((end, Stated(letters_in(names), is_final, bool(_OR.search(names)))))
    return [statement for _, statement in sorted(found, key=lambda pair: pair[0])]


_OR = re.compile(r"/|\b(?:or|oder|o|ou|maybe|possibly|perhaps)\b|或|还是", re.IGNORECASE)
# "the answer is B, and A is wrong": A begins a clause of its own
_OWN_CLAUSE = re.compile(
    r"\s*(?:(are|do|have|sind|son|sont)|is|isn't|was|would|does|doesn't|has|can|cannot|can't|could|seems|shows|suggests|ist|est|es)\b"
    r"|\s*(?:错误?|不)",
    re.IGNORECASE,
)


def _end_of_list(marked: str, start: int, end: int) -> int:
    """Return where a list of options ends that a statement closes with, without the ones that begin the next clause."""
    places = [start + match.start() for match in re.finditer(MARK, marked[start:end])]
    clause = _OWN_CLAUSE.match(marked[end : end + 20])
    kept = len(places) - (0 if clause is None else 2 if clause[1] else 1)
    return places[kept - 1] + 1 if 0 < kept < len(places) else end


def clause_before(marked: str, at: int) -> str:
    """Return what stands before a place in its clause."""
    before = marked[max(0, at - _WINDOW) : at]
    starts = [match.end() for match in _CLAUSE_START.finditer(before)]
    return before[starts[-1] :] if starts else before


def clause_after(marked: str, at: int) -> str:
    """Return what stands after a place in its clause."""
    return re.split(r"[.!?;:,\n]|\bbut\b", marked[at : at + _WINDOW], maxsplit=1)[0]


def is_denied(marked: str, start: int, end: int) -> bool:
    """Whether a clause denies what stands from ``start`` to ``end``: "not A", "A is wrong", "I doubt that it is A"."""
    return bool(_NOT.search(clause_before(marked, start)) or _NOT_AFTER.match(marked[end : end + _WINDOW]))


def denies_next(words: str) -> bool:
    """Whether folded words end in a negation of what follows: "not", "instead of a"."""
    return bool(_DENIES_NEXT.search(words[-40:]))


_DENIES_NEXT = re.compile(
    r"\b(?:not|never|no|nor|neither|isn't|aren't|wasn't|can't|cannot|without|rather than|instead of|except|unlike"
    r"|exclude|eliminate|rule out|nicht|kein|pas)\b(?: (?!but\b|so\b|then\b|yet\b)\w+){0,2} $"
)


def is_conceded(marked: str, start: int, end: int) -> bool:
    """Whether a clause names an option to set it aside: "at first A seems right", "A would show a smile"."""
    around = clause_before(marked, start) + marked[start:end] + clause_after(marked, end)
    return bool(_CONCEDES.search(around) or re.match(r"\W*(?:would|suggests?|requires?)\b", marked[end : end + 20]))


def _is_withdrawn(marked: str, start: int, end: int, after_names: int) -> bool:
    """Whether a statement is conceded, is supposed, is a question, or leaves out a part that its clause denies."""
    around = clause_before(marked, start) + marked[start:end] + clause_after(marked, end)
    if _CONCEDES.search(around) or _SUPPOSES.search(clause_before(marked, start) + marked[start:after_names]):
        return True
    return bool(re.match(r"\s*\?", marked[after_names : after_names + 3]))


def after_revision(marked: str) -> str | None:
    """Return what follows the last place where a reply revises itself; None when it does not."""
    places = list(_REVISES.finditer(marked))
    return marked[places[-1].end() :] if places else None


def revised_letter(tail: str) -> str:
    """Return the letter that a revision begins with: ``B`` for ``no, B.``; empty when there is none."""
    match = _REVISED_TO.match(tail)
    return letters_in(match[1]) if match else ""


# "if I had to pick, D"
_FORCED = re.compile(
    r"\bif\s+(?:i\s+)?(?:had|have|must|were|am|forced|pressed)\b(?:\s+\w+){0,4}?\s+(?:pick|choose|guess|answer|decide|bet)\b"
    r"(?:\s+(?:one|now))?\s*,?\s*(?:(?:i'd|i\s+would|i'll)\s+(?:say|pick|choose|guess|go\s+with|bet\s+on)"
    r"|it(?:'s|\s+is|\s+would\s+be|'d\s+be))?",
    re.IGNORECASE,
)
_ANYTHING_BUT = re.compile(r"\banything\s+but\b", re.IGNORECASE)
# "between B and C, C fits better"
_BETWEEN = re.compile(rf"\bbetween\s+{MARK}\s+(?:and|or)\s+{MARK}\s*,", re.IGNORECASE)


def settle(marked: str) -> str:
    """Return a text whose forced choices ("if I had to pick, B") are choices, without the pairs it chooses between."""
    marked = _ANYTHING_BUT.sub("not", marked)
    return _BETWEEN.sub(",", _FORCED.sub("I choose ", marked))


def refuses(text: str) -> bool:
    """Whether a reply says that it cannot answer."""
    return bool(_REFUSES.search(text))


# "A - correct, B - incorrect"
_VERDICT = re.compile(
    rf"({MARK})(?:[\s.):=>|–—-]|\b(?:is|are|ist|est|es)\b|是){{0,8}}(?:(not\s+(?:correct|right|true)|incorrect|wrong|false|no\b"
    r"|falsch|错误?|不正确|不对|[✗✘❌×])|(correct|right|true|yes|richtig|正确|对|[✓✔✅☑]))(?!\w*\s+(?:answer|choice|option))",
    re.IGNORECASE,
)


# "✅ A, ❌ B"
_TICK_BEFORE = re.compile(rf"(?:([✗✘❌×])|[✓✔✅☑])\s*({MARK})")


def verdicts(marked: str) -> dict[str, bool]:
    """Return the options that a list of verdicts judges, and how; empty when it is no such list."""
    judged: dict[str, bool] = {}
    first = re.search(rf"[✗✘❌×✓✔✅☑]|{MARK}", marked)
    if first and not re.match(MARK, first[0]):
        found = [(letters_in(match[2]), not match[1]) for match in _TICK_BEFORE.finditer(marked)]
    else:
        found = [(letters_in(match[1]), bool(match[3])) for match in _VERDICT.finditer(marked)]
    for letter, is_right in found:
        if judged.setdefault(letter, is_right) != is_right:
            return {}
    return judged if len(judged) > 1 and set(judged) == set(letters_in(marked)) else {}
