"""Boxes in text: parse the notations that models write, and format boxes for training.

Plain numbers such as ``[12, 34, 56, 78]`` mean different things to different models, so a question states the format
(its *form*) that it asks for: ``fractions`` (0 to 1), ``bins`` (0 to 100), ``thousandths`` (0 to 1000), or
``pixels 640x480`` of the image at the size that the model sees. Notations that carry their unit are parsed whatever was
asked for. A reply of unknown unit is not parsed: a guess could turn a wrong box into a correct one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import NamedTuple, get_args

from omnisense.errors import InputError
from omnisense.reasoning.policies.families import BoxUnit

Box = tuple[float, float, float, float]
BOX_UNITS: tuple[BoxUnit, ...] = get_args(BoxUnit)
_UPPER = {"fractions": 1.0, "bins": 100.0, "thousandths": 1000.0}
_DIGITS = 4
_TOLERANCE = 0.02  # of a side: how far rounding and resizing can move a box over the edge


class Boxes(NamedTuple):
    """Boxes as fractions of the image (x1, y1, x2, y2), and the notation they were in or why there are none."""

    boxes: tuple[Box, ...]
    how: str


# --- parsing --------------------------------------------------------------------------------------------------------

# Digits are bounded: a run of thousands would be searched again from each of them.
_NUMBER_REGEX = r"-?\d{1,7}(?:\.\d{1,17})?"
_N = rf"\s*({_NUMBER_REGEX}|-?\.\d{{1,17}})\s*"
_TAGS = re.compile(r"\{?\s*<(\d{1,4})>\s*<(\d{1,4})>\s*<(\d{1,4})>\s*<(\d{1,4})>\s*\}?")
_FLORENCE = re.compile(r"<loc_(\d{1,4})>\s*<loc_(\d{1,4})>\s*<loc_(\d{1,4})>\s*<loc_(\d{1,4})>")
_PALIGEMMA = re.compile(r"<loc(\d{4})>\s*<loc(\d{4})>\s*<loc(\d{4})>\s*<loc(\d{4})>")
_QWEN = re.compile(rf"<box(?:_start)?>\s*\({_N},{_N}\)\s*,\s*\({_N},{_N}\)")
_CORNERS = re.compile(rf"[(\[]{_N},{_N}[)\]]\s*(?:,|to|and|-|;)?\s*[(\[]{_N},{_N}[)\]]")
_PERCENT = re.compile(r"\s*,?\s*".join([rf"({_NUMBER_REGEX})\s*%"] * 4))
_LIST = re.compile(rf"[(\[{{<]{_N}[,\s]{_N}[,\s]{_N}[,\s]{_N},?\s*[)\]}}>]")
_BARE = re.compile(rf"[^\d.-]*{_N}[,;\s]{_N}[,;\s]{_N}[,;\s]{_N}[^\d]*")
_KEY = r"[\"']?(?<![a-z0-9_])KEY[\"']?\s*[:=]\s*[\"']?(" + _NUMBER_REGEX + ")"


def _named(*keys: str) -> re.Pattern[str]:
    return re.compile(r"[\"'\s]*[,;]?\s*".join(_KEY.replace("KEY", key) for key in keys), re.IGNORECASE)


_CORNER_KEYS = [
    _named("x_?1", "y_?1", "x_?2", "y_?2"),
    _named("x_?min", "y_?min", "x_?max", "y_?max"),
    _named("left", "top", "right", "bottom"),
]
_SIZE_KEYS = [_named("x", "y", "w(?:idth)?", "h(?:eight)?"), _named("left", "top", "width", "height")]


def parse(text: str, form: str) -> Boxes:
    """Return the boxes of a reply, in its order, each once.

    Args:
        text: the reply without its thinking.
        form: what was asked for; if empty, only notations that carry their unit are parsed.
    """
    found, how = _find_numbers(" ".join(text.split()))  # long runs of spaces would make the searches slow
    if not found:
        return Boxes((), how)
    boxes: list[Box] = []
    for numbers, unit in found:
        box, fault = _to_fractions(numbers, unit or _unit_of(numbers, form))
        if box is None:
            return Boxes((), fault)
        boxes.append(box)
    return Boxes(tuple(dict.fromkeys(boxes)), how)


def _find_numbers(text: str) -> tuple[list[tuple[list[float], str]], str]:
    """Return four numbers for each box, with the unit if the notation carries it, and the name of the notation."""
    if tags := _TAGS.findall(text):
        return [(list(map(float, t)), "bins") for t in tags], "bins"
    if tags := _FLORENCE.findall(text):
        return [(list(map(float, t)), "thousandths") for t in tags], "location tokens"
    if tags := _PALIGEMMA.findall(text):
        reordered = [[float(t[i]) for i in (1, 0, 3, 2)] for t in tags]  # y comes before x
        return [(numbers, "1024ths") for numbers in reordered], "location tokens"
    if tags := _QWEN.findall(text):
        return [(list(map(float, t)), "thousandths") for t in tags], "box tags"
    if percents := _PERCENT.findall(text):
        return [(list(map(float, p)), "bins") for p in percents], "percentages"
    for pattern in _CORNER_KEYS:
        if keyed := pattern.findall(text):
            return [(list(map(float, k)), "") for k in keyed], "named corners"
    for pattern in _SIZE_KEYS:
        if keyed := pattern.findall(text):
            sized = [list(map(float, k)) for k in keyed]
            return [([x, y, x + w, y + h], "") for x, y, w, h in sized], "a named corner and size"
    if corners := _CORNERS.findall(text):
        return [(list(map(float, c)), "") for c in corners], "pairs of corners"
    if lists := _LIST.findall(text):
        return [(list(map(float, n)), "") for n in lists], "lists of four"
    if bare := _BARE.fullmatch(text):
        return [(list(map(float, bare.groups())), "")], "four numbers"
    return [], "no box is named"


def _unit_of(numbers: Sequence[float], form: str) -> str:
    """Return the unit of plain numbers: only fractions lie within 0 to 1."""
    return "fractions" if max(numbers) <= 1 else form


def _to_fractions(numbers: Sequence[float], unit: str) -> tuple[Box | None, str]:
    kind, _, size = unit.partition(" ")
    if kind == "pixels" and size:
        width, height = map(float, size.split("x"))
    elif kind in _UPPER or kind == "1024ths":
        width = height = _UPPER.get(kind, 1024.0)
    else:
        return None, "numbers without a unit"
    written = f"[{', '.join(f'{n:g}' for n in numbers)}]"
    x1, y1, x2, y2 = (n / side for n, side in zip(numbers, (width, height) * 2, strict=True))
    if min(x1, y1) < -_TOLERANCE or max(x2, y2) > 1 + _TOLERANCE:
        return None, f"{written} lies outside the picture in {kind}"
    if not (x1 < x2 and y1 < y2):
        return None, f"{written} is no box: its corners are out of order"
    x1, y1, x2, y2 = (round(min(max(v, 0.0), 1.0), _DIGITS) for v in (x1, y1, x2, y2))
    return ((x1, y1, x2, y2), "") if x1 < x2 and y1 < y2 else (None, f"{written} has no area")


def dump(boxes: Sequence[Sequence[float]]) -> str:
    """Return boxes in canonical form: JSON, fractions of the image to four digits."""
    return json.dumps([[round(float(v), _DIGITS) for v in box] for box in boxes])


def load(text: str) -> list[Box]:
    """Return the boxes that :func:`dump` wrote; none for an empty text."""
    return [(float(a), float(b), float(c), float(d)) for a, b, c, d in json.loads(text or "[]")]


# --- formatting -----------------------------------------------------------------------------------------------------

_MARK = re.compile(r"<box>(.*?)</box>")
_FORMATS = {
    "fractions": "as [x1, y1, x2, y2] in fractions of the picture's width and height, such as [0.12, 0.30, 0.45, 0.98]",
    "bins": "as {<x1><y1><x2><y2>}, whole numbers from 0 to 100 over the picture's width and height",
    "thousandths": "as [x1, y1, x2, y2], whole numbers from 0 to 1000 over the picture's width and height",
    "pixels": "as [x1, y1, x2, y2] in pixels of the picture, which is WIDTH wide and HEIGHT high",
}


def describe_format(form: str, several: bool) -> str:
    """Return the format that a question asks for, in words.

    Raises:
        InputError: an unknown form.
    """
    kind, _, size = form.partition(" ")
    if kind not in _FORMATS:
        raise InputError(f"unknown box format '{form}'", f"Choose from {', '.join(_FORMATS)}.")
    width, _, height = size.partition("x")
    one = _FORMATS[kind].replace("WIDTH", width).replace("HEIGHT", height)
    between = ", with <delim> between boxes" if kind == "bins" else ", as a list of such boxes"
    return f"the boxes of all of them, each {one}{between}" if several else f"one box, {one}"


def format_boxes(boxes: Sequence[Sequence[float]], form: str, several: bool = False) -> str:
    """Return boxes (fractions of the image) in the format that a model should write.

    Args:
        boxes: at least one.
        form: the format.
        several: whether a single box is written as a list too.
    """
    kind, _, size = form.partition(" ")
    if kind == "bins":
        return "<delim>".join("{" + "".join(f"<{round(v * 100)}>" for v in box) + "}" for box in boxes)
    width, height = map(int, size.split("x")) if size else (1000, 1000)
    sides = (width, height) * 2
    digits = (lambda v, _: f"{v:.3f}") if kind == "fractions" else (lambda v, side: str(round(v * side)))
    lists = [f"[{', '.join(map(digits, box, sides))}]" for box in boxes]
    return lists[0] if len(lists) == 1 and not several else f"[{', '.join(lists)}]"


def to_markup(boxes: Sequence[Sequence[float]]) -> str:
    """Return boxes as markup for the texts of data files; :func:`fill_markup` writes them in a model's format."""
    return f"<box>{dump(boxes)}</box>"


def fill_markup(text: str, form: str) -> str:
    """Return a text with its box markup written in a format."""
    return _MARK.sub(lambda found: format_boxes(load(found[1]), form), text)


def is_valid_markup(text: str) -> bool:
    """Whether all box markup of a text can be parsed."""
    try:
        return all(load(found) for found in _MARK.findall(text))
    except (ValueError, TypeError):
        return False
