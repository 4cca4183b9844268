"""Subtitles in SubRip form (``.srt``): read, and looked up at times of a clip."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from omnisense.errors import InputError

_TIMES = re.compile(r"(\d+):(\d\d):(\d\d)[,.](\d{1,3})\s*-->\s*(\d+):(\d\d):(\d\d)[,.](\d{1,3})")
_MARKUP = re.compile(r"<[^<>]{1,40}>|\{\\[^{}]{1,40}\}")


class Line(NamedTuple):
    """A line of subtitles: when it is shown (s), and its text."""

    start_s: float
    end_s: float
    text: str


def read_subtitles(file: Path) -> list[Line]:
    """Return the lines of a file, in its order.

    Raises:
        InputError: it cannot be read.
    """
    try:
        text = file.read_text("utf-8-sig", errors="replace")
    except OSError as error:
        raise InputError(f"the subtitles cannot be read ({error.strerror})", "Unpack them again.", file) from error
    found = []
    for block in re.split(r"\n\s*\n", text.replace("\r\n", "\n")):
        times = _TIMES.search(block)
        if times is None:
            continue
        shown = " ".join(_MARKUP.sub("", block[times.end() :]).split())
        if shown:
            found.append(Line(_seconds(times.groups()[:4]), _seconds(times.groups()[4:]), shown))
    return found


def lines_at(lines: Sequence[Line], times_s: Sequence[float]) -> list[str]:
    """Return the texts that are shown at any of the times, each once, in order."""
    shown = [line for line in lines if any(line.start_s <= time <= line.end_s for time in times_s)]
    return list(dict.fromkeys(line.text for line in shown))


def _seconds(parts: Sequence[str]) -> float:
    hours, minutes, seconds, fraction = parts
    return int(hours) * 3600 + int(minutes) * 60 + int(seconds) + int(fraction.ljust(3, "0")) / 1000
