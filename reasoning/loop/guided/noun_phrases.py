"""Noun phrases that begin with a determiner ("my new coat"), found by where they end, without a parser.

They name what a person speaks of in their own words. Where a phrase ends is told by function words, by the forms of
common verbs, and by a word in -s that more words follow ("my flatmate leaves ..."): in doubt a phrase is cut short.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_MAX_WORDS = 3  # after the determiner
_DETERMINERS = frozenset("my our the a an his her their".split())
_OWN = frozenset({"my", "our"})
_ENDS = frozenset(
    """a about above after again ago all almost already also always am an and any anyway are aren't around as at away
    back be because been before being below but by can can't cannot come comes could couldn't did didn't do does doesn't
    don't down during each either else even ever every few for from going had hadn't happen happened has hasn't have
    haven't he he's her hers here him his how i i'd i'll i'm i've if in inside into is isn't it it's its just last later
    like lots may me might mine more most much must my myself never next no nor not nothing now of off often on once one
    only onto or our out over own perhaps quite really right said seem seems she she's should shouldn't since so some
    somehow soon still such than that that's the their them then there these they they're they've this those though
    through till to today together tomorrow tonight too under until up upon us very was wasn't we we're we've were
    weren't what when where whether which while who whose why will with without won't would wouldn't yesterday yet you
    somebody someone anybody anyone nobody everybody everyone between behind beside along across against among beyond
    except outside towards within next again since
    you're your yourself""".split()
)
_VERBS = frozenset(
    """asks ate became began bought broke brought built came caught chose cost cries cut drove drew fell felt flew
    forgot forgets found gave gets gives goes got grew heard held hit hurt keeps kept knew knows laid leaves led left
    lent let lies looks lost made makes meant met needs paid put ran rang read rode rose sang sat saw says sees sent
    set shot shut sings sits sleeps slept sold spent spoke stands stole stood swam takes taught tells thinks thought
    calls cries hates helps keeps knows likes lives loves plays rings says stays talks walks
    threw told took tries understood wakes wants went woke won wore works wrote get go keep leave look make say see
    take tell think want""".split()
)
# Determiners and pronouns that follow a verb, and no noun.
_OBJECTS = frozenset("me him them us you my our his their the a an no every".split())
# Heads that name nothing by themselves.
_VAGUE = frozenset(
    """bit couple day days end few first half hour hours idea kind last lot lots moment moments month months one ones
    other others part people person point rest same second side sort sorts thing things time times top way ways week
    weeks while whole year years mind head life place world fact name bottom middle minute minutes morning evening
    afternoon night front back problem reason matter truth mood feeling feelings hand hands heart face eyes""".split()
)


def noun_phrases(text: str) -> list[str]:
    """Return the noun phrases of a text, those of the person themself ("my", "our") first, each once.

    Args:
        text: of the person, in English. "my" and "our" become "your", and "a" becomes "the".
    """
    tokens = re.findall(r"[^\W_][\w'-]*|[^\w\s]", text.replace("\u2019", "'"))
    found: dict[str, bool] = {}
    for at, token in enumerate(tokens):
        determiner, before = token.lower(), tokens[at - 1].lower() if at else ""
        if determiner not in _DETERMINERS or before == "like":
            continue  # what something is likened to is not there
        words = _words_after(tokens[at + 1 :])
        if words and words[-1].lower() not in _VAGUE:
            own = determiner in _OWN
            said = "your" if own else "the" if determiner in ("a", "an") else determiner
            found.setdefault(" ".join([said, *words]), own)
    return sorted(found, key=lambda phrase: not found[phrase])


def _words_after(tokens: Sequence[str]) -> list[str]:
    """Return the words of the phrase whose determiner stands before the tokens."""
    words: list[str] = []
    for place, token in enumerate(tokens[: _MAX_WORDS + 1]):
        low = token.lower()
        if not token[0].isalpha() or low in _ENDS or (words and low in _VERBS):
            break
        if words and (low.endswith("ed") or low.endswith("ly")):
            break
        if words and low.endswith("ing") and low not in ("wedding", "meeting", "building", "painting", "morning"):
            break
        if words and _is_verb_in_s(low, tokens[place + 1 : place + 2]):
            break
        if len(words) == _MAX_WORDS:
            return []  # too long for what is known of it
        if "'" in token:
            words.append(token.partition("'")[0])  # "my neighbour's" is a possessive, or "is"
            break
        words.append(token)
    return words


def _is_verb_in_s(word: str, following: Sequence[str]) -> bool:
    """Whether a word in -s goes on as a verb does: another word follows that ends no noun phrase."""
    if not word.endswith("s") or word.endswith(("ss", "us", "is")) or not following:
        return False
    return following[0][0].isalpha() and (following[0].lower() not in _ENDS or following[0].lower() in _OBJECTS)
