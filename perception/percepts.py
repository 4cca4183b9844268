"""Percepts: everything that was extracted from a clip, with its provenance, its timeline, and its JSON form."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Literal

from omnisense.files import write_atomically
from omnisense.perception.fusion.timeline import Timeline, build_timeline
from omnisense.perception.settings import PerceptionSettings
from omnisense.perception.types import Streams

SCHEMA_VERSION: Literal[1] = 1  # increment when the JSON form changes


@dataclass(frozen=True)
class Provenance:
    """Where the streams come from.

    Attributes:
        version: of OmniSense.
        models: name and version by role.
        settings: that the streams were extracted with.
        seconds: time taken, by stream.
        from_cache: whether they were read from the cache.
        notes: what went wrong without costing a stream, such as a cache that could not be written.
    """

    version: str
    models: dict[str, str] = field(default_factory=dict)
    settings: PerceptionSettings | None = None
    seconds: dict[str, float] = field(default_factory=dict)
    from_cache: bool = False
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Percepts(Streams):
    """Everything that was extracted from a clip: three streams, each present or missing with its reason."""

    provenance: Provenance = field(kw_only=True)
    schema_version: Literal[1] = field(default=SCHEMA_VERSION, kw_only=True)

    @cached_property
    def _timeline(self) -> Timeline:
        return build_timeline(self)

    def timeline(self) -> Timeline:
        """Return the streams fused into one list of events, in order of time."""
        return self._timeline

    def render(self, max_tokens: int = 600, with_ids: bool = False) -> str:
        """Return the timeline as text for a language model; see :meth:`Timeline.render`."""
        return self._timeline.render(max_tokens, with_ids)

    def to_json(self, indent: int | None = None) -> str:
        """Return JSON text; :meth:`from_json` gives an equal object back.

        Bytes of a file's name that are no UTF-8 become question marks.
        """
        path = self.clip.path.encode("utf-8", "replace").decode()
        plain = self if path == self.clip.path else replace(self, clip=replace(self.clip, path=path))
        return str(_adapter().dump_json(plain, indent=indent).decode())

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON-ready values; :meth:`from_dict` gives an equal object back."""
        result: dict[str, Any] = _adapter().dump_python(self, mode="json")
        return result

    @classmethod
    def from_json(cls, text: str | bytes) -> Percepts:
        """Read the output of :meth:`to_json`.

        Raises:
            ValidationError: (pydantic's) it is not such text, or of another schema version.
        """
        result: Percepts = _adapter().validate_json(text)
        return result

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Percepts:
        """Read the output of :meth:`to_dict`; raises as :meth:`from_json` does."""
        result: Percepts = _adapter().validate_python(data)
        return result

    def save(self, path: Path) -> None:
        """Write the JSON atomically, readable by its owner only: readers see the old file or the new, never a part."""
        write_atomically(path, self.to_json(), private=True)


@lru_cache(maxsize=1)
def _adapter() -> Any:
    from pydantic import TypeAdapter  # imported on first use: `import omnisense` stays fast

    return TypeAdapter(Percepts)
