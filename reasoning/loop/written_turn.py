"""The JSON object in which a leading policy writes its appraisal and reply: schema, reading, streaming of the reply."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator


class WrittenTurn(BaseModel):
    """What a leading policy writes in one pass. Every field may be missing: a policy need not obey.

    Attributes:
        context: what the person says or asks for, in a few words; empty for a short message.
        emotion: one of the emotion set.
        described: the feeling in the policy's own words (mixed, ironic, understated).
        strength: of the emotion, 0 to 1.
        need: what would help.
        strategy: the support strategy of the reply.
        cites: ids of the events that all of this rests on.
        reply: what to say to the person.
        remember: lasting facts that the person told about themselves.
    """

    model_config = ConfigDict(extra="ignore")

    context: str = ""
    emotion: str = ""
    described: str = ""
    strength: float = Field(default=0.5, ge=0, le=1)
    need: str = ""
    strategy: str = ""
    cites: list[str] = Field(default_factory=list)
    reply: str = ""
    remember: list[str] = Field(default_factory=list)

    @field_validator("emotion", "need", "strategy", mode="before")
    @classmethod
    def _plain(cls, value: Any) -> Any:
        return value.strip().lower() if isinstance(value, str) else value

    @field_validator("reply", mode="after")
    @classmethod
    def _stripped(cls, value: str) -> str:
        return value.strip()


def turn_schema(
    emotions: Sequence[str], needs: Sequence[str], strategies: Sequence[str], *, cites: bool, context: bool
) -> dict[str, Any]:
    """Return the JSON schema of a turn, in the order in which it shall be written.

    Args:
        emotions: to choose from; likewise ``needs`` and ``strategies``.
        needs: see above.
        strategies: see above.
        cites: whether there are events to cite. A message cites itself: that need not be written.
        context: whether there is enough to sum up. A short message is its own summary.
    """
    text = {"type": "string"}
    properties = {
        **({"context": text} if context else {}),
        "emotion": {"type": "string", "enum": list(emotions)},
        "described": text,
        "strength": {"type": "number", "minimum": 0, "maximum": 1},
        "need": {"type": "string", "enum": list(needs)},
        "strategy": {"type": "string", "enum": list(strategies)},
        **({"cites": {"type": "array", "items": text}} if cites else {}),
        "reply": text,
        "remember": {"type": "array", "items": text},
    }
    return {
        "title": "Turn",
        "type": "object",
        "properties": properties,
        "required": [name for name in properties if name not in ("described", "remember")],
        "additionalProperties": False,
    }


def read_turn(text: str) -> tuple[WrittenTurn, list[str]]:
    """Read what a policy wrote; also what was wrong with it, in words.

    An object that is cut off is read as far as it goes. A text without an object is taken for the reply alone.
    """
    start = text.find("{")
    found = _read_object(text[start:]) if start >= 0 else None
    if not found:
        return WrittenTurn(reply=text), ["the policy wrote no appraisal: it is what was measured"]
    try:
        return WrittenTurn.model_validate(found), []
    except ValidationError as error:
        wrong = sorted({str(e["loc"][0]) for e in error.errors()})
        kept = {key: value for key, value in found.items() if key not in wrong}
        return WrittenTurn.model_validate(kept), [f"the policy wrote no valid {', '.join(wrong)}"]


def _read_object(text: str) -> dict[str, Any] | None:
    from langchain_core.utils.json import parse_partial_json

    try:
        found, _ = json.JSONDecoder(strict=False).raw_decode(text)
    except ValueError:
        try:
            found = parse_partial_json(text)
        except ValueError:
            return None
    return found if isinstance(found, dict) else None


class ReplyStreamer:
    """Hands on the reply piece by piece while a turn is written: ``reply``, or a text without an object."""

    def __init__(self, on_token: Callable[[str], None]) -> None:
        self._on_token = on_token
        self._text = self._shown = ""

    @property
    def text(self) -> str:
        """Everything that was written so far."""
        return self._text

    def __call__(self, token: str) -> None:
        """Receive the next piece of what is written."""
        self._text += token
        reply = self._reply()
        if new := reply[len(self._shown) :]:
            self._on_token(new)
            self._shown = reply

    def _reply(self) -> str:
        """Return the reply so far, without what the next pieces may change: a half-written escape."""
        started = self._text.lstrip()
        if started and started[0] not in "{`":
            return self._text
        found = _read_object(self._text[self._text.find("{") :]) if "{" in self._text else None
        reply = (found or {}).get("reply")
        fits = isinstance(reply, str) and not self._text.endswith("\\") and reply.startswith(self._shown)
        return str(reply) if fits else self._shown
