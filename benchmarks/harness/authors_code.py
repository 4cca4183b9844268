"""Texts in the authors' own Python files, read and never run, so that published prompts can be used."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from omnisense.errors import InputError

if TYPE_CHECKING:
    from omnisense.benchmarks.harness.prompting import PromptSettings


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


def text_of(node: ast.expr | None, tree: ast.Module) -> str:
    """Return a text that is a constant, a name of one, a sum of such, or one that is then formatted; empty for others.

    Args:
        node: the expression.
        tree: the file, for names.
    """
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.Name):
        return text_of(assigned(tree, node.id), tree)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return text_of(node.left, tree) + text_of(node.right, tree)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "format":
        return text_of(node.func.value, tree)
    return ""


def refuse_additions(settings: PromptSettings) -> None:
    """Refuse a transcript and the thought pattern, where the authors' prompts have neither.

    Raises:
        InputError: one of them is asked for.
    """
    if settings.transcript != "none" or settings.thought_pattern:
        raise InputError("the authors' prompts have no transcript or thought pattern", "Leave it out.")


def texts_of(mapping: ast.expr | None) -> dict[str, str]:
    """Return the texts of a dictionary of texts."""
    if not isinstance(mapping, ast.Dict):
        return {}
    return {
        str(key.value): str(value.value)
        for key, value in zip(mapping.keys, mapping.values, strict=True)
        if isinstance(key, ast.Constant) and isinstance(value, ast.Constant)
    }
