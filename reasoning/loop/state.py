"""What the loop carries from step to step, its limits, and how the steps read it."""

from __future__ import annotations

import functools
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict

from omnisense.perception.fusion.timeline import Event
from omnisense.perception.types import Percepts
from omnisense.reasoning.loop import emotion, prompts
from omnisense.reasoning.loop.paraphrase import content_words
from omnisense.reasoning.policies.messages import Messages

_CHARS_PER_TOKEN = 4


class State(TypedDict, total=False):
    """What the graph carries and checkpoints. ``percepts`` is a path; media are never in it."""

    clip: dict[str, Any] | None  # path, start_s, end_s
    typed: str
    percepts: str | None
    characteristics: dict[str, Any]
    emotion: dict[str, Any]
    context: dict[str, Any]
    need: dict[str, Any]
    strategy: dict[str, Any]
    drafts: list[dict[str, Any]]
    revisions: int
    best: dict[str, Any]
    safety: dict[str, Any]
    response: str
    turns: list[dict[str, Any]]
    spent_tokens: int
    started_s: float
    notes: list[str]


@dataclass(frozen=True)
class LoopSettings:
    """How much the loop may do.

    Attributes:
        guided: whether replies continue an opening written from the appraisal; None: when the policy is small.
        drafts: replies written at once; None: 6 when guided (a small model needs the choice), else 1.
        max_revisions: how often a reply with faults is written anew.
        max_reply_tokens: for one draft.
        max_tokens: for one turn, prompts and replies together, counted at four characters a token.
        max_seconds: for one turn after perception; no call is begun past it.
        timeline_tokens: room for the rendered timeline in a prompt.
        temperature: of the drafts; seed: of their sampling.
    """

    guided: bool | None = None
    drafts: int | None = None
    max_revisions: int = 1
    max_reply_tokens: int = 160
    max_tokens: int = 20_000
    max_seconds: float = 120.0
    timeline_tokens: int = 600
    temperature: float = 0.7
    seed: int = 0


@functools.lru_cache(maxsize=8)
def _stored(path: str, changed_ns: int) -> Percepts:
    return Percepts.from_json(Path(path).read_bytes())


def perceived(state: State) -> tuple[Percepts | None, Sequence[Event]]:
    """The percepts of this turn and the events of their timeline."""
    path = state.get("percepts")
    if not path:
        return None, ()
    percepts = _stored(path, Path(path).stat().st_mtime_ns)
    return percepts, percepts.timeline().events


def heard(state: State) -> str:
    """Everything the person said in the clip and typed, one text."""
    spoken = [emotion.quote_of(e) for e in perceived(state)[1] if e.channel == "speech"]
    return " ".join([*spoken, state.get("typed", "")]).strip()


def recall(turns: Sequence[dict[str, Any]], typed: str) -> str:
    """What the person said earlier that a question of theirs asks about; empty when it asks about nothing earlier."""
    if not typed.rstrip().endswith("?"):
        return ""
    asked = content_words(typed)
    about_memory = bool(
        asked & {"remember", "told", "tell", "said", "mentioned", "earlier", "beginning", "first", "name"}
    )
    ranked = sorted(
        (
            (len(asked & content_words(t["heard"])), -i, t["heard"])
            for i, t in enumerate(turns)
            if t["heard"] and not t["heard"].rstrip().endswith("?")
        ),
        reverse=True,
    )
    if not ranked or not about_memory:
        return ""
    shared, _, said = ranked[0]
    return shortened(said, 30) if shared or asked & {"first", "beginning", "earlier", "told", "said"} else ""


def with_turn(state: State, reply: str, feeling: str) -> list[dict[str, Any]]:
    """The conversation with this turn at its end."""
    turn = {
        "heard": heard(state),
        "typed": state.get("typed", ""),
        "clip": state.get("clip"),
        "reply": reply,
        "emotion": feeling,
    }
    return [*state.get("turns", []), turn]


def shortened(text: str, words: int = 24) -> str:
    """The first words of a text."""
    parts = text.split()
    return " ".join(parts[:words]) + (" ..." if len(parts) > words else "")


def evidence(state: State, max_tokens: int) -> str:
    """What is known of the person this turn, as text for a prompt."""
    percepts, _ = perceived(state)
    return prompts.evidence_text(percepts.render(max_tokens) if percepts else "", state.get("typed", ""))


def is_spent(state: State, settings: LoopSettings) -> bool:
    """Whether the turn's tokens or seconds are used up."""
    late = time.time() - state.get("started_s", time.time()) >= settings.max_seconds
    return late or state.get("spent_tokens", 0) >= settings.max_tokens


def count_tokens(asked: Sequence[Messages], written: Sequence[str]) -> int:
    """Tokens of prompts and replies, at four characters each: an estimate that needs no tokenizer."""
    read = sum(len(part.get("text", "")) for prompt in asked for m in prompt for part in m["content"])
    return (read + sum(len(text) for text in written)) // _CHARS_PER_TOKEN
