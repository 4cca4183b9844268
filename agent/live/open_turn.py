"""The person's turn while it lasts: its sound, its words so far, and the answers that are begun at its pauses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from omnisense.agent.live.drafting import Draft, Spoken
from omnisense.agent.live.jobs import Job, Jobs
from omnisense.agent.live.recognizing import SpeechModels
from omnisense.agent.live.turn_taking import Completeness
from omnisense.perception.audio.chunks import AudioChunk
from omnisense.perception.media.decode import SAMPLE_RATE_HZ
from omnisense.perception.streaming.utterances import FinishedUtterances
from omnisense.perception.types import OwnChannel, Segment, Span

_BEFORE_S = 0.5  # kept before speech: the first sound is quiet
_COMMIT_S = 8.0  # what is longer at a pause within the turn is read once and for all
_LONGEST_S = 25.0  # Whisper's window is 30 s
_END_S = 0.2  # of silence that belongs to a chunk

Read = Callable[[AudioChunk, Segment | None, FinishedUtterances], FinishedUtterances]


@dataclass
class Pause:
    """A pause that may be the end of the turn.

    Attributes:
        end_s: where the speech before it ended.
        noticed_s: the session's time when the last voice arrived.
        chunk: the sound up to here that was not read before.
        audio: Smart Turn's probability.
        words: of the chunk.
        words_end: the log-odds that a sentence ends after the words of the turn; None until those are known.
        complete: once all three are there.
        draft: the answer that was begun.
        again: a second look at a pause that lasts, while it is made.
        was_seen_again: whether there was one.
    """

    end_s: float
    noticed_s: float
    chunk: AudioChunk
    audio: Job[float]
    words: Job[Segment | None]
    transcribed_s: float | None = None
    words_end: Job[float | None] | None = None
    complete: Completeness | None = None
    draft: Job[Draft | None] | None = None
    again: Pause | None = None
    was_seen_again: bool = False


@dataclass
class EndedTurn:
    """The decision that a turn is over."""

    decided_s: float
    complete: float
    reason: str


@dataclass
class OpenTurn:
    """The person's turn.

    Attributes:
        id: ``turn-1`` and so on.
        start_s: where its window begins: everything since the turn before.
        before: the utterances before it; replaced as parts of it are read.
        typed: a text.
        has_speech: whether there was any that counts.
        partial: the words so far.
        language: of the last of them, a code such as ``en``; None before there are any.
        discarded: answers that were thrown away.
        ended: the decision, until the person goes on.
        is_announced: whether its words were handed to the memory, so that the turn is not lost.
    """

    id: str
    start_s: float
    before: Callable[[], FinishedUtterances]
    jobs: Jobs
    speech_models: SpeechModels
    typed: str = ""
    has_speech: bool = False
    speech_start_s: float = 0.0
    partial: str = ""
    language: str | None = None
    discarded: int = 0
    pause: Pause | None = None
    ended: EndedTurn | None = None
    is_announced: bool = False
    sound_s: float = 0.0  # where the sound that is kept begins
    _sound: list[np.ndarray] = field(default_factory=list)
    _looking: Job[Segment | None] | None = None
    _looked_s: float = 0.0
    _earlier: list[Job[Segment | None]] = field(default_factory=list)  # words of the parts that were read

    def hear(self, samples: np.ndarray, end_s: float) -> None:
        """Add sound (N,) float32 that ends here; before speech only the last half second is kept."""
        if not self._sound:
            self.sound_s = end_s - len(samples) / SAMPLE_RATE_HZ
        self._sound.append(samples)
        if not self.has_speech and end_s - self.sound_s > 2 * _BEFORE_S:
            self.keep_from(end_s - _BEFORE_S)

    def keep_from(self, start_s: float) -> None:
        """Drop the sound before a time."""
        kept = self.sound(start_s)
        self.sound_s = max(self.sound_s, start_s)
        self._sound = [kept]

    def sound(self, start_s: float = 0.0, end_s: float | None = None) -> np.ndarray:
        """Return the sound that is kept, (N,) float32, between two times of the session."""
        whole = np.concatenate(self._sound) if self._sound else np.zeros(0, np.float32)
        self._sound = [whole]
        first = max(0, round((start_s - self.sound_s) * SAMPLE_RATE_HZ))
        last = len(whole) if end_s is None else max(0, round((end_s - self.sound_s) * SAMPLE_RATE_HZ))
        return whole[first:last]

    def begin_speech(self, start_s: float) -> None:
        """The person speaks, or speaks again."""
        if not self.has_speech:
            self.has_speech, self.speech_start_s = True, start_s
            self.keep_from(start_s - _BEFORE_S)
        self._looked_s = start_s

    def begin_pause(self, end_s: float, heard_s: float, noticed_s: float, now_s: float) -> Pause:
        """The person pauses: look at how it sounds and at the words.

        Args:
            end_s: where the speech ended.
            heard_s: up to where the sound arrived.
            noticed_s: when the last voice arrived.
            now_s: the session's time.
        """
        self.pause = self._look(end_s, min(end_s + _END_S, heard_s), noticed_s, now_s)
        return self.pause

    def look_again(self, heard_s: float, now_s: float) -> None:
        """Look at a pause once more, with the silence since then: the voice is judged better by it, and a last word
        that was cut is heard whole."""
        pause = self.pause
        assert pause is not None, "there is a pause to look at again"
        pause.again, pause.was_seen_again = self._look(pause.end_s, heard_s, pause.noticed_s, now_s), True

    def take_second_look(self) -> None:
        """Let a second look that is done take the place of the first; an answer to other words is thrown away."""
        pause = self.pause
        assert pause is not None, "there is a pause that was looked at again"
        again = pause.again
        assert again is not None, "the second look was begun"
        pause.again, pause.complete, pause.audio = None, None, again.audio
        first, second = pause.words.result(), again.words.result()
        if (first.text if first else "") == (second.text if second else ""):
            return
        pause.chunk, pause.words, pause.words_end = again.chunk, again.words, None
        if pause.draft is not None:
            pause.draft.cancel()
            pause.draft = None
            self.discarded += 1

    def _look(self, end_s: float, chunk_end_s: float, noticed_s: float, now_s: float) -> Pause:
        """Begin to look at how the sound so far ends, and at its words."""
        samples = self.sound(end_s=chunk_end_s)
        start_s = max(self.speech_start_s, self.sound_s)
        chunk = AudioChunk(self.sound_s, samples, (Span(round(start_s, 3), round(end_s, 3)),))
        judge = self.jobs.submit(lambda _: self.speech_models.judge(samples) if self.has_speech else 1.0, now_s)
        words = self.jobs.submit(lambda _: self.speech_models.recognize(samples) if self.has_speech else None, now_s)
        return Pause(end_s, noticed_s, chunk, judge, words)

    def ask_about_words(self, pause: Pause, now_s: float) -> Job[float | None]:
        """Return the job that says whether a sentence ends after the words of the turn; begin it if needed."""
        if pause.words_end is None:
            words, language = self.partial, self.language
            pause.words_end = self.jobs.submit(lambda _: self.speech_models.judge_words(words, language), now_s)
        return pause.words_end

    def said(
        self, pause: Pause, look_back_s: float, end_s: float, channels: tuple[OwnChannel, ...]
    ) -> Callable[[], Spoken]:
        """Return a function that gives what was said up to a pause, and may wait for it.

        Args:
            pause: where an answer is begun.
            look_back_s: how much of what was seen before the speech belongs to it, at most.
            end_s: where the turn's window ends.
            channels: to add to its timeline.
        """
        chunk = pause.chunk if self.has_speech else None
        start_s = max(self.start_s, self.speech_start_s - look_back_s, 0.0)
        before, typed = self.before, self.typed
        return lambda: Spoken(chunk, pause.words.result(), before(), typed, start_s, end_s, channels)

    def go_on(self, now_s: float, read: Read) -> None:
        """The person goes on after a pause: what was begun there is thrown away, a long part is read for good."""
        pause, self.pause = self.pause, None
        self.ended, self.is_announced = None, False
        if pause is None:
            return
        if pause.draft is not None:
            pause.draft.cancel()
            self.discarded += 1
        if pause.end_s - pause.chunk.start_s >= _COMMIT_S:
            self._commit(pause.chunk, pause.words, now_s, read)

    def cut_if_long(
        self,
        heard_s: float,
        now_s: float,
        read: Read,
    ) -> None:
        """Read speech without a pause for good when it grows too long to be recognized at once."""
        from omnisense.perception.streaming.buffer import find_quietest_cut

        if not self.has_speech or heard_s - self.sound_s < _LONGEST_S:
            return
        samples = self.sound()
        samples = samples[: find_quietest_cut(samples)]
        end_s = self.sound_s + len(samples) / SAMPLE_RATE_HZ
        span = Span(round(max(self.speech_start_s, self.sound_s), 3), round(end_s, 3))
        words = self.jobs.submit(lambda _: self.speech_models.recognize(samples), now_s)
        self._commit(AudioChunk(self.sound_s, samples, (span,)), words, now_s, read)

    def _commit(
        self,
        chunk: AudioChunk,
        words: Job[Segment | None],
        now_s: float,
        read: Read,
    ) -> None:
        before = self.before
        committed = self.jobs.submit(lambda _: read(chunk, words.result(), before()), now_s)
        self.before = committed.result
        self._earlier.append(words)
        end_s = chunk.start_s + len(chunk.samples) / SAMPLE_RATE_HZ
        self.keep_from(end_s)
        self.speech_start_s = end_s
        self._looking = None

    def look_at_words(self, heard_s: float, now_s: float, every_s: float) -> str | None:
        """Look at the words of speech in progress every so often; return them when they have changed."""
        if self._looking is not None and self._looking.is_done(now_s):
            found, self._looking = self._looking.result(), None
            return self.set_partial(found)
        if self._looking is None and self.has_speech and heard_s - self._looked_s >= every_s > 0:
            self._looked_s = heard_s
            samples = self.sound()
            self._looking = self.jobs.submit(lambda _: self.speech_models.recognize(samples), now_s)
        return None

    def set_partial(self, recognized: Segment | None) -> str | None:
        """Take the words of the sound that is kept; return all words so far when they have changed."""
        parts = [part for part in (*(job.result() for job in self._earlier), recognized) if part]
        self.language = parts[-1].language if parts else None
        text = " ".join(part.text for part in parts)
        if text == self.partial:
            return None
        self.partial = text
        return text
