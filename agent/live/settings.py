"""Settings of a live conversation."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Literal

from omnisense.errors import InputError


@dataclass(frozen=True)
class LiveSettings:
    """How turns are taken in a live conversation. Times in seconds.

    Attributes:
        turn_detection: ``automatic``: the person's turn ends by the rule in :mod:`omnisense.agent.live.turn_taking`;
            ``manual``: only by :meth:`LiveSession.end_turn` (push to talk).
        pause_s: silence after which the end-of-turn model is asked and an answer is begun.
        min_endpointing_s: silence that ends a turn which sounds and reads complete (LiveKit's default).
        max_endpointing_s: silence that ends any turn (LiveKit's default).
        adaptive_endpointing: whether somebody who went on after a pause that had seemed the end is given more time.
        allow_interruptions: whether the person's speech stops the agent.
        min_interruption_s: speech that interrupts the agent, unless it is a backchannel (LiveKit's default).
        resume_after_s: after speech without words (a cough, noise) stopped the agent, it goes on when the person has
            been silent for this long (LiveKit's default).
        partials_s: how often the words of speech in progress are recognized, for ``PartialTranscript``; 0: at pauses
            only.
        speculate: whether an answer is begun at a pause, before the turn is known to be over, and thrown away if the
            person goes on. Costs computation for quicker replies.
        output_lead_s: how far the sound that is handed out runs ahead of what is played by then. More survives an
            uneven connection; a client that does not drop its buffer plays this much after an interruption.
        client_reports_playback: whether the client calls :meth:`LiveSession.truncate` after an interruption; the
            history waits up to a second for it.
        check_in: whether a clear change for the worse in the listener's face ends the reply early with a question.
        address: whether a reply begins with the name of whom it answers, where several people were heard and the name
            was told.
        max_turn_s: a turn is ended at its next pause when it is longer, at the latest at one and a half times this.
        look_back_s: how much of what was seen before the person spoke belongs to their turn, at most.
    """

    turn_detection: Literal["automatic", "manual"] = "automatic"
    pause_s: float = 0.2
    min_endpointing_s: float = 0.5
    max_endpointing_s: float = 3.0
    adaptive_endpointing: bool = True
    allow_interruptions: bool = True
    min_interruption_s: float = 0.5
    resume_after_s: float = 2.0
    partials_s: float = 0.8
    speculate: bool = True
    output_lead_s: float = 0.12
    client_reports_playback: bool = False
    check_in: bool = False
    address: bool = True
    max_turn_s: float = 60.0
    look_back_s: float = 20.0

    def __post_init__(self) -> None:
        if self.turn_detection not in ("automatic", "manual"):
            raise InputError(f"unknown turn detection '{self.turn_detection}'", "Give automatic or manual.")
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(field.default, bool) and not isinstance(value, bool):
                raise InputError(f"{field.name} is {value!r}", "Give true or false.")
            if isinstance(field.default, float):
                is_number = isinstance(value, int | float) and not isinstance(value, bool)
                least_s = 0.0 if field.name == "partials_s" else 1e-3
                if not is_number or not least_s <= value < 3600.0:
                    raise InputError(f"{field.name} is {value!r}", "Give seconds, more than 0.")
        if not self.pause_s <= self.min_endpointing_s <= self.max_endpointing_s:
            raise InputError(
                f"pause_s {self.pause_s}, min_endpointing_s {self.min_endpointing_s} and max_endpointing_s "
                f"{self.max_endpointing_s} are not in order",
                "Give each at least the value of the one before.",
            )
