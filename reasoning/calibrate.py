"""Measure how a policy is best used: the weights of the pool, and whether it leads.

Every decision's sources (measured channels, and the policy's choice) are collected on labelled rows; weights are fitted
by maximum likelihood and judged on groups that did not take part (:mod:`omnisense.reasoning.pooling`).
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from omnisense.errors import InputError
from omnisense.perception.media.clip import open_clip
from omnisense.perception.percepts import Percepts
from omnisense.reasoning.answers.answerer import Answerer, AnswerSettings
from omnisense.reasoning.answers.question import question_text
from omnisense.reasoning.calibration_rows import CalibrationRow
from omnisense.reasoning.loop.appraiser import EMOTION_QUESTION, measured_emotion
from omnisense.reasoning.loop.decisions import Decider
from omnisense.reasoning.loop.emotion_set import EmotionSet
from omnisense.reasoning.loop.state import LoopSettings, State, initial_state
from omnisense.reasoning.loop.words import ReadEmotion, read_typed
from omnisense.reasoning.media import media_parts
from omnisense.reasoning.policies.base import Policy
from omnisense.reasoning.policies.messages import Part, message
from omnisense.reasoning.pooling import PoolExample, fit_weights, pool_held_out
from omnisense.reasoning.profile import PolicyProfile

_ANSWER_PRIOR = PolicyProfile("", leads=False).weights_of("answer")
_MIN_GROUPS = 10
_BATCH = 16
_SIGNIFICANT = 0.05
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Perceiver:
    """What rows are perceived with.

    Attributes:
        perceive: turns a clip into percepts.
        read_emotion: adds the emotion of typed sentences.
    """

    perceive: Callable[[Path], Percepts]
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
    over all rows. Its weight in a decision is 0, so that it is not asked, where it adds nothing: where with it the
    held-out likelihood is not better by a standard error, or fewer decisions are right.

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
    prior = PolicyProfile(policy.name, leads=not policy.needs_guidance)
    felt = [row for row in rows if row.question is None]
    asked = [row for row in rows if row.question is not None]
    decisions: dict[str, tuple[list[PoolExample], dict[str, float]]] = {}
    if felt:
        examples = emotion_examples(policy, felt, perceiver, emotions, say)
        decisions["emotion"] = examples, complete_weights(prior.weights_of("emotion"), examples)
    if asked:
        examples = answer_examples(policy, asked, perceiver, say)
        decisions["answer"] = examples, complete_weights(_ANSWER_PRIOR, examples)
    weights: dict[str, dict[str, float]] = {}
    seen: dict[str, dict[str, int]] = {}
    accuracy: dict[str, dict[str, float]] = {}
    right: list[tuple[bool, bool]] = []
    for name, (examples, start) in decisions.items():
        if len({example.group for example in examples}) < _MIN_GROUPS:
            raise InputError(f"fewer than {_MIN_GROUPS} groups have a label of '{name}'", "Give more rows or groups.")
        weights[name], judged = fit_pool(examples, start)
        seen[name] = dict(sorted(Counter(source for e in examples for source in e.sources).items()))
        accuracy |= {f"{name} ({task})": found for task, found in judged.by_task().items()}
        right += list(zip(judged.right("policy"), judged.right("measured"), strict=True))
    return PolicyProfile(policy.name, "measured", _is_as_good(right), weights, accuracy, examples=seen)


def emotion_examples(
    policy: Policy,
    rows: Sequence[CalibrationRow],
    perceiver: Perceiver,
    emotions: EmotionSet,
    say: Callable[[str], None],
) -> list[PoolExample]:
    """Return what the channels and the policy say about the emotion of each row."""
    decider, states = Decider(policy, LoopSettings(emotions=emotions)), []
    channels: list[dict[str, tuple[float, Mapping[str, float]]]] = []
    for i, row in enumerate(rows):
        if row.emotion not in emotions.names:
            raise InputError(f"'{row.emotion}' is no emotion of the set", f"Choose from {', '.join(emotions.names)}.")
        if i % 50 == 0:
            say(f"measuring {i + 1} of {len(rows)}")
        state = _state(row, perceiver, policy)
        states.append(state)
        measured = {c.name: (c.reliability, c.probabilities) for c in measured_emotion(state)[0]}
        measured |= {name: (1.0, dict(scores)) for name, scores in row.scores.items()}
        channels.append({name: (r, emotions.from_measured(p)) for name, (r, p) in measured.items()})
    opinions: list[dict[str, float]] = []
    for at in range(0, len(rows), _BATCH):
        opinions += decider.opinions(states[at : at + _BATCH], EMOTION_QUESTION, emotions.names)
        if at % (4 * _BATCH) == 0:
            say(f"asking about {at + 1} of {len(rows)}")
    return [
        PoolExample(
            {**found, **({"policy": (1.0, opinion)} if opinion else {})},
            emotions.names,
            row.emotion,
            row.group,
            row.task,
        )
        for row, found, opinion in zip(rows, channels, opinions, strict=True)
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
        percepts = perceiver.perceive(row.clip) if row.clip else None
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
    state["percepts"] = perceiver.perceive(row.clip) if row.clip else None
    state["media"] = _media(row, state["percepts"], policy)
    state["typed_words"] = read_typed(row.text, perceiver.read_emotion) if row.text else None
    return state


def _media(row: CalibrationRow, percepts: Percepts | None, policy: Policy) -> list[Part]:
    """Return what of the clip the agent would show the policy."""
    seen = policy.modalities - {"text"}
    return media_parts(open_clip(row.clip), percepts, policy.modalities) if row.clip and seen else []


# --- fitting and judging ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class JudgedPool:
    """Examples with their held-out pools.

    Attributes:
        pooled: with the weights that are kept.
        measured: without the policy.
    """

    examples: Sequence[PoolExample]
    pooled: Sequence[Mapping[str, float]]
    measured: Sequence[Mapping[str, float]]

    def right(self, source: str) -> list[bool]:
        """Return of each example whether a source alone (or a pool) is right; one that says nothing is wrong."""
        if source in ("pooled", "measured"):
            pools = self.pooled if source == "pooled" else self.measured
            return [_top(p) == e.answer for e, p in zip(self.examples, pools, strict=True)]
        return [source in e.sources and _top(e.sources[source][1]) == e.answer for e in self.examples]

    def by_task(self) -> dict[str, dict[str, float]]:
        """Return by task the number of examples and the accuracy of the pool and of every source alone."""
        tasks = np.array([example.task for example in self.examples])
        sources = sorted({name for example in self.examples for name in example.sources})
        right = {name: np.array(self.right(name)) for name in ("pooled", "measured", *sources)}
        found = {}
        for task in sorted(set(tasks)):
            inside = tasks == task
            present = {n for e in self.examples if e.task == task for n in e.sources} | {"pooled", "measured"}
            found[str(task)] = {"n": int(inside.sum())} | {
                name: round(float(hits[inside].mean()), 3) for name, hits in right.items() if name in present
            }
        return found


def fit_pool(examples: list[PoolExample], prior: dict[str, float]) -> tuple[dict[str, float], JudgedPool]:
    """Return the weights of a pool, and the examples with the pools of weights that were fitted on other groups.

    The policy's weight is 0 where it adds nothing: where with it the held-out likelihood is not better by a standard
    error, or fewer decisions are right.

    Args:
        examples: of two groups or more.
        prior: the weight of every source, the ``policy`` among them.
    """
    silent = {**prior, "policy": 0.0}
    measured = pool_held_out(examples, silent, fixed=("policy",))
    pooled = pool_held_out(examples, prior)
    judged = JudgedPool(examples, pooled, measured)
    gain = np.array([np.log(p[e.answer] / m[e.answer]) for e, p, m in zip(examples, pooled, measured, strict=True)])
    is_likelier = gain.mean() > gain.std() / np.sqrt(len(gain))
    if is_likelier and sum(judged.right("pooled")) >= sum(judged.right("measured")):
        return fit_weights(examples, prior), judged
    return fit_weights(examples, silent, fixed=("policy",)), JudgedPool(examples, measured, measured)


def _is_as_good(right: Sequence[tuple[bool, bool]]) -> bool:
    """Return whether the first of two is not significantly worse than the second, on the same examples."""
    from scipy.stats import binomtest

    won = sum(first and not second for first, second in right)
    lost = sum(second and not first for first, second in right)
    return won >= lost or bool(binomtest(won, won + lost, alternative="less").pvalue >= _SIGNIFICANT)


def complete_weights(prior: Mapping[str, float], examples: Sequence[PoolExample]) -> dict[str, float]:
    """Return the prior weights, with one for every source of the examples."""
    return dict.fromkeys((n for e in examples for n in e.sources), 0.5) | dict(prior)


def _top(probabilities: Mapping[str, float]) -> str:
    return max(probabilities, key=probabilities.__getitem__)
