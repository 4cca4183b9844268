"""The agent as a system under test: a policy that is asked as it would be alone, with what was perceived beside it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from omnisense.benchmarks.harness.dataset import Sample
from omnisense.benchmarks.harness.prompting import LoadTemplates, PromptBuilder, PromptSettings, media_part
from omnisense.benchmarks.harness.systems import EVERYTHING, Call, CountsTokens, Prepared, Reply, SystemSettings
from omnisense.errors import MediaError
from omnisense.perception.media.clip import Clip, open_clip
from omnisense.perception.types import STREAMS
from omnisense.reasoning.answers.answerer import Answerer, AnswerSettings, GivenAnswer, PreparedQuestion
from omnisense.reasoning.loop.look import LookAgain
from omnisense.reasoning.loop.state import LoopSettings
from omnisense.reasoning.media import media_parts
from omnisense.reasoning.policies.base import Policy
from omnisense.reasoning.policies.messages import Messages, clip_of, message, text_of

if TYPE_CHECKING:
    from omnisense.perception.percepts import Percepts
    from omnisense.perception.settings import PerceptionSettings

_SOUND_TOKENS = 300  # of the percepts of a sound, beside those of an image
_SHOWN_TOKENS = 400  # of the percepts, in records


class AgentSystem:
    """Our own agent around a policy: asked as the policy alone is, with what was perceived beside the question.

    Args:
        settings: which policy, and how it writes.
        prompting: how the policy alone is asked.
        policy: the policy.
        load_templates: the suite's reader of its authors' prompts.
        perception: how clips are perceived; by default as the settings say.
    """

    modalities = EVERYTHING

    def __init__(
        self,
        settings: SystemSettings,
        prompting: PromptSettings,
        policy: Policy,
        load_templates: LoadTemplates | None = None,
        perception: PerceptionSettings | None = None,
    ) -> None:
        self.name, self._policy = settings.label, policy
        self._perception_settings = perception or settings.perception()
        self._counter = policy if isinstance(policy, CountsTokens) else None  # the check is too slow for each question
        self._prompts = PromptBuilder(prompting, load_templates)
        self._answerer = Answerer(
            policy,
            AnswerSettings(
                method=settings.method,
                think=prompting.think,
                max_new_tokens=settings.max_new_tokens,
                temperature=settings.temperature,
                seed=settings.seed,
            ),
            LookAgain(policy, LoopSettings(), lambda clip, streams: self._perception.perceive_closely(clip, streams)),
            lambda transcript: self._perception.add_text_emotion(transcript),
        )
        self._perception: Any = None

    def load(self) -> None:
        """See :class:`System`."""
        from omnisense.perception.pipeline import Perception

        self._policy.prepare([message("user", "hello")])
        self._perception = Perception(self._perception_settings)

    def prepare(self, sample: Sample) -> Prepared:
        """Perceive the clip, measure what bears on the question, and build its prompt."""
        built = self._prompts.build(sample)
        asked = built.messages
        if sample.media is None or not self._prompts.settings.media:
            question = self._answerer.prepare(sample.question, asked, transcript=built.transcript)
            return self._prepared(sample, question, (), (), built.transcript)
        perceived = [media_part(sample)]
        clip = clip_of(perceived[0])
        percepts = self._perceive(clip)
        looked = self._answerer.look_again(sample.question, percepts, clip)
        parts = media_parts(clip, percepts, self._policy.modalities, windows=looked.windows)
        plain = [message(m["role"], text_of(m)) for m in asked]
        calls = [_perceived(clip, percepts)]
        if sample.sound is not None:
            perceived.append({"type": "audio", "path": str(sample.sound)})
            heard_clip = open_clip(sample.sound)
            heard = self._perceive(heard_clip)
            parts += media_parts(heard_clip, heard, self._policy.modalities)
            plain = _with_sound(plain, heard.render(max_tokens=_SOUND_TOKENS))
            calls.append(_perceived(heard_clip, heard))
        calls += [Call("look again", span.line()) for span in looked.spans]
        question = self._answerer.prepare(sample.question, plain, percepts, parts, looked)
        missing = tuple(f"{name}: {reason}" for name, reason in percepts.missing().items())
        prepared = self._prepared(sample, question, tuple(calls), (*missing, *question.notes), built.transcript)
        return replace(prepared, perceived=tuple(perceived))

    def _prepared(
        self,
        sample: Sample,
        question: PreparedQuestion,
        calls: tuple[Call, ...],
        notes: tuple[str, ...],
        transcript: str,
    ) -> Prepared:
        tokens = self._counter.prompt_tokens(question.prompt) if self._counter else None
        return Prepared(
            sample,
            (question, calls),
            question.prompt.media_usage,
            _prompt_sha(question.prompt),
            notes,
            list(question.prompt),
            transcript,
            tokens,
        )

    def _perceive(self, clip: Clip) -> Percepts:
        """Return the percepts of a clip.

        Raises:
            MediaError: nothing could be perceived in it.
        """
        percepts: Percepts = self._perception.perceive(clip)
        if len(percepts.missing()) == len(STREAMS):
            reasons = "; ".join(f"{name}: {reason}" for name, reason in percepts.missing().items())
            raise MediaError(f"nothing could be perceived in it ({reasons})", "Give another clip.", clip.path)
        return percepts

    def answer(self, batch: Sequence[Prepared]) -> list[Reply]:
        """See :class:`System`."""
        answers: list[GivenAnswer] = self._answerer.answer_all([p.work[0] for p in batch])
        counts = self._counter.text_tokens if self._counter else lambda _: None
        return [
            Reply(answer.text, answer.probabilities, counts(answer.text), (*p.work[1], *_calls_of(answer)))
            for p, answer in zip(batch, answers, strict=True)
        ]


def _perceived(clip: Clip, percepts: Percepts) -> Call:
    """Return what was perceived of a clip as a call with its evidence."""
    return Call("perceive", f"{clip.path.name}:\n{percepts.render(max_tokens=_SHOWN_TOKENS)}")


def _calls_of(answer: GivenAnswer) -> list[Call]:
    """Return the channels that were consulted, and what the policy had written before it was asked again."""
    found = [Call(f"measure {m.channel}", m.line()) for m in answer.measurements]
    return [*found, *([Call("ask for the answer alone", answer.thinking)] if answer.thinking else [])]


def _with_sound(asked: Messages, heard: str) -> Messages:
    """Return messages with what is heard before the last one's text."""
    *before, last = asked
    return [*before, message(last["role"], f"What is heard:\n{heard}\n\n{text_of(last)}")]


def _prompt_sha(prompt: Messages) -> str:
    return hashlib.sha256("\n".join(map(text_of, prompt)).encode()).hexdigest()[:12]
