"""The agent as a system under test: a policy that is asked as it would be alone, with what was perceived beside it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from omnisense.benchmarks.harness.dataset import Sample
from omnisense.benchmarks.harness.prompting import LoadTemplates, PromptBuilder, PromptSettings, media_part
from omnisense.benchmarks.harness.systems import EVERYTHING, Prepared, Reply, SystemSettings
from omnisense.errors import MediaError
from omnisense.perception.media.clip import Clip
from omnisense.perception.types import STREAMS
from omnisense.reasoning.answers.answerer import Answerer, AnswerSettings, GivenAnswer
from omnisense.reasoning.loop.look import LookAgain
from omnisense.reasoning.loop.state import LoopSettings
from omnisense.reasoning.media import media_parts, usage_of
from omnisense.reasoning.policies.base import Policy
from omnisense.reasoning.policies.messages import Messages, clip_of, message, text_of

if TYPE_CHECKING:
    from omnisense.perception.percepts import Percepts


class AgentSystem:
    """Our own agent around a policy: asked as the policy alone is, with what was perceived beside the question.

    Args:
        settings: which policy, and how it writes.
        prompting: how the policy alone is asked.
        policy: the policy.
        load_templates: the suite's reader of its authors' prompts.
    """

    modalities = EVERYTHING

    def __init__(
        self,
        settings: SystemSettings,
        prompting: PromptSettings,
        policy: Policy,
        load_templates: LoadTemplates | None = None,
    ) -> None:
        self.name, self._settings, self._policy = settings.label, settings, policy
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
        )
        self._perception: Any = None

    def load(self) -> None:
        """See :class:`System`."""
        from omnisense.perception.pipeline import Perception

        self._policy.prepare([message("user", "hello")])
        self._perception = Perception(self._settings.perception())

    def prepare(self, sample: Sample) -> Prepared:
        """Perceive the clip, measure what bears on the question, and build its prompt."""
        asked = self._prompts.build(sample).messages
        if sample.media is None or not self._prompts.settings.media:
            question = self._answerer.prepare(sample.question, asked)
            return Prepared(sample, question, question.prompt.media_usage, _prompt_sha(question.prompt))
        clip = clip_of(media_part(sample))
        percepts = self._perceive(clip)
        looked = self._answerer.look_again(sample.question, percepts, clip)
        parts = media_parts(clip, percepts, self._policy.modalities, windows=looked.windows)
        plain = [message(m["role"], text_of(m)) for m in asked]
        question = self._answerer.prepare(sample.question, plain, percepts, parts, looked)
        missing = tuple(f"{name}: {reason}" for name, reason in percepts.missing().items())
        usage = usage_of(parts, percepts, self._policy)
        return Prepared(sample, question, usage, _prompt_sha(question.prompt), (*missing, *question.notes))

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
        answers: list[GivenAnswer] = self._answerer.answer_all([p.work for p in batch])
        return [Reply(answer.text, answer.probabilities) for answer in answers]


def _prompt_sha(prompt: Messages) -> str:
    return hashlib.sha256("\n".join(map(text_of, prompt)).encode()).hexdigest()[:12]
