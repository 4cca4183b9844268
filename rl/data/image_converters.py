"""General sets about pictures, which HERM's first stage mixes in, turned into rows in HERM's form.

Their ``dimension`` is the task by which a recipe sets sample ratios. A row's picture is named as the set names it, and
is looked for in ``data.images``.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from omnisense.errors import InputError
from omnisense.perception.geometry import clip_xywh
from omnisense.perception.images.coco import CAPTIONS, INSTANCES
from omnisense.perception.images.scene import MIN_SIDE_PX

_LEAST_AREA = 0.01  # of the picture: smaller objects are not asked for
_BOXED = re.compile(r"\[\s*[\d.]+\s*,\s*[\d.]+\s*,\s*[\d.]+\s*,\s*[\d.]+\s*\]")
Row = dict[str, Any]


class ImageConverter(NamedTuple):
    """A set: how it is read, its licence, and what its folder must hold."""

    read: Callable[[Path], Iterator[Row]]
    licence: str
    about: str


def convert(name: str, folder: Path) -> list[Row]:
    """The rows of a set.

    Args:
        name: a key of :data:`GENERAL`.
        folder: where its files are.

    Raises:
        InputError: its files are not there, or not as published.
    """
    try:
        return list(IMAGE_CONVERTERS[name].read(folder))
    except (OSError, KeyError, ValueError, TypeError, AttributeError) as error:
        cause = f"{type(error).__name__}: {error}"
        raise InputError(f"this is not {name} as published ({cause})", IMAGE_CONVERTERS[name].about, folder) from error


def coco_captions(folder: Path) -> Iterator[Row]:
    """COCO's captions, each for its picture."""
    found = json.loads((folder / CAPTIONS).read_text("utf-8"))
    files = {image["id"]: image["file_name"] for image in found["images"]}
    for one in found["annotations"]:
        asked = "Describe the picture in one sentence."
        yield _row("general caption", files[one["image_id"]], asked, " ".join(one["caption"].split()), one["id"])


def coco_objects(folder: Path) -> Iterator[Row]:
    """Objects that are alone of their kind in a picture, by the name of the kind: where are they?"""
    found = json.loads((folder / INSTANCES).read_text("utf-8"))
    images = {image["id"]: image for image in found["images"]}
    kinds = {kind["id"]: kind["name"] for kind in found["categories"]}
    count = Counter((one["image_id"], one["category_id"]) for one in found["annotations"])
    for one in found["annotations"]:
        image = images[one["image_id"]]
        width, height = image["width"], image["height"]
        box = clip_xywh(one["bbox"], width, height, MIN_SIDE_PX)
        if count[one["image_id"], one["category_id"]] > 1 or one.get("iscrowd") or box is None:
            continue
        x1, y1, x2, y2 = box[0] / width, box[1] / height, box[2] / width, box[3] / height
        if (x2 - x1) * (y2 - y1) >= _LEAST_AREA:
            where = [round(v, 5) for v in (x1, y1, x2 - x1, y2 - y1)]
            asked = f"Where is the {kinds[one['category_id']]}?"
            yield _row("general referring", image["file_name"], asked, where, one["id"])


def llava(folder: Path) -> Iterator[Row]:
    """Conversations in LLaVA's form, every turn for itself; turns with boxes are left out.

    LLaVA's boxes are in fractions of the picture padded to a square, which means something else here.
    """
    files = sorted(folder.glob("*.json"))
    if not files:
        raise FileNotFoundError(f"no JSON file in {folder}")
    for file in files:
        for number, one in enumerate(json.loads(file.read_text("utf-8"))):
            if not one.get("image"):
                continue
            turns = [" ".join(turn["value"].replace("<image>", "").split()) for turn in one["conversations"]]
            for at in range(0, len(turns) - 1, 2):
                asked, reply = turns[at], turns[at + 1]
                if asked and reply and not _BOXED.search(asked + reply):
                    yield _row("conversation", one["image"], asked, reply, f"{file.stem}-{number}-{at}")


def _row(task: str, image: str, question: str, answer: Any, number: Any) -> Row:
    name = f"{task.replace(' ', '-')}-{number}"
    return {"id": name, "image": image, "question": question, "answer": answer, "dimension": task, "group": image}


IMAGE_CONVERTERS = {
    "coco-captions": ImageConverter(coco_captions, "CC BY 4.0 (COCO Consortium)", f"Give the folder with {CAPTIONS}."),
    "coco-objects": ImageConverter(coco_objects, "CC BY 4.0 (COCO Consortium)", f"Give the folder with {INSTANCES}."),
    "llava": ImageConverter(llava, "that of the set in LLaVA's form", "Give a folder with its JSON files."),
}
