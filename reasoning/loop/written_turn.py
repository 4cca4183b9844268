"""The JSON in which a leading policy writes its appraisal and reply: schema, reading, streaming of the reply.

For a short message it is a list: without keys it takes about six tokens beside the reply, where an object takes thirty,
as many as a short reply. Where more is written than emotion, strategy and reply, it is an object: small models take the
items of a longer list for one another.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

Item = Literal["context", "need", "emotion", "strategy", "cites", "reply", "remember"]
_LISTS = ("cites", "remember")
_DESCRIBED = 60  # characters of a feeling in the policy's own words
_CONTEXT = 80  # characters of what is said or asked for
_CITES = 8  # ids
_FACTS, _FACT = 3, 100  # facts of one turn, and characters of one; a small model may else go on for ever
# A quotation mark that is to open a quotation ends a JSON string: no reply ends where none does.
_WHOLE_REPLY = r"^[\s\S]*[^A-Za-z0-9\s,:;(\[-]$"


class WrittenTurn(BaseModel):
    """What a leading policy writes in one pass. Every field may be missing: a policy need not obey.

    Attributes:
        context: what the person says or asks for, in a few words; empty for a short message.
        emotion: one of the emotion set.
        described: the feeling in the policy's own words (mixed, ironic, understated), written behind the emotion.
        need: what would help, by its name or as :func:`short_needs` writes it; empty for a short message.
        strategy: the support strategy of the reply, by its name or by its first words (:func:`short_names`).
        cites: ids of the events that all of this rests on.
        reply: what to say to the person.
        remember: lasting facts that the person told about themselves.
    """

    model_config = ConfigDict(extra="ignore")

    context: str = ""
    emotion: str = ""
    described: str = ""
    need: str = ""
    strategy: str = ""
    cites: list[str] = Field(default_factory=list)
    reply: str = ""
    remember: list[str] = Field(default_factory=list)

    @model_validator(mode="before")
    @classmethod
    def _with_description(cls, written: Any) -> Any:
        """Part an emotion from the policy's own words for it: ``sadness: hurt, played down``."""
        emotion = written.get("emotion") if isinstance(written, dict) else None
        if not isinstance(emotion, str) or ":" not in emotion:
            return written
        name, _, described = emotion.partition(":")
        return {**written, "emotion": name, "described": described.strip()}

    @field_validator("emotion", "need", "strategy", mode="before")
    @classmethod
    def _plain(cls, value: Any) -> Any:
        return value.strip().lower() if isinstance(value, str) else value

    @field_validator("reply", mode="after")
    @classmethod
    def _stripped(cls, value: str) -> str:
        return value.strip()


def turn_items(*, cites: bool, context: bool) -> tuple[Item, ...]:
    """Return what a turn's list or object holds, in its order; the last item may be left out.

    Args:
        cites: whether there are events to cite. A message cites itself: that need not be written.
        context: whether there is enough to sum up. A short message is its own summary, and its need follows from its
            emotion and the strategy (:meth:`omnisense.reasoning.loop.strategies.StrategySet.need_of`): that saves three
            tokens of ten beside the reply.
    """
    head: tuple[Item, ...] = ("context", "need") if context else ()
    ids: tuple[Item, ...] = ("cites",) if cites else ()
    return (*head, "emotion", "strategy", *ids, "reply", "remember")


def is_object(items: Collection[Item]) -> bool:
    """Whether these are written as an object, and not as a list."""
    return "context" in items or "cites" in items


def short_names(names: Sequence[str]) -> dict[str, str]:
    """Return names by as many of their first words as tell them apart, which is how they are written.

    ``reflect`` for ``reflect the feeling`` saves two tokens of ten beside the reply.
    """
    found: dict[str, str] = {}
    for name in names:
        words = name.split()
        prefixes = [" ".join(words[:count]) for count in range(1, len(words) + 1)]
        alone = (p for p in prefixes if not any(n != name and f"{n} ".startswith(f"{p} ") for n in names))
        found[next(alone, name)] = name
    return found


def short_needs(names: Sequence[str]) -> dict[str, str]:
    """Return needs as they are written: ``be heard`` for ``to be heard``, which saves a token."""
    short = {name: name.removeprefix("to ") for name in names}
    return {(name if list(short.values()).count(part) > 1 else part): name for name, part in short.items()}


def turn_schema(
    items: Sequence[Item], emotions: Sequence[str], needs: Sequence[str], strategies: Sequence[str]
) -> dict[str, Any]:
    """Return the JSON schema of a turn's list or object.

    Args:
        items: what it holds, of :func:`turn_items`.
        emotions: to choose from.
        needs: likewise; they are written by :func:`short_needs`.
        strategies: likewise; they are written by :func:`short_names`.
    """
    names = "|".join(re.sub(r"[^\w ]", r"\\\g<0>", name) for name in emotions)
    forms: dict[Item, dict[str, Any]] = {
        "context": {"type": "string", "maxLength": _CONTEXT},
        "emotion": {"type": "string", "pattern": f'^({names})(: [^"\\\\\\n]{{1,{_DESCRIBED}}})?$'},
        "need": {"type": "string", "enum": list(short_needs(needs))},
        "strategy": {"type": "string", "enum": list(short_names(strategies))},
        "cites": {"type": "array", "items": {"type": "string"}, "maxItems": _CITES},
        "reply": {"type": "string", "pattern": _WHOLE_REPLY},
        "remember": {"type": "array", "items": {"type": "string", "maxLength": _FACT}, "maxItems": _FACTS},
    }
    needed = [item for item in items if item != "remember"]
    if is_object(items):
        return {
            "title": "Turn",
            "type": "object",
            "properties": {item: forms[item] for item in items},
            "required": needed,
            "additionalProperties": False,
        }
    return {
        "title": "Turn",
        "type": "array",
        "prefixItems": [forms[item] for item in items],
        "items": False,
        "minItems": len(needed),
        "maxItems": len(items),
    }


def read_turn(text: str, items: Sequence[Item]) -> tuple[WrittenTurn, list[str]]:
    """Read what a policy wrote; also what was wrong with it, in words.

    A list that is cut off is read as far as it goes, and an object with the items as its keys is read too. A text
    without either is taken for the reply alone.

    Args:
        text: all of it.
        items: what was asked for.
    """
    found = _read_items(text, items)
    if not found:
        return WrittenTurn(reply=text), ["the policy wrote no appraisal: it is what was measured"]
    try:
        return WrittenTurn.model_validate(found), []
    except ValidationError as error:
        wrong = sorted({str(e["loc"][0]) for e in error.errors()})
        kept = {key: value for key, value in found.items() if key not in wrong}
        return WrittenTurn.model_validate(kept), [f"the policy wrote no valid {', '.join(wrong)}"]


def is_whole(text: str) -> bool:
    """Whether a policy wrote a list, or an object, to its end."""
    begins = _begin(text)
    try:
        return begins is not None and bool(json.JSONDecoder(strict=False).raw_decode(text, begins)[0])
    except ValueError:
        return False


def _begin(text: str) -> int | None:
    """Return where the list or the object begins."""
    found = re.search(r'\{|\[\s*"', text)
    return found.start() if found else None


def _read_items(text: str, items: Sequence[Item]) -> dict[str, Any] | None:
    """Return what was written, by item; None where there is neither a list nor an object."""
    from langchain_core.utils.json import parse_partial_json

    begins = _begin(text)
    if begins is None:
        return None
    written = text[begins:]
    try:
        found, _ = json.JSONDecoder(strict=False).raw_decode(written)
    except ValueError:
        try:
            found = parse_partial_json(written)
        except ValueError:
            return None
    if isinstance(found, list):
        return _by_item(found, items) or None
    return found if isinstance(found, dict) else None


def _by_item(written: Sequence[Any], items: Sequence[Item]) -> dict[str, Any]:
    """Return a list's values by item; where one is of another form than its item, that item was left out."""
    found: dict[str, Any] = {}
    values = iter(written)
    value = next(values, None)
    for item in items:
        if value is not None and isinstance(value, list) == (item in _LISTS):
            found[item] = value
            value = next(values, None)
    return found


class ReplyStreamer:
    """Hands on the reply piece by piece while a turn is written: that of the list, or a text without one.

    Args:
        on_token: receives the pieces.
        items: what was asked for.
    """

    def __init__(self, on_token: Callable[[str], None], items: Sequence[Item]) -> None:
        self._on_token, self._items = on_token, items
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
        if started and started[0] not in "[{`":
            return self._text
        reply = (_read_items(self._text, self._items) or {}).get("reply")
        fits = isinstance(reply, str) and not self._text.endswith("\\") and reply.startswith(self._shown)
        return str(reply) if fits else self._shown
