"""Typed rows of the data engine: images, people, questions and training rows, as in its JSON lines.

``to_dict`` and ``from_dict`` convert to and from the objects of the files. Boxes are x, y, width, height in pixels of
the upright image.
"""

from __future__ import annotations

import traceback
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal, Self

from pydantic import AliasChoices, BaseModel, ConfigDict, Field

from omnisense.errors import OmniSenseError
from omnisense.perception.geometry import from_xywh, normalize
from omnisense.reasoning.answers.boxes import Box

SCHEMA_VERSION: Final = 1
Aspect = Literal["appearance", "pose", "modality", "relation"]
ASPECTS: tuple[Aspect, ...] = ("appearance", "pose", "modality", "relation")
XYWH = tuple[float, float, float, float]
PhraseBoxes = dict[str, tuple[XYWH, ...]]  # a phrase of a text, such as a garment, and its boxes


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    def to_dict(self) -> dict[str, Any]:
        """Return the row as an object of JSON."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)

    @classmethod
    def from_dict(cls, row: Mapping[str, Any]) -> Self:
        """Return the row of an object that :meth:`to_dict` wrote.

        Raises:
            ValueError: a key is missing or unknown, a value has the wrong type, or the schema version is another one.
        """
        return cls.model_validate(row)


class _Annotation(_Row):
    source: dict[str, str] = {}
    missing: dict[str, str] = {}

    def with_value(self, key: str, value: object, source: str) -> Self:
        """Return a copy with one field replaced, its source stated, and no longer listed as missing."""
        missing = {name: reason for name, reason in self.missing.items() if name != key}
        return self.model_copy(update={key: value, "source": self.source | {key: source}, "missing": missing})


class Segmentation(_Row):
    """A segmentation mask: its class, and polygons as flat lists x, y, x, y, ... in pixels."""

    label: str = Field(validation_alias=AliasChoices("class", "label"), serialization_alias="class")
    polygons: list[list[float]]


class FactRecord(_Row):
    """A fact about a person; see :class:`omnisense.benchmarks.herm.engine.facts.Fact`."""

    aspect: Aspect
    key: str
    value: str
    text: str
    modifier: str


class ImageAnnotation(_Annotation):
    """The annotation of an image, a row of ``images.jsonl``.

    Attributes:
        image, image_id: file name, and its stem.
        width, height: in pixels.
        people: number of annotated people.
        crowds: boxes of people who are not annotated one by one.
        dense_caption: a description of the image, grounded phrases in ``<p>`` tags.
        caption_boxes: boxes of the grounded phrases.
        source: where a field's value comes from.
        missing: why a field is empty.
        dropped: number of annotations, detections and texts that were not used, by reason.
    """

    schema_version: Literal[1] = SCHEMA_VERSION
    image: str
    image_id: str
    width: int
    height: int
    people: int
    crowds: tuple[XYWH, ...]
    dense_caption: str
    caption_boxes: PhraseBoxes
    dropped: dict[str, int]

    def as_fractions(self, box: XYWH) -> Box:
        """Return a box as x1, y1, x2, y2 in fractions of this image."""
        return normalize(from_xywh(box), self.width, self.height)


class PersonAnnotation(_Annotation):
    """The annotation of one person, a row of ``instances.jsonl``.

    Attributes:
        image, image_id, instance_id: the image's file name and id, and the person's id.
        bbox: the person's box.
        noun: what the person is called: ``person``, ``woman``, ``skier`` ...
        referring_expressions: phrases that fit no other person in the image, the simplest first.
        appearance, pose, modality, relation: a sentence each, empty where nothing is known; ``modality`` is about what
            the person does with objects. Grounded phrases are in ``<p>`` tags.
        segmentation: the person's mask; empty where it is not known.
        appearance_boxes: boxes of garments; modality_boxes: boxes of objects.
        facts: the facts that the sentences are made of.
        nearby_objects: classes of objects so near that the person may use them.
        source: where a field's value comes from.
        missing: why a field is empty.
    """

    schema_version: Literal[1] = SCHEMA_VERSION
    image: str
    image_id: str
    instance_id: str
    bbox: XYWH
    noun: str
    referring_expressions: tuple[str, ...]
    appearance: str
    pose: str
    modality: str
    relation: str
    segmentation: tuple[Segmentation, ...]
    appearance_boxes: PhraseBoxes
    modality_boxes: PhraseBoxes
    facts: tuple[FactRecord, ...]
    nearby_objects: tuple[str, ...]

    def text(self, aspect: Aspect) -> str:
        """Return the sentence about one aspect; empty where nothing is known."""
        texts: dict[Aspect, str] = {
            "appearance": self.appearance,
            "pose": self.pose,
            "modality": self.modality,
            "relation": self.relation,
        }
        return texts[aspect]


Answer = str | XYWH | tuple[XYWH, ...]  # a letter or a text, a box, several boxes; boxes in fractions of the image


class TrainingRow(_Row):
    """A row of ``training.jsonl``, in the form that :func:`omnisense.benchmarks.herm.loading.load` reads.

    Attributes:
        id, image, group: of the row, the image's file name, and the image's id.
        question, answer: the prompt and the target.
        dimension: the task, by which a recipe sets sample ratios.
        field: the group of dimensions in HERM-Bench, for question answering.
        choices: the options by letter, for a multiple-choice question.
    """

    id: str
    image: str
    group: str
    question: str
    answer: Answer
    dimension: str
    field: str | None = None
    choices: dict[str, str] | None = None


class QuestionRow(TrainingRow):
    """A row of ``questions.jsonl``; see :class:`TrainingRow`."""

    field: str


class ErrorRecord(_Row):
    """Why an image has no annotation: type and message of the exception, and the traceback."""

    type: str
    message: str
    traceback: str

    @classmethod
    def from_exception(cls, error: BaseException) -> ErrorRecord:
        """Return the record of an exception."""
        message = error.problem if isinstance(error, OmniSenseError) else str(error)
        return cls(type=type(error).__name__, message=message, traceback="".join(traceback.format_exception(error)))


class AnnotationCounts(_Row):
    """Numbers of images and people."""

    images: int
    people: int
    images_with_people: int
    failed: int


class AnnotationSummary(_Row):
    """The content of ``summary.json``.

    Attributes:
        counts: numbers of images and people.
        people_with: number of people for whom a field is not empty, by field.
        dropped: number of annotations, detections and texts that were not used, by reason.
        failed: the errors, by file name.
        questions, training: number of rows, by dimension.
        missing: inputs and models that were not given, so that empty fields are not taken for a finding.
    """

    schema_version: Literal[1] = SCHEMA_VERSION
    counts: AnnotationCounts
    people_with: dict[str, int]
    dropped: dict[str, int]
    failed: dict[str, ErrorRecord]
    questions: dict[str, int]
    training: dict[str, int]
    missing: tuple[str, ...]


def round_xywh(box: Sequence[float]) -> XYWH:
    """Return a box x, y, width, height rounded to hundredths of a pixel."""
    x, y, w, h = (round(float(v), 2) for v in box)
    return x, y, w, h
