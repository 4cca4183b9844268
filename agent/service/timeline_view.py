"""A clip's timeline in lanes, as a page draws it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from omnisense.perception.percepts import Percepts
from omnisense.perception.types import AudioStream, Event, FaceTrack, Transcript, VisualStream
from omnisense.perception.vision.expressions import expression_phases


def timeline_view(percepts: Percepts) -> dict[str, Any]:
    """Return the events of the timeline, which replies cite, and the lanes that they are drawn in.

    Each lane has a kind (``speech``, ``expression``, ``tone``, ``gestures``, ``speaking``, ``conflict`` or the name of
    a channel), the name of the person, and its parts: their interval, a label, a confidence from 0 to 1 where one is
    measured, and the id of the event that cites them, where there is one.
    """
    clip = percepts.clip
    timeline = percepts.timeline()
    lanes = [lane for lane in _lanes(percepts, _EventIds(timeline.events)) if lane["parts"]]
    return {
        "kind": clip.kind,
        "duration_s": clip.duration_s,
        "heading": timeline.heading,
        "missing": percepts.missing(),
        "events": [event.__dict__ for event in timeline.events],
        "people": [{"id": p.id, "name": p.name, "speaker": p.speaker, "faces": p.faces} for p in percepts.people],
        "lanes": lanes,
    }


class _EventIds:
    """Finds the event that is about an interval."""

    def __init__(self, events: tuple[Event, ...]) -> None:
        self._events = events

    def of(self, channel: str, start_s: float, end_s: float, who: str | None = None) -> str:
        for event in self._events:
            same = abs(event.start_s - start_s) < 0.02 and abs(event.end_s - end_s) < 0.02
            if event.channel == channel and same and who in (None, event.who):
                return event.id
        return ""


def _lanes(percepts: Percepts, ids: _EventIds) -> Iterator[dict[str, Any]]:
    names = {person.speaker: person.name for person in percepts.people if person.speaker}
    faces = {face: person.name for person in percepts.people for face in person.faces}
    if isinstance(percepts.transcript, Transcript):
        yield from _speech(percepts.transcript, names, ids)
    if isinstance(percepts.audio, AudioStream):
        yield from _tone(percepts.audio, names)
    if isinstance(percepts.visual, VisualStream):
        for face in percepts.visual.faces:
            yield from _face(face, faces.get(face.id, face.id), percepts.visual, ids)
    speaking = [
        _part(s.start_s, s.end_s, faces.get(s.face or "", "off screen" if s.off_screen else "unknown"), s.confidence)
        for s in percepts.speaker_segments
    ]
    yield _lane("speaking", "", speaking)
    for person in percepts.people:
        conflicts = [
            _part(a.start_s, a.end_s, a.text, None, ids.of("person", a.start_s, a.end_s, person.id))
            for a in person.agreements
            if a.conflict
        ]
        yield _lane("conflict", person.name, conflicts)
    for own in percepts.channels:
        parts = [_part(e.start_s, e.end_s, e.text, None, ids.of(own.name, e.start_s, e.end_s)) for e in own.events]
        yield _lane(own.name, "", parts)


def _speech(transcript: Transcript, names: dict[str, str], ids: _EventIds) -> Iterator[dict[str, Any]]:
    by_speaker: dict[str, list[dict[str, Any]]] = {}
    for segment in transcript.segments:
        part = _part(
            segment.start_s,
            segment.end_s,
            segment.text,
            segment.confidence,
            ids.of("speech", round(segment.start_s, 2), round(segment.end_s, 2)),
        )
        feeling = segment.feelings[0] if segment.feelings[:1] not in ((), ("neutral",)) else ""
        by_speaker.setdefault(segment.speaker or "", []).append(part | {"feeling": feeling})
    for speaker, parts in by_speaker.items():
        yield _lane("speech", names.get(speaker, speaker or "somebody"), parts)


def _tone(audio: AudioStream, names: dict[str, str]) -> Iterator[dict[str, Any]]:
    by_speaker: dict[str, list[dict[str, Any]]] = {}
    for utterance in audio.utterances:
        if utterance.emotion:
            best = max(range(len(utterance.emotion)), key=utterance.emotion.__getitem__)
            part = _part(utterance.start_s, utterance.end_s, audio.emotion_labels[best], utterance.emotion[best])
            by_speaker.setdefault(utterance.speaker, []).append(part)
    for speaker, parts in by_speaker.items():
        yield _lane("tone", names.get(speaker, speaker or "somebody"), parts)


def _face(face: FaceTrack, name: str, visual: VisualStream, ids: _EventIds) -> Iterator[dict[str, Any]]:
    phases = [
        _part(
            p.start_s, p.end_s, p.expression, p.score, ids.of("face", round(p.start_s, 2), round(p.end_s, 2), face.id)
        )
        for p in expression_phases(face, visual.expression_labels, visual.min_expression)
    ]
    yield _lane("expression", name, phases)
    gestures = [
        _part(
            g.start_s,
            g.end_s,
            f"{g.kind} ({g.count} times)" if g.count > 1 else g.kind,
            None,
            ids.of("face", round(g.start_s, 2), round(g.end_s, 2), face.id),
        )
        for g in face.gestures
    ]
    yield _lane("gestures", name, gestures)


def _lane(kind: str, who: str, parts: list[dict[str, Any]]) -> dict[str, Any]:
    return {"kind": kind, "who": who, "parts": parts}


def _part(start_s: float, end_s: float, label: str, confidence: float | None, event: str = "") -> dict[str, Any]:
    known = None if confidence is None else round(min(1.0, max(0.0, confidence)), 3)
    return {
        "start_s": round(start_s, 2),
        "end_s": round(end_s, 2),
        "label": label,
        "confidence": known,
        "event": event,
    }
