"""One summary per person: faces and speakers that belong together, and everything that is known of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from omnisense.perception.fusion.agreement import find_agreements
from omnisense.perception.types import (
    MIN_EXPRESSION,
    AudioStream,
    FaceTrack,
    PersonSummary,
    Segment,
    Span,
    SpeakerSegment,
    SpeakerTurn,
    Transcript,
    Utterance,
    VisualStream,
)


@dataclass(frozen=True)
class _Person:
    """The face tracks and the speaker of one person; either may be empty."""

    faces: tuple[FaceTrack, ...]
    speaker: str


def summarize_people(
    visual: VisualStream | None,
    audio: AudioStream | None,
    transcript: Transcript | None,
    speaker_segments: Sequence[SpeakerSegment],
) -> tuple[PersonSummary, ...]:
    """Return a summary of each person who is visible or speaks, in order of appearance."""
    faces = visual.faces if visual else ()
    people = _pair_faces_with_speakers(faces, audio.speaker_turns if audio else (), speaker_segments)
    return tuple(
        _summarize(number, person, visual, audio, transcript, speaker_segments)
        for number, person in enumerate(people, start=1)
    )


def _pair_faces_with_speakers(
    faces: Sequence[FaceTrack], turns: Sequence[SpeakerTurn], speaker_segments: Sequence[SpeakerSegment]
) -> list[_Person]:
    """Return the people: the faces of one voice are one of them, and so is each other face and each other voice."""
    own = _faces_by_speaker(faces, speaker_segments)
    first_speech = {turn.speaker: turn.start_s for turn in reversed(turns)}
    if not turns and (unseen := [s.start_s for s in speaker_segments if s.off_screen]):
        first_speech[""] = unseen[0]  # a voice off screen, without diarization
    found = []
    for speaker, start_s in first_speech.items():
        tracks = own.get(speaker, []) if speaker else []
        found.append((min([start_s, *(f.start_s for f in tracks)]), _Person(tuple(tracks), speaker)))
    paired = {face.id for speaker, tracks in own.items() if speaker for face in tracks}
    found += [(face.start_s, _Person((face,), "")) for face in faces if face.id not in paired]
    return [person for _, person in sorted(found, key=lambda item: (item[0], item[1].speaker))]


def _faces_by_speaker(
    faces: Sequence[FaceTrack], speaker_segments: Sequence[SpeakerSegment]
) -> dict[str, list[FaceTrack]]:
    """Return the faces that speak with each voice, in order of appearance."""
    speaker_of = {segment.face: segment.speaker for segment in speaker_segments if segment.face}
    own: dict[str, list[FaceTrack]] = defaultdict(list)
    for face in sorted(faces, key=lambda f: f.start_s):
        if face.id in speaker_of:
            own[speaker_of[face.id]].append(face)
    return own


# --- names --------------------------------------------------------------------------------------------------


def describe_position(face: FaceTrack, faces: Sequence[FaceTrack]) -> str:
    """Return where a face is, in words: among those visible at the same time, else in the frame."""
    visible = [f for f in faces if min(f.end_s, face.end_s) >= max(f.start_s, face.start_s)]
    order = [f.id for f in sorted(visible, key=_mean_x)]
    rank, count = order.index(face.id), len(order)
    if count == 1:
        return "in the centre" if face.position == "centre" else f"on the {face.position}"
    if rank in (0, count - 1):
        return "on the left" if rank == 0 else "on the right"
    if count == 3:
        return "in the middle"
    if rank <= 4:
        return f"{('second', 'third', 'fourth', 'fifth')[rank - 1]} from the left"
    return f"{rank + 1}th from the left"


def _mean_x(face: FaceTrack) -> float:
    return float(np.mean([(box[0] + box[2]) / 2 for box in face.boxes]))


def _name_person(person: _Person, faces: Sequence[FaceTrack], num_speakers: int) -> str:
    if person.faces:
        return f"the person {describe_position(person.faces[0], faces)}" if len(faces) > 1 else "the person in view"
    if not faces:
        return person.speaker if num_speakers > 1 else "the voice"
    return f"a voice off screen ({person.speaker})" if num_speakers > 1 else "a voice off screen"


# --- summaries ----------------------------------------------------------------------------------------------


def _summarize(
    number: int,
    person: _Person,
    visual: VisualStream | None,
    audio: AudioStream | None,
    transcript: Transcript | None,
    speaker_segments: Sequence[SpeakerSegment],
) -> PersonSummary:
    turns = audio.speaker_turns if audio else ()
    name = _name_person(person, visual.faces if visual else (), len({turn.speaker for turn in turns}))
    spans = _spoken_spans(person, turns, speaker_segments)
    utterances, segments = _speech_of(person, spans, audio, transcript)
    expressions, tones = visual.expression_labels if visual else (), audio.emotion_labels if audio else ()
    least = visual.min_expression if visual else MIN_EXPRESSION
    return PersonSummary(
        id=f"person-{number}",
        name=name,
        faces=tuple(face.id for face in person.faces),
        speaker=person.speaker,
        speaking_s=round(sum(span.duration_s for span in spans), 2),
        words=sum(len(s.words) for s in segments),
        expression=_mean_scores([scores for face in person.faces for scores in face.expression]),
        facing_camera=_mean([f for face in person.faces for f in face.facing_camera if f is not None]),
        vocal_emotion=_mean_scores([u.emotion for u in utterances if u.emotion]),
        arousal=_mean([u.arousal for u in utterances if u.arousal is not None]),
        sentiment=_mean([s.sentiment for s in segments if s.sentiment is not None]),
        gestures=tuple(g for face in person.faces for g in face.gestures),
        agreements=tuple(find_agreements(name, person.faces, utterances, segments, expressions, tones, least)),
    )


def _spoken_spans(
    person: _Person, turns: Sequence[SpeakerTurn], speaker_segments: Sequence[SpeakerSegment]
) -> list[Span]:
    """Return when a person speaks: the turns of the voice; without diarization, what was given to the faces."""
    if person.speaker:
        return [Span(t.start_s, t.end_s) for t in turns if t.speaker == person.speaker]
    faces = {face.id for face in person.faces}
    own = [s for s in speaker_segments if (s.face in faces if faces else s.off_screen)]
    return [Span(s.start_s, s.end_s) for s in own]


def _speech_of(
    person: _Person, spans: Sequence[Span], audio: AudioStream | None, transcript: Transcript | None
) -> tuple[list[Utterance], list[Segment]]:
    """Return the utterances and sentences of a person: by speaker, or without diarization by time."""

    def is_own(part: Utterance | Segment) -> bool:
        if person.speaker:
            return part.speaker == person.speaker
        shared_s = sum(max(0.0, min(s.end_s, part.end_s) - max(s.start_s, part.start_s)) for s in spans)
        return shared_s > 0.5 * (part.end_s - part.start_s)

    return (
        [u for u in audio.utterances if is_own(u)] if audio and spans else [],
        [s for s in transcript.segments if is_own(s)] if transcript and spans else [],
    )


def _mean_scores(rows: Sequence[Sequence[float]]) -> tuple[float, ...]:
    return tuple(round(float(v), 3) for v in np.mean(rows, axis=0)) if rows else ()


def _mean(values: Sequence[float]) -> float | None:
    return round(float(np.mean(values)), 3) if values else None
