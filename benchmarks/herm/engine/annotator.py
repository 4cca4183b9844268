"""Annotate images: find the people, describe them with templates, and let models improve the texts."""

from __future__ import annotations

import logging
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from omnisense.benchmarks.herm.engine.annotations import ErrorRecord
from omnisense.benchmarks.herm.engine.describe import describe_people
from omnisense.benchmarks.herm.engine.descriptions import build_annotations
from omnisense.benchmarks.herm.engine.output import AnnotationResult
from omnisense.errors import InputError, MediaError, OmniSenseError, PolicyError
from omnisense.perception.images.coco import CocoSceneReader
from omnisense.perception.images.detector import DetectorSceneReader
from omnisense.perception.images.scene import Scene, SceneReader, load_image
from omnisense.reasoning.policies.families import BoxUnit

if TYPE_CHECKING:
    from omnisense.benchmarks.herm.engine.captioner import Captioner

_MIN_SIDE = 32  # pixels of an image
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class AnnotateSettings:
    """What an annotation run does. The people come from ``coco`` or from ``detector_model``.

    Attributes:
        coco: folder with COCO annotations.
        detector_model, pose_model: find people, objects and joints without annotations.
        captioner_model: a vision-language policy that describes people; None for template-based texts.
        grounder_model: a zero-shot detector or a policy that finds phrases in images; None for boxes from the joints.
        writer_model: a language model that rewrites template-based captions fluently; None to keep them.
        boxes: how captioner and grounder write boxes.
        test_fraction: share of the images for the test split, whose questions are not trained on.
        seed: of the split, and of the choice and order of options.
        viewer_images: number of images on the viewer's page.
        coco_index: an index written by :func:`omnisense.perception.images.coco.write_index`; the run sets it.
    """

    coco: str | None = None
    detector_model: str | None = None
    pose_model: str | None = None
    captioner_model: str | None = None
    grounder_model: str | None = None
    writer_model: str | None = None
    boxes: BoxUnit | Literal["auto"] = "auto"
    test_fraction: float = 0.2
    seed: int = 0
    viewer_images: int = 200
    coco_index: str | None = None

    def make(self) -> Annotator:
        """Load annotations and models.

        Raises:
            InputError: the settings do not fit together, or the annotations cannot be read.
            ModelError: a model cannot be loaded.
        """
        return Annotator(self)

    def lost(self, path: Path, cause: PolicyError) -> AnnotationResult:
        """Return the result for an image whose worker died."""
        return AnnotationResult(path, error=ErrorRecord.from_exception(cause))


class Annotator:
    """Annotates batches of images.

    Args:
        settings: models and annotations to load.
    """

    def __init__(self, settings: AnnotateSettings) -> None:
        began = time.monotonic()
        self._settings = settings
        self._reader, self._models_lock = _load_reader(settings), threading.Lock()
        self._writer = None
        if settings.writer_model:
            from omnisense.reasoning.policies.load import load_policy

            self._writer = load_policy(settings.writer_model)
        self._captioner = self._load_captioner(settings.captioner_model) if settings.captioner_model else None
        _log.info("annotations and models loaded in %.1f s", time.monotonic() - began)

    def _load_captioner(self, name: str) -> Captioner:
        from omnisense.benchmarks.herm.engine.captioner import Captioner
        from omnisense.benchmarks.herm.engine.grounders import load_grounder, load_notation
        from omnisense.reasoning.policies.load import load_policy

        policy = load_policy(name)
        if "image" not in policy.modalities:
            raise InputError(f"{name} takes no images", "Name a vision-language model.")
        grounder_name, unit = self._settings.grounder_model, self._settings.boxes
        grounder = None
        if grounder_name:
            grounder = load_grounder(grounder_name, policy if grounder_name == name else None, unit)
        self._crops = tempfile.TemporaryDirectory()
        return Captioner(policy, load_notation(name, unit), grounder, Path(self._crops.name))

    def work(self, batch: Sequence[Path]) -> list[AnnotationResult]:
        """Return the results of a batch of images; see :class:`omnisense.benchmarks.harness.dispatch.Worker`."""
        results = []
        with self._models_lock:
            scenes = self._reader.read(batch)
        for path, scene in zip(batch, scenes, strict=True):
            began = time.monotonic()
            try:
                if isinstance(scene, Exception):
                    raise scene
                results.append(self._annotate(scene))
                _log.debug("annotated %s in %.2f s", path.name, time.monotonic() - began)
            except OmniSenseError as error:  # the summary reports it
                _log.info("cannot annotate %s", path.name, exc_info=True)
                results.append(AnnotationResult(path, error=ErrorRecord.from_exception(error)))
            except Exception as error:  # a fault with one image must not stop the others
                _log.warning("cannot annotate %s", path.name, exc_info=True)
                results.append(AnnotationResult(path, error=ErrorRecord.from_exception(error)))
        return results

    def _annotate(self, scene: Scene) -> AnnotationResult:
        if min(scene.width, scene.height) < _MIN_SIDE:
            raise MediaError(
                f"the image is too small ({scene.width}x{scene.height})", "Give a larger image.", scene.path
            )
        image, people, dropped = build_annotations(scene, describe_people(scene, load_image(scene.path)))
        if not people:
            return AnnotationResult(scene.path, image, (), {"image without people": 1} | dict(scene.dropped))
        counts = Counter(dropped) + Counter(scene.dropped)
        with self._models_lock:  # two threads may be at work, and a model answers one at a time
            if self._captioner is not None:
                image, people, not_used = self._captioner.describe(scene.path, image, people)
                counts += not_used
            if self._writer is not None:
                from omnisense.benchmarks.herm.engine.rewriter import rewrite_caption

                image, fault = rewrite_caption(self._writer, image)
                if fault:
                    counts[f"rewritten caption: {fault.partition(' (')[0]}"] += 1
        return AnnotationResult(scene.path, image, tuple(people), dict(counts))


def _load_reader(settings: AnnotateSettings) -> SceneReader:
    if settings.coco and (settings.detector_model or settings.pose_model):
        raise InputError(
            "annotations and models are both given to find people",
            "Leave out --coco, or --detector-model and --pose-model.",
        )
    if settings.pose_model and not settings.detector_model:
        raise InputError("a pose model needs a detector that finds the people", "Give --detector-model too.")
    if settings.grounder_model and not settings.captioner_model:
        raise InputError(
            "a grounder needs the texts of a captioner", "Give --captioner-model too, or leave out --grounder-model."
        )
    if settings.coco:
        return CocoSceneReader(Path(settings.coco), Path(settings.coco_index) if settings.coco_index else None)
    if settings.detector_model:
        return DetectorSceneReader(settings.detector_model, settings.pose_model)
    raise InputError(
        "there is no source of people",
        "Give --coco DIR with annotations, or --detector-model MODEL to detect people.",
    )
