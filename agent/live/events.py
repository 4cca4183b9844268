"""What happens in a live conversation. ``at_s`` is the session's time, in seconds from its start.

The order within a turn: ``SpeechStarted``, any number of ``PartialTranscript``, ``SpeechStopped``, ``SpeechStarted``,
``TurnEnded``, ``TurnTranscribed``, ``ReplyStarted``, for each sentence ``ReplySentence`` and its ``ReplyAudio``, then
``ReplyEnded``. ``ReplyWritten`` comes with ``ReplyStarted``, or later where the policy still writes; not at all where
the reply is stopped before. ``ReplyPaused`` and ``ReplyResumed`` come where speech may be an interruption.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from omnisense.agent.live.latency import TurnLatency
from omnisense.agent.response import Response
from omnisense.errors import OmniSenseError
from omnisense.perception.types import Event
from omnisense.reasoning.loop.conversation import Turn

SessionState = Literal["listening", "thinking", "speaking"]


@dataclass(frozen=True)
class StateChanged:
    """The session listens, thinks or speaks."""

    at_s: float
    state: SessionState


@dataclass(frozen=True)
class SpeechStarted:
    """The person starts to speak, or goes on after a pause."""

    at_s: float
    turn_id: str


@dataclass(frozen=True)
class SpeechStopped:
    """The person pauses; whether the turn is over is decided later.

    Attributes:
        end_s: where the speech ended.
    """

    at_s: float
    turn_id: str
    end_s: float


@dataclass(frozen=True)
class PartialTranscript:
    """The words of the turn so far; they may still change."""

    at_s: float
    turn_id: str
    text: str


@dataclass(frozen=True)
class TurnEnded:
    """The person's turn is over.

    Attributes:
        end_s: where their speech ended.
        complete: how complete the turn seemed, 0 to 1; 1 where the client or a typed text ended it.
        reason: in words, such as ``audio 0.93, words complete, looks at the camera``.
    """

    at_s: float
    turn_id: str
    end_s: float
    complete: float
    reason: str


@dataclass(frozen=True)
class TurnResumed:
    """The person goes on before the agent made a sound: the turn that seemed over is not."""

    at_s: float
    turn_id: str


@dataclass(frozen=True)
class TurnTranscribed:
    """The final words of a turn.

    Attributes:
        text: what was heard and typed.
        speaker: who spoke most of it: a name that was told, else ``voice-1`` and so on; empty where it is unknown.
    """

    at_s: float
    turn_id: str
    text: str
    speaker: str


@dataclass(frozen=True)
class Noticed:
    """Changes that were seen: faces that appear and leave, expressions, gestures."""

    at_s: float
    events: tuple[Event, ...]


@dataclass(frozen=True)
class Backchannel:
    """The person signals that they listen ("mhmm", laughter, a nod); the agent goes on.

    Attributes:
        text: the words; empty for a sound without words.
    """

    at_s: float
    text: str


@dataclass(frozen=True)
class ReplyStarted:
    """The agent starts to answer a turn: its first sentence is there."""

    at_s: float
    turn_id: str
    reply_id: str


@dataclass(frozen=True)
class ReplyWritten:
    """The whole answer is there; where the policy streams, while its first sentences are played.

    Attributes:
        response: with appraisal, safety finding, percepts and trace. Its text is what the loop released; where a later
            sentence failed the checks, the sentences that were said before come on top (``ReplyEnded.turn.reply``).
    """

    at_s: float
    turn_id: str
    reply_id: str
    response: Response


@dataclass(frozen=True)
class ReplySentence:
    """A sentence of the reply begins.

    Attributes:
        start_s: in the sound of the reply.
    """

    at_s: float
    reply_id: str
    text: str
    start_s: float


@dataclass(frozen=True)
class ReplyAudio:
    """Sound of the reply, to be played in order and at once.

    Attributes:
        samples: (N,) float32 mono.
        sample_rate: in Hz.
        start_s: in the sound of the reply.
    """

    at_s: float
    reply_id: str
    samples: np.ndarray
    sample_rate: int
    start_s: float


@dataclass(frozen=True)
class ReplyPaused:
    """The reply is silent because the person may be interrupting. A client drops what it has not played.

    Attributes:
        played_s: of the sound of the reply; what follows comes again after :class:`ReplyResumed`.
    """

    at_s: float
    reply_id: str
    played_s: float


@dataclass(frozen=True)
class ReplyResumed:
    """It was no interruption: the reply goes on.

    Attributes:
        start_s: in the sound of the reply, from where it goes on.
    """

    at_s: float
    reply_id: str
    start_s: float


@dataclass(frozen=True)
class ReplyEnded:
    """The reply is over, and its turn is in the history.

    Attributes:
        turn: as it is remembered: ``turn.reply`` is what was played, ``turn.interrupted`` whether that is a part only.
        latency: of the turn.
        reason: ``done``, ``interrupted`` (by speech), ``stopped`` (by the client), ``check-in`` or ``closed``.
    """

    at_s: float
    turn_id: str
    reply_id: str
    turn: Turn
    latency: TurnLatency
    reason: str


@dataclass(frozen=True)
class TurnFailed:
    """A turn could not be answered or recorded; the conversation goes on."""

    at_s: float
    turn_id: str
    error: OmniSenseError


LiveEvent = (
    StateChanged
    | SpeechStarted
    | SpeechStopped
    | PartialTranscript
    | TurnEnded
    | TurnResumed
    | TurnTranscribed
    | Noticed
    | Backchannel
    | ReplyStarted
    | ReplyWritten
    | ReplySentence
    | ReplyAudio
    | ReplyPaused
    | ReplyResumed
    | ReplyEnded
    | TurnFailed
)
