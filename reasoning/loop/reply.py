"""The reply nodes of a guided policy: write drafts, check them, choose the best or ask for a revision."""

from __future__ import annotations

import logging
from collections.abc import Callable

from omnisense.reasoning.loop import checks, prompts
from omnisense.reasoning.loop.appraisal import Draft, EmotionValue
from omnisense.reasoning.loop.observations import describe_scene, seen_emotions
from omnisense.reasoning.loop.paraphrase import content_words
from omnisense.reasoning.loop.state import (
    LoopSettings,
    State,
    count_tokens,
    events_of,
    heard_words,
    is_spent,
    seconds_left,
    spoken_words,
)
from omnisense.reasoning.policies.base import Policy

_GUIDED_DRAFTS = 6
_CONTINUATION_TOKENS = 40
_log = logging.getLogger(__name__)


class ReplyWriter:
    """The reply nodes, bound to a policy and settings."""

    def __init__(self, policy: Policy, settings: LoopSettings) -> None:
        self._policy, self._settings = policy, settings

    def respond(self, state: State, on_token: Callable[[str], None] | None = None) -> State:
        """Write drafts; the template, made from the appraisal alone, is always among them.

        Args:
            state: with the appraisal.
            on_token: receives the first draft piece by piece while it is written.
        """
        settings, opening = self._settings, self._opening(state)
        drafts = state["drafts"] or (self._template(state, opening),)
        if is_spent(state, settings):
            _log.warning("the budget was spent before a reply was written (%d tokens)", state["spent_tokens"])
            note = "the budget was spent before a reply was written"
            return {"drafts": drafts, "notes": (*state["notes"], note)}
        prompt = prompts.guided_prompt(heard_words(state), [], opening)
        batch = [prompt] * (settings.drafts or _GUIDED_DRAFTS)
        texts = self._policy.write(
            batch,
            max_new_tokens=_CONTINUATION_TOKENS,
            temperature=settings.temperature,
            stop=["\n"],
            seed=settings.seed + 1000 * len(state["turns"]) + state["revisions"],
            on_token=on_token,
            max_seconds=seconds_left(state, settings),
        )
        replies = [f"{opening} {_first_sentence(text)}" for text in texts]
        written = tuple(Draft(reply.strip(), "policy") for reply in replies)
        return {"drafts": (*drafts, *written), "spent_tokens": state["spent_tokens"] + count_tokens(batch, texts)}

    def reflect(self, state: State) -> State:
        """Check every draft and choose the best. The template wins only over drafts with faults."""
        context = self._reply_context(state)
        drafts = tuple(checks.check(draft, context) for draft in state["drafts"])
        best = max(drafts, key=lambda d: (d.score, d.written_by == "policy", -len(d.text)))
        return {"drafts": drafts, "best": best, "revisions": state["revisions"] + 1}

    def wants_revision(self, state: State) -> bool:
        """Whether to write again: no draft of the policy passes, and revisions, tokens and time are left."""
        passed = any(draft.score >= 1.0 for draft in state["drafts"] if draft.written_by == "policy")
        settings = self._settings
        return not passed and state["revisions"] <= settings.max_revisions and not is_spent(state, settings)

    def _template(self, state: State, opening: str) -> Draft:
        strategy = state["strategy"].value
        own = self._settings.strategies.closings.get(strategy)
        closing = own or prompts.closing(strategy, bool(heard_words(state)))
        return Draft(f"{opening} {closing}", "template")

    def _opening(self, state: State) -> str:
        return prompts.opening(
            state["emotion"],
            state["typed"],
            spoken_words(state),
            describe_scene(state["percepts"]),
            state["context"].recalled,
        )

    def _reply_context(self, state: State) -> checks.ReplyContext:
        felt, heard = state["emotion"], heard_words(state)
        shown: set[EmotionValue] = {channel.top for channel in felt.channels}
        shown |= {phase.value for phase in felt.earlier}
        opening = self._opening(state)
        return checks.ReplyContext(
            heard,
            checks.fitting_emotions(felt.value, shown - {"neutral"}),
            face_emotions=seen_emotions(state["percepts"], felt),
            has_voice=any(event.channel == "speech" for event in events_of(state)),
            opening=opening,
            asks="question" in state["strategy"].value,
            known=frozenset(content_words(f"{heard} {opening}")),
        )


def _first_sentence(text: str) -> str:
    """Return the first finished sentence of a continuation; small models go astray after it."""
    ends = [i for i, c in enumerate(text) if c in ".!?" and (i + 1 == len(text) or text[i + 1] in " \n\"'")]
    return text[: ends[0] + 1].strip() if ends else text.strip()
