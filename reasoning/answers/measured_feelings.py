"""What the voice, the face and the words say to a question about feelings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from omnisense.perception.speech.confidence import confidence_of
from omnisense.perception.types import AudioStream, Channel, FaceTrack, Transcript, VisualStream
from omnisense.perception.vision.expressions import expression_phases
from omnisense.reasoning.answers.asked import Asked, Measurement, Observation, mean_scores, share_among
from omnisense.reasoning.answers.channels import ChannelName
from omnisense.reasoning.answers.values import emotion_of
from omnisense.reasoning.loop.appraisal import EMOTIONS
from omnisense.reasoning.loop.emotion import main_face

# Accuracy of the parts on speakers, faces and texts that trained nothing (benchmarks/results): tone .77, text .57.
_TRUST: Mapping[ChannelName, float] = {"tone": 0.8, "expression": 0.7, "text emotion": 0.5}
_MIN_TONE_S = 0.5


def measure_tone(asked: Asked) -> Measurement | None:
    """Return what the tone of voice says."""
    audio = asked.percepts.audio
    if not isinstance(audio, AudioStream) or not audio.emotion_labels:
        return None
    seen = asked.select(
        Observation(u.start_s, u.end_s, _by_emotion(audio.emotion_labels, u.emotion))
        for u in audio.utterances
        if u.emotion and u.end_s - u.start_s >= _MIN_TONE_S and asked.concerns(u.speaker)
    )
    return _feeling(asked, "tone", seen, "the voice sounds", ("speech", "voice"))


def measure_expression(asked: Asked) -> Measurement | None:
    """Return what the face shows: of the person asked about, else the foremost one."""
    visual = asked.percepts.visual
    if not isinstance(visual, VisualStream) or not visual.expression_labels:
        return None
    chosen = [f for f in visual.faces if f.id in asked.who] or [f for f in (main_face(visual),) if f]
    seen = asked.select(o for face in chosen for o in _phases(face, visual))
    return _feeling(asked, "expression", seen, "the face looks", ("face",))


def measure_text_emotion(asked: Asked) -> Measurement | None:
    """Return which emotion the words carry."""
    transcript = asked.percepts.transcript
    if not isinstance(transcript, Transcript) or not transcript.emotion_labels:
        return None
    segments = [s for s in transcript.segments if s.emotion and asked.concerns(s.speaker or "")]
    seen = asked.select(
        Observation(s.start_s, s.end_s, _by_emotion(transcript.emotion_labels, s.emotion), confidence_of([s]) + 0.01)
        for s in segments
    )
    found = _feeling(asked, "text emotion", seen, "the words read like", ("speech",))
    if found is None:
        return None
    return Measurement(
        found.channel,
        found.probabilities,
        round(found.reliability * confidence_of(segments), 3),
        found.reason,
        found.evidence,
    )


def _feeling(
    asked: Asked, channel: ChannelName, seen: Sequence[Observation], how: str, event_channels: tuple[Channel, ...]
) -> Measurement | None:
    if not seen:
        return None
    scores = mean_scores(seen)
    shares = share_among(asked, scores, emotion_of)
    if shares is None:
        return None
    probabilities, used = shares
    top = sorted(scores, key=lambda e: -scores[e])[:2]
    reason = f"{how} {top[0]} ({scores[top[0]]:.2f})" + (f", then {top[1]} ({scores[top[1]]:.2f})" if top[1:] else "")
    # Options that the channel gives little say little of: it was about something else.
    reliability = _TRUST[channel] * asked.relevance[channel] * min(1.0, 2 * used)
    return Measurement(channel, probabilities, round(reliability, 3), reason, asked.events(event_channels, seen))


def _by_emotion(labels: Sequence[str], scores: Sequence[float]) -> dict[str, float]:
    """Return a classifier's scores by the loop's emotions, summing to 1; labels that are no emotion are left out."""
    found: dict[str, float] = {}
    for label, score in zip(labels, scores, strict=True):
        name = label if label in EMOTIONS else emotion_of(label)
        if name:
            found[name] = found.get(name, 0.0) + score
    total = sum(found.values()) or 1.0
    return {name: score / total for name, score in found.items()}


def _phases(face: FaceTrack, visual: VisualStream) -> list[Observation]:
    """Return a face's phases of one expression, each with the mean scores of its frames."""
    times, scores, labels = np.array(face.times_s), np.array(face.expression), visual.expression_labels
    found = []
    for phase in expression_phases(face, labels, visual.min_expression):
        inside = (times >= phase.start_s - 1e-6) & (times < phase.end_s + 1e-6)
        found.append(Observation(phase.start_s, phase.end_s, _by_emotion(labels, scores[inside].mean(axis=0).tolist())))
    return found
