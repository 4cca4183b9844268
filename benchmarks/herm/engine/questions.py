"""Questions and training rows out of annotations, in the form that ``data`` reads.

Wrong answers are hard ones: what the other people of the same picture wear, do and are called, and only where the
person asked about is known to be otherwise. Pictures are held out whole: what is asked in the test is never trained on.
"""

from __future__ import annotations

import itertools
import random
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from omnisense.perception.images.colors import COLORS, CONFUSABLE_COLORS
from omnisense.reasoning.answers import boxes

BASIC, COMPLEX = "basic perception", "complex understanding"
BY_BOX = 0.2  # of the persons in training prompts: named by their box instead of a phrase (HERM, section on training)
_OPTIONS = 4
_LEAST_AREA = 0.004  # of the picture: who is smaller is not asked about
_POSES = {
    "view": ("Which way is {} turned?",
             ("facing the camera", "seen from behind", "in profile facing left", "in profile facing right")),
    "posture": ("What is the posture of {}?", ("standing", "sitting", "crouching", "lying down")),
    "torso": ("How does {} hold the upper body?", ("upright", "leaning to the left", "leaning to the right")),
    "arms": ("What does {} do with the arms?",
             ("both arms raised", "the left arm raised", "the right arm raised", "both arms down")),
}  # fmt: skip
_DEEDS = {  # wrong deeds, with the thing that must not be near for them to be wrong; as long and short as right ones
    "holding an umbrella": "umbrella", "riding a bicycle": "bicycle", "holding a baseball bat": "baseball bat",
    "on a skateboard": "skateboard", "holding a tennis racket": "tennis racket", "holding a cell phone": "cell phone",
    "riding a horse": "horse", "holding a frisbee": "frisbee", "on a surfboard": "surfboard", "holding a kite": "kite",
    "next to a car": "car", "on skis": "skis", "holding a book": "book", "with a backpack": "backpack",
    "at a dining table": "dining table", "wearing a baseball glove": "baseball glove", "wearing a tie": "tie",
    "holding a cell phone at the ear": "cell phone", "next to a motorcycle": "motorcycle",
    "holding a wine glass": "wine glass", "holding a teddy bear": "teddy bear", "holding a suitcase": "suitcase",
    "holding a sports ball": "sports ball", "riding a motorcycle": "motorcycle", "riding an elephant": "elephant",
}  # fmt: skip
_DESCRIBE = {
    "appearance": "Describe how {} looks.",
    "pose": "Describe the pose of {}.",
    "modality": "Describe what {} does with things and surroundings.",
    "relation": "Describe how {} is placed to the other people.",
}
_GROUNDED = "</p><box>"
_PLACED = re.compile(r"\b(?:left|right)\b")
Row = dict[str, Any]


def is_held_out(image_id: str, share: float, seed: int) -> bool:
    """Whether a picture is kept for the test; it depends on the picture and the seed alone."""
    return random.Random(f"{seed}:held out:{image_id}").random() < share


def questions_of(image: Row, people: Sequence[Row], seed: int) -> list[Row]:
    """The questions about one picture."""
    draw = random.Random(f"{seed}:questions:{image['image_id']}")
    named = [person for person in people if person["refer"] and _share(person, image) >= _LEAST_AREA]
    found: list[Row] = []
    for person in named:
        others = [other for other in people if other is not person]
        found += _appearance(person, others, draw)
        found += _pose(person, draw)
        found += _deed(person, others, draw)
        found += _who(person, [other for other in named if other is not person], draw)
        found += _description(person, [other for other in named if other is not person], draw)
        found.append(
            _asked("person grounding", BASIC, f"Where is {person['refer'][0]}?", _fractions(person["bbox"], image))
        )
    if not image["crowds"] and len(named) == len(people):
        found += _beside(named, draw)
    if not image["crowds"] and all(_share(person, image) >= _LEAST_AREA for person in people):
        found += _all_of(image, people)
    return [
        {"id": f"{image['image_id']}-{i}", "image": image["image"], "group": image["image_id"]} | row
        for i, row in enumerate(found)
    ]


def training_of(image: Row, people: Sequence[Row], seed: int) -> list[Row]:
    """Training rows of one picture: captions, grounding, referring, and question answering.

    The ``dimension`` of a row is its task, by which a recipe sets sample ratios.
    """
    draw = random.Random(f"{seed}:training:{image['image_id']}")
    found: list[Row] = []
    if image["dense_caption"]:
        found.append(_task("dense caption", "Describe the picture and the people in it in detail.",
                           _unmarked(image["dense_caption"])))  # fmt: skip
        text = _with_boxes(image["dense_caption"], image["caption_boxes"], image)
        if _GROUNDED in text:
            found.append(_task("instance grounding", "Describe the people in the picture, with their boxes.", text))
    for person in people:
        for aspect, asked in _DESCRIBE.items():
            if person[aspect]:
                name = _name(person, image, draw)
                found.append(_task("instance caption", asked.format(name), _unmarked(person[aspect])))
        text = _with_boxes(person["appearance"], person["appearance_boxes"], image)
        if _GROUNDED in text:
            asked = f"Describe how {_name(person, image, draw)} looks, with boxes."
            found.append(_task("instance grounding", asked, text))
        for phrase in person["refer"]:
            found.append(_task("referring person", f"Where is {phrase}?", _fractions(person["bbox"], image)))
        if person["refer"]:
            for part, at in person["appearance_boxes"].items():
                asked = f"Where is {part} of {person['refer'][0]}?".replace("Where is a ", "Where is the ")
                found.append(_task("referring part", asked, _fractions(at[0], image)))
    for row in questions_of(image, people, seed):
        found.append(_by_box(row, people, image, draw) | {"dimension": "question answering"})
    return [
        row | {"id": f"{image['image_id']}-t{i}", "image": image["image"], "group": image["image_id"]}
        for i, row in enumerate(found)
    ]


# --- kinds of questions ---------------------------------------------------------------------------------------------


def _appearance(person: Row, others: Sequence[Row], draw: random.Random) -> Iterator[Row]:
    for fact in _facts(person, "top", "bottoms"):
        name = _blind(person, fact)
        if name is None:
            continue
        worn = [other["value"] for one in others for other in _facts(one, "top", "bottoms")]
        worn += [own["value"] for own in _facts(person, "top", "bottoms")]
        clear = [c for c in dict.fromkeys([*worn, *draw.sample(COLORS, len(COLORS))]) if _unlike(c, fact["value"])]
        kind = "is the top" if fact["key"] == "top" else "are the trousers, the shorts or the skirt"
        yield from _choice("appearance", BASIC, f"What colour {kind} of {name}?", fact["value"], clear, draw)


def _pose(person: Row, draw: random.Random) -> Iterator[Row]:
    for fact in _facts(person, *_POSES):
        asked, values = _POSES[fact["key"]]
        name = _blind(person, fact)
        if name is not None:
            wrong = [value for value in values if value != fact["value"]]
            yield from _choice("pose", BASIC, asked.format(name), fact["value"], wrong, draw)


def _deed(person: Row, others: Sequence[Row], draw: random.Random) -> Iterator[Row]:
    known = {fact["value"] for fact in person["facts"]} | set(person["close_to"])
    for fact in person["facts"]:
        if not fact["key"].startswith("thing:"):
            continue
        name = _blind(person, fact)
        if name is None:
            continue
        theirs = [
            f["name"] for o in others for f in o["facts"] if f["key"].startswith("thing:") and f["value"] not in known
        ]
        pool = [deed for deed, thing in draw.sample(list(_DEEDS.items()), len(_DEEDS)) if thing not in known]
        wrong = list(dict.fromkeys([*theirs, *pool]))
        asked = f"Which of these is true of {name}? The person is ..."
        yield from _choice("action", COMPLEX, asked, fact["name"], wrong, draw)


def _who(person: Row, others: Sequence[Row], draw: random.Random) -> Iterator[Row]:
    """Which of the people it is; the wrong answers are the other people themselves."""
    for fact in person["facts"]:
        wrong = [name for other in others if _lacks(other, fact) and (name := _silent(other, fact["key"]))]
        name = _silent(person, fact["key"])
        if fact["name"] and name and len(wrong) == len(others) >= 1:
            asked = (
                f"Who is {fact['name']}?" if not fact["name"].startswith("with ") else f"Who is seen {fact['name']}?"
            )
            yield from _choice("identification", COMPLEX, asked, name, wrong, draw, least=2)
            return


def _description(person: Row, others: Sequence[Row], draw: random.Random) -> Iterator[Row]:
    told = [fact for fact in person["facts"] if fact["name"] and fact["key"] not in ("caption",)]
    name = next((n for n in person["refer"] if not any(fact["name"] in n for fact in told)), None)
    wrong = []
    for other in others:
        theirs = [fact for fact in other["facts"] if fact["name"] and fact["key"] != "caption"]
        if any(_lacks(person, fact) for fact in theirs):
            wrong.append(_listed(theirs))
    if name and told and wrong:
        yield from _choice("description", COMPLEX, f"Which description fits {name}?", _listed(told), wrong, draw)


def _beside(people: Sequence[Row], draw: random.Random) -> Iterator[Row]:
    row = sorted(people, key=_centre)
    if any(_centre(b) - _centre(a) < 0.25 * min(a["bbox"][2], b["bbox"][2]) for a, b in itertools.pairwise(row)):
        return
    # "The second from the left" would give the answer away.
    names = [next((name for name in person["refer"] if not _PLACED.search(name)), None) for person in row]
    for at, name in enumerate(names):
        for side, step in (("left", -1), ("right", 1)):
            right = names[at + step] if 0 <= at + step < len(row) else None
            wrong = [other for k, other in enumerate(names) if other and k not in (at, at + step)]
            if name and right:
                asked = f"Who is next to {name}, on the {side} in the picture?"
                yield from _choice("relation", COMPLEX, asked, right, wrong, draw, least=2)


def _all_of(image: Row, people: Sequence[Row]) -> Iterator[Row]:
    if len(people) >= 2:
        everybody = [_fractions(person["bbox"], image) for person in people]
        yield _asked("group grounding", BASIC, "Where are all the people in the picture?", everybody)
    names = dict.fromkeys(f["name"] for p in people for f in p["facts"] if f["name"] and f["key"] != "caption")
    for name in names:
        have = [p for p in people if any(fact["name"] == name for fact in p["facts"])]
        fact = next(f for f in have[0]["facts"] if f["name"] == name)
        if 2 <= len(have) < len(people) and all(_lacks(other, fact) for other in people if other not in have):
            where = [_fractions(person["bbox"], image) for person in have]
            yield _asked("group grounding", COMPLEX, f"Where are all the people {name}?", where)


# --- parts of a question --------------------------------------------------------------------------------------------


def _choice(
    dimension: str, field: str, question: str, right: str, wrong: Iterable[str], draw: random.Random, least: int = 3
) -> Iterator[Row]:
    """A choice among the right answer and up to three wrong ones, shuffled; none with fewer than ``least`` options."""
    options = [right, *itertools.islice((w for w in dict.fromkeys(wrong) if w != right), _OPTIONS - 1)]
    if len(options) < least:
        return
    draw.shuffle(options)
    choices = {chr(65 + i): option for i, option in enumerate(options)}
    yield _asked(dimension, field, question, chr(65 + options.index(right))) | {"choices": choices}


def _asked(dimension: str, field: str, question: str, answer: Any) -> Row:
    return {"question": question, "answer": answer, "dimension": dimension, "field": field}


def _task(task: str, question: str, answer: Any) -> Row:
    return {"question": question, "answer": answer, "dimension": task}


def _facts(person: Row, *keys: str) -> list[Row]:
    return [fact for fact in person["facts"] if fact["key"] in keys]


def _blind(person: Row, fact: Row) -> str | None:
    """A phrase for the person that does not give the fact away."""
    hidden = fact["name"] or fact["value"]
    return next((name for name in person["refer"] if hidden not in name and fact["value"] not in name), None)


def _silent(person: Row, key: str) -> str | None:
    """A phrase for the person that says nothing of a key: it neither gives an answer away nor rules one out."""
    said = [fact["name"] or fact["value"] for fact in _facts(person, key)]
    return next((name for name in person["refer"] if not any(one in name for one in said)), None)


def _lacks(person: Row, fact: Row) -> bool:
    """Whether a person is known not to have a fact (see :meth:`.facts.Described.lacks`)."""
    mine = [own["value"] for own in person["facts"] if own["key"] == fact["key"]]
    if fact["key"].startswith("thing:"):
        return not mine and fact["value"] not in person["close_to"]
    return bool(mine) and all(_unlike(value, fact["value"]) for value in mine)


def _unlike(value: str, other: str) -> bool:
    return value != other and frozenset((value, other)) not in CONFUSABLE_COLORS


def _listed(facts: Sequence[Row]) -> str:
    return ", ".join(fact["name"] for fact in facts)


def _centre(person: Row) -> float:
    return float(person["bbox"][0] + person["bbox"][2] / 2)


def _share(person: Row, image: Row) -> float:
    return float(person["bbox"][2] * person["bbox"][3] / (image["width"] * image["height"]))


def _fractions(box: Sequence[float], image: Row) -> list[float]:
    sides = (image["width"], image["height"]) * 2
    return [round(v / side, 5) for v, side in zip(box, sides, strict=True)]


def _corners(box: Sequence[float], image: Row) -> list[float]:
    x, y, w, h = _fractions(box, image)
    return [x, y, min(x + w, 1.0), min(y + h, 1.0)]


def _name(person: Row, image: Row, draw: random.Random) -> str:
    """How a training prompt names a person: by a phrase, or by the box."""
    if person["refer"] and draw.random() >= BY_BOX:
        return str(draw.choice(person["refer"]))
    return _boxed(person, image)


def _boxed(person: Row, image: Row) -> str:
    return f"the {person['noun']} in {boxes.to_markup([_corners(person['bbox'], image)])}"


def _by_box(row: Row, people: Sequence[Row], image: Row, draw: random.Random) -> Row:
    """A choice whose question names its person by the box now and then; what asks for a box is left as it is."""
    if "choices" not in row or draw.random() >= BY_BOX:
        return row
    named = [(phrase, person) for person in people for phrase in person["refer"] if phrase in row["question"]]
    if not named:
        return row
    phrase, person = max(named, key=lambda pair: len(pair[0]))
    return row | {"question": row["question"].replace(phrase, _boxed(person, image))}


def _with_boxes(text: str, grounded: dict[str, list[list[float]]], image: Row) -> str:
    for phrase, at in grounded.items():
        marked = boxes.to_markup([_corners(box, image) for box in at])
        text = text.replace(f"<p>{phrase}</p>", f"<p>{phrase}</p>{marked}")
    return text


def _unmarked(text: str) -> str:
    return text.replace("<p>", "").replace("</p>", "")
