"""A long clip composed from short ones with still, silent stretches between them, and its percepts.

The file is real, and is decoded wherever something is looked at again. Its percepts are those of the pieces, each
perceived once, with their times shifted: what lies between has nothing to perceive.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from omnisense.files import sha256_of
from omnisense.perception.fusion.people import summarize_people
from omnisense.perception.media.clip import Clip, open_clip
from omnisense.perception.media.decode import SAMPLE_RATE_HZ
from omnisense.perception.media.encode import write_clip
from omnisense.perception.media.sampling import Sampling
from omnisense.perception.percepts import Percepts, Provenance
from omnisense.perception.types import (
    AudioStream,
    ClipInfo,
    FaceTrack,
    Prosody,
    Span,
    SpeakerSegment,
    Transcript,
    VisualStream,
)
from omnisense.version import __version__

FPS = 5
_WIDTH, _HEIGHT, _GRAY = 320, 240, 90


@dataclass(frozen=True)
class Piece:
    """A short clip at a time of the long one, in whole seconds; ``end_s`` is where it ends."""

    path: Path
    start_s: int
    end_s: float


def place(paths: Sequence[Path], starts_s: Sequence[int]) -> list[Piece]:
    """Return pieces of files, each at its time."""
    return [
        Piece(path, start_s, start_s + open_clip(path).duration_s)
        for path, start_s in zip(paths, starts_s, strict=True)
    ]


def write_file(path: Path, pieces: Sequence[Piece], duration_s: int) -> None:
    """Write the composed clip."""
    opened = {piece.path: open_clip(piece.path) for piece in pieces}
    samples = np.zeros(duration_s * SAMPLE_RATE_HZ, np.float32)
    for piece in pieces:
        if opened[piece.path].has_audio:
            sound = opened[piece.path].audio()[: (duration_s - piece.start_s) * SAMPLE_RATE_HZ]
            samples[piece.start_s * SAMPLE_RATE_HZ :][: len(sound)] = sound
    options = {"preset": "ultrafast", "crf": "23", "g": str(10 * FPS)}
    write_clip(path, _frames(pieces, opened, duration_s), samples, FPS, video_options=options)


def _frames(pieces: Sequence[Piece], opened: dict[Path, Clip], duration_s: int) -> Iterator[np.ndarray]:
    still = np.full((_HEIGHT, _WIDTH, 3), _GRAY, np.uint8)
    shown = {piece.start_s * FPS: piece.path for piece in pieces if opened[piece.path].has_video}
    images: list[np.ndarray] = []
    for number in range(duration_s * FPS):
        if number in shown:
            images = [_on_canvas(image) for image in opened[shown[number]].frames(Sampling(fps=FPS)).images]
        yield images.pop(0) if images else still


def _on_canvas(image: np.ndarray) -> np.ndarray:
    import cv2

    height, width = image.shape[:2]
    x, y, w, h = _place_of(width, height)
    canvas = np.full((_HEIGHT, _WIDTH, 3), _GRAY, np.uint8)
    canvas[y : y + h, x : x + w] = cv2.resize(image, (w, h), interpolation=cv2.INTER_AREA)
    return canvas


def _place_of(width: int, height: int) -> tuple[int, int, int, int]:
    """Return where a picture lies on the canvas: x, y, width and height in pixels."""
    scale = min(_WIDTH / width, _HEIGHT / height)
    w, h = int(width * scale), int(height * scale)
    return (_WIDTH - w) // 2, (_HEIGHT - h) // 2, w, h


def merge_percepts(
    path: Path, pieces: Sequence[Piece], duration_s: int, perceive: Callable[[Path], Percepts]
) -> Percepts:
    """Return the percepts of the composed clip: those of its pieces, at their times."""
    known = {piece.path: perceive(piece.path) for piece in pieces}
    parts = [_shifted(known[piece.path], piece.start_s, number) for number, piece in enumerate(pieces, start=1)]
    visual = _merge_visual([part["visual"] for part in parts if part["visual"]])
    audio = _merge_audio([part["audio"] for part in parts if part["audio"]], duration_s)
    segments = tuple(segment for part in parts for segment in part["segments"])
    transcripts = [known[piece.path].transcript for piece in pieces]
    labels = next((t.emotion_labels for t in transcripts if isinstance(t, Transcript) and t.emotion_labels), ())
    transcript = Transcript("en", segments, "as of the pieces", emotion_labels=labels)
    speakers: list[SpeakerSegment] = [segment for part in parts for segment in part["speakers"]]
    info = ClipInfo(
        str(path), "video", float(duration_s), 0.0, _WIDTH, _HEIGHT, float(FPS), "h264", "aac", sha256_of(path)
    )
    return Percepts(
        info,
        visual,
        audio,
        transcript,
        tuple(speakers),
        summarize_people(visual, audio, transcript, speakers),
        provenance=Provenance(__version__),
    )


def _shifted(percepts: Percepts, by_s: float, number: int) -> dict[str, Any]:
    """Return what a piece adds, with its times shifted and its faces and voices named after it."""

    def move(item: Any, **changes: Any) -> Any:
        return replace(item, start_s=item.start_s + by_s, end_s=item.end_s + by_s, **changes)

    def voice(name: str | None) -> Any:
        return f"voice-{number}-{name.removeprefix('voice-')}" if name else name

    visual, audio, transcript = percepts.visual, percepts.audio, percepts.transcript
    part: dict[str, Any] = {"visual": None, "audio": None, "segments": [], "speakers": []}
    if isinstance(visual, VisualStream):
        faces = tuple(_move_face(face, by_s, number, visual) for face in visual.faces)
        times = tuple(t + by_s for t in visual.times_s)
        part["visual"] = replace(visual, faces=faces, times_s=times, shot_cuts_s=())
    if isinstance(audio, AudioStream):
        part["audio"] = replace(
            audio,
            speech=tuple(map(move, audio.speech)),
            utterances=tuple(move(u, speaker=voice(u.speaker)) for u in audio.utterances),
            speaker_turns=tuple(move(t, speaker=voice(t.speaker)) for t in audio.speaker_turns),
            speaker_baselines={voice(name): base for name, base in audio.speaker_baselines.items()},
            events=tuple(move(e, speakers=tuple(map(voice, e.speakers))) for e in audio.events),
        )
    if isinstance(transcript, Transcript):
        part["segments"] = [
            move(s, speaker=voice(s.speaker), words=tuple(move(w, speaker=voice(w.speaker)) for w in s.words))
            for s in transcript.segments
        ]
    part["speakers"] = [
        move(s, speaker=voice(s.speaker), face=f"{s.face}-{number}" if s.face else None)
        for s in percepts.speaker_segments
    ]
    return part


def _move_face(face: FaceTrack, by_s: float, number: int, visual: VisualStream) -> FaceTrack:
    x, y, w, h = _place_of(visual.width, visual.height)
    scale, offset = np.array([w / _WIDTH, h / _HEIGHT]), np.array([x / _WIDTH, y / _HEIGHT])
    boxes = np.reshape(face.boxes, (-1, 2, 2)) * scale + offset
    return replace(
        face,
        id=f"{face.id}-{number}",
        start_s=face.start_s + by_s,
        end_s=face.end_s + by_s,
        times_s=tuple(t + by_s for t in face.times_s),
        boxes=tuple((x1, y1, x2, y2) for (x1, y1), (x2, y2) in boxes.tolist()),
        gestures=tuple(replace(g, start_s=g.start_s + by_s, end_s=g.end_s + by_s) for g in face.gestures),
    )


def _merge_visual(streams: Sequence[VisualStream]) -> VisualStream:
    return VisualStream(
        tuple(t for s in streams for t in s.times_s),
        _WIDTH,
        _HEIGHT,
        tuple(face for s in streams for face in s.faces),
        tuple(m for s in streams for m in s.motion),
        (),
        next((s.expression_labels for s in streams if s.expression_labels), ()),
    )


def _merge_audio(streams: Sequence[AudioStream], duration_s: int) -> AudioStream:
    """Return the sound of all pieces; silence lies between them."""
    speech = sorted((span for s in streams for span in s.speech), key=lambda span: span.start_s)
    pauses = [Span(a.end_s, b.start_s) for a, b in itertools.pairwise(speech) if b.start_s > a.end_s + 0.25]
    return AudioStream(
        float(duration_s),
        tuple(speech),
        tuple(pauses),
        tuple(u for s in streams for u in s.utterances),
        (Prosody(),) * duration_s,
        Prosody(),
        tuple(t for s in streams for t in s.speaker_turns),
        {name: base for s in streams for name, base in s.speaker_baselines.items()},
        tuple(e for s in streams for e in s.events),
        next((s.emotion_labels for s in streams if s.emotion_labels), ()),
    )
