"""Name the color of a region of an image, where it has one dominant color."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

COLORS = ("black", "grey", "white", "red", "orange", "brown", "yellow", "green", "blue", "purple", "pink")
# Pairs that light, shade or print turn into each other: a question never offers one as a wrong answer for the other.
CONFUSABLE_COLORS = {
    frozenset(pair)
    for pair in (
        ("black", "grey"), ("grey", "white"), ("red", "orange"), ("red", "pink"), ("orange", "brown"),
        ("orange", "yellow"), ("brown", "yellow"), ("brown", "red"), ("brown", "black"), ("brown", "grey"),
        ("blue", "purple"), ("purple", "pink"), ("blue", "grey"), ("blue", "black"), ("green", "blue"),
        ("green", "yellow"), ("white", "yellow"), ("white", "pink"), ("purple", "red"), ("purple", "black"),
        ("green", "black"), ("orange", "pink"), ("white", "blue"), ("green", "grey"),
    )
}  # fmt: skip
_MIN_PIXELS, _MIN_SKIN_PIXELS = 150, 12
# Lightness of the darkest hundredth of an image from which there is haze or glare over it: greys are not what they are.
_HAZE, _MIN_CONTRAST = (25.0, 70.0), 15.0  # with more, or all alike, it is a picture of one thing
_BRIGHTEST = 99.0  # percentile of an image's pixels that is as bright as white is in its light
_MAX_CAST, _MIN_SPAN = 2.0, 40  # of the colors of its brightest parts, and of its levels: with more, or less, no white
_MIN_NEUTRAL_CHROMA = 6.0  # a dark garment with more may be of any color, in shadow
_MIN_SHARE = 0.6  # of a region's pixels that must be near its median color
_MAX_SPREAD, _MIN_SKIN_DISTANCE = 25.0, 22.0  # Euclidean distances in CIELAB
# Lightness from and to; what lies between two ranges may be either, depending on the light.
_ACHROMATIC = (("black", 0, 26), ("grey", 34, 58), ("white", 70, 101))
_HUES = (("pink", 20), ("red", 45), ("orange", 75), ("yellow", 105), ("green", 185), ("blue", 307), ("purple", 330),
         ("pink", 361))  # fmt: skip


def dominant_color(
    image: np.ndarray,
    polygons: Sequence[np.ndarray],
    mask: Sequence[np.ndarray] = (),
    skin: Sequence[np.ndarray] = (),
) -> str:
    """Return the color of a region, one of ``COLORS``; empty if it has several, or one between two names.

    Args:
        image: (H, W, 3) uint8 RGB.
        polygons: the region, (N, 2) each in pixels.
        mask: polygons that the region is clipped to; empty for no clipping.
        skin: a region of skin: a region of that color is bare skin, not a garment, and has no color.
    """
    found = _region_pixels(image, polygons, mask)
    if len(found) < _MIN_PIXELS:
        return ""
    colors = _to_lab(found)
    median = np.median(colors, axis=0)
    skin_pixels = _region_pixels(image, skin, ())
    if len(skin_pixels) >= _MIN_SKIN_PIXELS:
        skin_color = np.median(_to_lab(skin_pixels), axis=0)
        if np.linalg.norm(median - skin_color) < _MIN_SKIN_DISTANCE:
            return ""
    near_median = np.linalg.norm(colors - median, axis=1) < _MAX_SPREAD
    name = _color_name(*median.tolist()) if near_median.mean() >= _MIN_SHARE else ""
    if name and name != _color_name(*_to_lab(_balanced(np.median(found, axis=0)[None], image))[0].tolist()):
        return ""  # white in the shade or by lamplight, or grey, or yellow
    is_grey = name in {achromatic for achromatic, _, _ in _ACHROMATIC}
    return "" if is_grey and _is_hazy(image) else name


def _is_hazy(image: np.ndarray) -> bool:
    """Return whether nothing in an image is dark."""
    small = cv2.resize(image, (64, 64), interpolation=cv2.INTER_AREA)
    lightness = _to_lab(small.reshape(-1, 3))[:, 0]
    darkest, brightest = np.percentile(lightness, (1, 99))
    return bool(_HAZE[0] < darkest < _HAZE[1] and brightest - darkest > _MIN_CONTRAST)


def _balanced(pixels: np.ndarray, image: np.ndarray) -> np.ndarray:
    """Return pixels (N, 3) as uint8 as they would be if the brightest parts of their image were white.

    The white-patch method (Land and McCann, "Lightness and retinex theory", JOSA 1971), with a percentile for the
    brightest. An image whose brightest parts have a color that no light has, or which is all alike, stays as it is.
    """
    small = cv2.resize(image, (64, 64), interpolation=cv2.INTER_AREA).reshape(-1, 3)
    brightest = np.maximum(np.percentile(small, _BRIGHTEST, axis=0), 1.0)
    darkest = np.percentile(small, 100 - _BRIGHTEST, axis=0)
    if brightest.max() > _MAX_CAST * brightest.min() or (brightest - darkest).max() < _MIN_SPAN:
        return pixels
    balanced: np.ndarray = np.clip(np.round(pixels * (255.0 / brightest)), 0, 255).astype(np.uint8)
    return balanced


def _region_pixels(image: np.ndarray, polygons: Sequence[np.ndarray], mask: Sequence[np.ndarray]) -> np.ndarray:
    """Return the pixels (N, 3) of a region."""
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
    if mask:
        allowed = np.zeros_like(region)
        for polygon in mask:
            cv2.fillPoly(allowed, [np.round(polygon - [left, top]).astype(np.int32)], 1)
        region &= allowed
    found: np.ndarray = image[top:bottom, left:right][region > 0]
    return found


def _to_lab(pixels: np.ndarray) -> np.ndarray:
    """Convert pixels (N, 3) from uint8 RGB to CIELAB."""
    found: np.ndarray = cv2.cvtColor(pixels[None].astype(np.float32) / 255, cv2.COLOR_RGB2Lab)[0]
    return found


def _color_name(lightness: float, a: float, b: float) -> str:
    """Return the name of a color by its lightness, chroma and hue in CIELAB; empty between two names."""
    chroma, hue = float(np.hypot(a, b)), float(np.degrees(np.arctan2(b, a)) % 360)
    if lightness < 30 and _MIN_NEUTRAL_CHROMA <= chroma < 16:
        return ""  # black, or a dark garment of some color
    if lightness < 6 or chroma < 13:
        return next((name for name, low, high in _ACHROMATIC if low <= lightness < high), "")
    name = next(name for name, max_hue in _HUES if hue < max_hue)
    if name == "pink" and lightness < 55:
        return "red"
    if (name == "orange" and lightness < 60) or (name == "yellow" and lightness < 45):
        return "brown"
    return "" if name == "red" and chroma < 35 and lightness < 45 else name  # brown, or a dark red
