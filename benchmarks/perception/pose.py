"""Body pose against annotated joints, and hands at a face against times found by eye."""

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

_NEAR = 0.5  # face heights: a joint further away than this is missed
# The woman who cries wipes her face: seen by eye, her hand is at it from its first to its last frame in these seconds.
_HAND_S = (2.6, 9.4)


def joints(images: Path, perception: Perception) -> dict[str, Any]:
    """Return the share of annotated joints found, and of these near, of people in COCO with a detected face."""
    people, annotated, found, near = 0, 0, 0, 0
    for scene in CocoSceneReader(images).read(sorted((images / "images").glob("*.jpg"))):
        if not isinstance(scene, Scene):
            raise scene
        for person, body, height_px in _matched(scene, perception):
            people, annotated = people + 1, annotated + len(person.joints)
            distances = [_distance_px(joint, person.joints[name]) for name, joint in body.joints.items()
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
    """Return annotated people whose head is where a face is, with the body estimated for that face and its height."""
    models = perception.registry.vision_models()
    assert models.body_estimator is not None
    image = load_image(scene.path)
    matches = []
    for face in models.face_detector.detect(image):
        box = _in_pixels(face, image)
        heads = [(_head_distance_px(person, box), person) for person in scene.people]
        distance_px, person = min(heads, key=lambda head: head[0], default=(math.inf, None))
        if person is not None and distance_px <= _NEAR * (box[3] - box[1]):
            matches.append((person, models.body_estimator.estimate(image, box), box[3] - box[1]))
    return matches


def _in_pixels(face: Face, image: np.ndarray) -> BoxPx:
    left, top, right, bottom = (face.box * np.tile([image.shape[1], image.shape[0]], 2)).tolist()
    return left, top, right, bottom


def _head_distance_px(person: Person, box: BoxPx) -> float:
    """Return the distance in pixels between the centers of a person's annotated head and of a face."""
    head = [joint[:2] for name, joint in person.joints.items() if name.split("_")[-1] in ("nose", "eye", "ear")]
    return math.dist(np.mean(head, axis=0), ((box[0] + box[2]) / 2, (box[1] + box[3]) / 2)) if head else math.inf


def _distance_px(a: Joint, b: Joint) -> float:
    return math.dist(a[:2], b[:2])


def hands(data: Path, perception: Perception) -> dict[str, Any]:
    """Return when a crying woman has a hand at her face, and how often one is found at faces without hands."""
    touching = _hand_gestures(perception, data / "faces" / "WolfgangLanger_Pexels.mp4")
    empty = [*sorted((data / "grid").glob("*.mpg")), data / "faces" / "single_face.mp4"]
    return {
        "pexels, by eye s": list(_HAND_S),
        "pexels, found": [f"{g.start_s:.1f}-{g.end_s:.1f} {g.kind}" for g in touching],
        "clips without hands": len(empty),
        "hands found there": sum(len(_hand_gestures(perception, clip)) for clip in empty),
    }


def _hand_gestures(perception: Perception, clip: Path) -> list[Gesture]:
    visual = perception.perceive(clip).visual
    assert isinstance(visual, VisualStream)
    return [gesture for face in visual.faces for gesture in face.gestures if "hand" in gesture.kind]
