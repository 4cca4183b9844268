"""Names of colors, on painted regions."""

from __future__ import annotations

import numpy as np
import pytest

from omnisense.perception.images.colors import COLORS, dominant_color

REGION = [np.array([[10, 10], [90, 10], [90, 90], [10, 90]])]


def painted(*colors):
    """Return vertical stripes of colors, (100, 100, 3)."""
    image = np.zeros((100, 100, 3), np.uint8)
    for i, color in enumerate(colors):
        image[:, i * 100 // len(colors) :] = color
    return image


@pytest.mark.parametrize(
    ("rgb", "name"),
    [
        ((200, 30, 35), "red"), ((35, 60, 190), "blue"), ((245, 245, 245), "white"), ((8, 8, 8), "black"),
        ((30, 130, 40), "green"), ((110, 110, 110), "grey"), ((240, 220, 40), "yellow"),
    ],
)  # fmt: skip
def test_plain_colors_are_named(rgb, name):
    assert dominant_color(painted(rgb), REGION) == name
    assert name in COLORS


def test_a_region_without_one_clear_color_has_no_name():
    assert dominant_color(painted((200, 30, 35), (35, 60, 190)), REGION) == ""
    assert dominant_color(painted((200, 30, 35)), []) == ""
    assert dominant_color(painted((200, 30, 35)), [np.array([[1, 1], [3, 1], [3, 3]])]) == ""  # too few pixels


def test_in_haze_nothing_is_grey_and_what_is_dark_may_have_a_color():
    haze = np.full((100, 100, 3), 230, np.uint8)
    haze[:, 40:] = 150
    assert dominant_color(haze, [np.array([[50, 10], [90, 10], [90, 90], [50, 90]])]) == ""
    assert dominant_color(painted((22, 26, 44)), REGION) == ""  # blue jeans in shadow


@pytest.mark.parametrize("light", [(0.5, 0.5, 0.5), (1.0, 0.9, 0.65), (0.75, 0.9, 1.0)])
def test_a_white_shirt_in_the_shade_or_in_colored_light_is_not_of_another_color(light):
    image = painted((250, 250, 250), (225, 225, 225), (20, 25, 20))
    assert dominant_color(image, [np.array([[40, 10], [60, 10], [60, 90], [40, 90]])]) == "white"
    dim = (image * np.array(light)).astype(np.uint8)
    assert dominant_color(dim, [np.array([[40, 10], [60, 10], [60, 90], [40, 90]])]) in ("", "white")


def test_bare_skin_is_not_a_garment():
    skin = [np.array([[0, 0], [9, 0], [9, 9], [0, 9]])]
    assert dominant_color(painted((200, 30, 35)), REGION, skin=skin) == ""


def test_a_region_is_clipped_to_its_mask():
    image = painted((200, 30, 35), (35, 60, 190))
    assert dominant_color(image, REGION, mask=[np.array([[10, 10], [45, 10], [45, 90], [10, 90]])]) == "red"
