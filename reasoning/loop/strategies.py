"""The needs of a person and the support strategies that answer them, by default or a builder's own.

The weights are relative, and state a prior: they are not measured probabilities. Every need and every strategy of a set
is open in every turn, so that a policy which is sure enough can choose it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from omnisense.reasoning.loop.appraisal import EmotionValue, NeedName, StrategyName
from omnisense.reasoning.loop.emotion_set import UNKNOWN, EmotionSet

_UNLISTED = 0.5  # the weight of a need or strategy that a table does not list

# Which needs go with which emotion, after the optimal matching of support to stress (Cutrona and Russell, 1990): being
# heard for losses, comfort and safety for fear, space for anger, company in joy.
NEEDS: dict[EmotionValue, dict[NeedName, float]] = {
    "sadness": {"to be heard": 3, "comfort": 4, "company": 2, "space": 1},
    "fear": {"to be heard": 2, "comfort": 3, "safety": 2, "encouragement": 2, "information": 1},
    "anger": {"to be heard": 5, "space": 2, "information": 1, "comfort": 1},
    "disgust": {"to be heard": 4, "space": 2, "safety": 1},
    "joy": {"to share joy": 5, "to be heard": 2, "encouragement": 1},
    "surprise": {"to be heard": 3, "information": 2, "to share joy": 2},
    "neutral": {"to be heard": 3, "company": 2, "information": 2},
    "unknown": {"company": 3, "space": 2, "information": 1},
}
# Support strategies after Hill's helping skills as ESConv names them (Liu et al., 2021), by need.
SUPPORT_STRATEGIES: dict[NeedName, dict[StrategyName, float]] = {
    "to be heard": {"reflect the feeling": 4, "validate": 3, "ask one open question": 3},
    "comfort": {"reflect the feeling": 3, "reassure": 4, "validate": 2},
    "company": {"reassure": 2, "ask one open question": 4, "reflect the feeling": 2},
    "space": {"give space": 5, "validate": 2},
    "safety": {"reassure": 4, "offer information": 2},
    "encouragement": {"encourage": 5, "validate": 2},
    "information": {"offer information": 4, "ask one open question": 3},
    "to share joy": {"share the joy": 6, "ask one open question": 2},
}
TONES: dict[EmotionValue, str] = {
    "sadness": "gentle concern",
    "fear": "calm reassurance",
    "anger": "calm understanding",
    "disgust": "calm understanding",
    "joy": "warm gladness",
    "surprise": "curious warmth",
    "neutral": "friendly interest",
    "unknown": "quiet openness",
}


@dataclass(frozen=True)
class StrategySet:
    """What a person may need, and how the agent may support them; a setting of the loop.

    Attributes:
        needs: by emotion, the weight of each need. An emotion without an entry takes that of the measured emotions that
            it is read from.
        strategies: by need, the weight of each support strategy.
        tones: by emotion, which feeling the reply shows; found likewise.
        closings: by strategy, a sentence that carries it out, for replies that no policy writes; the loop has its own
            for the strategies of the default set.
    """

    needs: Mapping[EmotionValue, Mapping[NeedName, float]] = field(default_factory=lambda: NEEDS)
    strategies: Mapping[NeedName, Mapping[StrategyName, float]] = field(default_factory=lambda: SUPPORT_STRATEGIES)
    tones: Mapping[EmotionValue, str] = field(default_factory=lambda: TONES)
    closings: Mapping[StrategyName, str] = field(default_factory=dict)

    @property
    def need_names(self) -> tuple[NeedName, ...]:
        """All needs, in the order in which the tables name them."""
        return tuple(dict.fromkeys([*(n for row in self.needs.values() for n in row), *self.strategies]))

    @property
    def strategy_names(self) -> tuple[StrategyName, ...]:
        """All strategies, in the order in which the tables name them."""
        return tuple(dict.fromkeys(name for row in self.strategies.values() for name in row))

    def need_weights(self, felt: Mapping[EmotionValue, float], emotions: EmotionSet) -> dict[NeedName, float]:
        """Return a weight for each need: the table's rows, averaged over the probabilities of the emotions."""
        weights = dict.fromkeys(self.need_names, _UNLISTED)
        for emotion, probability in (felt or {UNKNOWN: 1.0}).items():
            rows = [self.needs[name] for name in _entries(emotion, self.needs, emotions)]
            for row in rows:
                for need, weight in row.items():
                    weights[need] += probability * weight / len(rows)
        return weights

    def strategy_weights(self, need: NeedName) -> dict[StrategyName, float]:
        """Return a weight for each strategy."""
        row = self.strategies.get(need, {})
        return {name: row.get(name, 0.0) + _UNLISTED for name in self.strategy_names}

    def tone(self, emotion: EmotionValue, emotions: EmotionSet) -> str:
        """Return which feeling the reply shows; empty where the table has none."""
        return next((self.tones[name] for name in _entries(emotion, self.tones, emotions)), "")


def _entries(emotion: EmotionValue, table: Mapping[EmotionValue, object], emotions: EmotionSet) -> list[EmotionValue]:
    """Return the keys under which a table has an emotion: itself, or the measured emotions it is read from."""
    if emotion in table:
        return [emotion]
    return [name for name in emotions.measured.get(emotion, ()) if name in table]
