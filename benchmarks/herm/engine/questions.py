"""Questions out of annotations, in the form that ``herm.loading`` reads.

Wrong answers are hard negatives: what the other people in the same image wear, do and are called, and only where the
person asked about is known to differ. An image belongs to the test split or to the training split as a whole.
"""

from __future__ import annotations

import itertools
import random
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from omnisense.benchmarks.herm.engine.annotations import (
    XYWH,
    Answer,
    FactRecord,
    ImageAnnotation,
    PersonAnnotation,
    QuestionRow,
)
from omnisense.benchmarks.herm.engine.facts import OBJECT_KEY, are_distinct, lacks_fact
from omnisense.benchmarks.herm.engine.referring_expressions import MIN_AREA
from omnisense.perception.geometry import normalize
from omnisense.perception.images.colors import COLORS

BASIC, COMPLEX = "basic perception", "complex understanding"
_NUM_CHOICES = 4
_POSES = {
    "view": ("Which way is {} turned?",
             ("facing the camera", "seen from behind", "in profile facing left", "in profile facing right")),
    "posture": ("What is the posture of {}?", ("standing", "sitting", "crouching", "lying down")),
    "torso": ("How does {} hold the upper body?", ("upright", "leaning to the left", "leaning to the right")),
    "arms": ("What does {} do with the arms?",
             ("both arms raised", "the left arm raised", "the right arm raised", "both arms down")),
}  # fmt: skip
# Wrong actions, each with the object that must not be near for the action to be wrong; as long as right answers are.
_NEGATIVE_ACTIONS = {
    "holding an umbrella": "umbrella", "riding a bicycle": "bicycle", "holding a baseball bat": "baseball bat",
    "on a skateboard": "skateboard", "holding a tennis racket": "tennis racket", "holding a cell phone": "cell phone",
    "riding a horse": "horse", "holding a frisbee": "frisbee", "on a surfboard": "surfboard", "holding a kite": "kite",
    "next to a car": "car", "on skis": "skis", "holding a book": "book", "with a backpack": "backpack",
    "at a dining table": "dining table", "wearing a baseball glove": "baseball glove", "wearing a tie": "tie",
    "holding a cell phone at the ear": "cell phone", "next to a motorcycle": "motorcycle",
    "holding a wine glass": "wine glass", "holding a teddy bear": "teddy bear", "holding a suitcase": "suitcase",
    "holding a sports ball": "sports ball", "riding a motorcycle": "motorcycle", "riding an elephant": "elephant",
}  # fmt: skip
_SIDE_WORDS = re.compile(r"\b(?:left|right)\b")


@dataclass(frozen=True)
class Question:
    """A question about an image; ``choices`` by letter for a multiple-choice question."""

    dimension: str
    field: str
    question: str
    answer: Answer
    choices: dict[str, str] | None = None


def is_in_test_split(image_id: str, fraction: float, seed: int) -> bool:
    """Return whether an image belongs to the test split; it depends on the image's id and the seed only."""
    return random.Random(f"{seed}:held out:{image_id}").random() < fraction


def build_question_rows(image: ImageAnnotation, people: Sequence[PersonAnnotation], seed: int) -> list[QuestionRow]:
    """Return the rows of ``questions.jsonl`` for one image.

    Args:
        image, people: the annotations.
        seed: of the choice and the order of options.
    """
    return [
        QuestionRow(
            id=f"{image.image_id}-{i}",
            image=image.image,
            group=image.image_id,
            question=one.question,
            answer=one.answer,
            dimension=one.dimension,
            field=one.field,
            choices=one.choices,
        )
        for i, one in enumerate(build_questions(image, people, seed))
    ]


def build_questions(image: ImageAnnotation, people: Sequence[PersonAnnotation], seed: int) -> list[Question]:
    """Return the questions about one image; see :func:`build_question_rows`."""
    rng = random.Random(f"{seed}:questions:{image.image_id}")
    named = [person for person in people if person.referring_expressions and _area_share(person, image) >= MIN_AREA]
    questions: list[Question] = []
    for person in named:
        others = [other for other in people if other is not person]
        named_others = [other for other in named if other is not person]
        questions += _ask_appearance(person, others, rng)
        questions += _ask_pose(person, rng)
        questions += _ask_action(person, others, rng)
        questions += _ask_identity(person, named_others, rng)
        questions += _ask_description(person, named_others, rng)
        asked = f"Where is {person.referring_expressions[0]}?"
        questions.append(Question("person grounding", BASIC, asked, xywh_fractions(person.bbox, image)))
    if not image.crowds and len(named) == len(people):
        questions += _ask_neighbors(named, rng)
    if not image.crowds and all(_area_share(person, image) >= MIN_AREA for person in people):
        questions += _ask_groups(image, people)
    return questions


def xywh_fractions(box: XYWH, image: ImageAnnotation) -> XYWH:
    """Return a box in pixels in fractions of the image, x, y, width, height, to five digits."""
    x, y, w, h = (round(v, 5) for v in normalize(box, image.width, image.height))
    return x, y, w, h


# --- kinds of questions ---------------------------------------------------------------------------------------------


def _ask_appearance(
    person: PersonAnnotation, others: Sequence[PersonAnnotation], rng: random.Random
) -> Iterator[Question]:
    garments = _facts(person, "top", "bottoms")
    for fact in garments:
        name = _name_without(person, fact)
        if name is None:
            continue
        worn = [other.value for one in others for other in _facts(one, "top", "bottoms")]
        worn += [own.value for own in garments]
        candidates = dict.fromkeys([*worn, *rng.sample(COLORS, len(COLORS))])
        negatives = [color for color in candidates if are_distinct(color, fact.value)]
        kind = "is the top" if fact.key == "top" else "are the trousers, the shorts or the skirt"
        yield from _choice("appearance", BASIC, f"What colour {kind} of {name}?", fact.value, negatives, rng)


def _ask_pose(person: PersonAnnotation, rng: random.Random) -> Iterator[Question]:
    for fact in _facts(person, *_POSES):
        template, values = _POSES[fact.key]
        name = _name_without(person, fact)
        if name is not None:
            negatives = [value for value in values if value != fact.value]
            yield from _choice("pose", BASIC, template.format(name), fact.value, negatives, rng)


def _ask_action(person: PersonAnnotation, others: Sequence[PersonAnnotation], rng: random.Random) -> Iterator[Question]:
    known = {fact.value for fact in person.facts} | set(person.nearby_objects)
    for fact in person.facts:
        if not fact.key.startswith(OBJECT_KEY):
            continue
        name = _name_without(person, fact)
        if name is None:
            continue
        from_others = [
            other.modifier
            for one in others
            for other in one.facts
            if other.key.startswith(OBJECT_KEY) and other.value not in known
        ]
        shuffled = rng.sample(list(_NEGATIVE_ACTIONS.items()), len(_NEGATIVE_ACTIONS))
        negatives = [*from_others, *(action for action, thing in shuffled if thing not in known)]
        asked = f"Which of these is true of {name}? The person is ..."
        yield from _choice("action", COMPLEX, asked, fact.modifier, negatives, rng)


def _ask_identity(
    person: PersonAnnotation, others: Sequence[PersonAnnotation], rng: random.Random
) -> Iterator[Question]:
    """Ask which person a fact fits; the negatives are the other people in the image."""
    for fact in person.facts:
        negatives = [name for other in others if _lacks(other, fact) and (name := _neutral_name(other, fact.key))]
        name = _neutral_name(person, fact.key)
        if fact.modifier and name and len(negatives) == len(others) >= 1:
            verb = "is seen" if fact.modifier.startswith("with ") else "is"
            asked = f"Who {verb} {fact.modifier}?"
            yield from _choice("identification", COMPLEX, asked, name, negatives, rng, min_choices=2)
            return


def _ask_description(
    person: PersonAnnotation, others: Sequence[PersonAnnotation], rng: random.Random
) -> Iterator[Question]:
    facts = _describing_facts(person)
    name = next((n for n in person.referring_expressions if not any(fact.modifier in n for fact in facts)), None)
    negatives = []
    for other in others:
        other_facts = _describing_facts(other)
        if any(_lacks(person, fact) for fact in other_facts):
            negatives.append(_join(other_facts))
    if name and facts and negatives:
        asked = f"Which description fits {name}?"
        yield from _choice("description", COMPLEX, asked, _join(facts), negatives, rng)


def _ask_neighbors(people: Sequence[PersonAnnotation], rng: random.Random) -> Iterator[Question]:
    row = sorted(people, key=_center_x)
    if any(_center_x(b) - _center_x(a) < 0.25 * min(a.bbox[2], b.bbox[2]) for a, b in itertools.pairwise(row)):
        return
    # "The second from the left" would give the answer away.
    names = [next((n for n in one.referring_expressions if not _SIDE_WORDS.search(n)), None) for one in row]
    for at, name in enumerate(names):
        for side, step in (("left", -1), ("right", 1)):
            neighbor = names[at + step] if 0 <= at + step < len(row) else None
            negatives = [other for k, other in enumerate(names) if other and k not in (at, at + step)]
            if name and neighbor:
                asked = f"Who is next to {name}, on the {side} in the picture?"
                yield from _choice("relation", COMPLEX, asked, neighbor, negatives, rng, min_choices=2)


def _ask_groups(image: ImageAnnotation, people: Sequence[PersonAnnotation]) -> Iterator[Question]:
    """Ask for the boxes of all people, and of all people with a fact that the others are known to lack."""
    if len(people) >= 2:
        boxes = tuple(xywh_fractions(person.bbox, image) for person in people)
        yield Question("group grounding", BASIC, "Where are all the people in the picture?", boxes)
    modifiers = dict.fromkeys(fact.modifier for person in people for fact in _describing_facts(person))
    for modifier in modifiers:
        group = [person for person in people if any(fact.modifier == modifier for fact in person.facts)]
        fact = next(fact for fact in group[0].facts if fact.modifier == modifier)
        if 2 <= len(group) < len(people) and all(_lacks(other, fact) for other in people if other not in group):
            boxes = tuple(xywh_fractions(person.bbox, image) for person in group)
            yield Question("group grounding", COMPLEX, f"Where are all the people {modifier}?", boxes)


# --- parts of a question --------------------------------------------------------------------------------------------


def _choice(
    dimension: str,
    field: str,
    question: str,
    right: str,
    negatives: Iterable[str],
    rng: random.Random,
    min_choices: int = 3,
) -> Iterator[Question]:
    """Yield a multiple-choice question with up to three negatives, shuffled; nothing if there are too few."""
    wrong = (text for text in dict.fromkeys(negatives) if text != right)
    options = [right, *itertools.islice(wrong, _NUM_CHOICES - 1)]
    if len(options) < min_choices:
        return
    rng.shuffle(options)
    choices = {chr(65 + i): option for i, option in enumerate(options)}
    yield Question(dimension, field, question, chr(65 + options.index(right)), choices)


def _facts(person: PersonAnnotation, *keys: str) -> list[FactRecord]:
    return [fact for fact in person.facts if fact.key in keys]


def _describing_facts(person: PersonAnnotation) -> list[FactRecord]:
    """Return the facts that can describe a person in a list; captions are too free for that."""
    return [fact for fact in person.facts if fact.modifier and fact.key != "caption"]


def _name_without(person: PersonAnnotation, fact: FactRecord) -> str | None:
    """Return a referring expression that does not give a fact away."""
    hidden = fact.modifier or fact.value
    return next((n for n in person.referring_expressions if hidden not in n and fact.value not in n), None)


def _neutral_name(person: PersonAnnotation, key: str) -> str | None:
    """Return a referring expression that says nothing about a property: neither the answer nor what rules it out."""
    hidden = [fact.modifier or fact.value for fact in _facts(person, key)]
    return next((n for n in person.referring_expressions if not any(words in n for words in hidden)), None)


def _lacks(person: PersonAnnotation, fact: FactRecord) -> bool:
    return lacks_fact(person.facts, person.nearby_objects, fact)


def _join(facts: Sequence[FactRecord]) -> str:
    return ", ".join(fact.modifier for fact in facts)


def _center_x(person: PersonAnnotation) -> float:
    return person.bbox[0] + person.bbox[2] / 2


def _area_share(person: PersonAnnotation, image: ImageAnnotation) -> float:
    """Return the share of the image that the person's box covers."""
    return person.bbox[2] * person.bbox[3] / (image.width * image.height)
