"""Small charts as SVG text, so that a report is one file that opens from disk."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

COLORS = ("#1f5fa8", "#d1692a", "#5a8f3c", "#8a5aa8", "#7a7a7a")
_GRID = "#d8d8d4"


def radar(axes: Sequence[str], series: Mapping[str, Sequence[float | None]]) -> str:
    """Draw accuracies (0 to 1) of several systems on the same tasks, one spoke each; a missing value breaks a line."""
    if len(axes) < 3:
        return ""
    center_x, center_y, radius = 290, 225, 160
    turn = 2 * math.pi / len(axes)

    def point(i: int, value: float) -> tuple[float, float]:
        angle = i * turn - math.pi / 2
        return center_x + radius * value * math.cos(angle), center_y + radius * value * math.sin(angle)

    parts = []
    for ring in (0.25, 0.5, 0.75, 1.0):
        corners = " ".join("{:.1f},{:.1f}".format(*point(i, ring)) for i in range(len(axes)))
        parts.append(f'<polygon points="{corners}" fill="none" stroke="{_GRID}"/>')
        parts.append(_text(center_x + 3, center_y - radius * ring - 2, f"{ring:.0%}", 9, "#888"))
    for i, name in enumerate(axes):
        x, y = point(i, 1)
        parts.append(f'<line x1="{center_x}" y1="{center_y}" x2="{x:.1f}" y2="{y:.1f}" stroke="{_GRID}"/>')
        x, y = point(i, 1.1)
        anchor = "middle" if abs(x - center_x) < 12 else "start" if x > center_x else "end"
        parts.append(_text(x, y + 4, name if len(name) <= 12 else f"{name[:11]}…", 12, "#333", anchor))
    for (name, values), color in zip(series.items(), COLORS, strict=False):
        parts += _outline([None if v is None else point(i, v) for i, v in enumerate(values)], color, name)
    for row, (name, color) in enumerate(zip(series, COLORS, strict=False)):
        parts.append(f'<rect x="510" y="{14 + 20 * row}" width="12" height="12" fill="{color}"/>')
        parts.append(_text(528, 24 + 20 * row, name, 12))
    return _svg(760, 430, parts, "accuracy by task")


def _outline(points: Sequence[tuple[float, float] | None], color: str, name: str) -> list[str]:
    parts = []
    for here, there in zip(points, [*points[1:], points[0]], strict=True):
        if here and there:
            parts.append(
                f'<line x1="{here[0]:.1f}" y1="{here[1]:.1f}" x2="{there[0]:.1f}" y2="{there[1]:.1f}" '
                f'stroke="{color}" stroke-width="2"/>'
            )
        if here:
            parts.append(
                f'<circle cx="{here[0]:.1f}" cy="{here[1]:.1f}" r="3" fill="{color}">'
                f"<title>{escape(name)}</title></circle>"
            )
    return parts


def bars(rows: Sequence[tuple[str, float, float | None, float | None, str]]) -> str:
    """Draw horizontal bars: label, accuracy, its interval, and a remark such as the number of questions."""
    parts, left, width = [], 210, 360
    for mark in (0, 0.25, 0.5, 0.75, 1):
        x = left + width * mark
        parts.append(f'<line x1="{x}" y1="4" x2="{x}" y2="{8 + 26 * len(rows)}" stroke="{_GRID}"/>')
        parts.append(_text(x, 22 + 26 * len(rows), f"{mark:.0%}", 10, "#888", "middle"))
    for i, (label, value, low, high, remark) in enumerate(rows):
        y = 8 + 26 * i
        parts.append(_text(left - 8, y + 13, label, 12, "#333", "end"))
        parts.append(
            f'<rect x="{left}" y="{y}" width="{width * value:.1f}" height="16" fill="{COLORS[0]}" opacity="0.85"/>'
        )
        if low is not None and high is not None:
            x1, x2, middle = left + width * low, left + width * high, y + 8
            parts.append(f'<path d="M{x1:.1f} {middle}H{x2:.1f}M{x1:.1f} {middle - 4}v8M{x2:.1f} {middle - 4}v8" '
                         'stroke="#222" fill="none"/>')  # fmt: skip
        parts.append(_text(left + width + 10, y + 13, f"{value:.1%}  {remark}", 12))
    return _svg(780, 30 + 26 * len(rows), parts, "bars")


def _text(x: float, y: float, text: str, size: int, color: str = "#333", anchor: str = "start") -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" fill="{color}" text-anchor="{anchor}">{escape(text)}</text>'
    )


def _svg(width: int, height: int, parts: Sequence[str], label: str) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" role="img" '
        f'aria-label="{escape(label)}" font-family="system-ui, sans-serif">{"".join(parts)}</svg>'
    )
