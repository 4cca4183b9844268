"""Read labels, joint labels and numbers with decimals from a reply."""

from __future__ import annotations

import re

from omnisense.reasoning.answers.hesitation import refuses
from omnisense.reasoning.answers.mentions import denies_next
from omnisense.reasoning.answers.normalize import Reading, fold_words

_NUMBER = re.compile(r"(?<![\w.,])[-+]?\d+(?:,\d{3})*(?:\.\d+)?(?![\w]|[.,]\d)%?")
_EQUALS = re.compile(r"(?:=|\bis\b|\bequals\b|\banswer:?)\s*\$?\s*([-+]?\d+(?:,\d{3})*(?:\.\d+)?)(?!\w|[.,]\d)", re.I)
_ANSWERS = re.compile(r"(?:\banswer|\blabel|\bemotion|\bsentiment)\b[^.\n]{0,40}?(?:\bis\b|:)\s*\W*", re.IGNORECASE)


def read_label(text: str, labels: tuple[str, ...]) -> Reading:
    """Read the one label that a reply gives: the label alone, the one stated as the answer, or the only one named.

    Where one label is part of another (``negative`` of ``weak negative``), the longer one is read.

    Args:
        text: without markup.
        labels: the possible ones, in lower case.
    """
    folded = fold_words(text)
    if folded in {fold_words(label) for label in labels}:
        return Reading(next(label for label in labels if fold_words(label) == folded), "the label")
    found = _mentions(text, labels)
    stated = {label for label, at in found if _follows_statement(text, at)}
    if len(stated) == 1:
        return Reading(stated.pop(), "a stated label")
    named = {label for label, at in found if not denies_next(fold_words(text[max(0, at - 60) : at]) + " ")}
    if refuses(text) and not stated:
        return Reading("", "it refuses to answer")
    if len(named) > 1:
        return Reading("", f"it names {' and '.join(sorted(named))}")
    return Reading(named.pop(), "the only label named") if named else Reading("", "no label is named")


def read_joint(text: str, fields: dict[str, tuple[str, ...]]) -> Reading:
    """Read one value for each field, after the field's name; without names, in the order of the fields.

    Args:
        text: without markup, a JSON object written as ``name: value`` lines or as it came.
        fields: possible values in lower case, by field.
    """
    values: list[str] = []
    starts = {name: m.start() for name in fields if (m := re.search(rf"\b{re.escape(name)}", text, re.IGNORECASE))}
    if len(starts) == len(fields):
        for name, labels in fields.items():
            end = min((at for at in starts.values() if at > starts[name]), default=len(text))
            reading = read_label(text[starts[name] + len(name) : end], labels)
            if not reading.value:
                return Reading("", f"{name}: {reading.how}")
            values.append(reading.value)
        return Reading("; ".join(values), "a value for each field")
    parts = [part for part in re.split(r"[,;/|\n_&]+|\band\b", text) if part.strip()]
    if len(parts) != len(fields):
        return Reading("", "it does not give one value for each field")
    for part, (name, labels) in zip(parts, fields.items(), strict=True):
        reading = read_label(part, labels)
        if not reading.value:
            return Reading("", f"{name}: {reading.how}")
        values.append(reading.value)
    return Reading("; ".join(values), "one value for each field, in order")


def read_decimal(text: str) -> Reading:
    """Read the one number that a reply gives, decimals and thousands separators included."""
    if stated := {_plain(value) for value in _EQUALS.findall(text)}:
        if len(stated) == 1:
            return Reading(stated.pop(), "a stated number")
        return Reading("", f"it states several numbers ({', '.join(sorted(stated))})")
    found = {_plain(match[0].rstrip("%")) for match in _NUMBER.finditer(text)}
    if len(found) > 1:
        return Reading("", f"it names several numbers ({', '.join(sorted(found))})")
    return Reading(found.pop(), "a number") if found else Reading("", "no number is named")


def _plain(number: str) -> str:
    return number.replace(",", "").lstrip("+")


def _mentions(text: str, labels: tuple[str, ...]) -> list[tuple[str, int]]:
    """Return the labels that a text names with their places; a longer label hides a shorter one inside it."""
    taken = [False] * len(text)
    found = []
    for label in sorted(labels, key=len, reverse=True):
        pattern = r"[\s_-]+".join(map(re.escape, label.split()))
        for match in re.finditer(rf"(?<!\w){pattern}(?!\w)", text, re.IGNORECASE):
            if not any(taken[match.start() : match.end()]):
                taken[match.start() : match.end()] = [True] * (match.end() - match.start())
                found.append((label, match.start()))
    return found


def _follows_statement(text: str, at: int) -> bool:
    before = text[max(0, at - 80) : at]
    matches = list(_ANSWERS.finditer(before))
    return bool(matches) and matches[-1].end() == len(before)
