"""COCO annotations: reading scenes, with an index in memory or on disk."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from omnisense.errors import InputError, StorageError
from omnisense.perception.images import coco
from omnisense.perception.images.coco import CocoSceneReader, write_index
from omnisense.perception.images.scene import KEYPOINTS


@pytest.fixture
def folder(tmp_path):
    Image.new("RGB", (100, 80)).save(tmp_path / "a.png")
    content = {
        "images": [{"id": 7, "file_name": "train/a.png", "width": 100, "height": 80}],
        "categories": [{"id": 1, "name": "person"}, {"id": 2, "name": "dog"}],
        "annotations": [
            {"id": 1, "image_id": 7, "category_id": 1, "bbox": [10, 10, 30, 60], "segmentation": [[1, 1, 9, 1, 9, 9]]},
            {"id": 2, "image_id": 7, "category_id": 2, "bbox": [80, 40, 40, 20]},
            {"id": 3, "image_id": 7, "category_id": 1, "bbox": [0, 0, 100, 20], "iscrowd": 1, "segmentation": {}},
            {"id": 4, "image_id": 7, "category_id": 2, "bbox": [200, 0, 10, 10]},
        ],
    }
    keypoints = [0] * 3 * len(KEYPOINTS)
    keypoints[:6] = [20, 15, 2, 22, 14, 1]
    (tmp_path / "instances.json").write_text(json.dumps(content))
    joints = {"annotations": [{"id": 1, "image_id": 7, "keypoints": keypoints, "num_keypoints": 2}]}
    (tmp_path / "person_keypoints.json").write_text(json.dumps(joints))
    return tmp_path


@pytest.mark.parametrize("on_disk", [False, True])
def test_a_scene_has_people_objects_and_crowds(folder, on_disk):
    index = folder / "index.sqlite" if on_disk else None
    if index is not None:
        write_index(folder, index)
    reader = CocoSceneReader(folder, index)
    (scene,) = reader.read([folder / "a.png"])
    (person,) = scene.people
    assert (person.id, person.box_px, person.area, person.center) == ("1", (10, 10, 40, 70), 1800, (25, 40))
    assert {name: joint.visible for name, joint in person.joints.items()} == {"nose": True, "left_eye": False}
    assert np.array_equal(person.outline[0], [[1, 1], [9, 1], [9, 9]])
    assert [(found.name, found.box_px) for found in scene.objects] == [("dog", (80, 40, 100, 60))]
    assert scene.crowds == ((0, 0, 100, 20),)
    assert scene.dropped == {
        "crowd region without individual annotations": 1,
        "object outside the image or without area": 1,
    }
    assert reader.missing == ("captions.json",)


@pytest.mark.parametrize("name", ["a?mode=rwc", "a#b", "a%41", "a b&c"])
def test_an_index_lies_in_a_folder_of_any_name(folder, name):
    """SQLite takes what follows a question mark or a percent sign in an address for something else."""
    (folder / name).mkdir()
    write_index(folder, folder / name / "index.sqlite")
    (scene,) = CocoSceneReader(folder, folder / name / "index.sqlite").read([folder / "a.png"])
    assert len(scene.people) == 1


def test_an_unknown_or_unreadable_image_does_not_stop_the_others(folder):
    Image.new("RGB", (50, 50)).save(folder / "b.png")
    unknown, unreadable, scene = CocoSceneReader(folder).read([folder / "b.png", folder / "none.png", folder / "a.png"])
    assert isinstance(unknown, InputError)
    assert "missing from the annotations" in str(unknown)
    assert isinstance(unreadable, Exception)
    assert len(scene.people) == 1


def test_a_full_disk_is_not_taken_for_annotations_in_another_format(folder, monkeypatch):
    monkeypatch.setattr(coco, "_TABLES", f"PRAGMA max_page_count = 12; {coco._TABLES}")
    content = json.loads((folder / "instances.json").read_text())
    content["annotations"] *= 2000
    (folder / "instances.json").write_text(json.dumps(content))
    with pytest.raises(StorageError, match="full"):
        write_index(folder, folder / "index.sqlite")
    assert not list(folder.glob("*index.sqlite*"))
