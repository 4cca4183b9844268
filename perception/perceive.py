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
from typing import TYPE_CHECKING, Any

import numpy as np

from omnisense import __version__, models
from omnisense.errors import InputError, OmniSenseError
from omnisense.perception.fusion import people_of, with_speakers
from omnisense.perception.heads.text import with_emotions
from omnisense.perception.media import Clip, open_clip
from omnisense.perception.percepts import (
    STREAMS,
    AudioStream,
    ClipInfo,
    Missing,
    Percepts,
    PersonRow,
    Provenance,
    Speaking,
    Transcript,
    VisualStream,
)
from omnisense.perception.sampling import Sampling
from omnisense.perception.speaking import Phone, TalkScorer, who_speaks
from omnisense.perception.speech_blocks import SpeechBlocks
from omnisense.perception.watching import Watched

if TYPE_CHECKING:
    from omnisense.perception.audio import Ears

SHIPPED = "shipped"
Stream = VisualStream | AudioStream | Transcript | Missing
OnStream = Callable[[str, Stream, float], None]
_CACHE_FORMAT = 2  # raise it when an extractor's results change for the same models and settings
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class PerceptionSettings:
    """What is extracted, and with which models (a name of the model list, a folder, or a hub id each).

    Attributes:
        language: a code such as ``en``, or None to let a multilingual speech model find it.
        face_mesh_model: for lips, head pose and gaze; None leaves them out.
        voice_model: a speaker embedding, or a pyannote pipeline, to tell voices apart; None does not.
        voices: how many there are, where it is known.
        voice_emotion_model, text_emotion_model: ``shipped`` heads, or any Hugging Face audio classification model and
            text classifier; None leaves them out.
        speaking_model: a file or folder with Light-ASD's weights, which then help to find who is talking.
    """

    streams: tuple[str, ...] = STREAMS
    sampling: Sampling = field(default_factory=Sampling)
    face_model: str = "centerface"
    expression_model: str = "mini-xception"
    face_mesh_model: str | None = "face-mesh"
    speech_model: str = "whisper-tiny.en"
    language: str | None = None
    voice_model: str | None = "campplus"
    voices: int | None = None
    voice_emotion_model: str | None = SHIPPED
    text_emotion_model: str | None = SHIPPED
    speaking_model: str | None = None

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
            roles |= _named({"face mesh": self.face_mesh_model, "speaking": self.speaking_model})
        if "audio" in self.streams:
            roles |= _named({"voices": self.voice_model, "voice emotion": self.voice_emotion_model})
        if "transcript" in self.streams:
            roles |= {"speech": self.speech_model} | _named({"text emotion": self.text_emotion_model})
        return roles


def _named(roles: dict[str, str | None]) -> dict[str, str]:
    return {role: name for role, name in roles.items() if name is not None}


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
        self._locks = {name: _HEAVY if name in _HEAVY_ROLES else threading.RLock() for name in _ROLES}
        self._seeing, self._hearing = threading.Lock(), threading.Lock()

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
        if not any(isinstance(s, Missing) and s.temporary for s in streams.values()):
            percepts.save(stored)
        return percepts

    def stored(self, clip: Clip, info: ClipInfo | None = None) -> Path:
        """Where the percepts of this clip, under these settings and models, are kept."""
        info = info or _info(clip)
        versions = self.versions()
        window = [clip.start_s, clip.duration_s]
        key = json.dumps([_CACHE_FORMAT, info.sha256, window, asdict(self.settings), versions], sort_keys=True)
        return models.home() / "percepts" / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.json"

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
        from omnisense.perception.visual import see
        from omnisense.perception.watching import watch

        detector, (reader, why_not), (mesh, no_mesh) = (self.model(r) for r in ("faces", "expression", "face mesh"))
        with self._seeing:  # the interpreters serve one thread at a time
            stream = see(clip, self.settings.sampling, detector, reader, why_not)
            if no_mesh:
                stream = replace(stream, notes=(*stream.notes, no_mesh))
            if mesh and stream.faces:
                stream, close.watched = watch(clip, stream, mesh)
            return stream

    def _hear(self, clip: Clip, blocks: SpeechBlocks, close: _Close) -> Stream:
        if not clip.has_audio:
            return Missing("there is no sound in it")
        from omnisense.perception.audio import hear

        with self._hearing:
            heard = hear(blocks, self.ears())
        close.loudness = (heard.time_s, heard.level_db)
        return heard.stream if heard.stream.duration_s else Missing("the audio track is empty or cannot be decoded")

    def warm(self) -> None:
        """Load every model now, where the first clip or chunk must not wait for it."""
        streams = self.settings.streams
        if "visual" in streams:
            self.eyes()
        if "audio" in streams:
            self.ears()
        if "transcript" in streams:
            self.model("speech")
            self.model("text emotion")

    def ears(self) -> Ears:
        """The models that listen."""
        from omnisense.perception.audio import Ears

        (teller, no_voices), (reader, no_emotion) = self.model("voices"), self.model("voice emotion")
        return Ears(self.model("pitch"), teller, reader, tuple(n for n in (no_voices, no_emotion) if n))

    def eyes(self) -> tuple[Any, Any, Any]:
        """The models that look: face detector, expression reader or None, face mesh or None."""
        return self.model("faces"), self.model("expression")[0], self.model("face mesh")[0]

    def _read(self, clip: Clip, blocks: SpeechBlocks, close: _Close) -> Stream:
        if not clip.has_audio:
            return Missing("there is no sound in it")
        if not any(len(block.samples) for block in blocks):
            return Missing("the audio track is empty or cannot be decoded")
        seen = clip.kind == "video" and "visual" in self.settings.streams
        reading = self.model("speech").transcribe(blocks, with_phones=seen)
        close.phones = reading.phones
        return self.felt(reading.transcript)

    def felt(self, transcript: Transcript) -> Transcript:
        """The transcript with what its words carry."""
        if not transcript.segments:
            return transcript
        reader, why_not = self.model("text emotion")
        if reader is None:
            return replace(transcript, notes=(*transcript.notes, why_not) if why_not else transcript.notes)
        return with_emotions(transcript, reader)

    def _relate(
        self, clip: Clip, streams: dict[str, Any], close: _Close
    ) -> tuple[list[Speaking], tuple[PersonRow, ...]]:
        """Join the streams: whose words these are, who is talking, and a row for each person."""
        visual, audio, transcript = (None if isinstance(streams[n], Missing) else streams[n] for n in STREAMS)
        if audio and transcript and audio.voices:
            transcript = with_speakers(transcript, audio.voices)
            if transcript.emotion_labels:  # parted sentences are read again
                transcript = self.felt(replace(transcript, emotion_labels=()))
            streams["transcript"] = transcript
        speaking: list[Speaking] = []
        if visual and audio and (close.watched or not visual.faces):
            talking = self._talking(clip, visual, close) if close.watched else None
            speaking = who_speaks(close.watched, audio, close.loudness, close.phones, transcript, talking)
        return speaking, people_of(visual, audio, transcript, speaking)

    def _talking(self, clip: Clip, visual: VisualStream, close: _Close) -> TalkScorer | None:
        scorer, _ = self.model("speaking")
        return scorer.of_clip(clip, visual, close.watched) if scorer else None

    def versions(self) -> dict[str, str]:
        """The models in use, by role, with what tells their content."""
        return {role: _version(role, name) for role, name in self.settings.models().items()}

    def model(self, role: str) -> Any:
        """The model of a role, loaded on first use; with the reason beside it for those that may be missing."""
        with self._locks[role]:
            if role not in self._loaded:
                self._loaded[role] = self._load(role)
            return self._loaded[role]

    def _load(self, role: str) -> Any:
        """A model; for those that can be left out, the model or None, and why it is not there."""
        settings = self.settings
        if role == "faces":
            from omnisense.perception.faces import FaceDetector

            return FaceDetector(models.ensure(settings.face_model, self._say))
        if role == "pitch":
            from omnisense.perception.audio import load_pitch_model

            return load_pitch_model()
        if role == "speech":
            from omnisense.perception.transcript import Transcriber

            return Transcriber(models.ensure(settings.speech_model, self._say), settings.language)
        name = settings.models().get(role)
        if name is None:
            return None, ""
        try:
            return _OPTIONAL[role](self, name), ""
        except OmniSenseError as error:  # the rest still stands; the stream's notes say what is lacking
            return None, f"no {role}: {error}"

    def _load_expression(self, name: str) -> Any:
        from omnisense.perception.faces import ExpressionReader

        return ExpressionReader(models.ensure(name, self._say))

    def _load_mesh(self, name: str) -> Any:
        from omnisense.perception.face_mesh import FaceMesh

        return FaceMesh(models.ensure(name, self._say))

    def _load_voices(self, name: str) -> Any:
        from omnisense.perception.voices import load_teller

        return load_teller(models.ensure(name, self._say), self.settings.voices)

    def _load_voice_emotion(self, name: str) -> Any:
        from omnisense.perception.heads.voice import HuggingFaceVoiceReader, ShippedVoiceReader

        if name == SHIPPED:
            return ShippedVoiceReader(self.model("pitch"))
        return HuggingFaceVoiceReader(models.ensure(name, self._say), name)

    def _load_text_emotion(self, name: str) -> Any:
        from omnisense.perception.heads.text import EMBEDDING, HuggingFaceTextReader, ShippedTextReader

        if name == SHIPPED:
            return ShippedTextReader(models.ensure(EMBEDDING, self._say))
        return HuggingFaceTextReader(models.ensure(name, self._say), name)

    def _load_speaking(self, name: str) -> Any:
        from omnisense.perception.light_asd import LightASD

        return LightASD(Path(name).expanduser())

    def _provenance(self, streams: dict[str, Any], seconds: dict[str, float]) -> Provenance:
        used = self.versions()
        if isinstance(streams["transcript"], Transcript):
            used["word times"] = streams["transcript"].word_times
        if isinstance(streams["audio"], AudioStream):
            used |= {"voice activity": "silero-vad (faster-whisper)", "pitch": "swift-f0"}
            teller, _ = self.model("voices")
            if teller and streams["audio"].voices:
                used["who speaks when"] = teller.name
        settings = asdict(self.settings) | {"streams": list(self.settings.streams)}  # as it comes back from JSON
        return Provenance(__version__, used, settings, seconds)


@dataclass
class _Close:
    """What was seen and heard closely: needed to join the streams, too fine to keep."""

    watched: list[Watched] = field(default_factory=list)
    loudness: tuple[np.ndarray, np.ndarray] = field(default_factory=lambda: (np.zeros(0), np.zeros(0)))
    phones: list[Phone] = field(default_factory=list)


_OPTIONAL: dict[str, Callable[[Perception, str], Any]] = {
    "expression": Perception._load_expression,
    "face mesh": Perception._load_mesh,
    "voices": Perception._load_voices,
    "voice emotion": Perception._load_voice_emotion,
    "text emotion": Perception._load_text_emotion,
    "speaking": Perception._load_speaking,
}
_ROLES = ("faces", "speech", "pitch", *_OPTIONAL)
# Models whose libraries import torch: two threads that do so at once find each other's half-imported modules.
_HEAVY_ROLES = ("speech", "voices", "voice emotion", "text emotion", "speaking")
_HEAVY = threading.RLock()


def _version(role: str, name: str) -> str:
    """Of a model: a shipped head by its bytes, a file by its bytes, all else as the model list has it."""
    if name == SHIPPED:
        return _shipped_version(role)
    if role == "speaking" and Path(name).expanduser().is_file():
        return f"{Path(name).name}@{_digest(Path(name).expanduser())[:12]}"
    return models.version(name)


@functools.lru_cache(maxsize=4)
def _shipped_version(role: str) -> str:
    files = sorted((Path(__file__).parent / "heads").glob(f"{role.replace(' ', '_')}*.npz"))
    return f"{SHIPPED}@{hashlib.sha256(b''.join(file.read_bytes() for file in files)).hexdigest()[:12]}"


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


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
        _digest(clip.path),
    )
