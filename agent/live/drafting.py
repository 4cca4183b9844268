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
from omnisense.agent.voice.sentences import split_sentences
from omnisense.agent.voice.styles import style_of
from omnisense.perception.audio.chunks import AudioChunk
from omnisense.perception.percepts import Percepts
from omnisense.perception.streaming.joining import join_streams
from omnisense.perception.streaming.utterances import FinishedUtterances
from omnisense.perception.streaming.window import window_of
from omnisense.perception.types import OwnChannel, Segment
from omnisense.reasoning.loop.conversation import Turn
from omnisense.reasoning.loop.notes import Note


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


@dataclass
class Draft:
    """An answer that may be played.

    Attributes:
        finished: the utterances with those of this turn.
        speaker: who is answered, as a name or ``voice-1``; empty where it is unknown.
        times_s: when percepts, first token, first sentence and first sound were there, in the session's time.
    """

    finished: FinishedUtterances
    response: Response
    turn: Turn
    told: tuple[str, ...]
    sentences: list[Sentence]
    style: VoiceStyle
    speaker: str
    times_s: dict[str, float] = field(default_factory=dict)


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
        """Answer a turn; None where the job was cancelled meanwhile.

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
        answer: Finished | None = None
        for event in self._agent.answer(percepts, said.typed, turns, facts):
            if job.is_cancelled:
                return None
            if isinstance(event, Token):
                times_s.setdefault("token", job.now_s())
            elif isinstance(event, Finished):
                answer = event
        assert answer is not None, "every turn ends with Finished"
        times_s["sentence"] = job.now_s()
        speaker = self._people.speaker_of(percepts, said.start_s)
        reply = self._people.addressed(answer.response.response, speaker) if address else answer.response.response
        draft = Draft(
            finished,
            answer.response,
            replace(answer.turn, reply=reply),
            answer.told,
            [Sentence(sentence) for sentence in split_sentences(reply)],
            style_of(answer.response.appraisal.strategy, answer.response.safety) if self._voice.sample_rate else PLAIN,
            speaker,
            times_s,
        )
        if draft.sentences and not job.is_cancelled:
            draft.sentences[0].synthesize(self._voice, draft.style)
        times_s["sound"] = job.now_s()
        return draft
