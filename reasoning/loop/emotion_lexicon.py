"""A small English emotion lexicon with negation and intensifiers.

It finds what is stated outright ("I am scared", "I got the job"), not what is implied; a text that names no emotion has
no cues.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from omnisense.reasoning.loop.appraisal import EmotionName

_WORDS: dict[EmotionName, str] = {
    "joy": """happy glad joy joyful wonderful great amazing awesome fantastic excited exciting thrilled delighted proud
        love loved lovely smile smiling laugh laughing celebrate celebrated celebrating won win passed engaged married
        thankful grateful relieved hopeful good best yay hooray congratulations promoted perfect beautiful fun enjoy
        enjoyed""",
    "sadness": """sad unhappy cry crying cried tears lonely alone miss missed missing lost loss died dead death funeral
        grief grieving heartbroken broken hurt hurts hurting depressed hopeless empty miserable sorry disappointed
        failed fail rejected goodbye worthless devastated upset tired exhausted""",
    "anger": """angry mad furious annoyed annoying hate hated rage unfair liar lied betrayed ignored insulted rude
        outraged frustrated frustrating fed sick stupid livid fuming seething enraged irate""",
    "fear": """afraid scared fear frightened terrified anxious worried worry worries nervous panic panicking threat
        threatened dangerous danger uncertain insecure dread stress stressed stressful overwhelmed""",
    "disgust": "disgusting disgusted gross revolting vile nasty sickening yuck filthy",
    "surprise": """surprised surprise surprising unexpected suddenly shocked unbelievable wow whoa astonished
        incredible believe""",
}
# "I got the job", "can't stop crying": short phrases that carry a feeling none of whose words does, as patterns.
_PHRASES: dict[EmotionName, tuple[str, ...]] = {
    "joy": (
        "got the job",
        r"got in(?=\W*$|[,.!?;]| to\b)",
        "made it",
        "can't wait",
        "good news",
        "having a baby",
        "came true",
    ),
    "sadness": ("passed away", "broke up", "left me", "can't stop crying", "no one here", "gave up", "by myself"),
    "anger": ("nobody listens", "no one listens", "nobody at work listens", "fed up", "so unfair", "sick of"),
    "fear": ("what if", "don't know what to do", "can't sleep"),
    "surprise": ("can't believe", "can't quite believe", "out of nowhere"),
}
# A question turned round ("isn't it wonderful") denies nothing.
_NEGATION = re.compile(
    r"\b(?:not|no|never|hardly|without|cannot|\w+n't(?! (?:it|that|this|there|he|she|they|we)\b))(?!')\b"
)
_INTENSIFIERS = {"very", "so", "really", "extremely", "too", "totally", "deeply", "incredibly"}
_DAMPERS = {"bit", "little", "slightly", "somewhat"}
_NEGATED: dict[EmotionName, EmotionName] = {
    "joy": "sadness"
}  # "not happy" is sad; other negations ("not angry") only cancel the emotion
_EMOTION_OF = {word: emotion for emotion, words in _WORDS.items() for word in words.split()}
_PHRASE = {
    re.compile(rf"(?<![\w']){phrase}(?![\w'])"): emotion for emotion, phrases in _PHRASES.items() for phrase in phrases
}


@dataclass(frozen=True)
class Cue:
    """A word or phrase that carries an emotion; ``weight`` is 1 without an intensifier."""

    text: str
    emotion: EmotionName
    weight: float


def emotion_cues(text: str) -> list[Cue]:
    """Return the cues of an English text: phrases first, then words in order."""
    lowered = text.lower().replace("\u2019", "'")
    cues = []
    for phrase, emotion in _PHRASE.items():
        if found := phrase.search(lowered):
            cues.append(Cue(found.group(0), emotion, 1.5))
            lowered = phrase.sub(" . ", lowered)
    words = re.findall(r"[a-z']+|[.!?;,]", lowered)
    for i, word in enumerate(words):
        named = _EMOTION_OF.get(word)
        if named is None:
            continue
        before = set(preceding := _same_clause(words[max(0, i - 3) : i]))
        weight = 1.5 if _INTENSIFIERS & before else 0.6 if _DAMPERS & before else 1.0
        if _NEGATION.search(" ".join([*preceding, word])):
            named = _NEGATED.get(named)
        if named is not None:
            cues.append(Cue(" ".join([*preceding[-1:], word]) if weight != 1.0 else word, named, weight))
    return cues


def _same_clause(words: list[str]) -> list[str]:
    """Return the words after the last punctuation mark."""
    for i in range(len(words) - 1, -1, -1):
        if words[i] in ".!?;,":
            return words[i + 1 :]
    return words
