"""The colour of a region in a word, where it has one."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

COLOURS = ("black", "grey", "white", "red", "orange", "brown", "yellow", "green", "blue", "purple", "pink")
# Pairs that light, shade or print turn into each other: a question never sets one against the other.
ALIKE = {
    frozenset(pair)
    for pair in (
        ("black", "grey"), ("grey", "white"), ("red", "orange"), ("red", "pink"), ("orange", "brown"),
        ("orange", "yellow"), ("brown", "yellow"), ("brown", "red"), ("brown", "black"), ("brown", "grey"),
        ("blue", "purple"), ("purple", "pink"), ("blue", "grey"), ("blue", "black"), ("green", "blue"),
        ("green", "yellow"), ("white", "yellow"), ("white", "pink"), ("purple", "red"), ("purple", "black"),
        ("green", "black"), ("orange", "pink"), ("white", "blue"), ("green", "grey"),
    )
}  # fmt: skip
_LEAST_PIXELS, _SHARE, _SPREAD, _SKIN_DISTANCE = 60, 0.6, 25.0, 22.0
_PLAIN = (("black", 0, 26), ("grey", 34, 58), ("white", 70, 101))  # what lies between may be either, by the light
_HUES = (("pink", 20), ("red", 45), ("orange", 75), ("yellow", 105), ("green", 185), ("blue", 307), ("purple", 330),
         ("pink", 361))  # fmt: skip


def colour_of(
    image: np.ndarray,
    polygons: Sequence[np.ndarray],
    inside: Sequence[np.ndarray] = (),
    unlike: Sequence[np.ndarray] = (),
) -> str:
    """The colour of a region, as one of ``COLOURS``; empty where it has several, or one between two names.

    Args:
        image: (H, W, 3) uint8 RGB.
        polygons: the region, in pixels.
        inside: an outline that it is cut to.
        unlike: a region (skin) whose colour does not count: bare skin is no garment.
    """
    found = _pixels(image, polygons, inside)
    if len(found) < _LEAST_PIXELS:
        return ""
    skin = _pixels(image, unlike, ())
    if (
        len(skin) >= 12
        and np.linalg.norm(np.median(_lab(found), axis=0) - np.median(_lab(skin), axis=0)) < _SKIN_DISTANCE
    ):
        return ""
    colours = _lab(found)
    median = np.median(colours, axis=0)
    alike = np.linalg.norm(colours - median, axis=1) < _SPREAD
    return _name(*median.tolist()) if alike.mean() >= _SHARE else ""


def _pixels(image: np.ndarray, polygons: Sequence[np.ndarray], inside: Sequence[np.ndarray]) -> np.ndarray:
    """The pixels (N, 3) of a region."""
    if not polygons:
        return np.zeros((0, 3), np.uint8)
    points = np.concatenate(list(polygons))
    height, width = image.shape[:2]
    left, top = np.clip(np.floor(points.min(axis=0)).astype(int), 0, [width, height])
    right, bottom = np.clip(np.ceil(points.max(axis=0)).astype(int) + 1, 0, [width, height])
    if right <= left or bottom <= top:
        return np.zeros((0, 3), np.uint8)
    region = np.zeros((bottom - top, right - left), np.uint8)
    for polygon in polygons:
        cv2.fillPoly(region, [np.round(polygon - [left, top]).astype(np.int32)], 1)
    if inside:
        outline = np.zeros_like(region)
        for polygon in inside:
            cv2.fillPoly(outline, [np.round(polygon - [left, top]).astype(np.int32)], 1)
        region &= outline
    found: np.ndarray = image[top:bottom, left:right][region > 0]
    return found


def _lab(pixels: np.ndarray) -> np.ndarray:
    found: np.ndarray = cv2.cvtColor(pixels[None].astype(np.float32) / 255, cv2.COLOR_RGB2Lab)[0]
    return found


def _name(lightness: float, a: float, b: float) -> str:
    """The name of a colour by its lightness, chroma and hue in CIELAB; empty between two of them."""
    chroma, hue = float(np.hypot(a, b)), float(np.degrees(np.arctan2(b, a)) % 360)
    if lightness < 30 and 8 <= chroma < 16:
        return ""  # black, or a dark garment of some colour
    if lightness < 6 or chroma < 13:
        return next((name for name, low, high in _PLAIN if low <= lightness < high), "")
    hued = next(name for name, upto in _HUES if hue < upto)
    if hued == "pink" and lightness < 55:
        return "red"
    if (hued == "orange" and lightness < 60) or (hued == "yellow" and lightness < 45):
        return "brown"
    return "" if hued == "red" and chroma < 35 and lightness < 45 else hued  # brown, or a dark red
