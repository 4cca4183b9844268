"""The reply nodes of a guided policy: compose a reply, let the policy go on from it where it may, choose the best."""

from __future__ import annotations

import logging
from collections.abc import Callable

from omnisense.reasoning.loop import checks, prompts, safety
from omnisense.reasoning.loop.appraisal import Draft, EmotionValue
from omnisense.reasoning.loop.guided.compose import compose_reply
from omnisense.reasoning.loop.guided.phrases import not_written, split_sentences
from omnisense.reasoning.loop.guided.situation import situation_of
from omnisense.reasoning.loop.observations import seen_emotions
from omnisense.reasoning.loop.paraphrase import content_words
from omnisense.reasoning.loop.state import (
    LoopSettings,
    State,
    Written,
    count_tokens,
    events_of,
    heard_words,
    is_spent,
    seconds_left,
)
from omnisense.reasoning.policies.base import Policy

CONTINUATION_TOKENS = 40
_log = logging.getLogger(__name__)


class ReplyWriter:
    """The reply nodes, bound to a policy and settings."""

    def __init__(self, policy: Policy, settings: LoopSettings) -> None:
        self._policy, self._settings = policy, settings

    def respond(self, state: State, on_token: Callable[[str], None] | None = None) -> State:
        """Compose a reply; where ``drafts`` of the settings asks for it, let the policy go on from its first sentences.

        Args:
            state: with the appraisal.
            on_token: receives the first draft piece by piece while it is written.
        """
        settings = self._settings
        if state["drafts"]:
            composed, notes = state["drafts"][0], state["notes"]
        else:
            composed, notes = self._composed(state)
        drafts = state["drafts"] or (composed,)
        if not settings.drafts or not composed.opening:
            return {"drafts": drafts, "notes": notes}
        if is_spent(state, settings):
            _log.warning("the budget was spent before a reply was written (%d tokens)", state["spent_tokens"])
            return {"drafts": drafts, "notes": (*notes, "the budget was spent before a reply was written")}
        history = prompts.short_history(state["turns"])
        prompt = prompts.guided_prompt(heard_words(state), history, composed.opening, state["media"])
        batch = [prompt] * settings.drafts
        texts = self._policy.write(
            batch,
            max_new_tokens=CONTINUATION_TOKENS,
            temperature=settings.temperature,
            stop=["\n"],
            seed=settings.seed + 1000 * len(state["turns"]) + state["revisions"],
            on_token=on_token,
            max_seconds=seconds_left(state, settings),
        )
        replies = [complete_reply(composed.opening, text) for text in texts]
        written = tuple(Draft(reply, "policy", shape="continued", opening=composed.opening) for reply in replies)
        spent = state["spent_tokens"] + count_tokens(batch, texts)
        return {"drafts": (*drafts, *written), "spent_tokens": spent, "notes": notes}

    def reflect(self, state: State) -> State:
        """Check every draft and choose the best. The composed reply wins only over drafts with faults."""
        context = reply_context(state)
        drafts = tuple(checks.check(draft, context) for draft in state["drafts"])
        best = max(drafts, key=lambda d: (d.score, d.written_by == "policy", -len(d.text)))
        return {"drafts": drafts, "best": best, "revisions": state["revisions"] + 1}

    def wants_revision(self, state: Written) -> bool:
        """Whether to write again: the policy wrote, none of it passes, and revisions, tokens and time are left."""
        written = [draft for draft in state["drafts"] if draft.written_by == "policy"]
        settings = self._settings
        if not written or any(draft.score >= 1.0 for draft in written):
            return False
        return state["revisions"] <= settings.max_revisions and not is_spent(state, settings)

    def _composed(self, state: State) -> tuple[Draft, tuple[str, ...]]:
        """Return the composed reply, and the notes of the trace."""
        situation, picker = situation_of(state, self._settings)
        composed = compose_reply(situation, picker)
        own = self._settings.strategies.closings.get(state["strategy"].value)
        text = f"{composed.opening} {own}" if own and composed.opening else composed.text
        opening = _without_harm(composed.opening)
        text = _without_harm(text) or text
        notes = [note for note in (situation.note, composed.note) if note]
        draft = Draft(text, "template", shape=composed.shape, opening=opening)
        return draft, (*state["notes"], *notes)


def reply_context(state: State) -> checks.ReplyContext:
    """Return what the drafts of a guided turn are checked against."""
    felt, heard = state["emotion"], heard_words(state)
    shown: set[EmotionValue] = {channel.top for channel in felt.channels}
    shown |= {phase.value for phase in felt.earlier}
    opening = state["drafts"][0].opening
    return checks.ReplyContext(
        heard,
        checks.fitting_emotions(felt.value, shown - {"neutral"}),
        face_emotions=seen_emotions(state["percepts"], felt),
        has_voice=any(event.channel == "speech" for event in events_of(state)),
        opening=opening,
        asks="question" in state["strategy"].value,
        known=known_words(heard, opening),
    )


def known_words(heard: str, opening: str) -> frozenset[str]:
    """Return the words that a guided policy may use besides supportive ones."""
    return frozenset(content_words(f"{heard} {opening}"))


def complete_reply(opening: str, written: str) -> str:
    """Return the reply that a guided policy's continuation of an opening makes."""
    return f"{opening} {_first_sentence(written)}".strip()


def _without_harm(composed: str) -> str:
    """Return a composed reply without sentences that restate something and would be replaced as harm.

    Out of its context a clause of the person's own may read as such: "you stop drinking".
    """
    harmful = {sentence for sentence in not_written(composed) if safety.check_reply(sentence)}
    kept = [sentence for sentence in split_sentences(composed) if sentence not in harmful]
    if harmful and len(kept) == 1 and kept[0].endswith("?"):
        kept.insert(0, "Thank you for telling me.")
    return " ".join(kept) if harmful else composed


def _first_sentence(text: str) -> str:
    """Return the first finished sentence of a continuation; small models go astray after it."""
    ends = [i for i, c in enumerate(text) if c in ".!?" and (i + 1 == len(text) or text[i + 1] in " \n\"'")]
    return text[: ends[0] + 1].strip() if ends else text.strip()
