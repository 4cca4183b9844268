"""Whether a reply takes its answer back, cannot decide, refuses, or chooses because it is asked to.

The patterns are for texts with marks in place of the options (:mod:`omnisense.reasoning.answers.option_marks`).
"""

from __future__ import annotations

import functools
import re

from omnisense.reasoning.answers.conjunctions import AND, OR
from omnisense.reasoning.answers.option_marks import MARK, letters_in
from omnisense.reasoning.answers.option_places import lower

_CHANGES = (
    r"(?:revis|chang|amend|correct|updat|switch|retract|withdraw|overrul|alter|adjust|reconsider|rethink"
    r"|re-?evaluat)\w*"
)
_ANSWER_WORD = r"(?:answer|choice|selection|pick|guess|vote|verdict|response|mind|list|count|reading|label|conclusion)"
_AGAIN = r"(?:again|once\s+more|one\s+more\s+time|a\s+(?:second|third)\s+time|twice)"
_LOOK = r"(?:look|listen|watch|view|hear|read|check|play|think|count|go|inspect|examin|consider)\w*"
# "A... wait, no, B", "Edit: B", "on rewatching, B", "I take that back", "I revise my choice to B"
_REVISES = re.compile(
    r"(?:^|[.!?;,:(…—–\n-]\s*)(?:(?:but|no|hmm+|oh|and|so|well|oops|sorry|then|okay|ok)\b[,.!\s]*){0,3}(?:sorry(?=\W{1,3}(?:i\s+meant?\s+)?[\ue000-\ue119])|i\s+meant?(?=\s+(?:to\s+(?:say|write|pick|choose)\s+)?[\ue000-\ue119])|wait|actually|correction"
    r"|(?:edit|update|amendment|revised|corrected|amended|updated)(?=\s*:)|hang\s+on|hold\s+on|back\s+to(?=\s+(?:(?:my|the)\s+)?(?:\w+\s+){0,2}[\ue000-\ue119])"
    r"|on\s+(?:second\s+thoughts?|(?:further\s+)?(?:reflection|review|consideration)|(?:a\s+)?(?:closer|second)\s+(?:inspection|look|listen|viewing|hearing)|re-?(?:watch|listen|view|read|check|examin|consider|count)\w*)"
    r"|(?:having|after)\s+(?:re-?(?:watch|listen|view|read|check|examin|consider|count|play)\w*|(?:a\s+|another\s+)(?:closer|second|look|listen)\b)"
    rf"|{_LOOK}\s+(?:more\s+closely|(?:[\w']+\s+){{0,6}}?{_AGAIN})|let\s+me\s+(?:re-?\w+|verify|double-?check|(?:look|check|listen|watch)\s+again|correct|take\s+(?:another|a\s+(?:second|closer)))"
    r"|i\s+(?:misread|made\s+a\s+mistake|misheard|miscounted)|(?:no|nein|non)\W{1,3}(?:sorry|pardon|entschuldigung)|moment|halt(?=\s*,)|warte|espera|attends|attendez|(?:hmm+|uh|uhm|oh|ah)\W{1,3}no(?=\s*[,.:;…—–-])"
    r"|perd[oó]na?(?=\s*[,:])|(?:je\s+)?(?:me\s+)?corrijo|(?:me\s+)?equivoqu\w+|mejor\s+dicho|corrección|je\s+(?:me\s+corrige|corrige|me\s+suis\s+tromp\w+)|(?:ich\s+)?korrigiere|korrektur"
    r"|desculpe?m?(?=\s*[,:])|errei|corrigindo|correção|aliás|scusa(?:te|mi)?(?=\s*[,:])|(?:mi\s+)?correggo|mi\s+sono\s+sbagliat[oa]|correzione|anzi)\b"
    r"|等等|更正|修正|我错了|説明を訂正|訂正|(?:\A|(?<=[。！？!?.…—])\s*)不对,|(?:\.\.\.|…|—|–)\s*no\b(?=[^\w\n]{1,3}[\ue000-\ue119])",
    re.IGNORECASE,
)
# "I take that back", "I revise my choice to B"
_CHANGES_MIND = re.compile(
    rf"\bi\b(?:'[a-z]+|\s+(?:now|will|would|am|have|had|must|need|want|should|going|to|then|therefore|hereby|do)\b){{0,4}}\s+{_CHANGES}\s+(?:my\s+(?:\w+\s+)?{_ANSWER_WORD}|myself|that|it|this)\b"
    rf"|\bi\b(?:'[a-z]+|\s+(?:now|will|would|am|have|must|to)\b){{0,3}}\s+(?:tak(?:e|ing)\s+(?:that|it|this)\s+back|{_CHANGES}\s+to(?=\s+\W?[\ue000-\ue119]))"
    rf"|\b(?:scratch|scrap|strike|forget|ignore|disregard|delete)\s+(?:that|this|it)\b|\b{_CHANGES}\s+my\s+{_ANSWER_WORD}\b",
    re.IGNORECASE,
)
# "I see no reason to change my answer", "if I heard more, I might change my mind"
_NO_CHANGE = re.compile(
    r"(?:\b(?:not|no(?=\s+\w)|never|nothing|without|if|unless|might|could)\b|n't\b)[^.!?\n]{0,60}\Z", re.IGNORECASE
)
# one of them is in whatever the pattern above finds
_CHANGE_WORDS = ("revis", "chang", "amend", "correct", "updat", "switch", "retract", "withdraw", "overrul", "alter",
                 "adjust", "consider", "rethink", "evaluat", "back", "scratch", "scrap", "strike", "forget", "ignore",
                 "disregard", "delete")  # fmt: skip
_QUOTED = re.compile(r"\"[^\"\n\ue000-\ue119]{1,200}\"")  # which others say
# "I'm afraid I can't view videos"
_REFUSES = re.compile(
    r"\b(?:i|we)(?:\s+(?:\w+\s+){0,2}|')?(?:can't|cannot|can\s+not|couldn't|(?:don't|do\s+not)(?!\s+(?:\w+\s+)?(?:see|hear|count|identify)\b(?!\s+(?:(?:the|any|a|your|anything)\s+)?(?:video|clip|image|audio|media|file|attach\w*|content|sound|speech)s?\b))|m\s+not\s+able|am\s+not\s+able"
    r"|m\s+unable|am\s+unable|won't|would\s+need)\s+(?:\w+\s+){0,3}?(?:see|view|watch|hear|access|process|determine|tell|say|identify"
    r"|answer|provide|help|assist|have|feel|verify|count|choose|select|pick|decide|judge|assess|infer|settle|give|know|more|to)\b(?!\s+(?:any|much|signs?)\b)"
    r"|\bunable\s+to\b|\bnot\s+able\s+to\b|\bcannot\s+be\s+determined\b|\b(?:not|isn't|un)\s*available\b"
    r"|\b(?:provide|upload|share|attach)\s+(?:the|a|your)\b|\bno\s+(?:way\s+(?:to|of)|video|image|audio|clip)\b|\bas\s+an\s+ai\b"
    r"|\bsorry\b[^.!?\n]{0,20}\b(?:i|but)\b|\bafraid\s+(?:that\b|i\b|not\b)|\b(?:happy|glad)\s+to\s+(?:help|assist|answer|look|watch|take\s+a\s+look|analy[sz]e)\b|\bi(?:'d|\s+would)\s+(?:first\s+)?need\s+(?:the|to\s+(?:see|hear|watch|know))\b|\b(?:could|can|would)\s+you\s+(?:please\s+)?(?:upload|share|send|provide|describe|tell)\b"
    r"|\btell\s+me\s+(?:(?:a|little|bit|some|lot)\s+){0,3}more\s+about\b|\bwho\s+knows\b|\bno\s+idea\b|\b(?:video|clip|audio|file|image)\s+(?:is|was|seems|appears)\s+(?:to\s+be\s+)?(?:blank|missing|empty|corrupt\w*|silent)"
    r"|\b(?:not|n't|isn't|without)\s+(?:\w+\s+){0,4}?enough\s+(?:\w+\s+)?(?:information|evidence|context|details?|cues?|data|to\s+go\s+on)\b|\b(?:not|n't)\s+(?:let|allow|permit|enable)\b"
    r"|\b(?:won't|will\s+not|rather\s+not|prefer\s+not\s+to|not\s+going\s+to)\s+(?:guess|speculate|say|answer|judge|choose|pick|label|diagnose|comment|give|make)\b"
    r"|\btoo\s+\w+\s+to\s+(?:tell|see|hear|make|judge|say)\b|\bnot\s+sure\b|\b(?:hard|difficult|impossible)\s+to\s+(?:say|tell|determine)\b|\b(?:it's|is)\s+unclear\b"
    r"|\bkann\b[^.\n]{0,40}\bnicht\b|\bno\s+puedo\b|\bne\s+peux\s+pas\b|\btut\s+mir\s+leid\b|\blo\s+siento\b|\bdésolée?\b"
    r"|\b(?:i|we)\b[^.!?\n]{0,20}\b(?:declin(?:e|ing)|refuse|refusing|refrain(?:ing)?|abstain(?:ing)?)\b(?!\s+it\b)"
    r"|\bleav(?:e|ing)\b[^.!?\n]{0,40}\b(?:blank|unanswered|unmarked)\b"
    r"|无法|不能|看不到|抱歉|很难|不确定",
    re.IGNORECASE,
)
# "I can't settle on one", "it's a toss-up"
_UNDECIDED = re.compile(
    r"\b(?:can't|cannot|can\s+not|couldn't|unable\s+to|no\s+way\s+to|impossible\s+to)\s+(?:\w+\s+)?(?:settle|decide|choose|pick|tell\s+which|say\s+which|commit)\b"
    r"|\b(?:just|equally|every\s+bit)\s+as\s+(?:plausible|likely|possible|well)\b|\broom\s+for\s+interpretation\b|\bopen\s+to\s+interpretation\b|\bcase\s+for\s+(?:both|either|each)\b|\bgo\s+either\s+way\b|\b(?:hard|tricky|tough)\s+to\s+(?:call|choose|decide)\b|\btoss-?up\b|\bwho\s+knows\b|\bno\s+idea\b|\bdepend(?:s|ing)\s+on\b|\bequally\s+(?:likely|plausible|possible|well|probable)\b|\bboth\b[^.\n]{0,40}\b(?:plausible|possible)\b"
    r"|无法(?:判断|确定|区分)|都有可能",
    re.IGNORECASE,
)
# "so I won't single one of them out"
_FIRST_PERSON_NOT = re.compile(
    r"\b(?:i|we)(?:\s+(?:really|honestly|just|simply))?\s+(?:can't|can\s?not|couldn't|won't|will\s+not|wouldn't|don't\s+(?:know|want|dare|feel|think\s+(?:i|we|one)\b)|refuse|decline|hesitate|am\s+(?:not|un)|prefer\s+not)|\bi'm\s+(?:not|un)",
    re.IGNORECASE,
)
# "I therefore keep my answer"
_KEEPS = re.compile(
    r"\b(?:keep|stay\s+with|stand\s+by|stick\s+(?:with|to)|confirms?|confirmed|verified|no\s+(?:need|reason)\s+to\s+(?:change|switch|revise)"
    r"|still\s+(?:holds|stands)|(?:answer|choice)\s+(?:holds|stands))\b",
    re.IGNORECASE,
)
# "if I had to pick, D"
_FORCED = re.compile(
    r"\bif\s+(?:i\s+)?(?:had|have|must|were|am|forced|pressed)\b(?:\s+\w+){0,4}?\s+(?:pick|choose|guess|answer|decide|bet)\b"
    r"(?:\s+(?:one|now))?\s*,?\s*(?:(?:i'd|i\s+would|i'll)\s+(?:say|pick|choose|guess|go\s+with|bet\s+on)"
    r"|it(?:'s|\s+is|\s+would\s+be|'d\s+be))?",
    re.IGNORECASE,
)
_NOT_ONLY = re.compile(r"\bnot\s+(?:only|just|merely|simply)\b|不[仅只但]是?", re.IGNORECASE)
# "I wouldn't call it anything other than A", "nothing but A"
_NOTHING_BUT = re.compile(
    r"\b(?:nothing|\w+n't\b[^.!?,;\n]{0,40}\banything|not\b[^.!?,;\n]{0,40}\banything)\s+(?:other\s+than|else\s+than|but|except|short\s+of)\b(?=\s)",
    re.IGNORECASE,
)
_ANYTHING_BUT = re.compile(r"\banything\s+but\b", re.IGNORECASE)
# "between B and C, C fits better"
_BETWEEN = re.compile(
    rf"\b(?:between|zwischen|entre|tra|fra)\s+(?:the\s+)?{MARK}\s+(?:{AND}|{OR})\s+(?:the\s+)?{MARK}\s*,?|{MARK}\s?[和与或]\s?{MARK}\s?(?:之间|中间|当中)",
    re.IGNORECASE,
)
_MAY_BE_BETWEEN = re.compile(r"etween|wischen|ntre|\b[tf]ra\b|[和与或]", re.IGNORECASE)
# "more A than B"
_MORE_THAN = re.compile(
    rf"\b(?:more|rather|eher|mehr|plutôt|davantage|plus|más(?:\s+bien)?|mais|più|piuttosto)\s+(?:an?\s+)?({MARK})\s+(?:than|as|als|que|che|di|do\s+que)\s+(?:an?\s+)?(?={MARK})",
    re.IGNORECASE,
)
# "what looks like A is in fact B"
_SEEMING = re.compile(
    rf"\bwhat\s+(?:\w+\s+){{0,4}}?(?:looks?|looked|seems?|seemed|sounds?|sounded|appears?|appeared)\s+(?:like\s+|to\s+be\s+|as\s+)?({MARK}),?"
    rf"\s+(?:is|was|turns\s+out\s+to\s+be)\s+(?:in\s+(?:fact|truth|reality)\s+|actually\s+|really\s+|rather\s+|more\s+like\s+){{0,2}}({MARK})",
    re.IGNORECASE,
)
_SO_IS = re.compile(rf"\bso\s+(?:is|are|does|do|did|was)\s+({MARK})", re.IGNORECASE)  # "A is right and so is C"
_NEITHER_IS = re.compile(rf"\bn?either\s+(?:is|are|does|do|did|was)\s+({MARK})", re.IGNORECASE)
# "less A than B", "not so much A as B"
_SWITCHES = re.compile(
    rf"\bswitch\w*\s+(?:my\s+\w+\s+)?from\s+{MARK}\s+to\s+(?={MARK})|{MARK}\s?(?:→|->)\s?(?={MARK})", re.IGNORECASE
)
_LESS_THAN = re.compile(
    rf"\b(?:less|not\s+(?:so\s+much|as\s+much|as))\s+(?:an?\s+|of\s+an?\s+)?({MARK})\s+(?:than|as)\s+(?:an?\s+|of\s+an?\s+)?({MARK})",
    re.IGNORECASE,
)
_CHANGE = re.compile(
    rf"\b(?:go(?:es)?|going|went|shift\w*|chang\w+|mov\w+|turn\w*)\s+from\s+{MARK}\s+(?:in)?to\s+{MARK}", re.IGNORECASE
)
# "Happy? No. Sad? Definitely."
_ASKED = re.compile(
    rf"({MARK})\s*\?\s*(?:(no(?:pe)?\b(?!\s+doubt)|not\s+(?:really|at\s+all|quite)|unlikely|hardly|nein|non)|(?:yes|yep|yeah|definitely|absolutely|certainly|exactly|indeed|ja|oui|sí)\b)",
    re.IGNORECASE,
)

# "Incorrect: A, B, D", "Second choice: A"
_WRONG_ONES = re.compile(
    rf"(?:^|(?<=[\n|;/.]))\s*(?:\w+\s+){{0,2}}(?:incorrect|wrong|false|absent|excluded|eliminated|rejected|ruled\s+out|not\s+(?:correct|present|true|likely|visible|heard|seen)|missing|unlikely|(?:less|least)\s+likely"
    rf"|second(?:ary)?(?:\s+(?:best|most\s+likely))?|runner-?up|alternatives?|other|distractors?|nebenemotion)"
    rf"(?:\s+(?:ones?|options?|answers?|statements?|choices?|candidates?|guess(?:es)?|emotions?|feelings?|possibilit(?:y|ies)|labels?|considered|readings?|interpretations?))*"
    rf"\s*[:=]\s*{MARK}(?:(?:[\s,/&]|{AND}){{1,6}}{MARK})*",
    re.IGNORECASE,
)


# "she doesn't nod (B), point (C) or wave (D)"
_WORDS_OF_ITEM = r"[\s,(]*(?:(?!is\b|are\b|was\b|but\b|so\b|it\b|fits?\b|because\b|and\b)[\w']+\s+){0,4}\(?"
_DENIED_LIST = re.compile(
    rf"(?:n't|\b(?:not|never|weder|nobody|no\s+one|at\s+no\s+(?:time|point|moment)|no\s+(?:signs?|traces?|evidence)\s+of|without|neither|nicht|kein\w*|ni))\b[^.!?;:,\n\ue000-\ue119]{{0,60}}(?P<list>{MARK}"
    rf"(?:\)?,{_WORDS_OF_ITEM}{MARK}){{0,6}}\)?,?\s+(?:or|nor|oder|noch|ni|o|ou){_WORDS_OF_ITEM}{MARK})",
    re.IGNORECASE,
)
# "exclude B, D and E", "A, B: no"
_LISTED = rf"(?P<list>{MARK}(?:(?:\s?[,/&]|\s(?:{AND}|{OR})){{1,2}}\s?{MARK}){{1,6}})"
_EXCLUDED_LIST = re.compile(
    rf"\b(?:exclud\w*|rul\w+\s+out|eliminat\w*|reject\w*|dismiss\w*|discard\w*|drop\w*|remov\w*|leave\s+out)\s+(?:both\s+)?{_LISTED}",
    re.IGNORECASE,
)
_LIST_IS_WRONG = re.compile(
    rf"{_LISTED}\s*(?:[:=→–-]|->)\s*(?:no|wrong|false|incorrect|unlikely|✗|❌)(?!\w)", re.IGNORECASE
)
_OF_TWO_NAMED = re.compile(r"\bthe\s+(former|latter)\b(?!\s+(?!option|choice|is|fits|one)\w)", re.IGNORECASE)
# "C. angry: she shouts. This is the best match"
_THIS_ONE = re.compile(
    r"(?:\b(?:this|it)\b|(?<=[.;,:!?]\s)that\b)(?:\s+(?:one|option|choice|answer))?\s+(?=(?:is|seems|looks|would\s+be)\s+(?:(?:clearly|by\s+far|therefore|thus|probably)\s+)?"
    r"(?:the\s+)?(?:best|correct|right|strongest|closest|most\s+\w+|clear\w*)\s+(?:match|fit|answer|choice|option|one|candidate|description|explanation"
    r"|interpretation|reading|response|reply)\b|(?:fits|matches)\s+(?:best|most)\b)",
    re.IGNORECASE,
)


def ends_undecided(marked: str) -> bool:
    """Whether a reply says, after the last option that it names, that it cannot decide between them."""
    places = [match.end() for match in re.finditer(MARK, marked)]
    return len(set(letters_in(marked))) > 1 and bool(
        _UNDECIDED.search(marked[places[-1] :]) or _FIRST_PERSON_NOT.search(marked, places[-1])
    )


def wavers(marked: str) -> bool:
    """Whether a reply that names several options says anywhere that it cannot decide between them."""
    return len(letters_in(marked)) > 1 and bool(_UNDECIDED.search(marked))


def keeps_answer(tail: str) -> bool:
    """Whether a second thought ends with the first answer."""
    return bool(_KEEPS.search(tail))


def after_revision(marked: str) -> str | None:
    """Return what follows the last place where a reply revises itself; None when it does not."""
    own = _QUOTED.sub(lambda match: "x" * len(match[0]), marked)
    ends = [match.end() for match in _REVISES.finditer(own)]
    lowered = lower(own)
    is_changed = any(word in lowered for word in _CHANGE_WORDS)
    changes = _CHANGES_MIND.finditer(own) if is_changed else ()
    ends += [m.end() for m in changes if not _NO_CHANGE.search(own[max(0, m.start() - 90) : m.start()])]
    return marked[max(ends) :] if ends else None


def settle(marked: str) -> str:
    """Return a text with forced choices ("if I had to pick, B") as choices, without the options listed as wrong."""
    if not _ANY_MARK.search(marked):
        return marked
    if ":" in marked or "=" in marked:
        marked = _WRONG_ONES.sub("\n", marked)
    if _TWO_MARKS.search(marked):
        marked = _SWITCHES.sub("I choose ", marked)
        marked = _EXCLUDED_LIST.sub(_deny_each, _DENIED_LIST.sub(_deny_each, marked))
        marked = _LIST_IS_WRONG.sub(_deny_each, marked)
        marked = _OF_TWO_NAMED.sub(lambda match: _one_of_two(marked[: match.start()], match[1]) or match[0], marked)
    if guesses := _my_guesses(marked) if "my " in marked.lower() else {}:
        marked = _BACK_TO.sub(lambda match: _go_back(match, guesses), marked)
    marked = _THIS_ONE.sub(lambda match: _last_named(marked[: match.start()]) or match[0], marked)
    if "not" in marked.lower() or "不" in marked:
        marked = _NOT_ONLY.sub("both ", marked)
    if "nything" in marked or "othing" in marked:
        marked = _ANYTHING_BUT.sub("not", _NOTHING_BUT.sub("it is", marked))
    if _TWO_MARKS.search(marked):
        marked = _LESS_THAN.sub(r"not \1. \2 is right", _MORE_THAN.sub(r"\1 is right, not ", marked))
        marked = _SEEMING.sub(r"not \1. \2 is right", _CHANGE.sub(" changes ", marked))
    if "so " in marked or "either" in marked:
        marked = _NEITHER_IS.sub(r"not \1", _SO_IS.sub(r"\1 is right", marked))
    if "?" in marked:
        marked = _ASKED.sub(lambda match: f"not {match[1]};" if match[2] else f"{match[1]} is right", marked)
    if "if" in marked.lower():
        marked = _FORCED.sub("I choose ", marked)
    return _BETWEEN.sub(",", marked) if _MAY_BE_BETWEEN.search(marked) and _TWO_MARKS.search(marked) else marked


_TWO_MARKS = re.compile(rf"{MARK}[^\ue000-\ue119]*{MARK}")
_ANY_MARK = re.compile(MARK)


def _go_back(match: re.Match[str], guesses: dict[str, str]) -> str:
    mark = guesses.get(_AS_FIRST.get(match[1].lower(), match[1].lower()))
    return f"therefore I choose {mark}" if mark else match[0]


def _deny_each(match: re.Match[str]) -> str:
    head = match[0][: match.start("list") - match.start()] or "not "
    return head + ", not ".join(re.findall(MARK, match["list"]))


def _one_of_two(before: str, word: str) -> str:
    """Return the mark that "the former" or "the latter" of the two options named last stands for; empty without two."""
    marks = list(dict.fromkeys(reversed(re.findall(MARK, before))))[:2]
    return marks[word.lower() == "former"] if len(marks) == 2 else ""


def points_back(marked: str) -> bool:
    """Whether a text calls an option "the former" or "the latter", so that what it names last matters."""
    return bool(_OF_TWO_NAMED.search(marked))


def _my_guesses(marked: str) -> dict[str, str]:
    """Return the marks of what a reply calls its first or second guess, by that word."""
    return {_AS_FIRST.get(match[1].lower(), match[1].lower()): match[2] for match in _MY_GUESS.finditer(marked)}


_AS_FIRST = {"initial": "first", "original": "first", "earlier": "first"}
_NTH = r"(first|initial|original|earlier|second)"
_GUESS = rf"(?:{_ANSWER_WORD}|impression|instinct|impulse|thought|idea|option|hunch)"
_MY_GUESS = re.compile(
    rf"\bmy\s+{_NTH}\s+{_GUESS}\s*(?:was|is|:|would\s+be|would\s+have\s+been|had\s+been|said)\s*(?:to\s+say\s+)?({MARK})",
    re.IGNORECASE,
)
_BACK_TO = re.compile(
    rf"\b(?:stay|stick|stand|keep|go|return|come|trust|remain|settle)\w*\s+(?:back\s+)?(?:with|by|to|on|for)?\s*(?:my|the)\s+{_NTH}\b(?:\s+{_GUESS}|\s+one)?",
    re.IGNORECASE,
)


def _last_named(before: str) -> str:
    """Return the mark that a paragraph named last, followed by a space; empty where it named none."""
    marks = re.findall(MARK, before.rpartition("\n")[2])
    return f"{marks[-1]} " if marks else ""


@functools.lru_cache(maxsize=16)  # a reply is asked for it several times
def refuses(text: str) -> bool:
    """Whether a reply says that it cannot answer."""
    lowered = lower(text)
    return any(word in lowered for word in _REFUSAL_WORDS) and bool(_REFUSES.search(text))


# whatever the pattern finds holds one of them, which are looked up a hundred times as fast
_REFUSAL_WORDS = ("n't", "not", "no ", "need", "able", "provide", "upload", "share", "attach", " ai", "sorry",
                  "afraid", "happy", "glad", " you", "tell", "knows", "blank", "missing", "empty", "corrupt",
                  "silent", "too ", "hard", "difficult", "impossible", "unclear", "kann", "puedo", "peux",
                  "leid", "siento", "désolé", "declin", "refus", "refrain", "abstain", "leav", "无法", "不能",
                  "看不到", "抱歉", "很难", "不确定")  # fmt: skip
