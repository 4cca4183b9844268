"""Annotate a folder of pictures of people, as HERM-100K does: python examples/annotate_folder.py [IMAGES COCO]

COCO is a folder with instances.json (and person_keypoints.json, captions.json). Without arguments a picture is drawn.
"""

import json
import sys
import tempfile
from pathlib import Path

from PIL import Image, ImageDraw

from omnisense.benchmarks.herm.engine.annotate import annotate
from omnisense.benchmarks.herm.engine.annotator import AnnotateSettings
from omnisense.benchmarks.herm.engine.output import read_annotations


def draw(folder):
    """Draw two people with boxes and joints of their own."""
    picture, people, keypoints = Image.new("RGB", (400, 300), "grey"), [], []
    for number, (x, top, trousers) in enumerate([(60, "red", "blue"), (240, "green", "black")], 1):
        pen = ImageDraw.Draw(picture)
        pen.ellipse((x + 30, 40, x + 70, 80), "peachpuff")
        pen.rectangle((x + 20, 80, x + 80, 170), top)
        pen.rectangle((x + 25, 170, x + 75, 280), trousers)
        joints = [(50, 60), (58, 55), (42, 55), (66, 58), (34, 58), (75, 95), (25, 95), (78, 130), (22, 130), (78, 165),
                  (22, 165), (65, 175), (35, 175), (65, 225), (35, 225), (65, 275), (35, 275)]  # fmt: skip
        box = [x + 20, 40, 60, 240]
        people.append({"id": number, "image_id": 1, "category_id": 1, "bbox": box, "area": 14400, "iscrowd": 0})
        flat = [value for dx, y in joints for value in (x + dx, y, 2)]
        keypoints.append(people[-1] | {"keypoints": flat, "num_keypoints": 17})
    (folder / "images").mkdir()
    picture.save(folder / "images" / "1.png")
    common = {"images": [{"id": 1, "file_name": "1.png", "width": 400, "height": 300}],
              "categories": [{"id": 1, "name": "person"}]}  # fmt: skip
    (folder / "instances.json").write_text(json.dumps(common | {"annotations": people}))
    (folder / "person_keypoints.json").write_text(json.dumps(common | {"annotations": keypoints}))
    return folder / "images", folder


images, coco = map(Path, sys.argv[1:3]) if len(sys.argv) > 2 else draw(Path(tempfile.mkdtemp()))
output = coco / "herm"
summary = annotate(images, output, AnnotateSettings(coco=str(coco), test_fraction=0.0))
print(f"{summary.counts.people} people in {summary.counts.images} pictures: {output / 'viewer.html'}")
for _, described in read_annotations(output):
    for person in described:
        print(person.referring_expressions[0], "|", person.appearance, person.pose)
