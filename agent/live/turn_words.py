"""What the words of a turn so far say about whether it is complete: how an English sentence can end, and how not."""

from __future__ import annotations

import re
from collections.abc import Sequence

# Words after which an English sentence goes on.
_GOES_ON = frozenset(
    "and but or nor because cause cuz although while if unless until when where who which whose whom than as of into "
    "from for with at by to about since the a an my your our their its every i i'm i've i'd i'll we we're we've we'll "
    "you're you've they they're he he's she she's it's there's that's what's let's very gonna wanna between without "
    "during against".split()
)
# Words after which it goes on more often than not ("I told him that"), and words that end one as well ("I think so").
_OFTEN_GOES_ON = frozenset("that this these those his some any each such".split())
_MAY_GO_ON = frozenset(
    "so like though in on through before after am is are was were be been has have had do does did will would could "
    "should can may might must not don't didn't doesn't can't won't wouldn't couldn't isn't wasn't aren't even how "
    "what why said says maybe perhaps".split()
)
_PRONOUNS = frozenset("i you he she it we they who there nobody everybody somebody everyone someone".split())
_AUXILIARIES = frozenset(
    "am is are was were be been being has have had do does did will would could should can may might must don't didn't "
    "doesn't can't won't wouldn't couldn't shouldn't isn't wasn't aren't weren't haven't hasn't hadn't".split()
)
# Between a subject or an auxiliary and its verb ("I should just", "I never"); elsewhere these end sentences ("me too
# also").
_BEFORE_VERBS = frozenset("just really also only even always never still almost simply probably".split())
# Prepositions that a clause with "that", "which", "what" and the like may end on ("the money that we talked about").
_STRANDED = frozenset("about for with to at of from by without against into".split())
_PERSONS = frozenset("me you him her us them".split())
_RELATIVES = frozenset("that which who whom what where something anything nothing someone anyone nobody".split())
# A clause that begins with these is what was said, thought or meant, and no clause of its own.
_SUBORDINATORS = frozenset(
    "that what who which where when if because whether how why think thought know knew say says said tell told hope "
    "guess believe see saw and".split()
)
_VERBS = frozenset(
    "ask asked call came come feel felt find found get go goes going gone got give gave hear heard help keep knew know "
    "leave left let like liked live look lost love made make mean meant met need play put ran run said sat saw say see "
    "seem sent set show sit spoke stand start stay stop take talk tell think thought told took try turn use wait walk "
    "want went wish work wrote".split()
)
_HESITATES = re.compile(
    r"(?:^| )(?:u+[hm]+|e+r+m*|h+m+|a+h+|you know|i mean|well|let me (?:see|think))$", re.IGNORECASE
)
# A clause that another must follow begins with these, and a fragment that something follows with those.
_SUBORDINATE = re.compile(
    r"^(?:and |but |so )?(?:if|when|whenever|every time|as soon as|since|although|while|before|after|until)\b"
)
_CONJUNCTION = re.compile(r"^(?:and so|and then|and|but|so|because|or)\b")
_WORD = re.compile(r"[a-z']+", re.IGNORECASE)
_MARK_INSIDE = re.compile(r"[,.?!;]\s")
_SHORT = 8  # words; a longer text has a verb, known or not
_FEW = 3
# Said by themselves, also where nothing was asked.
_ANSWERS = frozenset(
    "yes yeah yep no nope ok okay sure right alright maybe perhaps hello hi hey morning evening night afternoon bye "
    "goodbye thanks thank please sorry excuse help stop wait what why how who when where really nothing never always "
    "exactly absolutely definitely true great good fine nice well wow oh congratulations welcome cheers".split()
)

# Added to the log-odds of Smart Turn, whose probabilities lie near 0 and 1: what cannot end a sentence outweighs a
# voice that sounds finished (.99).
_GOES_ON_ODDS, _OFTEN_ODDS, _MAY_ODDS, _BEFORE_VERB_ODDS = -6.0, -4.8, -2.0, -4.8
_HESITATION_ODDS, _TRAILS_OFF_ODDS, _SUBORDINATE_ODDS, _FRAGMENT_ODDS, _QUESTION_ODDS = -6.0, -3.0, -5.0, -4.5, 1.5


def word_evidence(words: str, was_asked: bool = False) -> tuple[float, str]:
    """Return what the words add to the log-odds of a complete turn, and that in words.

    Args:
        words: of the turn so far.
        was_asked: whether they may answer a question, for which a few words without a verb suffice.
    """
    text = words.strip().replace("\u2019", "'")
    found = [word.lower() for word in _WORD.findall(text)]
    if not found:
        return 0.0, "no words"
    if _HESITATES.search(" ".join(found[-3:])) and len(found) > 1:
        return _HESITATION_ODDS, f'words end on "{found[-1]}"'
    if text.endswith("?"):
        return _QUESTION_ODDS, "words are a question"
    return min(((0.0, "words complete"), *_open_signs(text, found, was_asked)), key=lambda sign: sign[0])


def _open_signs(text: str, found: Sequence[str], was_asked: bool) -> list[tuple[float, str]]:
    """Return the signs that words go on."""
    signs = []
    last_odds = _last_word_odds(found)
    if last_odds:
        signs.append((last_odds, f'words end on "{found[-1]}"'))
    if text.endswith(("...", "\u2026", "-", "\u2014", ",")):
        signs.append((_TRAILS_OFF_ODDS, "words trail off"))
    plain = " ".join(found)
    if _SUBORDINATE.match(plain) and not _MARK_INSIDE.search(text) and not _has_second_clause(found):
        signs.append((_SUBORDINATE_ODDS, "words begin a clause that another follows"))
    if _CONJUNCTION.match(plain) and 1 < len(found) <= _SHORT and not _has_verb(found):
        signs.append((_FRAGMENT_ODDS, "words go on from something, without a verb"))
    elif len(found) <= _FEW and not was_asked and not _has_verb(found) and not _ANSWERS.intersection(found):
        signs.append((_FRAGMENT_ODDS, "a few words without a verb"))
    return signs


def _last_word_odds(found: Sequence[str]) -> float:
    last, before = found[-1], found[-2] if len(found) > 1 else ""
    if last in _BEFORE_VERBS and (before in _PRONOUNS or before in _AUXILIARIES):
        return _BEFORE_VERB_ODDS
    if last in _STRANDED and before not in _RELATIVES and _has_relative(found[:-2]):
        return _MAY_ODDS
    if last in _GOES_ON:
        return _GOES_ON_ODDS
    if last in _OFTEN_GOES_ON:
        return _OFTEN_ODDS
    return _MAY_ODDS if last in _MAY_GO_ON else 0.0


def _has_relative(found: Sequence[str]) -> bool:
    """Whether a word refers to something: "the money that", not the "that" of "told me that"."""
    return any(
        word in _RELATIVES and not (word == "that" and i and found[i - 1] in (_SUBORDINATORS | _PERSONS))
        for i, word in enumerate(found)
    )


def _has_second_clause(found: Sequence[str]) -> bool:
    """Whether another subject with a verb follows that of the first clause."""
    return any(
        word.split("'")[0] in _PRONOUNS and found[i - 1] not in _SUBORDINATORS and len(found) > i + 2
        for i, word in enumerate(found)
        if i >= 4
    )


def _has_verb(found: Sequence[str]) -> bool:
    """Whether a word is a verb by its form, its place after a pronoun, or a list of frequent ones."""
    known = any(word in _AUXILIARIES or word in _VERBS or word.endswith(("'m", "'re", "'ve", "'ll")) for word in found)
    formed = any(len(word) > 4 and word.endswith(("ed", "ing")) for word in found)
    after = any(word in _PRONOUNS for word in found[:-1])
    return known or formed or after
