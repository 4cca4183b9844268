"""Backchannels: signs that a listener follows, which do not take the turn (Yngve, 1970)."""

from __future__ import annotations

import re

# What people say while another speaks, as speech recognizers write it.
_WORDS = frozenset(
    "mhm mhmm mm mmm mmhm mmhmm hm hmm hmmm uh huh uhhuh uhuh um umm ah aah aha oh ooh eh er yeah yea yeh yah yes yep "
    "yup ya right okay ok okey alright sure true wow nice cool great good really exactly totally absolutely indeed "
    "definitely gotcha haha ha hah heh hehe laughter laughs laughing chuckles lol mmkay m'kay".split()
)
_PHRASES = re.compile(
    r"\b(?:i see|got it|of course|i know|that'?s right|that'?s true|all right|you'?re right|makes sense|for sure|"
    r"fair enough|no way|go on|oh no|oh my god|oh my|i understand|oh dear|i hear you|oh i see|thank you|you)\b"
)
_MAX_WORDS = 6
# Words that a recognizer writes for noise; nobody interrupts with these alone.


def is_backchannel(words: str) -> bool:
    """Whether words, as recognized, only signal that somebody follows.

    "Yeah, but ..." does not: it takes the turn. What recognizers make of noises between brackets, and "thank you",
    which Whisper writes for noise, count as signals, too.
    """
    text = re.sub(r"\[[^\]]*\]|\([^)]*\)|\*[^*]*\*", " ", words.lower().replace("\u2019", "'"))
    text = _PHRASES.sub(" ", re.sub(r"[^a-z' ]+", " ", text.replace("-", "")))
    rest = text.split()
    return len(rest) <= _MAX_WORDS and all(
        word in _WORDS or re.fullmatch(r"m+h*m*|h+m+|u+h+|a+h+", word) for word in rest
    )


def has_words(text: str) -> bool:
    """Whether anything was recognized at all, noises between brackets aside."""
    return bool(re.search(r"\w", re.sub(r"\[[^\]]*\]|\([^)]*\)|\*[^*]*\*", " ", text)))
