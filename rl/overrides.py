"""YAML as recipes and ``key=value`` overrides use it: YAML 1.2 scalars, dotted keys, and layers of settings.

OmegaConf 2.4 was tried instead and reads YAML 1.1: ``trainer.save_strategy=no`` becomes False, ``on`` and ``yes`` True,
``010`` eight and ``1:30`` ninety (``1e-5`` is a float in both). It also takes ``${`` in a text for a reference, merges
``rewards={...}`` into the old ones where a new set is meant, and cannot address a list's entry by its name, as
``stages.audio.seed=1`` does.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import yaml

from omnisense.errors import InputError
from omnisense.text import parse_yaml as parse_safe_yaml

_REPLACED_AS_WHOLE = ("rewards", "ratios")
_HINT = "Run `omnisense train recipes --show NAME` to see how a recipe is laid out."


class _CoreSchemaLoader(yaml.SafeLoader):
    """PyYAML with the scalars of YAML 1.2's core schema (https://yaml.org/spec/1.2.2/#103-core-schema), and ``<<``."""


_CORE_SCHEMA = {
    "null": (r"(?:null|Null|NULL|~|)", "~nN\0"),
    "bool": (r"(?:true|True|TRUE|false|False|FALSE)", "tTfF"),
    "int": (r"(?:[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)", "-+0123456789"),
    "float": (
        r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
        "-+.0123456789",
    ),
    "merge": ("<<", "<"),
}
_CoreSchemaLoader.yaml_implicit_resolvers = {}
for _name, (_pattern, _first) in _CORE_SCHEMA.items():
    _CoreSchemaLoader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_name}", re.compile(f"(?:{_pattern})$"), ["" if c == "\0" else c for c in _first]
    )


def _construct_int(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> int:
    text = str(loader.construct_scalar(node))
    return int(text, 0) if text.startswith(("0o", "0x")) else int(text)


_CoreSchemaLoader.add_constructor("tag:yaml.org,2002:int", _construct_int)


def parse_yaml(text: str) -> Any:
    """Return what a YAML document holds.

    Raises:
        yaml.YAMLError: the text is not YAML.
    """
    return parse_safe_yaml(text, _CoreSchemaLoader)


def apply_override(values: dict[str, Any], override: str) -> None:
    """Set one key of a recipe, in place.

    Args:
        values: the recipe.
        override: ``key=value``, ``a.b=value`` or ``stages.NAME.a.b=value``, the value as YAML.

    Raises:
        InputError: there is no such place, or the value is not YAML.
    """
    key, equals, text = override.partition("=")
    if not equals or not key:
        raise InputError(f"'{override}' is not an override", "Write key=value, such as trainer.max_steps=20.")
    try:
        value = parse_yaml(text)
    except yaml.YAMLError as error:
        raise InputError(f"the value of '{override}' is not valid YAML", "Put it in quotes.") from error
    *parents, last = key.split(".")
    inner: Any = values
    for part in parents:
        inner = _child(inner, part, key)
    if not isinstance(inner, dict):
        raise InputError(f"'{key}' cannot be set", _HINT)
    inner[last] = value


def _child(values: Any, part: str, key: str) -> Any:
    """Return the entry of a mapping, created if missing, or the entry of a list whose ``name`` is ``part``."""
    if isinstance(values, list):
        found = next((entry for entry in values if isinstance(entry, dict) and entry.get("name") == part), None)
    else:
        found = values.setdefault(part, {}) if isinstance(values, dict) else None
    if found is None:
        raise InputError(f"'{key}': there is no {part}", _HINT)
    return found


def merge(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the base with the changes applied: mappings are merged, but rewards and ratios are replaced as a whole."""
    merged = dict(base)
    for key, value in changes.items():
        deep = isinstance(value, Mapping) and isinstance(merged.get(key), Mapping) and key not in _REPLACED_AS_WHOLE
        merged[key] = merge(merged[key], value) if deep else value
    return merged
