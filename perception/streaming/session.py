"""Live perception: frames and audio arrive in small chunks, partial words and events are reported at once.

The same models and types as for files. An utterance is transcribed again about once a second while it lasts, and
finally, with word times, speaker and emotion, once a pause ends it; faces are detected at the sampling's rate, lips and
heads are measured in every frame. At the end the audio of the whole stream is perceived once more by the algorithm for
files, so that words and voices are those that a recording of it would give; for that the audio is kept up to a limit.
Of a longer stream only the current utterance is kept, and what was derived; its words and voices stay as they were
found.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace

import numpy as np

from omnisense.errors import InputError
from omnisense.perception.audio.chunks import AudioChunk, voice_activity
from omnisense.perception.media.decode import SAMPLE_RATE_HZ
from omnisense.perception.percepts import Percepts
from omnisense.perception.pipeline import Perception
from omnisense.perception.speech.transcribe import Transcriber
from omnisense.perception.streaming.buffer import AudioBuffer, find_quietest_cut
from omnisense.perception.streaming.faces import LiveFaceTracker, speaking_event
from omnisense.perception.streaming.joining import join_streams
from omnisense.perception.streaming.recording import Final, RecordedAudio, perceive_recording
from omnisense.perception.streaming.utterances import FinishedUtterances
from omnisense.perception.types import Event, Segment, Span, SpeakerSegment

_LISTEN_INTERVAL_S = 0.8
_END_SILENCE_S = 0.7  # silence that ends an utterance
_MAX_UTTERANCE_S = 12.0  # an utterance without a pause is cut at its quietest point by then
_KEEP_SILENCE_S = 1.0
_RECORD_S = 900.0  # 58 MB, and a few minutes to perceive again on two CPU cores
_MAX_GAP_S = 30.0  # a longer gap ends what came before it; a shorter one is filled with silence
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Chunk:
    """A piece of a live stream: audio, a frame, or both.

    Attributes:
        start_s: seconds from the stream's start.
        samples: (N,) float32 mono at 16 kHz.
        frame: (H, W, 3) uint8 RGB.
    """

    start_s: float
    samples: np.ndarray | None = None
    frame: np.ndarray | None = None


@dataclass(frozen=True)
class Update:
    """What is new.

    Attributes:
        at_s: the stream's time up to which everything that was received was processed.
        partial: the utterance in progress; its text may still change, and it has no word times.
        segments: finished segments since the last update.
        events: other events since: faces that appear and leave, changes of expression, gestures, who spoke.
        percepts: of the whole stream, in the last update of :func:`perceive_stream`.
    """

    at_s: float
    partial: Segment | None
    segments: tuple[Segment, ...]
    events: tuple[Event, ...]
    percepts: Percepts | None = None


def perceive_stream(chunks: Iterable[Chunk], perception: Perception | None = None) -> Iterator[Update]:
    """Process chunks as they arrive; yield an update whenever there is something new, and a last one at the end.

    The last one holds the percepts of the whole stream; words and voices in them are as for a file, see
    :meth:`LivePerception.finish`.

    Chunks may be of any length (100 ms is usual), late, repeated or lost: a gap is silence, and what arrives too late
    is ignored and counted.

    Raises:
        InputError: a chunk's time, audio or frame has the wrong form.
    """
    live = LivePerception(perception)
    for chunk in chunks:
        update = live.feed(chunk)
        if update:
            yield update
    yield replace(live.finish(), percepts=live.percepts())


class LivePerception:
    """Processes chunks one by one. ``percepts()`` returns what is known so far, in the types of files.

    Args:
        perception: its settings and models; by default the usual ones.
        record_s: up to this length of the stream its audio is kept, and perceived as a whole at the end; 0 never.
    """

    def __init__(self, perception: Perception | None = None, record_s: float = _RECORD_S) -> None:
        self.perception = perception or Perception()
        self._recorded = RecordedAudio(record_s)
        self._final: Final | None = None
        self._buffer = AudioBuffer()
        self._finished = FinishedUtterances(self.perception)
        self._faces = LiveFaceTracker(self.perception.registry, self.perception.settings.sampling)
        self._partial: Segment | None = None
        self._listened_s, self._listen_interval_s = 0.0, _LISTEN_INTERVAL_S
        self._uses_audio = bool({"audio", "transcript"} & set(self.perception.settings.streams))
        self._has_audio = False
        self._num_events = 0
        # Finishing an utterance takes a second or two: it runs beside the listening, one utterance after the other.
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="finish-utterance")
        self._pending: list[Future[tuple[list[Segment], list[SpeakerSegment]]]] = []
        self.perception.registry.load_all()

    def feed(self, chunk: Chunk) -> Update | None:
        """Process the next chunk; return an update when there is something new.

        Raises:
            InputError: the chunk's time, audio or frame has the wrong form.
        """
        _check(chunk)
        events: list[Event] = []
        if chunk.frame is not None and "visual" in self.perception.settings.streams:
            events += self._faces.add(chunk.start_s, chunk.frame)
        partial = self._partial
        if chunk.samples is not None and len(chunk.samples) and self._uses_audio:
            self._add_audio(chunk.start_s, chunk.samples)
        segments = self._collect_finished(events)
        if segments or events or self._partial != partial:
            return self._update(segments, events)
        return None

    def finish(self) -> Update:
        """End the stream: finish the utterance in progress and return the last update.

        The audio is then perceived as a file would be, which takes about a third of its length on two CPU cores;
        :meth:`percepts` returns those words and voices from then on. Faces, and which of them are talking, stay as
        they were found.
        """
        events: list[Event] = []
        if self._has_audio:
            self._finish_utterance(len(self._buffer.samples))
        segments = self._collect_finished(events, wait=True)
        self._pool.shutdown()
        if self._has_audio and self._recorded.is_complete:
            try:
                self._final = perceive_recording(self._recorded, self.perception, self._finished.speaker_segments)
            except Exception as error:  # what was found while the stream lasted is still good
                _log.warning("the audio of the whole stream could not be perceived", exc_info=True)
                note = f"words and voices are as found live: the whole audio could not be perceived ({error})"
                self._finished.notes[note] = None
        return self._update(segments, events)

    def _update(self, segments: list[Segment], events: list[Event]) -> Update:
        numbered = []
        for event in events:
            self._num_events += 1
            numbered.append(replace(event, id=f"e{self._num_events}"))
        at_s = max(self._buffer.end_s, self._faces.last_s)
        return Update(round(at_s, 3), self._partial, tuple(segments), tuple(numbered))

    # --- audio ----------------------------------------------------------------------------------------------

    def _add_audio(self, start_s: float, samples: np.ndarray) -> None:
        self._has_audio = True
        if self._buffer.gap_s(start_s) > _MAX_GAP_S:
            self._finish_utterance(len(self._buffer.samples))
            self._buffer.restart(start_s)
            self._listened_s = start_s
        self._buffer.add(start_s, samples)
        self._recorded.add(start_s, samples)
        if self._buffer.end_s - self._listened_s >= self._listen_interval_s:
            self._listen()

    def _listen(self) -> None:
        """Detect speech in the buffer; finish the utterance if it has ended, else transcribe it so far."""
        self._listened_s = self._buffer.end_s
        speech = voice_activity(self._buffer.samples, self.perception.settings.speech_threshold)
        length_s = len(self._buffer.samples) / SAMPLE_RATE_HZ
        if not speech:
            self._partial = None
            self._buffer.drop(length_s - _KEEP_SILENCE_S)
            return
        if length_s - speech[-1].end_s >= _END_SILENCE_S:
            self._finish_utterance(round((speech[-1].end_s + _END_SILENCE_S / 2) * SAMPLE_RATE_HZ))
            return
        if length_s >= _MAX_UTTERANCE_S:
            self._finish_utterance(find_quietest_cut(self._buffer.samples))
            return
        self._transcribe_partial(speech)

    def _transcribe_partial(self, speech: list[Span]) -> None:
        start_s = self._buffer.start_s
        chunk = AudioChunk(start_s, self._buffer.samples, tuple(_shift(speech, start_s)))
        started = time.perf_counter()
        transcriber = self._transcriber()
        text = transcriber.recognize_text(chunk) if transcriber else ""
        # On a machine that cannot keep up, fewer passes rather than a growing delay.
        self._listen_interval_s = max(_LISTEN_INTERVAL_S, 1.5 * (time.perf_counter() - started))
        if text:
            self._partial = Segment(chunk.speech[0].start_s, chunk.speech[-1].end_s, text)

    def _finish_utterance(self, length: int) -> None:
        """Submit the first ``length`` samples for final transcription and drop them from the buffer."""
        samples, start_s = self._buffer.samples[:length], self._buffer.start_s
        self._buffer.drop(length / SAMPLE_RATE_HZ)
        self._partial = None
        speech = _shift(voice_activity(samples, self.perception.settings.speech_threshold), start_s)
        if speech:
            chunk = AudioChunk(start_s, samples, tuple(speech))
            tracks = self._faces.landmark_tracks() if self._faces.size[0] else None
            self._pending.append(self._pool.submit(self._finished.add, chunk, self._transcriber(), tracks))
            _log.debug("utterance of %.1f s at %.1f s submitted", len(samples) / SAMPLE_RATE_HZ, start_s)
        self._faces.drop_before(start_s - _MAX_UTTERANCE_S)

    def _collect_finished(self, events: list[Event], wait: bool = False) -> list[Segment]:
        """Return the segments that were finished since the last call; append who spoke them to ``events``."""
        segments: list[Segment] = []
        while self._pending and (wait or self._pending[0].done()):
            new_segments, speaker_segments = self._pending.pop(0).result()
            segments += new_segments
            events += [speaking_event(part) for part in speaker_segments if part.face]
        return segments

    def _transcriber(self) -> Transcriber | None:
        """Return the speech recognizer; None where no transcript is requested."""
        if "transcript" not in self.perception.settings.streams:
            return None
        transcriber: Transcriber = self.perception.registry.get("speech")
        return transcriber

    # --- results --------------------------------------------------------------------------------------------

    def percepts(self, path: str = "live") -> Percepts:
        """Return everything so far: finished utterances, faces with expression and gestures, and what is missing.

        Args:
            path: that the clip is called by.
        """
        wait(self._pending)
        finished = self._finished if self._has_audio else None
        end_s, notes = max(self._buffer.end_s, self._faces.last_s), self._buffer.notes()
        return join_streams(self.perception, self._faces.stream(), finished, end_s, notes, path, self._final)


def _check(chunk: Chunk) -> None:
    if not np.isfinite(chunk.start_s) or chunk.start_s < 0:
        raise InputError(f"a chunk starts at {chunk.start_s} s", "Give seconds from the stream's start.")
    samples, frame = chunk.samples, chunk.frame
    if samples is not None and (samples.ndim != 1 or samples.dtype != np.float32):
        raise InputError(
            f"a chunk's audio is {samples.dtype} of shape {samples.shape}", "Give (N,) float32 mono at 16 kHz."
        )
    if frame is not None and (frame.ndim != 3 or frame.shape[2] != 3 or frame.dtype != np.uint8):
        raise InputError(f"a chunk's frame is {frame.dtype} of shape {frame.shape}", "Give (H, W, 3) uint8 RGB.")


def _shift(speech: list[Span], start_s: float) -> list[Span]:
    return [Span(round(s.start_s + start_s, 3), round(s.end_s + start_s, 3)) for s in speech]
