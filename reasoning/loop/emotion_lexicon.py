"""Feelings named or implied by words: a small English list of our own, with negation and intensifiers.

It finds what is said outright ("I am scared", "I got the job"), not what is meant between the lines; a text that
names no feeling gets no score from it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_WORDS = {
    "joy": """happy glad joy joyful wonderful great amazing awesome fantastic excited exciting thrilled delighted proud
        love loved lovely smile smiling laugh laughing celebrate celebrated celebrating won win passed engaged married
        thankful grateful relieved hopeful good best yay hooray congratulations promoted perfect beautiful fun enjoy
        enjoyed""",
    "sadness": """sad unhappy cry crying cried tears lonely alone miss missed missing lost loss died dead death funeral
        grief grieving heartbroken broken hurt hurts hurting depressed hopeless empty miserable sorry disappointed
        failed fail rejected goodbye worthless devastated upset tired exhausted""",
    "anger": """angry mad furious annoyed annoying hate hated rage unfair liar lied betrayed ignored insulted rude
        outraged frustrated frustrating fed sick stupid""",
    "fear": """afraid scared fear frightened terrified anxious worried worry worries nervous panic panicking threat
        threatened dangerous danger uncertain insecure dread stress stressed stressful overwhelmed""",
    "disgust": "disgusting disgusted gross revolting vile nasty sickening yuck filthy",
    "surprise": """surprised surprise surprising unexpected suddenly shocked unbelievable wow whoa astonished
        incredible believe""",
}
# "I got the job", "can't stop crying": short phrases that carry a feeling none of whose words does.
_PHRASES = {
    "joy": ("got the job", "got in", "made it", "can't wait", "good news", "having a baby", "came true"),
    "sadness": ("passed away", "broke up", "left me", "can't stop crying", "no one here", "gave up", "by myself"),
    "anger": ("nobody listens", "no one listens", "nobody at work listens", "fed up", "so unfair", "sick of"),
    "fear": ("what if", "don't know what to do", "can't sleep"),
    "surprise": ("can't believe", "can't quite believe", "out of nowhere"),
}
_NEGATIONS = {
    "not",
    "no",
    "never",
    "n't",
    "isn't",
    "wasn't",
    "don't",
    "didn't",
    "doesn't",
    "aren't",
    "hardly",
    "without",
    "can't",
    "cannot",
    "couldn't",
}
_INTENSIFIERS = {"very", "so", "really", "extremely", "too", "totally", "deeply", "incredibly"}
_DAMPERS = {"bit", "little", "slightly", "somewhat"}
_NEGATED = {"joy": "sadness"}  # "not happy" is sad; other negations ("not angry") only take the feeling away
_FEELING_OF = {word: feeling for feeling, words in _WORDS.items() for word in words.split()}


@dataclass(frozen=True)
class Cue:
    """A word or phrase that carries a feeling; ``weight`` 1 for a plain one."""

    text: str
    feeling: str
    weight: float


def feeling_cues(text: str) -> list[Cue]:
    """The cues of an English text, in order, phrases first."""
    lowered = text.lower().replace("\u2019", "'")
    cues = []
    for feeling, phrases in _PHRASES.items():
        for phrase in phrases:
            if phrase in lowered:
                cues.append(Cue(phrase, feeling, 1.5))
                lowered = lowered.replace(phrase, " . ")
    words = re.findall(r"[a-z']+|[.!?;,]", lowered)
    for i, word in enumerate(words):
        feeling = _FEELING_OF.get(word, "")
        if not feeling:
            continue
        before = _same_clause(words[max(0, i - 3) : i])
        weight = 1.5 if _INTENSIFIERS & set(before) else 0.6 if _DAMPERS & set(before) else 1.0
        if _NEGATIONS & set(before):
            feeling = _NEGATED.get(feeling, "")
        if feeling:
            cues.append(Cue(" ".join([*before[-1:], word]) if weight != 1.0 else word, feeling, weight))
    return cues


def _same_clause(words: list[str]) -> list[str]:
    for i in range(len(words) - 1, -1, -1):
        if words[i] in ".!?;,":
            return words[i + 1 :]
    return words
