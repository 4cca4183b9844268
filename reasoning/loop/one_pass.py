"""One pass: a leading policy writes the whole appraisal and the reply in a single structured generation.

What it writes is checked against the timeline: citations of events that do not exist are removed and noted, and its
emotion is pooled with the measured channels. A second generation is asked for only where the checks find a fault. What
is typed without a clip is answered in a plain conversation where it asks for something, and as a second look
(:mod:`omnisense.reasoning.loop.plain_answer`). A policy that only answers is given no other message.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Sequence

from omnisense.reasoning.language import detect_language
from omnisense.reasoning.loop import checks
from omnisense.reasoning.loop.appraisal import Draft, Emotion
from omnisense.reasoning.loop.conversation import asks_to_recall, recall
from omnisense.reasoning.loop.extensions import SafetyCheck
from omnisense.reasoning.loop.guided.act import NEED_KNOWLEDGE
from omnisense.reasoning.loop.guided.situation import reading_of
from omnisense.reasoning.loop.leading_prompts import (
    NO_REPLY,
    history_messages,
    notes_to_show,
    one_pass_rules,
    plain_prompt,
    request_reminder,
    revision_request,
    turn_request,
)
from omnisense.reasoning.loop.mending import addressed, mend, with_text
from omnisense.reasoning.loop.notes import notes_text
from omnisense.reasoning.loop.observations import seen_emotions
from omnisense.reasoning.loop.plain_answer import WITH_REPLY, PlainAnswer
from omnisense.reasoning.loop.requests import Request, request_of
from omnisense.reasoning.loop.sentence_gate import CheckedSentence, SentenceGate
from omnisense.reasoning.loop.state import (
    LoopSettings,
    State,
    Written,
    count_tokens,
    events_of,
    evidence_text,
    heard_words,
    is_spent,
    malformed_in,
    seconds_left,
)
from omnisense.reasoning.loop.written_appraisal import appraise, opinion
from omnisense.reasoning.loop.written_turn import (
    Item,
    ReplyStreamer,
    WrittenTurn,
    is_whole,
    read_turn,
    turn_items,
    turn_schema,
)
from omnisense.reasoning.media import with_media
from omnisense.reasoning.policies.base import Policy
from omnisense.reasoning.policies.messages import Messages, message
from omnisense.text import quote

# What the appraisal takes beside the reply, at most: with a summary or citations, and without.
_APPRAISAL_TOKENS, _SHORT_APPRAISAL_TOKENS = 120, 50
# To the end of the emotion's name, and of what is written before it, at most.
_EMOTION_TOKENS, _BEFORE_EMOTION_TOKENS = 16, 40
_KEPT_CHARS = 4_000  # a longer message is not repeated as it was sent
# As many tokens as for another reply may be written where there is an answer to give, or a text, a list or a plan.
_TIMES: dict[Request, int] = {"": 1, "answer": 2, "text": 3}
_SHORT_WORDS = 40  # a typed message up to here needs no summary
_MENDED = "the reply was mended: sentences with a fault were left out, or words of the person turned to 'you'"
_DANGEROUS = frozenset({"method details", "urging harm"})
_STEPS_DOWN = "twice the policy wrote no whole list: it is guided for the rest of the conversation"
_log = logging.getLogger(__name__)


class OnePass:
    """The nodes of a leading policy: ``compose`` and ``review``."""

    def __init__(self, policy: Policy, settings: LoopSettings, safety_checks: Sequence[SafetyCheck] = ()) -> None:
        self._policy, self._settings, self._safety_checks = policy, settings, safety_checks
        emotions, strategies = settings.emotions, settings.strategies
        names = strategies.need_names, strategies.strategy_names
        self._schema = functools.cache(lambda items: turn_schema(items, emotions.names, *names))
        self._plain = PlainAnswer(policy, settings)
        self._appraise = functools.partial(appraise, policy=policy, settings=settings)
        self._rules = one_pass_rules(settings.persona, emotions.names, emotions.neutral, names[1])

    def writes(self, state: State) -> bool:
        """Whether the policy writes this turn's reply.

        One that only answers does where something is asked that takes knowledge; of the agent itself and of the
        conversation the loop knows more. Composed replies are English: in another language it writes to what is told,
        too.
        """
        if not self._answers_only or self._language(state) not in ("", "en"):
            return True
        reading = reading_of(state)
        if reading is None:
            return False
        asks = bool(reading.asked or request_of(reading.text))
        return reading.act.name in NEED_KNOWLEDGE or (asks and not reading.act.explicit)

    def compose(
        self,
        state: State,
        on_token: Callable[[str], None] | None = None,
        on_sentence: Callable[[CheckedSentence], None] | None = None,
    ) -> State:
        """Write the appraisal and a reply; in a later round, a reply without the faults of the last.

        Args:
            state: with what was perceived; with drafts in a later round.
            on_token: receives the reply piece by piece while it is first written.
            on_sentence: receives its sentences, but the last, as they pass the safety gate and the checks.

        Raises:
            PolicyError: the policy failed.
        """
        settings = self._settings
        if is_spent(state, settings):
            _log.warning("the budget was spent before a reply was written (%d tokens)", state["spent_tokens"])
            note = "the budget was spent before a reply was written"
            return {**self._appraise(state, WrittenTurn()), "notes": (*state["notes"], note)}
        if self._is_plain_request(state) or (state["drafts"] and self._is_plain(state)):
            return self._answer(state, on_token, on_sentence)
        items = turn_items(cites=self._has_events(state), context=(is_long := self._is_long(state)))
        evidence = self._evidence(state, items)
        prompt = self._prompt(state, evidence)
        first = not state["drafts"]
        text = self._policy.write(
            [prompt],
            max_new_tokens=self._reply_tokens(state) + (_APPRAISAL_TOKENS if is_long else _SHORT_APPRAISAL_TOKENS),
            temperature=settings.temperature,
            seed=settings.seed + 1000 * len(state["turns"]) + state["revisions"],
            on_token=self._streamer(state, items, on_token, on_sentence) if on_token and first else None,
            schema=self._schema(items),
            max_seconds=seconds_left(state, settings),
        )[0]
        written, notes = read_turn(text, items)
        known = {event.id for event in events_of(state)} | {span.id for span in state["looked"]} | {"typed"}
        unknown = [cited for cited in written.cites if cited not in known]
        if unknown:
            notes = [*notes, f"citations of nothing on the timeline were removed: {', '.join(unknown)}"]
        is_repeated = not self._has_events(state) and len(evidence) <= _KEPT_CHARS
        update: State = {
            "asked": evidence if is_repeated else "",
            "drafts": (*state["drafts"], Draft(written.reply, "policy", raw=text)),
            "notes": (*state["notes"], *notes),
            "spent_tokens": state["spent_tokens"] + count_tokens([prompt], [text]),
        }
        if first:
            update["told"] = tuple(fact.strip() for fact in written.remember if fact.strip())
        return {**update, **self._appraise(state, written)} if first else update

    def _answer(
        self,
        state: State,
        on_token: Callable[[str], None] | None,
        on_sentence: Callable[[CheckedSentence], None] | None,
    ) -> State:
        """Write the appraisal and an answer; in a later round the answer alone."""
        first, prompt = not state["drafts"], self._plain_prompt(state)
        update: State = {}
        if first:
            written, notes, spent = self._plain.appraise(state, prompt, seconds_left(state, self._settings))
            evidence = self._evidence(state, WITH_REPLY)
            update = {
                "asked": evidence if len(evidence) <= _KEPT_CHARS else "",
                "notes": (*state["notes"], *notes),
                "spent_tokens": state["spent_tokens"] + spent,
                **self._appraise(state, written),
            }
        appraised: State = {**state, **update}
        streamer = None
        if on_token and first:
            streamer = ReplyStreamer(self._receiver(state, on_token, on_sentence, lambda: appraised), WITH_REPLY)
        draft, spent = self._plain.answer(appraised, prompt, self._reply_tokens(state), streamer)
        return {
            **update,
            "drafts": (*state["drafts"], draft),
            "spent_tokens": appraised["spent_tokens"] + spent,
        }

    def opinions(self, states: Sequence[State]) -> list[dict[str, float]]:
        """Return what the policy writes of the emotion in several first turns, as probabilities.

        Its list is written no further than to the emotion.

        Raises:
            PolicyError: the policy failed.
        """
        return [opinion(self._written_emotion(state), self._settings.emotions.names) for state in states]

    def _written_emotion(self, state: State) -> WrittenTurn:
        if self._is_plain_request(state):
            return self._plain.appraise(state, self._plain_prompt(state))[0]
        items = turn_items(cites=self._has_events(state), context=(is_long := self._is_long(state)))
        [text] = self._policy.write(
            [self._prompt(state, self._evidence(state, items))],
            max_new_tokens=(_BEFORE_EMOTION_TOKENS if is_long else 0) + _EMOTION_TOKENS,
            temperature=self._settings.temperature,
            seed=self._settings.seed,
            schema=self._schema(items),
        )
        return read_turn(text, items)[0]

    def review(self, state: State) -> State:
        """Check every draft and take the best. Without one, the person is told that there is no reply.

        No draft is left where too much of what the policy wrote in this conversation was no list: the turn goes on
        guided, and so do those after it.
        """
        context = self._check_context(state, state["emotion"])
        is_last = len(state["drafts"]) > self._settings.max_revisions or is_spent(state, self._settings)
        drafts = tuple(self._checked(draft, context, state["typed"], is_last) for draft in state["drafts"])
        in_time = seconds_left(state, self._settings) > 0  # else it was cut off, whatever it can write
        malformed = sum(in_time and draft.score < 1.0 and not is_whole(draft.raw) for draft in drafts)
        if self._settings.is_guided(self._policy, malformed_in({**state, "malformed": malformed})):
            _log.warning("%s cannot write what a leading policy writes: it is guided from here on", self._policy.name)
            return {"drafts": (), "malformed": malformed, "told": (), "notes": (*state["notes"], _STEPS_DOWN)}
        # Of equals the last: it was asked for because of faults in those before, which were only mended.
        best = max(reversed(drafts), key=lambda draft: draft.score, default=None)
        if best is None or not best.text:
            best = Draft(NO_REPLY, "template")
            drafts = (*drafts, best)
        update: State = {"drafts": drafts, "malformed": malformed, "best": best, "revisions": state["revisions"] + 1}
        notes = [fault.reason for fault in best.faults if fault.name == "language"]
        if best.text not in (draft.text for draft in state["drafts"]) and best.written_by == "policy":
            notes.append(_MENDED)
        return {**update, "notes": (*state["notes"], *notes)} if notes else update

    def wants_revision(self, state: Written) -> bool:
        """Whether to look a second time: every draft has a fault, and revisions, tokens and time are left."""
        passed = any(draft.score >= 1.0 for draft in state["drafts"])
        settings = self._settings
        return not passed and state["revisions"] <= settings.max_revisions and not is_spent(state, settings)

    def _checked(self, draft: Draft, context: checks.ReplyContext, typed: str, is_last: bool) -> Draft:
        """Return a draft with its faults, or without the sentences that have them.

        A dangerous one is written again, and so is one without what was asked for, or, unless it is the last, one that
        only says the person's words again.
        """
        checked = checks.check(with_text(draft, addressed(draft.text, context.said)), context)
        is_empty = any(fault.name == "unanswered" or (fault.name == "copy" and not is_last) for fault in checked.faults)
        if not checked.faults or is_empty or _DANGEROUS & {fault.reason for fault in checked.faults}:
            return checked
        return mend(checked, lambda reply: checks.find_faults(reply, context), is_asked=bool(request_of(typed)))

    def _check_context(self, state: State, felt: Emotion) -> checks.ReplyContext:
        """Return what a reply is checked against."""
        typed, turns = state["typed"], state["turns"]
        is_asked_again = asks_to_recall(typed) or any(turn.typed == typed for turn in turns)
        return checks.ReplyContext(
            heard_words(state),
            (),
            leads=True,
            face_emotions=seen_emotions(state["percepts"], felt),
            language=self._language(state),
            earlier=() if is_asked_again else [turn.reply for turn in turns],
            request=request_of(typed) if self._is_plain(state) or request_of(typed) == "text" else "",
        )

    def _streamer(
        self,
        state: State,
        items: tuple[Item, ...],
        on_token: Callable[[str], None],
        on_sentence: Callable[[CheckedSentence], None] | None,
    ) -> ReplyStreamer:
        """Return what receives the pieces of a list that the policy writes."""

        @functools.cache  # the appraisal is written before the reply, and stays as it is
        def appraisal() -> State:
            return self._appraise(state, read_turn(streamer.text, items)[0])

        streamer = ReplyStreamer(self._receiver(state, on_token, on_sentence, appraisal), items)
        return streamer

    def _receiver(
        self,
        state: State,
        on_token: Callable[[str], None],
        on_sentence: Callable[[CheckedSentence], None] | None,
        appraisal: Callable[[], State],
    ) -> Callable[[str], None]:
        """Return what receives the pieces of a reply; its sentences are handed on once they have passed the checks."""
        if on_sentence is None:
            return on_token

        def passes(reply: str) -> bool:
            context = self._check_context(state, appraisal()["emotion"])
            if checks.find_faults(reply, context) or addressed(reply, context.said) != reply:
                return False
            return all(check.check_reply(reply) is None for check in self._safety_checks)

        def say(sentence: str) -> None:
            on_sentence(CheckedSentence(sentence, appraisal()["strategy"], appraisal()["emotion"].value))

        gate = SentenceGate(passes, say)

        def receive(piece: str) -> None:
            on_token(piece)
            gate(piece)

        return receive

    def _reply_tokens(self, state: State) -> int:
        """Return how many tokens the reply may take."""
        return self._settings.max_reply_tokens * _TIMES[request_of(state["typed"])]

    @functools.cached_property  # the model may have to be loaded
    def _answers_only(self) -> bool:
        return self._settings.profile_of(self._policy).answers_only

    def _is_plain_request(self, state: State) -> bool:
        return self._is_plain(state) and (bool(request_of(state["typed"])) or self._answers_only)

    def _plain_prompt(self, state: State) -> Messages:
        """Return a plain conversation up to the message."""
        return plain_prompt(
            self._settings.persona, self._language(state), state["turns"], state["typed"], self._known(state)
        )

    def _is_plain(self, state: State) -> bool:
        """Whether the message alone is to be answered: no clip or picture, nothing to look up in the conversation."""
        return not (self._has_events(state) or state["media"] or asks_to_recall(state["typed"]))

    def _has_events(self, state: State) -> bool:
        return bool(events_of(state) or state["looked"])

    def _is_long(self, state: State) -> bool:
        """Whether there is enough to sum up; what a short message says is its context, and is not written again."""
        return self._has_events(state) or len(state["typed"].split()) > _SHORT_WORDS

    def _language(self, state: State) -> str:
        """Return the language of the reply: the persona's, else the person's own; empty where it does not show."""
        return self._settings.persona.language or detect_language(heard_words(state))

    def _evidence(self, state: State, items: tuple[Item, ...]) -> str:
        """Return the text of the last message: what is known in this turn, and the request for the list."""
        evidence = evidence_text(state, self._settings.timeline_tokens_of(self._policy), with_ids=True)
        evidence = "\n".join(filter(None, [evidence, self._known(state)]))
        request = turn_request(language := self._language(state), items, self._settings.strategies.need_names)
        # Before a plain message the request is part of what a cache holds; small models need what is special behind it.
        is_plain = language in ("", "en") and "cites" not in items
        parts = [request, evidence] if is_plain else [evidence, request]
        return "\n".join(filter(None, [*parts, request_reminder(state["typed"])]))

    def _known(self, state: State) -> str:
        """Return what the person told earlier and earlier messages do not show, and what this one asks to recall."""
        recalled = recall(state["turns"], state["typed"], state["facts"])
        known = notes_text(notes_to_show(state["facts"], len(state["turns"])))
        parts = [f"What they told you earlier:\n{known}"] if known else []
        parts += [f"Earlier in this conversation they said: {quote(recalled)}"] if recalled else []
        return "\n".join(parts)

    def _prompt(self, state: State, evidence: str) -> Messages:
        prompt = [
            message("system", self._rules),
            *history_messages(state["turns"]),
            with_media(message("user", evidence), state["media"]),
        ]
        own = [draft for draft in state["drafts"] if draft.written_by == "policy"]
        if own:  # the same prompt goes on, so that a policy that keeps its cache reads only what is new
            prompt += [
                message("assistant", own[-1].raw),
                message("user", revision_request([fault.reason for fault in own[-1].faults])),
            ]
        return prompt
