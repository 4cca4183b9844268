"""Annotations by a vision-language policy: texts for images and people, and boxes for what the texts name.

The texts pass checks, or the template-based text stays; ``source`` says for each text who wrote it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from omnisense.benchmarks.herm.engine.annotations import (
    XYWH,
    Aspect,
    ImageAnnotation,
    PersonAnnotation,
    PhraseBoxes,
    round_xywh,
)
from omnisense.benchmarks.herm.engine.grounders import MAX_NEW_TOKENS, image_prompt
from omnisense.benchmarks.herm.engine.text_checks import PHRASE, find_fault
from omnisense.perception.geometry import IOU_THRESHOLD, best_iou, containment, denormalize, to_xywh
from omnisense.perception.images.grounding import Grounder
from omnisense.perception.images.scene import load_image
from omnisense.reasoning.answers.box_notation import Notation
from omnisense.reasoning.answers.boxes import Box, format_boxes
from omnisense.reasoning.policies.base import Policy
from omnisense.reasoning.policies.messages import Messages

_CROP_MARGIN = 0.1  # of the box, on each side: objects in a person's hands reach beyond it
_MIN_CONTAINMENT = 0.7  # share of a garment's box that must be inside the person's
_IMAGE_PROMPT = "Describe this picture and the people in it in detail, in a few sentences."
_PROMPTS: dict[Aspect, str] = {
    "appearance": "Describe the clothing and look of the person in the middle of this picture in one or two sentences. "
    "Put each garment between <p> and </p>.",
    "pose": "Describe the pose of the person in the middle of this picture in one sentence.",
    "modality": "Describe what the person in the middle of this picture does with objects and surroundings in one "
    "sentence.",
    "relation": "Describe how the person in the middle of this picture relates to the other people in one sentence.",
}  # fmt: skip
_EXPRESSION_PROMPT = (
    "Write one short phrase, such as 'the woman in the green coat', that names the person at {} and nobody else."
)


class CaptionedImage(NamedTuple):
    """Annotations with model-written texts, and the number of texts that were dropped, by reason."""

    image: ImageAnnotation
    people: list[PersonAnnotation]
    dropped: Counter[str]


class _Texts(NamedTuple):
    caption: str
    people: list[dict[Aspect, str]]


@dataclass(frozen=True)
class Captioner:
    """A vision-language policy that describes people, and a grounder for what its phrases name.

    Attributes:
        policy: writes the texts; it must take images.
        notation: how boxes are written in its prompts.
        grounder: finds phrases in images; None for no boxes.
        crops: folder for the crops of people that the policy is shown.
    """

    policy: Policy
    notation: Notation
    grounder: Grounder | None
    crops: Path

    def describe(self, path: Path, image: ImageAnnotation, people: Sequence[PersonAnnotation]) -> CaptionedImage:
        """Return annotations in which texts of the policy replace the template-based ones.

        Args:
            path: the image file.
            image, people: template-based annotations.
        """
        dropped: Counter[str] = Counter()
        texts = self._write_texts(path, people)
        image = self._with_caption(image, texts.caption, dropped)
        described = [
            self._with_texts(path, image, person, written, dropped)
            for person, written in zip(people, texts.people, strict=True)
        ]
        if self.grounder is not None:
            described = [self._check_expressions(self.grounder, path, image, person, dropped) for person in described]
            described = self._add_expressions(self.grounder, path, image, described, dropped)
        return CaptionedImage(image, described, dropped)

    def _write_texts(self, path: Path, people: Sequence[PersonAnnotation]) -> _Texts:
        """Have the policy write all texts for an image in one batch."""
        pixels = load_image(path)
        prompts: list[Messages] = [image_prompt(path, _IMAGE_PROMPT)]
        keys: list[tuple[int, Aspect]] = []
        for i, person in enumerate(people):
            crop = self.crops / f"{person.instance_id}.png"
            Image.fromarray(_crop(pixels, person.bbox)).save(crop)
            for aspect, prompt in _PROMPTS.items():
                if aspect != "relation" or len(people) > 1:
                    keys.append((i, aspect))
                    prompts.append(image_prompt(crop, prompt))
        caption, *written = self._write(prompts)
        texts: list[dict[Aspect, str]] = [{} for _ in people]
        for (i, aspect), text in zip(keys, written, strict=True):
            texts[i][aspect] = text
        return _Texts(caption, texts)

    def _write(self, prompts: Sequence[Messages]) -> list[str]:
        return self.policy.write(prompts, max_new_tokens=MAX_NEW_TOKENS, temperature=0.0)

    def _with_caption(self, image: ImageAnnotation, text: str, dropped: Counter[str]) -> ImageAnnotation:
        if fault := find_fault(text):
            dropped[f"model text: {fault}"] += 1
            return image
        captioned = image.with_value("dense_caption", " ".join(text.split()), f"model {self.policy.name}")
        return captioned.model_copy(update={"caption_boxes": {}})  # they belong to the template-based text

    def _with_texts(
        self,
        path: Path,
        image: ImageAnnotation,
        person: PersonAnnotation,
        texts: dict[Aspect, str],
        dropped: Counter[str],
    ) -> PersonAnnotation:
        for aspect, text in texts.items():
            if fault := find_fault(text):
                dropped[f"model text: {fault}"] += 1
                continue
            person = person.with_value(aspect, " ".join(text.split()), f"model {self.policy.name}")
            if aspect == "appearance":
                person = self._with_garment_boxes(path, image, person, dropped)
        return person

    def _with_garment_boxes(
        self, path: Path, image: ImageAnnotation, person: PersonAnnotation, dropped: Counter[str]
    ) -> PersonAnnotation:
        """Ground the garments that the appearance names; boxes outside the person are dropped."""
        if self.grounder is None:
            missing = person.missing | {"appearance_boxes": "no grounder for the model's phrases"}
            return person.model_copy(update={"appearance_boxes": {}, "missing": missing})
        phrases = list(dict.fromkeys(PHRASE.findall(person.appearance)))
        found: PhraseBoxes = {}
        for phrase, boxes in zip(phrases, self.grounder.ground(path, phrases), strict=True):
            person_box = image.as_fractions(person.bbox)
            inside = [box for box in boxes if containment(box, person_box) > _MIN_CONTAINMENT]
            if inside:
                found[phrase] = tuple(_to_pixels(box, image) for box in inside)
            else:
                dropped["phrase: no box on the person"] += 1
        return person.model_copy(update={"appearance_boxes": found})

    def _check_expressions(
        self,
        grounder: Grounder,
        path: Path,
        image: ImageAnnotation,
        person: PersonAnnotation,
        dropped: Counter[str],
    ) -> PersonAnnotation:
        """Drop referring expressions that the grounder finds on another person, or on several."""
        kept = []
        grounded = grounder.ground(path, person.referring_expressions)
        for expression, boxes in zip(person.referring_expressions, grounded, strict=True):
            on_person = best_iou(boxes, [image.as_fractions(person.bbox)]) > IOU_THRESHOLD
            if (len(boxes) == 1 and not on_person) or len(boxes) > 1:
                dropped["referring expression: grounded elsewhere"] += 1
            else:
                kept.append(expression)  # also if nothing is found, which says nothing about the expression
        source = {key: value for key, value in person.source.items() if kept or key != "referring_expressions"}
        return person.model_copy(update={"referring_expressions": tuple(kept), "source": source})

    def _add_expressions(
        self,
        grounder: Grounder,
        path: Path,
        image: ImageAnnotation,
        people: Sequence[PersonAnnotation],
        dropped: Counter[str],
    ) -> list[PersonAnnotation]:
        """Have the policy write an expression for people without one, kept if it is grounded on that person only."""
        form = self.notation.form(image.width, image.height)
        unnamed = [i for i, person in enumerate(people) if not person.referring_expressions]
        boxes = [image.as_fractions(people[i].bbox) for i in unnamed]
        prompts = [image_prompt(path, _EXPRESSION_PROMPT.format(format_boxes([box], form))) for box in boxes]
        expressions = [" ".join(text.split()).strip(" .\"'") for text in self._write(prompts)]
        expressions = [f"{text[:1].lower()}{text[1:]}" for text in expressions]
        named = list(people)
        for i, box, text, found in zip(unnamed, boxes, expressions, grounder.ground(path, expressions), strict=True):
            if fault := find_fault(text):
                dropped[f"model expression: {fault}"] += 1
            elif len(found) != 1 or best_iou(found, [box]) <= IOU_THRESHOLD:
                dropped["model expression: not grounded on that person only"] += 1
            else:
                source = f"model {self.policy.name}, checked by {grounder.name}"
                named[i] = people[i].with_value("referring_expressions", (text,), source)
        return named


def _crop(image: np.ndarray, box: XYWH) -> np.ndarray:
    """Return the part of an image (H, W, 3) inside a box and its margin."""
    x, y, w, h = box
    height, width = image.shape[:2]
    left, top = max(int(x - _CROP_MARGIN * w), 0), max(int(y - _CROP_MARGIN * h), 0)
    right = min(int(x + (1 + _CROP_MARGIN) * w) + 1, width)
    bottom = min(int(y + (1 + _CROP_MARGIN) * h) + 1, height)
    return image[top:bottom, left:right]


def _to_pixels(box: Box, image: ImageAnnotation) -> XYWH:
    return round_xywh(denormalize(to_xywh(box), image.width, image.height))
