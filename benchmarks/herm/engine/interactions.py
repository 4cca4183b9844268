"""What people do with the objects around them, from boxes and joints: holding, wearing, riding, next to."""

from __future__ import annotations

import math

from omnisense.benchmarks.herm.engine.facts import OBJECT_KEY, Fact
from omnisense.perception.geometry import area, containment, distance_to_point, gap
from omnisense.perception.images.scene import BoxPx, Joint, Person, Scene, SceneObject

_MAX_FACTS = 3  # objects for each person
_HANDHELD = {
    "frisbee", "sports ball", "baseball bat", "tennis racket", "cell phone", "umbrella", "cup", "bottle", "wine glass",
    "fork", "knife", "spoon", "book", "remote", "kite", "handbag", "suitcase", "teddy bear", "banana", "apple",
    "sandwich", "donut", "hot dog", "pizza", "carrot", "scissors", "toothbrush", "hair drier", "laptop",
}  # fmt: skip
_WORN = {"tie": "wearing a tie", "backpack": "with a backpack", "baseball glove": "wearing a baseball glove"}
_UNDERFOOT = {"skateboard": "on a skateboard", "snowboard": "on a snowboard", "surfboard": "on a surfboard",
              "skis": "on skis"}  # fmt: skip
_RIDDEN = {"bicycle", "motorcycle", "horse", "elephant"}
_SEATS = {"chair", "couch", "bench", "bed", "toilet"}
_BESIDE = {"car", "bus", "truck", "bicycle", "motorcycle", "dog", "horse", "boat", "train", "cow", "elephant"}
_TABLEWARE = {"cup", "bottle", "wine glass", "fork", "knife", "spoon", "sandwich", "pizza", "donut", "carrot"}
_TABLE = "dining table"
_WORN_CONTAINMENT = 0.85  # share of a worn object's box that must be inside the person's
_MAX_REACH = 0.35  # forearms from hand to object


def object_facts(person: Person, scene: Scene) -> list[Fact]:
    """Return what a person does with objects, for at most three classes, the largest objects first."""
    found: dict[str, Fact] = {}
    for thing in sorted(scene.objects, key=lambda one: -area(one.box_px)):
        action = _action(person, thing, scene)
        if action and thing.name not in found and len(found) < _MAX_FACTS:
            by_joints = thing.name in _HANDHELD or thing.name in _UNDERFOOT
            source = "joints and object boxes" if by_joints else "person and object boxes"
            phrase = action[action.index(" a") + 1 :] if " a" in action else "skis"
            found[thing.name] = Fact("modality", f"{OBJECT_KEY}{thing.name}", thing.name, f"is {action}", action,
                                     source, phrase, (thing.box_px,))  # fmt: skip
    return list(found.values())


def find_seat(person: Person, scene: Scene) -> SceneObject | None:
    """Return the seat that the person's hips are on; None if there is none."""
    hips = [joint for name, joint in person.joints.items() if name.endswith("hip")]
    for seat in scene.objects:
        near = any(distance_to_point(seat.box_px, hip) < 0.05 * person.height for hip in hips)
        if seat.name in _SEATS and near:
            return seat
    return None


def _action(person: Person, thing: SceneObject, scene: Scene) -> str:
    """Return what the person does with an object, as words that follow "the person"; empty if it is not certain."""
    name = thing.name
    if name in _TABLEWARE and any(other.name == _TABLE for other in scene.objects):
        return ""  # a hand is often near tableware without holding it
    if name in _HANDHELD:
        return _holding(person, thing, scene)
    if name in _WORN:
        worn = containment(thing.box_px, person.box_px) > _WORN_CONTAINMENT
        return _WORN[name] if worn and _wearer(thing.box_px, scene) is person else ""
    if name in _UNDERFOOT and _joints(person, "ankle"):
        on_it = _is_underfoot(person, thing.box_px) and _nearest_by_feet(thing.box_px, scene) is person
        return _UNDERFOOT[name] if on_it else ""
    if name in _RIDDEN and _joints(person, "hip"):
        return f"riding {_with_article(name)}" if _is_astride(person, thing.box_px) else ""
    if name == _TABLE:
        return "at a dining table" if _is_at_table(person, thing.box_px) else ""
    if name in _BESIDE and area(thing.box_px) > 0.3 * person.area:
        return f"next to {_with_article(name)}" if _is_beside(person, thing) else ""
    return ""


def _with_article(name: str) -> str:
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"


def _joints(person: Person, part: str) -> list[Joint]:
    """Return the left and right joint of a part, those that are known."""
    return [person.joints[name] for name in (f"left_{part}", f"right_{part}") if name in person.joints]


def _holding(person: Person, thing: SceneObject, scene: Scene) -> str:
    box = thing.box_px
    reach = _reach(person, box)
    others = min((_reach(other, box) for other in scene.people if other is not person), default=math.inf)
    if not (reach < _MAX_REACH and reach < others / 2):
        return ""
    near_ear = any(distance_to_point(box, ear) < 0.1 * person.height for ear in _joints(person, "ear"))
    at_ear = " at the ear" if thing.name == "cell phone" and near_ear else ""
    return f"holding {_with_article(thing.name)}{at_ear}"


def _reach(person: Person, box: BoxPx) -> float:
    """Return the distance from an object to the nearer hand in forearm lengths; infinite if no forearm is known."""
    distances = []
    for side in ("left", "right"):
        wrist, elbow = person.joints.get(f"{side}_wrist"), person.joints.get(f"{side}_elbow")
        if wrist and elbow:
            forearm = max(math.dist(wrist[:2], elbow[:2]), 1.0)
            hand = (wrist.x + 0.3 * (wrist.x - elbow.x), wrist.y + 0.3 * (wrist.y - elbow.y))
            distances.append(min(distance_to_point(box, hand), distance_to_point(box, wrist)) / forearm)
    return min(distances, default=math.inf)


def _wearer(box: BoxPx, scene: Scene) -> Person:
    """Return the smallest of the people whose boxes contain a worn object; there is at least one."""
    candidates = [person for person in scene.people if containment(box, person.box_px) > _WORN_CONTAINMENT]
    return min(candidates, key=lambda person: person.area)


def _is_underfoot(person: Person, box: BoxPx) -> bool:
    foot = min(_joints(person, "ankle"), key=lambda ankle: distance_to_point(box, ankle))
    margin = 0.12 * person.height
    return distance_to_point(box, foot) < margin and box[1] > foot.y - margin


def _nearest_by_feet(box: BoxPx, scene: Scene) -> Person | None:
    """Return the person whose ankle is nearest to a box, in heights of the person."""
    distances: list[tuple[float, Person]] = []
    for person in scene.people:
        ankles = [joint for name, joint in person.joints.items() if name.endswith("ankle")]
        distances += [(distance_to_point(box, ankle) / person.height, person) for ankle in ankles]
    return min(distances, key=lambda pair: pair[0])[1] if distances else None


def _is_astride(person: Person, box: BoxPx) -> bool:
    hip = _joints(person, "hip")[0]
    above_middle = box[0] < hip.x < box[2] and hip.y < (box[1] + box[3]) / 2
    return above_middle and person.box_px[3] > box[1] + 0.4 * (box[3] - box[1])


def _is_at_table(person: Person, box: BoxPx) -> bool:
    overlaps = gap(person.box_px, box) <= 0 and person.box_px[1] < box[1] and person.box_px[3] > box[1]
    return overlaps and 0.4 * area(box) < 4 * person.area


def _is_beside(person: Person, thing: SceneObject) -> bool:
    box = thing.box_px
    same_level = abs(person.box_px[3] - box[3]) < 0.35 * person.height
    max_overlap = 0.1 if thing.name in _RIDDEN else 0.5  # a person who overlaps a bicycle may be on it
    near = gap(person.box_px, box) < 0.35 * person.width
    return same_level and near and containment(person.box_px, box) < max_overlap
