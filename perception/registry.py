"""The models that the settings name, each loaded on first use and shared by all calls and threads."""

from __future__ import annotations

import copy
import functools
import hashlib
import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from omnisense import models
from omnisense.errors import OmniSenseError
from omnisense.files import sha256_of
from omnisense.perception.settings import SHIPPED, PerceptionSettings, Role

if TYPE_CHECKING:  # their libraries take seconds to import
    from omnisense.perception.audio.models import AudioModels
    from omnisense.perception.vision.models import VisionModels

OnProgress = Callable[[str], None]
# Models whose libraries import torch: two threads that do so at once find each other's half-imported modules.
_TORCH_ROLES: tuple[Role, ...] = (
    "speech",
    "foreign_speech",
    "speaker",
    "segmentation",
    "voice_emotion",
    "text_emotion",
    "asd",
)
_HEAD = ".npz"  # the suffix of a head that was trained here
TORCH_LOCK = threading.RLock()
_REQUIRED: tuple[Role, ...] = ("face", "pitch", "speech", "segmentation")
_log = logging.getLogger(__name__)


class ModelRegistry:
    """The models of some settings.

    Attributes:
        vision_lock: to be held while vision models are in use, which serve one thread at a time.
        audio_lock: likewise for audio models.

    Args:
        settings: name the models.
        on_progress: receives a line when a model is downloaded; by default it goes to the log.
    """

    def __init__(self, settings: PerceptionSettings, on_progress: OnProgress | None = None) -> None:
        self.settings = settings
        self._on_progress = on_progress
        self._loaded: dict[Role, Any] = {}
        self._unavailable: dict[Role, str] = {}
        roles: tuple[Role, ...] = get_args(Role)
        self._locks = {role: TORCH_LOCK if role in _TORCH_ROLES else threading.RLock() for role in roles}
        self.vision_lock, self.audio_lock = threading.Lock(), threading.Lock()

    def with_settings(self, settings: PerceptionSettings) -> ModelRegistry:
        """Return a registry for other streams or frames that shares the models of this one; models stay the same."""
        other = copy.copy(self)
        other.settings = settings
        return other

    def get(self, role: Role) -> Any:
        """Return the model of a role, loaded on first use.

        Returns:
            The model. None for an optional model that was not requested or cannot be loaded; see
            :meth:`unavailable_reason`.

        Raises:
            ModelError: the face detector, pitch, speech or segmentation model cannot be loaded.
        """
        with self._locks[role]:
            if role not in self._loaded:
                self._loaded[role] = self._load(role)
            return self._loaded[role]

    def _load(self, role: Role) -> Any:
        # A typed text is read whether or not speech is.
        name = self.settings.text_emotion_model if role == "text_emotion" else self.settings.models().get(role)
        if name is None and role not in _REQUIRED:
            return None
        started = time.perf_counter()
        try:
            model = _LOADERS[role](self, name or "")
        except OmniSenseError as error:
            if role in _REQUIRED:
                raise
            # The other models still work; the stream's notes say what is left out.
            self._unavailable[role] = f"no {role.replace('_', ' ')} model: {error}"
            _log.warning("%s", self._unavailable[role], exc_info=_log.isEnabledFor(logging.DEBUG))
            return None
        _log.info("loaded the %s model %s in %.1f s", role, name or "", time.perf_counter() - started)
        return model

    def load_all(self) -> None:
        """Load every requested model now, so that the first clip or chunk does not wait for it."""
        streams = self.settings.streams
        if "visual" in streams:
            self.vision_models()
        if "audio" in streams:
            self.audio_models()
        if "transcript" in streams:
            self.get("speech")
            self.get("text_emotion")

    def audio_models(self) -> AudioModels:
        """Return the models of the audio extractor.

        Raises:
            ModelError: the pitch model cannot be loaded.
        """
        from omnisense.perception.audio.models import AudioModels

        diarizer, classifier = self.get("speaker"), self.get("voice_emotion")
        return AudioModels(self.get("pitch"), diarizer, classifier, self._notes("speaker", "voice_emotion"))

    def vision_models(self) -> VisionModels:
        """Return the models of the visual extractors.

        Raises:
            ModelError: the face detector cannot be loaded.
        """
        from omnisense.perception.vision.models import VisionModels

        detector, expression, mesh, body = (self.get(r) for r in ("face", "expression", "face_mesh", "body"))
        return VisionModels(detector, expression, mesh, body, self._notes("expression", "face_mesh", "body"))

    def _notes(self, *roles: Role) -> tuple[str, ...]:
        return tuple(self._unavailable[role] for role in roles if role in self._unavailable)

    def unavailable_reason(self, role: Role) -> str:
        """Return why a requested model could not be loaded; empty if it could, or was not requested yet."""
        return self._unavailable.get(role, "")

    def has_unavailable_models(self) -> bool:
        """Return whether a requested model could not be loaded; a later run may succeed."""
        return bool(self._unavailable)

    def versions(self) -> dict[str, str]:
        """Return the models in use, by role, as strings that change with their content."""
        return {role: _version(role, name) for role, name in self.settings.models().items()}

    # --- loaders --------------------------------------------------------------------------------------------

    def _fetch(self, name: str) -> Path:
        return models.fetch(name, self._on_progress)

    def _load_face(self, _: str) -> Any:
        from omnisense.perception.vision.face_detector import FaceDetector

        return FaceDetector(self._fetch(self.settings.face_model), min_height=self.settings.min_face)

    def _load_pitch(self, _: str) -> Any:
        from omnisense.perception.audio.models import load_pitch_model

        return load_pitch_model()

    def _load_speech(self, _: str) -> Any:
        from omnisense.perception.speech.transcribe import Transcriber

        return Transcriber(
            self._fetch(self.settings.speech_model),
            self.settings.language,
            min_confidence=self.settings.min_word_confidence,
            foreign=lambda: self.get("foreign_speech"),
        )

    def _load_foreign_speech(self, name: str) -> Any:
        from omnisense.perception.speech.transcribe import Transcriber

        return Transcriber(self._fetch(name), min_confidence=self.settings.min_word_confidence)

    def _load_expression(self, name: str) -> Any:
        from omnisense.perception.vision.expression_classifier import ExpressionClassifier

        return ExpressionClassifier(self._fetch(name))

    def _load_face_mesh(self, name: str) -> Any:
        from omnisense.perception.vision.face_mesh import FaceMesh

        return FaceMesh(self._fetch(name))

    def _load_body(self, name: str) -> Any:
        from omnisense.perception.vision.body import BodyEstimator

        return BodyEstimator(self._fetch(name))

    def _load_speaker(self, name: str) -> Any:
        from omnisense.perception.audio.clustering import SpeakerCount
        from omnisense.perception.audio.diarization import load_diarizer

        settings = self.settings
        speakers = SpeakerCount(settings.num_speakers, settings.min_speakers, settings.max_speakers)
        return load_diarizer(self._fetch(name), lambda: self.get("segmentation"), speakers, settings.voice_distance)

    def _load_segmentation(self, name: str) -> Any:
        from omnisense.perception.audio.segmentation import SpeakerSegmentation

        return SpeakerSegmentation(self._fetch(name))

    def _load_voice_emotion(self, name: str) -> Any:
        from omnisense.perception.emotion.voice import HuggingFaceVoiceClassifier, ShippedVoiceClassifier
        from omnisense.perception.emotion.voice_head import VoiceHead

        if name == SHIPPED:
            return ShippedVoiceClassifier(self.get("pitch"))
        if name.endswith(_HEAD):
            return ShippedVoiceClassifier(self.get("pitch"), VoiceHead.load(Path(name).expanduser()))
        return HuggingFaceVoiceClassifier(self._fetch(name), name)

    def _load_text_emotion(self, name: str) -> Any:
        from omnisense.perception.emotion.text import EMBEDDING, HuggingFaceTextClassifier, ShippedTextClassifier

        if name == SHIPPED:
            return ShippedTextClassifier(self._fetch(EMBEDDING))
        return HuggingFaceTextClassifier(self._fetch(name), name)

    def _load_asd(self, name: str) -> Any:
        from omnisense.perception.fusion.light_asd import LightASD

        return LightASD(Path(name).expanduser())


_LOADERS: dict[Role, Callable[[ModelRegistry, str], Any]] = {
    "face": ModelRegistry._load_face,
    "expression": ModelRegistry._load_expression,
    "face_mesh": ModelRegistry._load_face_mesh,
    "body": ModelRegistry._load_body,
    "speech": ModelRegistry._load_speech,
    "foreign_speech": ModelRegistry._load_foreign_speech,
    "pitch": ModelRegistry._load_pitch,
    "speaker": ModelRegistry._load_speaker,
    "segmentation": ModelRegistry._load_segmentation,
    "voice_emotion": ModelRegistry._load_voice_emotion,
    "text_emotion": ModelRegistry._load_text_emotion,
    "asd": ModelRegistry._load_asd,
}


def _version(role: Role, name: str) -> str:
    """Return a shipped head or a file with its hash, everything else as the model list has it."""
    if name == SHIPPED:
        return _shipped_version(role)
    if (role == "asd" or name.endswith(_HEAD)) and Path(name).expanduser().is_file():
        return f"{Path(name).name}@{sha256_of(Path(name).expanduser())[:12]}"
    return models.version(name)


@functools.lru_cache(maxsize=4)
def _shipped_version(role: Role) -> str:
    files = sorted((Path(__file__).parent / "emotion").glob(f"{role}*.npz"))
    return f"{SHIPPED}@{hashlib.sha256(b''.join(file.read_bytes() for file in files)).hexdigest()[:12]}"
