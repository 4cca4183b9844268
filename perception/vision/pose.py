"""Pose in words, from joints: view, posture, torso, arms and legs; and where the parts of the body are.

Everything is derived from joints that were found. An empty string means "unknown", never "no". Angles and lengths are
measured in pixels; left and right are the person's own.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Literal, NamedTuple, get_args

import numpy as np

from omnisense.errors import InputError
from omnisense.perception.images.scene import BoxPx, Joint, Person

View = Literal["", "facing the camera", "seen from behind", "in profile facing left", "in profile facing right"]
Posture = Literal["", "standing", "sitting", "crouching", "lying down"]
Torso = Literal["", "upright", "leaning to the left", "leaning to the right"]
Arms = Literal["", "both arms raised", "the left arm raised", "the right arm raised", "both arms down"]
Legs = Literal["", "bent knees"]
BodyPart = Literal["torso", "legs", "face"]
# Angles of the line from hips to shoulders, from the vertical.
_UPRIGHT_DEG, _LEANING_DEG, _TILTED_DEG, _LYING_DEG = 10.0, 30.0, 35.0, 60.0
_BENT_DEG = 120.0  # of a knee
_PROFILE_SHOULDERS = 0.4  # most distance across between the shoulders of a body in profile, in torso lengths
_SMALL_PX = 40.0  # joints of smaller people are too coarse for angles
_HEAD = ("nose", "left_eye", "right_eye", "left_ear", "right_ear")


class Pose(NamedTuple):
    """A pose in words; each attribute is empty where the joints do not determine it.

    Attributes:
        view: ``facing the camera``, ``seen from behind``, ``in profile facing left`` or ``... right`` (of the image).
        posture: ``standing``, ``sitting``, ``crouching`` or ``lying down``.
        torso: ``upright``, ``leaning to the left`` or ``leaning to the right`` (of the image).
        arms: ``both arms raised``, ``the left arm raised``, ``the right arm raised`` or ``both arms down``.
        legs: ``bent knees``. There is no "straight": from the front, a sitting person's legs look straight too.
    """

    view: View = ""
    posture: Posture = ""
    torso: Torso = ""
    arms: Arms = ""
    legs: Legs = ""


def describe_pose(person: Person) -> Pose:
    """Return the pose of a person; empty for one without joints, or too small for them to be exact."""
    joints = person.joints
    if not joints or person.height < _SMALL_PX:
        return Pose()
    return Pose(_view(joints), _posture(joints), _torso(joints), _arms(joints), _legs(joints))


def _view(joints: Mapping[str, Joint]) -> View:
    left, right = joints.get("left_shoulder"), joints.get("right_shoulder")
    visible = {name for name in _HEAD if name in joints and joints[name].visible}
    shoulders = left.x - right.x if left and right else 0.0
    unit = _torso_length(joints) or abs(shoulders)
    if {"nose", "left_eye", "right_eye"} <= visible:
        ears = {"left_ear", "right_ear"} & visible
        if len(ears) != 1 and shoulders > 0.25 * unit:
            return "facing the camera"
        if len(ears) == 2:
            return "facing the camera"
    visible_ears = [joints[name] for name in ("left_ear", "right_ear") if name in visible]
    eyes = {"left_eye", "right_eye"} & visible
    # Of a body in profile one shoulder hides the other; with both apart only the head is turned.
    is_turned = not (left and right) or abs(shoulders) <= _PROFILE_SHOULDERS * unit
    if "nose" in visible and len(visible_ears) == 1 and len(eyes) == 1 and is_turned:
        return "in profile facing left" if joints["nose"].x < visible_ears[0].x else "in profile facing right"
    if not {"nose", "left_eye", "right_eye"} & set(joints) and left and right and -shoulders > 0.25 * unit:
        return "seen from behind"
    return ""


def _posture(joints: Mapping[str, Joint]) -> Posture:
    shoulder, hip = _middle(joints, "shoulder"), _middle(joints, "hip")
    if shoulder is None or hip is None:
        return ""
    lean = _from_vertical(hip, shoulder)
    if lean > _LYING_DEG:
        ankle = _middle(joints, "ankle")
        return "lying down" if ankle is not None and _from_vertical(ankle, shoulder) > _LYING_DEG else ""
    torso = math.dist(shoulder, hip)
    knees = [(side, joints[f"{side}_hip"], joints[f"{side}_knee"], joints.get(f"{side}_ankle"))
             for side in ("left", "right") if {f"{side}_hip", f"{side}_knee"} <= joints.keys()
             and joints[f"{side}_knee"].visible]  # fmt: skip
    if not knees or torso < 1:
        return ""
    drops = [(knee.y - h.y) / torso for _, h, knee, _ in knees]
    angles = [_angle(h, knee, ankle) for _, h, knee, ankle in knees if ankle]
    if max(drops) > 0.55 and angles and min(angles) > 140 and lean < _TILTED_DEG:
        return "standing"
    if max(drops) < 0.45 and lean < _TILTED_DEG:
        return _seated_or_crouched(knees, hip, torso)
    return ""


def _seated_or_crouched(knees: list[tuple[str, Joint, Joint, Joint | None]], hip: np.ndarray, torso: float) -> Posture:
    """Return the posture of a person with level thighs: crouching where the heels are under the hips, else sitting."""
    ankles = [ankle for *_, ankle in knees if ankle]
    if ankles and max(ankle.y for ankle in ankles) - hip[1] < 0.5 * torso:
        return "crouching" if min(abs(ankle.x - hip[0]) for ankle in ankles) < 0.4 * torso else ""
    return "sitting"


def _torso(joints: Mapping[str, Joint]) -> Torso:
    shoulder, hip = _middle(joints, "shoulder"), _middle(joints, "hip")
    if shoulder is None or hip is None or math.dist(shoulder, hip) < 1:
        return ""
    lean = _from_vertical(hip, shoulder)
    if lean < _UPRIGHT_DEG:
        return "upright"
    if _LEANING_DEG < lean < 90:
        return "leaning to the left" if shoulder[0] < hip[0] else "leaning to the right"
    return ""


def _arms(joints: Mapping[str, Joint]) -> Arms:
    raised = {}
    for side in ("left", "right"):
        wrist, shoulder = joints.get(f"{side}_wrist"), joints.get(f"{side}_shoulder")
        if wrist and shoulder and (unit := _torso_length(joints)):
            raised[side] = (shoulder.y - wrist.y) / unit
    if all(raised.get(side, -1) > 0.15 for side in ("left", "right")):
        return "both arms raised"
    for side, other in (("left", "right"), ("right", "left")):
        if raised.get(side, -1) > 0.15 and raised.get(other, 1) < -0.1:
            return "the left arm raised" if side == "left" else "the right arm raised"
    return "both arms down" if len(raised) == 2 and max(raised.values()) < -0.5 else ""


def _legs(joints: Mapping[str, Joint]) -> Legs:
    angles = [
        _angle(joints[f"{side}_hip"], joints[f"{side}_knee"], joints[f"{side}_ankle"])
        for side in ("left", "right")
        if {f"{side}_hip", f"{side}_knee", f"{side}_ankle"} <= joints.keys()
    ]
    if len(angles) < 2:
        return ""
    return "bent knees" if max(angles) < _BENT_DEG else ""


def _torso_length(joints: Mapping[str, Joint]) -> float:
    """Return the length of the torso, which other lengths are relative to; 0 where it is unknown."""
    shoulder, hip = _middle(joints, "shoulder"), _middle(joints, "hip")
    return 0.0 if shoulder is None or hip is None else float(math.dist(shoulder, hip))


def _middle(joints: Mapping[str, Joint], name: str) -> np.ndarray | None:
    found = [joints[f"{side}_{name}"][:2] for side in ("left", "right") if f"{side}_{name}" in joints]
    return np.mean(found, axis=0) if found else None


def _from_vertical(low: np.ndarray, high: np.ndarray) -> float:
    """Return the angle in degrees between the line from one point up to another and the vertical."""
    return math.degrees(math.atan2(abs(high[0] - low[0]), max(low[1] - high[1], 1e-6)))


def _angle(a: Joint, at: Joint, b: Joint) -> float:
    one, other = np.subtract(a[:2], at[:2]), np.subtract(b[:2], at[:2])
    lengths = float(np.linalg.norm(one) * np.linalg.norm(other))
    return math.degrees(math.acos(float(np.clip(one @ other / lengths, -1, 1)))) if lengths else 180.0


# --- parts ----------------------------------------------------------------------------------------------------------


def part_polygons(person: Person, part: BodyPart) -> list[np.ndarray]:
    """Return where a part of the body is, as polygons (N, 2); none where its joints are missing.

    Args:
        person: with joints.
        part: ``torso`` (shoulders to hips), ``legs`` (thighs, hips to knees) or ``face`` (around eyes and nose).

    Raises:
        InputError: an unknown part.
    """
    if part not in get_args(BodyPart):
        raise InputError(f"there is no body part '{part}'", f"Choose from {', '.join(get_args(BodyPart))}.")
    joints = person.joints
    if part == "torso":
        corners = [f"{side}_{name}" for side, name in
                   (("left", "shoulder"), ("right", "shoulder"), ("right", "hip"), ("left", "hip"))]  # fmt: skip
        if all(name in joints for name in corners) and all(joints[name].visible for name in corners[:2]):
            found = np.array([joints[name][:2] for name in corners])
            if not all(joints[name].visible for name in corners[2:]):  # the hips are occluded
                found[2:] = found[1::-1] + (found[2:] - found[1::-1]) * 0.6
            return [_shrink(found, 0.8)]
        return _side_torso(joints)
    if part == "legs":
        sides = [side for side in ("left", "right") if {f"{side}_hip", f"{side}_knee"} <= joints.keys()
                 and joints[f"{side}_knee"].visible]  # fmt: skip
        return [_strip(joints[f"{side}_hip"], joints[f"{side}_knee"], 0.12) for side in sides]
    points = [joints[name][:2] for name in ("left_eye", "right_eye", "nose") if name in joints and joints[name].visible]
    return [np.array(points)] if len(points) == 3 else []


def _side_torso(joints: Mapping[str, Joint]) -> list[np.ndarray]:
    sides = [side for side in ("left", "right") if {f"{side}_shoulder", f"{side}_hip"} <= joints.keys()
             and joints[f"{side}_shoulder"].visible and joints[f"{side}_hip"].visible]  # fmt: skip
    return [_strip(joints[f"{side}_shoulder"], joints[f"{side}_hip"], 0.15) for side in sides]


def _strip(start: Joint, end: Joint, width: float) -> np.ndarray:
    """Return a strip (4, 2) along a limb's bone, ``width`` bone lengths to each side."""
    a, b = np.array(start[:2]), np.array(end[:2])
    across = np.array([a[1] - b[1], b[0] - a[0]]) * width
    inner, outer = a + (b - a) * 0.15, a + (b - a) * 0.85
    return np.array([inner + across, outer + across, outer - across, inner - across])


def _shrink(polygon: np.ndarray, share: float) -> np.ndarray:
    center = polygon.mean(axis=0)
    shrunk: np.ndarray = center + (polygon - center) * share
    return shrunk


def part_box(person: Person, part: BodyPart) -> BoxPx | None:
    """Return the box of a garment on a part, inside the person's box; None where it is unknown.

    ``torso`` reaches from the shoulders to the hips, as wide as the person there; ``legs`` from the hips to the feet.
    """
    polygons = part_polygons(person, part)
    if not polygons:
        return None
    points = np.concatenate(polygons)
    x1, y1, x2, y2 = person.box_px
    unit = _torso_length(person.joints) or float(np.ptp(points[:, 1]))
    left, right = points[:, 0].min() - 0.25 * unit, points[:, 0].max() + 0.25 * unit
    top, bottom = points[:, 1].min() - 0.15 * unit, points[:, 1].max() + 0.15 * unit
    if part == "legs":
        ankles = [joint.y for name, joint in person.joints.items() if name.endswith("ankle")]
        bottom = max([bottom, *ankles])
    box = (max(x1, left), max(y1, top), min(x2, right), min(y2, bottom))
    return box if box[2] - box[0] > 1 and box[3] - box[1] > 1 else None
