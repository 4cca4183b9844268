"""What the options of a question, and questions themselves, name: emotions, places, numbers, gestures and times."""

from __future__ import annotations

import math
import re
from typing import NamedTuple, get_args

from omnisense.perception.types import GestureKind
from omnisense.reasoning.loop.appraisal import EmotionName
from omnisense.reasoning.loop.emotion_lexicon import emotion_cues

_EMOTION_WORDS: dict[EmotionName, str] = {
    "joy": """joy joyful joyous happy happily happiness hap glad gladness cheerful cheerfulness delighted delight
        pleased content contentment contented amused amusement excited excitement enthusiastic enthusiasm elated elation
        proud pride grateful gratitude relieved relief optimistic optimism hopeful loving love affection merry smiling
        smile smiles laughing laughter laughs laugh grin grinning positive upbeat satisfied thrilled jolly playful
        friendly warm""",
    "sadness": """sad sadly sadness sorrow sorrowful unhappy grief grieving gloomy depressed depression down downcast
        dejected melancholy melancholic miserable misery crying cry cries weeping weeps weep tearful tears disappointed
        disappointment lonely loneliness hurt heartbroken remorse regretful despair despairing hopeless upset""",
    "anger": """anger angry angrily ang mad furious fury rage irritated irritation irritable annoyed annoyance cross
        outraged hostile hostility aggressive frustrated frustration resentful resentment indignant enraged""",
    "fear": """fear fearful fearfully afraid scared frightened anxious anxiety nervous nervousness worried worry
        terrified terror panic panicked uneasy apprehensive alarmed tense stressed insecure""",
    "disgust": "disgust disgusted disgusting repulsed revolted repelled contempt contemptuous aversion",
    "surprise": """surprise surprised surprising astonished astonishment amazed amazement shocked startled confused
        confusion stunned perplexed puzzled realization curiosity""",
    "neutral": """neutral neu calm indifferent unemotional expressionless none serious composed relaxed bored flat blank
        even""",
}
_EMOTION_OF: dict[str, EmotionName] = {word: e for e, words in _EMOTION_WORDS.items() for word in words.split()}
_NOT = re.compile(r"\b(?:not|no longer|never|isn't|without)\b", re.IGNORECASE)
_NUMBERS = "zero one two three four five six seven eight nine ten".split()
_NOBODY = re.compile(r"\b(?:nobody|no one|no-one|none|neither|no person|nobody's)\b", re.IGNORECASE)
_BOTH = re.compile(r"\b(?:both|all of them|everyone|everybody|each of them)\b", re.IGNORECASE)
_OFF_SCREEN = re.compile(
    r"off[- ]?(?:screen|camera)|voice[- ]?over|not (?:visible|in the picture)|outside (?:of )?the (?:picture|frame)"
    r"|\bnarrator\b|\bunseen\b|\binvisible\b",
    re.IGNORECASE,
)
_SIDE = re.compile(r"\b(left|right|cent(?:re|er)|middle)\b", re.IGNORECASE)
_GESTURES: tuple[tuple[str, GestureKind], ...] = (
    (r"\bnod|head up and down|\bagree", "nod"),
    (r"shak\w* (?:\w+ )?head|head.{0,12}side to side|shakes? no|\bdisagree|head ?shak", "shake"),
    (r"(?:both|two) (?:hands|arms)|(?:hands|arms) (?:are )?(?:raised|up\b)|rais\w+ (?:\w+ )?(?:hands|arms)",
     "hands raised"),
    (r"(?:rais|lift)\w* (?:\w+ )?(?:hand|arm)\b|\bwav(?:e|es|ing)\b|hand (?:is )?(?:raised|up\b)", "hand raised"),
    (r"(?:cross|fold)\w* (?:\w+ )?arms|arms (?:are )?(?:crossed|folded)", "arms crossed"),
    (r"mouth|lips", "hand at mouth"),
    (r"eyes?\b|tears", "hand at eyes"),
    (r"\bface\b|cheek|chin|forehead", "hand at face"),
    (r"lean\w* (?:\w+ ){0,2}left", "leaning to the left"),
    (r"lean\w* (?:\w+ ){0,2}right", "leaning to the right"),
    (r"\b(?:lying|lies|lie) (?:down|on)|\blying\b", "lying down"),
    (r"crouch|kneel|squat", "crouching"),
    (r"\bsit|\bseated|\bsat\b", "sitting"),
    (r"\bstand|\bstood|\bupright", "standing"),
)  # fmt: skip
GESTURES: tuple[GestureKind, ...] = get_args(GestureKind)
_LOOKS: tuple[tuple[str, str], ...] = (
    (r"camera|lens|viewer|audience|at us\b|straight ahead|eye contact", "camera"),
    (r"\bdown(?:wards?)?\b|floor|table", "down"),
    (r"\bup(?:wards?)?\b|ceiling|sky", "up"),
    (r"\bleft\b", "left"),
    (r"\bright\b", "right"),
    (r"away|aside|elsewhere|to the side", "away"),
)


class TimeRange(NamedTuple):
    """A part of a clip, in seconds."""

    start_s: float
    end_s: float

    def distance_to(self, time_s: float) -> float:
        """Return how far a time lies outside, in seconds."""
        return max(self.start_s - time_s, time_s - self.end_s, 0.0)


def emotion_of(text: str) -> EmotionName | None:
    """Return the one emotion that a text names; None where it names none or denies one."""
    if _NOT.search(text):
        return None
    words = re.findall(r"[a-z]+", text.lower())
    named = dict.fromkeys(_EMOTION_OF[word] for word in words if word in _EMOTION_OF)
    if len(named) > 1:
        named.pop("neutral", None)
    if named:
        return next(iter(named))
    cues = emotion_cues(text)
    return cues[0].emotion if cues else None


def place_of(text: str) -> str:
    """Return ``left``, ``right``, ``centre``, ``off screen``, ``both``, ``nobody``, or ``""`` where none is named."""
    for pattern, place in ((_NOBODY, "nobody"), (_BOTH, "both"), (_OFF_SCREEN, "off screen")):
        if pattern.search(text):
            return place
    found = _SIDE.search(text)
    return "" if found is None else side(found[1].lower())


def side(word: str) -> str:
    """Return ``left``, ``right`` or ``centre`` for a word of perception or of a question."""
    return "centre" if word in ("centre", "center", "middle") else word


def number_of(text: str) -> int | None:
    """Return the first number that a text names, in digits or words up to ten."""
    found = re.search(r"\d+|\b(?:" + "|".join(_NUMBERS) + r")\b", text.lower())
    if found is None:
        return None
    return int(found[0]) if found[0].isdigit() else _NUMBERS.index(found[0])


def gesture_of(text: str) -> GestureKind | None:
    """Return the gesture or posture that a text names."""
    return next((kind for pattern, kind in _GESTURES if re.search(pattern, text, re.IGNORECASE)), None)


def look_of(text: str) -> str:
    """Return where to somebody looks: ``camera``, ``down``, ``up``, ``left``, ``right`` or ``away``; else ``""``."""
    return next((look for pattern, look in _LOOKS if re.search(pattern, text, re.IGNORECASE)), "")


_CLOCK = r"(?:(\d+):(\d\d)(?:\.\d+)?|(\d+(?:\.\d+)?)\s*(?:s\b|sec\w*)?)"
_RANGE = re.compile(rf"{_CLOCK}\s*(?:-|–|to|and|until)\s*{_CLOCK}", re.IGNORECASE)
_FIRST = re.compile(r"first\s+(\d+(?:\.\d+)?|\w+)\s+(?:s\b|sec)", re.IGNORECASE)
_LAST = re.compile(r"(?:last|final)\s+(\d+(?:\.\d+)?|\w+)\s+(?:s\b|sec)", re.IGNORECASE)
_POINT = re.compile(r"(?:(\d+):(\d\d)|(?<![\w.])(\d+(?:\.\d+)?)\s*(?:s\b|sec))", re.IGNORECASE)
_PARTS = (
    (r"first half", 0.0, 0.5), (r"second half", 0.5, 1.0), (r"\b(?:beginning|start|first|opening)\b", 0.0, 0.25),
    (r"\bmiddle\b", 0.35, 0.65), (r"\b(?:end|last|final|close)\b", 0.75, 1.0),
)  # fmt: skip


def times_in(text: str, duration_s: float, parts: bool = False) -> TimeRange | None:
    """Return the time or interval that a text names; None where it names none.

    Args:
        text: of an option or a question.
        duration_s: of the clip.
        parts: whether ``the beginning``, ``the middle`` and ``the end`` count too.
    """
    if found := _RANGE.search(text):
        start_s, end_s = _seconds(*found.group(1, 2, 3)), _seconds(*found.group(4, 5, 6))
        return TimeRange(start_s, end_s) if start_s < end_s else None
    for pattern in (_FIRST, _LAST):
        if (found := pattern.search(text)) and (count := number_of(found[1])):
            return TimeRange(0.0, count) if pattern is _FIRST else TimeRange(max(0.0, duration_s - count), duration_s)
    if found := _POINT.search(text):
        at_s = _seconds(*found.group(1, 2, 3))
        return TimeRange(at_s, at_s)
    for words, start, end in _PARTS if parts else ():
        if re.search(words, text, re.IGNORECASE):
            return TimeRange(start * duration_s, end * duration_s)
    return None


def seconds_of(text: str) -> float | None:
    """Return the length in seconds that an option names: ``about 3 seconds``, ``2-4 s`` (its middle), ``1 minute``."""
    if found := _RANGE.search(text):
        value = (_seconds(*found.group(1, 2, 3)) + _seconds(*found.group(4, 5, 6))) / 2
    else:
        number = re.search(r"\d+(?:\.\d+)?", text)
        named = float(number[0]) if number else number_of(text)
        if named is None:
            return None
        value = float(named)
    return value * 60 if re.search(r"\bmin", text, re.IGNORECASE) else value


def _seconds(minutes: str | None, rest: str | None, plain: str | None) -> float:
    return float(plain) if plain else int(minutes or 0) * 60 + float(rest or 0)


def nearness(a: float, b: float) -> float:
    """Return how near two lengths are, 1 for equal ones, by their ratio."""
    return math.exp(-3 * abs(math.log((a + 0.25) / (b + 0.25))))
