"""The data types of perception: the streams of a clip, the events in them, and the people.

Frozen dataclasses of plain tuples, so that they hash, pickle and turn into JSON and back without loss. Times are
seconds from the clip's start; boxes are ``x1, y1, x2, y2`` as fractions of the frame.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, get_args

from omnisense.text import one_line

StreamName = Literal["visual", "audio", "transcript"]
MediaKind = Literal["video", "audio", "image"]
Position = Literal["left", "centre", "right"]
AudioEventKind = Literal["overlap", "interruption", "laughter-like"]
Channel = str  # one of CHANNELS, or the name of an extractor of the user's
GestureKind = Literal[
    "nod",
    "shake",
    "hand at mouth",
    "hand at eyes",
    "hand at face",
    "hand raised",
    "hands raised",
    "arms crossed",
    "leaning to the left",
    "leaning to the right",
    "standing",
    "sitting",
    "crouching",
    "lying down",
]

STREAMS: tuple[StreamName, ...] = get_args(StreamName)
MIN_EXPRESSION = 0.4  # chosen on neutral faces: see the module of expressions
CHANNELS: tuple[Channel, ...] = ("face", "speech", "voice", "person", "scene")


@dataclass(frozen=True)
class Missing:
    """Why a stream is missing.

    Attributes:
        reason: without a final full stop, as in ``the file has no video track``.
        temporary: a later run may succeed (a model that was not downloaded, a fault).
    """

    reason: str
    temporary: bool = False


@dataclass(frozen=True)
class Span:
    """An interval of time."""

    start_s: float
    end_s: float

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.end_s - self.start_s


# --- visual -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Gesture:
    """A gesture of the head, hands or body, or a posture, over an interval.

    Attributes:
        count: repetitions, for nods and shakes of the head; 1 for everything else.
    """

    start_s: float
    end_s: float
    kind: GestureKind
    count: int


@dataclass(frozen=True)
class FaceTrack:
    """One face tracked through the clip; the tuples below have one entry per time in ``times_s``.

    Attributes:
        id: ``face-1``, ``face-2``, ... in order of appearance.
        position: in the frame, as the viewer sees it.
        start_s: when the face was first detected.
        end_s: when it was last detected.
        times_s: times of the frames in which it was detected.
        boxes: face boxes.
        landmarks: right eye, left eye, nose, right and left mouth corner as x, y, x, y, ... (10 values).
        scores: detection scores, 0 to 1.
        expression: scores in the order of the stream's ``expression_labels``; empty without an expression model.
        mouth_movement: mean speed of the lip opening around each time, in face heights per second. Empty without a
            face mesh model.
        head_pose: yaw, pitch and roll in degrees (yaw: to the viewer's right; pitch: up; roll: clockwise as the
            viewer sees it); None where no face mesh was found. Empty without a face mesh model.
        facing_camera: 0 (looks away) to 1 (looks into the camera), from head pose and iris; None and empty likewise.
        gestures: of head, hands and arms; postures.
    """

    id: str
    position: Position
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
    """Faces, motion and shot cuts in the sampled frames.

    Attributes:
        times_s: times of the sampled frames.
        width: of the sampled frames, in pixels.
        height: of the sampled frames, in pixels.
        faces: tracked faces in order of appearance.
        motion: mean absolute change of gray level since the previous frame, 0 to 1, per frame.
        shot_cuts_s: times of the first frame after each cut.
        expression_labels: the order of the expression scores; empty without an expression model.
        min_expression: mean score from which an expression is told, as the settings had it.
        notes: models and frames that were left out, with the reason.
    """

    times_s: tuple[float, ...]
    width: int
    height: int
    faces: tuple[FaceTrack, ...]
    motion: tuple[float, ...]
    shot_cuts_s: tuple[float, ...]
    expression_labels: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    min_expression: float = MIN_EXPRESSION


# --- audio --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Prosody:
    """Pitch, loudness and speaking rate. None where it cannot be measured (nothing voiced, too short).

    The ``_rel`` fields compare with a baseline: pitch in semitones above its median, loudness in dB above its mean
    level of speech, rate as a ratio to its median.
    """

    f0_hz: float | None = None
    loudness_db: float | None = None
    rate_syllables_s: float | None = None
    f0_rel_st: float | None = None
    loudness_rel_db: float | None = None
    rate_rel: float | None = None


@dataclass(frozen=True)
class Utterance:
    """Speech of one speaker between pauses.

    Attributes:
        speaker: as in the stream's ``speaker_turns``; empty without diarization.
        emotion: vocal emotion scores in the order of the stream's ``emotion_labels``; empty without a model.
        arousal: -1 (calm) to 1 (excited) relative to the speaker's baseline; None where it cannot be measured.
    """

    start_s: float
    end_s: float
    prosody: Prosody
    speaker: str = ""
    emotion: tuple[float, ...] = ()
    arousal: float | None = None


@dataclass(frozen=True)
class SpeakerTurn:
    """An interval in which one speaker speaks: ``voice-1``, ``voice-2``, ... in order of first speech.

    Turns of different speakers may overlap.
    """

    start_s: float
    end_s: float
    speaker: str


@dataclass(frozen=True)
class AudioEvent:
    """An event other than speech itself.

    Attributes:
        speakers: those involved; for an interruption, the one who interrupts comes first.
        strength: 0 to 1 where it is measured.
    """

    start_s: float
    end_s: float
    kind: AudioEventKind
    speakers: tuple[str, ...] = ()
    strength: float | None = None


@dataclass(frozen=True)
class AudioStream:
    """Voice activity, speakers, prosody and audio events.

    Attributes:
        duration_s: of the decoded audio.
        speech: voice activity.
        pauses: silences between speech, from 0.25 s on.
        utterances: speech joined across shorter silences, with prosody.
        seconds: prosody of second 0, 1, 2, ... (fields None where there is no speech; loudness always).
        baseline: the clip's mean prosody, which the ``_rel`` fields of ``seconds`` compare with.
        speaker_turns: diarization; empty where it was left out (``notes`` say why).
        speaker_baselines: prosody per speaker, which the ``_rel`` fields of the utterances compare with.
        events: detect_overlaps, interruptions and laughter-like bursts.
        emotion_labels: the order of the utterances' emotion scores; empty without a vocal emotion model.
        notes: models that were left out, with the reason.
    """

    duration_s: float
    speech: tuple[Span, ...]
    pauses: tuple[Span, ...]
    utterances: tuple[Utterance, ...]
    seconds: tuple[Prosody, ...]
    baseline: Prosody
    speaker_turns: tuple[SpeakerTurn, ...] = ()
    speaker_baselines: dict[str, Prosody] = field(default_factory=dict)
    events: tuple[AudioEvent, ...] = ()
    emotion_labels: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


# --- transcript ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Word:
    """A word with its times.

    Attributes:
        confidence: of the alignment, 0 to 1, where the aligner gives one.
        speaker: as in :class:`SpeakerTurn`; None without diarization.
    """

    text: str
    start_s: float
    end_s: float
    confidence: float | None = None
    speaker: str | None = None


@dataclass(frozen=True)
class Segment:
    """A sentence, or speech between pauses, with its words.

    Attributes:
        confidence: of the recognizer, 0 to 1.
        language: a code such as ``en``, where the recognizer knows it.
        speaker: who speaks most of it, as in :class:`SpeakerTurn`; None without diarization.
        emotion: text emotion scores in the order of the transcript's ``emotion_labels``, each 0 to 1 independently;
            empty without a text emotion model.
        feelings: the fine-grained labels over their thresholds, the most probable first.
        sentiment: -1 (negative) to 1 (positive), from the same model.
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
    language: str | None = None


@dataclass(frozen=True)
class UnclearSpeech:
    """Speech whose words were not recognized with enough confidence to be written down.

    Attributes:
        language: a code such as ``de``, where it could be identified.
    """

    start_s: float
    end_s: float
    language: str | None = None


@dataclass(frozen=True)
class Transcript:
    """The recognized speech.

    Attributes:
        language: a code such as ``en``, of most of the speech.
        word_times: the aligner that the word times come from.
        emotion_labels: the order of the segments' emotion scores; empty without a text emotion model.
        notes: models that were left out and words that could not be aligned, with the reason.
        unclear: speech without words, in order of time.
    """

    language: str
    segments: tuple[Segment, ...]
    word_times: str
    notes: tuple[str, ...] = ()
    emotion_labels: tuple[str, ...] = ()
    unclear: tuple[UnclearSpeech, ...] = ()

    @property
    def text(self) -> str:
        """All segments on one line."""
        return " ".join(segment.text for segment in self.segments)


# --- people -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class SpeakerSegment:
    """Speech that was assigned to a face, or to a speaker off screen.

    Attributes:
        speaker: as in :class:`SpeakerTurn`; empty without diarization.
        face: the track of the face that speaks; None when ``off_screen``, or when it is unknown.
        off_screen: no visible mouth moves with the speech.
        confidence: 0 (a guess between visible faces) to 1.
    """

    start_s: float
    end_s: float
    speaker: str
    face: str | None
    off_screen: bool
    confidence: float


@dataclass(frozen=True)
class Agreement:
    """Two or more channels over one interval.

    Attributes:
        conflict: whether they contradict each other.
        text: in words.
    """

    start_s: float
    end_s: float
    conflict: bool
    text: str


@dataclass(frozen=True)
class PersonSummary:
    """One person: a face, a speaker, or both where they belong together.

    Attributes:
        id: ``person-1``, ... in order of appearance.
        name: in words: ``the person on the left``, ``a voice off screen``.
        faces: face tracks (several where the face left and came back); empty for a speaker who is never visible.
        speaker: as in :class:`SpeakerTurn`; empty for a face that does not speak.
        speaking_s: seconds of speech.
        words: number of words.
        expression: mean expression scores over the tracks, in the order of the visual stream's labels.
        facing_camera: mean of the tracks' ``facing_camera``; None where unknown.
        vocal_emotion: mean vocal emotion scores, in the order of the audio stream's labels.
        arousal: mean over the speaker's utterances; None where unknown.
        sentiment: mean over the speaker's segments; None where unknown.
        gestures: of the tracks.
        agreements: where face, vocal emotion and words agree or contradict each other.
    """

    id: str
    name: str
    faces: tuple[str, ...]
    speaker: str
    speaking_s: float
    words: int
    expression: tuple[float, ...] = ()
    facing_camera: float | None = None
    vocal_emotion: tuple[float, ...] = ()
    arousal: float | None = None
    sentiment: float | None = None
    gestures: tuple[Gesture, ...] = ()
    agreements: tuple[Agreement, ...] = ()


# --- channels of the user's own -----------------------------------------------------------------------------


@dataclass(frozen=True)
class ChannelEvent:
    """An event that an extractor of the user's found (:mod:`omnisense.perception.extractors`).

    Attributes:
        text: the event in words, on one line.
        weight: its importance, 0 to 1; decides what is kept when space is short.
        who: the id of the face track, speaker or person concerned, or ``""``.
    """

    start_s: float
    end_s: float
    text: str
    weight: float = 0.5
    who: str = ""


@dataclass(frozen=True)
class OwnChannel:
    """The events of one extractor of the user's, in order of time.

    Attributes:
        name: of the extractor, and of the channel in the timeline.
        missing: why there are none, where the extractor failed.
    """

    name: str
    events: tuple[ChannelEvent, ...] = ()
    missing: Missing | None = None


# --- the clip -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ClipInfo:
    """The clip that was perceived; sizes in pixels, ``start_s`` in the file for a window of it."""

    path: str
    kind: MediaKind
    duration_s: float
    start_s: float
    width: int
    height: int
    frame_rate: float
    video_codec: str
    audio_codec: str
    sha256: str


@dataclass(frozen=True)
class Streams:
    """The three streams of a clip, each present or :class:`Missing` with its reason, and what joins them.

    Attributes:
        channels: what extractors of the user's found.
    """

    clip: ClipInfo
    visual: VisualStream | Missing
    audio: AudioStream | Missing
    transcript: Transcript | Missing
    speaker_segments: tuple[SpeakerSegment, ...] = ()
    people: tuple[PersonSummary, ...] = ()
    channels: tuple[OwnChannel, ...] = ()

    def missing(self) -> dict[StreamName, str]:
        """Return the reasons of the streams that are missing."""
        streams = {name: getattr(self, name) for name in STREAMS}
        return {name: stream.reason for name, stream in streams.items() if isinstance(stream, Missing)}


@dataclass(frozen=True)
class Event:
    """An event in the clip's timeline.

    Attributes:
        id: what an appraisal cites: ``e1``, ``e2``, ... in order of time.
        channel: one of ``CHANNELS``, where ``person`` is for summaries of people and for channels that agree or
            conflict; or the name of an extractor of the user's.
        who: the id of the face track, speaker or person concerned, or ``""``.
        text: the event in words.
        weight: its importance, 0 to 1; decides what is kept when space is short.
    """

    id: str
    start_s: float
    end_s: float
    channel: Channel
    who: str
    text: str
    weight: float

    def line(self) -> str:
        """Return the event as one line: ``[3.2-5.0s] right face: looks sad``."""
        return f"[{self.start_s:.1f}-{self.end_s:.1f}s] {one_line(self.text)}"
