"""Texts in the authors' own Python files, read and never run, so that published prompts can be used."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from pathlib import Path

from omnisense.errors import InputError


def parse_file(folder: Path, names: Sequence[str], what: str) -> ast.Module:
    """Return the syntax tree of the first of these files in a folder.

    Args:
        folder: the authors' checkout, or the folder in it that holds the file; or the file.
        names: paths to try, from the checkout on.
        what: the file, for the error.

    Raises:
        InputError: there is none, or it is not Python.
    """
    places = [folder] if folder.is_file() else [folder / name for name in names]
    found = next((place for place in places if place.is_file()), None)
    if found is None:
        raise InputError(f"there is no {what} in it", "Give a checkout of the authors' repository.", folder)
    try:
        return ast.parse(found.read_text("utf-8"))
    except (OSError, SyntaxError, ValueError) as error:
        raise InputError(f"it is not a Python file ({error})", "Give the authors' own file.", found) from error


def template_of(node: ast.expr) -> str:
    """Return a text or a formatted text as a template: ``{question}`` where the name, attribute or key is used."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value.replace("{", "{{").replace("}", "}}")
    if isinstance(node, ast.JoinedStr):
        return "".join(template_of(part) for part in node.values)
    if isinstance(node, ast.FormattedValue):
        return "{" + _name(node.value) + "}"
    return ""


def _name(node: ast.expr) -> str:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
        return str(node.slice.value)
    return "value"


def assigned(tree: ast.Module, name: str) -> ast.expr | None:
    """Return what is assigned to a name or an attribute of that name; None where nothing is."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign):
            target = node.targets[0]
            if name in (getattr(target, "id", None), getattr(target, "attr", None)):
                return node.value
    return None


def texts_of(mapping: ast.expr | None) -> dict[str, str]:
    """Return the texts of a dictionary of texts."""
    if not isinstance(mapping, ast.Dict):
        return {}
    return {
        str(key.value): str(value.value)
        for key, value in zip(mapping.keys, mapping.values, strict=True)
        if isinstance(key, ast.Constant) and isinstance(value, ast.Constant)
    }
