"""The node that answers a message which is a multiple-choice question, in the form that it asks for."""

from __future__ import annotations

import functools

from omnisense.reasoning.answers.answerer import Answerer, AnswerSettings
from omnisense.reasoning.answers.multiple_choice import find_choice
from omnisense.reasoning.loop.appraisal import Draft
from omnisense.reasoning.loop.look import LookAgain
from omnisense.reasoning.loop.state import LoopSettings, State, count_tokens
from omnisense.reasoning.loop.words import ReadEmotion
from omnisense.reasoning.policies.base import Policy
from omnisense.reasoning.policies.messages import message

_UNREADABLE = "I cannot tell which option is right."


class ChoiceAnswer:
    """Answers multiple-choice questions as ``omnisense eval --agent`` does: nobody's feelings are appraised for them.

    Args:
        policy: which answers.
        settings: of the loop.
        look: looks at long clips again.
        read_emotion: adds the emotion to a text, for questions about a text.
    """

    def __init__(
        self, policy: Policy, settings: LoopSettings, look: LookAgain, read_emotion: ReadEmotion | None = None
    ) -> None:
        self._policy, self._settings, self._look, self._read_emotion = policy, settings, look, read_emotion

    @functools.cached_property
    def _answerer(self) -> Answerer:
        profile = self._settings.profile_of(self._policy)  # it may load the model
        return Answerer(self._policy, AnswerSettings(profile=profile), self._look, self._read_emotion)

    def node(self, state: State) -> State:
        """Answer the question of the message.

        Raises:
            PolicyError: the policy failed.
        """
        asked = find_choice(state["typed"])
        assert asked is not None, "the graph enters here only with a multiple-choice question"
        percepts, clip = state["percepts"], state["clip"]
        looked = self._answerer.look_again(asked.question, percepts, clip) if percepts and clip else None
        prompt = [message("user", state["typed"])]
        prepared = self._answerer.prepare(
            asked.question, prompt, percepts, state["media"], looked, transcript=asked.passage
        )
        given = self._answerer.answer_all([prepared])[0]
        text = asked.written(given.value) if given.text == given.value else given.text
        tokens = count_tokens([prepared.prompt], [text]) + (looked.tokens if looked else 0)
        return {
            "best": Draft(text.strip() or _UNREADABLE, "policy", score=1.0),
            "notes": (*state["notes"], *given.notes),
            "looked": looked.spans if looked else (),
            "spent_tokens": state["spent_tokens"] + tokens,
        }
