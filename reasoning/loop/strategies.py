"""The needs of a person and the support strategies that answer them, by default or a builder's own.

The weights are relative, and state a prior: they are not measured probabilities. Every need and every strategy of a set
is open in every turn, so that a policy which is sure enough can choose it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

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
# What a fine-grained feeling in the words adds to the needs (the labels of GoEmotions).
FEELING_NEEDS: dict[str, dict[NeedName, float]] = {
    "nervousness": {"encouragement": 3},
    "disappointment": {"encouragement": 3},
    "fear": {"safety": 3},
    "grief": {"comfort": 2},
    "remorse": {"comfort": 2},
    "embarrassment": {"comfort": 2},
    "annoyance": {"to be heard": 2},
    "confusion": {"information": 2},
    "curiosity": {"information": 2},
    "desire": {"encouragement": 2},
    "pride": {"to share joy": 2},
    "excitement": {"to share joy": 2},
    "gratitude": {"to share joy": 1},
}
# Whoever shows a feeling without a word is not pressed for one.
SILENT_NEEDS: dict[EmotionValue, dict[NeedName, float]] = {
    "sadness": {"company": 4},
    "fear": {"company": 2},
    "anger": {"space": 6},
    "disgust": {"space": 4},
}
# What an emotion adds to the strategies, whatever the need: anger is owned before it is explored, joy is shared.
EMOTION_STRATEGIES: dict[EmotionValue, dict[StrategyName, float]] = {
    "anger": {"validate": 2},
    "disgust": {"validate": 2},
    "fear": {"reassure": 1},
    "joy": {"share the joy": 2},
    "neutral": {"ask one open question": 2, "offer information": 2},
    "unknown": {"ask one open question": 2, "offer information": 2},
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
        feeling_needs: by a fine-grained feeling in the words, what it adds to the needs.
        silent_needs: by emotion, what it adds to the needs of a person who says nothing.
        emotion_strategies: by emotion, what it adds to the strategies.
        tones: by emotion, which feeling the reply shows; found likewise.
        closings: by strategy, a sentence that carries it out, for replies that no policy writes; the loop has its own
            for the strategies of the default set.
    """

    needs: Mapping[EmotionValue, Mapping[NeedName, float]] = field(default_factory=lambda: NEEDS)
    strategies: Mapping[NeedName, Mapping[StrategyName, float]] = field(default_factory=lambda: SUPPORT_STRATEGIES)
    feeling_needs: Mapping[str, Mapping[NeedName, float]] = field(default_factory=lambda: FEELING_NEEDS)
    silent_needs: Mapping[EmotionValue, Mapping[NeedName, float]] = field(default_factory=lambda: SILENT_NEEDS)
    emotion_strategies: Mapping[EmotionValue, Mapping[StrategyName, float]] = field(
        default_factory=lambda: EMOTION_STRATEGIES
    )
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

    def need_weights(
        self,
        felt: Mapping[EmotionValue, float],
        emotions: EmotionSet,
        feelings: Collection[str] = (),
        is_silent: bool = False,
    ) -> dict[NeedName, float]:
        """Return a weight for each need: the table's rows, averaged over the probabilities of the emotions.

        Args:
            felt: the emotions' probabilities; empty where nothing is known.
            emotions: the set that they are of.
            feelings: fine-grained ones, in the words.
            is_silent: whether the person neither speaks nor writes.
        """
        weights = dict.fromkeys(self.need_names, _UNLISTED)
        tables = [self.needs, self.silent_needs] if is_silent else [self.needs]
        for emotion, probability in (felt or {UNKNOWN: 1.0}).items():
            for table in tables:
                _add(weights, _rows(emotion, table, emotions), probability)
        _add(weights, [self.feeling_needs.get(feeling, {}) for feeling in feelings], float(len(feelings)))
        return weights

    def strategy_weights(
        self, need: NeedName, felt: EmotionValue = "", emotions: EmotionSet | None = None
    ) -> dict[StrategyName, float]:
        """Return a weight for each strategy.

        Args:
            need: as appraised.
            felt: the emotion.
            emotions: the set that it is of.
        """
        weights = dict.fromkeys(self.strategy_names, _UNLISTED)
        _add(weights, [self.strategies.get(need, {})], 1.0)
        _add(weights, _rows(felt, self.emotion_strategies, emotions or EmotionSet()), 1.0)
        return weights

    def need_of(self, strategy: StrategyName, needs: Mapping[NeedName, float]) -> tuple[NeedName, float]:
        """Return the need that a strategy answers, and its probability.

        By Bayes' rule, with ``needs`` as the prior and the share of the strategy in a need's row as the likelihood.

        Args:
            strategy: as chosen.
            needs: the weight of each need (:meth:`need_weights`).
        """
        weights = {}
        for need, weight in needs.items():
            row = self.strategy_weights(need)
            weights[need] = weight * row[strategy] / sum(row.values())
        best = max(weights, key=weights.__getitem__)
        return best, weights[best] / sum(weights.values())

    def tone(self, emotion: EmotionValue, emotions: EmotionSet) -> str:
        """Return which feeling the reply shows; empty where the table has none."""
        return next(iter(_rows(emotion, self.tones, emotions)), "")


_Row = TypeVar("_Row")


def _rows(emotion: EmotionValue, table: Mapping[EmotionValue, _Row], emotions: EmotionSet) -> list[_Row]:
    """Return a table's rows for an emotion: its own, or those of the measured emotions that it is read from."""
    names = [emotion] if emotion in table else emotions.measured.get(emotion, ())
    return [table[name] for name in names if name in table]


def _add(weights: dict[str, float], rows: Sequence[Mapping[str, float]], factor: float) -> None:
    """Add the mean of rows, times a factor, to the weights; what a set does not have is left out."""
    for row in rows:
        for name, weight in row.items():
            if name in weights:
                weights[name] += factor * weight / len(rows)
