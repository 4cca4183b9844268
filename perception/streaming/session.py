"""Perception while it happens: frames and sound come in small pieces, partial words and events go out.

The same models and types as for files. An utterance is written down again about once a second while somebody speaks,
and for good, with word times, voice and tone, once a pause ends it; faces are looked for at the sampling's rate, lips
and heads in every frame that comes. Memory does not grow with the pictures or the sound: only the current utterance is
kept, and what was concluded.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from omnisense.errors import InputError
from omnisense.perception.audio.chunks import SpeechBlock, voice_activity
from omnisense.perception.audio.diarization import VoiceTeller
from omnisense.perception.fusion.active_speaker import who_speaks
from omnisense.perception.fusion.people import people_of, with_speakers
from omnisense.perception.fusion.timeline import Event
from omnisense.perception.media.decode import SAMPLE_RATE_HZ
from omnisense.perception.pipeline import Perception
from omnisense.perception.streaming.buffer import LiveSound, quietest
from omnisense.perception.streaming.faces import LiveFaces
from omnisense.perception.types import (
    AudioStream,
    ClipInfo,
    Missing,
    Percepts,
    Prosody,
    Provenance,
    Segment,
    Span,
    SpeakerSegment,
    SpeakerTurn,
    Transcript,
    Utterance,
    VisualStream,
)
from omnisense.perception.vision.landmarks import LandmarkTrack
from omnisense.version import __version__

_LISTEN_EVERY_S = 0.8
_ENDS_AFTER_S = 0.7  # silence that ends an utterance
_LONGEST_S = 12.0  # an utterance without a pause is cut in its quietest spot by then
_KEEP_SILENCE_S = 1.0
_MAX_HOLE_S = 30.0  # a longer hole ends what came before it; a shorter one is filled with silence
_SAME_VOICE = 0.35  # cosine from which a voice is a known one; of the same people's clips on EmoDB, .55 on average


@dataclass(frozen=True)
class Chunk:
    """A piece of the present from ``start_s`` on: sound (N,) float32 at 16 kHz, a frame (H, W, 3) uint8, or both."""

    start_s: float
    samples: np.ndarray | None = None
    frame: np.ndarray | None = None


@dataclass(frozen=True)
class Update:
    """What is new.

    Attributes:
        at_s: the stream's time up to which everything that came was taken in.
        partial: the utterance in progress; its text may still change, and it has no word times.
        segments: what was said for good since the last update.
        events: what else happened since: faces that come and go, changes of expression, nods, who spoke.
    """

    at_s: float
    partial: Segment | None
    segments: tuple[Segment, ...]
    events: tuple[Event, ...]


def perceive_stream(chunks: Iterable[Chunk], perception: Perception | None = None) -> Iterator[Update]:
    """Perceive chunks as they come; an update whenever there is something new, and a last one at the end.

    Chunks may be of any length (100 ms is usual), come late, twice or never: a hole is silence, what comes too late to
    matter is left out and counted.

    Raises:
        InputError: a chunk is not such sound or such a frame.
    """
    live = LivePerception(perception)
    for chunk in chunks:
        update = live.feed(chunk)
        if update:
            yield update
    yield live.finish()


class LivePerception:
    """Takes chunks one by one. ``percepts()`` tells at any time what is known so far, in the types of files."""

    def __init__(self, perception: Perception | None = None) -> None:
        self.perception = perception or Perception()
        self._sound = LiveSound()
        self._said = _Said()
        self._faces = LiveFaces(self.perception)
        self._partial: Segment | None = None
        self._listened_s, self._listen_every_s = 0.0, _LISTEN_EVERY_S
        self._listens = bool({"audio", "transcript"} & set(self.perception.settings.streams))
        self._heard_any = False
        self._events = 0
        # Writing down for good takes a second or two: it goes on beside the listening, one utterance after the other.
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="write-down")
        self._pending: list[Future[tuple[list[Segment], list[SpeakerSegment]]]] = []
        self.perception.registry.load_all()

    def feed(self, chunk: Chunk) -> Update | None:
        """Take in the next chunk; an update when it brought something new."""
        _check(chunk)
        events: list[Event] = []
        if chunk.frame is not None and "visual" in self.perception.settings.streams:
            events += self._faces.add(chunk.start_s, chunk.frame)
        partial = self._partial
        if chunk.samples is not None and len(chunk.samples) and self._listens:
            self._heard_any = True
            if self._sound.hole_s(chunk.start_s) > _MAX_HOLE_S:
                self._close(len(self._sound.samples))
                self._sound.restart(chunk.start_s)
                self._listened_s = chunk.start_s
            self._sound.add(chunk.start_s, chunk.samples)
            if self._sound.end_s - self._listened_s >= self._listen_every_s:
                self._listen()
        segments = self._written(events)
        if segments or events or self._partial != partial:
            return self._update(segments, events)
        return None

    def finish(self) -> Update:
        """The stream has ended: what was in progress is written down for good."""
        events: list[Event] = []
        if self._heard_any:
            self._close(len(self._sound.samples))
        segments = self._written(events, wait=True)
        self._pool.shutdown()
        return self._update(segments, events)

    def _update(self, segments: list[Segment], events: list[Event]) -> Update:
        numbered = []
        for event in events:
            self._events += 1
            numbered.append(replace(event, id=f"e{self._events}"))
        at_s = max(self._sound.end_s, self._faces.last_s)
        return Update(round(at_s, 3), self._partial, tuple(segments), tuple(numbered))

    def _listen(self) -> None:
        """Look for speech in what is kept; write it down, for now or for good."""
        self._listened_s = self._sound.end_s
        speech = voice_activity(self._sound.samples)
        length_s = len(self._sound.samples) / SAMPLE_RATE_HZ
        if not speech:
            self._partial = None
            self._sound.forget(length_s - _KEEP_SILENCE_S)
            return
        if length_s - speech[-1].end_s >= _ENDS_AFTER_S:
            self._close(round((speech[-1].end_s + _ENDS_AFTER_S / 2) * SAMPLE_RATE_HZ))
            return
        if length_s >= _LONGEST_S:
            self._close(quietest(self._sound.samples))
            return
        block = SpeechBlock(self._sound.start_s, self._sound.samples, tuple(_placed(speech, self._sound.start_s)))
        began = time.perf_counter()
        text = self._transcriber().text_of(block) if self._transcriber() else ""
        # On a machine that cannot keep up, fewer looks rather than a growing delay.
        self._listen_every_s = max(_LISTEN_EVERY_S, 1.5 * (time.perf_counter() - began))
        if text:
            self._partial = Segment(block.speech[0].start_s, block.speech[-1].end_s, text)

    def _close(self, length: int) -> None:
        """Have the first ``length`` samples written down for good, and forget them."""
        samples, start_s = self._sound.samples[:length], self._sound.start_s
        self._sound.forget(length / SAMPLE_RATE_HZ)
        self._partial = None
        speech = _placed(voice_activity(samples), start_s)
        if speech:
            block = SpeechBlock(start_s, samples, tuple(speech))
            watched = self._faces.watched() if self._faces.size[0] else None
            self._pending.append(
                self._pool.submit(self._said.take, block, self.perception, self._transcriber(), watched)
            )
        self._faces.forget(start_s - _LONGEST_S)

    def _written(self, events: list[Event], wait: bool = False) -> list[Segment]:
        """What was written down for good since, and who spoke it."""
        segments: list[Segment] = []
        while self._pending and (wait or self._pending[0].done()):
            fresh, speaking = self._pending.pop(0).result()
            segments += fresh
            events += [self._faces.spoke(part) for part in speaking if part.face]
        return segments

    def _transcriber(self) -> Any:
        """The recogniser; None where words are not asked for."""
        asked = "transcript" in self.perception.settings.streams
        return self.perception.registry.get("speech") if asked else None

    def percepts(self, path: str = "live") -> Percepts:
        """Everything so far: finished utterances, faces with expression and gestures, and what is missing."""
        wait(self._pending)
        visual: VisualStream | Missing = self._faces.stream() or Missing("no frame came")
        audio: AudioStream | Missing = Missing("no sound came")
        transcript: Transcript | Missing = Missing("no sound came")
        if self._heard_any:
            audio, transcript = self._said.streams(self._sound.end_s, self.perception, self._sound.notes())
        asked = self.perception.settings.streams
        visual = visual if "visual" in asked else Missing("not asked for")
        audio = audio if "audio" in asked else Missing("not asked for")
        transcript = transcript if "transcript" in asked else Missing("not asked for")
        duration_s = round(max(self._sound.end_s, self._faces.last_s), 3)
        width, height = self._faces.size
        info = ClipInfo(
            path,
            "video" if width else "audio",
            duration_s,
            0.0,
            width,
            height,
            0.0,
            "frames" if width else "",
            "samples" if self._heard_any else "",
            "",
        )
        return Percepts(
            info,
            visual,
            audio,
            transcript,
            Provenance(__version__, self.perception.registry.versions()),
            tuple(self._said.speaking),
            people_of(
                None if isinstance(visual, Missing) else visual,
                None if isinstance(audio, Missing) else audio,
                None if isinstance(transcript, Missing) else transcript,
                self._said.speaking,
            ),
        )


def _check(chunk: Chunk) -> None:
    if not np.isfinite(chunk.start_s) or chunk.start_s < 0:
        raise InputError(f"a chunk starts at {chunk.start_s} s", "Give seconds from the stream's start.")
    samples, frame = chunk.samples, chunk.frame
    if samples is not None and (samples.ndim != 1 or samples.dtype != np.float32):
        raise InputError(
            f"a chunk's sound is {samples.dtype} of shape {samples.shape}", "Give (N,) float32 mono at 16 kHz."
        )
    if frame is not None and (frame.ndim != 3 or frame.shape[2] != 3 or frame.dtype != np.uint8):
        raise InputError(f"a chunk's frame is {frame.dtype} of shape {frame.shape}", "Give (H, W, 3) uint8 RGB.")


def _placed(speech: list[Span], start_s: float) -> list[Span]:
    return [Span(round(s.start_s + start_s, 3), round(s.end_s + start_s, 3)) for s in speech]


@dataclass
class _Told:
    """Voices that are told apart already, in the form that ``analyze_audio`` takes."""

    known: list[SpeakerTurn]
    name: str = "told before"

    def begin(self) -> _Told:
        """For one clip."""
        return self

    def add(self, block: SpeechBlock) -> None:
        """Nothing is left to hear."""

    def turns(self) -> list[SpeakerTurn]:
        """What was known."""
        return self.known


@dataclass
class _Said:
    """What was said for good, and whose voices these are."""

    segments: list[Segment] = field(default_factory=list)
    utterances: list[Utterance] = field(default_factory=list)
    speech: list[Span] = field(default_factory=list)
    turns: list[SpeakerTurn] = field(default_factory=list)
    speaking: list[SpeakerSegment] = field(default_factory=list)
    seconds: dict[int, Prosody] = field(default_factory=dict)
    centres: list[np.ndarray] = field(default_factory=list)
    language: str = ""
    word_times: str = "none needed"
    emotion_labels: tuple[str, ...] = ()

    def take(
        self, block: SpeechBlock, perception: Perception, transcriber: Any, watched: list[LandmarkTrack] | None
    ) -> tuple[list[Segment], list[SpeakerSegment]]:
        """Write a finished utterance down; its segments, and who spoke (``watched`` None: nobody looks)."""
        from omnisense.perception.audio.prosody import analyze_audio

        turns = self._turns(block, perception)
        with perception.registry.audio_lock:
            heard = analyze_audio([block], replace(perception.registry.audio_models(), diarizer=_Told(list(turns))))
        self.turns += heard.stream.voices
        self.utterances += heard.stream.utterances
        self.speech += block.speech
        self.seconds |= {i: p for i, p in enumerate(heard.stream.seconds) if p.f0_hz is not None}
        transcript, phones = (
            transcriber.transcribe([block], with_phones=bool(watched)) if transcriber else (Transcript("", (), ""), [])
        )
        transcript = perception.felt(with_speakers(transcript, heard.stream.voices))
        self.language, self.word_times = transcript.language, transcript.word_times
        self.emotion_labels = transcript.emotion_labels or self.emotion_labels
        self.segments += transcript.segments
        speaking = (
            []
            if watched is None
            else who_speaks(watched, heard.stream, (heard.time_s, heard.level_db), phones, transcript)
        )
        self.speaking += speaking
        return list(transcript.segments), speaking

    def _turns(self, block: SpeechBlock, perception: Perception) -> Iterator[SpeakerTurn]:
        """Who speaks when in the block, its voices linked with those known; nothing without a voice model."""
        diarizer = perception.registry.audio_models().diarizer
        if not isinstance(diarizer, VoiceTeller):  # a pyannote pipeline needs the whole
            return
        turns, vectors = diarizer.voices(block)
        known: dict[str, str] = {}
        for name, vector in vectors.items():
            likeness = [float(centre @ vector / np.linalg.norm(centre)) for centre in self.centres]
            for taken in known.values():
                likeness[int(taken.removeprefix("voice-")) - 1] = -1.0  # two voices of one block are two people
            at = int(np.argmax(likeness)) if likeness and max(likeness) >= _SAME_VOICE else len(self.centres)
            if at == len(self.centres):
                self.centres.append(vector)
            else:
                self.centres[at] = self.centres[at] + vector
            known[name] = f"voice-{at + 1}"
        for turn in turns:
            yield SpeakerTurn(round(turn.start_s, 3), round(turn.end_s, 3), known[turn.voice])

    def streams(self, end_s: float, perception: Perception, notes: tuple[str, ...]) -> tuple[AudioStream, Transcript]:
        """The streams so far, prosody against each voice's own baseline."""
        from omnisense.perception.audio.prosody import against_baselines, relative, speaks_most

        utterances, baselines, overall = against_baselines(self.utterances)
        ears = perception.registry.audio_models()
        if ears.diarizer and not isinstance(ears.diarizer, VoiceTeller):
            notes = (*notes, f"voices are not told apart live: a {ears.diarizer.name} needs the whole clip")
        seconds = (
            relative(self.seconds.get(i, Prosody()), baselines.get(speaks_most(self.turns, i, i + 1.0), overall))
            for i in range(int(np.ceil(end_s)))
        )
        audio = AudioStream(
            duration_s=round(end_s, 3),
            speech=tuple(self.speech),
            pauses=tuple(Span(a.end_s, b.start_s) for a, b in itertools.pairwise(self.speech) if b.start_s > a.end_s),
            utterances=tuple(utterances),
            seconds=tuple(seconds),
            baseline=overall,
            voices=tuple(self.turns),
            voice_baselines=baselines,
            emotion_labels=ears.reader.labels if ears.reader else (),
            notes=(*ears.notes, *notes),
        )
        transcript = Transcript(
            self.language or "unknown", tuple(self.segments), self.word_times, (), self.emotion_labels
        )
        return audio, transcript
