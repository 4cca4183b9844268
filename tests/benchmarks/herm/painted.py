"""Painted people with COCO annotations: scenes with known content."""

from __future__ import annotations

import json
from pathlib import Path

from PIL import Image, ImageDraw

from omnisense.benchmarks.herm.engine.annotate import annotate
from omnisense.benchmarks.herm.engine.annotator import AnnotateSettings
from omnisense.perception.images.scene import KEYPOINTS

RGB = {
    "red": (200, 30, 35),
    "blue": (35, 60, 190),
    "white": (245, 245, 245),
    "black": (8, 8, 8),
    "green": (30, 130, 40),
}
KINDS = [{"id": 1, "name": "person"}, {"id": 2, "name": "frisbee"}, {"id": 3, "name": "chair"}]
# a standing body in units of its height, x from its middle; left is the person's own, so on the right of the picture
BODY = {"nose": (0, .08), "left_eye": (.02, .065), "right_eye": (-.02, .065), "left_ear": (.045, .07),
        "right_ear": (-.045, .07), "left_shoulder": (.11, .2), "right_shoulder": (-.11, .2), "left_elbow": (.14, .35),
        "right_elbow": (-.14, .35), "left_wrist": (.15, .48), "right_wrist": (-.15, .48), "left_hip": (.07, .5),
        "right_hip": (-.07, .5), "left_knee": (.07, .74), "right_knee": (-.07, .74), "left_ankle": (.07, .96),
        "right_ankle": (-.07, .96)}  # fmt: skip


class Pictures:
    """Images of painted people, and their COCO annotations."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.images, self.boxes, self.joints, self.captions = folder, [], [], [], []
        (folder / "images").mkdir(parents=True, exist_ok=True)

    def add(self, name, people, size=(640, 480), caption="", things=(), crowd=None, mode="RGB"):
        """People as (x of the middle, height, color of the top, right arm raised)."""
        image = Image.new("RGB", size, (140, 150, 130))
        draw = ImageDraw.Draw(image)
        number = len(self.images) + 1
        self.images.append({"id": number, "file_name": name, "width": size[0], "height": size[1]})
        for x, height, color, raised in people:
            self._paint(draw, number, x, size[1] - 10 - height, height, color, raised)
        for kind, box in things:
            self.boxes.append({"id": 10_000 + len(self.boxes), "image_id": number, "category_id": kind, "bbox": box})
        if crowd:
            self.boxes.append({"id": 10_000 + len(self.boxes), "image_id": number, "category_id": 1, "bbox": crowd,
                               "iscrowd": 1})  # fmt: skip
        if caption:
            self.captions.append({"id": number, "image_id": number, "caption": caption})
        image.convert(mode).save(self.folder / "images" / name)

    def _paint(self, draw, number, x, top, height, color, raised):
        body = {k: (x + dx * height, top + dy * height) for k, (dx, dy) in BODY.items()}
        if raised:
            body["right_elbow"] = (x - 0.18 * height, top + 0.15 * height)
            body["right_wrist"] = (x - 0.2 * height, top + 0.02 * height)
        draw.ellipse([x - 0.06 * height, top, x + 0.06 * height, top + 0.14 * height], fill=(225, 172, 140))
        corners = [body[f"{side}_{part}"] for side, part in
                   (("left", "shoulder"), ("right", "shoulder"), ("right", "hip"), ("left", "hip"))]  # fmt: skip
        draw.polygon(corners, fill=RGB[color])
        for side in ("left", "right"):
            draw.line([body[f"{side}_hip"], body[f"{side}_ankle"]], fill=RGB["black"], width=max(3, int(0.11 * height)))
        box = [x - 0.22 * height, top, 0.44 * height, height]
        entry = {"id": len(self.boxes) + 1, "image_id": number, "category_id": 1, "bbox": box, "iscrowd": 0}
        self.boxes.append(entry)
        flat = [v for name in KEYPOINTS for v in (*body[name], 2)]
        self.joints.append({"id": entry["id"], "image_id": number, "keypoints": flat, "num_keypoints": 17})

    def write(self, joints=True, captions=True):
        def put(name, **more):
            (self.folder / name).write_text(json.dumps({"images": self.images, **more}))

        put("instances.json", annotations=self.boxes, categories=KINDS)
        if joints:
            put("person_keypoints.json", annotations=self.joints)
        if captions:
            put("captions.json", annotations=self.captions)
        return AnnotateSettings(coco=str(self.folder))


TRIO = [(110, 300, "red", True), (320, 320, "blue", False), (530, 310, "white", False)]


def run(made, output, settings, **how):
    return annotate(made.folder / "images", output, settings, **how)
