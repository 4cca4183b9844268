"""Expression of people who say a neutral sentence, in plain and in degraded pictures: what they are called."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from omnisense.perception.emotion.reliability import read_reliability
from omnisense.perception.media.clip import open_clip
from omnisense.perception.media.sampling import Sampling
from omnisense.perception.pipeline import Perception
from omnisense.perception.vision.expression_classifier import EXPRESSIONS
from omnisense.perception.vision.expressions import NEGATIVE, is_clear
from omnisense.perception.vision.models import VisionModels

_FPS = 1.5
_ROLL_DEG, _DARK, _BLUR = 15.0, 0.35, 1 / 240  # blur: deviation in widths of the picture


def neutral_faces(grid: Path, perception: Perception) -> dict[str, Any]:
    """Return, by condition, how many faces are called angry, disgusted, afraid or sad, and of how many nothing is said.

    ``other than when plain``: faces that are called something else than in the plain picture, where both times
    something is said. ``reliability``: of all faces in all conditions, how often neutral has the highest score, by that
    score; it says nothing of faces that do show something.
    """
    models = perception.registry.vision_models()
    images = [
        image
        for path in sorted(grid.glob("*.mpg"))
        for image in open_clip(path).frames(Sampling(fps=_FPS, max_pixels=None)).images
    ]
    with perception.registry.vision_lock:
        read = {name: [_read(models, degrade(image)) for image in images] for name, degrade in CONDITIONS.items()}
    called = {name: [_called(*found) if found else None for found in faces] for name, faces in read.items()}
    plain = called["plain"]
    figures: dict[str, Any] = {}
    for name, found in called.items():
        seen = [label for label in found if label is not None]
        both = [(a, b) for a, b in zip(plain, found, strict=True) if a and b]
        figures[name] = {
            "faces": len(seen),
            "called negative": sum(label in NEGATIVE for label in seen),
            "nothing said": sum(label == "" for label in seen),
            "other than when plain": f"{sum(a != b for a, b in both)} of {len(both)}",
        }
    every = [found for faces in read.values() for found in faces if found]
    top, is_neutral = np.array([score for _, score in every]), np.array([label == "neutral" for label, _ in every])
    return {**figures, "reliability": read_reliability(top, is_neutral)}


def _called(label: str, score: float) -> str:
    """Return the expression that a face is said to have; empty where none is clear."""
    return label if is_clear(label, score) else ""


def _read(models: VisionModels, image: np.ndarray) -> tuple[str, float] | None:
    """Return the expression of the largest face with the highest score, and its score; None without a face."""
    faces = models.face_detector.detect(image)
    if not faces or models.expression_classifier is None:
        return None
    face = max(faces, key=lambda f: float(np.prod(f.box[2:] - f.box[:2])))
    scores = models.expression_classifier.classify(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), face.landmarks)
    return EXPRESSIONS[int(scores.argmax())], float(scores.max())


def called(models: VisionModels, image: np.ndarray) -> list[tuple[float, str]]:
    """Return where across an image (0 to 1) each face is, and the expression that it is said to have, or ``""``."""
    if models.expression_classifier is None:
        return []
    gray, faces = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), models.face_detector.detect(image)
    scores = [models.expression_classifier.classify(gray, face.landmarks) for face in faces]
    return [
        (float(face.box[0]), _called(EXPRESSIONS[int(own.argmax())], float(own.max())))
        for face, own in zip(faces, scores, strict=True)
    ]


def _blur(image: np.ndarray) -> np.ndarray:
    return cv2.GaussianBlur(image, (0, 0), image.shape[1] * _BLUR)


def _roll(image: np.ndarray) -> np.ndarray:
    height, width = image.shape[:2]
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), _ROLL_DEG, 1)
    return cv2.warpAffine(image, turn, (width, height), borderMode=cv2.BORDER_REPLICATE)


def _mirror(image: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(image[:, ::-1])


def _dark(image: np.ndarray) -> np.ndarray:
    return (image * _DARK).astype(np.uint8)


CONDITIONS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "plain": lambda image: image,
    "blurred": _blur,
    "rolled by 15 degrees": _roll,
    "mirrored": _mirror,
    "dark": _dark,
}
