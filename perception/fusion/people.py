"""One person, one row: faces, voices and words joined, and what the channels say together or against each other."""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from omnisense.perception.types import (
    Agreement,
    AudioStream,
    FaceTrack,
    PersonSummary,
    Segment,
    SpeakerSegment,
    SpeakerTurn,
    Transcript,
    Utterance,
    VisualStream,
    Word,
)

_NEAR_S = 0.5  # a word this far from any turn still belongs to the nearest
_SHARE = 0.5  # of a voice's speech given to a face from which the two are one person
_STRAY_WORDS = 1  # a lone word of another voice inside a sentence is an error of the borders
_CLEAR = 0.4  # valence from which a channel counts as clear, -1 to 1
CLEAR_TONE = 0.8  # the tone of a voice is the least certain: its first class must be this sure
_VALENCE = {
    **dict.fromkeys(("happy", "happiness", "joy", "positive"), 1.0),
    **dict.fromkeys(("sad", "sadness", "angry", "anger", "fear", "disgust", "negative"), -1.0),
}


# --- whose words --------------------------------------------------------------------------------------------


def with_speakers(transcript: Transcript, turns: Sequence[SpeakerTurn]) -> Transcript:
    """The transcript with a voice for each word and segment; a segment that two voices share is parted."""
    if not turns:
        return transcript
    segments: list[Segment] = []
    for segment in transcript.segments:
        words = _without_strays(_heard_as(segment.words, turns))
        runs = [list(run) for _, run in itertools.groupby(words, key=lambda w: w.speaker)]
        if len(runs) == 1:
            segments.append(replace(segment, words=tuple(words), speaker=words[0].speaker))
        for run in runs if len(runs) > 1 else []:
            text = " ".join(word.text for word in run)
            segments.append(
                Segment(run[0].start_s, run[-1].end_s, text, tuple(run), segment.confidence, run[0].speaker)
            )
        if not words:
            segments.append(segment)
    return replace(transcript, segments=tuple(segments))


def _heard_as(words: Sequence[Word], turns: Sequence[SpeakerTurn]) -> list[Word]:
    """Each word with the voice that has the most of its time; where voices overlap, the one with the most words."""
    if not words:
        return []
    near = [t for t in turns if t.end_s > words[0].start_s - 2 * _NEAR_S and t.start_s < words[-1].end_s + 2 * _NEAR_S]
    choices = [_voices_of(word, near) for word in words]
    sure = Counter(voices[0] for voices in choices if len(voices) == 1)
    return [
        replace(word, speaker=max(voices, key=lambda voice: sure[voice]) if voices else None)
        for word, voices in zip(words, choices, strict=True)
    ]


def _voices_of(word: Word, turns: Sequence[SpeakerTurn]) -> list[str]:
    """The voices with (nearly) the most of the word's time; else the nearest; else none."""
    shares: dict[str, float] = defaultdict(float)
    for turn in turns:
        shares[turn.voice] += max(0.0, min(turn.end_s, word.end_s) - max(turn.start_s, word.start_s))
    if not turns:
        return []
    most = max(shares.values())
    if most > 0:
        return [voice for voice, share in shares.items() if share >= 0.9 * most]
    gap_s, voice = min((max(t.start_s - word.end_s, word.start_s - t.end_s), t.voice) for t in turns)
    return [voice] if gap_s <= _NEAR_S else []


def _without_strays(words: list[Word]) -> list[Word]:
    runs = [list(run) for _, run in itertools.groupby(words, key=lambda w: w.speaker)]
    for before, run, after in zip(runs[:-2], runs[1:-1], runs[2:], strict=True):
        if len(run) <= _STRAY_WORDS and before[0].speaker == after[0].speaker:
            run[:] = [replace(word, speaker=before[0].speaker) for word in run]
    return [word for run in runs for word in run]


# --- who is who ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Somebody:
    faces: tuple[FaceTrack, ...]
    voice: str


def people_of(
    visual: VisualStream | None,
    audio: AudioStream | None,
    transcript: Transcript | None,
    speaking: Sequence[SpeakerSegment],
) -> tuple[PersonSummary, ...]:
    """A row for each person seen or heard, in order of appearance."""
    faces = visual.faces if visual else ()
    somebodies = _paired(faces, audio.voices if audio else (), speaking)
    rows = [
        _row(number, somebody, faces, visual, audio, transcript, speaking)
        for number, somebody in enumerate(somebodies, start=1)
    ]
    return tuple(rows)


def _paired(
    faces: Sequence[FaceTrack], turns: Sequence[SpeakerTurn], speaking: Sequence[SpeakerSegment]
) -> list[_Somebody]:
    """Faces joined with their voices: a voice has the faces that it is given, if it is given them most of the time."""
    given: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    spoken: dict[str, float] = defaultdict(float)
    for part in speaking:
        spoken[part.voice] += part.end_s - part.start_s
        if part.face and part.voice:
            given[part.face][part.voice] += part.end_s - part.start_s
    own: dict[str, list[FaceTrack]] = defaultdict(list)
    for face in sorted((f for f in faces if f.id in given), key=lambda f: -sum(given[f.id].values())):
        voice = max(given[face.id], key=given[face.id].__getitem__)
        if all(face.end_s <= other.start_s or other.end_s <= face.start_s for other in own[voice]):
            own[voice].append(face)  # one who left and came back; two in view at once are two people
    for voice, tracks in list(own.items()):
        if sum(given[f.id][voice] for f in tracks) < _SHARE * spoken[voice]:
            del own[voice]
    first_heard = {turn.voice: turn.start_s for turn in reversed(turns)}
    found = []
    for voice, heard_s in first_heard.items():
        tracks = sorted(own.get(voice, []), key=lambda f: f.start_s)
        found.append((min([heard_s, *(f.start_s for f in tracks)]), _Somebody(tuple(tracks), voice)))
    taken = {face.id for tracks in own.values() for face in tracks}
    found += [(face.start_s, _Somebody((face,), "")) for face in faces if face.id not in taken]
    return [somebody for _, somebody in sorted(found, key=lambda item: (item[0], item[1].voice))]


def place_of(face: FaceTrack, faces: Sequence[FaceTrack]) -> str:
    """Where a face is, as people would say it: among those in view with it, else in the picture."""
    shared = [f for f in faces if min(f.end_s, face.end_s) >= max(f.start_s, face.start_s)]
    order = [f.id for f in sorted(shared, key=_middle)]
    at, count = order.index(face.id), len(order)
    if count == 1:
        return "in the centre" if face.position == "centre" else f"on the {face.position}"
    if at in (0, count - 1):
        return "on the left" if at == 0 else "on the right"
    if count == 3:
        return "in the middle"
    return f"{('second', 'third', 'fourth', 'fifth')[at - 1]} from the left" if at <= 4 else f"{at + 1}th from the left"


def _middle(face: FaceTrack) -> float:
    return float(np.mean([(box[0] + box[2]) / 2 for box in face.boxes]))


def _name_of(who: _Somebody, faces: Sequence[FaceTrack], voices: int) -> str:
    """A person as people would name them."""
    if who.faces:
        return f"the person {place_of(who.faces[0], faces)}" if len(faces) > 1 else "the person in view"
    if not faces:
        return who.voice if voices > 1 else "the voice"
    return f"a voice off screen ({who.voice})" if voices > 1 else "a voice off screen"


def _row(
    number: int,
    who: _Somebody,
    faces: Sequence[FaceTrack],
    visual: VisualStream | None,
    audio: AudioStream | None,
    transcript: Transcript | None,
    speaking: Sequence[SpeakerSegment],
) -> PersonSummary:
    ids = {face.id for face in who.faces}
    utterances = [u for u in audio.utterances if who.voice and u.voice == who.voice] if audio else []
    segments = [s for s in transcript.segments if who.voice and s.speaker == who.voice] if transcript else []
    alone = [p for p in speaking if not p.voice and p.face in ids]
    expression = [scores for face in who.faces for scores in face.expression]
    facing = [f for face in who.faces for f in face.facing_camera if f is not None]
    tones = [u.emotion for u in utterances if u.emotion]
    excited = [u.arousal for u in utterances if u.arousal is not None]
    sentiments = [s.sentiment for s in segments if s.sentiment is not None]
    voices = len({turn.voice for turn in audio.voices}) if audio else 0
    row = PersonSummary(
        id=f"person-{number}",
        name=_name_of(who, faces, voices),
        faces=tuple(face.id for face in who.faces),
        voice=who.voice,
        speaking_s=round(
            sum(t.end_s - t.start_s for t in (audio.voices if audio else ()) if who.voice and t.voice == who.voice)
            + sum(p.end_s - p.start_s for p in alone),
            2,
        ),
        words=sum(len(s.words) for s in segments),
        expression=_mean(expression),
        facing_camera=_mean_or_none(facing),
        tone=_mean(tones),
        arousal=_mean_or_none(excited),
        sentiment=_mean_or_none(sentiments),
        gestures=tuple(g for face in who.faces for g in face.gestures),
    )
    labels = (visual.expression_labels if visual else (), audio.emotion_labels if audio else ())
    return replace(row, agreement=tuple(_agreements(row.name, who.faces, utterances, segments, *labels)))


def _mean(rows: Sequence[Sequence[float]]) -> tuple[float, ...]:
    return tuple(round(float(v), 3) for v in np.mean(rows, axis=0)) if rows else ()


def _mean_or_none(values: Sequence[float]) -> float | None:
    return round(float(np.mean(values)), 3) if values else None


# --- together or against each other -------------------------------------------------------------------------


@dataclass(frozen=True)
class _Says:
    """What one channel says over a stretch: good or bad, -1 to 1, and in words."""

    valence: float
    text: str


def _agreements(
    name: str,
    faces: Sequence[FaceTrack],
    utterances: Sequence[Utterance],
    segments: Sequence[Segment],
    expressions: Sequence[str],
    tones: Sequence[str],
) -> list[Agreement]:
    found: list[Agreement] = []
    for segment in segments or [Segment(u.start_s, u.end_s, "") for u in utterances]:
        channels = [
            _face_says(faces, segment, expressions),
            _tone_says(utterances, segment, tones),
            _words_say(segment),
        ]
        clear = [c for c in channels if c is not None]
        if len(clear) < 2:
            continue
        good, bad = [c for c in clear if c.valence > 0], [c for c in clear if c.valence < 0]
        if good and bad:
            first, second = (good, bad) if len(good) <= len(bad) else (bad, good)
            text = f"{name} {' and '.join(c.text for c in first)}, but {' and '.join(c.text for c in second)}"
        else:
            text = f"{name} {', '.join(c.text for c in clear[:-1])} and {clear[-1].text}"
        found.append(Agreement(segment.start_s, segment.end_s, bool(good and bad), text))
    return _merged(found)


def _face_says(faces: Sequence[FaceTrack], span: Segment, labels: Sequence[str]) -> _Says | None:
    scores = [
        s
        for face in faces
        if face.expression
        for t, s in zip(face.times_s, face.expression, strict=True)
        if span.start_s - 0.25 <= t <= span.end_s + 0.25
    ]
    if not scores or not labels:
        return None
    mean = np.mean(scores, axis=0)
    valence = sum(float(v) * _VALENCE.get(label, 0.0) for label, v in zip(labels, mean, strict=True))
    return _Says(valence, f"looks {labels[int(mean.argmax())]}") if abs(valence) >= _CLEAR else None


def _tone_says(utterances: Sequence[Utterance], span: Segment, labels: Sequence[str]) -> _Says | None:
    near = [u for u in utterances if u.emotion and min(u.end_s, span.end_s) - max(u.start_s, span.start_s) > 0]
    if not near or not labels:
        return None
    mean = np.mean([u.emotion for u in near], axis=0)
    top = int(mean.argmax())
    valence = _VALENCE.get(labels[top], 0.0)
    if mean[top] < CLEAR_TONE or not valence:
        return None
    return _Says(valence, f"sounds {_ADJECTIVES.get(labels[top], labels[top])}")


_ADJECTIVES = {"anger": "angry", "happiness": "happy", "sadness": "sad", "joy": "joyful", "fear": "afraid"}


def _words_say(segment: Segment) -> _Says | None:
    if segment.sentiment is None or abs(segment.sentiment) < _CLEAR:
        return None
    kind = "kind or glad" if segment.sentiment > 0 else "unhappy"
    return _Says(segment.sentiment, f"says something {kind}")


def _merged(found: list[Agreement]) -> list[Agreement]:
    merged: list[Agreement] = []
    for part in found:
        if merged and merged[-1].text == part.text and part.start_s - merged[-1].end_s < 2.0:
            merged[-1] = replace(merged[-1], end_s=part.end_s)
        else:
            merged.append(part)
    return merged
