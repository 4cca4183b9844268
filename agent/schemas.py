"""JSON Schemas of what commands print and write; ``docs/schemas`` holds a copy of each."""

from __future__ import annotations

from typing import Any

from omnisense.errors import InputError

SCHEMAS = {
    "respond": "output of `omnisense respond --json`",
    "perceive": "output of `omnisense perceive --json`, and percepts.json",
    "record": "a line of records.jsonl in the run folder of `omnisense eval`",
}
_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schema_of(name: str) -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) with this name, one of ``SCHEMAS``.

    It is generated from the classes that write the output, with the first paragraph of each docstring as description.

    Raises:
        InputError: there is no such schema.
    """
    if name not in SCHEMAS:
        raise InputError(f"unknown schema '{name}'", f"Choose from {', '.join(SCHEMAS)}.")
    from pydantic import TypeAdapter

    schema = TypeAdapter(_type_of(name)).json_schema(mode="serialization")
    _simplify(schema)
    if name == "record":
        from omnisense.benchmarks.harness.records import SPARSE_FIELDS

        schema["required"] = [field for field in schema["required"] if field not in SPARSE_FIELDS]
    return {"$schema": _DIALECT, "title": f"OmniSense: {SCHEMAS[name]}", **schema}


def _type_of(name: str) -> Any:
    if name == "respond":
        from omnisense.agent.response import Response

        return Response
    if name == "perceive":
        from omnisense.perception.percepts import Percepts

        return Percepts
    from omnisense.benchmarks.harness.records import Record

    return Record


def _simplify(node: Any) -> None:
    """Drop generated titles, shorten descriptions, and mark every property as required: outputs hold all of them."""
    if isinstance(node, list):
        for value in node:
            _simplify(value)
    if not isinstance(node, dict):
        return
    if isinstance(node.get("title"), str):
        del node["title"]
    if isinstance(node.get("description"), str):
        node["description"] = " ".join(node["description"].split("\n\n")[0].split())
    if isinstance(node.get("properties"), dict):
        node["required"] = list(node["properties"])
    for value in node.values():
        _simplify(value)
