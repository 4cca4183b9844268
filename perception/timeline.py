"""Fusion: the three streams as one list of events that can be cited, and as text for a language model."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from omnisense.perception.percepts import (
    AudioStream,
    FaceTrack,
    Missing,
    Percepts,
    Prosody,
    Segment,
    Span,
    Transcript,
    VisualStream,
)

_SMOOTHING_S = 1.5  # an expression is a mean over this long: single frames of a talking face mislead
_MIN_PHASE_S = 1.0
_LONG_PAUSE_S = 1.0
# Deviations from the speaker's own baseline that listeners notice: about 2 semitones, 3 dB, a quarter in rate.
_HEARD_ST, _HEARD_DB, _HEARD_RATE = 2.0, 3.0, 1.25
_CHARS_PER_TOKEN = 3.2  # timestamps and names cut into more tokens than prose does (about 4)


@dataclass(frozen=True)
class Event:
    """Something that happened in the clip.

    Attributes:
        id: what an appraisal cites: ``e1``, ``e2``, ... in order of time.
        channel: ``face``, ``speech``, ``voice`` or ``scene``.
        who: the face track or speaker concerned, or ``""``.
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
class Phase:
    """A stretch in which a face showed mostly one expression; ``score`` is its mean share, 0 to 1."""

    track: str
    position: str
    start_s: float
    end_s: float
    expression: str
    score: float


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
            room -= len(event.line()) + 1
            if room < 0:
                break
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
    if isinstance(visual, VisualStream):
        yield from _visual_events(visual, percepts.clip.duration_s)
    if isinstance(audio, AudioStream):
        yield from _audio_events(audio, isinstance(transcript, Transcript))
    if isinstance(transcript, Transcript):
        for segment in transcript.segments:
            yield _speech_event(segment, visual, audio)


# --- seen ---------------------------------------------------------------------------------------------------


def _visual_events(visual: VisualStream, duration_s: float) -> Iterator[Event]:
    if not visual.faces:
        moving = float(np.mean(visual.motion)) if visual.motion else 0.0
        what = "nothing moves much" if moving < 0.01 else "the picture moves"
        yield _event(0.0, duration_s, "scene", "", f"no face is visible; {what}", 0.6)
    for cut_s in visual.shot_cuts_s:
        yield _event(cut_s, cut_s, "scene", "", "the picture cuts to another shot", 0.2)
    several = len(visual.faces) > 1
    for face in visual.faces:
        name = face_name(face, several)
        if face.start_s > 0.1 or face.end_s < duration_s - 1.0:
            yield _event(face.start_s, face.end_s, "face", face.id, f"{name} is visible", 0.3)
        phases = expression_phases(face, visual.expression_labels)
        for phase in phases:
            how = "" if phase.score >= 0.5 else "perhaps "
            weight = 0.4 if phase.expression == "neutral" else 0.9
            yield _event(
                phase.start_s,
                phase.end_s,
                "face",
                face.id,
                f"{name} looks {how}{phase.expression} ({phase.score:.2f})",
                weight,
            )
        if not phases:
            yield _event(face.start_s, face.end_s, "face", face.id, f"{name} is visible", 0.3)


def face_name(face: FaceTrack, several: bool) -> str:
    """A face as people would call it: ``the face on the left``; with its id when there are several."""
    where = "in the centre" if face.position == "centre" else f"on the {face.position}"
    return f"the face {where} ({face.id})" if several else f"the face {where}"


def expression_phases(face: FaceTrack, labels: tuple[str, ...]) -> list[Phase]:
    """Stretches of one dominant expression, smoothed over 1.5 s; shorter than 1 s joins its neighbour."""
    if not face.expression:
        return []
    times, scores = np.array(face.times_s), np.array(face.expression)
    step_s = float(np.median(np.diff(times))) if len(times) > 1 else 0.0
    near = np.abs(times[:, None] - times[None]) <= _SMOOTHING_S / 2
    smooth = near @ scores / near.sum(axis=1, keepdims=True)
    runs = _runs(smooth.argmax(axis=1).tolist(), max(1, round(_MIN_PHASE_S / step_s)) if step_s else 1)
    phases = []
    for first, last, label in runs:
        end_s = face.end_s if last == len(times) - 1 else float(times[last + 1])
        phases.append(
            Phase(
                face.id,
                face.position,
                round(float(times[first]), 2),
                round(end_s, 2),
                labels[label],
                round(float(scores[first : last + 1, label].mean()), 3),
            )
        )
    return phases


def _runs(labels: list[int], min_length: int) -> list[tuple[int, int, int]]:
    """(first, last, label) of equal neighbours; runs under ``min_length`` are given to the longer neighbour."""
    runs: list[list[int]] = []
    for i, label in enumerate(labels):
        if runs and runs[-1][2] == label:
            runs[-1][1] = i
        else:
            runs.append([i, i, label])

    def length(run: list[int]) -> int:
        return run[1] - run[0] + 1

    while len(runs) > 1 and length(shortest := min(runs, key=length)) < min_length:
        at = runs.index(shortest)
        neighbours = [runs[i] for i in (at - 1, at + 1) if 0 <= i < len(runs)]
        heir = max(neighbours, key=length)
        heir[0], heir[1] = min(heir[0], shortest[0]), max(heir[1], shortest[1])
        del runs[at]
        runs = _joined(runs)
    return [(first, last, label) for first, last, label in runs]


def _joined(runs: list[list[int]]) -> list[list[int]]:
    joined: list[list[int]] = []
    for run in runs:
        if joined and joined[-1][2] == run[2]:
            joined[-1][1] = run[1]
        else:
            joined.append(run)
    return joined


# --- heard --------------------------------------------------------------------------------------------------


def _audio_events(audio: AudioStream, has_words: bool) -> Iterator[Event]:
    if not audio.speech:
        yield _event(0.0, audio.duration_s, "voice", "", "nobody speaks", 0.6)
    for pause in audio.pauses:
        if pause.duration_s >= _LONG_PAUSE_S:
            yield _event(pause.start_s, pause.end_s, "voice", "", f"a pause of {pause.duration_s:.1f} s", 0.3)
    if not has_words:
        for utterance in audio.utterances:
            yield _event(
                utterance.start_s,
                utterance.end_s,
                "voice",
                "",
                f"somebody speaks{manner(utterance.prosody, '; ')}",
                0.7,
            )


def _speech_event(segment: Segment, visual: VisualStream | Missing, audio: AudioStream | Missing) -> Event:
    how = manner(prosody_during(audio, segment), ", ") if isinstance(audio, AudioStream) else ""
    who = likely_speaker(visual, segment) if isinstance(visual, VisualStream) else ""
    speaker = segment.speaker or (f"{who} in view" if who else "")
    return _event(
        segment.start_s,
        segment.end_s,
        "speech",
        segment.speaker or who,
        f'said{how}{f" ({speaker})" if speaker else ""}: "{segment.text}"',
        1.0,
    )


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


def likely_speaker(visual: VisualStream, span: Segment | Span) -> str:
    """The one face in view while something is said, or of several the one whose mouth moves clearly most."""
    moved = {}
    for face in visual.faces:
        here = [
            m
            for t, m in zip(face.times_s, face.mouth_movement, strict=True)
            if span.start_s - 0.5 <= t <= span.end_s + 0.5
        ]
        if here:
            moved[face.id] = float(np.mean(here))
    ranked = sorted(moved, key=lambda face: -moved[face])
    if len(ranked) > 1 and moved[ranked[0]] < 1.5 * moved[ranked[1]] + 1e-6:
        return ""
    return ranked[0] if ranked else ""


def _event(start_s: float, end_s: float, channel: str, who: str, text: str, weight: float) -> Event:
    return Event("", round(start_s, 2), round(end_s, 2), channel, who, text, weight)
