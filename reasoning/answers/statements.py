"""What the sentences of a reply do with the options they name: state, deny, concede, revise, or refuse to choose.

All patterns are for texts with marks in place of the options (:mod:`omnisense.reasoning.answers.option_marks`).
"""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Iterator
from typing import NamedTuple

from omnisense.reasoning.answers.conjunctions import AND, OR
from omnisense.reasoning.answers.option_marks import MARK, letter_of, letters_in
from omnisense.reasoning.answers.suppositions import is_attributed, is_conditional, is_guessed, is_told_to_choose

_HEDGE = (
    r"(?:(?:that|probably|most|likely|clearly|therefore|thus|hence|then|definitely|indeed|really|actually|simply|both|all|the|la|le|el|die"
    r"|wohl|also|be|to|again|still|now|for|donc|ainsi|plutôt|a|o|il|lo|den|das|daher|somit|folglich|eher|luego|pues|quindi|dunque|portanto|clairement)"
    r"\s+){0,4}"
)
_JOIN = (
    rf"(?:[\s,;/&+、]|{AND}|{OR}|\b(?:maybe|possibly|perhaps|also|then|simply|just|even|(?:(?:al|together)\w*\s+)?with)\b"
    r"){1,6}"
)
_LIST = rf"({MARK}(?:(?:{_JOIN})?{MARK}){{0,9}}+)"
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
    r"(?:(?<=most\s)(?:plausible|probable|convincing|consistent|reasonable|precise|natural|supported)|correct|right|true|answers?|best|strongest|closest|likely|suitable|appropriate|accurate|fitting|better|richtig|korrekt|correct[ao]s?|"
    r"bonne|juste)\b|正确|对|最"
)
_LABEL = (
    r"(?:choice|option|selection|selected|prediction|verdict|label|pick|result|decision|guess|final|overall|remaining|conclusion|summary"
    r"|judg(?:e)?ment|classification|best\s+\w+|结论|综上)"
)
# "the answer is B"
_ANSWER_IS = re.compile(
    rf"(?:(final|overall|corrected|revised|updated|最终)\s*)?(?:{_ANSWER}|(?:^|\n|(?<=[.!?]\s))(?:on\s+balance|all\s+in\s+all|in\s+the\s+end|in\s+(?:conclusion|sum|summary|short)|overall)(?=\s*[:,])|(?:^|\n|(?<=[.!?]\s))\W*(?:\w+\s+)?{_LABEL}\b(?=\s*[:=]|\s+is\b)|(?:{_OPTION})(?=\s*(?:\w+\s+){{0,9}}?{_VERB}))"
    rf"(?:\s+\d{{1,2}}(?=\s*:))?(?:\s+(?:to|that|for|which|in|with|here|based|given|i|i'm|i'd|we|above|below|left|among)\b[^.;:!?,\n\ue000-\ue119]{{0,60}})?"
    rf"(?:{_IS}){{1,9}}\s*{_HEDGE}{_LIST}",
    re.IGNORECASE,
)
# "the most suitable one is B"
_RIGHT_ONE_IS = re.compile(
    rf"\b(?:best|most\s+\w+|right|correct|only)\s+(?:\w+\s+){{1,4}}?(?:that\s[^.;:!?,\n\ue000-\ue119]{{1,60}}\s)?"
    rf"(?:is|are|remains)\s*:?\s*{_HEDGE}{_LIST}"
    rf"|\b(?:(?:one|emotion|feeling|label|option|answer|description|person|speaker|man|woman|reason|reply|response|word|sign|cue)s?|people|men|women)\s+(?:that|who|which|whose)"
    rf"\s[^.;:!?,\n\ue000-\ue119]{{1,60}}\s(?:is|are|was)\s+{_HEDGE}{_LIST}"
    rf"|\b(?:ones?|options?|answers?)\s+(?:that\s+)?i(?:'d|'ll|\s+would|\s+will)?\s+(?:tick|pick|choose|select|mark|keep|check|go\s+(?:with|for))\s+(?:is|are|would\s+be)\s*:?\s*{_HEDGE}{_LIST}"
    rf"|\bwhat\s+i\s+(?:can\s+|do\s+)?(?:observe|see|hear|notice|find|recogni[sz]e|make\s+out)\s+(?:here\s+)?(?:is|are)\s+{_HEDGE}{_LIST}"
    rf"|\b(?:richtig|korrekt|zutreffend)\s+(?:ist|sind|wären?)\s+{_HEDGE}{_LIST}"
    rf"|(?:^|[\n|;])\s*(?:correct|right|yes|true|applies|present|selected)\s*[:=]\s*{_LIST}"
    rf"|\b(?:corret[ao]|corretta|correct[ao]|correcte|giusta|certa|juiste|верный|правильный)\s+(?:é|è|es|est|is)\s+{_LIST}",
    re.IGNORECASE,
)
# "I choose B", "it's B", "the tone suggests B", "so B"
_CHOOSES = re.compile(
    rf"(?:\b(?:choose|chose|pick|select|go(?:ing)?\s+with|i(?:'d|'ll|\s+would)\s+go|opt\s+for|vote\s+for|settle\s+on|lean(?:ed|ing)?\s+(?:to|towards?)|i(?:'d|'ll)\s+say|favou?rs?"
    r"|i\s+(?:would\s+)?say|i\s+conclude\s+that|i(?:'d|'ll|\s+would|\s+will)\s+(?:answer|reply|respond|label|put|call|classify|tag|describe|name|guess|bet|submit|enter|write|type)(?:\s+(?:with|on|it|this|that|as|down|for|her|him|them))*|i\s+(?:think|believe|guess|suppose|reckon)(?:\s+that)?(?:\s+it(?:'s|\s+is|\s+was))?|so\s+it\s+would\s+be(?![^.!?\n]*\bif\b)|go\s+for|st(?:ay|ick)\s+with|mak(?:es|ing)\s+(?:it|this)|corresponds?\s+to|equals|(?:would|i'd)\s+report|i(?:'d|\s+would)(?=\s+[\ue100-\ue119])|it's|it\s+is|it\s+(?:must|should)\s+be|that's|points?\s+(?:to|at)|(?:(?<!\bthen\s)(?<!\band\s)(?<!he\s)(?<!who\s)leaves|(?<=,\s)leaving|(?<=,\sthus\s)leaving)(?:\s+(?:us|me|only|just|with)){0,3}|suggests?"
    rf"|indicates?|apuntan?\s+a|indican?|indicano|suggère\w*|indique\w*|exprime\w*|suggerisc\w+|speaks?\s+for|argues?\s+for|spricht\s+für|sprechen\s+für|deutet\s+auf|deuten\s+auf|c'est|wähle|nehme|bleib(?:t|en)|es\s+ist(?=\s+(?:\w+\s+){{0,3}}{MARK}\s*(?:[.!]|$))|je\s+réponds|elijo|direi|scelgo|escolho|kies"
    rf"|escojo|choisis)\s+:?|应?故?选择?:?\s*){_HEDGE}{_LIST}"
    rf"|\b(?:so|therefore|thus|hence|rather|most\s+(?:likely|probably)|probably|sondern|eher|mais|sino|因此|所以|而是)\s*[,:]?\s*"
    rf"(?:(?:选项?|la|le|only|just)\s*)?{_LIST}(?=(?:\s+(?:only|alone))?\s*(?:[.,;!:。]|$))|(?:(?:^|\n|(?<=[.!?]\s))(?:only|just))\s+{_LIST}(?=\s*(?:[.!]|$))|\bbut\s+(?:really|actually|in\s+fact)\s+(?:an?\s+)?{_LIST}|(?<![\ue000-\ue119])\s(?:=>|⇒|→|->)\s*{_LIST}",
    re.IGNORECASE,
)
# "B is the best answer", "B fits best"
_IS_RIGHT = re.compile(
    rf"{_LIST}[^\w\ue000-\ue119]{{0,3}}(?:\s*\bit\s+is\b|\s*(?:\b(?:is|are|seems|looks|appears|would\s+be|must\s+be|ist|sind|es|son|est|sont)\b|是)\s*"
    rf"(?:(?:to\s+be|the|a|la|el|le|die|most|by\s+far|clearly|also|both|all)\s+){{0,4}}(?:{_RIGHT})"
    rf"|\s*(?:正确|最)|\s+(?:best\s+)?(?:fits?|matches|describes|captures|passt|apply|applies)\b|\s+instead(?=\s*[.,;!\n]|\s*$)|\s+(?:stands|remains|wins|prevails|holds)(?=\s*(?:[.,;!]|$))|\s+the\s+(?:better|best|correct|right)\b"
    r"|\s+(?:is|are|would\s+be)\s+(?:my|our)\s+(?:final\s+)?(?:pick|choice|answer|guess|vote|selection)|\s+(?:is|are|was)\s+the\s+(?:only\s+)?(?:one|person|speaker)\s+who\b|\s+(?:is|are)\s+the\s+(?:only\s+)?(?:one|option)\s+(?:that|which)\s+(?:remains|is\s+left|fits|matches|makes\s+sense|works|applies)\b|\s+(?:is|are)\s+(?:what|the\s+one)\s+i(?:'d|\s+would|'ll)?\s+(?:choose|pick|go\s+with|select|say)\b"
    r"|\s+wählen\b|\s*(?:です|である|だ|입니다|이다|예요)(?=\W|$))",
    re.IGNORECASE,
)
# "At first B seems right", "while B is tempting"
_CONCEDES = re.compile(
    r"\b(?:while|although|though|even\s+if|at\s+first|initially|first\s+(?:instinct|thought|impression|guess)|tempt(?:ed|ing)"
    r"|seemed|(?<!\bi\s)(?:may|might|could|would)\s+(?:seem|feel|look|appear|think|say|read|argue|call|expect|pick|choose)|obwohl|zunächst|aunque|bien\s+que"
    r"|(?:my|the|a|an)\s+(?:initial|first(?!\s+choice\s+is)|preliminary|tentative|second|reasonable|alternative)\s+(?:\w+\s+)?(?:answer|guess|choice|selection|pick|reading)"
    r"|(?:initial|first(?!\s+choice\s+is)|preliminary|tentative)\s+(?:answer|guess|choice|selection|pick|instinct|reaction)|(?:was|were)\s+(?:about|going|inclined|ready)\s+to"
    r"|you\s+(?:chose|picked|said|answered|wrote|selected|marked)|second\s+most|(?:odd|strange|wrong|absurd)\s+to\s+call|competitor|(?:just|only|merely)\s+what|(?:most|some|many|other)\s+(?:people|viewers|listeners|observers|readers)|easy\s+to|(?:i'd|i\s+would|would)(?:\s+have|'ve)\s+\w+|(?:everyone|everybody)\s+(?:else|in)|the\s+others\s+(?:are|seem|look)|thought\s+to|on\s+croi\w+|croire|dirait|parece\s+que|(?:feelings?|emotions?|things?|words?|labels?)\s+(?:like|such\s+as)|one\s+(?:has|needs|must|should)\s+\w+|at\s+this\s+point|(?:was|were)\s+(?:leaning|tending)|i(?:'d|\s+would)\s+(?:normally|usually|otherwise|initially)|(?:that|this|which)\s+would\s+(?:be|mean|suggest)(?=\s+(?:\w+\s+)?[\ue000-\ue119])|(?:was|were)\s+still|(?:made|makes?)\s+(?:me|you|us|one)\s+think|(?:says|said|claims|claimed|pretends|insists)\s+(?:that\s+)?(?:to\s+be|(?:he|she|they)(?:'s|\s+is|\s+are)?)|(?<!things\s)consider(?:ed|ing)|(?:bit|touch|hint|trace|tinge|dash|element|undertone)s?\s+of|(?:first|initial)\s+(?:glance|sight)"
    r"|nur\s+(?:bei|wenn|falls)|only\s+(?:if|when)|would\s+be\s+(?:a|the)\s+(?:defensible|natural|reasonable|obvious|tempting|first|opposite|choice|answer)"
    r"|ersten\s+blick|zuerst|anfangs|(?<!\bich\s)würden?|könnte\s+man|on\s+pourrait|au\s+début|première\s+vue|primera\s+vista|al\s+principio|all'inizio|a\s+prima\s+vista)\b"
    # "jealousy can hurt", "to be sad, one has to": of the feeling itself
    r"|\A\W*(?:\w+\s+){0,2}[\ue000-\ue119]\s+(?:\w+\s+)?(?:comes?\s+from|means|refers\s+to|usually|normally|typically|generally|often|tends?\s+to|can\s+(?!(?:\w+ly\s+)?be\b)|is\s+part\s+of|is\s+an?\s+(?:\w+\s+)?(?:emotion|feeling|longing|state|term|word|concept)\b)"
    r"|\A\W*(?:in\s+order\s+)?to\s+(?:be|feel|count\s+as|qualify\s+as)\s+[\ue000-\ue119]\s*\Z"
    r"|\bi\s+(?:hope|wish)\b|\b(?:let's\s+hope|if\s+only|(?:any|some|every)(?:one|body)\s+(?:\w+\s+){0,3}(?:should|would|ought)|(?:tries|tried|trying)\s+to\s+(?:look|appear|seem|sound)|mistake|misread\w*|misinterpret\w*|pitfall|wrong\s+answer|(?:wants?|wanted|tries|trying)\s+\w+\s+to\s+(?:believe|think))\b"
    r"|\bmy\s+(?:cat|dog|friend|mother|mom|mum|father|dad|boss|neighbou?r|wife|husband|brother|sister|son|daughter|teacher)\b|(?<=[\ue100-\ue119])\s+people\b|有人|一开始|最初|虽然|尽管|乍一?看|一开始",
    re.IGNORECASE,
)
_SUPPOSES = re.compile(
    r"\b(?:whether|if|unless|either|who\s+(?:should|ought)|between(?=\s+[\"']?[\ue000-\ue119])|were|could|may|might|falls|wenn|ob|entweder|könnten?)\b|可能|要么|如果",
    re.IGNORECASE,
)
_NOT = re.compile(
    r"\b(?:not|never|neither|nor|weder|noch(?=\s*[\"'(]*$)|cannot|without|doubt|disagree\s+with(?!\s+(?:it|that|this|them)\b)|unlikely|except|unlike|exclude|eliminate|nicht|kein|pas|rather\s+than|opposite\s+of"
    r"|instead\s+of|over\s+the|(?:ruled?|rules|ruling)\s+out|exclud(?:es|ed|ing)|eliminat(?:es|ed|ing)|removes?|removed|(?:strike|struck|rule|cross(?:ed)?|throw|leave)\s+out|tampoco|as\s+opposed\s+to|(?:strik|scratch|scrap|cancel|omit|skip|ditch|discount|dismiss|kill)(?:e|ing|s|es|ed|ting|ted)?(?=\s*[\"'(]*$)|ni(?=\s*[\"'(]*$)|descart\w+|elimin[aoó](?!t)\w*|élimin\w+|écart\w+|exclu\w+|ausgeschlossen|ausschließen|schließe\w*|reject(?:s|ed)?|discard(?:s|ed)?|drop(?:ped|s)?"
    r"|far\s+from|no\s+longer|wrong\s+to|speaks?\s+against|no\s+(?:\w+\s+){0,3}?(?:of|for)|anything\s+but|nothing(?!\s+but)|at\s+no\s+(?:time|point|moment)|no\s+es|jamás|nunca|non(?!-)|não|niet|geen|не"
    r"|(?:wrong|incorrect|least\s+\w+|worst)(?=(?:\s+(?!and\b|or\b)\w+){0,2}\s*$)|no(?=(?:\s+\w+)?\s*[\"'(]*$)|nobody|no\s+one|none\s+of(?!\s+the\s+other)|no\s+(?:\w+\s+){1,6}(?:that|which)(?:\s+(?:would|could|might|may|can))?(?=\s*$)|than(?=(?:\s+(?:it|is|a|the))*\s*[\"'(]*$))\b|n't\b|不|并非|而非|没有?(?!错)|无(?![疑论])|排除",
    re.IGNORECASE,
)
_NOT_AFTER = re.compile(
    rf"^(?:'s(?:\s\w+){{1,2}})?(?:(?:[\x20,/&、]|\b(?:and|or|und|oder|y|o|et|ou)\b|和|或){{1,6}}{MARK})*[^\w.,;!?(|\n\ue000-\ue119]*(?:\b(?:is|are|was|seems?|can|could|do|does|did|has|have|would|should|may|ist|sind|est|es|é|è|está|scheide[tn]|pass(?:t|en)|komm(?:t|en)|stimm(?:t|en)|ne\s+\w+|gibt\s+es|liegen|there\s+(?:is|are|'s))\b)?"
    r"(?:\s+(?:all|both|also|already|thus|therefore|then|\w+ly|safely|be|been|auch|ebenfalls|damit|somit|daher|aber|beide|alle)\b){0,3}\s*(?:cannot|\w{2,6}n't\b|n't|not\b|never\b|all\s+\w+\s+(?:wrong|incorrect)"
    r"|(?:the\s+)?(?:wrong|incorrect|less|least|worst)(?!\s*[:=]\s*[\ue000-\ue119])|false(?!\s*[:=]\s*[\ue000-\ue119])|out\b|aus\b|unlikely|ruled|excluded|eliminated|(?:has|have|had)\s+to\s+go\b|to\s+go\b|goes\s+out|(?:\w+\s+)?(?:true|right|correct|plausible|possible|fair|tempting|close|accurate|reasonable|expected),?\s+but\s+(?:too|not|never|only|it|that|less|vague|in\w+|un\w+)\b"
    r"|contradicted|falls?\s+away|gone\b|off\s+the\s+table\b|dismissed|discarded|rejected|put\s+aside|set\s+aside|crossed\s+(?:off|out)|struck|scratched|implausible|impossible|absent|unsupported|makes?\s+(?:no|little)\s+sense|hardly|nowhere|no\s+(?:\w+\s+)?(?:evidence|signs?|hints?|indications?|support)\b|falsch|nicht|keine?(?!\w)|pas\b|incorrect[oa]|(?:errad|sbagliat|incorret)[oa]|não\b"
    r"|non\b|niet\b|fout\b|не\b|невер|都?均?(?:可以)?(?:不|排除)|错误|では?な|ではあり|じゃな|[은는이가]\s?아)",
    re.IGNORECASE,
)
_CLAUSE_START = re.compile(
    r"[.!?;:,\n…—–()|。,;]|\b(?:but|so|then|yet|however|therefore|because|sondern|sino|mais|pero)\b|但|因此|所以", re.I
)
_MOST_STATEMENTS = 100  # of one form; a reply that repeats itself until it is cut off says no more
_ANY_MARK = re.compile(MARK)
_FARTHEST = 400  # characters
_WINDOW = 160  # characters of a clause that are looked at before a statement


_EXCLUDES_IT = re.compile(
    r"\b(?:(?:strike|rule|cross|throw|leave)\s+out|exclude|eliminate|reject|drop|discard|dismiss)\b", re.IGNORECASE
)
_LISTS_THEM = re.compile(
    r"\b(?:(?:the|possible|given|available|your)\s+(?:\w+\s+)?(?:options|choices)|(?:candidate|possible|plausible)\s+answers)\s*(?:are|:)\s*\Z",
    re.IGNORECASE,
)


class Stated(NamedTuple):
    """One statement.

    Attributes:
        letters: several where it joins them.
        is_final: whether it calls them final.
        strength: 2 where it calls them the answer, 1 where it chooses them, and 0 where it says that they fit.
        joined_by_or: whether it leaves open which of them.
    """

    letters: str
    is_final: bool
    strength: int
    joined_by_or: bool


@functools.lru_cache(maxsize=16)  # a reply is asked for it several times
def stated(marked: str) -> tuple[Stated, ...]:
    """Return the statements of a text, in its order, that are neither denied, conceded, supposed nor asked."""
    found: list[tuple[int, Stated]] = []
    places = [match.start() for match in _ANY_MARK.finditer(marked)]
    if not places:
        return ()
    near = max(0, places[0] - _FARTHEST), places[-1] + _FARTHEST  # no statement is farther from an option
    for pattern in (_ANSWER_IS, _RIGHT_ONE_IS, _CHOOSES, _IS_RIGHT):
        for match in itertools.islice(pattern.finditer(marked, *near), _MOST_STATEMENTS):
            group = match.lastindex or 0
            if _LISTS_THEM.search(marked, max(0, match.start(group) - 30), match.start(group)):
                continue
            if pattern is _RIGHT_ONE_IS and _EXCLUDES_IT.search(match[0]):
                continue
            named_as = match[0][: match.start(group) - match.start()]
            if pattern in (_ANSWER_IS, _RIGHT_ONE_IS) and _NOT.search(named_as) and not _EXCLUDES_IT.search(named_as):
                continue  # "the ones that do not apply are A and B"
            is_final = pattern is _ANSWER_IS and (bool(match[1]) or "final" in named_as.lower())
            start, end = match.start(), match.end(group)
            if pattern is not _IS_RIGHT:
                end = _end_of_list(marked, match.start(group), end)
            if end < match.end(group):  # what is denied after the list is its tail
                denied = bool(_NOT.search(clause_before(marked, start)))
            else:
                denied = is_denied(marked, start, end)
            if not (denied or _is_withdrawn(marked, start, match.end(), end)):
                names = marked[match.start(group) : end]
                found.append(
                    (end, Stated(letters_in(names), is_final, _strength(pattern, match[0]), bool(_OR.search(names))))
                )
    return tuple(statement for _, statement in sorted(found, key=lambda pair: (pair[0], pair[1].strength)))


_FIRST_PERSON = re.compile(
    r"(?:choose|chose|pick|select|go\s+(?:with|for)|opt|vote|settle|say|wähle|nehme|elijo|scelgo|escolho|choisis|选)",
    re.I,
)


def _strength(pattern: re.Pattern[str], statement: str) -> int:
    if pattern is _ANSWER_IS:
        return 2
    return int(pattern is _CHOOSES and bool(_FIRST_PERSON.match(statement)))


_OR = re.compile(rf"/|{OR}|\b(?:maybe|possibly|perhaps)\b", re.IGNORECASE)
# "the answer is B, and A is wrong": A begins a clause of its own
_OWN_CLAUSE = re.compile(
    r"\s*(?:(are|do|have|sind|son|sont)|is|isn't|was|would|may|might|scheidet|passt|kommt|wäre|hat|does|doesn't|has|can|cannot|can't|could|seems|shows|suggests|ist|est|es)\b"
    r"|\s*(?:错误?|不)",
    re.IGNORECASE,
)


def _end_of_list(marked: str, start: int, end: int) -> int:
    """Return where a list of options ends that a statement closes with, without the ones that begin the next clause."""
    if (cut := marked.rfind(";", start, end)) > start and re.match(r"\s+[a-z]", marked[end : end + 3]):
        end = cut  # "A and B; E only happens later"
    places = [start + match.start() for match in re.finditer(MARK, marked[start:end])]
    clause = _OWN_CLAUSE.match(marked[end : end + 20])
    kept = len(places) - (0 if clause is None else 2 if clause[1] else 1)
    return places[kept - 1] + 1 if 0 < kept < len(places) else end


@functools.lru_cache(maxsize=256)  # asked for again by each reading of a reply
def clause_before(marked: str, at: int) -> str:
    """Return what stands before a place in its clause."""
    before = marked[max(0, at - _WINDOW) : at]
    starts = [match.end() for match in _CLAUSE_START.finditer(before)]
    return before[starts[-1] :] if starts else before


_CLAUSE_STOP = re.compile(
    r"[.!?;:,\n。]|\s[–—]\s|\b(?:but|while|whereas|although|though|even\s+if|obwohl|aunque|bien\s+que)\b", re.IGNORECASE
)


@functools.lru_cache(maxsize=256)
def clause_after(marked: str, at: int) -> str:
    """Return what stands after a place in its clause."""
    return _CLAUSE_STOP.split(marked[at : at + _WINDOW], maxsplit=1)[0]


@functools.lru_cache(maxsize=256)
def is_denied(marked: str, start: int, end: int) -> bool:
    """Whether a clause denies what stands from ``start`` to ``end``: "not A", "A is wrong", "I doubt that it is A"."""
    return bool(_NOT.search(clause_before(marked, start)) or _NOT_AFTER.match(marked[end : end + _WINDOW]))


def is_conceded(marked: str, start: int, end: int) -> bool:
    """Whether a clause names an option to set it aside: "at first A seems right", "A would show a smile"."""
    around = clause_before(marked, start) + marked[start:end] + clause_after(marked, end)
    return bool(
        _CONCEDES.search(around)
        or re.match(r"[^\w\n\ue000-\ue119]*(?:would|suggests?|requires?)\b", marked[end : end + 20])
    )


_RUN = re.compile(rf"{MARK}(?:(?!\s?;){_JOIN}{MARK}){{0,9}}+")


def runs(marked: str) -> Iterator[re.Match[str]]:
    """Return the places where a marked text names an option, or a list of them."""
    return _RUN.finditer(marked)


def denied_letters(marked: str) -> set[str]:
    """Return the letters that a marked text names only to deny them, one by one or in a list."""
    denied: set[str] = set()
    named: set[str] = set()
    for run in runs(marked):
        in_list = bool(_CONJUNCTION.search(run[0])) and is_denied(marked, run.start(), run.end())
        for place in range(run.start(), run.end()):
            if re.match(MARK, marked[place]):
                (denied if in_list or is_denied(marked, place, place + 1) else named).add(letter_of(marked[place]))
    return denied - named


_CONJUNCTION = re.compile(rf"{AND}|{OR}|\b(?:nor|ni)\b", re.IGNORECASE)


def held_letters(marked: str) -> set[str]:
    """Return the letters that a marked text names somewhere without setting them aside, alone or in a list."""
    held: set[str] = set()
    for run in runs(marked):
        if not is_set_aside(marked, run.start(), run.end()):
            held.update(letters_in(run[0]))
        elif len(run[0]) > 1 and not _CONJUNCTION.search(marked, run.start(), run.end() + 4):  # "not A, B"
            places = (run.start() + match.start() for match in _ANY_MARK.finditer(run[0]))
            held.update(letter_of(marked[at]) for at in places if not is_set_aside(marked, at, at + 1))
    return held


# "nervous, possibly a bit irritated"
_LESSER = re.compile(
    r"(?<!\bor\s)\b(?:possibly|perhaps|maybe|also|slightly|somewhat|secondarily)\b(?:\s+\w+){0,3}\s*\Z", re.IGNORECASE
)


def firmly_held(marked: str) -> set[str]:
    """Return the held letters, without those that are named as merely possible or in addition where others are not."""
    held = held_letters(marked)
    if len(held) < 2:
        return held
    lesser = {
        letter_of(match[0])
        for match in re.finditer(MARK, marked)
        if _LESSER.search(marked[max(0, match.start() - 40) : match.start()])
    }
    return held - lesser or held


def is_set_aside(marked: str, start: int, end: int) -> bool:
    """Whether a clause names an option to deny, concede or suppose it."""
    if is_denied(marked, start, end) or is_conceded(marked, start, end) or is_conditional(marked, start, end):
        return True
    if is_attributed(marked, start) or is_guessed(marked, start):
        return True
    return bool(_SUPPOSES.search(clause_before(marked, start) + marked[start:end] + clause_after(marked, end)))


def _is_withdrawn(marked: str, start: int, end: int, after_names: int) -> bool:
    """Whether a statement is conceded, is supposed, is a question, or leaves out a part that its clause denies."""
    before = clause_before(marked, start)
    if is_attributed(marked, after_names) or is_told_to_choose(marked, start, end):
        return True
    if _CONCEDES.search(before + marked[start:end] + clause_after(marked, end)):
        return True
    if _SUPPOSES.search(before + marked[start:after_names]) or is_conditional(marked, start, after_names):
        return True
    return bool(re.match(r"\s*\?", marked[after_names : after_names + 3]))
