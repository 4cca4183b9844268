"""The JSON of a turn in a row of the conversation database."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, get_args

from omnisense.reasoning.loop.appraisal import RiskCategory
from omnisense.reasoning.loop.conversation import ClipReference, Turn

_RISKS = frozenset((*get_args(RiskCategory), None))


@dataclass(frozen=True)
class PendingTurn:
    """A turn that has begun and not ended."""

    typed: str
    clip: ClipReference | None


def read_turn(stored: dict[str, Any]) -> Turn:
    """Return a turn from its row; raises KeyError, TypeError or ValueError if it is damaged."""
    turn = Turn(
        stored["heard"],
        stored["typed"],
        _read_clip(stored["clip"]),
        stored["reply"],
        stored["emotion"],
        stored["risk"],
        stored.get("interrupted", False),
        stored.get("asked", ""),
        stored.get("written", ""),
        stored.get("malformed", 0),
    )
    if turn.risk not in _RISKS:
        raise ValueError("an unknown risk")
    texts = (turn.heard, turn.typed, turn.reply, turn.emotion, turn.asked, turn.written)
    if not all(isinstance(text, str) for text in texts):
        raise TypeError("a text is no string")
    return turn


def read_pending(stored: dict[str, Any]) -> PendingTurn:
    """Return a turn that has not ended from its row; raises as :func:`read_turn` does."""
    return PendingTurn(stored["typed"], _read_clip(stored["clip"]))


def _read_clip(stored: dict[str, Any] | None) -> ClipReference | None:
    if not stored:
        return None
    return ClipReference(stored["path"], stored["start_s"], stored["end_s"], stored.get("sha256", ""))
