"""A window of what was perceived live, as if it were a clip of its own: one turn out of a long conversation."""

from __future__ import annotations

import bisect
import math
from collections.abc import Iterable, Sequence
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

from omnisense.perception.fusion.people import summarize_people
from omnisense.perception.percepts import Percepts
from omnisense.perception.types import AudioStream, FaceTrack, Missing, OwnChannel, Transcript, VisualStream

_TIMES = ("start_s", "end_s")
_SERIES = ("times_s", "shot_cuts_s")
_PER_FRAME = ("times_s", "boxes", "landmarks", "scores", "expression", "mouth_movement", "head_pose", "facing_camera")
_T = TypeVar("_T")


def window_of(percepts: Percepts, start_s: float, end_s: float, channels: tuple[OwnChannel, ...] = ()) -> Percepts:
    """Return what lies in a window, with times from its start.

    Args:
        percepts: of a stream, from its start.
        start_s: in whole seconds, so that the seconds of the audio stream stay whole.
        end_s: where the window ends.
        channels: to add, with times of the stream.
    """
    start_s, length_s = float(math.floor(start_s)), round(end_s - math.floor(start_s), 3)
    visual, audio, transcript = percepts.visual, percepts.audio, percepts.transcript
    if isinstance(visual, VisualStream):
        visual = _window_of_visual(visual, start_s, end_s)
    if isinstance(audio, AudioStream):
        audio = _window_of_audio(audio, start_s, end_s)
    if isinstance(transcript, Transcript):
        words = _within(transcript.segments, start_s, end_s)
        unclear = _within(transcript.unclear, start_s, end_s)
        transcript = _shift(replace(transcript, segments=words, unclear=unclear), start_s)
    segments = _shift(_within(percepts.speaker_segments, start_s, end_s), start_s)
    people = summarize_people(
        None if isinstance(visual, Missing) else visual,
        None if isinstance(audio, Missing) else audio,
        None if isinstance(transcript, Missing) else transcript,
        segments,
    )
    return replace(
        percepts,
        clip=replace(percepts.clip, start_s=start_s, duration_s=length_s),
        visual=visual,
        audio=audio,
        transcript=transcript,
        speaker_segments=segments,
        people=people,
        channels=tuple(_shift(replace(own, events=_within(own.events, start_s, end_s)), start_s) for own in channels),
    )


def _window_of_visual(visual: VisualStream, start_s: float, end_s: float) -> VisualStream:
    part = _slice(visual.times_s, start_s, end_s)
    faces = [_window_of_face(face, start_s, end_s) for face in visual.faces]
    window = replace(
        visual,
        times_s=visual.times_s[part],
        motion=visual.motion[part],
        faces=tuple(face for face in faces if face.times_s),
        shot_cuts_s=tuple(cut_s for cut_s in visual.shot_cuts_s if start_s <= cut_s <= end_s),
    )
    return _shift(window, start_s)


def _window_of_face(face: FaceTrack, start_s: float, end_s: float) -> FaceTrack:
    part = _slice(face.times_s, start_s, end_s)
    series = {name: getattr(face, name)[part] for name in _PER_FRAME}
    return replace(
        face,
        **series,
        start_s=max(face.start_s, start_s),
        end_s=min(face.end_s, end_s),
        gestures=tuple(_within(face.gestures, start_s, end_s)),
    )


def _window_of_audio(audio: AudioStream, start_s: float, end_s: float) -> AudioStream:
    parts: dict[str, Any] = {
        name: _within(getattr(audio, name), start_s, end_s)
        for name in ("speech", "pauses", "utterances", "speaker_turns", "events")
    }
    window = replace(audio, duration_s=round(end_s - start_s, 3), **parts)
    return replace(_shift(window, start_s), seconds=audio.seconds[int(start_s) : math.ceil(end_s)])


def _slice(times_s: Sequence[float], start_s: float, end_s: float) -> slice:
    return slice(bisect.bisect_left(times_s, start_s), bisect.bisect_right(times_s, end_s))


def _within(items: Iterable[_T], start_s: float, end_s: float) -> tuple[_T, ...]:
    """Return the items most of which lie in the window."""
    return tuple(item for item in items if start_s <= (_middle(item)) <= end_s)


def _middle(item: Any) -> float:
    return float(item.start_s + item.end_s) / 2


def _shift(value: _T, by_s: float) -> _T:
    """Return a value with the times in it moved to the window; none of them lies before it."""
    moved: Any = value
    if isinstance(value, tuple):
        moved = tuple(_shift(item, by_s) for item in value)
    elif is_dataclass(value) and not isinstance(value, type):
        moved = replace(moved, **_shifted_fields(value, by_s))
    return moved  # type: ignore[no-any-return]


def _shifted_fields(value: Any, by_s: float) -> dict[str, Any]:
    changed: dict[str, Any] = {}
    for field in fields(value):
        old = getattr(value, field.name)
        if field.name in _TIMES:
            changed[field.name] = max(0.0, round(old - by_s, 4))
        elif field.name in _SERIES:
            changed[field.name] = tuple(max(0.0, round(time_s - by_s, 4)) for time_s in old)
        elif isinstance(old, tuple) and old and is_dataclass(old[0]):
            changed[field.name] = _shift(old, by_s)
    return changed
