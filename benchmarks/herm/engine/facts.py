"""What can be said of each person in a picture, fact by fact, and what it rests on.

A fact that a person does not have is not yet a fact that they lack: lacking is known only where the same thing was
looked at and found to be otherwise. Referring and wrong answers depend on that difference.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from omnisense.perception.geometry import containment
from omnisense.perception.images.colors import CONFUSABLE_COLORS, dominant_color
from omnisense.perception.images.scene import BoxPx, Person, Scene, SceneObject
from omnisense.perception.vision.pose import describe_pose, part_box, part_polygons

Aspect = Literal["appearance", "pose", "modality", "relation"]
ASPECTS: tuple[Aspect, ...] = ("appearance", "pose", "modality", "relation")
_HELD = {
    "frisbee", "sports ball", "baseball bat", "tennis racket", "cell phone", "umbrella", "cup", "bottle", "wine glass",
    "fork", "knife", "spoon", "book", "remote", "kite", "handbag", "suitcase", "teddy bear", "banana", "apple",
    "sandwich", "donut", "hot dog", "pizza", "carrot", "scissors", "toothbrush", "hair drier", "laptop",
}  # fmt: skip
_WORN = {"tie": "wearing a tie", "backpack": "with a backpack", "baseball glove": "wearing a baseball glove"}
_UNDERFOOT = {"skateboard": "on a skateboard", "snowboard": "on a snowboard", "surfboard": "on a surfboard",
              "skis": "on skis"}  # fmt: skip
_RIDDEN = {"bicycle", "motorcycle", "horse", "elephant"}
_SEATS = {"chair", "couch", "bench", "bed", "toilet"}
_NEARBY = {"car", "bus", "truck", "bicycle", "motorcycle", "dog", "horse", "boat", "train", "cow", "elephant"}
_TABLEWARE = {"cup", "bottle", "wine glass", "fork", "knife", "spoon", "sandwich", "pizza", "donut", "carrot"}
_TABLE = "dining table"


@dataclass(frozen=True)
class Fact:
    """One thing that is so of a person.

    Attributes:
        aspect: which of the four texts it belongs to.
        key, value: what it is about, and what is so: two facts with one key can be told apart by their values.
        text: said of the person, from the verb on: ``wears a white top``.
        name: as a part of a referring phrase: ``in the white top``; empty where it is none.
        phrase: the words of the text that name something in the picture, and its boxes.
        boxes_px: where that is.
        source: what it rests on.
    """

    aspect: Aspect
    key: str
    value: str
    text: str
    name: str
    source: str
    phrase: str = ""
    boxes_px: tuple[BoxPx, ...] = ()


class Described(NamedTuple):
    """A person, what to call them, their facts, and the things close enough to have to do with them."""

    person: Person
    noun: str
    facts: tuple[Fact, ...]
    close: frozenset[str]

    def lacks(self, fact: Fact) -> bool:
        """Whether it is known that this person does not have a fact that another one has."""
        mine = [own.value for own in self.facts if own.key == fact.key]
        if fact.key.startswith("thing:"):
            return not mine and fact.value not in self.close
        return (
            bool(mine)
            and fact.value not in mine
            and all(frozenset((v, fact.value)) not in CONFUSABLE_COLORS for v in mine)
        )


def describe(scene: Scene, image: np.ndarray) -> list[Described]:
    """The people of a scene with their facts.

    Args:
        scene: its people and things.
        image: the picture, (H, W, 3) uint8 RGB.
    """
    found = []
    alone = _main_person(scene)
    for person in scene.people:
        said, noun = _said_of(scene, person) if person is alone else ([], "person")
        facts = [*_worn(person, image), *_posed(person, scene), *_with_things(person, scene), *said]
        if person is alone:
            facts = [fact for fact in facts if not _contradicted(fact, scene.captions)]
        close = frozenset(
            thing.name for thing in scene.objects if _gap(person.box_px, thing.box_px) < 0.1 * person.height
        )
        found.append(Described(person, noun, tuple(facts), close))
    return found


# --- appearance and pose --------------------------------------------------------------------------------------------


def _worn(person: Person, image: np.ndarray) -> list[Fact]:
    face = part_polygons(person, "face")
    found = []
    for part, garment, verb in (("torso", "top", "in a {} top"), ("legs", "bottoms", "in {} bottoms")):
        polygons = part_polygons(person, part)
        colour = dominant_color(image, polygons, person.outline, face) if polygons else ""
        box = part_box(person, part)
        if colour and box:
            phrase = f"a {colour} top" if part == "torso" else f"{colour} bottoms"
            source = "colour measured between the joints"
            found.append(
                Fact("appearance", garment, colour, f"wears {phrase}", verb.format(colour), source, phrase, (box,))
            )
    return found


def _posed(person: Person, scene: Scene) -> list[Fact]:
    pose, source = describe_pose(person), scene.source.get("joints", "joints")
    seat = next((thing for thing in scene.objects if thing.name in _SEATS and _sits_on(person, thing)), None)
    found = []
    if pose.view:
        found.append(Fact("pose", "view", pose.view, f"is {pose.view}", pose.view, source))
    if pose.posture:
        on = f" on a {seat.name}" if seat and pose.posture == "sitting" else ""
        boxes = (seat.box_px,) if on and seat else ()
        found.append(Fact("pose", "posture", pose.posture, f"is {pose.posture}{on}", pose.posture, source,
                          f"a {seat.name}" if on and seat else "", boxes))  # fmt: skip
    if pose.torso:
        text = "holds the upper body upright" if pose.torso == "upright" else f"is {pose.torso}"
        found.append(Fact("pose", "torso", pose.torso, text, "" if pose.torso == "upright" else pose.torso, source))
    if pose.arms:
        found.append(Fact("pose", "arms", pose.arms, f"has {pose.arms}", f"with {pose.arms}", source))
    if pose.legs:
        found.append(Fact("pose", "legs", pose.legs, f"has {pose.legs}", f"with {pose.legs}", source))
    return found


# --- what the person does with things -------------------------------------------------------------------------------


def _with_things(person: Person, scene: Scene) -> list[Fact]:
    found: dict[str, Fact] = {}
    for thing in sorted(scene.objects, key=lambda thing: -_size(thing.box_px)):
        name = _named(person, thing, scene)
        if name and thing.name not in found and len(found) < 3:
            source = "joints and object boxes" if thing.name in _HELD | set(_UNDERFOOT) else "person and object boxes"
            phrase = name[name.index(" a") + 1 :] if " a" in name else "skis"
            found[thing.name] = Fact("modality", f"thing:{thing.name}", thing.name, f"is {name}", name, source, phrase,
                                     (thing.box_px,))  # fmt: skip
    return list(found.values())


def _named(person: Person, thing: SceneObject, scene: Scene) -> str:
    """What the person does with a thing, as words go on after "the person"; empty where nothing is sure."""
    box, joints = thing.box_px, person.joints
    article = "an" if thing.name[0] in "aeiou" else "a"
    if thing.name in _TABLEWARE and any(other.name == _TABLE for other in scene.objects):
        return ""  # a hand is near what stands on a table without holding it
    if thing.name in _HELD:
        mine = _reach(person, box)
        others = min((_reach(other, box) for other in scene.people if other is not person), default=math.inf)
        near_ear = any(
            _from(joints[ear][:2], box) < 0.1 * person.height for ear in ("left_ear", "right_ear") if ear in joints
        )
        at_ear = " at the ear" if thing.name == "cell phone" and near_ear else ""
        return f"holding {article} {thing.name}{at_ear}" if mine < 0.35 and mine < others / 2 else ""
    if thing.name in _WORN:
        return _WORN[thing.name] if containment(box, person.box_px) > 0.85 and _owner(box, scene) is person else ""
    ankles = [joints[name] for name in ("left_ankle", "right_ankle") if name in joints]
    if thing.name in _UNDERFOOT and ankles:
        foot = min(ankles, key=lambda ankle: _from(ankle[:2], box))
        below = _from(foot[:2], box) < 0.12 * person.height and box[1] > foot.y - 0.12 * person.height
        return _UNDERFOOT[thing.name] if below and _owner_of_feet(box, scene) is person else ""
    if thing.name in _RIDDEN and {"left_hip", "right_hip"} & joints.keys():
        hip = next(joints[name] for name in ("left_hip", "right_hip") if name in joints)
        astride = (
            box[0] < hip.x < box[2]
            and hip.y < (box[1] + box[3]) / 2
            and person.box_px[3] > box[1] + 0.4 * (box[3] - box[1])
        )
        return f"riding {article} {thing.name}" if astride else ""
    if thing.name == _TABLE:
        meets = _gap(person.box_px, box) <= 0 and person.box_px[1] < box[1] and person.box_px[3] > box[1]
        return "at a dining table" if meets and 0.4 * _size(box) < 4 * person.area else ""
    if thing.name in _NEARBY and _size(box) > 0.3 * person.area:
        level = abs(person.box_px[3] - box[3]) < 0.35 * person.height
        most = 0.1 if thing.name in _RIDDEN else 0.5  # who covers a bicycle may be on it
        beside = _gap(person.box_px, box) < 0.35 * person.width and containment(person.box_px, box) < most
        return f"next to {article} {thing.name}" if level and beside else ""
    return ""


def _reach(person: Person, box: BoxPx) -> float:
    """How far a thing is from the nearer hand, in forearms; infinite where no forearm is known."""
    distances = []
    for side in ("left", "right"):
        wrist, elbow = person.joints.get(f"{side}_wrist"), person.joints.get(f"{side}_elbow")
        if wrist and elbow:
            forearm = max(math.dist(wrist[:2], elbow[:2]), 1.0)
            hand = (wrist.x + 0.3 * (wrist.x - elbow.x), wrist.y + 0.3 * (wrist.y - elbow.y))
            distances.append(min(_from(hand, box), _from(wrist[:2], box)) / forearm)
    return min(distances, default=math.inf)


def _owner(box: BoxPx, scene: Scene) -> Person:
    """Of several people whose boxes hold a worn thing, the one whose box it fills most."""
    holders = [person for person in scene.people if containment(box, person.box_px) > 0.85]
    return min(holders, key=lambda person: person.area)


def _owner_of_feet(box: BoxPx, scene: Scene) -> Person | None:
    standing: list[tuple[float, Person]] = []
    for person in scene.people:
        ankles = [joint for name, joint in person.joints.items() if name.endswith("ankle")]
        standing += [(_from(ankle[:2], box) / person.height, person) for ankle in ankles]
    return min(standing, key=lambda pair: pair[0])[1] if standing else None


def _sits_on(person: Person, seat: SceneObject) -> bool:
    hips = [joint for name, joint in person.joints.items() if name.endswith("hip")]
    return any(_from(hip[:2], seat.box_px) < 0.05 * person.height for hip in hips)


# --- what captions say ----------------------------------------------------------------------------------------------

_WHO = {
    "man": "man", "boy": "boy", "guy": "man", "gentleman": "man", "woman": "woman", "lady": "woman", "girl": "girl",
    "person": "person", "player": "player", "pitcher": "pitcher", "batter": "batter", "skateboarder": "skateboarder",
    "skater": "skater", "surfer": "surfer", "snowboarder": "snowboarder", "skier": "skier", "child": "child",
    "kid": "child", "rider": "rider", "cyclist": "cyclist", "chef": "chef", "baby": "baby", "toddler": "toddler",
}  # fmt: skip
_GENDERED = ("man", "woman", "boy", "girl", "child", "baby", "toddler")
_ONE = re.compile(
    rf"(?:A|An|The|One)\s+(?:[\w-]+\s+){{0,4}}?({'|'.join(_WHO)})\s+"
    r"(?:(?:that|who)\s+is\s+|is\s+)?((?:(?!and\s+(?:a|an|another|two)\b)[^.])+?)\.?",
    re.IGNORECASE,
)
_ANYBODY = re.compile(
    rf"\b(?:(?:{'|'.join(_WHO)})s?|people|men|women|family|friends?|group|crowd|team|couple|children|son|daughter)\b",
    re.IGNORECASE,
)
_MOST_CHARACTERS = 90
_POSTURES = {"standing": r"\bstand", "sitting": r"\b(?:sit|sat|seated)", "crouching": r"\b(?:crouch|squat|kneel)",
             "lying down": r"\b(?:lie|lying|lay)"}  # fmt: skip
_DOMINANT = 2.0  # times the area of the next: then a caption that speaks of one person speaks of this one


def _main_person(scene: Scene) -> Person | None:
    """The one person that a caption in the singular can be about: alone, or much larger than everybody else."""
    ranked = sorted(scene.people, key=lambda person: -person.area)
    if not ranked or ranked[0].area < 0.02 * scene.width * scene.height:
        return None
    rest = ranked[1].area if len(ranked) > 1 else 0.0
    return ranked[0] if ranked[0].area > _DOMINANT * rest else None


def _said_of(scene: Scene, person: Person) -> tuple[list[Fact], str]:
    """What the captions say the main person does, and what they call them."""
    said, nouns = [], []
    for caption in scene.captions:
        match = _ONE.fullmatch(caption)
        if not match or len(_ANYBODY.findall(caption)) > 1:  # it speaks of others too
            continue
        nouns.append(_WHO[match[1].lower()])
        doing = match[2].strip()
        start = re.match(r"[a-z]+ing\b", doing)  # what can stand after "is"
        if start and len(doing) < _MOST_CHARACTERS:
            said.append(doing[0].lower() + doing[1:])
    gendered = [noun for noun in nouns if noun in _GENDERED]
    noun = max(set(gendered), key=lambda n: (gendered.count(n), n)) if len(set(gendered)) == 1 else "person"
    chosen = sorted(set(said), key=lambda text: (-agreement(text, said), text))[:1]
    facts = [Fact("modality", "caption", text, f"is {text}", text, "COCO captions") for text in chosen]
    return facts, noun


def _contradicted(fact: Fact, captions: Sequence[str]) -> bool:
    """Whether a caption names another posture than the joints."""
    named = {name for name, word in _POSTURES.items() if any(re.search(word, caption, re.I) for caption in captions)}
    return fact.key == "posture" and bool(named - {fact.value})


def agreement(text: str, others: Sequence[str]) -> float:
    """How many of a caption's words the other captions use too, for each of its words."""
    words = set(re.findall(r"[a-z]{3,}", text.lower()))
    shared = sum(len(words & set(re.findall(r"[a-z]{3,}", other.lower()))) for other in others if other != text)
    return shared / max(len(words), 1)


# --- boxes ----------------------------------------------------------------------------------------------------------


def _gap(a: BoxPx, b: BoxPx) -> float:
    """Between two boxes, in pixels; 0 where they meet."""
    return math.hypot(max(a[0] - b[2], b[0] - a[2], 0.0), max(a[1] - b[3], b[1] - a[3], 0.0))


def _from(point: Sequence[float], box: BoxPx) -> float:
    return _gap((point[0], point[1], point[0], point[1]), box)


def _size(box: BoxPx) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])
