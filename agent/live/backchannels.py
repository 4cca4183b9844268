"""Backchannels: signs that a listener follows, which do not take the turn (Yngve, 1970)."""

from __future__ import annotations

import re
from collections.abc import Sequence

# What people say while another speaks, as speech recognizers write it.
_WORDS = frozenset(
    "huh um umm oh ooh ow eh er yeah yea yeh yah yes yep yup ya right okay ok okey alright sure true wow nice cool "
    "great good really exactly totally absolutely indeed definitely gotcha laughter laughs laughing chuckles lol mmkay "
    "m'kay o amazing awesome perfect interesting seriously lovely wonderful fantastic excellent agreed precisely "
    "certainly obviously brilliant gosh goodness cool".split()
)
_SOUNDS = re.compile(r"m+(?:h+m*)*|h+m+|u+h+(?:u+h+)*|a+h+a*|(?:h[aeiou]+h*)+|aha")
_PHRASES = (
    "i see",
    "got it",
    "of course",
    "i know",
    "that's right",
    "that's true",
    "all right",
    "you're right",
    "that makes sense",
    "makes sense",
    "for sure",
    "fair enough",
    "good point",
    "i agree",
    "i bet",
    "i get it",
    "i guess so",
    "so true",
    "no kidding",
    "me too",
    "same here",
    "tell me about it",
    "that's great",
    "that's good",
    "that's nice",
    "that's awful",
    "that's terrible",
    "oh man",
    "oh boy",
    "my goodness",
    "no way",
    "go on",
    "oh no",
    "oh my god",
    "oh my",
    "oh dear",
    "i understand",
    "i hear you",
    "thank you",  # what Whisper writes for noise, as the next one
    "you",
)
_PHRASE = re.compile(rf"\b(?:{'|'.join(map(re.escape, _PHRASES))})\b")
_NOISE = re.compile(r"\[[^\]]*\]|\([^)]*\)|\*[^*]*\*")


def count_turn_words(words: str) -> int:
    """Return how many different words take the turn: those that are neither backchannels nor the beginning of one.

    What recognizers write of noises in brackets counts as a backchannel.
    """
    text = _NOISE.sub(" ", words.lower().replace("\u2019", "'"))
    text = _once(re.sub(r"[^a-z' ]+", " ", text.replace("-", "")).split())
    if any(phrase.startswith(text) for phrase in (*_PHRASES, *_WORDS)):
        return 0
    rest = _PHRASE.sub(" ", text).split()
    return len({word for word in rest if word not in _WORDS and not _SOUNDS.fullmatch(word)})


def _once(words: Sequence[str]) -> str:
    """Return words without their repetition, as recognizers write the beginning of a phrase ("that makes that
    makes")."""
    half = len(words) // 2
    return " ".join(words[:half] if half and words[:half] == words[half:] else words)
