"""Rows in HERM-100K's shape: the picture's dense caption, four texts for each person, and their phrases with boxes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from omnisense.benchmarks.herm.engine.facts import ASPECTS, Described, Fact, agreement
from omnisense.benchmarks.herm.engine.referring_expressions import Referred, refer
from omnisense.perception.images.scene import BoxPx, Scene

_IN_CAPTION = 6  # people that a dense caption speaks of, the largest first
_NOT = {
    "appearance": "no garment has one clear colour where the joints show it",
    "pose": "the joints do not settle it",
    "modality": "nothing is known of what the person does with things",
    "relation": "nobody else is near enough, or told apart",
}
Row = dict[str, Any]


def rows_of(scene: Scene, everybody: Sequence[Described]) -> tuple[Row, list[Row], dict[str, int]]:
    """The picture's row, a row for each person, and how many phrases were sharpened or dropped, by reason."""
    referred = [refer(one, everybody, scene) for one in everybody]
    names = [found.phrases[0] if found.phrases else "" for found in referred]
    people = [
        _instance(scene, one, found, [*one.facts, *_relations(i, everybody, names)])
        for i, (one, found) in enumerate(zip(everybody, referred, strict=True))
    ]
    dropped: dict[str, int] = {}
    for found in referred:
        for reason, n in found.dropped.items():
            dropped[f"refer phrase: {reason}"] = dropped.get(f"refer phrase: {reason}", 0) + n
    return _image(scene, everybody, names), people, dropped


def _instance(scene: Scene, one: Described, found: Referred, facts: Sequence[Fact]) -> Row:
    row: Row = {
        "image": scene.path.name,
        "image_id": scene.id,
        "instance_id": one.person.id,
        "bbox": _sized(one.person.box_px),
        "noun": one.noun,
        "refer": found.phrases,
    }
    sources: dict[str, str] = {"bbox": scene.source.get("people", "")}
    if found.phrases:
        sources["refer"] = "rules over all people of the picture"
    missing = {} if found.phrases else {"refer": "; ".join(found.dropped) or "no phrase singles the person out"}
    for aspect in ASPECTS:
        mine = [fact for fact in facts if fact.aspect == aspect]
        row[aspect] = sentence(f"The {one.noun}", mine)
        if mine:
            sources[aspect] = "; ".join(dict.fromkeys(fact.source for fact in mine))
        else:
            missing[aspect] = _NOT[aspect] if one.person.joints or aspect == "modality" else "no joints are known"
    outline = [polygon.round(2).ravel().tolist() for polygon in one.person.outline]
    row["segmentation"] = [{"class": "person", "polygons": outline}] if outline else []
    row["appearance_boxes"] = _grounded(facts, "appearance")
    row["modality_boxes"] = _grounded(facts, "modality")
    row["facts"] = [{"aspect": f.aspect, "key": f.key, "value": f.value, "text": f.text, "name": f.name} for f in facts]
    return row | {"close_to": sorted(one.close), "source": sources, "missing": missing}


def sentence(subject: str, facts: Sequence[Fact]) -> str:
    """Facts about one person as a sentence, grounded phrases in ``<p>`` tags; empty for none."""
    said = [fact.text.replace(fact.phrase, f"<p>{fact.phrase}</p>", 1) if fact.phrase else fact.text for fact in facts]
    if not said:
        return ""
    return f"{subject} {', '.join(said[:-1])}{' and ' if len(said) > 1 else ''}{said[-1]}."


def _grounded(facts: Sequence[Fact], aspect: str) -> dict[str, list[list[float]]]:
    """Phrases of an aspect with their boxes, ``[x, y, w, h]`` in pixels."""
    return {f.phrase: [_sized(box) for box in f.boxes_px] for f in facts if f.aspect == aspect and f.boxes_px}


def _relations(i: int, everybody: Sequence[Described], names: Sequence[str]) -> list[Fact]:
    """Who stands to the left and to the right, where that person can be named."""
    mine = everybody[i].person
    found = []
    for side, sign in (("left", -1), ("right", 1)):
        beside = [
            (sign * (other.person.center[0] - mine.center[0]), names[k])
            for k, other in enumerate(everybody)
            if k != i and names[k]
            and sign * (other.person.center[0] - mine.center[0]) > 0.5 * max(mine.width, other.person.width)
            and min(mine.box_px[3], other.person.box_px[3]) > max(mine.box_px[1], other.person.box_px[1])
        ]  # fmt: skip
        if beside:
            name = min(beside)[1]
            opposite = "right" if side == "left" else "left"
            text = f"is to the {opposite} of {name}"
            found.append(Fact("relation", f"beside:{opposite}", name, text, "", "positions of the boxes"))
    if len(everybody) > 1:
        text = f"is one of {len(everybody)} people who are marked"
        found.append(Fact("relation", "company", str(len(everybody)), text, "", "count of the boxes"))
    return found


def _image(scene: Scene, everybody: Sequence[Described], names: Sequence[str]) -> Row:
    caption = max(sorted(set(scene.captions)), key=lambda text: agreement(text, scene.captions), default="")
    told = sorted(
        (k for k, name in enumerate(names) if name and everybody[k].facts), key=lambda k: -everybody[k].person.area
    )[:_IN_CAPTION]
    said = [f"{caption[0].upper()}{caption[1:].rstrip('.')}."] if caption else []
    boxes: dict[str, list[list[float]]] = {}
    for k in told:
        name = names[k]
        facts = [fact for fact in everybody[k].facts if fact.name and fact.name not in name][:3]
        if facts:
            said.append(sentence(f"<p>{name[0].upper()}{name[1:]}</p>", [_plain(fact) for fact in facts]))
            boxes[f"{name[0].upper()}{name[1:]}"] = [_sized(everybody[k].person.box_px)]
    source = [scene.source.get("captions", "")] if caption else []
    source += ["facts about the people"] if boxes else []
    missing = {} if said else {"dense_caption": "there is no caption, and nobody can be singled out"}
    return {
        "image": scene.path.name,
        "image_id": scene.id,
        "width": scene.width,
        "height": scene.height,
        "people": len(everybody),
        "crowds": [_sized(box) for box in scene.crowds],
        "dense_caption": " ".join(said),
        "caption_boxes": boxes,
        "source": {"dense_caption": "; ".join([*source, *(["facts about the people"] if boxes else [])])}
        if said
        else {},
        "missing": missing,
        "dropped": dict(scene.dropped),
    }


def _plain(fact: Fact) -> Fact:
    """A fact whose phrase is not grounded here."""
    return Fact(fact.aspect, fact.key, fact.value, fact.text, fact.name, fact.source)


def _sized(box: BoxPx) -> list[float]:
    return [round(v, 2) for v in (box[0], box[1], box[2] - box[0], box[3] - box[1])]
