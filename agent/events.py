"""What happens in a turn of the agent, while it happens.

A :class:`CheckedSentence` may be said at once: with those before it, it has passed the safety gate and the checks. The
reply of :class:`Finished` need not begin with it, where a later sentence failed and the reply was written again.
"""

from __future__ import annotations

from dataclasses import dataclass

from omnisense.agent.response import Response
from omnisense.perception.extraction import Stream
from omnisense.reasoning.loop.conversation import Turn
from omnisense.reasoning.loop.sentence_gate import CheckedSentence
from omnisense.reasoning.loop.state import State


@dataclass(frozen=True)
class StreamPerceived:
    """A stream of the clip is done (or missing)."""

    name: str
    stream: Stream
    seconds: float


@dataclass(frozen=True)
class StageDone:
    """A node of the loop is done; ``update`` is what it changed in the state."""

    stage: str
    update: State
    seconds: float


@dataclass(frozen=True)
class Token:
    """A piece of the first draft while it is written. The final reply may be another draft."""

    text: str


@dataclass(frozen=True)
class Finished:
    """The turn is over.

    Attributes:
        turn: as it enters the conversation.
        told: facts that the person told in it.
    """

    response: Response
    turn: Turn
    told: tuple[str, ...] = ()


AgentEvent = StreamPerceived | StageDone | Token | CheckedSentence | Finished
