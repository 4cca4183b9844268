"""One summary per person: faces and speakers that belong together, and everything that is known of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from omnisense.perception.fusion.agreement import find_agreements
from omnisense.perception.types import (
    AudioStream,
    FaceTrack,
    PersonSummary,
    Segment,
    SpeakerSegment,
    SpeakerTurn,
    Transcript,
    Utterance,
    VisualStream,
)

_MIN_SHARE = 0.5  # of a speaker's speech assigned to a face, from which the two are one person


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
    own = _faces_by_speaker(faces, speaker_segments)
    first_speech = {turn.speaker: turn.start_s for turn in reversed(turns)}
    found = []
    for speaker, start_s in first_speech.items():
        tracks = sorted(own.get(speaker, []), key=lambda f: f.start_s)
        found.append((min([start_s, *(f.start_s for f in tracks)]), _Person(tuple(tracks), speaker)))
    paired = {face.id for tracks in own.values() for face in tracks}
    found += [(face.start_s, _Person((face,), "")) for face in faces if face.id not in paired]
    return [person for _, person in sorted(found, key=lambda item: (item[0], item[1].speaker))]


def _faces_by_speaker(
    faces: Sequence[FaceTrack], speaker_segments: Sequence[SpeakerSegment]
) -> dict[str, list[FaceTrack]]:
    """Return the faces of each speaker most of whose speech is assigned to them."""
    assigned_s: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    speech_s: dict[str, float] = defaultdict(float)
    for segment in speaker_segments:
        speech_s[segment.speaker] += segment.end_s - segment.start_s
        if segment.face and segment.speaker:
            assigned_s[segment.face][segment.speaker] += segment.end_s - segment.start_s
    own: dict[str, list[FaceTrack]] = defaultdict(list)
    for face in sorted((f for f in faces if f.id in assigned_s), key=lambda f: -sum(assigned_s[f.id].values())):
        speaker = max(assigned_s[face.id], key=assigned_s[face.id].__getitem__)
        if all(face.end_s <= other.start_s or other.end_s <= face.start_s for other in own[speaker]):
            own[speaker].append(face)  # one who left and came back; two that are visible at once are two people
    for speaker, tracks in list(own.items()):
        if sum(assigned_s[f.id][speaker] for f in tracks) < _MIN_SHARE * speech_s[speaker]:
            del own[speaker]
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
    utterances, segments = _speech_of(person, audio, transcript)
    expressions, tones = visual.expression_labels if visual else (), audio.emotion_labels if audio else ()
    return PersonSummary(
        id=f"person-{number}",
        name=name,
        faces=tuple(face.id for face in person.faces),
        speaker=person.speaker,
        speaking_s=_speaking_s(person, turns, speaker_segments),
        words=sum(len(s.words) for s in segments),
        expression=_mean_scores([scores for face in person.faces for scores in face.expression]),
        facing_camera=_mean([f for face in person.faces for f in face.facing_camera if f is not None]),
        vocal_emotion=_mean_scores([u.emotion for u in utterances if u.emotion]),
        arousal=_mean([u.arousal for u in utterances if u.arousal is not None]),
        sentiment=_mean([s.sentiment for s in segments if s.sentiment is not None]),
        gestures=tuple(g for face in person.faces for g in face.gestures),
        agreements=tuple(find_agreements(name, person.faces, utterances, segments, expressions, tones)),
    )


def _speech_of(
    person: _Person, audio: AudioStream | None, transcript: Transcript | None
) -> tuple[list[Utterance], list[Segment]]:
    if not person.speaker:
        return [], []
    return (
        [u for u in audio.utterances if u.speaker == person.speaker] if audio else [],
        [s for s in transcript.segments if s.speaker == person.speaker] if transcript else [],
    )


def _speaking_s(person: _Person, turns: Sequence[SpeakerTurn], speaker_segments: Sequence[SpeakerSegment]) -> float:
    """Return seconds of speech: of the speaker, and of the faces where there was no diarization."""
    faces = {face.id for face in person.faces}
    of_speaker = sum(t.end_s - t.start_s for t in turns if person.speaker and t.speaker == person.speaker)
    of_faces = sum(s.end_s - s.start_s for s in speaker_segments if not s.speaker and s.face in faces)
    return round(of_speaker + of_faces, 2)


def _mean_scores(rows: Sequence[Sequence[float]]) -> tuple[float, ...]:
    return tuple(round(float(v), 3) for v in np.mean(rows, axis=0)) if rows else ()


def _mean(values: Sequence[float]) -> float | None:
    return round(float(np.mean(values)), 3) if values else None
