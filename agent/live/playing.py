"""The sound of a reply: synthesized sentence by sentence, and handed out no faster than it is played."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from omnisense.agent.live.events import LiveEvent, ReplyAudio, ReplyPaused, ReplyResumed, ReplySentence
from omnisense.agent.live.jobs import Job, Jobs
from omnisense.agent.voice.base import Voice, VoiceStyle
from omnisense.agent.voice.played import played_words

_BETWEEN_S = 0.15  # silence between sentences, beside what the voice leaves at their ends
_PIECE_S = 0.04  # smaller pieces are not handed out, unless a sentence ends


@dataclass
class Sentence:
    """A sentence and its sound.

    Attributes:
        sound: pieces (N,) float32, to which the voice may still add.
        job: synthesizes it; None before it is asked for, and where the sound was made earlier.
        ready_s: from when on the sentence is known, in the session's time.
    """

    text: str
    sound: list[np.ndarray] = field(default_factory=list)
    job: Job[None] | None = None
    is_whole: bool = False
    ready_s: float = 0.0

    def synthesize(self, voice: Voice, style: VoiceStyle) -> None:
        """Fill the sound."""
        for piece in voice.synthesize(self.text, style):
            self.sound.append(piece)
        if voice.sample_rate:
            self.sound.append(np.zeros(round(_BETWEEN_S * voice.sample_rate), np.float32))
        self.is_whole = True

    @property
    def samples(self) -> np.ndarray:
        """The sound so far, (N,) float32."""
        return np.concatenate(self.sound) if self.sound else np.zeros(0, np.float32)


class Player:
    """Hands out the sound of one reply.

    Args:
        reply_id: for the events.
        sentences: of the reply; the list may grow while it plays, until ``is_complete`` is set.
        voice: speaks them.
        style: how.
        jobs: where sentences are synthesized.
        emit: receives the events.
        lead_s: how far the sound runs ahead of what is played by then.
    """

    def __init__(
        self,
        reply_id: str,
        sentences: list[Sentence],
        voice: Voice,
        style: VoiceStyle,
        jobs: Jobs,
        emit: Callable[[LiveEvent], None],
        lead_s: float,
    ) -> None:
        self.reply_id, self.sentences = reply_id, sentences
        self.is_complete = False
        self.first_sound_s: float | None = None
        self._voice, self._style, self._jobs, self._emit, self._lead_s = voice, style, jobs, emit, lead_s
        self._index, self._offset = 0, 0  # of the sentence that is handed out, and the samples of it that were
        self._announced = -1  # the last sentence whose beginning was told
        self._handed_s = 0.0
        self._since_s, self._since_played_s = 0.0, 0.0  # when the sound went on, and how much was played by then
        self.is_paused = False
        self._has_begun = False

    def played_s(self, now_s: float) -> float:
        """Return how much of the sound is played by now."""
        if self.is_paused or not self._has_begun:
            return self._since_played_s
        return min(self._handed_s, self._since_played_s + now_s - self._since_s)

    def step(self, now_s: float) -> None:
        """Synthesize what comes next, and hand out what is due.

        Raises:
            ModelError: the voice failed.
        """
        self._synthesize_ahead(now_s)
        while not self.is_paused and self._hand_out(now_s):
            pass

    def is_over(self, now_s: float) -> bool:
        """Whether everything was played."""
        return self.is_complete and self._index >= len(self.sentences) and self.played_s(now_s) >= self._handed_s - 1e-6

    def pause(self, now_s: float) -> None:
        """Be silent; what was handed out and not played counts as not played, and comes again."""
        played_s = self.played_s(now_s)
        self.is_paused, self._since_played_s = True, played_s
        self._emit(ReplyPaused(now_s, self.reply_id, round(played_s, 3)))

    def resume(self, now_s: float) -> None:
        """Go on where the sound stopped."""
        self._seek(self._since_played_s)
        self.is_paused = False
        self._since_s = now_s
        self._emit(ReplyResumed(now_s, self.reply_id, round(self._since_played_s, 3)))

    def words_until(self, played_s: float) -> str:
        """Return the words that were played when the sound is stopped here; aligns the sentence that is cut."""
        if not self._voice.sample_rate:  # what was handed out was received
            return " ".join(sentence.text for sentence in self.sentences[: self._announced + 1])
        said: list[str] = []
        start_s = 0.0
        for sentence in self.sentences:
            samples = sentence.samples
            length_s = len(samples) / self._voice.sample_rate
            if played_s <= start_s:
                break
            whole = sentence.is_whole and played_s >= start_s + length_s
            rest_s = played_s - start_s
            said.append(
                sentence.text if whole else played_words(sentence.text, samples, self._voice.sample_rate, rest_s)
            )
            start_s += length_s
        return " ".join(part for part in said if part)

    def end_with(self, sentence: Sentence) -> None:
        """Play no more than the sentence that has begun, and this one."""
        kept = self._index + (self._index < len(self.sentences))
        self.sentences, self.is_complete = [*self.sentences[:kept], sentence], True

    def text(self) -> str:
        """Return the whole reply."""
        return " ".join(sentence.text for sentence in self.sentences)

    def _synthesize_ahead(self, now_s: float) -> None:
        """Start the next sentence when the one before is whole; one is always ready ahead."""
        for number, sentence in enumerate(self.sentences):
            if now_s < sentence.ready_s - 1e-9:
                return
            if sentence.job is not None and sentence.job.is_done(now_s):
                sentence.job.result()
            if not sentence.is_whole and sentence.job is None:
                if number <= self._index + 1:
                    sentence.job = self._start(sentence, now_s)
                return
            if sentence.job is not None and not sentence.job.is_done(now_s):
                return

    def _start(self, sentence: Sentence, now_s: float) -> Job[None]:
        return self._jobs.submit(lambda _: sentence.synthesize(self._voice, self._style), now_s)

    def _hand_out(self, now_s: float) -> bool:
        """Hand out the next piece, if one is due; return whether more may be."""
        if self._index >= len(self.sentences):
            return False
        sentence = self.sentences[self._index]
        if now_s < sentence.ready_s - 1e-9:
            return False
        if not sentence.is_whole and sentence.job is None:
            return False
        if sentence.job is not None and not sentence.sound and not sentence.job.is_done(now_s):
            return False
        is_whole = sentence.is_whole and (sentence.job is None or sentence.job.is_done(now_s))
        rate = self._voice.sample_rate
        samples = sentence.samples[self._offset :]
        if self._announced < self._index and (len(samples) or is_whole):
            self._announced = self._index
            self._begin(now_s)
            self._emit(ReplySentence(now_s, self.reply_id, sentence.text, round(self._handed_s, 3)))
        if len(samples):
            due_s = self.played_s(now_s) + self._lead_s - self._handed_s
            count = min(len(samples), round(due_s * rate))
            if count < min(len(samples), round(_PIECE_S * rate)):
                return False
            self._emit(ReplyAudio(now_s, self.reply_id, samples[:count], rate, round(self._handed_s, 4)))
            self._offset += count
            self._handed_s += count / rate
            return True
        if is_whole:
            self._index, self._offset = self._index + 1, 0
        return is_whole

    def _begin(self, now_s: float) -> None:
        """Begin to play, or go on after the voice was not quick enough."""
        if self.first_sound_s is None:
            self.first_sound_s = now_s
        if not self._has_begun or self.played_s(now_s) >= self._handed_s:
            self._since_s, self._since_played_s = now_s, self._handed_s
        self._has_begun = True

    def _seek(self, to_s: float) -> None:
        """Hand out again from here."""
        rate = self._voice.sample_rate
        at = 0
        wanted = round(to_s * rate)
        for number, sentence in enumerate(self.sentences[: self._index + 1]):
            length = len(sentence.samples)
            if wanted < at + length or number == min(self._index, len(self.sentences) - 1):
                self._index, self._offset = number, max(0, wanted - at)
                break
            at += length
        self._handed_s = to_s
