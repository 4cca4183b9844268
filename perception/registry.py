"""What perception works with: settings, and the models that they name, each loaded on first use."""

from __future__ import annotations

import functools
import hashlib
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omnisense import models
from omnisense.errors import InputError, OmniSenseError
from omnisense.files import sha256_of
from omnisense.perception.media.sampling import Sampling
from omnisense.perception.types import STREAMS

if TYPE_CHECKING:
    from omnisense.perception.audio.prosody import AudioModels

SHIPPED = "shipped"


@dataclass(frozen=True)
class PerceptionSettings:
    """What is extracted, and with which models (a name of the model list, a folder, or a hub id each).

    Attributes:
        language: a code such as ``en``, or None to let a multilingual speech model find it.
        face_mesh_model: for lips, head pose and gaze; None leaves them out, and bodies with them.
        body_model: for hands at the face, arms and posture; None leaves them out.
        voice_model: a speaker embedding, or a pyannote pipeline, to tell voices apart; None does not.
        num_speakers: how many there are, where it is known.
        voice_emotion_model, text_emotion_model: ``shipped`` heads, or any Hugging Face audio classification model and
            text classifier; None leaves them out.
        speaking_model: a file or folder with Light-ASD's weights, which then help to find who is talking.
    """

    streams: tuple[str, ...] = STREAMS
    sampling: Sampling = field(default_factory=Sampling)
    face_model: str = "centerface"
    expression_model: str = "mini-xception"
    face_mesh_model: str | None = "face-mesh"
    body_model: str | None = "body"
    speech_model: str = "whisper-tiny.en"
    language: str | None = None
    speaker_model: str | None = "campplus"
    num_speakers: int | None = None
    voice_emotion_model: str | None = SHIPPED
    text_emotion_model: str | None = SHIPPED
    asd_model: str | None = None

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
            roles |= _named({"face mesh": self.face_mesh_model, "speaking": self.asd_model})
            roles |= _named({"body": self.body_model}) if self.face_mesh_model else {}
        if "audio" in self.streams:
            roles |= _named({"voices": self.speaker_model, "voice emotion": self.voice_emotion_model})
        if "transcript" in self.streams:
            roles |= {"speech": self.speech_model} | _named({"text emotion": self.text_emotion_model})
        return roles


def _named(roles: dict[str, str | None]) -> dict[str, str]:
    return {role: name for role, name in roles.items() if name is not None}


class ModelRegistry:
    """The models of some settings, shared by all calls and threads.

    ``vision_lock`` and ``audio_lock`` are to be held while models that serve one thread at a time are in use.
    """

    def __init__(self, settings: PerceptionSettings, say: Callable[[str], None] | None = None) -> None:
        self.settings = settings
        self._say = say
        self._loaded: dict[str, Any] = {}
        self._locks = {name: _HEAVY if name in _HEAVY_ROLES else threading.RLock() for name in _ROLES}
        self.vision_lock, self.audio_lock = threading.Lock(), threading.Lock()

    def get(self, role: str) -> Any:
        """The model of a role, loaded on first use; with the reason beside it for those that may be missing."""
        with self._locks[role]:
            if role not in self._loaded:
                self._loaded[role] = self._load(role)
            return self._loaded[role]

    def _load(self, role: str) -> Any:
        """A model; for those that can be left out, the model or None, and why it is not there."""
        settings = self.settings
        if role == "faces":
            from omnisense.perception.vision.face_detector import FaceDetector

            return FaceDetector(models.fetch(settings.face_model, self._say))
        if role == "pitch":
            from omnisense.perception.audio.prosody import load_pitch_model

            return load_pitch_model()
        if role == "speech":
            from omnisense.perception.speech.transcribe import Transcriber

            return Transcriber(models.fetch(settings.speech_model, self._say), settings.language)
        name = settings.models().get(role)
        if name is None:
            return None, ""
        try:
            return _OPTIONAL[role](self, name), ""
        except OmniSenseError as error:  # the rest still stands; the stream's notes say what is lacking
            return None, f"no {role}: {error}"

    def _load_expression(self, name: str) -> Any:
        from omnisense.perception.vision.face_detector import ExpressionReader

        return ExpressionReader(models.fetch(name, self._say))

    def _load_mesh(self, name: str) -> Any:
        from omnisense.perception.vision.face_mesh import FaceMesh

        return FaceMesh(models.fetch(name, self._say))

    def _load_body(self, name: str) -> Any:
        from omnisense.perception.vision.body import BodyReader

        return BodyReader(models.fetch(name, self._say))

    def _load_voices(self, name: str) -> Any:
        from omnisense.perception.audio.diarization import load_diarizer

        return load_diarizer(models.fetch(name, self._say), self.settings.num_speakers)

    def _load_voice_emotion(self, name: str) -> Any:
        from omnisense.perception.emotion.voice import HuggingFaceVoiceReader, ShippedVoiceReader

        if name == SHIPPED:
            return ShippedVoiceReader(self.get("pitch"))
        return HuggingFaceVoiceReader(models.fetch(name, self._say), name)

    def _load_text_emotion(self, name: str) -> Any:
        from omnisense.perception.emotion.text import EMBEDDING, HuggingFaceTextReader, ShippedTextReader

        if name == SHIPPED:
            return ShippedTextReader(models.fetch(EMBEDDING, self._say))
        return HuggingFaceTextReader(models.fetch(name, self._say), name)

    def _load_speaking(self, name: str) -> Any:
        from omnisense.perception.fusion.light_asd import LightASD

        return LightASD(Path(name).expanduser())

    def load_all(self) -> None:
        """Load every model now, where the first clip or chunk must not wait for it."""
        streams = self.settings.streams
        if "visual" in streams:
            self.vision_models()
        if "audio" in streams:
            self.audio_models()
        if "transcript" in streams:
            self.get("speech")
            self.get("text emotion")

    def audio_models(self) -> AudioModels:
        """The models that listen."""
        from omnisense.perception.audio.prosody import AudioModels

        (diarizer, no_voices), (reader, no_emotion) = self.get("voices"), self.get("voice emotion")
        return AudioModels(self.get("pitch"), diarizer, reader, tuple(n for n in (no_voices, no_emotion) if n))

    def vision_models(self) -> tuple[Any, Any, Any, Any]:
        """The models that look: the face detector; expression reader, face mesh and body reader, or None each."""
        return self.get("faces"), self.get("expression")[0], self.get("face mesh")[0], self.get("body")[0]

    def missing_vision_models(self) -> tuple[str, ...]:
        """Why models that look are missing, of those that were asked for."""
        return tuple(why_not for role in _SEEN if (why_not := self.get(role)[1]))

    def versions(self) -> dict[str, str]:
        """The models in use, by role, with what tells their content."""
        return {role: _version(role, name) for role, name in self.settings.models().items()}

    def missing_models(self) -> list[str]:
        """Why models that were asked for are not there, of those that were looked for."""
        return [loaded[1] for loaded in list(self._loaded.values()) if isinstance(loaded, tuple) and loaded[1]]


_OPTIONAL: dict[str, Callable[[ModelRegistry, str], Any]] = {
    "expression": ModelRegistry._load_expression,
    "face mesh": ModelRegistry._load_mesh,
    "body": ModelRegistry._load_body,
    "voices": ModelRegistry._load_voices,
    "voice emotion": ModelRegistry._load_voice_emotion,
    "text emotion": ModelRegistry._load_text_emotion,
    "speaking": ModelRegistry._load_speaking,
}
_SEEN = ("expression", "face mesh", "body")
_ROLES = ("faces", "speech", "pitch", *_OPTIONAL)
# Models whose libraries import torch: two threads that do so at once find each other's half-imported modules.
_HEAVY_ROLES = ("speech", "voices", "voice emotion", "text emotion", "speaking")
_HEAVY = threading.RLock()


def _version(role: str, name: str) -> str:
    """Of a model: a shipped head by its bytes, a file by its bytes, all else as the model list has it."""
    if name == SHIPPED:
        return _shipped_version(role)
    if role == "speaking" and Path(name).expanduser().is_file():
        return f"{Path(name).name}@{sha256_of(Path(name).expanduser())[:12]}"
    return models.version(name)


@functools.lru_cache(maxsize=4)
def _shipped_version(role: str) -> str:
    files = sorted((Path(__file__).parent / "emotion").glob(f"{role.replace(' ', '_')}*.npz"))
    return f"{SHIPPED}@{hashlib.sha256(b''.join(file.read_bytes() for file in files)).hexdigest()[:12]}"
