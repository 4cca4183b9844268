"""What perception measured that bears on a question, by one mechanism for all channels.

The question is matched to channels (:mod:`omnisense.reasoning.answers.channels`); each of them gives a distribution
over the possible answers, read off the options, with a reliability and the events that it rests on. They are pooled
log-linearly (:mod:`omnisense.reasoning.pooling`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from omnisense.perception.percepts import Percepts
from omnisense.reasoning.answers.asked import Asked, Measurement
from omnisense.reasoning.answers.channels import ChannelName, QuestionChannels
from omnisense.reasoning.answers.measured_feelings import measure_expression, measure_text_emotion, measure_tone
from omnisense.reasoning.answers.measured_people import measure_gaze, measure_gesture, measure_people
from omnisense.reasoning.answers.measured_speech import measure_speaker, measure_words
from omnisense.reasoning.answers.measured_time import measure_events, measure_time
from omnisense.reasoning.answers.question import UNSCORED_KINDS, WRITTEN_KINDS, Question
from omnisense.reasoning.pooling import pool_log_linear

_MEASURES: Mapping[ChannelName, Callable[[Asked], Measurement | None]] = {
    "tone": measure_tone,
    "expression": measure_expression,
    "text emotion": measure_text_emotion,
    "words": measure_words,
    "gesture": measure_gesture,
    "gaze": measure_gaze,
    "speaker": measure_speaker,
    "people": measure_people,
    "events": measure_events,
    "time": measure_time,
}
_MIN_RELIABILITY = 0.05


def measure(question: Question, channels: QuestionChannels, percepts: Percepts | None) -> tuple[Measurement, ...]:
    """Return what the channels that a question asks about say to its answers, the most reliable first.

    Args:
        question: with options, a number, or yes and no; others have no answers to measure.
        channels: what it asks about.
        percepts: of the clip; None when there are none.
    """
    if percepts is None or question.kind in (*WRITTEN_KINDS, *UNSCORED_KINDS, "joint") or not channels.relevance:
        return ()
    asked = Asked.of(question, channels, percepts)
    found = [m for name in channels.relevance if (m := _MEASURES[name](asked)) and m.reliability >= _MIN_RELIABILITY]
    return tuple(sorted(found, key=lambda m: -m.reliability))


def pool(
    question: Question,
    measurements: Sequence[Measurement],
    policy: Mapping[str, float] | None,
    weights: Mapping[str, float],
) -> dict[str, float]:
    """Return the pooled probabilities of a question's possible answers.

    Args:
        question: the question.
        measurements: each counts with its channel's weight times its reliability.
        policy: its probabilities; None when it was not asked. Alone they are returned as they are.
        weights: by channel, and of the ``policy``; 0 for a channel that is absent.
    """
    counted = [m for m in measurements if weights.get(m.channel, 0.0) > 0]
    if policy is not None and not counted:
        return dict(policy)
    sources: dict[str, Mapping[str, float]] = {m.channel: m.probabilities for m in counted}
    trusted: dict[str, float] = {m.channel: weights[m.channel] * m.reliability for m in counted}
    if policy is not None:
        sources["policy"], trusted["policy"] = policy, weights.get("policy", 1.0)
    return pool_log_linear(sources, trusted, question.candidates())
