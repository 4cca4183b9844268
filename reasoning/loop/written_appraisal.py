"""What a leading policy writes of need and strategy, completed by the prior where it wrote none of the names."""

from __future__ import annotations

from collections.abc import Mapping

from omnisense.reasoning.loop.appraisal import Emotion, EvidenceSpan, Need, Strategy
from omnisense.reasoning.loop.emotion_set import EmotionSet
from omnisense.reasoning.loop.strategies import StrategySet
from omnisense.reasoning.loop.written_turn import WrittenTurn, short_names, short_needs

# How probable what a policy writes is taken to be. What models say of their own confidence is hardly informative.
STATED_CONFIDENCE = 0.85


def need_and_strategy(
    strategies: StrategySet,
    emotions: EmotionSet,
    felt: Emotion,
    written: WrittenTurn,
    cited: tuple[EvidenceSpan, ...],
) -> tuple[Need, Strategy]:
    """Return what would help and how to support: as written; the need of a short message follows from the rest."""
    weights = strategies.need_weights(felt.probabilities, emotions)
    stated_need = short_needs(strategies.need_names).get(written.need, written.need)
    stated = short_names(strategies.strategy_names).get(written.strategy, written.strategy)
    detail, note, sure = f"for {felt.value}", "", STATED_CONFIDENCE
    if not stated_need and stated in strategies.strategy_names:
        need, sure = strategies.need_of(stated, weights)
        detail += ", by the strategy"
    else:
        need, note = _one_of("need", stated_need, weights)
    strategy, strategy_note = _one_of("strategy", stated, strategies.strategy_weights(need))
    tone = strategies.tone(felt.value, emotions)
    return (
        Need(need, detail, 0.0 if note else round(sure, 3), cited, note=note),
        Strategy(
            strategy,
            f"showing {tone}" if tone else "",
            0.0 if strategy_note else STATED_CONFIDENCE,
            cited,
            tone=tone,
            note=strategy_note,
        ),
    )


def _one_of(step: str, written: str, prior: Mapping[str, float]) -> tuple[str, str]:
    """Return what was written if it is one of the names, else the prior's likeliest; and a note in that case."""
    if written in prior:
        return written, ""
    note = f"the policy wrote {written!r}, which is no {step}" if written else f"the policy wrote no {step}"
    return max(prior, key=prior.__getitem__), note
