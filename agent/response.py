"""The answer to one turn: typed, and as JSON."""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from typing import Any, Literal

from omnisense.errors import InputError, first_problem
from omnisense.perception.percepts import Percepts
from omnisense.reasoning.loop.appraisal import Appraisal, SafetyFinding, Trace

SCHEMA_VERSION: Literal[1] = 1


@dataclass(frozen=True)
class Response:
    """The answer to one turn, and everything it rests on.

    Attributes:
        schema_version: of the JSON form; raised when a key is renamed, removed or changes its meaning.
        response: what to say to the person.
        appraisal: characteristics, emotion, context, need and strategy, each with ``value``, ``detail``,
            ``confidence`` and ``evidence`` (spans of the timeline). All ``unknown`` when the safety gate answered.
        safety: the risk that was found, ``escalate`` for the host application, attempts to command the agent.
        percepts: what was perceived in the clip; None for a turn of text.
        trace: the drafts with their scores and faults, and how the reply came about.
        timings_s: seconds by stage.
        thread_id: the conversation; None for a turn that is not remembered.
        extra: values of nodes of your own.
    """

    response: str
    appraisal: Appraisal
    safety: SafetyFinding
    percepts: Percepts | None
    trace: Trace
    timings_s: dict[str, float] = field(default_factory=dict)
    thread_id: str | None = None
    extra: dict[str, Any] = field(default_factory=dict)
    schema_version: Literal[1] = field(default=SCHEMA_VERSION, kw_only=True)

    def to_dict(self) -> dict[str, Any]:
        """Return all of it as plain JSON-ready values."""
        values: dict[str, Any] = _adapter().dump_python(self, mode="json")
        return {"schema_version": values.pop("schema_version")} | values

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Response:
        """Read what :meth:`to_dict` returned.

        Raises:
            InputError: these are not the values of a response, or they are of another schema version.
        """
        from pydantic import ValidationError

        try:
            response: Response = _adapter().validate_python(values)
        except ValidationError as error:
            raise InputError(
                f"these are not the values of a response ({first_problem(error)})",
                f"Give what to_dict() returned, with schema_version {SCHEMA_VERSION}.",
            ) from error
        return response


@functools.lru_cache(maxsize=1)
def _adapter() -> Any:
    from pydantic import TypeAdapter

    return TypeAdapter(Response)
