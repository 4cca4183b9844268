"""What a leading policy writes of the appraisal, completed by what was measured and by the prior.

Its emotion is pooled with the measured channels. Where it wrote none of the names, the prior's likeliest are taken;
whoever asks for something needs information.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from omnisense.reasoning.loop import emotion
from omnisense.reasoning.loop.appraisal import Context, Emotion, EvidenceSpan, Need, Strategy
from omnisense.reasoning.loop.appraiser import (
    cite,
    emotion_appraisal,
    emotion_weights,
    measured_emotion,
    policy_source,
)
from omnisense.reasoning.loop.conversation import recall
from omnisense.reasoning.loop.emotion_set import EmotionSet
from omnisense.reasoning.loop.observations import possible_contexts
from omnisense.reasoning.loop.paraphrase import first_words
from omnisense.reasoning.loop.requests import request_of
from omnisense.reasoning.loop.state import LoopSettings, State, events_of, heard_words
from omnisense.reasoning.loop.strategies import StrategySet
from omnisense.reasoning.loop.written_turn import WrittenTurn, short_names, short_needs
from omnisense.reasoning.policies.base import Policy

# How probable what a policy writes is taken to be. What models say of their own confidence is hardly informative.
_STATED_CONFIDENCE = 0.85
_ASKED_NEED = "information"  # of whoever asks for something


def appraise(state: State, written: WrittenTurn, policy: Policy, settings: LoopSettings) -> State:
    """Return the appraisals that were written, completed by what was measured.

    Args:
        state: with what was perceived.
        written: by the policy.
        policy: how much its emotion counts is in its profile.
        settings: of the loop.
    """
    events = events_of(state)
    felt = _emotion(state, written, policy, settings)
    cites = {*written.cites, *(["typed"] if state["typed"] and not events else [])}
    cited = cite(events, cites, state["looked"]) or felt.evidence
    asked = bool(request_of(state["typed"])) and not events
    need, strategy = _need_and_strategy(settings.strategies, settings.emotions, felt, written, cited, asked)
    possible = possible_contexts(state["percepts"], events, state["typed"])
    return {
        "emotion": felt,
        "context": Context(
            possible[0],
            written.context or f'said: "{first_words(heard_words(state))}"',
            round(1 / len(possible), 3),
            cited,
            summary=written.context,
            recalled=recall(state["turns"], state["typed"], state["facts"]),
        ),
        "need": need,
        "strategy": strategy,
    }


def opinion(written: WrittenTurn, names: Sequence[str]) -> dict[str, float]:
    """Return the written emotion as probabilities; empty where none of the set was written."""
    if written.emotion not in names:
        return {}
    rest = (1 - _STATED_CONFIDENCE) / (len(names) - 1)
    return {name: _STATED_CONFIDENCE if name == written.emotion else rest for name in names}


def _emotion(state: State, written: WrittenTurn, policy: Policy, settings: LoopSettings) -> Emotion:
    """Return the written emotion pooled with the measured channels."""
    names = settings.emotions
    channels, phases = measured_emotion(state)
    stated, said = written.emotion if written.emotion in names.names else None, opinion(written, names.names)
    if not said and not channels:
        return Emotion(detail="nobody to read a feeling from", described=written.described)
    weights = emotion_weights(settings.profile_of(policy), policy_source(state))
    felt = emotion_appraisal(state, emotion.pool(channels, said, phases, weights, names), names)
    note = f"the policy alone would choose '{stated}'" if stated not in (None, felt.value) else ""
    return replace(felt, policy_choice=stated, described=written.described, note=note)


def _need_and_strategy(
    strategies: StrategySet,
    emotions: EmotionSet,
    felt: Emotion,
    written: WrittenTurn,
    cited: tuple[EvidenceSpan, ...],
    asked: bool,
) -> tuple[Need, Strategy]:
    """Return what would help and how to support: as written; what is not written follows from the rest.

    The need of a short message follows from the strategy, and both from what is asked in a message that is answered in
    a plain conversation.
    """
    weights = strategies.need_weights(felt.probabilities, emotions)
    stated_need = short_needs(strategies.need_names).get(written.need, written.need)
    stated = short_names(strategies.strategy_names).get(written.strategy, written.strategy)
    if not (stated_need or stated) and asked and _ASKED_NEED in weights:
        stated_need, prior = _ASKED_NEED, strategies.strategy_weights(_ASKED_NEED, felt.value, emotions)
        stated = max(prior, key=prior.__getitem__)
    detail, note, sure = f"for {felt.value}", "", _STATED_CONFIDENCE
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
            0.0 if strategy_note else _STATED_CONFIDENCE,
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
