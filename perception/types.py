"""The types that travel: three streams and what holds them together.

Frozen dataclasses of plain tuples, so that they hash, pickle and turn into JSON and back without loss. Times are
seconds from the clip's start, boxes ``x1, y1, x2, y2`` as fractions of the frame.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omnisense.files import write_atomically

if TYPE_CHECKING:
    from omnisense.perception.fusion.timeline import Timeline

STREAMS = ("visual", "audio", "transcript")


@dataclass(frozen=True)
class Missing:
    """Why a stream is not there. ``temporary``: another try may have it (a model not fetched, a fault)."""

    reason: str
    temporary: bool = False


@dataclass(frozen=True)
class Span:
    """A stretch of time."""

    start_s: float
    end_s: float

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.end_s - self.start_s


# --- what is seen -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Gesture:
    """What head, hands or body do, of the kinds in ``gestures.VERBS``, and how many times (nods and shakes)."""

    start_s: float
    end_s: float
    kind: str
    count: int


@dataclass(frozen=True)
class FaceTrack:
    """One face followed through the clip; the tuples below have one entry per time in ``times_s``.

    Attributes:
        id: ``face-1``, ``face-2``, ... in order of appearance.
        position: ``left``, ``centre`` or ``right`` of the picture, as the viewer sees it.
        start_s: when it was first seen; end_s: until when it was seen.
        landmarks: right eye, left eye, nose, right and left mouth corner as x, y, x, y, ...
        expression: scores in the order of the stream's ``expression_labels``; empty without an expression model.
        mouth_movement: how fast the lips open and close around each time, in face heights a second. Empty without
            a face mesh model.
        head_pose: yaw, pitch and roll in degrees (yaw: to the viewer's right; pitch: up; roll: clockwise as the
            viewer sees it); None where no face mesh fits. Empty without a face mesh model.
        facing_camera: 0 (looks away) to 1 (looks into the camera), from head and iris; None and empty likewise.
        gestures: nods and shakes of the head; what hands and arms do; posture.
    """

    id: str
    position: str
    start_s: float
    end_s: float
    times_s: tuple[float, ...]
    boxes: tuple[tuple[float, float, float, float], ...]
    landmarks: tuple[tuple[float, ...], ...]
    scores: tuple[float, ...]
    expression: tuple[tuple[float, ...], ...] = ()
    mouth_movement: tuple[float, ...] = ()
    head_pose: tuple[tuple[float, float, float] | None, ...] = ()
    facing_camera: tuple[float | None, ...] = ()
    gestures: tuple[Gesture, ...] = ()


@dataclass(frozen=True)
class VisualStream:
    """What was seen in the sampled frames.

    Attributes:
        times_s: times of the frames looked at.
        width: of the frames looked at, in pixels; height likewise.
        motion: mean absolute change of grey level since the frame before, 0 to 1, per frame.
        shot_cuts_s: times of the first frame after each cut.
        notes: what was not possible, in words.
    """

    times_s: tuple[float, ...]
    width: int
    height: int
    faces: tuple[FaceTrack, ...]
    motion: tuple[float, ...]
    shot_cuts_s: tuple[float, ...]
    expression_labels: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


# --- what is heard ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Prosody:
    """How something was said. None where it cannot be measured (no voiced sound, too short).

    The ``_rel`` fields compare with the clip's own baseline: pitch in semitones above its median, loudness in dB
    above the mean level of its speech, rate as a ratio to its median.
    """

    f0_hz: float | None = None
    loudness_db: float | None = None
    rate_syllables_s: float | None = None
    f0_rel_st: float | None = None
    loudness_rel_db: float | None = None
    rate_rel: float | None = None


@dataclass(frozen=True)
class Utterance:
    """A stretch of one voice's speech between pauses, and how it was said.

    Attributes:
        voice: whose, as in the stream's ``voices``; empty where voices were not told apart.
        emotion: scores in the order of the stream's ``emotion_labels``; empty where none was read.
        arousal: -1 (calm) to 1 (excited) against the voice's own baseline; None where it cannot be measured.
    """

    start_s: float
    end_s: float
    prosody: Prosody
    voice: str = ""
    emotion: tuple[float, ...] = ()
    arousal: float | None = None


@dataclass(frozen=True)
class SpeakerTurn:
    """A stretch in which one voice speaks: ``voice-1``, ``voice-2``, ... in order of first words; they may overlap."""

    start_s: float
    end_s: float
    voice: str


@dataclass(frozen=True)
class AudioEvent:
    """Something heard: ``overlap``, ``interruption`` or ``laughter-like``.

    ``voices`` are those concerned (the one who interrupts first); ``strength`` is 0 to 1 where it is measured.
    """

    start_s: float
    end_s: float
    kind: str
    voices: tuple[str, ...] = ()
    strength: float | None = None


@dataclass(frozen=True)
class AudioStream:
    """What was heard besides the words.

    Attributes:
        speech: voice activity.
        pauses: silences between speech, from 0.25 s on.
        utterances: speech joined across shorter silences, with prosody.
        seconds: prosody of second 0, 1, 2, ... (fields None where nobody speaks; loudness always).
        baseline: the clip's own normal over speech, which the ``_rel`` fields of ``seconds`` compare with.
        voices: who speaks when; empty where voices were not told apart (``notes`` say why).
        voice_baselines: each voice's own normal, which the ``_rel`` fields of its utterances compare with.
        sounds: overlaps, interruptions and laughter-like bursts.
        emotion_labels: the order of the utterances' emotion scores; empty without a vocal emotion model.
        notes: what was not possible, in words.
    """

    duration_s: float
    speech: tuple[Span, ...]
    pauses: tuple[Span, ...]
    utterances: tuple[Utterance, ...]
    seconds: tuple[Prosody, ...]
    baseline: Prosody
    voices: tuple[SpeakerTurn, ...] = ()
    voice_baselines: dict[str, Prosody] = field(default_factory=dict)
    sounds: tuple[AudioEvent, ...] = ()
    emotion_labels: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


# --- what is said -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Word:
    """A word with its times; ``confidence`` 0 to 1 where the source of the times gives one; ``speaker`` its voice."""

    text: str
    start_s: float
    end_s: float
    confidence: float | None = None
    speaker: str | None = None


@dataclass(frozen=True)
class Segment:
    """A sentence or a stretch between pauses, with its words. ``confidence`` is the recogniser's, 0 to 1.

    Attributes:
        speaker: the voice (``voice-1``, ...) that speaks most of it; None where voices were not told apart.
        emotion: what its words carry, scores in the order of the transcript's ``emotion_labels``, each 0 to 1 on its
            own; empty without a text emotion model.
        feelings: the finer labels that count as present, the surest first.
        sentiment: -1 (negative) to 1 (positive), of the same model.
    """

    start_s: float
    end_s: float
    text: str
    words: tuple[Word, ...] = ()
    confidence: float | None = None
    speaker: str | None = None
    emotion: tuple[float, ...] = ()
    feelings: tuple[str, ...] = ()
    sentiment: float | None = None


@dataclass(frozen=True)
class Transcript:
    """What was said. ``word_times`` names where the word times come from; ``emotion_labels`` order the scores."""

    language: str
    segments: tuple[Segment, ...]
    word_times: str
    notes: tuple[str, ...] = ()
    emotion_labels: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """All segments, one line."""
        return " ".join(segment.text for segment in self.segments)


# --- who ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class SpeakerSegment:
    """A stretch of speech given to somebody.

    Attributes:
        voice: the voice that is heard; empty where voices were not told apart.
        face: the track of the face that speaks; None when ``off_screen``, or when it cannot be told.
        off_screen: no mouth in view moves with it.
        certainty: 0 (a guess between faces in view) to 1.
    """

    start_s: float
    end_s: float
    voice: str
    face: str | None
    off_screen: bool
    certainty: float


@dataclass(frozen=True)
class PersonSummary:
    """One person, one row: everything known of a face, a voice, or both where they belong together.

    Attributes:
        id: ``person-1``, ... in order of appearance.
        name: as people would say it: ``the person on the left``, ``a voice off screen``.
        faces: the tracks of the face (several where it left and came back); empty for an unseen voice.
        voice: empty for a face that does not speak.
        speaking_s: seconds of speech.
        words: how many.
        expression: mean expression scores over the tracks, in the order of the visual stream's labels.
        facing_camera: mean share of looking into the camera; None where unknown.
        tone: mean vocal emotion scores, in the order of the audio stream's labels.
        arousal: mean of the voice's utterances; None where unknown.
        sentiment: mean of the person's sentences; None where unknown.
        gestures: of its tracks.
        agreement: what the channels say together, or against each other, in words.
    """

    id: str
    name: str
    faces: tuple[str, ...]
    voice: str
    speaking_s: float
    words: int
    expression: tuple[float, ...] = ()
    facing_camera: float | None = None
    tone: tuple[float, ...] = ()
    arousal: float | None = None
    sentiment: float | None = None
    gestures: tuple[Gesture, ...] = ()
    agreement: tuple[Agreement, ...] = ()


@dataclass(frozen=True)
class Agreement:
    """Two or more channels over one stretch: ``conflict`` when they contradict each other; ``text`` says it."""

    start_s: float
    end_s: float
    conflict: bool
    text: str


# --- all together -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ClipInfo:
    """The clip that the percepts are of."""

    path: str
    kind: str
    duration_s: float
    start_s: float
    width: int
    height: int
    frame_rate: float
    video_codec: str
    audio_codec: str
    sha256: str


@dataclass(frozen=True)
class Provenance:
    """Where each stream comes from: models with versions, settings, and the seconds spent on it."""

    version: str
    models: dict[str, str] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    from_cache: bool = False


@dataclass(frozen=True)
class Percepts:
    """Everything perceived in a clip: three streams, each there or missing with its reason."""

    clip: ClipInfo
    visual: VisualStream | Missing
    audio: AudioStream | Missing
    transcript: Transcript | Missing
    provenance: Provenance
    speaking: tuple[SpeakerSegment, ...] = ()
    people: tuple[PersonSummary, ...] = ()

    @cached_property
    def _timeline(self) -> Timeline:
        from omnisense.perception.fusion.timeline import fuse

        return fuse(self)

    def timeline(self) -> Timeline:
        """The streams fused into one list of events, in order of time."""
        return self._timeline

    def render(self, max_tokens: int = 600) -> str:
        """The timeline as text for a language model; the least telling events go first when space is short."""
        return self._timeline.render(max_tokens)

    def missing(self) -> dict[str, str]:
        """The streams that are not there, with their reasons."""
        streams = {name: getattr(self, name) for name in STREAMS}
        return {name: stream.reason for name, stream in streams.items() if isinstance(stream, Missing)}

    def to_json(self, indent: int | None = None) -> str:
        """All of it as JSON text; :meth:`from_json` gives an equal object back."""
        return str(_adapter().dump_json(self, indent=indent).decode())

    def to_dict(self) -> dict[str, Any]:
        """All of it as plain JSON-ready values."""
        result: dict[str, Any] = _adapter().dump_python(self, mode="json")
        return result

    @classmethod
    def from_json(cls, text: str | bytes) -> Percepts:
        """Read what :meth:`to_json` wrote; raises pydantic's ValidationError on anything else."""
        result: Percepts = _adapter().validate_json(text)
        return result

    def save(self, path: Path) -> None:
        """Write the JSON in one step: a reader sees the old file or the new one, never half of it."""
        write_atomically(path, self.to_json())


def _adapter() -> Any:
    from pydantic import TypeAdapter

    global _ADAPTER
    if _ADAPTER is None:
        _ADAPTER = TypeAdapter(Percepts)
    return _ADAPTER


_ADAPTER: Any = None
