"""The people in a still picture, and what is around them: the types, and models that find them (``coco`` reads them).

Everything here is in pixels of the upright picture, as such annotations are: body angles need its true proportions.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np

from omnisense.errors import ModelError
from omnisense.perception.media.clip import open_clip
from omnisense.perception.media.sampling import Sampling

KEYPOINTS = (
    "nose", "left_eye", "right_eye", "left_ear", "right_ear", "left_shoulder", "right_shoulder", "left_elbow",
    "right_elbow", "left_wrist", "right_wrist", "left_hip", "right_hip", "left_knee", "right_knee", "left_ankle",
    "right_ankle",
)  # fmt: skip
_SURE = 0.3  # score from which a model's keypoint counts as seen
_MIN_SIDE_PX = 2.0
BoxPx = tuple[float, float, float, float]


class Joint(NamedTuple):
    """Where a keypoint is, and whether it is seen or only annotated behind something."""

    x: float
    y: float
    seen: bool


@dataclass(frozen=True)
class Person:
    """A person: box (x1, y1, x2, y2); joints by name, left and right the person's own; outline as polygons (N, 2)."""

    id: str
    box_px: BoxPx
    joints: Mapping[str, Joint] = field(default_factory=dict)
    outline: tuple[np.ndarray, ...] = ()
    score: float = 1.0

    @property
    def width(self) -> float:
        """Of the box."""
        return self.box_px[2] - self.box_px[0]

    @property
    def height(self) -> float:
        """Of the box."""
        return self.box_px[3] - self.box_px[1]

    @property
    def area(self) -> float:
        """Of the box, in square pixels."""
        return self.width * self.height

    @property
    def centre(self) -> tuple[float, float]:
        """Of the box."""
        return (self.box_px[0] + self.box_px[2]) / 2, (self.box_px[1] + self.box_px[3]) / 2


class Thing(NamedTuple):
    """An object: its class, and its box."""

    name: str
    box_px: BoxPx


@dataclass(frozen=True)
class Scene:
    """A picture with its people.

    Attributes:
        path: of the picture; ``id``: of it, for rows and file names.
        width, height: in pixels, upright.
        people, things: what was found.
        crowds: regions of people who were not annotated one by one.
        captions: sentences that people wrote about it.
        source: where people, joints and captions come from.
        dropped: what was found and not used, by reason.
    """

    path: Path
    id: str
    width: int
    height: int
    people: tuple[Person, ...]
    things: tuple[Thing, ...] = ()
    crowds: tuple[BoxPx, ...] = ()
    captions: tuple[str, ...] = ()
    source: Mapping[str, str] = field(default_factory=dict)
    dropped: Mapping[str, int] = field(default_factory=dict)


class SceneReader(Protocol):
    """Finds the people in pictures."""

    def read(self, pictures: Sequence[Path]) -> list[Scene | Exception]:
        """A scene for each picture, or why there is none."""
        ...


def pixels(path: Path, max_pixels: int | None = None) -> np.ndarray:
    """A picture, upright, as (H, W, 3) uint8 RGB.

    Raises:
        MediaError: missing, damaged, no picture, or too large to decode safely.
    """
    image: np.ndarray = open_clip(path).frames(Sampling(rule="count", count=1, max_pixels=max_pixels)).images[0]
    return image


def inside(box: Sequence[float], width: int, height: int) -> BoxPx | None:
    """``x, y, w, h`` as corners, cut to the picture; None where nothing of it is left, or it is no box."""
    try:
        x, y, w, h = map(float, box)
    except (TypeError, ValueError):
        return None
    if not all(map(math.isfinite, (x, y, w, h))):
        return None
    x1, y1, x2, y2 = max(x, 0.0), max(y, 0.0), min(x + w, float(width)), min(y + h, float(height))
    return (x1, y1, x2, y2) if x2 - x1 >= _MIN_SIDE_PX and y2 - y1 >= _MIN_SIDE_PX else None


# --- models ---------------------------------------------------------------------------------------------------------


class ModelScenes:
    """Scenes by Hugging Face models: one that detects objects (people among them), and one that finds joints.

    Args:
        detector: folder or hub id of an object detector whose labels have ``person`` (DETR, RT-DETR, YOLOS, ...).
        pose: folder or hub id of a pose estimator with COCO's 17 keypoints (ViTPose); None for no joints.
        min_score: detections below it are left out.

    Raises:
        ModelError: a model cannot be had, or has no ``person``.
    """

    def __init__(self, detector: str, pose: str | None = None, min_score: float = 0.7) -> None:
        from transformers import AutoImageProcessor, AutoModelForObjectDetection

        self.name, self._pose_name, self._min_score = detector, pose, min_score
        self._processor, self._detector = loaded(detector, AutoImageProcessor, AutoModelForObjectDetection)
        if "person" not in self._detector.config.id2label.values():
            raise ModelError("this detector knows no 'person'", "Use one trained on COCO.", detector)
        if pose:
            from transformers import VitPoseForPoseEstimation

            self._pose_processor, self._pose = loaded(pose, AutoImageProcessor, VitPoseForPoseEstimation)

    def read(self, pictures: Sequence[Path]) -> list[Scene | Exception]:
        """See :class:`SceneReader`."""
        import torch

        images: dict[Path, np.ndarray] = {}
        failed: dict[Path, Exception] = {}
        for path in pictures:
            try:
                images[path] = pixels(path)
            except Exception as error:  # one bad picture must not cost the others
                failed[path] = error
        scenes: dict[Path, Scene] = {}
        if images:
            with torch.inference_mode():
                inputs = self._processor(images=list(images.values()), return_tensors="pt").to(self._detector.device)
                sizes = torch.tensor([image.shape[:2] for image in images.values()])
                found = self._processor.post_process_object_detection(
                    self._detector(**inputs), threshold=self._min_score, target_sizes=sizes
                )
            scenes = {
                path: self._scene(path, image, one) for (path, image), one in zip(images.items(), found, strict=True)
            }
        return [scenes.get(path) or failed[path] for path in pictures]

    def _scene(self, path: Path, image: np.ndarray, found: Mapping[str, Any]) -> Scene:
        height, width = image.shape[:2]
        boxes: list[tuple[str, BoxPx, float]] = []
        for label, score, (x1, y1, x2, y2) in zip(
            found["labels"].tolist(), found["scores"].tolist(), found["boxes"].tolist(), strict=True
        ):
            box = inside((x1, y1, x2 - x1, y2 - y1), width, height)
            if box:
                boxes.append((self._detector.config.id2label[label], box, score))
        people = [(box, score) for name, box, score in boxes if name == "person"]
        joints = self._joints(image, [box for box, _ in people])
        return Scene(
            path, path.stem, width, height,
            tuple(Person(f"{path.stem}-{i}", box, found, score=score)
                  for i, ((box, score), found) in enumerate(zip(people, joints, strict=True))),
            tuple(Thing(name, box) for name, box, _ in boxes if name != "person"),
            source={"people": f"detector {self.name}", "joints": f"pose model {self._pose_name}"},
        )  # fmt: skip

    def _joints(self, image: np.ndarray, people: Sequence[BoxPx]) -> list[dict[str, Joint]]:
        if not self._pose_name or not people:
            return [{} for _ in people]
        import torch

        sized = [[[x1, y1, x2 - x1, y2 - y1] for x1, y1, x2, y2 in people]]
        with torch.inference_mode():
            inputs = self._pose_processor(images=[image], boxes=sized, return_tensors="pt").to(self._pose.device)
            found = self._pose_processor.post_process_pose_estimation(self._pose(**inputs), boxes=sized)[0]
        return [
            {
                name: Joint(float(x), float(y), True)
                for name, (x, y), score in zip(
                    KEYPOINTS, one["keypoints"].tolist(), one["scores"].tolist(), strict=True
                )
                if score >= _SURE
            }
            for one in found
        ]


def loaded(name: str, processor: Any, model: Any) -> tuple[Any, Any]:
    """A processor and a model of Hugging Face by folder or hub id, on the GPU where there is one.

    Raises:
        ModelError: they cannot be had, or are of another kind.
    """
    import torch

    from omnisense import models

    folder = models.ensure(name)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        return processor.from_pretrained(folder), model.from_pretrained(folder).eval().to(device)
    except (OSError, ValueError, KeyError) as error:
        cause = " ".join(str(error).split())[:200]
        raise ModelError(f"it cannot be loaded ({cause})", "Give a model of the right kind.", name) from error
