"""Bodies and hands: joints against people's annotations, and hands at a face whose course is known."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from omnisense.perception.images.coco import CocoSceneReader
from omnisense.perception.images.scene import BoxPx, Joint, Person, Scene, load_image
from omnisense.perception.pipeline import Perception
from omnisense.perception.types import Gesture, VisualStream
from omnisense.perception.vision.body import BodyState
from omnisense.perception.vision.face_detector import Face

_NEAR = 0.5  # heights of the face: a joint further off than this is missed
# The woman who cries wipes her face: seen by eye, her hand is at it from its first to its last frame in these seconds.
_HAND_S = (2.6, 9.4)


def joints(pictures: Path, perception: Perception) -> dict[str, Any]:
    """Of people in COCO pictures whose face is found: the share of their annotated joints found, and of those near."""
    people, annotated, found, near = 0, 0, 0, 0
    for scene in CocoSceneReader(pictures).read(sorted((pictures / "images").glob("*.jpg"))):
        if not isinstance(scene, Scene):
            raise scene
        for person, stance, height_px in _matched(scene, perception):
            people, annotated = people + 1, annotated + len(person.joints)
            distances = [_apart(joint, person.joints[name]) for name, joint in stance.joints.items()
                         if name in person.joints]  # fmt: skip
            found += len(distances)
            near += sum(distance <= _NEAR * height_px for distance in distances)
    return {
        "people": people,
        "joints annotated": annotated,
        "found": round(found / annotated, 3),
        "of these within half a face's height": round(near / found, 3),
    }


def _matched(scene: Scene, perception: Perception) -> list[tuple[Person, BodyState, float]]:
    """Annotated people whose head is where a face is, with what the body reader makes of that face."""
    models = perception.registry.vision_models()
    assert models.body_estimator is not None
    image = load_image(scene.path)
    matches = []
    for face in models.face_detector.detect(image):
        box = _in_pixels(face, image)
        heads = [(_off(person, box), person) for person in scene.people]
        off, person = min(heads, key=lambda head: head[0], default=(math.inf, None))
        if person is not None and off <= _NEAR * (box[3] - box[1]):
            matches.append((person, models.body_estimator.estimate(image, box), box[3] - box[1]))
    return matches


def _in_pixels(face: Face, image: np.ndarray) -> BoxPx:
    left, top, right, bottom = (face.box * np.tile([image.shape[1], image.shape[0]], 2)).tolist()
    return left, top, right, bottom


def _off(person: Person, box: BoxPx) -> float:
    """Pixels from the middle of a person's head, as annotated, to the middle of a face."""
    head = [joint[:2] for name, joint in person.joints.items() if name.split("_")[-1] in ("nose", "eye", "ear")]
    return math.dist(np.mean(head, axis=0), ((box[0] + box[2]) / 2, (box[1] + box[3]) / 2)) if head else math.inf


def _apart(a: Joint, b: Joint) -> float:
    return math.dist(a[:2], b[:2])


def hands(data: Path, perception: Perception) -> dict[str, Any]:
    """When the woman who cries has a hand at her face, and how often one is seen at faces that no hand is near."""
    touching = _touches(perception, data / "faces" / "WolfgangLanger_Pexels.mp4")
    empty = [*sorted((data / "grid").glob("*.mpg")), data / "faces" / "single_face.mp4"]
    return {
        "pexels, by eye s": list(_HAND_S),
        "pexels, found": [f"{g.start_s:.1f}-{g.end_s:.1f} {g.kind}" for g in touching],
        "clips without hands": len(empty),
        "hands found there": sum(len(_touches(perception, clip)) for clip in empty),
    }


def _touches(perception: Perception, clip: Path) -> list[Gesture]:
    visual = perception.perceive(clip).visual
    assert isinstance(visual, VisualStream)
    return [gesture for face in visual.faces for gesture in face.gestures if "hand" in gesture.kind]
