"""Measure how a policy is best used: the weights of the pool, and whether it leads.

Every decision's sources (measured channels, and the policy's choice) are collected on labelled rows; weights are fitted
by maximum likelihood and judged on groups that did not take part (:mod:`omnisense.reasoning.pooling`).
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from omnisense.errors import InputError
from omnisense.perception.media.clip import open_clip
from omnisense.perception.percepts import Percepts
from omnisense.perception.types import AudioStream
from omnisense.reasoning.answers.answerer import Answerer, AnswerSettings
from omnisense.reasoning.answers.question import question_text
from omnisense.reasoning.calibration_rows import CalibrationRow
from omnisense.reasoning.judged_pool import complete_weights, fit_pool
from omnisense.reasoning.loop.appraiser import EMOTION_QUESTION, as_meant, measured_emotion, policy_source
from omnisense.reasoning.loop.decisions import Decider
from omnisense.reasoning.loop.emotion_set import EmotionSet
from omnisense.reasoning.loop.one_pass import OnePass
from omnisense.reasoning.loop.state import LoopSettings, State, initial_state
from omnisense.reasoning.loop.words import ReadEmotion, read_typed
from omnisense.reasoning.media import media_parts
from omnisense.reasoning.policies.base import Policy
from omnisense.reasoning.policies.messages import Part, message
from omnisense.reasoning.pooling import POLICY, POLICY_WITHOUT_WORDS, PoolExample
from omnisense.reasoning.profile import PolicyProfile

_ANSWER_PRIOR = PolicyProfile("", leads=False).weights_of("answer")
_MIN_GROUPS = 10
_BATCH = 16
_ENOUGH = 32  # turns; a policy that writes no readable emotion in as many does not lead
_SIGNIFICANT = 0.05
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Perceiver:
    """What rows are perceived with.

    Attributes:
        perceive: turns a clip into percepts, with the vocal emotion model that the row names, if it names one.
        read_emotion: adds the emotion of typed sentences.
    """

    perceive: Callable[[Path, Path | None], Percepts]
    read_emotion: ReadEmotion | None = None


def calibrate(
    policy: Policy,
    rows: Sequence[CalibrationRow],
    perceiver: Perceiver,
    emotions: EmotionSet | None = None,
    on_progress: Callable[[str], None] | None = None,
) -> PolicyProfile:
    """Measure a policy's profile.

    The policy leads where it alone is not significantly worse (McNemar's test) than the measured channels without it,
    in the emotions as in the answers of the rows with words that it reads or media that it takes. One that falls short
    in the emotions alone only answers what is asked, since replies to what people tell begin with what they feel; if it
    needs guidance by its size, or falls short in the answers, it is guided. Of the emotion it is asked as a turn asks
    it: a policy that leads writes it, another one chooses. Its weight in a decision is 0, so that it is not asked,
    where it adds nothing (:func:`omnisense.reasoning.judged_pool.fit_pool`).

    Args:
        policy: to be measured.
        rows: labelled.
        perceiver: for their clips and texts.
        emotions: the set that the labels come from; by default the seven that are measured.
        on_progress: receives a line now and then.

    Raises:
        InputError: the rows have fewer than ten groups, or an emotion that is not of the set.
        MediaError: a clip cannot be opened.
        PolicyError: the policy failed.
    """
    emotions, say = emotions or EmotionSet(), on_progress or _log.info
    felt, asked = [row for row in rows if row.question is None], [row for row in rows if row.question is not None]
    _check_groups(felt, asked)
    turns = felt_turns(policy, felt, perceiver, emotions, say)
    answers = answer_examples(policy, asked, perceiver, say) if asked else []

    def measure(leads: bool) -> tuple[PolicyProfile, dict[str, bool]]:
        return _fitted(policy.name, leads, emotion_examples(policy, turns, leads, emotions, say), answers)

    profile, as_good = measure(not policy.needs_guidance)
    is_good = all(as_good.values()) if as_good else profile.leads
    if not turns:  # questions are asked alike in every role
        return replace(profile, leads=is_good)
    if profile.leads == is_good:
        return profile
    other, other_as_good = measure(is_good)
    if is_good:
        return other if all(other_as_good.values()) else profile
    may_answer = as_good.get("answer", True)
    return replace(other, leads=may_answer, answers_only=may_answer)


def _check_groups(felt: Sequence[CalibrationRow], asked: Sequence[CalibrationRow]) -> None:
    """Check that enough groups can be held out, before anything is perceived."""
    for decision, labelled in (("emotion", felt), ("answer", asked)):
        if labelled and len({row.group for row in labelled}) < _MIN_GROUPS:
            raise InputError(
                f"fewer than {_MIN_GROUPS} groups have a label of '{decision}'", "Give more rows or groups."
            )


def _fitted(
    name: str, leads: bool, felt: list[PoolExample], answers: list[PoolExample]
) -> tuple[PolicyProfile, dict[str, bool]]:
    """Return the profile in a role, and by decision whether the policy alone is as good as the measured channels.

    A decision without an example that tells is left out.
    """
    found, as_good = PolicyProfile(name, "measured", leads), {}
    for decision, examples in (("emotion", felt), ("answer", answers)):
        if not examples:
            continue
        start = _ANSWER_PRIOR if decision == "answer" else PolicyProfile("", leads=leads).weights_of(decision)
        weights, judged = fit_pool(examples, complete_weights(start, examples))
        seen = dict(sorted(Counter(source for e in examples for source in e.sources).items()))
        found = replace(
            found,
            weights={**found.weights, decision: weights},
            examples={**found.examples, decision: seen},
            accuracy={**found.accuracy, **{f"{decision} ({task})": of for task, of in judged.by_task().items()}},
        )
        pairs = zip(examples, judged.right(POLICY), judged.right("measured"), strict=True)
        if right := [(own, it) for e, own, it in pairs if POLICY_WITHOUT_WORDS not in e.sources]:
            as_good[decision] = _is_as_good(right)
    return found, as_good


@dataclass(frozen=True)
class FeltTurn:
    """A row as a turn sees it.

    Attributes:
        row: with the emotion.
        state: what is known before the policy is asked.
        channels: by name, the reliability and the distribution of what was measured.
    """

    row: CalibrationRow
    state: State
    channels: Mapping[str, tuple[float, Mapping[str, float]]]


def felt_turns(
    policy: Policy,
    rows: Sequence[CalibrationRow],
    perceiver: Perceiver,
    emotions: EmotionSet,
    say: Callable[[str], None],
) -> list[FeltTurn]:
    """Perceive rows with an emotion, and measure the channels of their turns."""
    if unknown := [row.emotion for row in rows if row.emotion not in emotions.names]:
        raise InputError(f"'{unknown[0]}' is no emotion of the set", f"Choose from {', '.join(emotions.names)}.")
    turns = []
    for i, row in enumerate(rows):
        if i % 50 == 0:
            say(f"measuring {i + 1} of {len(rows)}")
        state = _state(row, perceiver, policy)
        measured = {c.name: (c.reliability, c.probabilities) for c in measured_emotion(state)[0]}
        measured |= {name: (1.0, dict(scores)) for name, scores in row.scores.items()}
        channels = {name: (r, emotions.from_measured(p)) for name, (r, p) in measured.items()}
        turns.append(FeltTurn(row, state, channels))
    return turns


def emotion_examples(
    policy: Policy, turns: Sequence[FeltTurn], leads: bool, emotions: EmotionSet, say: Callable[[str], None]
) -> list[PoolExample]:
    """Return what the channels and the policy say about the emotion of each turn.

    Args:
        policy: is asked by the functions of a turn.
        turns: of :func:`felt_turns`.
        leads: whether it writes the emotion as a leading policy, or chooses it as a guided one.
        emotions: the set.
        say: receives a line now and then.
    """
    settings = LoopSettings(emotions=emotions, guided=not leads)
    writer, decider = OnePass(policy, settings), Decider(policy, settings)
    opinions: list[dict[str, float]] = []
    for at in range(0, len(turns), _BATCH):
        states = [turn.state for turn in turns[at : at + _BATCH]]
        if leads:
            opinions += writer.opinions(states)
            if len(opinions) >= _ENOUGH and not any(opinions):
                say(f"nothing that it wrote about {len(opinions)} emotions can be read; it is not asked further")
                opinions += [{}] * (len(turns) - len(opinions))
                break
        else:
            opinions += decider.opinions([as_meant(s) for s in states], EMOTION_QUESTION, emotions.names)
        if at % (4 * _BATCH) == 0:
            say(f"asking about {at + 1} of {len(turns)}")
    return [
        PoolExample(
            {**turn.channels, **({policy_source(turn.state): (1.0, opinion)} if opinion else {})},
            emotions.names,
            turn.row.emotion,
            turn.row.group,
            turn.row.task,
        )
        for turn, opinion in zip(turns, opinions, strict=True)
    ]


def answer_examples(
    policy: Policy, rows: Sequence[CalibrationRow], perceiver: Perceiver, say: Callable[[str], None]
) -> list[PoolExample]:
    """Return what the channels and the policy say about the answer of each question."""
    # Without the measurements in the pool, an answer's probabilities are those of the policy alone.
    alone = PolicyProfile(
        policy.name, leads=False, weights={"answer": dict.fromkeys(_ANSWER_PRIOR, 0.0) | {"policy": 1.0}}
    )
    answerer = Answerer(policy, AnswerSettings(method="choose", profile=alone))
    examples = []
    for i, row in enumerate(rows):
        assert row.question is not None, "only questions come here"
        if i % 50 == 0:
            say(f"asking question {i + 1} of {len(rows)}")
        percepts = _perceive(row, perceiver)
        asked = [message("user", question_text(row.question, transcript=row.text))]
        media = _media(row, percepts, policy)
        [given] = answerer.answer_all([answerer.prepare(row.question, asked, percepts, media)])
        sources: dict[str, tuple[float, Mapping[str, float]]] = {
            m.channel: (m.reliability, m.probabilities) for m in given.measurements
        }
        if given.probabilities:
            sources["policy"] = (1.0, given.probabilities)
        examples.append(PoolExample(sources, row.question.candidates(), row.answer, row.group, row.task))
    return examples


def _state(row: CalibrationRow, perceiver: Perceiver, policy: Policy) -> State:
    state = initial_state(None, row.text)
    state["percepts"] = _perceive(row, perceiver)
    state["media"] = _media(row, state["percepts"], policy)
    state["typed_words"] = read_typed(row.text, perceiver.read_emotion) if row.text else None
    return state


def _perceive(row: CalibrationRow, perceiver: Perceiver) -> Percepts | None:
    if row.clip is None:
        return None
    percepts = perceiver.perceive(row.clip, row.voice_emotion_model)
    audio = percepts.audio
    if row.voice_emotion_model and isinstance(audio, AudioStream) and audio.utterances and not audio.emotion_labels:
        why = "; ".join(audio.notes) or "it gave no emotion"
        raise InputError(f"the vocal emotion model of a row cannot be used ({why})", "Train it again.",
                         row.voice_emotion_model)  # fmt: skip
    return percepts


def _media(row: CalibrationRow, percepts: Percepts | None, policy: Policy) -> list[Part]:
    """Return what of the clip the agent would show the policy."""
    seen = policy.modalities - {"text"}
    return media_parts(open_clip(row.clip), percepts, policy.modalities) if row.clip and seen else []


def _is_as_good(right: Sequence[tuple[bool, bool]]) -> bool:
    """Return whether the first of two is not significantly worse than the second, on the same examples."""
    from scipy.stats import binomtest

    won = sum(first and not second for first, second in right)
    lost = sum(second and not first for first, second in right)
    return won >= lost or bool(binomtest(won, won + lost, alternative="less").pvalue >= _SIGNIFICANT)
