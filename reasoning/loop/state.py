"""What the loop carries from node to node, and its budgets."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypedDict

from omnisense.perception.media.clip import Clip
from omnisense.perception.percepts import Percepts
from omnisense.perception.types import Event, Transcript
from omnisense.reasoning.answers.multiple_choice import find_choice
from omnisense.reasoning.loop import prompts
from omnisense.reasoning.loop.appraisal import (
    Appraisal,
    Characteristics,
    Context,
    Draft,
    Emotion,
    EvidenceSpan,
    Need,
    SafetyFinding,
    Strategy,
)
from omnisense.reasoning.loop.conversation import Turn
from omnisense.reasoning.loop.emotion import quote_of
from omnisense.reasoning.loop.emotion_set import EmotionSet
from omnisense.reasoning.loop.notes import Note
from omnisense.reasoning.loop.strategies import StrategySet
from omnisense.reasoning.media import MediaBudget
from omnisense.reasoning.persona import Persona
from omnisense.reasoning.policies.base import Policy
from omnisense.reasoning.policies.messages import Messages, Part
from omnisense.reasoning.profile import PolicyProfile, profile_of

CHARS_PER_TOKEN = 4
_TIMELINE_TOKENS, GUIDED_TIMELINE_TOKENS = 1_500, 600
_TOO_MANY_MALFORMED = 2  # one may be chance, or a limit of tokens


class State(TypedDict, total=False):
    """The graph's state during one turn; :func:`initial_state` fills every key. It is never checkpointed.

    A node returns the keys that it changes. ``media`` are the parts of the clip that prompts show the policy, by
    reference; ``facts`` are the notes of earlier turns, ``told`` the facts of this one; ``asked`` is the message that
    a leading policy was sent for a short text, and ``malformed`` counts what it wrote that was no whole list
    (:class:`omnisense.reasoning.loop.conversation.Turn`); ``looked`` is what was looked at again, which can be cited
    beside the timeline's events; ``typed_words`` is the typed text as the text emotion model has read it; ``extra``
    holds values of nodes that are not ours.
    """

    clip: Clip | None
    typed: str
    typed_words: Transcript | None
    turns: tuple[Turn, ...]
    facts: tuple[Note, ...]
    told: tuple[str, ...]
    percepts: Percepts | None
    media: Sequence[Part]
    looked: tuple[EvidenceSpan, ...]
    characteristics: Characteristics
    emotion: Emotion
    context: Context
    need: Need
    strategy: Strategy
    asked: str
    drafts: tuple[Draft, ...]
    malformed: int
    best: Draft | None
    revisions: int
    safety: SafetyFinding
    response: str
    spent_tokens: int
    started_s: float
    notes: tuple[str, ...]
    extra: dict[str, Any]


class Written(TypedDict):
    """The part of the state that tells whether a reply is written again."""

    drafts: tuple[Draft, ...]
    revisions: int
    spent_tokens: int
    started_s: float


def initial_state(
    clip: Clip | None,
    typed: str,
    turns: Sequence[Turn] = (),
    notes: Sequence[str] = (),
    facts: Sequence[Note] = (),
    percepts: Percepts | None = None,
) -> State:
    """Return the state at the start of a turn.

    Args:
        clip: the clip to perceive, if any.
        typed: what the person typed; may be empty.
        turns: the conversation so far.
        notes: for the trace.
        facts: what the person told in earlier turns.
        percepts: what was perceived already; nothing is perceived then.
    """
    return {
        "clip": clip,
        "typed": typed,
        "typed_words": None,
        "turns": tuple(turns),
        "facts": tuple(facts),
        "told": (),
        "percepts": percepts,
        "media": (),
        "looked": (),
        "characteristics": Characteristics(),
        "emotion": Emotion(),
        "context": Context(),
        "need": Need(),
        "strategy": Strategy(),
        "asked": "",
        "drafts": (),
        "malformed": 0,
        "best": None,
        "revisions": 0,
        "safety": SafetyFinding(),
        "response": "",
        "spent_tokens": 0,
        "started_s": time.monotonic(),
        "notes": tuple(notes),
        "extra": {},
    }


@dataclass(frozen=True)
class LoopSettings:
    """Limits of the loop.

    Attributes:
        persona: who the agent is to the person.
        emotions: which emotions are told apart.
        strategies: which needs and support strategies are told apart, and what goes with what.
        profile: how the policy is used; None: the one that ships or was measured for it, else the stated prior.
        guided: whether the policy decides step by step and goes on from an opening; False: it writes every reply. None:
            as the profile says, and guided for the rest of a conversation in which two texts of it were neither a whole
            list nor a reply without faults.
        drafts: replies written at once. None: 1, and none by a guided policy, whose reply is composed of written
            sentences: of SmolLM2-135M's drafts 4% passed the checks. From 1 on it goes on from the composed reply, and
            what it writes is taken where the checks find no fault.
        max_looks: how often the policy may look again at a clip that its notes do not show whole; 0 never.
        max_revisions: how often a reply with faults is rewritten.
        max_reply_tokens: for one draft; twice as many where a leading policy is asked something, three times where
            it is asked for a text, list or plan.
        max_tokens: for one turn, prompts and replies together, at four characters a token.
        max_seconds: for one turn after perception; no call starts later.
        timeline_tokens: space for the rendered timeline in a prompt. None: 600 for a guided policy, 1,500 for one that
            leads: small models do worse with more.
        media: how much of the clip itself goes into a prompt, for policies that see or hear.
        temperature: of the drafts; seed: of their sampling.
        country: whose help lines a person in a crisis is given, as an ISO 3166 code ("US"); empty: international.
        max_text_chars: characters that a person may type in one turn.
    """

    persona: Persona = field(default_factory=Persona)
    emotions: EmotionSet = field(default_factory=EmotionSet)
    strategies: StrategySet = field(default_factory=StrategySet)
    profile: PolicyProfile | None = None
    guided: bool | None = None
    drafts: int | None = None
    max_looks: int = 2
    max_revisions: int = 1
    max_reply_tokens: int = 160
    max_tokens: int = 20_000
    max_seconds: float = 120.0
    timeline_tokens: int | None = None
    media: MediaBudget = field(default_factory=MediaBudget)
    temperature: float = 0.3  # low: small models keep closer to what they are asked
    seed: int = 0
    country: str = ""
    max_text_chars: int = 100_000

    def is_guided(self, policy: Policy, malformed: int = 0) -> bool:
        """Whether this policy decides step by step and goes on from an opening, instead of writing it all itself.

        Args:
            policy: of the agent.
            malformed: how many texts of it in this conversation were neither a whole list nor a reply that passed the
                checks. From two on it is guided, unless the settings say that it is not.
        """
        if self.guided is None and malformed >= _TOO_MANY_MALFORMED:
            return True
        return not self.profile_of(policy).leads

    def timeline_tokens_of(self, policy: Policy) -> int:
        """Return the space for the rendered timeline in a prompt of this policy."""
        if self.timeline_tokens is not None:
            return self.timeline_tokens
        return GUIDED_TIMELINE_TOKENS if self.is_guided(policy) else _TIMELINE_TOKENS

    def profile_of(self, policy: Policy) -> PolicyProfile:
        """Return how this policy is used."""
        profile = self.profile or profile_of(policy)
        if self.guided is None:
            return profile
        return replace(profile, leads=not self.guided, answers_only=profile.answers_only and self.guided)


def malformed_in(state: State) -> int:
    """Return how many texts of the policy in this conversation were no whole list, nor a reply without faults."""
    return state["malformed"] + sum(turn.malformed for turn in state["turns"])


def appraisal_of(state: State) -> Appraisal:
    """Return the appraisal so far; steps that have not run are ``unknown``."""
    return Appraisal(state["characteristics"], state["emotion"], state["context"], state["need"], state["strategy"])


def events_of(state: State) -> Sequence[Event]:
    """Return the events of this turn's timeline; none without a clip."""
    percepts = state["percepts"]
    return percepts.timeline().events if percepts else ()


def spoken_words(state: State) -> str:
    """Return everything that is said in the clip, as one text."""
    return " ".join(quote_of(event) for event in events_of(state) if event.channel == "speech")


def heard_words(state: State) -> str:
    """Return everything that the person said in the clip and typed, as one text."""
    spoken = [quote_of(event) for event in events_of(state) if event.channel == "speech"]
    return " ".join([*spoken, state["typed"]]).strip()


def told_words(state: State) -> str:
    """Return what may be told of the person or of others: not the options of a question in which nobody says "I".

    Options are possible answers, most of them wrong: "A. I lost my dog, B. I am going to fly" is nobody's plan.
    """
    asked = find_choice(state["typed"])
    if asked is None or asked.speaks_of_the_writer:
        return heard_words(state)
    return f"{spoken_words(state)} {asked.stem}".strip()


def evidence_text(state: State, max_tokens: int, with_ids: bool = False) -> str:
    """Return what is known of the person in this turn, as text for a prompt; ``with_ids`` so that it can be cited."""
    percepts = state["percepts"]
    rendered = percepts.render(max_tokens, with_ids) if percepts else ""
    return prompts.evidence_text(rendered, state["typed"], prompts.looked_text(state["looked"]))


def seconds_left(state: State, settings: LoopSettings) -> float:
    """Return the seconds of the turn's budget that are left; 0 when they are used up."""
    return max(0.0, settings.max_seconds - (time.monotonic() - state["started_s"]))


def is_spent(state: State | Written, settings: LoopSettings) -> bool:
    """Whether the turn's tokens or seconds are used up."""
    late = time.monotonic() - state["started_s"] >= settings.max_seconds
    return late or state["spent_tokens"] >= settings.max_tokens


def count_tokens(prompt_batch: Sequence[Messages], replies: Sequence[str]) -> int:
    """Estimate the tokens of prompts and replies, without a tokenizer: four characters each, and those of media."""
    parts = [part for prompt in prompt_batch for m in prompt for part in m["content"]]
    characters = sum(len(part.get("text", "")) for part in parts) + sum(len(text) for text in replies)
    return characters // CHARS_PER_TOKEN + sum(part.get("tokens", 0) for part in parts)
