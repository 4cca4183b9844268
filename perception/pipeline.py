"""The perception pipeline: the three extractors side by side, their results joined, and the percepts cached."""

from __future__ import annotations

import copy
import functools
import logging
import time
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args

from omnisense.errors import InputError
from omnisense.files import sha256_of
from omnisense.perception.cache import cache_limits, cache_path, read_percepts, write_percepts
from omnisense.perception.emotion.text import add_text_emotion
from omnisense.perception.extraction import Extraction, OnStream, extract_streams
from omnisense.perception.extractors import Extractor, check_extractors
from omnisense.perception.fusion.active_speaker import detect_active_speakers
from omnisense.perception.fusion.people import summarize_people
from omnisense.perception.fusion.speakers import assign_speakers
from omnisense.perception.fusion.voices import correct_voices
from omnisense.perception.media.clip import Clip, ClipSource, open_clip
from omnisense.perception.media.isolation import open_isolated
from omnisense.perception.media.limits import MediaLimits
from omnisense.perception.percepts import Percepts, Provenance
from omnisense.perception.registry import ModelRegistry, OnProgress
from omnisense.perception.settings import PerceptionSettings, parse_streams
from omnisense.perception.types import (
    STREAMS,
    AudioStream,
    ClipInfo,
    Missing,
    SpeakerSegment,
    StreamName,
    Transcript,
    VisualStream,
)
from omnisense.version import __version__

__all__ = ["Perception", "PerceptionSettings", "perceive"]

Isolation = Literal["none", "process"]
_CLOSE_FPS, _CLOSE_PIXELS = 5.0, 960 * 540  # of a window that is looked at again
_log = logging.getLogger(__name__)
_T = TypeVar("_T", VisualStream, AudioStream, Transcript)


class Perception:
    """Extracts the streams of clips. Holds the models, each loaded on first use and shared by all calls and threads.

    Args:
        settings: which streams are extracted and with which models.
        cache: whether percepts are kept on disk, and read from there for the same content, settings and models.
        on_progress: receives a line when a model is downloaded; by default it goes to the log.
        isolation: ``process`` reads and decodes files in processes of their own, which are ended when they exceed the
            limits (:mod:`omnisense.perception.media.isolation`): for files of strangers. Extractors of your own get the
            same clip. ``none`` decodes in this process.
        limits: of a clip's duration and pictures, and of the time and memory of its decoding.
        extractors: of your own; each adds a channel to the timeline (:mod:`omnisense.perception.extractors`). Live
            perception leaves them out.

    Raises:
        InputError: an extractor has no name or version, or its name is taken; a limit of the cache is no number; or an
            unknown isolation.
    """

    def __init__(
        self,
        settings: PerceptionSettings | None = None,
        cache: bool = True,
        on_progress: OnProgress | None = None,
        extractors: Sequence[Extractor] = (),
        *,
        isolation: Isolation = "none",
        limits: MediaLimits | None = None,
    ) -> None:
        if isolation not in get_args(Isolation):
            raise InputError(f"unknown isolation '{isolation}'", f"Choose from {', '.join(get_args(Isolation))}.")
        self.isolation, self.limits = isolation, limits or MediaLimits()
        self.extractors = check_extractors(extractors)
        self.settings = settings or PerceptionSettings()
        if cache:
            cache_limits()  # a bad one is reported before anything is perceived
        self.cache = cache
        self.registry = ModelRegistry(self.settings, on_progress)

    def open(self, clip: Clip | ClipSource) -> Clip:
        """Open a clip as the isolation and limits of this perception require; an open one stays open.

        Raises:
            MediaError: it cannot be opened as media at all, or is beyond a limit.
            InputError: it is of another type.
        """
        if self.isolation == "process":
            clip = open_isolated(clip, self.limits)
        elif not isinstance(clip, Clip):
            clip = open_clip(clip, self.limits)
        return clip

    def perceive(self, clip: Clip | ClipSource, on_stream: OnStream | None = None) -> Percepts:
        """Extract the streams of a clip.

        Args:
            clip: an open clip or window, a path, bytes, or a binary file object.
            on_stream: called with name, stream and seconds spent as each stream is done, from its thread.

        Returns:
            Percepts; a stream that could not be extracted is Missing with the reason, and the others are still there.

        Raises:
            MediaError: it cannot be opened as media at all, or is beyond a limit.
            InputError: it is of another type.
        """
        clip = self.open(clip)
        self.limits.check_duration(clip.duration_s, clip.path)
        info = _clip_info(clip)
        cached = read_percepts(self.cache_path(clip, info)) if self.cache else None
        if cached:
            return replace(cached, clip=info)
        started = time.perf_counter()
        extraction = extract_streams(clip, self.settings, self.registry, self.extractors, on_stream)
        joining = time.perf_counter()
        visual, audio, transcript, segments = self._join(clip, extraction)
        people = summarize_people(_present(visual), _present(audio), _present(transcript), segments)
        extraction.seconds["people"] = round(time.perf_counter() - joining, 3)
        percepts = Percepts(
            clip=info,
            visual=visual,
            audio=audio,
            transcript=transcript,
            speaker_segments=tuple(segments),
            people=people,
            channels=extraction.channels,
            provenance=self._provenance(audio, transcript, extraction.seconds),
        )
        _log.info("perceived %.1f s of %s in %.1f s", info.duration_s, info.kind, time.perf_counter() - started)
        if not (self.cache and self._is_cacheable(percepts)):
            return percepts
        # A model that was downloaded meanwhile has its version now.
        return write_percepts(self.cache_path(clip, info), percepts)

    def perceive_closely(self, clip: Clip, streams: tuple[StreamName, ...] = STREAMS) -> Percepts:
        """Extract streams of a short window from more frames and pixels than usual, with the same models.

        Args:
            clip: a window of seconds; its percepts are cached as any.
            streams: which streams.

        Raises:
            MediaError: the window cannot be decoded.
        """
        sampling = replace(self.settings.sampling, rule="rate", times_s=(), fps=_CLOSE_FPS, max_pixels=_CLOSE_PIXELS)
        closely = copy.copy(self)
        closely.extractors = ()  # they add to a clip's timeline once
        closely.settings = replace(self.settings, streams=streams, sampling=sampling)
        closely.registry = self.registry.with_settings(closely.settings)
        return closely.perceive(clip)

    # --- cache ----------------------------------------------------------------------------------------------

    def cache_path(self, clip: Clip, info: ClipInfo | None = None) -> Path:
        """Return the file in which the percepts of this clip, under these settings and models, are cached."""
        return cache_path(
            clip, info or _clip_info(clip), self.settings, self.registry.versions(), self._extractor_versions()
        )

    def _extractor_versions(self) -> dict[str, str]:
        return {extractor.name: extractor.version for extractor in self.extractors}

    def _is_cacheable(self, percepts: Percepts) -> bool:
        """Return whether a later run could not do better: nothing is missing that may be available then."""
        transcript = percepts.transcript
        without_emotion = isinstance(transcript, Transcript) and transcript.segments and not transcript.emotion_labels
        return not (
            any(isinstance(s, Missing) and s.temporary for s in (percepts.visual, percepts.audio, transcript))
            or self.registry.has_unavailable_models()
            or (without_emotion and self.settings.text_emotion_model)
            or any(own.missing and own.missing.temporary for own in percepts.channels)
        )

    # --- joining the streams --------------------------------------------------------------------------------

    def add_text_emotion(self, transcript: Transcript, *, spoken: bool = False) -> Transcript:
        """Return the transcript with the emotion of its segments, or with a note on why there is none.

        Args:
            transcript: of speech, or of a written text.
            spoken: whether it is of speech, of which less is taken for a feeling.
        """
        if not transcript.segments:
            return transcript
        classifier = self.registry.get("text_emotion")
        reason = self.registry.unavailable_reason("text_emotion")
        if classifier is not None:
            try:
                return add_text_emotion(transcript, classifier, spoken=spoken)
            except Exception as error:  # a classifier of the user's choice may fail; the transcript is still good
                _log.warning("the text emotion model failed", exc_info=True)
                reason = f"the text emotion model failed ({type(error).__name__}: {error})"
        return replace(transcript, notes=(*transcript.notes, reason)) if reason else transcript

    def _join(
        self, clip: Clip, extraction: Extraction
    ) -> tuple[VisualStream | Missing, AudioStream | Missing, Transcript | Missing, list[SpeakerSegment]]:
        """Assign faces to speech and speakers to words; return the streams that this changes."""
        visual, audio, transcript = extraction.visual, extraction.audio, extraction.transcript
        segments: list[SpeakerSegment] = []
        tracks = extraction.landmarks
        if isinstance(visual, VisualStream) and isinstance(audio, AudioStream) and (tracks or not visual.faces):
            detector = self.registry.get("asd") if tracks else None
            if tracks and (reason := self.registry.unavailable_reason("asd")):
                visual = replace(visual, notes=(*visual.notes, reason))
            scorer = detector.of_clip(clip, visual) if detector else None
            spoken = assign_speakers(transcript, audio.speaker_turns) if isinstance(transcript, Transcript) else None
            segments = detect_active_speakers(
                tracks,
                audio,
                extraction.loudness,
                extraction.phones,
                spoken,
                scorer,
                self.settings.off_screen_prior,
            )
            audio, segments = correct_voices(audio, segments, visual.faces)
        if isinstance(transcript, Transcript):
            # Emotion comes after the speakers: a sentence that two of them share is split.
            turns = audio.speaker_turns if isinstance(audio, AudioStream) else ()
            transcript = self.add_text_emotion(assign_speakers(transcript, turns), spoken=True)
        return visual, audio, transcript, segments

    def _provenance(
        self, audio: AudioStream | Missing, transcript: Transcript | Missing, seconds: dict[str, float]
    ) -> Provenance:
        used = self.registry.versions()
        if isinstance(transcript, Transcript):
            used["word_times"] = transcript.word_times
        used |= {f"{name} extractor": version for name, version in self._extractor_versions().items()}
        if isinstance(audio, AudioStream):
            used |= {"voice_activity": "silero-vad (faster-whisper)", "pitch": "swift-f0"}
            diarizer = self.registry.get("speaker")
            if diarizer and audio.speaker_turns:
                used["diarization"] = diarizer.name
        return Provenance(__version__, used, self.settings, seconds)


def perceive(
    clip: Clip | ClipSource, streams: Collection[str] = STREAMS, cache: bool = True, **settings: Any
) -> Percepts:
    """Extract the streams of a clip with models that all calls share.

    Args:
        clip: an open clip or window, a path, bytes, or a binary file object.
        streams: which of ``visual``, ``audio`` and ``transcript``.
        cache: whether percepts are kept on disk, and read from there for the same content, settings and models.
        settings: see :class:`PerceptionSettings`.

    Raises:
        InputError: an unknown stream, or none; or the clip is of another type.
        MediaError: it cannot be opened as media at all.
    """
    return _shared(PerceptionSettings(streams=parse_streams(streams), **settings), cache).perceive(clip)


@functools.lru_cache(maxsize=4)
def _shared(settings: PerceptionSettings, cache: bool) -> Perception:
    return Perception(settings, cache)


def _present(stream: _T | Missing) -> _T | None:
    return None if isinstance(stream, Missing) else stream


def _clip_info(clip: Clip) -> ClipInfo:
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
