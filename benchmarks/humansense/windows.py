"""Time windows of rows: whether a file holds what lies around the window, or has been cut to it already.

The released files do not say, and the authors' loop ignores ``time``. What decides is the file's real length, where
``full_frame_number / fps`` is the length that the row itself gives:

- the file is as long as the window (half a second, or 5%), and starts elsewhere: it has been cut, and is shown whole;
- the window ends within the file (a second of rounding): it is shown from the file;
- the window ends beyond the file, and the row's own length is the file's: it has been cut, and is shown whole;
- anything else is a fault: the row cannot be asked with its clip.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from omnisense.benchmarks.harness.question_files import RowError
from omnisense.errors import MediaError
from omnisense.perception.media.clip import open_clip

_CLOCK = r"(?:(?:(\d+):)?(\d+):)?(\d+(?:\.\d+)?)"
_WINDOW = re.compile(rf"\s*\[?\s*{_CLOCK}\s*-\s*{_CLOCK}\s*\]?\s*")
_ROUNDING_S = 1.0
_SAME_S, _SAME_SHARE = 0.5, 0.05
_DECISIONS = {
    "shown": "time windows are shown from longer files",
    "cut": "time windows have been cut out of their files already: these are shown whole",
    "ignored": "time windows are ignored",
}


class Windows:
    """Decides what to do with the windows of rows, and counts the decisions.

    Args:
        ignored: whether all windows are ignored.
    """

    def __init__(self, ignored: bool = False) -> None:
        self._ignored, self._lengths_s = ignored, dict[str, float]()
        self._decisions: Counter[str] = Counter()

    def of(self, row: Mapping[str, Any], media: str | None) -> tuple[float, float] | None:
        """Return the window (s) of a row's file that is shown; None for the whole.

        Args:
            row: with ``time``, if it has a window.
            media: its file; None where there is none.

        Raises:
            RowError: the window cannot be read, or fits neither the file nor a part of it.
        """
        if row.get("video_or_clip") != "clip" and not row.get("time"):
            return None
        if self._ignored:
            self._decisions["ignored"] += 1
            return None
        window = parse_window(row.get("time"))
        decision = self._decide(window, media, stated_length_s(row.get("questions") or {}))
        self._decisions[decision] += 1
        return window if decision == "shown" else None

    def _decide(self, window: tuple[float, float], media: str | None, stated_s: float) -> str:
        if media is None:
            return "shown"
        length_s, wanted_s = self._length_s(media), window[1] - window[0]
        if not length_s:
            return "shown"  # damaged: the run says why
        if window[0] > 0 and _same(length_s, wanted_s):
            return "cut"
        if window[1] <= length_s + _ROUNDING_S:
            return "shown"
        if stated_s and _same(stated_s, length_s):
            return "cut"
        where = f"{window[0]:g}-{window[1]:g} s"
        raise RowError(
            "bad window",
            f"the window {where} ends beyond its file of {length_s:.2f} s, which is no cut of {wanted_s:g} s",
        )

    def _length_s(self, media: str) -> float:
        if media not in self._lengths_s:
            try:
                self._lengths_s[media] = open_clip(Path(media)).duration_s
            except MediaError:
                self._lengths_s[media] = 0.0
        return self._lengths_s[media]

    def notes(self) -> tuple[str, ...]:
        """Return the decisions in words, with how many rows each concerns."""
        return tuple(f"{n} {_DECISIONS[name]}" for name, n in sorted(self._decisions.items()))


def parse_window(text: object) -> tuple[float, float]:
    """Return the start and end (s) of ``[12 - 34]``, ``[00:05 - 00:12]`` or ``[0:01:02 - 0:01:09]``.

    Raises:
        RowError: it is no window.
    """
    found = _WINDOW.fullmatch(str(text))
    if found:
        start_s, end_s = _seconds(found.groups()[:3]), _seconds(found.groups()[3:])
        if start_s < end_s:
            return start_s, end_s
    raise RowError("bad window", f"the time {text!r} is not a window like [12 - 34]")


def _seconds(parts: tuple[str | None, ...]) -> float:
    hours, minutes, seconds = parts
    return int(hours or 0) * 3600 + int(minutes or 0) * 60 + float(seconds or 0)


def _same(a: float, b: float) -> bool:
    return abs(a - b) <= max(_SAME_S, _SAME_SHARE * b)


def stated_length_s(asked: Mapping[str, Any]) -> float:
    """Return the length (s) of a file as its row states it; 0 where it states none."""
    try:
        length_s = float(asked["full_frame_number"]) / float(asked["fps"])
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return 0.0
    return length_s if math.isfinite(length_s) and length_s > 0 else 0.0
