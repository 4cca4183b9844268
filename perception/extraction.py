"""The extraction of a clip's streams: three extractors and those of the user's own, side by side in threads."""

from __future__ import annotations

import contextvars
import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

import numpy as np

from omnisense.errors import OmniSenseError
from omnisense.perception.audio.chunks import AudioChunks
from omnisense.perception.extractors import Extractor, run_extractor
from omnisense.perception.fusion.lip_fit import Phone
from omnisense.perception.media.clip import Clip
from omnisense.perception.registry import ModelRegistry
from omnisense.perception.settings import PerceptionSettings
from omnisense.perception.types import (
    STREAMS,
    AudioStream,
    Missing,
    OwnChannel,
    StreamName,
    Transcript,
    VisualStream,
)
from omnisense.perception.vision.landmarks import LandmarkTrack

Stream = VisualStream | AudioStream | Transcript | Missing
OnStream = Callable[[str, Stream, float], None]
_NO_AUDIO = Missing("the file has no audio track")
_NO_SAMPLES = Missing("the audio track is empty or cannot be decoded")
_NOT_REQUESTED = Missing("it was not requested")
_log = logging.getLogger(__name__)


@dataclass
class Extraction:
    """The results of the extractors, with measurements that joining needs and that are too fine to keep.

    Attributes:
        loudness: times (F,) in seconds and levels (F,) in dB.
    """

    visual: VisualStream | Missing = _NOT_REQUESTED
    audio: AudioStream | Missing = _NOT_REQUESTED
    transcript: Transcript | Missing = _NOT_REQUESTED
    seconds: dict[str, float] = field(default_factory=dict)
    landmarks: list[LandmarkTrack] = field(default_factory=list)
    loudness: tuple[np.ndarray, np.ndarray] = field(default_factory=lambda: (np.zeros(0), np.zeros(0)))
    phones: list[Phone] = field(default_factory=list)
    channels: tuple[OwnChannel, ...] = ()


def extract_streams(
    clip: Clip,
    settings: PerceptionSettings,
    registry: ModelRegistry,
    extractors: Sequence[Extractor] = (),
    on_stream: OnStream | None = None,
) -> Extraction:
    """Return the streams of a clip; one that cannot be extracted is Missing, and the others are still there.

    Args:
        clip: an open clip.
        settings: which streams.
        registry: the models.
        extractors: of the user's own.
        on_stream: called with name, stream and seconds spent as each stream is done, from its thread.
    """
    chunks = AudioChunks.of_clip(clip, speech_threshold=settings.speech_threshold)
    extraction = Extraction()
    extract: dict[StreamName, Callable[[], Stream]] = {
        "visual": lambda: _extract_visual(clip, settings, registry, extraction),
        "audio": lambda: _extract_audio(clip, chunks, registry, extraction),
        "transcript": lambda: _extract_transcript(clip, chunks, settings, registry, extraction),
    }

    def run(name: StreamName) -> Stream:
        if name not in settings.streams:
            return _NOT_REQUESTED
        started = time.perf_counter()
        stream = _missing_if_it_fails(name, extract[name])
        seconds = extraction.seconds[name] = round(time.perf_counter() - started, 3)
        _log.info("%s stream %s in %.1f s", name, "missing" if isinstance(stream, Missing) else "done", seconds)
        if on_stream:
            on_stream(name, stream, seconds)
        return stream

    with ThreadPoolExecutor(len(STREAMS) + len(extractors), thread_name_prefix="perceive") as pool:
        # In the caller's context: ``on_stream`` may belong to a framework that keeps its own there.
        futures = {name: pool.submit(contextvars.copy_context().run, run, name) for name in extract}
        own = [pool.submit(run_extractor, extractor, clip) for extractor in extractors]
        extraction.channels = tuple(future.result() for future in own)
        for name, future in futures.items():
            setattr(extraction, name, future.result())
    return extraction


def _extract_visual(
    clip: Clip, settings: PerceptionSettings, registry: ModelRegistry, extraction: Extraction
) -> Stream:
    if not clip.has_video:
        return Missing("the file has no video track")
    from omnisense.perception.vision.landmarks import track_landmarks
    from omnisense.perception.vision.tracking import track_faces

    vision = registry.vision_models()
    with registry.vision_lock:
        stream = track_faces(clip, settings.sampling, vision.face_detector, vision.expression_classifier)
        stream = replace(stream, notes=(*stream.notes, *vision.notes), min_expression=settings.min_expression)
        if vision.face_mesh and stream.faces:
            stream, extraction.landmarks = track_landmarks(clip, stream, vision.face_mesh, vision.body_estimator)
        return stream


def _extract_audio(clip: Clip, chunks: AudioChunks, registry: ModelRegistry, extraction: Extraction) -> Stream:
    if not clip.has_audio:
        return _NO_AUDIO
    from omnisense.perception.audio.analysis import analyze_audio

    with registry.audio_lock:
        analysis = analyze_audio(chunks, registry.audio_models())
    extraction.loudness = (analysis.time_s, analysis.level_db)
    return analysis.stream if analysis.stream.duration_s else _NO_SAMPLES


def _extract_transcript(
    clip: Clip, chunks: AudioChunks, settings: PerceptionSettings, registry: ModelRegistry, extraction: Extraction
) -> Stream:
    if not clip.has_audio:
        return _NO_AUDIO
    if not any(len(chunk.samples) for chunk in chunks):
        return _NO_SAMPLES
    with_phones = clip.kind == "video" and "visual" in settings.streams
    transcription = registry.get("speech").transcribe(chunks, with_phones=with_phones)
    extraction.phones = transcription.phones
    transcript: Transcript = transcription.transcript
    reason = registry.unavailable_reason("foreign_speech") if transcript.unclear else ""
    return replace(transcript, notes=(*transcript.notes, reason)) if reason else transcript


def _missing_if_it_fails(name: str, extract: Callable[[], Stream]) -> Stream:
    try:
        return extract()
    except OmniSenseError as error:
        _log.warning("no %s stream: %s", name, error, exc_info=_log.isEnabledFor(logging.DEBUG))
        return Missing(str(error), temporary=True)
    except ModuleNotFoundError as error:  # an installation without torch, for instance
        _log.info("no %s stream: %s", name, error)
        return Missing(f"it needs a package that is not installed: {error.name}", temporary=True)
    except Exception as error:  # a fault in one extractor must not cost the other streams
        _log.warning("the %s extractor failed", name, exc_info=True)
        return Missing(f"the extractor failed ({type(error).__name__}: {error})", temporary=True)
