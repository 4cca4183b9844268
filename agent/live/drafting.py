"""An answer to a turn, from its sound to the first sound of the reply: what is begun at a pause, on the chance that the
turn is over."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from omnisense.agent.agent import Agent
from omnisense.agent.events import Finished, Token
from omnisense.agent.live.jobs import Job
from omnisense.agent.live.people import People
from omnisense.agent.live.playing import Sentence
from omnisense.agent.live.watcher import Watcher
from omnisense.agent.response import Response
from omnisense.agent.voice.base import PLAIN, Voice, VoiceStyle
from omnisense.agent.voice.styles import style_of
from omnisense.perception.audio.chunks import AudioChunk
from omnisense.perception.percepts import Percepts
from omnisense.perception.streaming.joining import join_streams
from omnisense.perception.streaming.utterances import FinishedUtterances
from omnisense.perception.streaming.window import window_of
from omnisense.perception.types import OwnChannel, Segment
from omnisense.reasoning.loop.appraisal import SafetyFinding, Strategy
from omnisense.reasoning.loop.conversation import Turn
from omnisense.reasoning.loop.notes import Note
from omnisense.reasoning.loop.sentence_gate import CheckedSentence
from omnisense.reasoning.loop.state import heard_words, initial_state
from omnisense.text import split_sentences


@dataclass(frozen=True)
class Spoken:
    """What the person said in a turn.

    Attributes:
        chunk: the sound that is not read yet; None for a turn of text.
        recognized: its words; None where they are not known yet.
        before: what was finished before the chunk, in this turn and in earlier ones.
        typed: a text.
        start_s: where the turn's window begins, in the session.
        end_s: where it ends.
        channels: what was noticed of the listener while the agent spoke.
    """

    chunk: AudioChunk | None
    recognized: Segment | None
    before: FinishedUtterances
    typed: str
    start_s: float
    end_s: float
    channels: tuple[OwnChannel, ...] = ()


@dataclass(frozen=True)
class Answer:
    """What came of a turn, once all of it is written.

    Attributes:
        turn: as it enters the conversation, with the reply as the loop released it.
        told: facts that the person told in it.
    """

    response: Response
    turn: Turn
    told: tuple[str, ...]


@dataclass
class Draft:
    """An answer that may be played, from its first sentence on.

    Attributes:
        finished: the utterances with those of this turn.
        percepts: of the turn; None for a text without anything seen or heard beside it.
        turn: as it is remembered if the reply is stopped before all of it is written.
        speaker: who is answered, as a name or ``voice-1``; empty where it is unknown.
        style: how the reply is spoken.
        sentences: of the reply so far; more may come until there is an answer.
        times_s: when percepts, first token, first sentence and first sound were there, in the session's time.
        answer: once all of it is written.
    """

    finished: FinishedUtterances
    percepts: Percepts | None
    turn: Turn
    speaker: str
    style: VoiceStyle = PLAIN
    sentences: list[Sentence] = field(default_factory=list)
    times_s: dict[str, float] = field(default_factory=dict)
    answer: Answer | None = None


class Drafter:
    """Writes answers.

    Args:
        agent: that answers.
        voice: that speaks.
        watcher: what is seen.
        people: who was heard, by name.
    """

    def __init__(self, agent: Agent, voice: Voice, watcher: Watcher, people: People) -> None:
        self._agent, self._voice, self._watcher, self._people = agent, voice, watcher, people

    def read(self, spoken: Spoken) -> FinishedUtterances:
        """Return the utterances with the chunk's added: words with times, prosody, emotion, speaker."""
        if spoken.chunk is None:
            return spoken.before
        finished = spoken.before.fork()
        settings = self._agent.perception.settings
        transcriber = self._agent.perception.registry.get("speech") if "transcript" in settings.streams else None
        finished.add(spoken.chunk, transcriber, self._watcher.landmark_tracks(), spoken.recognized)
        return finished

    def percepts(self, spoken: Spoken, finished: FinishedUtterances) -> Percepts | None:
        """Return what is known of the turn; None for a text without anything seen or heard beside it."""
        seen = self._watcher.stream()
        if seen is None and spoken.chunk is None:
            return None
        heard = finished if finished.speech else None
        joined = join_streams(self._agent.perception, seen, heard, spoken.end_s)
        return window_of(joined, spoken.start_s, spoken.end_s, spoken.channels)

    def draft(
        self,
        job: Job[Draft | None],
        spoken: Callable[[], Spoken],
        history: Callable[[], tuple[Sequence[Turn], Sequence[Note]]],
        address: bool,
    ) -> Draft | None:
        """Answer a turn; None where the job was cancelled before there was anything to play.

        Where the policy streams, the draft is offered through the job with its first sentence.

        Args:
            job: in which this runs.
            spoken: returns what was said, and may wait for it.
            history: returns the conversation so far and the facts told in it, likewise.
            address: whether the reply names whom it answers, where that was told and others were heard.

        Raises:
            OmniSenseError: the policy or the voice failed.
        """
        said = spoken()
        began_s = job.now_s()
        finished = self.read(said)
        percepts = self.percepts(said, finished)
        times_s = {"began": began_s, "percepts": job.now_s()}
        turns, facts = history()
        heard = heard_words(initial_state(None, said.typed, turns, percepts=percepts))
        turn = Turn(heard, said.typed, None, "", "unknown", None)
        speaker = self._people.speaker_of(percepts, said.start_s)
        draft = Draft(finished, percepts, turn, speaker, times_s=times_s)
        speaking = _Speaking(draft, job, self._voice, self._people if address else None)
        answer: Finished | None = None
        for event in self._agent.answer(percepts, said.typed, turns, facts):
            if job.is_cancelled:
                return draft if draft.sentences else None
            if isinstance(event, Token):
                times_s.setdefault("token", job.now_s())
            elif isinstance(event, CheckedSentence):
                draft.turn = replace(turn, emotion=event.emotion)
                speaking.say(event.text, event.strategy, None)
                job.offer(draft)
            elif isinstance(event, Finished):
                answer = event
        assert answer is not None, "every turn ends with Finished"
        speaking.finish(answer)
        return draft


class _Speaking:
    """Takes the sentences of a reply as they come, and makes the sound of the first.

    Args:
        draft: to which they are added.
        job: that writes it.
        voice: speaks.
        people: where the reply shall name whom it answers; None where not.
    """

    def __init__(self, draft: Draft, job: Job[Draft | None], voice: Voice, people: People | None) -> None:
        self._draft, self._job, self._voice, self._people = draft, job, voice, people
        self._said: list[str] = []

    def say(self, text: str, strategy: Strategy, safety: SafetyFinding | None) -> None:
        """Add a sentence."""
        draft, is_first = self._draft, not self._draft.sentences
        self._said.append(text)
        sentence = Sentence(self._people.addressed(text, draft.speaker) if is_first and self._people else text)
        if is_first:
            draft.times_s["sentence"] = self._job.now_s()
            draft.style = style_of(strategy, safety) if self._voice.sample_rate else PLAIN
            if not self._job.is_cancelled:
                sentence.synthesize(self._voice, draft.style)
            draft.times_s["sound"] = self._job.now_s()
        sentence.ready_s = self._job.now_s()
        draft.sentences.append(sentence)

    def finish(self, finished: Finished) -> None:
        """Add what of the whole reply was not said: its rest, or where a later sentence failed, what came instead."""
        response = finished.response
        sentences = split_sentences(response.response)
        count = len(self._said)
        rest = sentences[count:] if sentences[:count] == self._said else [s for s in sentences if s not in self._said]
        for text in rest:
            self.say(text, response.appraisal.strategy, response.safety)
        for name in ("sentence", "sound"):
            self._draft.times_s.setdefault(name, self._job.now_s())  # of a reply without a word
        self._draft.answer = Answer(response, finished.turn, finished.told)
