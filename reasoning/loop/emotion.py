"""Emotion estimation: the measured channels pooled with the policy's choice.

Each channel (face, words, tone and arousal of the voice) gives a distribution over emotions, a reliability and the
events that it rests on. They are pooled log-linearly with the policy, at the weights of the policy's profile.
Disagreement between channels is reported, not hidden in an average.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from omnisense.perception.audio.baselines import estimate_arousal
from omnisense.perception.percepts import Percepts
from omnisense.perception.types import AudioStream, Event, FaceTrack, Prosody, Transcript, VisualStream
from omnisense.perception.vision.expressions import Phase, expression_phases
from omnisense.reasoning.loop.appraisal import EMOTIONS, EarlierEmotion, EmotionChannel, EmotionName
from omnisense.reasoning.loop.emotion_set import EmotionSet
from omnisense.reasoning.loop.words import of_labels, words_channel
from omnisense.reasoning.pooling import pool_log_linear
from omnisense.text import unquote

_CLOSE = 0.5  # of the likeliest feeling's probability: feelings from here on are felt together
_OWN_CHANNEL = 0.5  # the weight of a channel that the profile does not know
_MIN_VOICE_S = 6
OF_EXPRESSION: dict[str, EmotionName] = {
    "angry": "anger",
    "disgust": "disgust",
    "fear": "fear",
    "happy": "joy",
    "sad": "sadness",
    "surprise": "surprise",
    "neutral": "neutral",
}
_PRESENT_S = 5.0  # the face's present state is its last phase, or this long if the phase is shorter
# Arousal of each emotion on the circumplex, -1 calm to 1 excited (after Russell, "A circumplex model of affect", 1980).
# A falling voice is the end of an utterance as often as sadness: the two share a value, and other channels decide.
_AROUSAL: dict[EmotionName, float] = {
    "sadness": -0.5,
    "joy": 0.4,
    "anger": 0.7,
    "fear": 0.7,
    "disgust": 0.3,
    "surprise": 0.7,
    "neutral": -0.5,
}


@dataclass(frozen=True)
class EmotionEstimate:
    """The pooled result.

    Attributes:
        value: the emotion now; ``strength`` from 0 to 1.
        since_s: since when, where the face shows it.
        earlier: what the face showed before.
        mixture: feelings that are close, with their shares; empty where one is clear.
        weights: of each channel in the pool (its weight times its reliability), and of the policy where it was asked.
        conflict: the disagreement between channels in words; empty when they agree.
    """

    value: EmotionName
    strength: float
    since_s: float | None
    earlier: tuple[EarlierEmotion, ...]
    probabilities: dict[EmotionName, float]
    channels: tuple[EmotionChannel, ...]
    weights: dict[str, float]
    conflict: str
    mixture: dict[EmotionName, float] = field(default_factory=dict)


# --- channels -----------------------------------------------------------------------------------------------


def main_face(visual: VisualStream) -> FaceTrack | None:
    """Return the main person's face: the one with the largest area summed over time."""

    def presence(face: FaceTrack) -> float:
        return sum((b[2] - b[0]) * (b[3] - b[1]) for b in face.boxes)

    return max(visual.faces, key=presence, default=None)


def face_channel(visual: VisualStream, events: Sequence[Event]) -> tuple[EmotionChannel | None, list[Phase]]:
    """Return the channel of the main face's present expression (None without one), and the face's phases."""
    face = main_face(visual)
    if face is None or not face.expression:
        return None, []
    phases = expression_phases(face, visual.expression_labels, visual.min_expression)
    since_s = min([face.end_s - _PRESENT_S, *(phase.start_s for phase in phases[-1:])])
    now = [s for t, s in zip(face.times_s, face.expression, strict=True) if t >= since_s - 1e-6]
    mean = np.mean(now, axis=0)
    scores: dict[EmotionName, float] = dict.fromkeys(EMOTIONS, 0.0)
    for label, value in zip(visual.expression_labels, mean.tolist(), strict=True):
        scores[OF_EXPRESSION[label]] += value
    # A uniform distribution over seven classes carries no information; one clear class carries much.
    reliability = max(0.0, (max(scores.values()) - 1 / 7) / (1 - 1 / 7))
    evidence = tuple(e.id for e in events if e.channel == "face" and e.who == face.id and e.end_s > since_s)
    top = max(scores, key=scores.__getitem__)
    return EmotionChannel(
        "face", scores, round(reliability, 3), f"expression {top} {scores[top]:.2f}", evidence
    ), phases


def tone_channel(audio: AudioStream, events: Sequence[Event]) -> EmotionChannel | None:
    """Return how the voice of the main speaker sounds; None without a vocal emotion model, or without speech."""
    speakers: dict[str, float] = {}
    for u in audio.utterances:
        speakers[u.speaker] = speakers.get(u.speaker, 0.0) + u.end_s - u.start_s
    main = max(speakers, key=speakers.__getitem__, default="")
    heard = [u for u in audio.utterances if u.speaker == main and u.emotion]
    if not heard or not audio.emotion_labels:
        return None
    lengths = [max(u.end_s - u.start_s, 0.1) for u in heard]
    mean = np.average([u.emotion for u in heard], axis=0, weights=lengths)
    scores = of_labels(audio.emotion_labels, mean.tolist())
    top = max(scores, key=scores.__getitem__)
    evidence = tuple(e.id for e in events if e.channel in ("speech", "voice") and e.who in ("", main))
    return EmotionChannel("tone", scores, 1.0, f"the voice sounds like {top} {scores[top]:.2f}", evidence)


def arousal_channel(audio: AudioStream, events: Sequence[Event]) -> EmotionChannel | None:
    """Return the channel of vocal arousal: the last third of the speech against its baseline; None if it is short."""
    spoken = [p for p in audio.seconds if p.f0_rel_st is not None and p.loudness_rel_db is not None]
    if len(spoken) < _MIN_VOICE_S or len(audio.utterances) < 2:  # within one utterance pitch and level simply decline
        return None
    latest = spoken[-max(2, len(spoken) // 3) :]
    pitch = float(np.mean([p.f0_rel_st or 0.0 for p in latest]))
    level = float(np.mean([p.loudness_rel_db or 0.0 for p in latest]))
    excited = estimate_arousal(Prosody(f0_rel_st=pitch, loudness_rel_db=level)) or 0.0
    scores = _normalize({e: math.exp(-2 * (excited - a) ** 2) for e, a in _AROUSAL.items()})
    evidence = tuple(e.id for e in events if e.channel in ("speech", "voice"))[-2:]
    return EmotionChannel(
        "arousal",
        scores,
        round(abs(excited), 3),
        f"pitch {pitch:+.1f} semitones, level {level:+.1f} dB against its own baseline",
        evidence,
    )


def quote_of(event: Event) -> str:
    """Return the words of a speech event."""
    _, quoted, words = event.text.partition(': "')
    return unquote(f'"{words}') if quoted else ""


# --- pooling ------------------------------------------------------------------------------------------------


def measure(
    percepts: Percepts | None, events: Sequence[Event], typed: Transcript | None = None
) -> tuple[list[EmotionChannel], list[Phase]]:
    """Return the channels that could be measured, and the main face's phases.

    Args:
        percepts: of the clip, if there is one.
        events: of its timeline.
        typed: what the person typed, of :func:`omnisense.reasoning.loop.words.read_typed`.
    """
    channels: list[EmotionChannel | None] = []
    phases: list[Phase] = []
    if percepts and isinstance(percepts.visual, VisualStream):
        face, phases = face_channel(percepts.visual, events)
        channels.append(face)
    spoken = [e for e in events if e.channel == "speech"]
    heard = percepts.transcript if percepts and isinstance(percepts.transcript, Transcript) else None
    channels.append(words_channel(spoken, heard, typed))
    if percepts and isinstance(percepts.audio, AudioStream):
        channels += [tone_channel(percepts.audio, events), arousal_channel(percepts.audio, events)]
    return [c for c in channels if c is not None], phases


def pool(
    channels: Sequence[EmotionChannel],
    policy: Mapping[EmotionName, float] | None,
    phases: Sequence[Phase] = (),
    weights: Mapping[str, float] | None = None,
    emotions: EmotionSet | None = None,
) -> EmotionEstimate:
    """Pool measured channels with the policy's probabilities.

    Args:
        channels: what was measured.
        policy: over the emotions of the set; None or empty when it was not asked.
        phases: of the main face's expression.
        weights: of each channel and of ``policy``; equal ones by default.
        emotions: the set; by default the seven that are measured.
    """
    emotions, weights = emotions or EmotionSet(), weights or {}
    channels = [replace(c, probabilities=emotions.from_measured(c.probabilities)) for c in channels]
    used = {c.name: weights.get(c.name, _OWN_CHANNEL) * c.reliability for c in channels}
    sources: dict[str, Mapping[EmotionName, float]] = {c.name: c.probabilities for c in channels}
    if policy:
        used["policy"], sources["policy"] = weights.get("policy", 1.0), policy
    probabilities = pool_log_linear(sources, used, emotions.names)
    # Where nothing says anything the feeling is unknown, and treated as neutral.
    value = max((emotions.neutral, *emotions.names), key=probabilities.__getitem__)
    return EmotionEstimate(
        value=value,
        strength=0.0 if value == emotions.neutral else _strength(value, channels, sources, used),
        since_s=_since(value, phases, emotions),
        earlier=_earlier(phases, emotions),
        probabilities={e: round(p, 3) for e, p in probabilities.items()},
        channels=tuple(channels),
        weights={name: round(w, 3) for name, w in used.items()},
        conflict=_conflict(channels),
        mixture=_mixture(probabilities, emotions.neutral) if value != emotions.neutral else {},
    )


def _mixture(probabilities: Mapping[EmotionName, float], neutral: EmotionName) -> dict[EmotionName, float]:
    """Return the feelings that are close to the likeliest one, with shares that sum to 1; empty where it is alone."""
    feelings = {e: p for e, p in probabilities.items() if e != neutral}
    close = {e: p for e, p in feelings.items() if p >= _CLOSE * max(feelings.values())}
    total = sum(close.values())
    ordered = sorted(close.items(), key=lambda item: -item[1])
    return {e: round(p / total, 2) for e, p in ordered} if 2 <= len(close) <= 3 else {}


def _strength(
    value: EmotionName,
    channels: Sequence[EmotionChannel],
    sources: Mapping[str, Mapping[EmotionName, float]],
    weights: Mapping[str, float],
) -> float:
    """Return the strength: the sources' weighted mean probability of the emotion, raised by an aroused voice."""
    weighted = [(weights[name], p.get(value, 0.0)) for name, p in sources.items() if name != "arousal"]
    total = sum(w for w, _ in weighted)
    level = sum(w * p for w, p in weighted) / total if total else 0.0
    aroused = next((c.reliability for c in channels if c.name == "arousal" and _AROUSAL.get(c.top, 0.0) > 0), 0.0)
    return round(min(1.0, level + 0.2 * aroused), 3)


def _of_expression(expression: str, emotions: EmotionSet) -> EmotionName:
    shares = emotions.from_measured({OF_EXPRESSION[expression]: 1.0})
    return max(shares, key=shares.__getitem__)


def _since(value: EmotionName, phases: Sequence[Phase], emotions: EmotionSet) -> float | None:
    if phases and _of_expression(phases[-1].expression, emotions) == value:
        return phases[-1].start_s
    return None


def _earlier(phases: Sequence[Phase], emotions: EmotionSet) -> tuple[EarlierEmotion, ...]:
    return tuple(
        EarlierEmotion(_of_expression(p.expression, emotions), p.end_s) for p in phases[:-1] if p.score >= 0.35
    )


def _conflict(channels: Sequence[EmotionChannel]) -> str:
    clear = [c for c in channels if c.probabilities[c.top] >= 0.5 and c.name != "arousal"]
    reliable = [c for c in clear if c.reliability >= 0.35]
    tops = {c.top for c in reliable}
    if len(tops) < 2:
        return ""
    return "; ".join(f"the {c.name} {'say' if c.name == 'words' else 'says'} {c.top}" for c in reliable)


def _normalize(scores: Mapping[EmotionName, float]) -> dict[EmotionName, float]:
    total = sum(scores.values()) or 1.0
    return {key: value / total for key, value in scores.items()}
