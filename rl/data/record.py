"""Record what the agent asks its policy about texts, clips and questions, as training rows.

The loop and the answerer run as they do for users, around a policy that is recorded, so that the prompts are the
agent's by construction. By default a script answers in the policy's place: what a guided policy is asked does not
depend on what it answers, and no model need run.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from omnisense.benchmarks.harness.agent_system import AgentSystem
from omnisense.benchmarks.harness.dataset import Sample
from omnisense.benchmarks.harness.prompting import PromptSettings
from omnisense.benchmarks.harness.systems import SystemSettings
from omnisense.perception.media.clip import Clip, open_clip
from omnisense.perception.pipeline import Perception
from omnisense.reasoning.answers.answerer import PreparedQuestion
from omnisense.reasoning.answers.choosing import in_form
from omnisense.reasoning.answers.question import BOX_KINDS, UNSCORED_KINDS, Question
from omnisense.reasoning.loop.appraiser import measured_emotion
from omnisense.reasoning.loop.graph import build_graph
from omnisense.reasoning.loop.reply import reply_context
from omnisense.reasoning.loop.state import LoopSettings, State, heard_words, initial_state
from omnisense.reasoning.policies.base import Policy
from omnisense.reasoning.policies.recording import PolicyCall, RecordingPolicy
from omnisense.reasoning.policies.scripted import ScriptedPolicy
from omnisense.reasoning.pooling import POLICY_SOURCES
from omnisense.reasoning.profile import PolicyProfile
from omnisense.rl.data.agent_rows import AgentRow, MeasuredChannel
from omnisense.rl.progress import OnProgress
from omnisense.rl.trainers.prompt_prefetch import dump_prompt

_EVERY_DECISION = ("emotion", "context", "need", "strategy", "answer")
_TELL_EVERY = 200


@dataclass(frozen=True)
class Utterance:
    """A text or a clip of a person, with what they feel.

    Attributes:
        id: of the text or clip.
        text: what they wrote; empty for none.
        clip: what they are seen and heard in; None for none.
        emotion: the right one; empty where it is not known.
        group, task: as of :class:`.agent_rows.AgentRow`.
    """

    id: str
    text: str
    clip: Path | None
    emotion: str
    group: str
    task: str


@dataclass
class Recorder:
    """Runs the agent around a recorded policy.

    Attributes:
        policy: answers; None: a script in a guided policy's place.
        perception: of clips and texts; by default a new one.
        settings: of the loop; its profile is one that asks the policy about every decision.
    """

    policy: Policy | None = None
    perception: Perception = field(default_factory=Perception)
    settings: LoopSettings = field(default_factory=lambda: LoopSettings(drafts=1, max_revisions=0))

    def __post_init__(self) -> None:
        self._calls: list[PolicyCall] = []
        inner = self.policy or ScriptedPolicy()
        standing_in = None if self.policy else True
        self._recorded = RecordingPolicy(
            inner, self._calls.append, scores_likelihoods=standing_in, needs_guidance=standing_in
        )
        leads = not self._recorded.needs_guidance
        self._profile = PolicyProfile(
            inner.name, leads=leads, weights={name: dict.fromkeys(POLICY_SOURCES, 1.0) for name in _EVERY_DECISION}
        )
        self._neutral: dict[tuple[str, ...], str] = {}

    def utterances(self, entries: Sequence[Utterance], on_progress: OnProgress) -> Iterator[AgentRow]:
        """Yield the calls of the loop about texts and clips.

        Raises:
            MediaError: a clip cannot be opened.
            PolicyError: the policy failed.
        """
        settings = replace(self.settings, profile=self._profile)
        graph = build_graph(
            self._recorded,
            lambda clip, _: self.perception.perceive(clip),
            settings,
            read_emotion=self.perception.add_text_emotion,
        )
        for number, entry in enumerate(entries):
            if number % _TELL_EVERY == 0:
                on_progress(f"recording {number + 1} of {len(entries)}")
            yield from self._turn(graph, entry)

    def _turn(self, graph: Any, entry: Utterance) -> Iterator[AgentRow]:
        clip: Clip | None = open_clip(entry.clip) if entry.clip else None
        state: State = initial_state(clip, entry.text)
        by_step: list[tuple[str, list[PolicyCall]]] = []
        self._calls.clear()
        for kind, update in graph.stream(state, stream_mode=["updates", "values"]):
            if kind == "values":
                state = update
            else:
                by_step += [(step, list(self._calls)) for step in update]
                self._calls.clear()
        for step, calls in by_step:
            self._note_neutral(step, calls)
            for call in calls:
                if call.place == 0:
                    yield self._row(entry, step, call, state)

    def _row(self, entry: Utterance, step: str, call: PolicyCall, state: State) -> AgentRow:
        felt = step == "emotion" and call.verb == "choose"
        emotions = self.settings.emotions
        channels = measured_emotion(state)[0] if felt else []
        return AgentRow(
            id=f"{entry.id}:{step}",
            group=entry.group,
            task=f"{entry.task}: {step}",
            decision="reply" if call.verb == "write" and step == "respond" else step,
            verb=call.verb,
            prompt=dump_prompt(call.prompt),
            options=list(call.options),
            gold=[entry.emotion] if felt and entry.emotion in call.options else [],
            neutral=self._neutral.get((step, *call.options), ""),
            measured={
                c.name: MeasuredChannel(
                    reliability=c.reliability, probabilities=emotions.from_measured(c.probabilities)
                )
                for c in channels
            },
            context=_reply_context(state) if call.verb == "write" else {},
        )

    def _note_neutral(self, step: str, calls: Iterable[PolicyCall]) -> None:
        """Remember the prompt by which the agent measures the bias of a choice: it asks once, beside the first one."""
        for call in calls:
            if call.verb == "choose" and call.place > 0:
                self._neutral[(step, *call.options)] = dump_prompt(call.prompt)

    def questions(self, samples: Sequence[Sample], on_progress: OnProgress) -> Iterator[AgentRow]:
        """Yield the calls of the answerer about questions with a right answer; others are left out.

        Raises:
            MediaError: a clip cannot be opened.
            PolicyError: the policy failed.
        """
        system = AgentSystem(
            SystemSettings("agent", self._recorded.name, method="choose"), PromptSettings(), self._recorded
        )
        system.load()
        asked = [s for s in samples if s.gold and s.question.kind not in (*BOX_KINDS, *UNSCORED_KINDS)]
        for number, sample in enumerate(asked):
            if number % _TELL_EVERY == 0:
                on_progress(f"recording {number + 1} of {len(asked)}")
            prepared = system.prepare(sample)
            asked_question: PreparedQuestion = prepared.work[0]
            self._calls.clear()
            system.answer([prepared])
            self._note_neutral(sample.question.text, self._calls)
            call = next(call for call in self._calls if call.place == 0)
            question = sample.question
            yield AgentRow(
                id=sample.id,
                group=sample.group or sample.id,
                task=sample.task,
                decision="answer",
                verb=call.verb,
                prompt=dump_prompt(call.prompt),
                options=list(call.options),
                gold=_right_options(question, sample.gold),
                neutral=self._neutral.get((question.text, *call.options), ""),
                measured={
                    m.channel: MeasuredChannel(
                        reliability=m.reliability,
                        probabilities={in_form(answer, question): p for answer, p in m.probabilities.items()},
                    )
                    for m in asked_question.measurements
                },
            )


def _right_options(question: Question, gold: str) -> list[str]:
    """Return the right answers as the policy chooses among them; each letter is one where several may be right."""
    return [in_form(answer, question) for answer in (gold if question.kind == "several" else [gold])]


def _reply_context(state: State) -> dict[str, str]:
    """Return what a reply is to fit, in words."""
    if not state["drafts"]:
        return {"heard": heard_words(state), "emotion": state["emotion"].value}
    context = reply_context(state)
    return {
        "heard": context.said,
        "emotion": state["emotion"].value,
        "need": state["need"].value,
        "strategy": state["strategy"].value,
        "opening": context.opening,
        "fitting": ", ".join(sorted(context.emotions)),
        "faces": "none seen" if context.face_emotions is None else ", ".join(sorted(context.face_emotions)),
        "voice": "heard" if context.has_voice else "",
    }
