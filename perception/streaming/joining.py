"""What is known of a live stream, in the types of files."""

from __future__ import annotations

from dataclasses import replace

from omnisense.perception.fusion.people import summarize_people
from omnisense.perception.fusion.speakers import assign_speakers
from omnisense.perception.fusion.voices import correct_voices
from omnisense.perception.percepts import Percepts, Provenance
from omnisense.perception.pipeline import Perception
from omnisense.perception.streaming.recording import Final
from omnisense.perception.streaming.utterances import FinishedUtterances
from omnisense.perception.types import AudioStream, ClipInfo, Missing, Transcript, VisualStream
from omnisense.version import __version__

_NOT_REQUESTED, _NO_FRAMES, _NO_AUDIO = (
    Missing("it was not requested"),
    Missing("no frame was received"),
    Missing("no audio was received"),
)


def join_streams(
    perception: Perception,
    seen: VisualStream | None,
    finished: FinishedUtterances | None,
    end_s: float,
    notes: tuple[str, ...] = (),
    path: str = "live",
    final: Final | None = None,
) -> Percepts:
    """Join the streams of a live conversation.

    Args:
        perception: that they come from.
        seen: the visual stream; None without frames.
        finished: the utterances; None without audio.
        end_s: up to where the stream was received.
        notes: for the audio stream.
        path: that the clip is called by.
        final: words and voices of the whole audio, once the stream has ended; else those of ``finished``.
    """
    requested = perception.settings.streams
    visual: VisualStream | Missing = seen or _NO_FRAMES
    audio: AudioStream | Missing = _NO_AUDIO
    transcript: Transcript | Missing = _NO_AUDIO
    if finished is not None:
        audio, transcript = finished.streams(end_s, notes)
    segments = tuple(finished.speaker_segments) if finished else ()
    if final is not None:
        segments, transcript = final.speaker_segments, final.transcript or transcript
        audio = replace(final.audio, notes=(*final.audio.notes, *notes)) if final.audio else audio
    visual = visual if "visual" in requested else _NOT_REQUESTED
    audio = audio if "audio" in requested else _NOT_REQUESTED
    transcript = transcript if "transcript" in requested else _NOT_REQUESTED
    if isinstance(visual, VisualStream) and isinstance(audio, AudioStream):
        audio, corrected = correct_voices(audio, segments, visual.faces)
        segments = tuple(corrected)
        if isinstance(transcript, Transcript):
            transcript = assign_speakers(transcript, audio.speaker_turns)
    people = summarize_people(
        None if isinstance(visual, Missing) else visual,
        None if isinstance(audio, Missing) else audio,
        None if isinstance(transcript, Missing) else transcript,
        segments,
    )
    return Percepts(
        clip=_clip(path, seen, has_sound=finished is not None, end_s=end_s),
        visual=visual,
        audio=audio,
        transcript=transcript,
        speaker_segments=segments,
        people=people,
        provenance=Provenance(__version__, perception.registry.versions(), perception.settings),
    )


def _clip(path: str, seen: VisualStream | None, has_sound: bool, end_s: float) -> ClipInfo:
    return ClipInfo(
        path=path,
        kind="video" if seen else "audio",
        duration_s=round(end_s, 3),
        start_s=0.0,
        width=seen.width if seen else 0,
        height=seen.height if seen else 0,
        frame_rate=0.0,
        video_codec="frames" if seen else "",
        audio_codec="samples" if has_sound else "",
        sha256="",
    )
