"""Where in a picture is what a phrase names: detectors that take any words (OWLv2, Grounding DINO, OmDet)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from omnisense.errors import ModelError
from omnisense.perception.images.scene import loaded, pixels

FractionBox = tuple[float, float, float, float]  # x1, y1, x2, y2 as fractions of the picture


class Grounder(Protocol):
    """Finds what phrases name."""

    name: str

    def where(self, path: Path, phrases: Sequence[str]) -> list[list[FractionBox]]:
        """For each phrase the boxes of what it names in a picture; none where nothing is found."""
        ...


class ZeroShotGrounder:
    """A zero-shot object detector of Hugging Face.

    Args:
        name: folder or hub id.
        min_score: boxes below it are left out.

    Raises:
        ModelError: it cannot be had.
    """

    def __init__(self, name: str, min_score: float = 0.3) -> None:
        from transformers import AutoModelForZeroShotObjectDetection, AutoProcessor

        self.name, self._min_score = name, min_score
        self._processor, self._model = loaded(name, AutoProcessor, AutoModelForZeroShotObjectDetection)

    def where(self, path: Path, phrases: Sequence[str]) -> list[list[FractionBox]]:
        """See :class:`Grounder`. A phrase that is longer than the model reads is not found.

        Phrases are asked one at a time: in company, detectors mix up which words a box belongs to.
        """
        image = pixels(path)
        return [self._where(image, phrase) for phrase in phrases]

    def _where(self, image: Any, phrase: str) -> list[FractionBox]:
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


def is_zero_shot(folder: Path) -> bool:
    """Whether a saved model is a detector that takes any words.

    Raises:
        ModelError: it has no readable configuration.
    """
    from transformers import PretrainedConfig
    from transformers.models.auto.modeling_auto import MODEL_FOR_ZERO_SHOT_OBJECT_DETECTION_MAPPING_NAMES

    try:
        kind = PretrainedConfig.get_config_dict(folder)[0]["model_type"]
    except (OSError, KeyError, ValueError) as error:
        raise ModelError("it has no readable configuration", "Give a model of Hugging Face.", folder) from error
    return kind in MODEL_FOR_ZERO_SHOT_OBJECT_DETECTION_MAPPING_NAMES
