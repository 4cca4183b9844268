"""Phrase grounding: find what a phrase names in an image with open-vocabulary detectors (OWLv2, Grounding DINO)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from omnisense.errors import ModelError
from omnisense.perception.images.detector import load_pretrained
from omnisense.perception.images.scene import load_image

FractionBox = tuple[float, float, float, float]  # x1, y1, x2, y2 as fractions of the image


class Grounder(Protocol):
    """Finds the boxes of what phrases name."""

    @property
    def name(self) -> str:
        """Name of the model."""
        ...

    def ground(self, path: Path, phrases: Sequence[str]) -> list[list[FractionBox]]:
        """Return for each phrase the boxes of what it names in an image; an empty list where nothing is found."""
        ...


class ZeroShotGrounder:
    """A Hugging Face zero-shot object detector.

    Args:
        name: folder or Hugging Face id.
        min_score: boxes with a lower score are left out.

    Raises:
        ModelError: the model cannot be loaded.
    """

    def __init__(self, name: str, min_score: float = 0.3) -> None:
        from transformers import AutoModelForZeroShotObjectDetection, AutoProcessor

        self.name, self._min_score = name, min_score
        self._processor, self._model = load_pretrained(name, AutoProcessor, AutoModelForZeroShotObjectDetection)

    def ground(self, path: Path, phrases: Sequence[str]) -> list[list[FractionBox]]:
        """See :class:`Grounder`. For a phrase longer than the model's context nothing is found.

        Each phrase has a forward pass of its own: given several, detectors mix up which words a box belongs to.
        """
        image = load_image(path)
        return [self._ground_one(image, phrase) for phrase in phrases]

    def _ground_one(self, image: np.ndarray, phrase: str) -> list[FractionBox]:
        import torch

        tokenizer = self._processor.tokenizer
        if len(tokenizer(phrase)["input_ids"]) > tokenizer.model_max_length:
            return []
        height, width = image.shape[:2]
        with torch.inference_mode():
            inputs = self._processor(images=image, text=[[phrase]], return_tensors="pt").to(self._model.device)
            found = self._processor.post_process_grounded_object_detection(
                self._model(**inputs), threshold=self._min_score, target_sizes=[(height, width)]
            )[0]
        boxes = []
        for x1, y1, x2, y2 in found["boxes"].tolist():
            box = (max(x1 / width, 0.0), max(y1 / height, 0.0), min(x2 / width, 1.0), min(y2 / height, 1.0))
            if box[0] < box[2] and box[1] < box[3]:
                boxes.append(box)
        return boxes


def is_zero_shot_detector(folder: Path) -> bool:
    """Return whether a saved model is a zero-shot object detector.

    Raises:
        ModelError: the folder has no readable configuration.
    """
    from transformers import PretrainedConfig
    from transformers.models.auto.modeling_auto import MODEL_FOR_ZERO_SHOT_OBJECT_DETECTION_MAPPING_NAMES

    try:
        kind = PretrainedConfig.get_config_dict(folder)[0]["model_type"]
    except (OSError, KeyError, ValueError) as error:
        raise ModelError(
            "the model has no readable configuration", "Give the folder or id of a Hugging Face model.", folder
        ) from error
    return kind in MODEL_FOR_ZERO_SHOT_OBJECT_DETECTION_MAPPING_NAMES
