"""Describe the people of a scene with facts: garment colors, poses, objects, and what captions say."""

from __future__ import annotations

import numpy as np

from omnisense.benchmarks.herm.engine.caption_facts import contradicts_captions, facts_from_captions, find_main_person
from omnisense.benchmarks.herm.engine.facts import DescribedPerson, Fact
from omnisense.benchmarks.herm.engine.interactions import find_seat, object_facts
from omnisense.perception.geometry import gap
from omnisense.perception.images.colors import dominant_color
from omnisense.perception.images.scene import Person, Scene
from omnisense.perception.vision.pose import BodyPart, describe_pose, part_box, part_polygons

_GARMENTS: tuple[tuple[BodyPart, str], ...] = (("torso", "top"), ("legs", "bottoms"))
_NEARBY = 0.1  # heights of the person: an object at this distance may be in use


def describe_people(scene: Scene, image: np.ndarray) -> list[DescribedPerson]:
    """Return the people of a scene with their facts.

    Args:
        scene: people, objects and captions.
        image: (H, W, 3) uint8 RGB.
    """
    described = []
    main_person = find_main_person(scene)
    for person in scene.people:
        is_main = person is main_person
        from_captions, noun = facts_from_captions(scene) if is_main else ([], "person")
        facts = [
            *_appearance_facts(person, image),
            *_pose_facts(person, scene),
            *object_facts(person, scene),
            *from_captions,
        ]
        if is_main:
            facts = [fact for fact in facts if not contradicts_captions(fact, scene.captions)]
        nearby = frozenset(
            found.name for found in scene.objects if gap(person.box_px, found.box_px) < _NEARBY * person.height
        )
        described.append(DescribedPerson(person, noun, tuple(facts), nearby))
    return described


def _appearance_facts(person: Person, image: np.ndarray) -> list[Fact]:
    """Return the colors of top and bottoms, where each has one."""
    face = part_polygons(person, "face")
    facts = []
    for part, garment in _GARMENTS:
        polygons = part_polygons(person, part)
        color = dominant_color(image, polygons, person.outline, face) if polygons else ""
        box = part_box(person, part)
        if color and box:
            phrase = f"a {color} top" if part == "torso" else f"{color} bottoms"
            facts.append(
                Fact("appearance", garment, color, f"wears {phrase}", f"in {phrase}",
                     "colour measured between the joints", phrase, (box,))
            )  # fmt: skip
    return facts


def _pose_facts(person: Person, scene: Scene) -> list[Fact]:
    """Return what the joints say about view, posture, torso, arms and legs."""
    pose, source = describe_pose(person), scene.source.get("joints", "joints")
    facts = []
    if pose.view:
        facts.append(Fact("pose", "view", pose.view, f"is {pose.view}", pose.view, source))
    if pose.posture:
        seat = find_seat(person, scene) if pose.posture == "sitting" else None
        seat_phrase = f"a {seat.name}" if seat else ""
        text = f"is {pose.posture} on {seat_phrase}" if seat else f"is {pose.posture}"
        boxes = (seat.box_px,) if seat else ()
        facts.append(Fact("pose", "posture", pose.posture, text, pose.posture, source, seat_phrase, boxes))
    if pose.torso:
        upright = pose.torso == "upright"
        text = "holds the upper body upright" if upright else f"is {pose.torso}"
        facts.append(Fact("pose", "torso", pose.torso, text, "" if upright else pose.torso, source))
    if pose.arms:
        facts.append(Fact("pose", "arms", pose.arms, f"has {pose.arms}", f"with {pose.arms}", source))
    if pose.legs:
        facts.append(Fact("pose", "legs", pose.legs, f"has {pose.legs}", f"with {pose.legs}", source))
    return facts
