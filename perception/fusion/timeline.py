"""The timeline: the streams fused into one list of events that can be cited, and its text for a language model."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from omnisense.perception.fusion.agreement import CLEAR_TONE
from omnisense.perception.fusion.people import describe_position
from omnisense.perception.speech.languages import language_name
from omnisense.perception.types import (
    AudioEvent,
    AudioStream,
    Channel,
    Event,
    FaceTrack,
    Missing,
    PersonSummary,
    Prosody,
    Segment,
    Span,
    Streams,
    Transcript,
    UnclearSpeech,
    Utterance,
    VisualStream,
)
from omnisense.perception.vision.expressions import Phase, expression_phases, is_clear
from omnisense.perception.vision.gestures import GESTURE_PHRASES, POSTURES
from omnisense.text import one_line, quote

_LONG_PAUSE_S = 1.0
# ``facing_camera`` from which a face looks into the camera, and under which it looks elsewhere.
_FACING, _NOT_FACING, _MIN_AWAY_S = 0.6, 0.3, 1.5
_CLEAR_SENTIMENT = 0.3
_MOSTLY = 0.5  # mean score from which a person mostly looks so
_OFF_SCREEN = "a voice off screen"
# Deviations from the speaker's own baseline that listeners notice: about 2 semitones, 3 dB, a quarter in rate.
_NOTICEABLE_ST, _NOTICEABLE_DB, _NOTICEABLE_RATE = 2.0, 3.0, 1.25
_CHARS_PER_TOKEN = 3.2  # timestamps and names take more tokens than prose does (about 4 characters each)


@dataclass(frozen=True)
class Timeline:
    """Events in order of time.

    Attributes:
        heading: a line on the clip.
        gaps: a line for each missing stream and channel.
    """

    heading: str
    gaps: tuple[str, ...]
    events: tuple[Event, ...]

    def fits(self, max_tokens: int) -> bool:
        """Whether :meth:`render` shows every event within about ``max_tokens`` tokens."""
        lines = (self.heading, *self.gaps, *(event.line() for event in self.events))
        return sum(len(line) + 1 for line in lines) + 40 <= max_tokens * _CHARS_PER_TOKEN

    def render(self, max_tokens: int = 600, with_ids: bool = False) -> str:
        """Return the timeline as lines of text within about ``max_tokens`` tokens.

        The events with the lowest weights are dropped first, and a last line says how many were.

        Args:
            max_tokens: the space there is.
            with_ids: whether each event's line begins with its id, so that a model can cite it.
        """
        lines_of = {e.id: f"{e.id} {e.line()}" if with_ids else e.line() for e in self.events}
        lines = [self.heading, *self.gaps]
        room = max_tokens * _CHARS_PER_TOKEN - sum(len(line) + 1 for line in lines) - 40
        kept: set[str] = set()
        for event in sorted(self.events, key=lambda e: -e.weight):
            if len(lines_of[event.id]) + 1 > room:
                continue  # a shorter one may still fit
            room -= len(lines_of[event.id]) + 1
            kept.add(event.id)
        lines += [lines_of[event.id] for event in self.events if event.id in kept]
        if len(kept) < len(self.events):
            lines.append(f"({len(self.events) - len(kept)} lesser events left out)")
        return "\n".join(lines)


def build_timeline(streams: Streams) -> Timeline:
    """Fuse the streams of a clip into one list of events."""
    found = sorted(_all_events(streams), key=lambda e: (e.start_s, e.end_s))
    events = tuple(replace(event, id=f"e{number}") for number, event in enumerate(found, start=1))
    gaps = [f"No {name} stream: {one_line(reason).rstrip('.')}." for name, reason in streams.missing().items()]
    gaps += [
        f"No {own.name} channel: {one_line(own.missing.reason).rstrip('.')}." for own in streams.channels if own.missing
    ]
    return Timeline(_describe_clip(streams), tuple(gaps), events)


def _describe_clip(streams: Streams) -> str:
    clip = streams.clip
    if clip.kind == "image":
        return f"A picture of {clip.width}x{clip.height} pixels."
    if clip.kind == "video":
        return f"Video of {clip.duration_s:.1f} s, {'with sound' if clip.audio_codec else 'silent'}."
    return f"Recording of {clip.duration_s:.1f} s."


def _all_events(streams: Streams) -> Iterator[Event]:
    visual, audio, transcript = streams.visual, streams.audio, streams.transcript
    names = _Names(streams)
    if isinstance(visual, VisualStream):
        yield from _visual_events(visual, streams.clip.duration_s, names)
    if isinstance(audio, AudioStream):
        yield from _audio_events(audio, isinstance(transcript, Transcript), names)
    if isinstance(transcript, Transcript):
        for segment in transcript.segments:
            yield _speech_event(segment, audio, names)
        for part in transcript.unclear:
            yield _unclear_event(part, names)
    for person in streams.people:
        yield from _person_events(person, streams)
    for own in streams.channels:
        for event in own.events:
            yield _event(event.start_s, event.end_s, own.name, event.who, event.text, event.weight)


class _Names:
    """The names of people in words, by face track, by speaker, or by when they speak."""

    def __init__(self, streams: Streams) -> None:
        self._speaker_segments = streams.speaker_segments
        self.by_face = {face: person.name for person in streams.people for face in person.faces}
        self.by_speaker = {person.speaker: person.name for person in streams.people if person.speaker}

    def of_face(self, face: FaceTrack, faces: tuple[FaceTrack, ...]) -> str:
        """Return the name of a face, whether or not people were summarized."""
        return self.by_face.get(face.id) or face_name(face, faces)

    def of_speech(self, speech: Segment | Utterance) -> tuple[str, str]:
        """Return who speaks, and the id of the speaker or face: ``("somebody", "")`` where it is unknown."""
        speaker = speech.speaker or ""
        shares: dict[tuple[str, str], float] = {}
        for part in self._speaker_segments:
            shared_s = min(part.end_s, speech.end_s) - max(part.start_s, speech.start_s)
            if shared_s > 0 and part.speaker == (speaker or part.speaker):
                name = self.by_face.get(part.face or "") or (_OFF_SCREEN if part.off_screen else "")
                key = name, speaker or part.face or ""
                shares[key] = shares.get(key, 0.0) + shared_s
        name, source = max(shares, key=shares.__getitem__, default=("", speaker))
        return name or self.by_speaker.get(speaker, "somebody"), source


# --- visual events ------------------------------------------------------------------------------------------


def _visual_events(visual: VisualStream, duration_s: float, names: _Names) -> Iterator[Event]:
    if not visual.faces:
        moving = float(np.mean(visual.motion)) if visual.motion else 0.0
        what = "nothing moves much" if moving < 0.01 else "the picture moves"
        yield _event(0.0, duration_s, "scene", "", f"no face is visible; {what}", 0.6)
    for cut_s in visual.shot_cuts_s:
        yield _event(cut_s, cut_s, "scene", "", "the picture cuts to another shot", 0.2)
    for face in visual.faces:
        name = names.of_face(face, visual.faces)
        phases = expression_phases(face, visual.expression_labels, visual.min_expression)
        if face.start_s > 0.1 or face.end_s < duration_s - 1.0 or not phases:
            yield _event(face.start_s, face.end_s, "face", face.id, f"{name} is visible", 0.3)
        yield from _expression_events(face, name, phases)
        for gesture in face.gestures:
            times = f" {gesture.count} times" if gesture.count > 1 else ""
            text, weight = f"{name} {GESTURE_PHRASES[gesture.kind]}{times}", 0.3 if gesture.kind in POSTURES else 0.7
            yield _event(gesture.start_s, gesture.end_s, "face", face.id, text, weight)
        for start_s, end_s in _looking_away(face):
            yield _event(start_s, end_s, "face", face.id, f"{name} looks away from the camera", 0.35)


def _expression_events(face: FaceTrack, name: str, phases: list[Phase]) -> Iterator[Event]:
    for before, phase in zip([None, *phases], phases, strict=False):
        how = "" if phase.score >= 0.5 else "perhaps "
        after = f", after {before.expression}" if before else ""
        # A change is what matters most in a face; an even face least.
        weight = 0.4 if phase.expression == "neutral" else 0.95 if before else 0.9
        text = f"{name} looks {how}{phase.expression} ({phase.score:.2f}){after}"
        yield _event(phase.start_s, phase.end_s, "face", face.id, text, weight)


def _looking_away(face: FaceTrack) -> Iterator[tuple[float, float]]:
    """Yield long intervals of looking elsewhere, of a face that also looks into the camera."""
    known = [(t, f) for t, f in zip(face.times_s, face.facing_camera, strict=False) if f is not None]
    if not known or max(f for _, f in known) < _FACING:
        return
    for away, run in itertools.groupby(known, key=lambda k: k[1] < _NOT_FACING):
        times = [t for t, _ in run]
        if away and times[-1] - times[0] >= _MIN_AWAY_S:
            yield times[0], times[-1]


def face_name(face: FaceTrack, faces: tuple[FaceTrack, ...]) -> str:
    """Return the name of a face in words: ``the face on the left``; with its id when there are several."""
    name = f"the face {describe_position(face, faces)}"
    return f"{name} ({face.id})" if len(faces) > 1 else name


# --- audio events and speech --------------------------------------------------------------------------------


def _audio_events(audio: AudioStream, has_words: bool, names: _Names) -> Iterator[Event]:
    if not audio.speech and not audio.speaker_turns:
        yield _event(0.0, audio.duration_s, "voice", "", "nobody speaks", 0.6)
    for pause in audio.pauses:
        if pause.duration_s >= _LONG_PAUSE_S:
            yield _event(pause.start_s, pause.end_s, "voice", "", f"a pause of {pause.duration_s:.1f} s", 0.3)
    for event in audio.events:
        text, weight = _describe_audio_event(event, names.by_speaker)
        yield _event(event.start_s, event.end_s, "voice", "".join(event.speakers[:1]), text, weight)
    if not has_words:
        for utterance in audio.utterances:
            who, source = names.of_speech(utterance)
            text = f"{who} speaks{describe_prosody(utterance.prosody, '; ')}"
            yield _event(utterance.start_s, utterance.end_s, "voice", source, text, 0.7)


def _describe_audio_event(event: AudioEvent, names: dict[str, str]) -> tuple[str, float]:
    """Return an event in words, and its weight."""
    people = [names.get(speaker, speaker) for speaker in event.speakers]
    if event.kind == "interruption":
        return f"{people[0]} interrupts {people[1]}", 0.6
    if event.kind == "overlap":
        return f"{people[0]} and {people[1]} speak at once", 0.35
    return "a laughter-like sound", 0.7


def _speech_event(segment: Segment, audio: AudioStream | Missing, names: _Names) -> Event:
    how = describe_prosody(prosody_during(audio, segment), ", ") if isinstance(audio, AudioStream) else ""
    who, source = names.of_speech(segment)
    emotion = segment.feelings[0] if segment.feelings[:1] not in ((), ("neutral",)) else ""
    words = f" (words of {emotion})" if emotion else ""
    notable = bool(emotion or how) or abs(segment.sentiment or 0.0) >= _CLEAR_SENTIMENT
    language = f" in {language_name(segment.language)}" if segment.language not in (None, "en") else ""
    return _event(
        segment.start_s,
        segment.end_s,
        "speech",
        source,
        f"{who} says{language}{words}{how}: {quote(segment.text)}",
        1.0 if notable else 0.8,
    )


def _unclear_event(part: UnclearSpeech, names: _Names) -> Event:
    who, source = names.of_speech(Segment(part.start_s, part.end_s, ""))
    what = f" {language_name(part.language)}" if part.language else ""
    why = "" if part.language else ", or of another language"
    return _event(part.start_s, part.end_s, "speech", source, f"{who} speaks{what}; the words are unclear{why}", 0.8)


# --- people -------------------------------------------------------------------------------------------------


def _person_events(person: PersonSummary, streams: Streams) -> Iterator[Event]:
    """Yield a summary of a person, and where the channels agree or contradict each other."""
    end_s = streams.clip.duration_s
    facts = _describe_facts(person, streams)
    if facts and (len(streams.people) > 1 or person.speaker):
        yield _event(0.0, end_s, "person", person.id, f"{person.id}, {person.name}: {'; '.join(facts)}", 0.75)
    for part in person.agreements:
        lead = "conflict: " if part.conflict else ""
        weight = 1.0 if part.conflict else 0.5
        yield _event(part.start_s, part.end_s, "person", person.id, f"{lead}{part.text}", weight)


def _describe_facts(person: PersonSummary, streams: Streams) -> list[str]:
    visual, audio = streams.visual, streams.audio
    facts = []
    if person.speaking_s:
        facts.append(f"speaks {person.speaking_s:.1f} s, {person.words} words")
    elif person.faces and streams.speaker_segments:  # without them nobody knows who speaks
        facts.append("does not speak")
    if person.expression and isinstance(visual, VisualStream):
        top = int(np.argmax(person.expression))
        label, score = visual.expression_labels[top], person.expression[top]
        if score >= _MOSTLY and is_clear(label, score, visual.min_expression):
            facts.append(f"mostly looks {label}")
    if person.facing_camera is not None:
        facts.append(
            "faces the camera"
            if person.facing_camera >= _FACING
            else "mostly looks elsewhere"
            if person.facing_camera < _NOT_FACING
            else "looks at the camera at times"
        )
    if person.vocal_emotion and isinstance(audio, AudioStream) and max(person.vocal_emotion) >= CLEAR_TONE:
        facts.append(f"the voice's tone is nearest to {audio.emotion_labels[int(np.argmax(person.vocal_emotion))]}")
    if person.sentiment is not None and abs(person.sentiment) >= _CLEAR_SENTIMENT:
        facts.append(f"words mostly {'positive' if person.sentiment > 0 else 'negative'}")
    return facts


def prosody_during(audio: AudioStream, span: Segment | Span) -> Prosody:
    """Return the mean relative prosody of the seconds of an interval in which there is speech."""
    seconds = [p for p in audio.seconds[int(span.start_s) : int(span.end_s) + 1] if p.f0_rel_st is not None]
    if not seconds:
        return Prosody()

    def mean(name: str) -> float | None:
        values = [v for p in seconds if (v := getattr(p, name)) is not None]
        return float(np.mean(values)) if values else None

    return Prosody(f0_rel_st=mean("f0_rel_st"), loudness_rel_db=mean("loudness_rel_db"), rate_rel=mean("rate_rel"))


def describe_prosody(prosody: Prosody, lead: str) -> str:
    """Return noticeable deviations from the speaker's baseline, in words after ``lead``; empty when there are none."""
    deviations = []
    for value, threshold, more, less in (
        (prosody.f0_rel_st, _NOTICEABLE_ST, "higher", "lower"),
        (prosody.loudness_rel_db, _NOTICEABLE_DB, "louder", "quieter"),
    ):
        if value is not None and abs(value) >= threshold:
            deviations.append(more if value > 0 else less)
    if prosody.rate_rel is not None and not 1 / _NOTICEABLE_RATE < prosody.rate_rel < _NOTICEABLE_RATE:
        deviations.append("faster" if prosody.rate_rel > 1 else "slower")
    return f"{lead}{' and '.join(deviations)} than usual" if deviations else ""


def _event(start_s: float, end_s: float, channel: Channel, who: str, text: str, weight: float) -> Event:
    return Event("", round(start_s, 2), round(end_s, 2), channel, who, text, weight)
