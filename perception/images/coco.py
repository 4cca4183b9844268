"""Scenes out of annotations in COCO's form: boxes, outlines, joints and captions that people made.

The files are read once, as a stream, into an SQLite index, and then looked up a picture at a time: COCO's own are half
a gigabyte, and memory is not to grow with them.
"""

from __future__ import annotations

import json
import sqlite3
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import ijson
import numpy as np

from omnisense.errors import InputError
from omnisense.perception.images.scene import KEYPOINTS, Joint, Person, Scene, Thing, inside
from omnisense.perception.media.clip import open_clip

INSTANCES, JOINTS, CAPTIONS = "instances.json", "person_keypoints.json", "captions.json"
_TABLES = """
CREATE TABLE images (name TEXT PRIMARY KEY, id, width, height);
CREATE TABLE kinds (id PRIMARY KEY, name TEXT);
CREATE TABLE boxes (image, id, kind, crowd, box TEXT, outline TEXT);
CREATE TABLE joints (id PRIMARY KEY, flat TEXT);
CREATE TABLE captions (image, caption TEXT);
"""


class CocoScenes:
    """Scenes out of a folder with ``instances.json`` and, where there are any, keypoints and captions.

    Args:
        folder: of the annotations.
        index: where :func:`write_index` has put its index; None for one in memory.

    Attributes:
        missing: files that the folder does not have.

    Raises:
        InputError: there is no ``instances.json``, or a file is not COCO's.
    """

    def __init__(self, folder: Path, index: Path | None = None) -> None:
        if index is None:
            self._index = sqlite3.connect(":memory:", check_same_thread=False)
            _fill(self._index, folder)
        else:
            self._index = sqlite3.connect(f"file:{index}?mode=ro", uri=True, check_same_thread=False)
        self.missing = tuple(name for name in (JOINTS, CAPTIONS) if not (folder / name).is_file())

    def read(self, pictures: Sequence[Path]) -> list[Scene | Exception]:
        """See :class:`omnisense.perception.images.scene.SceneReader`."""
        found: list[Scene | Exception] = []
        for path in pictures:
            try:
                found.append(self._scene(path))
            except Exception as error:  # one bad picture must not cost the others
                found.append(error)
        return found

    def _scene(self, path: Path) -> Scene:
        clip = open_clip(path)
        known = self._index.execute("SELECT id, width, height FROM images WHERE name = ?", (path.name,)).fetchone()
        if known is None:
            raise InputError("the annotations do not have it", f"Add it to {INSTANCES}.", path)
        number, width, height = known
        if (width, height) != (clip.width, clip.height):
            raise InputError(
                f"it has {clip.width}x{clip.height} pixels and its annotations {width}x{height}",
                "Annotate the picture as it is.",
                path,
            )
        people, things, crowds = [], [], []
        dropped: dict[str, int] = defaultdict(int)
        asked = (
            "SELECT boxes.id, kinds.name, crowd, box, outline, flat FROM boxes LEFT JOIN kinds ON kinds.id = kind "
            "LEFT JOIN joints ON joints.id = boxes.id WHERE image = ? ORDER BY boxes.rowid"
        )
        for id_, name, crowd, box_text, outline, flat in self._index.execute(asked, (number,)):
            box = inside(json.loads(box_text), width, height)
            if box is None:
                dropped[f"{'person' if name == 'person' else 'object'} outside the picture or without area"] += 1
            elif name != "person":
                things.append(Thing(str(name), box))
            elif crowd:
                crowds.append(box)
                dropped["crowd region, nobody in it annotated singly"] += 1
            else:
                people.append(Person(str(id_), box, _joints(flat), _polygons(outline)))
        captions = self._index.execute("SELECT caption FROM captions WHERE image = ? ORDER BY rowid", (number,))
        source = {"people": "COCO boxes", "joints": "COCO keypoints", "captions": "COCO captions"}
        return Scene(
            path, path.stem, width, height, tuple(people), tuple(things), tuple(crowds),
            tuple(caption for (caption,) in captions), source, dict(dropped),
        )  # fmt: skip


def write_index(folder: Path, index: Path) -> None:
    """Read annotations into an index on disk; one that is there is kept.

    Raises:
        InputError: there is no ``instances.json``, or a file is not COCO's.
    """
    if index.is_file():
        return
    aside = index.with_name(f".{index.name}")
    aside.unlink(missing_ok=True)
    connection = sqlite3.connect(aside)
    try:
        _fill(connection, folder)
    finally:
        connection.close()
    aside.replace(index)


def _fill(index: sqlite3.Connection, folder: Path) -> None:
    index.executescript(_TABLES)
    file = folder / INSTANCES
    try:
        index.executemany(
            "INSERT OR REPLACE INTO images VALUES (?, ?, ?, ?)",
            ((Path(i["file_name"]).name, i["id"], i["width"], i["height"]) for i in _items(file, "images")),
        )
        index.executemany(
            "INSERT OR REPLACE INTO kinds VALUES (?, ?)",
            ((k["id"], str(k["name"])) for k in _items(file, "categories")),
        )
        index.executemany("INSERT INTO boxes VALUES (?, ?, ?, ?, ?, ?)", map(_box_row, _items(file, "annotations")))
        file = folder / JOINTS
        found = (a for a in _items(file, "annotations", needed=False) if a.get("num_keypoints"))
        index.executemany(
            "INSERT OR REPLACE INTO joints VALUES (?, ?)", ((a["id"], _text(a["keypoints"])) for a in found)
        )
        file = folder / CAPTIONS
        said = _items(file, "annotations", needed=False)
        index.executemany(
            "INSERT INTO captions VALUES (?, ?)", ((c["image_id"], " ".join(str(c["caption"]).split())) for c in said)
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise InputError(f"an entry of it is not COCO's ({error})", "Give COCO's annotations.", file) from error
    index.execute("CREATE INDEX box_of ON boxes (image)")
    index.execute("CREATE INDEX caption_of ON captions (image)")
    index.commit()


def _items(file: Path, key: str, needed: bool = True) -> Iterator[dict[str, Any]]:
    """The entries under a key, one at a time; where the file is needed, at least one."""
    if not needed and not file.is_file():
        return
    some = False
    try:
        with file.open("rb") as stream:
            for item in ijson.items(stream, f"{key}.item", use_float=True):
                some = True
                yield item
    except (OSError, ijson.JSONError) as error:
        cause = " ".join(str(error).split())
        raise InputError(f"it cannot be read as JSON ({cause})", "Give COCO's annotations.", file) from error
    if needed and not some:
        raise InputError(f"it has no '{key}'", "Give COCO's annotations.", file)


def _box_row(entry: dict[str, Any]) -> tuple[Any, ...]:
    polygons = entry.get("segmentation")
    outline = _text(polygons) if isinstance(polygons, list) else ""  # a crowd's is run-length encoded, and not used
    crowd = bool(entry.get("iscrowd"))
    return entry["image_id"], entry["id"], entry["category_id"], crowd, _text(entry["bbox"]), outline


def _text(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


def _joints(flat: str | None) -> dict[str, Joint]:
    if not flat:
        return {}
    rows = np.asarray(json.loads(flat), dtype=float).reshape(-1, 3)
    return {name: Joint(x, y, v == 2) for name, (x, y, v) in zip(KEYPOINTS, rows.tolist(), strict=True) if v > 0}


def _polygons(outline: str) -> tuple[np.ndarray, ...]:
    found = json.loads(outline) if outline else []
    return tuple(np.asarray(polygon, dtype=float).reshape(-1, 2) for polygon in found if len(polygon) >= 6)
