"""When a turn is over: one rule for how it sounds, what was said, and where the person looks.

At each pause the Smart Turn model gives the probability that the turn is complete. Its log-odds are moved by what the
words say (they end on "because", they are a whole question) and by the gaze (a speaker who looks up at the end of an
utterance yields the turn, one who looks away keeps it: Kendon, 1967). The sum becomes the silence that ends the turn:
``min_endpointing_s`` where it is surely complete, ``max_endpointing_s`` where it is surely not, between them in
proportion.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

# Words after which an English sentence goes on, and sounds that hold the floor while one is looked for.
_GOES_ON = frozenset(
    "and but or nor so because cause cuz since although though while if unless until when where who which whose that "
    "than as like about for from in into of on to with at by the a an my your his her its our their this these those "
    "is are was were am be been has have had do does did will would could should can may might must i'm i've i'd "
    "you're we're they're it's he's she's there's that's what's i we they he she very really just also maybe perhaps "
    "not don't didn't doesn't can't won't wouldn't couldn't isn't wasn't aren't even only such some any every each "
    "between without through during before after let's gonna wanna said says".split()
)
# Words of the list above that end a sentence as well ("I think so", "what is it like", "I don't", "come in").
_MAY_END = frozenset(
    "so like though about for from in on to with at by is are was were am do does did will would could should can "
    "may might must have has had that this these those some any each his not don't didn't doesn't can't won't "
    "wouldn't couldn't isn't wasn't aren't before after through without really just also maybe perhaps only when "
    "where who even".split()
)
_HESITATES = re.compile(r"^(?:u+[hm]+|e+r+m*|h+m+|a+h+|you know|i mean|well|like|let me (?:see|think))$", re.IGNORECASE)
_LAST_WORDS = re.compile(r"[a-z']+", re.IGNORECASE)

# Added to the log-odds of Smart Turn.
_INCOMPLETE, _MAYBE_INCOMPLETE, _HESITATION, _TRAILS_OFF = -3.5, -0.8, -3.5, -2.0
_QUESTION, _SENTENCE = 1.5, 0.5
_LOOKS_AT, _LOOKS_AWAY = 0.5, -0.7
_FACING, _NOT_FACING = 0.6, 0.3  # of ``facing_camera``, as on the timeline
# Probabilities between which the required silence falls from the longest to the shortest.
_SURELY_NOT, _SURELY = 0.1, 0.6


@dataclass(frozen=True)
class TurnEvidence:
    """What is known at a pause.

    Attributes:
        audio: Smart Turn's probability that the turn is complete.
        words: of the turn so far; empty where nothing was recognized.
        facing_camera: how much the speaker looks into the camera at the pause, 0 to 1; None where unknown.
    """

    audio: float
    words: str
    facing_camera: float | None = None


@dataclass(frozen=True)
class Completeness:
    """How complete a turn seems.

    Attributes:
        probability: that it is complete.
        reason: in words.
    """

    probability: float
    reason: str


def completeness(evidence: TurnEvidence) -> Completeness:
    """Combine what is known at a pause."""
    shift, words = word_evidence(evidence.words)
    reasons = [f"audio {evidence.audio:.2f}", words]
    if evidence.facing_camera is not None and evidence.facing_camera >= _FACING:
        shift += _LOOKS_AT
        reasons.append("looks at the camera")
    elif evidence.facing_camera is not None and evidence.facing_camera < _NOT_FACING:
        shift += _LOOKS_AWAY
        reasons.append("looks away")
    audio = min(max(evidence.audio, 1e-4), 1 - 1e-4)
    odds = math.log(audio / (1 - audio)) + shift
    return Completeness(round(1 / (1 + math.exp(-odds)), 3), ", ".join(reasons))


def word_evidence(words: str) -> tuple[float, str]:
    """Return what the words add to the log-odds of a complete turn, and that in words."""
    text = words.strip()
    found = [word.lower() for word in _LAST_WORDS.findall(text.replace("\u2019", "'"))]
    if not found:
        return 0.0, "no words"
    if text.endswith(("...", "\u2026", "-", "\u2014", ",")):
        return _TRAILS_OFF, "words trail off"
    last, last_two = found[-1], " ".join(found[-2:])
    if _HESITATES.match(last) or _HESITATES.match(last_two) or _HESITATES.match(" ".join(found[-3:])):
        return _HESITATION, f'words end on "{last}"'
    if text.endswith("?"):
        return _QUESTION, "words are a question"
    if last in _GOES_ON:
        return (_MAYBE_INCOMPLETE if last in _MAY_END else _INCOMPLETE), f'words end on "{last}"'
    return (_SENTENCE, "words end a sentence") if text.endswith((".", "!")) else (0.0, "words have no end mark")


def required_silence_s(probability: float, min_s: float, max_s: float) -> float:
    """Return the silence that ends a turn which is complete with this probability."""
    share = min(max((probability - _SURELY_NOT) / (_SURELY - _SURELY_NOT), 0.0), 1.0)
    return max_s - (max_s - min_s) * share
