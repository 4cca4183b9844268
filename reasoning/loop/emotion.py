"""What is felt, and how strongly: the measured channels pooled with the policy's opinion.

Each channel (face, words, voice) gives a distribution over seven emotions, a reliability and the events that it rests
on. They are pooled log-linearly (a product of experts; Genest and Zidek, "Combining probability distributions", 1986)
with the weights stated in ``WEIGHTS``. The policy takes part with at most half the weight of what was measured, and
may only choose among emotions that the measurement leaves open (at least half as likely as its first), so that a
weak model can break a tie and cannot overrule a measurement. Disagreement between channels is reported, never
averaged away in silence.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np

from omnisense.perception.audio.baselines import estimate_arousal
from omnisense.perception.percepts import Percepts
from omnisense.perception.types import AudioStream, Event, FaceTrack, Prosody, Transcript, VisualStream
from omnisense.perception.vision.expressions import Phase, expression_phases
from omnisense.reasoning.loop.appraisal import EMOTIONS, EarlierEmotion, EmotionChannel, EmotionName, WeightName
from omnisense.reasoning.loop.emotion_lexicon import Cue, emotion_cues

WEIGHTS: dict[WeightName, float] = {"face": 1.0, "words": 1.2, "voice": 0.4, "policy": 0.5}
_POLICY_SHARE = 0.5  # of the measured weight, at most
_FLOOR = 0.02  # no channel may rule an emotion out for good
_TIE = 0.5
_POLICY_FLOOR = 0.1  # an opinion is never taken for more than about nine to one
_MIN_VOICE_S = 6
_UNNAMED = 0.3  # reliability of words that name no feeling
OF_EXPRESSION: dict[str, EmotionName] = {
    "angry": "anger",
    "disgust": "disgust",
    "fear": "fear",
    "happy": "joy",
    "sad": "sadness",
    "surprise": "surprise",
    "neutral": "neutral",
}
_NOW_S = 5.0  # the face's present state is its last phase, or this long if that is shorter
# Arousal of each emotion on the circumplex, -1 calm to 1 excited (after Russell, "A circumplex model of affect", 1980).
# A voice that falls is as often the end of a speech as sadness: the two share a value, and other channels decide.
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
        value: the emotion now; strength 0 to 1.
        since_s: since when, where the face shows it.
        earlier: what the face showed before, as ``sadness until 7.0 s``.
        weights: what each channel weighed in the pool (stated weight times reliability).
        conflict: the disagreement between channels in words, or empty.
    """

    value: EmotionName
    strength: float
    since_s: float | None
    earlier: tuple[EarlierEmotion, ...]
    probabilities: dict[EmotionName, float]
    channels: tuple[EmotionChannel, ...]
    weights: dict[WeightName, float]
    conflict: str


# --- channels -----------------------------------------------------------------------------------------------


def main_face(visual: VisualStream) -> FaceTrack | None:
    """The person the clip is about: the face with the most time times size."""

    def presence(face: FaceTrack) -> float:
        return sum((b[2] - b[0]) * (b[3] - b[1]) for b in face.boxes)

    return max(visual.faces, key=presence, default=None)


def face_channel(visual: VisualStream, events: Sequence[Event]) -> tuple[EmotionChannel | None, list[Phase]]:
    """The main face's present expression, and its phases."""
    face = main_face(visual)
    if face is None or not face.expression:
        return None, []
    phases = expression_phases(face, visual.expression_labels)
    since_s = min(phases[-1].start_s, face.end_s - _NOW_S)
    now = [s for t, s in zip(face.times_s, face.expression, strict=True) if t >= since_s - 1e-6]
    mean = np.mean(now, axis=0)
    scores: dict[EmotionName, float] = dict.fromkeys(EMOTIONS, 0.0)
    for label, value in zip(visual.expression_labels, mean.tolist(), strict=True):
        scores[OF_EXPRESSION[label]] += value
    # An even spread over seven classes says nothing; one clear class says much.
    reliability = max(0.0, (max(scores.values()) - 1 / 7) / (1 - 1 / 7))
    seen = tuple(e.id for e in events if e.channel == "face" and e.who == face.id and e.end_s > since_s)
    top = max(scores, key=scores.__getitem__)
    return EmotionChannel("face", scores, round(reliability, 3), f"expression {top} {scores[top]:.2f}", seen), phases


def words_channel(spoken: Sequence[Event], typed: str, transcript: Transcript | None = None) -> EmotionChannel | None:
    """Feelings named in what was said and typed; where none is, what the sentences carry; None without words."""
    cues: list[tuple[Cue, str]] = [(cue, event.id) for event in spoken for cue in emotion_cues(quote_of(event))]
    cues += [(cue, "typed") for cue in emotion_cues(typed)]
    if not spoken and not typed:
        return None
    if not cues:
        if transcript and set(transcript.emotion_labels) == set(EMOTIONS) and not typed:
            return _read_sentences(transcript, spoken)
        flat: dict[EmotionName, float] = {e: 1.0 if e == "neutral" else 0.25 for e in EMOTIONS}
        return EmotionChannel("words", _normalize(flat), _UNNAMED, "no feeling is named")
    scores: dict[EmotionName, float] = dict.fromkeys(EMOTIONS, 0.1)
    scores["neutral"] = 0.3
    for cue, _ in cues:
        scores[cue.emotion] += cue.weight
    total = sum(cue.weight for cue, _ in cues)
    reason = "says " + ", ".join(dict.fromkeys(f'"{cue.text}"' for cue, _ in cues))
    return EmotionChannel(
        "words",
        _normalize(scores),
        round(min(1.0, 0.4 + 0.3 * total), 3),
        reason,
        tuple(dict.fromkeys(source for _, source in cues)),
    )


def _read_sentences(transcript: Transcript, spoken: Sequence[Event]) -> EmotionChannel:
    """What the text emotion model reads in the sentences, each counted by its words."""
    read = [s for s in transcript.segments if s.emotion]
    mean = np.average([s.emotion for s in read], axis=0, weights=[max(len(s.words), 1) for s in read])
    labels = cast("tuple[EmotionName, ...]", transcript.emotion_labels)  # the caller has checked them
    scores = _normalize(dict(zip(labels, mean.tolist(), strict=True)))
    top = max(scores, key=scores.__getitem__)
    told = tuple(event.id for event in spoken)
    # A sentence that carries something, without naming it, counts for less than a feeling that is named.
    reliability = round(max(_UNNAMED, 0.5 * (1 - scores["neutral"])), 3)
    return EmotionChannel("words", scores, reliability, f"no feeling is named; the sentences read like {top}", told)


def voice_channel(audio: AudioStream, events: Sequence[Event]) -> EmotionChannel | None:
    """Arousal of the last third of the speech against the speaker's own baseline; None without enough speech."""
    spoken = [p for p in audio.seconds if p.f0_rel_st is not None and p.loudness_rel_db is not None]
    if len(spoken) < _MIN_VOICE_S or len(audio.utterances) < 2:  # within one utterance pitch and level just run down
        return None
    latest = spoken[-max(2, len(spoken) // 3) :]
    pitch = float(np.mean([p.f0_rel_st or 0.0 for p in latest]))
    level = float(np.mean([p.loudness_rel_db or 0.0 for p in latest]))
    excited = estimate_arousal(Prosody(f0_rel_st=pitch, loudness_rel_db=level)) or 0.0
    scores = _normalize({e: math.exp(-2 * (excited - a) ** 2) for e, a in _AROUSAL.items()})
    told = tuple(e.id for e in events if e.channel in ("speech", "voice"))[-2:]
    return EmotionChannel(
        "voice",
        scores,
        round(abs(excited), 3),
        f"pitch {pitch:+.1f} semitones, level {level:+.1f} dB against its own baseline",
        told,
    )


def quote_of(event: Event) -> str:
    """The words of a speech event."""
    return event.text.partition(': "')[2].removesuffix('"')


# --- pooling ------------------------------------------------------------------------------------------------


def measure(percepts: Percepts | None, events: Sequence[Event], typed: str) -> tuple[list[EmotionChannel], list[Phase]]:
    """All channels that have something to say, and the main face's phases."""
    channels: list[EmotionChannel | None] = []
    phases: list[Phase] = []
    if percepts and isinstance(percepts.visual, VisualStream):
        face, phases = face_channel(percepts.visual, events)
        channels.append(face)
    spoken = [e for e in events if e.channel == "speech"]
    if percepts is None or isinstance(percepts.transcript, Transcript) or typed:
        read = percepts.transcript if percepts and isinstance(percepts.transcript, Transcript) else None
        channels.append(words_channel(spoken, typed, read))
    if percepts and isinstance(percepts.audio, AudioStream):
        channels.append(voice_channel(percepts.audio, events))
    return [c for c in channels if c is not None], phases


def pool(
    channels: Sequence[EmotionChannel], policy: Mapping[EmotionName, float] | None, phases: Sequence[Phase] = ()
) -> EmotionEstimate:
    """Pool measured channels with the policy's probabilities over ``EMOTIONS`` (None: it was not asked)."""
    weights: dict[WeightName, float] = {c.name: WEIGHTS[c.name] * c.reliability for c in channels}
    experts: list[tuple[float, Mapping[EmotionName, float]]] = [(weights[c.name], c.probabilities) for c in channels]
    measured = sum(weights.values())
    if policy is not None:
        weights["policy"] = min(WEIGHTS["policy"], _POLICY_SHARE * measured) if measured else WEIGHTS["policy"]
        experts.append((weights["policy"], {e: max(p, _POLICY_FLOOR) for e, p in policy.items()}))
    probabilities = _product(experts)
    open_to_choice: set[EmotionName] = set(EMOTIONS)
    if measured:
        seen = _product(experts[: len(channels)])
        open_to_choice = {e for e in EMOTIONS if seen[e] >= _TIE * max(seen.values())}
    value = max(open_to_choice, key=probabilities.__getitem__)
    return EmotionEstimate(
        value=value,
        strength=_strength(value, channels, probabilities),
        since_s=_since(value, phases),
        earlier=_earlier(phases),
        probabilities={e: round(p, 3) for e, p in probabilities.items()},
        channels=tuple(channels),
        weights={name: round(w, 3) for name, w in weights.items()},
        conflict=_conflict(channels),
    )


def _product(experts: Sequence[tuple[float, Mapping[EmotionName, float]]]) -> dict[EmotionName, float]:
    logs = {e: sum(w * math.log(max(p.get(e, 0.0), _FLOOR)) for w, p in experts) for e in EMOTIONS}
    peak = max(logs.values())
    return _normalize({e: math.exp(value - peak) for e, value in logs.items()})


def _strength(
    value: EmotionName, channels: Sequence[EmotionChannel], probabilities: Mapping[EmotionName, float]
) -> float:
    """How strongly: the measured channels' mean share of feeling, raised by an aroused voice."""
    if value == "neutral":
        return 0.0
    telling = [(WEIGHTS[c.name] * c.reliability, c.probabilities[value]) for c in channels if c.name != "voice"]
    total = sum(w for w, _ in telling)
    level = sum(w * p for w, p in telling) / total if total else probabilities[value] / 2
    voice = next((c.reliability for c in channels if c.name == "voice" and _AROUSAL[c.top] > 0), 0.0)
    return round(min(1.0, level + 0.2 * voice), 3)


def _since(value: EmotionName, phases: Sequence[Phase]) -> float | None:
    if phases and OF_EXPRESSION[phases[-1].expression] == value:
        return phases[-1].start_s
    return None


def _earlier(phases: Sequence[Phase]) -> tuple[EarlierEmotion, ...]:
    return tuple(EarlierEmotion(OF_EXPRESSION[p.expression], p.end_s) for p in phases[:-1] if p.score >= 0.35)


def _conflict(channels: Sequence[EmotionChannel]) -> str:
    sure = [c for c in channels if c.reliability >= 0.35 and c.name != "voice"]
    tops = {c.top for c in sure}
    if len(tops) < 2:
        return ""
    return "; ".join(f"the {c.name} {'say' if c.name == 'words' else 'says'} {c.top}" for c in sure)


def _normalize(scores: Mapping[EmotionName, float]) -> dict[EmotionName, float]:
    total = sum(scores.values()) or 1.0
    return {key: value / total for key, value in scores.items()}
