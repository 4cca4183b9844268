"""The reply nodes: write drafts, check them, choose the best or ask for a revision."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace

from omnisense.perception.types import VisualStream
from omnisense.reasoning.loop import checks, prompts
from omnisense.reasoning.loop.appraisal import Draft, EmotionValue
from omnisense.reasoning.loop.observations import describe_scene
from omnisense.reasoning.loop.paraphrase import content_words
from omnisense.reasoning.loop.state import (
    LoopSettings,
    State,
    appraisal_of,
    count_tokens,
    events_of,
    evidence_text,
    heard_words,
    is_spent,
    spoken_words,
)
from omnisense.reasoning.policies.base import Policy
from omnisense.reasoning.policies.messages import Messages

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
        settings, guided = self._settings, self._settings.is_guided(self._policy)
        opening = self._opening(state)
        drafts = state["drafts"] or (self._template(state, opening),)
        if is_spent(state, settings):
            _log.warning("the budget was spent before a reply was written (%d tokens)", state["spent_tokens"])
            note = "the budget was spent before a reply was written"
            return {"drafts": drafts, "notes": (*state["notes"], note)}
        prompt = prompts.guided_prompt(heard_words(state), [], opening) if guided else self._prompt(state, drafts)
        batch = [prompt] * (settings.drafts or (_GUIDED_DRAFTS if guided else 1))
        texts = self._policy.write(
            batch,
            max_new_tokens=_CONTINUATION_TOKENS if guided else settings.max_reply_tokens,
            temperature=settings.temperature,
            stop=["\n"] if guided else (),
            seed=settings.seed + 1000 * len(state["turns"]) + state["revisions"],
            on_token=on_token,
        )
        replies = [f"{opening} {_first_sentence(text)}" for text in texts] if guided else texts
        written = tuple(Draft(reply.strip(), "policy") for reply in replies)
        return {"drafts": (*drafts, *written), "spent_tokens": state["spent_tokens"] + count_tokens(batch, texts)}

    def reflect(self, state: State) -> State:
        """Check every draft and choose the best. The template wins only over drafts with faults."""
        context = self._reply_context(state)
        drafts = tuple(_check(draft, context) for draft in state["drafts"])
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

    def _prompt(self, state: State, drafts: tuple[Draft, ...]) -> Messages:
        """Return the prompt of a capable policy; it names the faults of the best draft so far."""
        own = [draft for draft in drafts if draft.written_by == "policy"]
        faults = max(own, key=lambda draft: draft.score).faults if own else ()
        return prompts.reply_prompt(
            evidence_text(state, self._settings.timeline_tokens),
            prompts.appraisal_text(appraisal_of(state)),
            heard_words(state),
            prompts.history_messages(state["turns"]),
            [fault.reason for fault in faults],
        )

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
        context = checks.ReplyContext(
            heard,
            checks.fitting_emotions(felt.value, shown - {"neutral"}),
            leads=not self._settings.is_guided(self._policy),
            face_emotions=_seen_emotions(state),
            has_voice=any(event.channel == "speech" for event in events_of(state)),
        )
        if context.leads:
            return context
        opening = self._opening(state)
        return replace(
            context,
            opening=opening,
            asks="question" in state["strategy"].value,
            known=frozenset(content_words(f"{heard} {opening}")),
        )


def _seen_emotions(state: State) -> set[EmotionValue] | None:
    """Return what the face shows and showed; None where no face was seen."""
    percepts, felt = state["percepts"], state["emotion"]
    if percepts is None or not isinstance(percepts.visual, VisualStream) or not percepts.visual.faces:
        return None
    return ({felt.face_emotion} if felt.face_emotion else set()) | {phase.value for phase in felt.earlier}


def _check(draft: Draft, context: checks.ReplyContext) -> Draft:
    """Return the draft with its faults and score. A template continues no opening."""
    faults = checks.find_faults(draft.text, context if draft.written_by == "policy" else replace(context, opening=""))
    return replace(draft, score=checks.score(faults), faults=tuple(faults))


def _first_sentence(text: str) -> str:
    """Return the first finished sentence of a continuation; small models go astray after it."""
    ends = [i for i, c in enumerate(text) if c in ".!?" and (i + 1 == len(text) or text[i + 1] in " \n\"'")]
    return text[: ends[0] + 1].strip() if ends else text.strip()
