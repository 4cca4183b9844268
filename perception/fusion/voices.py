"""Voices corrected by the picture: one label for each person, wherever diarization merged or split people.

Diarization only hears. Where who-is-talking gives one voice to two faces that are visible at once, or says that a voice
is off screen while the face that has it is in view, it is two people; where two voices come from one mouth, it is one.
The turns are labelled anew accordingly, and everything that is keyed by speaker follows from them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

from omnisense.perception.types import AudioStream, FaceTrack, SpeakerSegment, SpeakerTurn, Utterance

_MIN_CLAIM_S = 0.3  # seconds times probability from which a face has a voice: less is chance
_CONTIGUOUS_S = 0.02
_PREFIX = "voice-"


def correct_voices(
    audio: AudioStream, segments: Sequence[SpeakerSegment], faces: Sequence[FaceTrack]
) -> tuple[AudioStream, list[SpeakerSegment]]:
    """Return the audio stream and the segments with one speaker label per person.

    Labels that only the picture tells apart come after those of diarization. Without diarization, or where the picture
    agrees with it, nothing changes.

    Args:
        audio: with the turns that the segments were made from.
        segments: who is talking.
        faces: of the clip.
    """
    if not audio.speaker_turns or not segments:
        return audio, list(segments)
    by_id = {face.id: face for face in faces}
    settled = _drop_weak_claims(segments)
    labels = _Labels(by_id, [turn.speaker for turn in audio.speaker_turns])
    labels.assign(_claims(settled))
    labels.part_unseen(settled)
    labelled = [replace(segment, speaker=labels.of(segment)) for segment in settled]
    if all(a.speaker == b.speaker for a, b in zip(labelled, segments, strict=True)):
        return audio, labelled
    turns = _join(labelled)
    baselines = {name: b for name, b in audio.speaker_baselines.items() if any(t.speaker == name for t in turns)}
    utterances = tuple(_relabel(utterance, turns) for utterance in audio.utterances)
    return replace(audio, speaker_turns=turns, utterances=utterances, speaker_baselines=baselines), labelled


def _claims(segments: Sequence[SpeakerSegment]) -> dict[tuple[str, str], float]:
    """Return, for each face and voice, the seconds of the voice given to the face, weighted by their probability."""
    claims: dict[tuple[str, str], float] = defaultdict(float)
    for segment in segments:
        if segment.face:
            claims[segment.face, segment.speaker] += (segment.end_s - segment.start_s) * segment.confidence
    return claims


def _drop_weak_claims(segments: Sequence[SpeakerSegment]) -> list[SpeakerSegment]:
    """Return segments in which a face that has next to nothing of a voice gives it to whoever has the most of it."""
    claims = _claims(segments)
    has_most: dict[str, SpeakerSegment] = {}
    most_s: dict[tuple[str, str | None], float] = defaultdict(float)
    for segment in segments:
        key = segment.speaker, segment.face
        most_s[key] += segment.end_s - segment.start_s
        best = has_most.get(segment.speaker)
        if best is None or most_s[key] > most_s[segment.speaker, best.face]:
            has_most[segment.speaker] = segment
    found = []
    for segment in segments:
        most = has_most[segment.speaker]
        if segment.face and most.face != segment.face and claims[segment.face, segment.speaker] < _MIN_CLAIM_S:
            segment = replace(segment, face=most.face, off_screen=most.off_screen)
        found.append(segment)
    return found


@dataclass
class _Labels:
    """The voice of each face, and of speakers off screen whose voice belongs to a face in view."""

    faces: dict[str, FaceTrack]
    known: list[str]

    def __post_init__(self) -> None:
        self._of_face: dict[str, str] = {}
        self._elsewhere: dict[str, str] = {}
        self._count = max((int(k.removeprefix(_PREFIX)) for k in self.known if k.startswith(_PREFIX)), default=0)

    def assign(self, claims: dict[tuple[str, str], float]) -> None:
        """Give each face its voice: the strongest claims first; faces that are visible at once have different ones."""
        for (face, voice), _ in sorted(claims.items(), key=lambda item: -item[1]):
            if face not in self._of_face and not self._is_taken(voice, face):
                self._of_face[face] = voice
        for face, _ in claims:
            if face not in self._of_face:
                self._of_face[face] = self._new()

    def part_unseen(self, segments: Sequence[SpeakerSegment]) -> None:
        """Give somebody off screen, if for more than a moment, another voice than that of a face in view."""
        heard_s: dict[str, float] = defaultdict(float)
        for segment in segments:
            if self._is_elsewhere(segment):
                heard_s[segment.speaker] += (segment.end_s - segment.start_s) * segment.confidence
        self._elsewhere = {voice: self._new() for voice, seconds in heard_s.items() if seconds >= _MIN_CLAIM_S}

    def of(self, segment: SpeakerSegment) -> str:
        """Return the voice of the one who speaks in a segment."""
        if segment.face:
            return self._of_face[segment.face]
        return self._elsewhere.get(segment.speaker, segment.speaker) if self._is_elsewhere(segment) else segment.speaker

    def _is_elsewhere(self, segment: SpeakerSegment) -> bool:
        owners = [self.faces[f] for f, voice in self._of_face.items() if voice == segment.speaker and f in self.faces]
        return segment.off_screen and any(_is_visible(face, segment) for face in owners)

    def _is_taken(self, voice: str, face: str) -> bool:
        others = [self.faces[f] for f, taken in self._of_face.items() if taken == voice and f in self.faces]
        own = self.faces.get(face)
        return own is not None and any(own.start_s < o.end_s and o.start_s < own.end_s for o in others)

    def _new(self) -> str:
        self._count += 1
        return f"{_PREFIX}{self._count}"


def _is_visible(face: FaceTrack, segment: SpeakerSegment) -> bool:
    """Return whether a face is visible for most of a segment."""
    shared_s = min(face.end_s, segment.end_s) - max(face.start_s, segment.start_s)
    return shared_s > 0.5 * (segment.end_s - segment.start_s)


def _join(segments: Sequence[SpeakerSegment]) -> tuple[SpeakerTurn, ...]:
    """Return the turns of labelled segments: parts of one turn that keep one label are joined again."""
    turns: list[SpeakerTurn] = []
    last: dict[str, int] = {}
    for segment in sorted(segments, key=lambda s: (s.start_s, s.end_s)):
        index = last.get(segment.speaker)
        if index is not None and segment.start_s - turns[index].end_s <= _CONTIGUOUS_S:
            turns[index] = replace(turns[index], end_s=max(turns[index].end_s, segment.end_s))
        else:
            last[segment.speaker] = len(turns)
            turns.append(SpeakerTurn(segment.start_s, segment.end_s, segment.speaker))
    return tuple(turns)


def _relabel(utterance: Utterance, turns: Sequence[SpeakerTurn]) -> Utterance:
    """Return an utterance with the speaker of most of it."""
    shares: dict[str, float] = defaultdict(float)
    for turn in turns:
        shares[turn.speaker] += max(0.0, min(turn.end_s, utterance.end_s) - max(turn.start_s, utterance.start_s))
    best = max(shares, key=shares.__getitem__, default="")
    return replace(utterance, speaker=best) if shares.get(best) else utterance
