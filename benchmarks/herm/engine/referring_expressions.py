"""Referring expressions: phrases that fit one person in an image and, as far as is known, no other.

A phrase is kept only if every other person is known not to fit it. Of some people little is known (too small, occluded,
or in a crowd without individual annotations), and they could fit almost any phrase; such phrases are disambiguated by
what is always known, size and position, or dropped.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from omnisense.benchmarks.herm.engine.facts import DescribedPerson, Fact
from omnisense.perception.geometry import best_iou
from omnisense.perception.images.scene import Person, Scene

MIN_AREA = 0.004  # of the image: smaller people are not referred to
_MAX_EXPRESSIONS = 4  # for each person
_MIN_OFFSET = 0.04  # of the image's width, between the centers of people who are told apart by position
_ORDINALS = ("first", "second", "third", "fourth", "fifth")
_FOREGROUND_RATIO = 4.0  # of areas: then one person is in the foreground and the other is not
_LARGE, _MIN_JOINTS = 0.02, 4  # a person of this share of the image with fewer joints is a visible part of a body
_SAME_BOX_IOU = 0.6


@dataclass
class ReferringExpressions:
    """Expressions that single a person out.

    Attributes:
        phrases: the expressions, the simplest first.
        dropped: number of phrases that were dropped or disambiguated, by reason.
    """

    phrases: list[str] = field(default_factory=list)
    dropped: dict[str, int] = field(default_factory=dict)

    def drop(self, reason: str) -> None:
        """Count one dropped phrase."""
        self.dropped[reason] = self.dropped.get(reason, 0) + 1


def find_referring_expressions(
    person: DescribedPerson, everyone: Sequence[DescribedPerson], scene: Scene
) -> ReferringExpressions:
    """Return the referring expressions of one person, at most four.

    Args:
        person: whom to refer to; one of ``everyone``.
        everyone: all people of the scene.
        scene: the scene.
    """
    found = ReferringExpressions()
    others = [other for other in everyone if other is not person]
    if reason := _reason_for_none(person.person, everyone, others, scene):
        found.drop(reason)
        return found
    if not others and not scene.crowds:
        found.phrases.append(f"the {person.noun}")
    facts = [fact for fact in person.facts if fact.modifier]
    if not scene.crowds:
        found.phrases += _unique_phrases(person, facts, others)
    for combination in [*([fact] for fact in facts), []]:
        if len(found.phrases) < _MAX_EXPRESSIONS:
            found.phrases += _disambiguate(person, combination, others, scene, found)
    if not found.phrases and _all_countable(others, scene):
        ordinal = _ordinal(person.person, [other.person for other in others], scene.width)
        if ordinal:
            found.phrases.append(f"the {ordinal} {person.noun} from the left")
    found.phrases = list(dict.fromkeys(found.phrases))[:_MAX_EXPRESSIONS]
    return found


def _reason_for_none(
    person: Person, everyone: Sequence[DescribedPerson], others: Sequence[DescribedPerson], scene: Scene
) -> str:
    """Return why a person cannot be referred to; empty otherwise."""
    image_area = scene.width * scene.height
    if person.area < MIN_AREA * image_area:
        return "person too small"
    joints_known = any(other.person.joints for other in everyone)
    if joints_known and len(person.joints) < _MIN_JOINTS and person.area > _LARGE * image_area:
        return "too little of the body visible"
    if any(best_iou([other.person.box_px], [person.box_px]) > _SAME_BOX_IOU for other in others):
        return "almost the same box as another person"
    return ""


def _unique_phrases(person: DescribedPerson, facts: Sequence[Fact], others: Sequence[DescribedPerson]) -> Iterator[str]:
    """Yield phrases of one fact, then of two, that fit no other person."""
    sufficient: list[Fact] = []
    for size in (1, 2):
        for combination in itertools.combinations(facts, size):
            redundant = any(fact in sufficient for fact in combination)
            if not redundant and not _people_who_may_fit(combination, others):
                if size == 1:
                    sufficient += combination
                yield _phrase(person, combination)


def _people_who_may_fit(facts: Sequence[Fact], others: Sequence[DescribedPerson]) -> list[DescribedPerson]:
    """Return the people who are not known to lack any of the facts."""
    return [other for other in others if not any(other.lacks(fact) for fact in facts)]


def _disambiguate(
    person: DescribedPerson,
    facts: Sequence[Fact],
    others: Sequence[DescribedPerson],
    scene: Scene,
    found: ReferringExpressions,
) -> list[str]:
    """Return the phrase of these facts with the size or position that makes it unique; empty if nothing does."""
    phrase = _phrase(person, facts)
    rivals = _people_who_may_fit(facts, others)
    if not rivals and not scene.crowds:
        return []  # it is unique as it is
    near_in_size = [other for other in rivals if other.person.area * _FOREGROUND_RATIO > person.person.area]
    if not near_in_size and (not scene.crowds or _is_before_crowd(person.person, others, scene)):
        found.drop("disambiguated by size")
        return [f"{phrase} in the foreground"]
    side = _outermost_side(person.person, [other.person for other in rivals], scene.width)
    if side and _all_countable(rivals, scene):
        found.drop("disambiguated by position")
        return [f"{phrase} {side}"]
    if facts:
        found.drop("fits other people too")
    return []


def _phrase(person: DescribedPerson, facts: Sequence[Fact]) -> str:
    ordered = sorted(facts, key=lambda fact: fact.aspect != "appearance")
    return " ".join([f"the {person.noun}", *(fact.modifier for fact in ordered)])


def _all_countable(others: Sequence[DescribedPerson], scene: Scene) -> bool:
    """Return whether a position among these people is unambiguous: no crowd, and no one too small to be noticed."""
    min_area = MIN_AREA * scene.width * scene.height
    return not scene.crowds and all(other.person.area >= min_area for other in others)


def _outermost_side(person: Person, others: Sequence[Person], width: int) -> str:
    x, offset = person.center[0], _MIN_OFFSET * width
    if all(x + offset < other.center[0] for other in others):
        return "furthest to the left"
    return "furthest to the right" if all(x - offset > other.center[0] for other in others) else ""


def _ordinal(person: Person, others: Sequence[Person], width: int) -> str:
    """Return the person's place from the left in a row of up to five people; empty if they are not a clear row."""
    row = sorted([person, *others], key=lambda one: one.center[0])
    separate = all(b.center[0] - a.center[0] > _MIN_OFFSET * width for a, b in itertools.pairwise(row))
    return _ORDINALS[row.index(person)] if separate and len(row) <= len(_ORDINALS) else ""


def _is_before_crowd(person: Person, others: Sequence[DescribedPerson], scene: Scene) -> bool:
    """Return whether a person is much larger than the people of a crowd, assumed as large as most annotated people."""
    areas = sorted(other.person.area for other in others)
    typical = areas[len(areas) // 2] if areas else 0.02 * scene.width * scene.height
    return person.area > _FOREGROUND_RATIO * typical
