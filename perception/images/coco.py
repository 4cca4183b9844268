"""Scenes from COCO annotations: boxes, segmentations, keypoints and captions.

The files are read once, as a stream, into an SQLite index, and looked up image by image: COCO's own files have half a
gigabyte, which memory should not grow with.
"""

from __future__ import annotations

import json
import logging
import re
import sqlite3
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import ijson
import numpy as np

from omnisense.errors import InputError, StorageError
from omnisense.perception.geometry import clip_xywh
from omnisense.perception.images.scene import KEYPOINTS, MIN_SIDE_PX, BoxPx, Joint, Person, Scene, SceneObject
from omnisense.perception.media.clip import open_clip
from omnisense.text import parse_json

INSTANCES, JOINTS, CAPTIONS = "instances.json", "person_keypoints.json", "captions.json"
_SOURCE = {"people": "COCO boxes", "joints": "COCO keypoints", "captions": "COCO captions"}
_ID = re.compile(r"\w[\w.-]{0,79}")
_log = logging.getLogger(__name__)
_TABLES = """
CREATE TABLE images (name TEXT PRIMARY KEY, id, width, height);
CREATE TABLE categories (id PRIMARY KEY, name TEXT);
CREATE TABLE boxes (image, id, category, crowd, box TEXT, outline TEXT);
CREATE TABLE joints (id PRIMARY KEY, keypoints TEXT);
CREATE TABLE captions (image, caption TEXT);
"""
_BOXES_OF_IMAGE = (
    "SELECT boxes.id, categories.name, crowd, box, outline, keypoints FROM boxes "
    "LEFT JOIN categories ON categories.id = category "
    "LEFT JOIN joints ON joints.id = boxes.id WHERE image = ? ORDER BY boxes.rowid"
)
_CAPTIONS_OF_IMAGE = "SELECT caption FROM captions WHERE image = ? ORDER BY rowid"


class CocoSceneReader:
    """Reads scenes from a folder with ``instances.json`` and, if present, keypoints and captions.

    Args:
        folder: the folder of the annotation files.
        index: an index written by :func:`write_index`; None builds one in memory.

    Attributes:
        missing: names of the optional files that the folder does not have.

    Raises:
        InputError: there is no ``instances.json``, or a file is not in COCO's format.
    """

    def __init__(self, folder: Path, index: Path | None = None) -> None:
        if index is None:
            self._index = sqlite3.connect(":memory:", check_same_thread=False)
            _fill_index(self._index, folder)
        else:
            self._index = sqlite3.connect(f"{index.absolute().as_uri()}?mode=ro", uri=True, check_same_thread=False)
        self.missing = tuple(name for name in (JOINTS, CAPTIONS) if not (folder / name).is_file())

    def read(self, images: Sequence[Path]) -> list[Scene | Exception]:
        """See :class:`omnisense.perception.images.scene.SceneReader`."""
        found: list[Scene | Exception] = []
        for path in images:
            try:
                found.append(self._read_scene(path))
            except Exception as error:  # an image that cannot be read must not stop the others
                found.append(error)
        return found

    def _read_scene(self, path: Path) -> Scene:
        image_id, width, height = self._find_image(path)
        people: list[Person] = []
        objects: list[SceneObject] = []
        crowds: list[BoxPx] = []
        dropped: dict[str, int] = defaultdict(int)
        for id_, name, crowd, box_text, outline, keypoints in self._index.execute(_BOXES_OF_IMAGE, (image_id,)):
            box = clip_xywh(parse_json(box_text), width, height, MIN_SIDE_PX)
            if box is None:
                dropped[f"{'person' if name == 'person' else 'object'} outside the image or without area"] += 1
            elif name != "person":
                objects.append(SceneObject(str(name), box))
            elif crowd:
                crowds.append(box)
                dropped["crowd region without individual annotations"] += 1
            else:
                people.append(Person(_checked_id(id_, path), box, _parse_joints(keypoints), _parse_polygons(outline)))
        captions = self._index.execute(_CAPTIONS_OF_IMAGE, (image_id,))
        return Scene(
            path=path,
            id=path.stem,
            width=width,
            height=height,
            people=tuple(people),
            objects=tuple(objects),
            crowds=tuple(crowds),
            captions=tuple(caption for (caption,) in captions),
            source=dict(_SOURCE),
            dropped=dict(dropped),
        )

    def _find_image(self, path: Path) -> tuple[Any, int, int]:
        """Return the annotated id, width and height of an image, which must be those of the file."""
        clip = open_clip(path)
        found = self._index.execute("SELECT id, width, height FROM images WHERE name = ?", (path.name,)).fetchone()
        if found is None:
            raise InputError("the image is missing from the annotations", f"Add it to {INSTANCES}.", path)
        image_id, width, height = found
        if (width, height) != (clip.width, clip.height):
            raise InputError(
                f"the image has {clip.width}x{clip.height} pixels and its annotations {width}x{height}",
                "Annotate the image at its own size.",
                path,
            )
        return image_id, width, height


def write_index(folder: Path, index: Path) -> None:
    """Write the SQLite index of a folder of annotations; an existing index is kept.

    Args:
        folder: the folder of the annotation files.
        index: the file to write.

    Raises:
        InputError: there is no ``instances.json``, or a file is not in COCO's format.
        StorageError: the index cannot be written.
    """
    if index.is_file():
        return
    temporary = index.with_name(f".{index.name}")
    temporary.unlink(missing_ok=True)
    connection = sqlite3.connect(temporary)
    try:
        _fill_index(connection, folder)
    except sqlite3.OperationalError as error:
        temporary.unlink(missing_ok=True)
        raise StorageError(
            f"the index of the annotations cannot be written ({error})", "Free some space, then run this again.", index
        ) from error
    finally:
        connection.close()
    temporary.replace(index)
    _log.info("indexed the annotations of %s", folder)


def _fill_index(index: sqlite3.Connection, folder: Path) -> None:
    index.executescript(_TABLES)
    file = folder / INSTANCES
    try:
        index.executemany(
            "INSERT OR REPLACE INTO images VALUES (?, ?, ?, ?)",
            ((Path(i["file_name"]).name, i["id"], i["width"], i["height"]) for i in _read_items(file, "images")),
        )
        index.executemany(
            "INSERT OR REPLACE INTO categories VALUES (?, ?)",
            ((c["id"], str(c["name"])) for c in _read_items(file, "categories")),
        )
        boxes = _read_items(file, "annotations")
        index.executemany("INSERT INTO boxes VALUES (?, ?, ?, ?, ?, ?)", map(_box_values, boxes))
        file = folder / JOINTS
        joints = (a for a in _read_items(file, "annotations", required=False) if a.get("num_keypoints"))
        index.executemany(
            "INSERT OR REPLACE INTO joints VALUES (?, ?)", ((a["id"], _to_json(a["keypoints"])) for a in joints)
        )
        file = folder / CAPTIONS
        captions = _read_items(file, "annotations", required=False)
        index.executemany(
            "INSERT INTO captions VALUES (?, ?)",
            ((c["image_id"], " ".join(str(c["caption"]).split())) for c in captions),
        )
    except sqlite3.OperationalError:  # a full disk
        raise
    except (
        KeyError,
        TypeError,
        AttributeError,
        OverflowError,
        sqlite3.Error,
    ) as error:  # ids that are objects, or huge
        raise InputError(
            f"an entry is not in COCO's format ({error})", "Give annotations in COCO's format.", file
        ) from error
    index.execute("CREATE INDEX box_of ON boxes (image)")
    index.execute("CREATE INDEX caption_of ON captions (image)")
    index.commit()


def _read_items(file: Path, key: str, required: bool = True) -> Iterator[dict[str, Any]]:
    """Yield the entries under a key one at a time; a required file must have at least one."""
    if not required and not file.is_file():
        return
    empty = True
    try:
        with file.open("rb") as stream:
            for item in ijson.items(stream, f"{key}.item", use_float=True):
                empty = False
                yield item
    except (OSError, ijson.JSONError) as error:
        cause = " ".join(str(error).split())
        raise InputError(
            f"the file cannot be read as JSON ({cause})", "Give annotations in COCO's format.", file
        ) from error
    if required and empty:
        raise InputError(f"the file has no '{key}'", "Give annotations in COCO's format.", file)


def _box_values(entry: dict[str, Any]) -> tuple[Any, ...]:
    """Return an annotation as a row of the table ``boxes``."""
    polygons = entry.get("segmentation")
    outline = _to_json(polygons) if isinstance(polygons, list) else ""  # run-length encoded for a crowd: not used
    crowd = bool(entry.get("iscrowd"))
    return entry["image_id"], entry["id"], entry["category_id"], crowd, _to_json(entry["bbox"]), outline


def _checked_id(value: Any, image: Path) -> str:
    """Return a person's id as text. It also names files, and comes from a file that others may have written.

    Raises:
        InputError: it is not a number or a plain name.
    """
    if isinstance(value, int | str) and _ID.fullmatch(str(value)):
        return str(value)
    raise InputError(
        f"the annotation's id {str(value)[:40]!r} is not a number or a plain name",
        "Use numbers, or up to 80 letters, digits, '_', '.' and '-'.",
        image,
    )


def _to_json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


def _parse_joints(keypoints: str | None) -> dict[str, Joint]:
    """Return the annotated joints by name from COCO's flat list x, y, visibility (0 not annotated, 1 occluded)."""
    if not keypoints:
        return {}
    rows = np.asarray(parse_json(keypoints), dtype=float).reshape(-1, 3)
    return {name: Joint(x, y, v == 2) for name, (x, y, v) in zip(KEYPOINTS, rows.tolist(), strict=True) if v > 0}


def _parse_polygons(outline: str) -> tuple[np.ndarray, ...]:
    found = parse_json(outline) if outline else []
    return tuple(np.asarray(polygon, dtype=float).reshape(-1, 2) for polygon in found if len(polygon) >= 6)
