"""The vision models that the visual extractors work with."""

from __future__ import annotations

from dataclasses import dataclass

from omnisense.perception.vision.body import BodyEstimator
from omnisense.perception.vision.expression_classifier import ExpressionClassifier
from omnisense.perception.vision.face_detector import FaceDetector
from omnisense.perception.vision.face_mesh import FaceMesh


@dataclass(frozen=True)
class VisionModels:
    """A face detector, and what else was requested and could be loaded.

    Attributes:
        notes: why a model is left out.
    """

    face_detector: FaceDetector
    expression_classifier: ExpressionClassifier | None = None
    face_mesh: FaceMesh | None = None
    body_estimator: BodyEstimator | None = None
    notes: tuple[str, ...] = ()
