"""Facts about a person in an image, each with its source, and when a person is known to lack a fact.

A fact that a person does not have is not yet one that the person is known to lack: that needs a measurement of the same
property with another value. Referring expressions and hard negatives depend on the difference.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from omnisense.benchmarks.herm.engine.annotations import Aspect, FactRecord
from omnisense.perception.images.colors import CONFUSABLE_COLORS
from omnisense.perception.images.scene import BoxPx, Person

OBJECT_KEY = "thing:"  # keys of facts about an object start with it


@dataclass(frozen=True)
class Fact:
    """One fact about a person.

    Attributes:
        aspect: which of the four sentences it belongs to.
        key, value: a property and its value; facts of one key with different values tell people apart.
        text: the predicate of a sentence about the person: ``wears a white top``.
        modifier: the fact as part of a referring expression: ``in the white top``; empty where it cannot be one.
        source: what the fact was measured on.
        phrase: the words of ``text`` that are grounded; empty for none.
        boxes_px: boxes of the phrase, x1, y1, x2, y2.
    """

    aspect: Aspect
    key: str
    value: str
    text: str
    modifier: str
    source: str
    phrase: str = ""
    boxes_px: tuple[BoxPx, ...] = ()

    def to_record(self) -> FactRecord:
        """Return the fact as written to ``instances.jsonl``."""
        return FactRecord(aspect=self.aspect, key=self.key, value=self.value, text=self.text, modifier=self.modifier)


class Property(Protocol):
    """A property and its value: a :class:`Fact` or a :class:`.annotations.FactRecord`."""

    @property
    def key(self) -> str:
        """The property."""
        ...

    @property
    def value(self) -> str:
        """Its value."""
        ...


class DescribedPerson(NamedTuple):
    """A person with facts.

    Attributes:
        person: box and joints.
        noun: what the person is called.
        facts: what is known of the person.
        nearby_objects: classes of objects so near that the person may use them.
    """

    person: Person
    noun: str
    facts: tuple[Fact, ...]
    nearby_objects: frozenset[str]

    def lacks(self, fact: Property) -> bool:
        """Return whether this person is known not to have a fact of another person."""
        return lacks_fact(self.facts, self.nearby_objects, fact)


def lacks_fact(facts: Iterable[Property], nearby_objects: Collection[str], fact: Property) -> bool:
    """Return whether a person is known not to have a fact.

    Args:
        facts: the person's own facts.
        nearby_objects: classes of objects near the person, of which it is not known whether the person uses them.
        fact: a fact of another person.
    """
    values = [own.value for own in facts if own.key == fact.key]
    if fact.key.startswith(OBJECT_KEY):
        return not values and fact.value not in nearby_objects
    return bool(values) and all(are_distinct(value, fact.value) for value in values)


def are_distinct(value: str, other: str) -> bool:
    """Return whether two values differ and are not colors that are confused with each other."""
    return value != other and frozenset((value, other)) not in CONFUSABLE_COLORS
