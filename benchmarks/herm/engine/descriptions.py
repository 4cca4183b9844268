"""Template-based annotations, as in HERM-100K: a dense caption for the image, four sentences for each person."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from omnisense.benchmarks.herm.engine.annotations import (
    ASPECTS,
    XYWH,
    Aspect,
    ImageAnnotation,
    PersonAnnotation,
    PhraseBoxes,
    Segmentation,
    round_xywh,
)
from omnisense.benchmarks.herm.engine.caption_facts import word_overlap
from omnisense.benchmarks.herm.engine.facts import DescribedPerson, Fact
from omnisense.benchmarks.herm.engine.referring_expressions import ReferringExpressions, find_referring_expressions
from omnisense.perception.geometry import to_xywh
from omnisense.perception.images.scene import BoxPx, Scene

_MAX_PEOPLE_IN_CAPTION, _MAX_FACTS_IN_CAPTION = 6, 3  # the largest people first
_REASON: dict[Aspect, str] = {
    "appearance": "no garment has a clear color between the joints",
    "pose": "the joints are ambiguous",
    "modality": "no interaction with an object is known",
    "relation": "no other person is near enough, or they cannot be told apart",
}


class SceneAnnotations(NamedTuple):
    """The annotations of an image and of its people, and the number of phrases that were not used, by reason."""

    image: ImageAnnotation
    people: list[PersonAnnotation]
    dropped: dict[str, int]


def build_annotations(scene: Scene, everyone: Sequence[DescribedPerson]) -> SceneAnnotations:
    """Return template-based annotations.

    Args:
        scene: the image.
        everyone: the people of the scene with their facts, in its order.
    """
    expressions = [find_referring_expressions(person, everyone, scene) for person in everyone]
    names = [found.phrases[0] if found.phrases else "" for found in expressions]
    people = [
        _annotate_person(scene, person, found, [*person.facts, *_relation_facts(i, everyone, names)])
        for i, (person, found) in enumerate(zip(everyone, expressions, strict=True))
    ]
    dropped: Counter[str] = Counter()
    for found in expressions:
        dropped.update({f"referring expression: {reason}": n for reason, n in found.dropped.items()})
    return SceneAnnotations(_annotate_image(scene, everyone, names), people, dict(dropped))


def _annotate_person(
    scene: Scene, person: DescribedPerson, found: ReferringExpressions, facts: Sequence[Fact]
) -> PersonAnnotation:
    source: dict[str, str] = {"bbox": scene.source.get("people", "")}
    missing: dict[str, str] = {}
    if found.phrases:
        source["referring_expressions"] = "template-based, checked against all people in the image"
    else:
        missing["referring_expressions"] = "; ".join(found.dropped) or "no phrase is unique"
    sentences: dict[Aspect, str] = {}
    for aspect in ASPECTS:
        selected = [fact for fact in facts if fact.aspect == aspect]
        sentences[aspect] = write_sentence(f"The {person.noun}", selected)
        if selected:
            source[aspect] = "; ".join(dict.fromkeys(fact.source for fact in selected))
        else:
            missing[aspect] = _REASON[aspect] if person.person.joints or aspect == "modality" else "no joints are known"
    outline = [polygon.round(2).ravel().tolist() for polygon in person.person.outline]
    return PersonAnnotation(
        image=scene.path.name,
        image_id=scene.id,
        instance_id=person.person.id,
        bbox=_rounded(person.person.box_px),
        noun=person.noun,
        referring_expressions=tuple(found.phrases),
        appearance=sentences["appearance"],
        pose=sentences["pose"],
        modality=sentences["modality"],
        relation=sentences["relation"],
        segmentation=(Segmentation(label="person", polygons=outline),) if outline else (),
        appearance_boxes=_phrase_boxes(facts, "appearance"),
        modality_boxes=_phrase_boxes(facts, "modality"),
        facts=tuple(fact.to_record() for fact in facts),
        nearby_objects=tuple(sorted(person.nearby_objects)),
        source=source,
        missing=missing,
    )


def write_sentence(subject: str, facts: Sequence[Fact]) -> str:
    """Return facts about one person as a sentence, grounded phrases in ``<p>`` tags; empty for no facts."""
    parts = [fact.text.replace(fact.phrase, f"<p>{fact.phrase}</p>", 1) if fact.phrase else fact.text for fact in facts]
    if not parts:
        return ""
    return f"{subject} {', '.join(parts[:-1])}{' and ' if len(parts) > 1 else ''}{parts[-1]}."


def _phrase_boxes(facts: Sequence[Fact], aspect: Aspect) -> PhraseBoxes:
    """Return the boxes of the grounded phrases of an aspect."""
    grounded = (fact for fact in facts if fact.aspect == aspect and fact.boxes_px)
    return {fact.phrase: tuple(_rounded(box) for box in fact.boxes_px) for fact in grounded}


def _relation_facts(index: int, everyone: Sequence[DescribedPerson], names: Sequence[str]) -> list[Fact]:
    """Return who is to the left and right of a person, where that neighbor has a referring expression."""
    person = everyone[index].person
    facts = []
    for side, sign in (("left", -1), ("right", 1)):
        neighbors = [
            (sign * (other.person.center[0] - person.center[0]), names[k])
            for k, other in enumerate(everyone)
            if k != index and names[k]
            and sign * (other.person.center[0] - person.center[0]) > 0.5 * max(person.width, other.person.width)
            and min(person.box_px[3], other.person.box_px[3]) > max(person.box_px[1], other.person.box_px[1])
        ]  # fmt: skip
        if neighbors:
            name = min(neighbors)[1]
            opposite = "right" if side == "left" else "left"
            text = f"is to the {opposite} of {name}"
            facts.append(Fact("relation", f"beside:{opposite}", name, text, "", "positions of the boxes"))
    if len(everyone) > 1:
        text = f"is one of {len(everyone)} people who are marked"
        facts.append(Fact("relation", "company", str(len(everyone)), text, "", "count of the boxes"))
    return facts


def _annotate_image(scene: Scene, everyone: Sequence[DescribedPerson], names: Sequence[str]) -> ImageAnnotation:
    caption = max(sorted(set(scene.captions)), key=lambda text: word_overlap(text, scene.captions), default="")
    sentences = [f"{caption[0].upper()}{caption[1:].rstrip('.')}."] if caption else []
    people_sentences, boxes = _describe_largest(everyone, names)
    sentences += people_sentences
    sources = [scene.source.get("captions", "")] if caption else []
    sources += ["facts about the people"] if boxes else []
    missing = {} if sentences else {"dense_caption": "there is no caption, and no referring expression"}
    return ImageAnnotation(
        image=scene.path.name,
        image_id=scene.id,
        width=scene.width,
        height=scene.height,
        people=len(everyone),
        crowds=tuple(_rounded(box) for box in scene.crowds),
        dense_caption=" ".join(sentences),
        caption_boxes=boxes,
        source={"dense_caption": "; ".join(sources)} if sentences else {},
        missing=missing,
        dropped=dict(scene.dropped),
    )


def _describe_largest(everyone: Sequence[DescribedPerson], names: Sequence[str]) -> tuple[list[str], PhraseBoxes]:
    """Return a sentence for each of the largest people who have a referring expression, and the people's boxes."""
    known = [(person, name) for person, name in zip(everyone, names, strict=True) if name and person.facts]
    largest = sorted(known, key=lambda pair: -pair[0].person.area)[:_MAX_PEOPLE_IN_CAPTION]
    sentences = []
    boxes: PhraseBoxes = {}
    for person, name in largest:
        facts = [fact for fact in person.facts if fact.modifier and fact.modifier not in name]
        if facts:
            subject = f"{name[0].upper()}{name[1:]}"
            plain = [replace(fact, phrase="", boxes_px=()) for fact in facts[:_MAX_FACTS_IN_CAPTION]]
            sentences.append(write_sentence(f"<p>{subject}</p>", plain))
            boxes[subject] = (_rounded(person.person.box_px),)
    return sentences, boxes


def _rounded(box: BoxPx) -> XYWH:
    """Return a box x1, y1, x2, y2 as x, y, width, height in hundredths of a pixel."""
    return round_xywh(to_xywh(box))
