"""Converters of public image datasets, which HERM mixes into its first stage, to rows in HERM's format.

Their ``dimension`` is the task for which a recipe sets a sampling ratio. A row names its image as the dataset does; it
is looked up in ``data.images``.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from omnisense.errors import InputError
from omnisense.perception.geometry import clip_xywh
from omnisense.perception.images.coco import CAPTIONS, INSTANCES
from omnisense.perception.images.scene import MIN_SIDE_PX
from omnisense.text import parse_json

_MIN_AREA = 0.01  # of the image: there are no questions about smaller objects
_BOXED = re.compile(r"\[\s*[\d.]+\s*,\s*[\d.]+\s*,\s*[\d.]+\s*,\s*[\d.]+\s*\]")
Row = dict[str, Any]


class ImageConverter(NamedTuple):
    """A converter of an image dataset: its function, the dataset's license, and which folder to give it."""

    read: Callable[[Path], Iterator[Row]]
    license: str
    usage: str


def convert_images(name: str, folder: Path) -> list[Row]:
    """Return the rows of an image dataset.

    Args:
        name: a key of :data:`IMAGE_CONVERTERS`.
        folder: with the dataset's files.

    Raises:
        InputError: its files are missing, or not as published.
    """
    try:
        return list(IMAGE_CONVERTERS[name].read(folder))
    except (OSError, KeyError, ValueError, TypeError, AttributeError) as error:
        cause = f"{type(error).__name__}: {error}"
        raise InputError(f"this is not {name} as published ({cause})", IMAGE_CONVERTERS[name].usage, folder) from error


def coco_captions(folder: Path) -> Iterator[Row]:
    """COCO captions: describe the image."""
    found = parse_json((folder / CAPTIONS).read_text("utf-8"))
    files = {image["id"]: image["file_name"] for image in found["images"]}
    for one in found["annotations"]:
        asked = "Describe the picture in one sentence."
        yield _row("general caption", files[one["image_id"]], asked, " ".join(one["caption"].split()), one["id"])


def coco_objects(folder: Path) -> Iterator[Row]:
    """COCO objects that are the only one of their category in an image: where are they?"""
    found = parse_json((folder / INSTANCES).read_text("utf-8"))
    images = {image["id"]: image for image in found["images"]}
    categories = {category["id"]: category["name"] for category in found["categories"]}
    count = Counter((one["image_id"], one["category_id"]) for one in found["annotations"])
    for one in found["annotations"]:
        image = images[one["image_id"]]
        width, height = image["width"], image["height"]
        box = clip_xywh(one["bbox"], width, height, MIN_SIDE_PX)
        if count[one["image_id"], one["category_id"]] > 1 or one.get("iscrowd") or box is None:
            continue
        x1, y1, x2, y2 = box[0] / width, box[1] / height, box[2] / width, box[3] / height
        if (x2 - x1) * (y2 - y1) >= _MIN_AREA:
            where = [round(v, 5) for v in (x1, y1, x2 - x1, y2 - y1)]
            asked = f"Where is the {categories[one['category_id']]}?"
            yield _row("general referring", image["file_name"], asked, where, one["id"])


def llava(folder: Path) -> Iterator[Row]:
    """Conversations in LLaVA's format, each exchange as a row of its own, except for those with boxes.

    LLaVA's boxes are fractions of the image padded to a square, which is another notation than ours.
    """
    files = sorted(folder.glob("*.json"))
    if not files:
        raise FileNotFoundError(f"no JSON file in {folder}")
    for file in files:
        for number, one in enumerate(parse_json(file.read_text("utf-8"))):
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
    "llava": ImageConverter(llava, "that of the dataset in LLaVA's format", "Give a folder with its JSON files."),
}
