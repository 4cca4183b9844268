"""The thirteen sets of EmoBench-M: their names, groups, kinds of question and labels.

Names of sets and their labels are those of the authors' ``EmoBench-M-eval.py``; groups follow the
paper's description of each set.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from omnisense.reasoning.answers.question import Kind

GROUPS = {
    "FER": "foundational emotion recognition",
    "CEU": "conversational emotion understanding",
    "SCEA": "socially complex emotion analysis",
}
_SENTIMENT = ("neutral", "negative", "positive")
EMOTIONS = ("happy", "surprise", "sad", "disgust", "anger", "fear", "neutral")  # of MC-EIU
INTENTS = (
    "questioning",
    "agreeing",
    "acknowledging",
    "encouraging",
    "consoling",
    "suggesting",
    "wishing",
    "neutral",
)


class EmotionSet(NamedTuple):
    """A set of the benchmark.

    Attributes:
        name: in reports.
        group: FER, CEU or SCEA.
        kind: of its questions.
        labels: that its questions offer; those of the data are added.
    """

    name: str
    group: str
    kind: Kind = "label"
    labels: tuple[str, ...] = ()


# By what the names of their files hold, without case and punctuation; the first that fits.
_BY_NAME = {
    "ravdsssong": EmotionSet("RAVDESS song", "FER", labels=("neutral", "calm", "happy", "sad", "angry", "fearful")),
    "ravdesssong": EmotionSet("RAVDESS song", "FER", labels=("neutral", "calm", "happy", "sad", "angry", "fearful")),
    "ravdss": EmotionSet("RAVDESS speech", "FER", labels=(
        "neutral", "calm", "happy", "sad", "angry", "fearful", "surprised", "disgust")),
    "ravdess": EmotionSet("RAVDESS speech", "FER", labels=(
        "neutral", "calm", "happy", "sad", "angry", "fearful", "surprised", "disgust")),
    "mosei": EmotionSet("CMU-MOSEI", "FER", labels=_SENTIMENT),
    "mosi": EmotionSet("CMU-MOSI", "FER", labels=_SENTIMENT),
    "fgmsa": EmotionSet("FGMSA", "FER", labels=(
        "weak negative", "strong negative", "neutral", "strong positive", "weak positive")),
    "fmsa": EmotionSet("FGMSA", "FER", labels=(
        "weak negative", "strong negative", "neutral", "strong positive", "weak positive")),
    "meld": EmotionSet("MELD", "CEU", labels=("neutral", "surprise", "fear", "sadness", "joy", "disgust", "anger")),
    "simsv2": EmotionSet("CH-SIMS v2", "CEU", labels=_SENTIMENT),
    "sims": EmotionSet("CH-SIMS", "CEU", labels=_SENTIMENT),
    "mer2023": EmotionSet("MER2023", "CEU", labels=("happy", "sad", "neutral", "angry", "worried", "surprise")),
    "mceiu": EmotionSet("MC-EIU", "CEU", "joint"),
    "funny": EmotionSet("UR-FUNNY", "SCEA", labels=("true", "false")),
    "mustard": EmotionSet("MUStARD", "SCEA", labels=("true", "false")),
    "smile": EmotionSet("SMILE", "SCEA", "generated"),
}  # fmt: skip
GROUP_OF = {found.name: found.group for found in _BY_NAME.values()}
SETS = tuple(dict.fromkeys(found.name for found in _BY_NAME.values()))


def set_of(file_name: str) -> EmotionSet:
    """Return the set that a file holds; one of the file's own name where the name is none that is known."""
    plain = re.sub(r"[^a-z0-9]", "", file_name.lower())
    return next((found for name, found in _BY_NAME.items() if name in plain), EmotionSet(file_name, ""))


def joint_options() -> tuple[str, ...]:
    """Return the values of the joint label, each with its field."""
    return (*(f"emotion: {label}" for label in EMOTIONS), *(f"intent: {label}" for label in INTENTS))
