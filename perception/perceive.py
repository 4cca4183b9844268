"""Perceive a clip: the three extractors side by side, each stream there or missing with its reason, cached."""

from __future__ import annotations

import contextvars
import functools
import hashlib
import json
import logging
import threading
import time
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from omnisense import __version__, models
from omnisense.errors import InputError, OmniSenseError
from omnisense.perception.media import Clip, open_clip
from omnisense.perception.percepts import (
    STREAMS,
    AudioStream,
    ClipInfo,
    Missing,
    Percepts,
    Provenance,
    Transcript,
    VisualStream,
)
from omnisense.perception.sampling import Sampling
from omnisense.perception.speech_blocks import SpeechBlocks

Stream = VisualStream | AudioStream | Transcript | Missing
OnStream = Callable[[str, Stream, float], None]
_CACHE_FORMAT = 1  # raise it when an extractor's results change for the same models and settings
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class PerceptionSettings:
    """What is extracted, and with which models (a name of the model list, a folder, or a hub id each).

    ``language`` is a code such as ``en``, or None to let a multilingual speech model find it.
    """

    streams: tuple[str, ...] = STREAMS
    sampling: Sampling = field(default_factory=Sampling)
    face_model: str = "centerface"
    expression_model: str = "mini-xception"
    speech_model: str = "whisper-tiny.en"
    language: str | None = None

    def __post_init__(self) -> None:
        unknown = sorted(set(self.streams) - set(STREAMS))
        if unknown or not self.streams:
            raise InputError(
                f"unknown stream {', '.join(unknown)}" if unknown else "no stream is asked for",
                f"Choose from {', '.join(STREAMS)}.",
            )

    def models(self) -> dict[str, str]:
        """The models that these settings use, by role."""
        roles: dict[str, str] = {}
        if "visual" in self.streams:
            roles |= {"faces": self.face_model, "expression": self.expression_model}
        if "transcript" in self.streams:
            roles["speech"] = self.speech_model
        return roles


class Perception:
    """Perceives clips; holds the models, each loaded on first use and shared by all calls and threads.

    Args:
        settings: what is extracted and with which models.
        cache: whether percepts of the same content, settings and models are taken from disk.
        say: receives a line when a model has to be fetched; by default it goes to the log.
    """

    def __init__(
        self, settings: PerceptionSettings | None = None, cache: bool = True, say: models.Say | None = None
    ) -> None:
        self.settings = settings or PerceptionSettings()
        self.cache = cache
        self._say = say
        self._loaded: dict[str, Any] = {}
        self._locks = {name: threading.Lock() for name in ("faces", "expression", "speech", "pitch")}
        self._expression_lock = threading.Lock()

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
        streams, seconds = self._extract(clip, on_stream)
        percepts = Percepts(clip=info, provenance=self._provenance(streams, seconds), **streams)
        stored = self.stored(clip, info)  # a model fetched on the way has its version now
        stored.parent.mkdir(parents=True, exist_ok=True)
        if not any(isinstance(s, Missing) and s.temporary for s in streams.values()):
            percepts.save(stored)
        return percepts

    def stored(self, clip: Clip, info: ClipInfo | None = None) -> Path:
        """Where the percepts of this clip, under these settings and models, are kept."""
        info = info or _info(clip)
        versions = {role: models.version(name) for role, name in self.settings.models().items()}
        window = [clip.start_s, clip.duration_s]
        key = json.dumps([_CACHE_FORMAT, info.sha256, window, asdict(self.settings), versions], sort_keys=True)
        return models.home() / "percepts" / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.json"

    def _extract(self, clip: Clip, on_stream: OnStream | None) -> tuple[dict[str, Any], dict[str, float]]:
        blocks = SpeechBlocks(clip)
        work: dict[str, Callable[[], Stream]] = {
            "visual": lambda: self._see(clip),
            "audio": lambda: self._hear(clip, blocks),
            "transcript": lambda: self._read(clip, blocks),
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
            return {name: future.result() for name, future in futures.items()}, seconds

    def _see(self, clip: Clip) -> Stream:
        if not clip.has_video:
            return Missing("there are no pictures in it")
        from omnisense.perception.visual import see

        detector, (reader, why_not) = self._model("faces"), self._model("expression")
        with self._expression_lock:  # its interpreter serves one thread at a time
            return see(clip, self.settings.sampling, detector, reader, why_not)

    def _hear(self, clip: Clip, blocks: SpeechBlocks) -> Stream:
        if not clip.has_audio:
            return Missing("there is no sound in it")
        from omnisense.perception.audio import hear

        stream = hear(blocks, clip.duration_s, self._model("pitch"))
        return stream if stream.duration_s else Missing("the audio track is empty or cannot be decoded")

    def _read(self, clip: Clip, blocks: SpeechBlocks) -> Stream:
        if not clip.has_audio:
            return Missing("there is no sound in it")
        if not any(len(block.samples) for block in blocks):
            return Missing("the audio track is empty or cannot be decoded")
        transcript: Transcript = self._model("speech").transcribe(blocks)
        return transcript

    def _model(self, role: str) -> Any:
        with self._locks[role]:
            if role not in self._loaded:
                self._loaded[role] = self._load(role)
            return self._loaded[role]

    def _load(self, role: str) -> Any:
        if role == "faces":
            from omnisense.perception.faces import FaceDetector

            return FaceDetector(models.ensure(self.settings.face_model, self._say))
        if role == "expression":
            return self._load_expression()
        if role == "pitch":
            from omnisense.perception.audio import load_pitch_model

            return load_pitch_model()
        from omnisense.perception.transcript import Transcriber

        return Transcriber(models.ensure(self.settings.speech_model, self._say), self.settings.language)

    def _load_expression(self) -> tuple[Any, str]:
        from omnisense.perception.faces import ExpressionReader

        try:
            return ExpressionReader(models.ensure(self.settings.expression_model, self._say)), ""
        except OmniSenseError as error:  # faces are still found; the stream's notes say what is lacking
            return None, f"no expressions: {error}"

    def _provenance(self, streams: dict[str, Any], seconds: dict[str, float]) -> Provenance:
        used = {role: models.version(name) for role, name in self.settings.models().items()}
        if isinstance(streams["transcript"], Transcript):
            used["word times"] = streams["transcript"].word_times
        if isinstance(streams["audio"], AudioStream):
            used |= {"voice activity": "silero-vad (faster-whisper)", "pitch": "swift-f0"}
        settings = asdict(self.settings) | {"streams": list(self.settings.streams)}  # as it comes back from JSON
        return Provenance(__version__, used, settings, seconds)


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
    digest = hashlib.sha256()
    with clip.path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
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
        digest.hexdigest(),
    )
