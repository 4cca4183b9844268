"""The emotions that the agent tells apart: seven by default, or a builder's own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from omnisense.errors import InputError
from omnisense.reasoning.loop.appraisal import EMOTIONS, EmotionName

UNKNOWN = "unknown"  # the value until an emotion is appraised; no emotion of a set may have this name
_ADJECTIVES = {
    "sadness": "sad",
    "joy": "happy",
    "anger": "angry",
    "fear": "afraid",
    "disgust": "put off",
    "surprise": "surprised",
    "neutral": "calm",
}


@dataclass(frozen=True)
class EmotionSet:
    """The emotions that the agent tells apart; a setting of the loop.

    Attributes:
        measured: by emotion, which of the seven that perception measures (``EMOTIONS``) it is read from. A measured
            emotion that several are read from is shared among them, and only the policy tells them apart.
        adjectives: by emotion, the word that follows "you feel"; an emotion without one is named as it is.
        neutral: which of them stands for no emotion.

    Raises:
        InputError: fewer than two emotions, a name in capitals, an unknown measured one, or ``neutral`` is not among
            them.
    """

    measured: Mapping[EmotionName, tuple[EmotionName, ...]] = field(
        default_factory=lambda: {name: (name,) for name in EMOTIONS}
    )
    adjectives: Mapping[EmotionName, str] = field(default_factory=lambda: dict(_ADJECTIVES))
    neutral: EmotionName = "neutral"

    def __post_init__(self) -> None:
        unknown = {m for names in self.measured.values() for m in names} - set(EMOTIONS)
        if unknown or not all(self.measured.values()):
            raise InputError(
                f"an emotion set reads from {sorted(unknown) or 'nothing'}", f"Choose from {', '.join(EMOTIONS)}."
            )
        is_lower = all(name == name.strip().lower() for name in self.measured)  # policies write them in any case
        if len(self.measured) < 2 or self.neutral not in self.measured or UNKNOWN in self.measured or not is_lower:
            raise InputError(
                f"the emotions {', '.join(self.measured) or '(none)'} cannot be used",
                f"Give two or more in lower case, '{self.neutral}' (neutral) among them, none named '{UNKNOWN}'.",
            )

    @property
    def names(self) -> tuple[EmotionName, ...]:
        """The emotions in order."""
        return tuple(self.measured)

    def adjective(self, name: EmotionName) -> str:
        """Return an emotion of the set as it follows "you feel"; empty for ``unknown``."""
        return "" if name == UNKNOWN else self.adjectives.get(name, name)

    def from_measured(self, probabilities: Mapping[EmotionName, float]) -> dict[EmotionName, float]:
        """Return a distribution over the set, of one over the seven measured emotions.

        A builder's own channel may give the set's own emotions already; these are kept.
        """
        if set(probabilities) == set(self.measured):
            return dict(probabilities)
        sharers = {m: sum(m in names for names in self.measured.values()) for m in EMOTIONS}
        shares = {
            name: sum(probabilities.get(m, 0.0) / sharers[m] for m in sources) / len(sources)
            for name, sources in self.measured.items()
        }
        total = sum(shares.values())
        return {name: share / total if total else 1 / len(shares) for name, share in shares.items()}
