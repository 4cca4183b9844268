"""Training rows out of annotations: captions, grounding, referring expressions, and question answering."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from omnisense.benchmarks.herm.engine.annotations import (
    ASPECTS,
    XYWH,
    Answer,
    Aspect,
    ImageAnnotation,
    PersonAnnotation,
    PhraseBoxes,
    TrainingRow,
)
from omnisense.benchmarks.herm.engine.questions import Question, build_questions, xywh_fractions
from omnisense.reasoning.answers import boxes

BOX_REFERENCE_RATE = 0.2  # of the people in training prompts: referred to by box (HERM, section on training)
_PROMPTS: dict[Aspect, str] = {
    "appearance": "Describe how {} looks.",
    "pose": "Describe the pose of {}.",
    "modality": "Describe what {} does with things and surroundings.",
    "relation": "Describe how {} is placed to the other people.",
}
_GROUNDED = "</p><box>"


class _Task(NamedTuple):
    dimension: str
    question: str
    answer: Answer
    field: str | None = None
    choices: dict[str, str] | None = None


def build_training_rows(image: ImageAnnotation, people: Sequence[PersonAnnotation], seed: int) -> list[TrainingRow]:
    """Return the rows of ``training.jsonl`` for one image.

    Args:
        image, people: the annotations.
        seed: of the choice between referring expressions and boxes, and of the questions.
    """
    rng = random.Random(f"{seed}:training:{image.image_id}")
    tasks = [*_image_tasks(image)]
    for person in people:
        tasks += _person_tasks(person, image, rng)
    for question in build_questions(image, people, seed):
        text = _refer_by_box(question, people, image, rng)
        tasks.append(_Task("question answering", text, question.answer, question.field, question.choices))
    return [
        TrainingRow(
            id=f"{image.image_id}-t{i}",
            image=image.image,
            group=image.image_id,
            question=task.question,
            answer=task.answer,
            dimension=task.dimension,
            field=task.field,
            choices=task.choices,
        )
        for i, task in enumerate(tasks)
    ]


def _image_tasks(image: ImageAnnotation) -> Iterator[_Task]:
    if not image.dense_caption:
        return
    prompt = "Describe the picture and the people in it in detail."
    yield _Task("dense caption", prompt, _without_tags(image.dense_caption))
    text = _with_boxes(image.dense_caption, image.caption_boxes, image)
    if _GROUNDED in text:
        yield _Task("instance grounding", "Describe the people in the picture, with their boxes.", text)


def _person_tasks(person: PersonAnnotation, image: ImageAnnotation, rng: random.Random) -> Iterator[_Task]:
    for aspect in ASPECTS:
        if text := person.text(aspect):
            prompt = _PROMPTS[aspect].format(_reference(person, image, rng))
            yield _Task("instance caption", prompt, _without_tags(text))
    text = _with_boxes(person.appearance, person.appearance_boxes, image)
    if _GROUNDED in text:
        prompt = f"Describe how {_reference(person, image, rng)} looks, with boxes."
        yield _Task("instance grounding", prompt, text)
    box = xywh_fractions(person.bbox, image)
    for expression in person.referring_expressions:
        yield _Task("referring person", f"Where is {expression}?", box)
    if person.referring_expressions:
        for garment, garment_boxes in person.appearance_boxes.items():
            prompt = f"Where is {garment} of {person.referring_expressions[0]}?".replace("Where is a ", "Where is the ")
            yield _Task("referring part", prompt, xywh_fractions(garment_boxes[0], image))


def _reference(person: PersonAnnotation, image: ImageAnnotation, rng: random.Random) -> str:
    """Return how a prompt refers to a person: by a referring expression, or by the box."""
    if person.referring_expressions and rng.random() >= BOX_REFERENCE_RATE:
        return rng.choice(person.referring_expressions)
    return _box_reference(person, image)


def _box_reference(person: PersonAnnotation, image: ImageAnnotation) -> str:
    return f"the {person.noun} in {boxes.to_markup([_corners(person.bbox, image)])}"


def _refer_by_box(
    question: Question, people: Sequence[PersonAnnotation], image: ImageAnnotation, rng: random.Random
) -> str:
    """Return the text of a question, its person referred to by box at the set rate.

    Only multiple-choice questions change: one that asks for a box must not contain it.
    """
    if question.choices is None or rng.random() >= BOX_REFERENCE_RATE:
        return question.question
    mentioned = [
        (expression, person)
        for person in people
        for expression in person.referring_expressions
        if expression in question.question
    ]
    if not mentioned:
        return question.question
    expression, person = max(mentioned, key=lambda pair: len(pair[0]))
    return question.question.replace(expression, _box_reference(person, image))


def _with_boxes(text: str, grounded: PhraseBoxes, image: ImageAnnotation) -> str:
    """Return a text with the boxes of its phrases marked after them."""
    for phrase, phrase_boxes in grounded.items():
        marked = boxes.to_markup([_corners(box, image) for box in phrase_boxes])
        text = text.replace(f"<p>{phrase}</p>", f"<p>{phrase}</p>{marked}")
    return text


def _without_tags(text: str) -> str:
    return text.replace("<p>", "").replace("</p>", "")


def _corners(box: XYWH, image: ImageAnnotation) -> list[float]:
    """Return a box in pixels as x1, y1, x2, y2 in fractions of the image."""
    x, y, w, h = xywh_fractions(box, image)
    return [x, y, min(x + w, 1.0), min(y + h, 1.0)]
