"""Scenes from models: an object detector for people and objects, a pose estimator for joints."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from omnisense.compat import refuse_model_code
from omnisense.errors import ModelError
from omnisense.perception.geometry import clip_xywh, to_xywh
from omnisense.perception.images.scene import (
    KEYPOINTS,
    MIN_SIDE_PX,
    BoxPx,
    Joint,
    Person,
    Scene,
    SceneObject,
    load_image,
)

_MIN_KEYPOINT_SCORE = 0.3  # keypoints below it are left out
_log = logging.getLogger(__name__)


class DetectorSceneReader:
    """Finds people, objects and joints with Hugging Face models.

    Args:
        detector: folder or Hugging Face id of an object detector with a label ``person`` (DETR, RT-DETR, YOLOS, ...).
        pose: folder or Hugging Face id of a pose estimator with COCO's 17 keypoints (ViTPose); None for no joints.
        min_score: detections with a lower score are left out.

    Raises:
        ModelError: a model cannot be loaded, or the detector has no label ``person``.
    """

    def __init__(self, detector: str, pose: str | None = None, min_score: float = 0.7) -> None:
        from transformers import AutoImageProcessor, AutoModelForObjectDetection

        self.name, self._pose_name, self._min_score = detector, pose, min_score
        self._processor, self._detector = load_pretrained(detector, AutoImageProcessor, AutoModelForObjectDetection)
        if "person" not in self._detector.config.id2label.values():
            raise ModelError("this detector has no label 'person'", "Use a detector trained on COCO.", detector)
        if pose:
            from transformers import VitPoseForPoseEstimation

            self._pose_processor, self._pose = load_pretrained(pose, AutoImageProcessor, VitPoseForPoseEstimation)

    def read(self, images: Sequence[Path]) -> list[Scene | Exception]:
        """See :class:`omnisense.perception.images.scene.SceneReader`."""
        decoded: dict[Path, np.ndarray] = {}
        failed: dict[Path, Exception] = {}
        for path in images:
            try:
                decoded[path] = load_image(path)
            except Exception as error:  # an image that cannot be decoded must not stop the others
                failed[path] = error
        try:
            detections = self._detect(list(decoded.values())) if decoded else []
        except Exception as error:  # nor must a batch that the detector cannot take
            return [failed.get(path, error) for path in images]
        scenes: dict[Path, Scene] = {}
        for (path, image), found in zip(decoded.items(), detections, strict=True):
            try:
                scenes[path] = self._build_scene(path, image, found)
            except Exception as error:
                failed[path] = error
        return [scenes[path] if path in scenes else failed[path] for path in images]

    def _detect(self, images: list[np.ndarray]) -> list[Mapping[str, Any]]:
        """Return ``labels``, ``scores`` and ``boxes`` (in pixels) for each image."""
        import torch

        with torch.inference_mode():
            inputs = self._processor(images=images, return_tensors="pt").to(self._detector.device)
            sizes = torch.tensor([image.shape[:2] for image in images])
            found: list[Mapping[str, Any]] = self._processor.post_process_object_detection(
                self._detector(**inputs), threshold=self._min_score, target_sizes=sizes
            )
        return found

    def _build_scene(self, path: Path, image: np.ndarray, found: Mapping[str, Any]) -> Scene:
        height, width = image.shape[:2]
        names = self._detector.config.id2label
        boxes: list[tuple[str, BoxPx, float]] = []
        for label, score, corners in zip(
            found["labels"].tolist(), found["scores"].tolist(), found["boxes"].tolist(), strict=True
        ):
            box = clip_xywh(to_xywh(corners), width, height, MIN_SIDE_PX)
            if box and label not in names:
                raise ModelError(f"its configuration names no label {label}", "Use another detector.", self.name)
            if box:
                boxes.append((names[label], box, score))
        people = [(box, score) for name, box, score in boxes if name == "person"]
        joints = self._estimate_joints(image, [box for box, _ in people])
        return Scene(
            path=path,
            id=path.stem,
            width=width,
            height=height,
            people=tuple(
                Person(f"{path.stem}-{i}", box, found_joints, score=score)
                for i, ((box, score), found_joints) in enumerate(zip(people, joints, strict=True))
            ),
            objects=tuple(SceneObject(name, box) for name, box, _ in boxes if name != "person"),
            source={"people": f"detector {self.name}", "joints": f"pose model {self._pose_name}"},
        )

    def _estimate_joints(self, image: np.ndarray, people: Sequence[BoxPx]) -> list[dict[str, Joint]]:
        """Return the joints of each person by name; empty without a pose model."""
        if not self._pose_name or not people:
            return [{} for _ in people]
        import torch

        boxes = [[list(to_xywh(box)) for box in people]]
        with torch.inference_mode():
            inputs = self._pose_processor(images=[image], boxes=boxes, return_tensors="pt").to(self._pose.device)
            found = self._pose_processor.post_process_pose_estimation(self._pose(**inputs), boxes=boxes)[0]
        return [
            {
                name: Joint(float(x), float(y), True)
                for name, (x, y), score in zip(
                    KEYPOINTS, one["keypoints"].tolist(), one["scores"].tolist(), strict=True
                )
                if score >= _MIN_KEYPOINT_SCORE
            }
            for one in found
        ]


def load_pretrained(name: str, processor: Any, model: Any) -> tuple[Any, Any]:
    """Load a Hugging Face processor and model, on the GPU where there is one.

    Args:
        name: folder or Hugging Face id.
        processor, model: classes with ``from_pretrained``.

    Returns:
        The processor, and the model in evaluation mode.

    Raises:
        ModelError: they cannot be loaded, or the folder holds another kind of model.
    """
    import torch

    from omnisense import models

    folder = models.fetch(name)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    refuse_model_code(folder)
    try:
        read = processor.from_pretrained(folder, trust_remote_code=False)
        found = read, model.from_pretrained(folder, trust_remote_code=False).eval().to(device)
    except (OSError, ValueError, KeyError) as error:
        cause = " ".join(str(error).split())[:200]
        raise ModelError(f"the model cannot be loaded ({cause})", "Give a model of the right kind.", name) from error
    _log.info("loaded %s on %s", name, device)
    return found
