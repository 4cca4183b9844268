"""A leading policy's answer in a plain conversation: to a message that asks for something, or as a second look.

Models answer worse where their answer is an item of a list and the rules of that list stand above the question, small
ones most of all. Here the prompt is a plain conversation. It is read once: the emotion is written first, as one word
to a short request that is added to its end, and the answer is written from the prompt without that request. A policy
whose opinion counts for nothing in the emotion is not asked for it. Whoever asks needs information, and the strategy
follows from that. Any other message is answered so where the reply of a list had faults.
"""

from __future__ import annotations

import json
import re

from omnisense.reasoning.language import detect_language
from omnisense.reasoning.loop.appraisal import Draft
from omnisense.reasoning.loop.appraiser import emotion_weights, policy_source
from omnisense.reasoning.loop.leading_prompts import emotion_request, feeling_reminder, plain_revision_request
from omnisense.reasoning.loop.requests import request_of, without_open_item
from omnisense.reasoning.loop.state import LoopSettings, State, count_tokens, seconds_left
from omnisense.reasoning.loop.written_turn import (
    WrittenTurn,
    is_whole,
    read_turn,
    short_names,
    turn_items,
)
from omnisense.reasoning.policies.base import OnToken, Policy
from omnisense.reasoning.policies.messages import Messages, message, text_of
from omnisense.reasoning.pooling import POLICY

WITH_REPLY = turn_items(cites=False, context=False)
_EMOTION_TOKENS = 12
_SURE = 0.5  # of an emotion: a wrong one is worse than none


class PlainAnswer:
    """Writes the appraisal and the answer, each from a plain conversation that ends with the person's message."""

    def __init__(self, policy: Policy, settings: LoopSettings) -> None:
        self._policy, self._settings = policy, settings
        names = settings.emotions.names
        self._schema = {"title": "Emotion", "type": "string", "enum": list(names)}
        self._request = emotion_request(names, settings.emotions.neutral)

    def appraise(
        self, state: State, prompt: Messages, seconds: float | None = None
    ) -> tuple[WrittenTurn, list[str], int]:
        """Return the emotion as written, what was wrong with it, and the tokens that it took.

        Args:
            state: with what was perceived.
            prompt: the conversation.
            seconds: to write it, at most.

        Raises:
            PolicyError: the policy failed.
        """
        if not self._asks_emotion(state):
            return WrittenTurn(), [], 0
        *before, last = prompt
        asked = [*before, message("user", f"{text_of(last)}\n\n{self._request}")]
        [text] = self._policy.write(
            [asked],
            max_new_tokens=_EMOTION_TOKENS,
            temperature=0.0,
            seed=self._settings.seed,
            schema=self._schema,
            max_seconds=seconds,
        )
        emotion = self._emotion_in(text)
        notes = [] if emotion else ["the policy wrote no emotion: it is what was measured"]
        return WrittenTurn(emotion=emotion), notes, count_tokens([asked], [text])

    def answer(
        self, state: State, prompt: Messages, max_new_tokens: int, on_token: OnToken | None
    ) -> tuple[Draft, int]:
        """Return the answer, and the tokens that it took; in a later round, one without the faults of the last.

        Args:
            state: with the appraisal.
            prompt: the conversation.
            max_new_tokens: of the answer.
            on_token: receives the answer piece by piece.

        Raises:
            PolicyError: the policy failed.
        """
        settings = self._settings
        for draft in state["drafts"][-1:]:
            if request_of(state["typed"]):
                faults = plain_revision_request([fault.reason for fault in draft.faults])
                prompt = [*prompt, message("assistant", draft.text), message("user", faults)]
            else:  # the last draft was the reply of a list, and this is the first answer
                *before, last = prompt
                reminder = feeling_reminder(self._sure_feeling(state))
                prompt = [*before, message("user", f"{text_of(last)}\n\n{reminder}".rstrip())]
        [text] = self._policy.write(
            [prompt],
            max_new_tokens=max_new_tokens,
            temperature=settings.temperature,
            seed=settings.seed + 1000 * len(state["turns"]) + state["revisions"],
            on_token=on_token,
            max_seconds=seconds_left(state, settings),
        )
        reply = self._reply_of(text)
        names = {name: short for short, name in short_names(settings.strategies.strategy_names).items()}
        strategy = state["strategy"].value
        items = [state["emotion"].value, names.get(strategy, strategy), reply]
        as_list = json.dumps(items, ensure_ascii=False, separators=(",", ":"))  # as other turns of a conversation are
        is_lost = self._asks_emotion(state) and not state["emotion"].policy_choice
        return Draft(reply, "policy", raw=text if is_lost else as_list), count_tokens([prompt], [text])

    def _asks_emotion(self, state: State) -> bool:
        """Whether what the policy says of the emotion counts."""
        return emotion_weights(self._settings.profile_of(self._policy), policy_source(state))[POLICY] > 0

    def _emotion_in(self, text: str) -> str:
        """Return the first emotion of the set that is named in a text; empty where none is."""
        names = "|".join(map(re.escape, sorted(self._settings.emotions.names, key=len, reverse=True)))
        found = re.search(rf"\b(?:{names})\b", text, re.IGNORECASE)
        return found.group(0).lower() if found else ""

    def _sure_feeling(self, state: State) -> str:
        """Return the adjective of the emotion; empty where it is neutral or not sure, or the message is not English."""
        felt = state["emotion"]
        is_felt = felt.value != self._settings.emotions.neutral and felt.confidence >= _SURE
        return felt.adjective if is_felt and detect_language(state["typed"]) in ("", "en") else ""

    def _reply_of(self, text: str) -> str:
        """Return the answer; a policy that was trained on lists, or sees none but those, writes it in one."""
        if text.lstrip().startswith(("[", "{")) and is_whole(text):
            written, _ = read_turn(text, WITH_REPLY)
            if written.emotion in self._settings.emotions.names and written.reply:
                return written.reply
        return without_open_item(text)
