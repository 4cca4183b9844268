"""Phrases that single a person out: tried, checked against everybody else in the picture, sharpened or dropped.

A phrase stands only if every other person is known not to fit it. People of whom little is known (too small, half
hidden, or one of a crowd that nobody annotated) could fit almost anything, so phrases are sharpened by what is always
known: size and place.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from omnisense.benchmarks.herm.engine.facts import Described, Fact
from omnisense.perception.geometry import best_iou
from omnisense.perception.images.scene import Person, Scene

_MOST = 4  # phrases for a person
_APART = 0.04  # of the picture's width: as far as the one furthest to a side is from the next
_ORDINALS = ("first", "second", "third", "fourth", "fifth")
_LARGER = 4.0  # times the area: then one is in the foreground and the other is not
_LARGE, _LEAST_JOINTS = 0.02, 4  # who fills so much of the picture with fewer joints is a part of somebody
_LEAST_AREA = 0.004  # of the picture: smaller people are not referred to


@dataclass
class Referred:
    """Phrases that hold, and why others were dropped."""

    phrases: list[str] = field(default_factory=list)
    dropped: dict[str, int] = field(default_factory=dict)

    def drop(self, reason: str) -> None:
        """Count one."""
        self.dropped[reason] = self.dropped.get(reason, 0) + 1


def refer(one: Described, everybody: Sequence[Described], scene: Scene) -> Referred:
    """Phrases for one person, the plainest first."""
    found = Referred()
    person = one.person
    if person.area < _LEAST_AREA * scene.width * scene.height:
        found.drop("too small to be referred to")
        return found
    looked_for = any(other.person.joints for other in everybody)
    if looked_for and len(person.joints) < _LEAST_JOINTS and person.area > _LARGE * scene.width * scene.height:
        found.drop("too little of the body is seen")
        return found
    others = [other for other in everybody if other is not one]
    if any(_hides(other.person, person) for other in others):
        found.drop("almost the same box as another person")
        return found
    if not others and not scene.crowds:
        found.phrases.append(f"the {one.noun}")
    names = [fact for fact in one.facts if fact.name]
    enough: list[Fact] = []
    for facts in _plainest_first(names):
        if not scene.crowds and not any(fact in enough for fact in facts) and not _fitting(facts, others):
            enough += facts if len(facts) == 1 else []
            found.phrases.append(_phrase(one, facts))
    for facts in [*([fact] for fact in names), []]:
        if len(found.phrases) < _MOST:
            found.phrases += _sharpened(one, facts, others, scene, found)
    if (
        not found.phrases
        and _countable(others, scene)
        and (place := _place(person, [o.person for o in others], scene.width))
    ):
        found.phrases.append(f"the {place} {one.noun} from the left")
    found.phrases = list(dict.fromkeys(found.phrases))[:_MOST]
    return found


def _fitting(facts: Sequence[Fact], others: Sequence[Described]) -> list[Described]:
    """Those of whom it is not known that they lack one of the facts."""
    return [other for other in others if not any(other.lacks(fact) for fact in facts)]


def _plainest_first(facts: Sequence[Fact]) -> Iterator[list[Fact]]:
    """One fact at a time, then two."""
    for size in (1, 2):
        yield from map(list, itertools.combinations(facts, size))


def _sharpened(
    one: Described, facts: Sequence[Fact], others: Sequence[Described], scene: Scene, found: Referred
) -> list[str]:
    """The phrase of these facts with the size or place that tells it apart; none where nothing does."""
    phrase = _phrase(one, facts)
    rest = _fitting(facts, others)
    if not rest and not scene.crowds:
        return []  # it needs no sharpening
    in_front = [other for other in rest if other.person.area * _LARGER > one.person.area]
    if not in_front and (not scene.crowds or _before_crowd(one.person, others, scene)):
        found.drop("fitted others too: sharpened by size")
        return [f"{phrase} in the foreground"]
    side = _side(one.person, [other.person for other in rest], scene.width)
    if side and _countable(rest, scene):
        found.drop("fitted others too: sharpened by place")
        return [f"{phrase} {side}"]
    if facts:
        found.drop("fits others too")
    return []


def _phrase(one: Described, facts: Sequence[Fact]) -> str:
    return " ".join([f"the {one.noun}", *(fact.name for fact in sorted(facts, key=lambda f: f.aspect != "appearance"))])


def _countable(others: Sequence[Described], scene: Scene) -> bool:
    """Whether everybody among whom a place is told is there to be seen: no crowd, and nobody who is overlooked."""
    least = _LEAST_AREA * scene.width * scene.height
    return not scene.crowds and all(other.person.area >= least for other in others)


def _side(person: Person, others: Sequence[Person], width: int) -> str:
    x, apart = person.center[0], _APART * width
    if all(x + apart < other.center[0] for other in others):
        return "furthest to the left"
    return "furthest to the right" if all(x - apart > other.center[0] for other in others) else ""


def _place(person: Person, others: Sequence[Person], width: int) -> str:
    """Which of a few people in a row it is."""
    row = sorted([person, *others], key=lambda p: p.center[0])
    apart = all(b.center[0] - a.center[0] > _APART * width for a, b in itertools.pairwise(row))
    return _ORDINALS[row.index(person)] if apart and len(row) <= len(_ORDINALS) else ""


def _before_crowd(person: Person, others: Sequence[Described], scene: Scene) -> bool:
    """Whether somebody is clearly larger than the people of a crowd, who are as large as most of those annotated."""
    areas = sorted(other.person.area for other in others)
    typical = areas[len(areas) // 2] if areas else 0.02 * scene.width * scene.height
    return person.area > _LARGER * typical


def _hides(other: Person, person: Person) -> bool:
    """Whether two boxes are almost one: a phrase for one would mark the other as well."""
    return best_iou([other.box_px], [person.box_px]) > 0.6
