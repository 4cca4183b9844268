"""Colors of garments and views of people in pictures, beside what is seen in them, in fog, shade and colored light.

The truth was read by eye, on the thirteen pictures of COCO that are at hand. A garment that has one of two names by its
light (dark grey in shadow) may be called either.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from omnisense.perception.images.coco import CocoSceneReader
from omnisense.perception.images.colors import dominant_color
from omnisense.perception.images.scene import Scene, load_image
from omnisense.perception.vision.pose import BodyPart, describe_pose, part_polygons

_COLORS: dict[tuple[str, BodyPart], tuple[str, ...]] = {  # by COCO's annotation, and where the garment is
    ("187952", "torso"): ("white",),
    ("207303", "torso"): ("white",),
    ("212048", "torso"): ("black",),
    ("215132", "torso"): ("blue",),
    ("1242217", "torso"): ("white",),
    ("1242217", "legs"): ("black",),
    ("1267515", "legs"): ("black", "grey"),
    ("1295074", "legs"): ("black",),
    ("1297742", "torso"): ("black",),
    ("1297742", "legs"): ("black", "grey"),
    ("1306934", "torso"): ("white",),
    ("1691872", "torso"): ("black",),
    ("1691872", "legs"): ("black",),
    ("1699226", "legs"): ("black",),
    ("1732309", "legs"): ("black", "grey"),
    ("1738885", "torso"): ("white",),
    ("1738885", "legs"): ("grey",),
    ("1202977", "torso"): ("blue",),
    ("1202977", "legs"): ("black", "blue"),
    ("1283987", "torso"): ("blue",),
    ("1292142", "torso"): ("white",),
    ("185583", "torso"): ("blue",),
    ("185583", "legs"): ("blue",),
    ("497615", "torso"): ("white",),
    ("497615", "legs"): ("white",),
    ("210676", "torso"): ("blue", "black"),
    ("210676", "legs"): ("blue",),
    ("210845", "torso"): ("black",),
    ("210845", "legs"): ("blue",),
}
_VIEWS = {
    "187952": "facing the camera",
    "212048": "in profile facing left",
    "1297742": "seen from behind",
    "1202977": "seen from behind",
    "1306934": "facing the camera",
    "1292971": "facing the camera",
    "1292142": "facing the camera",
    "1189025": "facing the camera",
    "1737860": "facing the camera",
    "2229097": "facing the camera",
    "527124": "seen from behind",
    "210676": "facing the camera",
}
_FOG = 205.0  # grey level
Light = Callable[[np.ndarray, list[np.ndarray]], np.ndarray]  # image (H, W, 3) and polygons of a garment, to an image


def garments(images: Path) -> dict[str, Any]:
    """Return how many garments are named right, wrong, or not at all, in each light, and how many views.

    Args:
        images: COCO's annotations, and ``images/``.
    """
    scenes: list[tuple[np.ndarray, Scene]] = []
    for scene in CocoSceneReader(images).read(sorted((images / "images").glob("*.jpg"))):
        if not isinstance(scene, Scene):
            raise scene
        scenes.append((load_image(scene.path), scene))
    worn = [
        (image, person, part_polygons(person, part), allowed)
        for image, scene in scenes
        for person in scene.people
        for (number, part), allowed in _COLORS.items()
        if number == person.id
    ]
    figures: dict[str, Any] = {}
    for name, light in _LIGHTS.items():
        named = [
            (dominant_color(light(image, where), where, person.outline, part_polygons(person, "face")), allowed)
            for image, person, where, allowed in worn
        ]
        figures[f"colors, {name}"] = _counted(named)
    seen = [
        (describe_pose(person).view, (_VIEWS[person.id],))
        for _, scene in scenes
        for person in scene.people
        if person.id in _VIEWS
    ]
    return {**figures, "views": _counted(seen)}


def _counted(named: Sequence[tuple[str, tuple[str, ...]]]) -> dict[str, int]:
    right = sum(name in allowed for name, allowed in named)
    silent = sum(not name for name, _ in named)
    return {"of": len(named), "right": right, "wrong": len(named) - right - silent, "nothing said": silent}


def _in_fog(image: np.ndarray, density: float) -> np.ndarray:
    return (image * (1 - density) + _FOG * density).astype(np.uint8)


def _dimmed(image: np.ndarray, share: float) -> np.ndarray:
    """Return an image with a share of its light (gamma 2.2)."""
    return np.round((np.power(image / 255.0, 2.2) * share) ** (1 / 2.2) * 255).astype(np.uint8)


def _tinted(image: np.ndarray, gains: tuple[float, float, float]) -> np.ndarray:
    tinted: np.ndarray = np.clip(image * np.array(gains), 0, 255).astype(np.uint8)
    return tinted


def _shaded_half(image: np.ndarray, where: list[np.ndarray], share: float) -> np.ndarray:
    """Return an image in which the right half of a garment lies in shadow."""
    region = np.zeros(image.shape[:2], np.uint8)
    for polygon in where:
        cv2.fillPoly(region, [np.round(polygon).astype(np.int32)], 1)
    region[:, : int(np.median(np.concatenate(where)[:, 0]))] = 0
    return np.where(region[..., None] > 0, _dimmed(image, share), image)


_LIGHTS: dict[str, Light] = {
    "as taken": lambda image, _: image,
    "light fog": lambda image, _: _in_fog(image, 0.3),
    "fog": lambda image, _: _in_fog(image, 0.5),
    "dense fog": lambda image, _: _in_fog(image, 0.7),
    "half the light": lambda image, _: _dimmed(image, 0.5),
    "a fifth of the light": lambda image, _: _dimmed(image, 0.2),
    "lamplight": lambda image, _: _tinted(image, (1.1, 1.0, 0.75)),
    "blue light": lambda image, _: _tinted(image, (0.8, 0.97, 1.15)),
    "half in shadow": lambda image, where: _shaded_half(image, where, 0.2),
}
