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
        stored.get("doubtful", False),
    )
    if turn.risk not in _RISKS:
        raise ValueError("an unknown risk")
    if not isinstance(turn.malformed, int) or not isinstance(turn.doubtful, bool):
        raise TypeError("a count is no number, or a mark is not true or false")
    texts = (turn.heard, turn.typed, turn.reply, turn.emotion, turn.asked, turn.written)
    if not all(isinstance(text, str) for text in texts):
        raise TypeError("a text is no string")
    return turn


def read_pending(stored: dict[str, Any]) -> PendingTurn:
    """Return a turn that has not ended from its row; raises as :func:`read_turn` does."""
    if not isinstance(stored["typed"], str):
        raise TypeError("a text is no string")
    return PendingTurn(stored["typed"], _read_clip(stored["clip"]))


def _read_clip(stored: dict[str, Any] | None) -> ClipReference | None:
    if not stored:
        return None
    clip = ClipReference(stored["path"], stored["start_s"], stored["end_s"], stored.get("sha256", ""))
    if not isinstance(clip.path, str) or not isinstance(clip.sha256, str):
        raise TypeError("a text is no string")
    if not all(isinstance(time_s, int | float) for time_s in (clip.start_s, clip.end_s)):
        raise TypeError("a time is no number")
    return clip
