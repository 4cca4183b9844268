"""What the words of a turn so far say about whether it is complete.

A language model says whether a sentence can end after them (:mod:`omnisense.agent.live.sentence_end`); what it does not
know is added: hesitations, the recognizer's punctuation, clauses that another must follow, and that a few words without
a verb are seldom a turn unless they answer a question.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

_PRONOUNS = frozenset("i you he she it we they who there nobody everybody somebody everyone someone".split())
_AUXILIARIES = frozenset(
    "am is are was were be been being has have had do does did will would could should can may might must don't didn't "
    "doesn't can't won't wouldn't couldn't shouldn't isn't wasn't aren't weren't haven't hasn't hadn't".split()
)
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
_FILLER = re.compile(r"^(?:u+[hm]+|e+r+m*|h+m+|a+h+)$")
_HESITATES = re.compile(r"(?:\byou know|\bi mean|\blet me (?:see|think)|[,.] well)\W*$", re.IGNORECASE)
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

# Added to the log-odds that a sentence ends there.
_FILLER_ODDS, _HESITATION_ODDS, _TRAILS_OFF_ODDS = -6.0, -3.0, -3.0
_SUBORDINATE_ODDS, _FRAGMENT_ODDS, _QUESTION_ODDS = -1.0, -2.0, 1.0


def has_words(text: str) -> bool:
    """Whether a text has words in Latin letters; of others nothing is known here."""
    return _WORD.search(text) is not None


def word_evidence(words: str, sentence_ends: float | None = None, was_asked: bool = False) -> tuple[float, str]:
    """Return the log-odds of a complete turn by its words, and what they say, in words.

    Args:
        words: of the turn so far.
        sentence_ends: the log-odds that a sentence ends after them; None where they are unknown.
        was_asked: whether they may answer a question, for which a few words without a verb suffice.
    """
    text = words.strip().replace("\u2019", "'")
    found = [word.lower() for word in _WORD.findall(text)]
    if not found:
        return 0.0, "no words"
    if _FILLER.search(found[-1]) and len(found) > 1:
        return _FILLER_ODDS, f'words end on "{found[-1]}"'
    shift, sign = min(_signs(text, found, was_asked), default=(0.0, "words"))
    if sentence_ends is None:
        return shift, sign
    return sentence_ends + shift, f"{sign}, sentence ends {sentence_ends:+.1f}"


def _signs(text: str, found: Sequence[str], was_asked: bool) -> Iterator[tuple[float, str]]:
    """Yield what else the words say."""
    if text.endswith("?"):
        yield _QUESTION_ODDS, "words are a question"
    if _HESITATES.search(text):
        yield _HESITATION_ODDS, f'words end on "{found[-1]}"'
    if text.endswith(("...", "\u2026", "-", "\u2014", ",")):
        yield _TRAILS_OFF_ODDS, "words trail off"
    plain = " ".join(found)
    if _SUBORDINATE.match(plain) and not _MARK_INSIDE.search(text) and not _has_second_clause(found):
        yield _SUBORDINATE_ODDS, "words begin a clause that another follows"
    if _CONJUNCTION.match(plain) and 1 < len(found) <= _SHORT and not _has_verb(found):
        yield _FRAGMENT_ODDS, "words go on from something, without a verb"
    elif len(found) <= _FEW and not was_asked and not _has_verb(found) and not _ANSWERS.intersection(found):
        yield _FRAGMENT_ODDS, "a few words without a verb"


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
