"""Perceive a clip: the three extractors side by side, each stream there or missing with its reason, cached."""

from __future__ import annotations

import contextvars
import functools
import hashlib
import json
import logging
import time
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from omnisense.errors import OmniSenseError
from omnisense.files import home_dir, sha256_of
from omnisense.perception.audio.chunks import SpeechBlocks
from omnisense.perception.emotion.text import with_emotions
from omnisense.perception.fusion.active_speaker import Phone, who_speaks
from omnisense.perception.fusion.people import people_of, with_speakers
from omnisense.perception.media.clip import Clip, open_clip
from omnisense.perception.registry import ModelRegistry, PerceptionSettings
from omnisense.perception.types import (
    STREAMS,
    AudioStream,
    ClipInfo,
    Missing,
    Percepts,
    PersonSummary,
    Provenance,
    SpeakerSegment,
    Transcript,
    VisualStream,
)
from omnisense.perception.vision.landmarks import LandmarkTrack
from omnisense.version import __version__

__all__ = ["Perception", "PerceptionSettings", "perceive"]

Stream = VisualStream | AudioStream | Transcript | Missing
OnStream = Callable[[str, Stream, float], None]
_CACHE_FORMAT = 2  # raise it when an extractor's results change for the same models and settings
_log = logging.getLogger(__name__)


class Perception:
    """Perceives clips; holds the models, each loaded on first use and shared by all calls and threads.

    Args:
        settings: what is extracted and with which models.
        cache: whether percepts of the same content, settings and models are taken from disk.
        say: receives a line when a model has to be fetched; by default it goes to the log.
    """

    def __init__(
        self, settings: PerceptionSettings | None = None, cache: bool = True, say: Callable[[str], None] | None = None
    ) -> None:
        self.settings = settings or PerceptionSettings()
        self.cache = cache
        self.registry = ModelRegistry(self.settings, say)

    def perceive(self, clip: Clip | str | Path, on_stream: OnStream | None = None) -> Percepts:
        """Extract the streams of a clip.

        Args:
            clip: an open clip or window, or a path.
            on_stream: called with name, stream and seconds spent as each stream is done, from its thread.

        Returns:
            Percepts; a stream that could not be had is Missing with the reason, the others come all the same.

        Raises:
            MediaError: the path cannot be opened as media at all.
        """
        clip = clip if isinstance(clip, Clip) else open_clip(clip)
        info = _info(clip)
        stored = self.stored(clip, info)
        if self.cache and stored.is_file():
            percepts = _read(stored)
            if percepts is not None:
                return replace(percepts, clip=info, provenance=replace(percepts.provenance, from_cache=True))
        streams, seconds, close = self._extract(clip, on_stream)
        began = time.perf_counter()
        speaking, people = self._relate(clip, streams, close)
        seconds["people"] = round(time.perf_counter() - began, 3)
        percepts = Percepts(
            clip=info,
            provenance=self._provenance(streams, seconds),
            speaking=tuple(speaking),
            people=people,
            **streams,
        )
        stored = self.stored(clip, info)  # a model fetched on the way has its version now
        stored.parent.mkdir(parents=True, exist_ok=True)
        if self._whole(streams):
            percepts.save(stored)
        return percepts

    def _whole(self, streams: dict[str, Any]) -> bool:
        """Whether nothing is lacking that another try may have: only then are percepts worth keeping."""
        read = streams["transcript"]
        unfelt = isinstance(read, Transcript) and read.segments and not read.emotion_labels
        return not (
            any(isinstance(s, Missing) and s.temporary for s in streams.values())
            or self.registry.missing_models()
            or (unfelt and self.settings.text_emotion_model)
        )

    def stored(self, clip: Clip, info: ClipInfo | None = None) -> Path:
        """Where the percepts of this clip, under these settings and models, are kept."""
        info = info or _info(clip)
        versions = self.registry.versions()
        window = [clip.start_s, clip.duration_s]
        key = json.dumps([_CACHE_FORMAT, info.sha256, window, asdict(self.settings), versions], sort_keys=True)
        return home_dir() / "percepts" / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.json"

    def _extract(self, clip: Clip, on_stream: OnStream | None) -> tuple[dict[str, Any], dict[str, float], _Close]:
        blocks, close = SpeechBlocks(clip), _Close()
        work: dict[str, Callable[[], Stream]] = {
            "visual": lambda: self._see(clip, close),
            "audio": lambda: self._hear(clip, blocks, close),
            "transcript": lambda: self._read(clip, blocks, close),
        }
        seconds: dict[str, float] = {}

        def run(name: str) -> Stream:
            if name not in self.settings.streams:
                return Missing("not asked for")
            began = time.perf_counter()
            stream = _or_missing(name, work[name])
            seconds[name] = round(time.perf_counter() - began, 3)
            if on_stream:
                on_stream(name, stream, seconds[name])
            return stream

        with ThreadPoolExecutor(len(STREAMS), thread_name_prefix="perceive") as pool:
            # The caller's context goes along: ``on_stream`` may belong to a framework that keeps its own there.
            futures = {name: pool.submit(contextvars.copy_context().run, run, name) for name in STREAMS}
            return {name: future.result() for name, future in futures.items()}, seconds, close

    def _see(self, clip: Clip, close: _Close) -> Stream:
        if not clip.has_video:
            return Missing("there are no pictures in it")
        from omnisense.perception.vision.landmarks import track_landmarks
        from omnisense.perception.vision.tracking import track_faces

        detector, reader, mesh, body = self.registry.vision_models()
        with self.registry.vision_lock:  # the interpreters serve one thread at a time
            stream = track_faces(clip, self.settings.sampling, detector, reader)
            stream = replace(stream, notes=(*stream.notes, *self.registry.missing_vision_models()))
            if mesh and stream.faces:
                stream, close.watched = track_landmarks(clip, stream, mesh, body)
            return stream

    def _hear(self, clip: Clip, blocks: SpeechBlocks, close: _Close) -> Stream:
        if not clip.has_audio:
            return Missing("there is no sound in it")
        from omnisense.perception.audio.prosody import analyze_audio

        with self.registry.audio_lock:
            heard = analyze_audio(blocks, self.registry.audio_models())
        close.loudness = (heard.time_s, heard.level_db)
        return heard.stream if heard.stream.duration_s else Missing("the audio track is empty or cannot be decoded")

    def _read(self, clip: Clip, blocks: SpeechBlocks, close: _Close) -> Stream:
        if not clip.has_audio:
            return Missing("there is no sound in it")
        if not any(len(block.samples) for block in blocks):
            return Missing("the audio track is empty or cannot be decoded")
        seen = clip.kind == "video" and "visual" in self.settings.streams
        reading = self.registry.get("speech").transcribe(blocks, with_phones=seen)
        close.phones = reading.phones
        transcript: Transcript = reading.transcript
        return transcript

    def felt(self, transcript: Transcript) -> Transcript:
        """The transcript with what its words carry."""
        if not transcript.segments:
            return transcript
        reader, why_not = self.registry.get("text emotion")
        if reader is not None:
            try:
                return with_emotions(transcript, reader)
            except Exception as error:  # a classifier of the user's choice may fail; the words still stand
                _log.warning("the text emotion model failed", exc_info=True)
                why_not = f"the text emotion model failed ({type(error).__name__}: {error})"
        return replace(transcript, notes=(*transcript.notes, why_not)) if why_not else transcript

    def _relate(
        self, clip: Clip, streams: dict[str, Any], close: _Close
    ) -> tuple[list[SpeakerSegment], tuple[PersonSummary, ...]]:
        """Join the streams: whose words these are, who is talking, and a row for each person."""
        visual, audio, transcript = (None if isinstance(streams[n], Missing) else streams[n] for n in STREAMS)
        if transcript:  # only now is it known where a sentence of two voices is parted
            transcript = self.felt(with_speakers(transcript, audio.voices if audio else ()))
            streams["transcript"] = transcript
        speaking: list[SpeakerSegment] = []
        if visual and audio and (close.watched or not visual.faces):
            scorer, why_not = self.registry.get("speaking") if close.watched else (None, "")
            if why_not:
                streams["visual"] = visual = replace(visual, notes=(*visual.notes, why_not))
            talking = scorer.of_clip(clip, visual) if scorer else None
            speaking = who_speaks(close.watched, audio, close.loudness, close.phones, transcript, talking)
        return speaking, people_of(visual, audio, transcript, speaking)

    def _provenance(self, streams: dict[str, Any], seconds: dict[str, float]) -> Provenance:
        used = self.registry.versions()
        if isinstance(streams["transcript"], Transcript):
            used["word times"] = streams["transcript"].word_times
        if isinstance(streams["audio"], AudioStream):
            used |= {"voice activity": "silero-vad (faster-whisper)", "pitch": "swift-f0"}
            diarizer, _ = self.registry.get("voices")
            if diarizer and streams["audio"].voices:
                used["who speaks when"] = diarizer.name
        settings = asdict(self.settings) | {"streams": list(self.settings.streams)}  # as it comes back from JSON
        return Provenance(__version__, used, settings, seconds)


@dataclass
class _Close:
    """What was seen and heard closely: needed to join the streams, too fine to keep."""

    watched: list[LandmarkTrack] = field(default_factory=list)
    loudness: tuple[np.ndarray, np.ndarray] = field(default_factory=lambda: (np.zeros(0), np.zeros(0)))
    phones: list[Phone] = field(default_factory=list)


def perceive(
    clip: Clip | str | Path, streams: Collection[str] = STREAMS, cache: bool = True, **settings: Any
) -> Percepts:
    """Perceive a clip with models shared by all calls; see :class:`PerceptionSettings` for the settings."""
    return _shared(
        PerceptionSettings(streams=tuple(s for s in STREAMS if s in streams) or tuple(streams), **settings), cache
    ).perceive(clip)


@functools.lru_cache(maxsize=4)
def _shared(settings: PerceptionSettings, cache: bool) -> Perception:
    return Perception(settings, cache)


def _or_missing(name: str, work: Callable[[], Stream]) -> Stream:
    try:
        return work()
    except OmniSenseError as error:
        return Missing(str(error), temporary=True)
    except Exception as error:  # one broken part must not take the other streams with it; it is named, and logged
        _log.warning("the %s stream failed", name, exc_info=True)
        return Missing(f"the extractor failed ({type(error).__name__}: {error})", temporary=True)


def _read(path: Path) -> Percepts | None:
    from pydantic import ValidationError

    try:
        return Percepts.from_json(path.read_bytes())
    except (ValidationError, OSError):  # of an older format, or damaged: perceive anew
        return None


def _info(clip: Clip) -> ClipInfo:
    return ClipInfo(
        str(clip.path),
        clip.kind,
        round(clip.duration_s, 3),
        clip.start_s,
        clip.width,
        clip.height,
        round(clip.frame_rate, 3),
        clip.video_codec,
        clip.audio_codec,
        sha256_of(clip.path),
    )
