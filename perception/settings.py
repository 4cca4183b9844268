"""Settings of perception: which streams are extracted, from which frames, with which models."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Literal

from omnisense.errors import InputError
from omnisense.perception.media.sampling import Sampling
from omnisense.perception.types import MIN_EXPRESSION, STREAMS, StreamName

Role = Literal[
    "face",
    "expression",
    "face_mesh",
    "body",
    "speech",
    "foreign_speech",
    "pitch",
    "speaker",
    "segmentation",
    "voice_emotion",
    "text_emotion",
    "asd",
]
SPEECH_THRESHOLD = 0.5  # Silero VAD's usual one
VOICE_DISTANCE = 0.76  # chosen on conversations of EmoDB: see the module of clustering
SHIPPED = "shipped"  # the emotion heads in this package, rather than a model's name


def parse_streams(names: Collection[str]) -> tuple[StreamName, ...]:
    """Return the chosen streams in the order of ``STREAMS``.

    Raises:
        InputError: an unknown name, or none at all.
    """
    chosen = [names] if isinstance(names, str) else list(names)
    unknown = ", ".join(f"'{name}'" for name in chosen if name not in STREAMS)
    if unknown or not chosen:
        raise InputError(
            f"unknown stream {unknown}" if unknown else "no stream is chosen", f"Choose from {', '.join(STREAMS)}."
        )
    return tuple(name for name in STREAMS if name in chosen)


@dataclass(frozen=True)
class PerceptionSettings:
    """Which streams are extracted, and with which models (a name of the model list, a folder, or a hub id each).

    Attributes:
        streams: which of ``visual``, ``audio`` and ``transcript``; kept in that order.
        sampling: which frames are used.
        face_model: a face detector.
        expression_model: a classifier of facial expression.
        face_mesh_model: for lips, head pose and gaze; None leaves them out, and ``body_model`` with them.
        body_model: for hands at the face, arms and posture; None leaves them out.
        speech_model: a Whisper model in CTranslate2 form.
        foreign_speech_model: a multilingual Whisper model that names the language of, and reads, what an English-only
            ``speech_model`` is unsure of; it is loaded where there is such speech. None leaves it out.
        language: a code such as ``en``, or None to detect it.
        min_word_confidence: the recognizer's confidence, 0 to 1, under which no words are given. Clean English
            was recognized with .79 and more, other languages as English phrases with less than .6; 0 gives all words.
            Three quarters of it are enough where ``foreign_speech_model`` finds the same language.
        speaker_model: a speaker embedding, or a pyannote pipeline, for diarization; None leaves diarization out.
        segmentation_model: finds who speaks when within seconds, for the speaker embedding; a pyannote pipeline has
            its own.
        num_speakers: the number of speakers, where it is known.
        min_speakers: the least number of speakers, where that is known; the same for ``max_speakers``. Speech of fewer
            seconds than speakers is still of fewer.
        max_speakers: the greatest number of speakers.
        speech_threshold: Silero VAD's probability, 0 to 1, from which a moment is speech. Lower: faint and distant
            speech is heard too, and some noise with it.
        min_face: height of a face, in heights of the picture, 0 to 1, under which it is left out: passers-by in the
            background. 0 takes every face that is found.
        min_expression: mean score, 0 to 1, from which a face is said to show an expression; angry, disgusted, afraid or
            sad from .15 more. Higher: fewer expressions are told, and fewer wrong ones.
        voice_distance: mean cosine distance, 0 to 2, from which two groups of stretches of speech are two voices.
            Smaller: more voices, and one person who shouts and whispers may become two. Larger: alike voices become
            one.
        voice_emotion_model: ``shipped``, a head on the same features (a file ``*.npz`` that
            :mod:`omnisense.perception.emotion.train` made), or any Hugging Face audio classification model; None leaves
            it out.
        text_emotion_model: ``shipped``, or any Hugging Face text classifier; None leaves it out.
        asd_model: a file or folder with Light-ASD's weights, used in active speaker detection beside the lips.
        off_screen_prior: how probable it is, before any evidence, that speech comes from nobody in the picture while
            faces are visible, from 0 to under 1. Give 0 where everybody who speaks is in view.

    Raises:
        InputError: an unknown stream, or none; or a threshold that is out of its range.
    """

    streams: tuple[StreamName, ...] = STREAMS
    sampling: Sampling = field(default_factory=Sampling)
    face_model: str = "centerface"
    expression_model: str = "mini-xception"
    face_mesh_model: str | None = "face-mesh"
    body_model: str | None = "body"
    speech_model: str = "whisper-tiny.en"
    foreign_speech_model: str | None = "whisper-base"
    language: str | None = None
    min_word_confidence: float = 0.6
    speaker_model: str | None = "campplus"
    segmentation_model: str = "segmentation-3.0"
    num_speakers: int | None = None
    min_speakers: int | None = None
    max_speakers: int | None = None
    speech_threshold: float = SPEECH_THRESHOLD
    min_face: float = 0.0
    min_expression: float = MIN_EXPRESSION
    voice_distance: float = VOICE_DISTANCE
    voice_emotion_model: str | None = SHIPPED
    text_emotion_model: str | None = SHIPPED
    asd_model: str | None = None
    off_screen_prior: float = 0.6

    def __post_init__(self) -> None:
        object.__setattr__(self, "streams", parse_streams(self.streams))
        if not 0 <= self.min_word_confidence <= 1:
            raise InputError(f"min_word_confidence is {self.min_word_confidence}", "Give a number from 0 to 1.")
        if not 0 < self.speech_threshold < 1:
            raise InputError(f"speech_threshold is {self.speech_threshold}", "Give a number over 0 and under 1.")
        if not 0 <= self.min_face < 1:
            raise InputError(f"min_face is {self.min_face}", "Give a number from 0 to under 1.")
        if not 0 <= self.min_expression <= 1:
            raise InputError(f"min_expression is {self.min_expression}", "Give a number from 0 to 1.")
        self._check_speakers()
        if not 0 < self.voice_distance <= 2:
            raise InputError(f"voice_distance is {self.voice_distance}", "Give a number over 0, up to 2.")
        if not 0 <= self.off_screen_prior < 1:
            raise InputError(f"off_screen_prior is {self.off_screen_prior}", "Give a number from 0 to under 1.")

    def _check_speakers(self) -> None:
        for name in ("num_speakers", "min_speakers", "max_speakers"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise InputError(f"{name} is {value}", "Give 1 or more, or leave it out.")
        if self.num_speakers and (self.min_speakers or self.max_speakers):
            raise InputError("num_speakers and its limits are given", "Give the number of speakers or its limits.")
        if self.min_speakers and self.max_speakers and self.min_speakers > self.max_speakers:
            raise InputError(
                f"min_speakers is {self.min_speakers} and max_speakers {self.max_speakers}",
                "Give a least number that is not over the greatest.",
            )

    def models(self) -> dict[Role, str]:
        """Return the names of the models that these settings use, by role."""
        roles: dict[Role, str | None] = {}
        if "visual" in self.streams:
            roles |= {"face": self.face_model, "expression": self.expression_model, "face_mesh": self.face_mesh_model}
            roles |= {"asd": self.asd_model, "body": self.body_model if self.face_mesh_model else None}
        if "audio" in self.streams:
            roles |= {"speaker": self.speaker_model, "voice_emotion": self.voice_emotion_model}
            roles |= {"segmentation": self.segmentation_model if self.speaker_model else None}
        if "transcript" in self.streams:
            roles |= {"speech": self.speech_model, "foreign_speech": self.foreign_speech_model}
            roles |= {"text_emotion": self.text_emotion_model}
        return {role: name for role, name in roles.items() if name is not None}
