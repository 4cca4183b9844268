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
    "should can may might must not don't didn't doesn't can't won't wouldn't couldn't isn't wasn't aren't really just "
    "also maybe perhaps only even how what why said says".split()
)
_HESITATES = re.compile(
    r"(?:^| )(?:u+[hm]+|e+r+m*|h+m+|a+h+|you know|i mean|well|let me (?:see|think))$", re.IGNORECASE
)
# A clause that another must follow.
_SUBORDINATE = re.compile(
    r"^(?:and |but |so )?(?:if|when|whenever|every time|as soon as|since|although|while|before|after|until)\b[^,?]*$",
    re.IGNORECASE,
)
_LAST_WORDS = re.compile(r"[a-z']+", re.IGNORECASE)

# Added to the log-odds of Smart Turn, whose probabilities lie near 0 and 1: what cannot end a sentence outweighs a
# voice that sounds finished (.99). Set on twenty synthesized hesitations and twenty sentences that are not among those
# of the measurement (benchmarks/speed/live.py).
_GOES_ON_ODDS, _OFTEN_ODDS, _MAY_ODDS = -6.0, -4.8, -2.0
_HESITATION_ODDS, _TRAILS_OFF_ODDS, _SUBORDINATE_ODDS, _QUESTION_ODDS = -6.0, -3.0, -4.0, 1.5
_LOOKS_AT, _LOOKS_AWAY = 0.5, -0.7
_FACING, _NOT_FACING = 0.6, 0.3  # of ``facing_camera``, as on the timeline
# Probabilities between which the required silence falls from the longest to the shortest.
_SURELY_NOT, _SURELY = 0.1, 0.7


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
    last = found[-1]
    if _HESITATES.search(" ".join(found[-3:])) and len(found) > 1:
        return _HESITATION_ODDS, f'words end on "{last}"'
    if text.endswith("?"):
        return _QUESTION_ODDS, "words are a question"
    odds, reason = 0.0, "words complete"
    if text.endswith(("...", "\u2026", "-", "\u2014", ",")):
        odds, reason = _TRAILS_OFF_ODDS, "words trail off"
    elif _SUBORDINATE.match(" ".join(found)):
        odds, reason = _SUBORDINATE_ODDS, "words begin a clause that another follows"
    for listed, listed_odds in ((_GOES_ON, _GOES_ON_ODDS), (_OFTEN_GOES_ON, _OFTEN_ODDS), (_MAY_GO_ON, _MAY_ODDS)):
        if last in listed and listed_odds < odds:
            odds, reason = listed_odds, f'words end on "{last}"'
    return odds, reason


def required_silence_s(probability: float, min_s: float, max_s: float) -> float:
    """Return the silence that ends a turn which is complete with this probability."""
    share = min(max((probability - _SURELY_NOT) / (_SURELY - _SURELY_NOT), 0.0), 1.0)
    return max_s - (max_s - min_s) * share
