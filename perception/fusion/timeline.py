"""Fusion: the three streams as one list of events that can be cited, and as text for a language model."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from omnisense.perception.fusion.people import CLEAR_TONE, place_of
from omnisense.perception.types import (
    AudioEvent,
    AudioStream,
    FaceTrack,
    Missing,
    Percepts,
    PersonSummary,
    Prosody,
    Segment,
    Span,
    Transcript,
    Utterance,
    VisualStream,
)
from omnisense.perception.vision.expressions import Phase, expression_phases
from omnisense.perception.vision.gestures import POSTURES, VERBS

_LONG_PAUSE_S = 1.0
_CONTACT, _NO_CONTACT, _AWAY_S = 0.6, 0.3, 1.5
_TELLING_SENTIMENT = 0.3
_OFF_SCREEN = "a voice off screen"
# Deviations from the speaker's own baseline that listeners notice: about 2 semitones, 3 dB, a quarter in rate.
_HEARD_ST, _HEARD_DB, _HEARD_RATE = 2.0, 3.0, 1.25
_CHARS_PER_TOKEN = 3.2  # timestamps and names cut into more tokens than prose does (about 4)


@dataclass(frozen=True)
class Event:
    """Something that happened in the clip.

    Attributes:
        id: what an appraisal cites: ``e1``, ``e2``, ... in order of time.
        channel: ``face``, ``speech``, ``voice``, ``person`` (a person's row; channels that agree or not) or ``scene``.
        who: the face track, voice or person concerned, or ``""``.
        text: the event in words.
        weight: how telling it is, 0 to 1; decides what is kept when space is short.
    """

    id: str
    start_s: float
    end_s: float
    channel: str
    who: str
    text: str
    weight: float

    def line(self) -> str:
        """One line: ``[3.2-5.0s] right face: looks sad``."""
        return f"[{self.start_s:.1f}-{self.end_s:.1f}s] {self.text}"


@dataclass(frozen=True)
class Timeline:
    """Events in order of time, after a line on the clip and a line for each missing stream."""

    heading: str
    gaps: tuple[str, ...]
    events: tuple[Event, ...]

    def render(self, max_tokens: int = 600) -> str:
        """The timeline as lines of text within about ``max_tokens`` tokens; says how many events were left out."""
        lines = [self.heading, *self.gaps]
        room = max_tokens * _CHARS_PER_TOKEN - sum(len(line) + 1 for line in lines) - 40
        kept: set[str] = set()
        for event in sorted(self.events, key=lambda e: -e.weight):
            if len(event.line()) + 1 > room:
                continue  # a shorter one may still fit
            room -= len(event.line()) + 1
            kept.add(event.id)
        lines += [event.line() for event in self.events if event.id in kept]
        if len(kept) < len(self.events):
            lines.append(f"({len(self.events) - len(kept)} lesser events left out)")
        return "\n".join(lines)


def fuse(percepts: Percepts) -> Timeline:
    """Join the streams of a clip."""
    found = sorted(_events(percepts), key=lambda e: (e.start_s, e.end_s))
    events = tuple(
        Event(f"e{i}", *fields)
        for i, fields in enumerate(((e.start_s, e.end_s, e.channel, e.who, e.text, e.weight) for e in found), start=1)
    )
    gaps = tuple(f"No {name} stream: {reason}." for name, reason in percepts.missing().items())
    return Timeline(_heading(percepts), gaps, events)


def _heading(percepts: Percepts) -> str:
    clip = percepts.clip
    if clip.kind == "image":
        return f"A picture of {clip.width}x{clip.height} pixels."
    sound = "with sound" if clip.audio_codec else "silent"
    kind = (
        f"Video of {clip.duration_s:.1f} s, {sound}"
        if clip.kind == "video"
        else f"Recording of {clip.duration_s:.1f} s"
    )
    return f"{kind}."


def _events(percepts: Percepts) -> Iterator[Event]:
    visual, audio, transcript = percepts.visual, percepts.audio, percepts.transcript
    names = _Names(percepts)
    if isinstance(visual, VisualStream):
        yield from _visual_events(visual, percepts.clip.duration_s, names)
    if isinstance(audio, AudioStream):
        yield from _audio_events(audio, isinstance(transcript, Transcript), names)
    if isinstance(transcript, Transcript):
        for segment in transcript.segments:
            yield _speech_event(segment, audio, names)
    for person in percepts.people:
        yield from _person_events(person, percepts)


class _Names:
    """People as they are called, by face track, by voice, or by when they speak."""

    def __init__(self, percepts: Percepts) -> None:
        self._speaking = percepts.speaking
        self.of_face = {face: person.name for person in percepts.people for face in person.faces}
        self.of_voice = {person.voice: person.name for person in percepts.people if person.voice}

    def face(self, face: FaceTrack, faces: tuple[FaceTrack, ...]) -> str:
        """A face, whether or not rows of people were made."""
        return self.of_face.get(face.id) or face_name(face, faces)

    def speaker(self, segment: Segment | Utterance) -> tuple[str, str]:
        """Who says something, and the voice or face that it rests on: ``("somebody", "")`` where it cannot be told."""
        voice = segment.speaker if isinstance(segment, Segment) else segment.voice
        shares: dict[tuple[str, str], float] = {}
        for part in self._speaking:
            shared_s = min(part.end_s, segment.end_s) - max(part.start_s, segment.start_s)
            if shared_s > 0 and part.voice == (voice or part.voice):
                name = self.of_face.get(part.face or "") or (_OFF_SCREEN if part.off_screen else "")
                shares[name, voice or part.face or ""] = shares.get((name, voice or part.face or ""), 0.0) + shared_s
        name, rests_on = max(shares, key=shares.__getitem__, default=("", voice or ""))
        return name or self.of_voice.get(voice or "", "somebody"), rests_on


# --- seen ---------------------------------------------------------------------------------------------------


def _visual_events(visual: VisualStream, duration_s: float, names: _Names) -> Iterator[Event]:
    if not visual.faces:
        moving = float(np.mean(visual.motion)) if visual.motion else 0.0
        what = "nothing moves much" if moving < 0.01 else "the picture moves"
        yield _event(0.0, duration_s, "scene", "", f"no face is visible; {what}", 0.6)
    for cut_s in visual.shot_cuts_s:
        yield _event(cut_s, cut_s, "scene", "", "the picture cuts to another shot", 0.2)
    for face in visual.faces:
        name = names.face(face, visual.faces)
        phases = expression_phases(face, visual.expression_labels)
        if face.start_s > 0.1 or face.end_s < duration_s - 1.0 or not phases:
            yield _event(face.start_s, face.end_s, "face", face.id, f"{name} is visible", 0.3)
        yield from _expression_events(face, name, phases)
        for gesture in face.gestures:
            times = f" {gesture.count} times" if gesture.count > 1 else ""
            text, weight = f"{name} {VERBS[gesture.kind]}{times}", 0.3 if gesture.kind in POSTURES else 0.7
            yield _event(gesture.start_s, gesture.end_s, "face", face.id, text, weight)
        for start_s, end_s in _looks_away(face):
            yield _event(start_s, end_s, "face", face.id, f"{name} looks away from the camera", 0.35)


def _expression_events(face: FaceTrack, name: str, phases: list[Phase]) -> Iterator[Event]:
    for before, phase in zip([None, *phases], phases, strict=False):
        how = "" if phase.score >= 0.5 else "perhaps "
        after = f", after {before.expression}" if before else ""
        # A change is what matters most in a face; an even face least.
        weight = 0.4 if phase.expression == "neutral" else 0.95 if before else 0.9
        text = f"{name} looks {how}{phase.expression} ({phase.score:.2f}){after}"
        yield _event(phase.start_s, phase.end_s, "face", face.id, text, weight)


def _looks_away(face: FaceTrack) -> Iterator[tuple[float, float]]:
    """Longer stretches of looking elsewhere, of a face that also looks into the camera."""
    known = [(t, f) for t, f in zip(face.times_s, face.facing_camera, strict=False) if f is not None]
    if not known or max(f for _, f in known) < _CONTACT:
        return
    for away, run in itertools.groupby(known, key=lambda k: k[1] < _NO_CONTACT):
        times = [t for t, _ in run]
        if away and times[-1] - times[0] >= _AWAY_S:
            yield times[0], times[-1]


def face_name(face: FaceTrack, faces: tuple[FaceTrack, ...]) -> str:
    """A face as people would call it: ``the face on the left``; with its id when there are several."""
    return f"the face {place_of(face, faces)} ({face.id})" if len(faces) > 1 else f"the face {place_of(face, faces)}"


# --- heard --------------------------------------------------------------------------------------------------


def _audio_events(audio: AudioStream, has_words: bool, names: _Names) -> Iterator[Event]:
    if not audio.speech and not audio.voices:
        yield _event(0.0, audio.duration_s, "voice", "", "nobody speaks", 0.6)
    for pause in audio.pauses:
        if pause.duration_s >= _LONG_PAUSE_S:
            yield _event(pause.start_s, pause.end_s, "voice", "", f"a pause of {pause.duration_s:.1f} s", 0.3)
    for sound in audio.sounds:
        yield _event(
            sound.start_s, sound.end_s, "voice", "".join(sound.voices[:1]), *_sound_in_words(sound, names.of_voice)
        )
    if not has_words:
        for utterance in audio.utterances:
            who, rests_on = names.speaker(utterance)
            text = f"{who} speaks{manner(utterance.prosody, '; ')}"
            yield _event(utterance.start_s, utterance.end_s, "voice", rests_on, text, 0.7)


def _sound_in_words(sound: AudioEvent, names: dict[str, str]) -> tuple[str, float]:
    people = [names.get(voice, voice) for voice in sound.voices]
    if sound.kind == "interruption":
        return f"{people[0]} interrupts {people[1]}", 0.6
    if sound.kind == "overlap":
        return f"{people[0]} and {people[1]} speak at once", 0.35
    return "a laughter-like sound", 0.7


def _speech_event(segment: Segment, audio: AudioStream | Missing, names: _Names) -> Event:
    how = manner(prosody_during(audio, segment), ", ") if isinstance(audio, AudioStream) else ""
    who, rests_on = names.speaker(segment)
    felt = segment.feelings[0] if segment.feelings[:1] not in ((), ("neutral",)) else ""
    words = f" (words of {felt})" if felt else ""
    telling = bool(felt or how) or abs(segment.sentiment or 0.0) >= _TELLING_SENTIMENT
    return _event(
        segment.start_s,
        segment.end_s,
        "speech",
        rests_on,
        f'{who} says{words}{how}: "{segment.text}"',
        1.0 if telling else 0.8,
    )


# --- who ----------------------------------------------------------------------------------------------------


def _person_events(person: PersonSummary, percepts: Percepts) -> Iterator[Event]:
    """One row of what is known of a person, and where the channels agree or contradict each other."""
    end_s = percepts.clip.duration_s
    facts = _facts(person, percepts)
    if facts and (len(percepts.people) > 1 or person.voice):
        yield _event(0.0, end_s, "person", person.id, f"{person.id}, {person.name}: {'; '.join(facts)}", 0.75)
    for part in person.agreement:
        lead = "conflict: " if part.conflict else ""
        weight = 1.0 if part.conflict else 0.5
        yield _event(part.start_s, part.end_s, "person", person.id, f"{lead}{part.text}", weight)


def _facts(person: PersonSummary, percepts: Percepts) -> list[str]:
    visual, audio = percepts.visual, percepts.audio
    facts = []
    if person.speaking_s:
        facts.append(f"speaks {person.speaking_s:.1f} s, {person.words} words")
    elif person.faces and isinstance(audio, AudioStream) and audio.speech:
        facts.append("does not speak")
    if person.expression and isinstance(visual, VisualStream):
        facts.append(f"mostly looks {visual.expression_labels[int(np.argmax(person.expression))]}")
    if person.facing_camera is not None:
        facts.append(
            "faces the camera"
            if person.facing_camera >= _CONTACT
            else "mostly looks elsewhere"
            if person.facing_camera < _NO_CONTACT
            else "looks at the camera at times"
        )
    if person.tone and isinstance(audio, AudioStream) and max(person.tone) >= CLEAR_TONE:
        facts.append(f"the voice's tone is nearest to {audio.emotion_labels[int(np.argmax(person.tone))]}")
    if person.sentiment is not None and abs(person.sentiment) >= _TELLING_SENTIMENT:
        facts.append(f"words mostly {'positive' if person.sentiment > 0 else 'negative'}")
    return facts


def prosody_during(audio: AudioStream, span: Segment | Span) -> Prosody:
    """How it sounded over a span: the mean of the seconds in it that hold speech."""
    seconds = [p for p in audio.seconds[int(span.start_s) : int(span.end_s) + 1] if p.f0_rel_st is not None]
    if not seconds:
        return Prosody()

    def mean(name: str) -> float | None:
        values = [v for p in seconds if (v := getattr(p, name)) is not None]
        return float(np.mean(values)) if values else None

    return Prosody(f0_rel_st=mean("f0_rel_st"), loudness_rel_db=mean("loudness_rel_db"), rate_rel=mean("rate_rel"))


def manner(prosody: Prosody, lead: str) -> str:
    """What stands out in a voice against its own baseline, as words after ``lead``; empty when nothing does."""
    heard = []
    for value, much, more, less in (
        (prosody.f0_rel_st, _HEARD_ST, "higher", "lower"),
        (prosody.loudness_rel_db, _HEARD_DB, "louder", "quieter"),
    ):
        if value is not None and abs(value) >= much:
            heard.append(more if value > 0 else less)
    if prosody.rate_rel is not None and not 1 / _HEARD_RATE < prosody.rate_rel < _HEARD_RATE:
        heard.append("faster" if prosody.rate_rel > 1 else "slower")
    return f"{lead}{' and '.join(heard)} than usual" if heard else ""


def _event(start_s: float, end_s: float, channel: str, who: str, text: str, weight: float) -> Event:
    return Event("", round(start_s, 2), round(end_s, 2), channel, who, text, weight)
