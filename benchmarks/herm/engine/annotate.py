"""Run the data engine: from images of people to annotations as in HERM-100K, questions and training rows.

In a run folder ``images.jsonl`` and ``instances.jsonl`` grow image by image, and an interrupted run continues where it
stopped. At the end ``questions.jsonl``, ``training.jsonl``, ``viewer.html`` and, last, ``summary.json`` are written
from them; ``run.log`` is the log. The result does not depend on the number of workers, on this machine or on a cluster.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path

from omnisense.benchmarks.harness.dispatch import dispatch
from omnisense.benchmarks.harness.executors import make_executor
from omnisense.benchmarks.herm.engine.annotations import (
    ASPECTS,
    AnnotationCounts,
    AnnotationSummary,
    PersonAnnotation,
    TrainingRow,
)
from omnisense.benchmarks.herm.engine.annotator import AnnotateSettings
from omnisense.benchmarks.herm.engine.output import (
    INDEX,
    AnnotationResult,
    AnnotationWriter,
    open_atomically,
    read_annotations,
    to_json_line,
)
from omnisense.benchmarks.herm.engine.questions import build_question_rows, is_in_test_split
from omnisense.benchmarks.herm.engine.training import build_training_rows
from omnisense.benchmarks.herm.engine.viewer import write_viewer
from omnisense.errors import InputError
from omnisense.files import reporting_storage, write_atomically
from omnisense.logging import log_to_file
from omnisense.perception.images.coco import CAPTIONS, JOINTS, write_index

IMAGE_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"}
_log = logging.getLogger(__name__)


def annotate(
    images: Path,
    output: Path,
    settings: AnnotateSettings,
    *,
    limit: int = 0,
    batch_size: int = 8,
    workers: int = 0,
    ray: str | None = None,
    gpus: float = 0.0,
    on_start: Callable[[int, int], None] = lambda _, __: None,
    on_progress: Callable[[AnnotationResult], None] = lambda _: None,
) -> AnnotationSummary:
    """Annotate a folder of images, and return the summary.

    Args:
        images: the folder; subfolders are searched too.
        output: the run folder; a run that is already there continues.
        settings: models, annotations, split and seed.
        limit: maximum number of images; 0 for all.
        batch_size: images that a worker gets at once.
        workers, ray, gpus: see :func:`omnisense.benchmarks.harness.executors.make_executor`.
        on_start: receives the number of images, and how many of them are already done.
        on_progress: receives the result of each image when it is done.

    Raises:
        InputError: there are no images, or the settings do not fit the folder.
        StorageError: the output cannot be written; what was annotated before is kept.
        ModelError: a model cannot be loaded.
    """
    found = _list_images(images)
    selected = found[:limit] if limit else found
    identity = asdict(settings) | {"images": str(images.resolve()), "coco_files": _digest(settings.coco)}
    del identity["viewer_images"], identity["coco_index"]
    log_file = output / "run.log"
    with AnnotationWriter(output, identity) as writer, log_to_file(log_file):
        pending = [path for path in selected if path.stem not in writer.done]
        _log.info("annotating %d images, %d already done", len(selected), len(selected) - len(pending))
        on_start(len(selected), len(selected) - len(pending))
        if settings.coco:
            write_index(Path(settings.coco), output / INDEX)
            settings = replace(settings, coco_index=str(output / INDEX))
        if pending:
            executor = make_executor(settings, workers, None, ray, gpus, log_file)
            try:
                batches = (pending[i : i + batch_size] for i in range(0, len(pending), batch_size))
                for result in _in_order(dispatch(executor, batches), pending):
                    writer.add(result)
                    on_progress(result)
            finally:
                executor.close()
        with reporting_storage(output):
            summary = _finish(output, images.name, found, settings, writer)
        _log.info("annotated %d people in %d images", summary.counts.people, summary.counts.images)
        return summary


def _finish(
    output: Path, title: str, paths: Sequence[Path], settings: AnnotateSettings, writer: AnnotationWriter
) -> AnnotationSummary:
    """Write everything that is made from the annotations of the whole run."""
    questions, training = _write_rows(output, settings)
    with_people = (pair for pair in read_annotations(output) if pair[1])
    shown = itertools.islice(with_people, settings.viewer_images)
    write_viewer(output, title, {path.stem: path for path in paths}, shown)
    counts, people_with = _count(output, len(writer.failed))
    summary = AnnotationSummary(
        counts=counts,
        people_with=people_with,
        dropped=dict(writer.dropped.most_common()),
        failed=writer.failed,
        questions=questions,
        training=training,
        missing=tuple(_missing_inputs(settings)),
    )
    write_atomically(output / "summary.json", json.dumps(summary.to_dict(), indent=1, ensure_ascii=False) + "\n")
    return summary


def _write_rows(output: Path, settings: AnnotateSettings) -> tuple[dict[str, int], dict[str, int]]:
    """Write questions of the test split and training rows of the other images; return their numbers by dimension."""
    num_questions: Counter[str] = Counter()
    num_training: Counter[str] = Counter()
    with (
        open_atomically(output / "questions.jsonl") as questions,
        open_atomically(output / "training.jsonl") as training,
    ):
        for image, people in read_annotations(output):
            if not people:
                continue
            in_test = is_in_test_split(image.image_id, settings.test_fraction, settings.seed)
            rows: Sequence[TrainingRow] = (
                build_question_rows(image, people, settings.seed)
                if in_test
                else build_training_rows(image, people, settings.seed)
            )
            count, file = (num_questions, questions) if in_test else (num_training, training)
            for row in rows:
                count[row.dimension] += 1
                file.write(to_json_line(row.to_dict()))
    return dict(num_questions), dict(num_training)


def _count(output: Path, num_failed: int) -> tuple[AnnotationCounts, dict[str, int]]:
    """Return numbers of images and people, and of people for whom a field is not empty."""
    num_images = num_people = num_with_people = 0
    people_with: Counter[str] = Counter()
    for _, people in read_annotations(output):
        num_images += 1
        num_people += len(people)
        num_with_people += bool(people)
        for person in people:
            people_with.update(_filled_fields(person))
    counts = AnnotationCounts(
        images=num_images, people=num_people, images_with_people=num_with_people, failed=num_failed
    )
    return counts, dict(people_with)


def _filled_fields(person: PersonAnnotation) -> Iterator[str]:
    if person.referring_expressions:
        yield "referring_expressions"
    yield from (aspect for aspect in ASPECTS if person.text(aspect))
    if person.appearance_boxes:
        yield "appearance_boxes"


def _in_order(batches: Iterable[list[AnnotationResult]], paths: Sequence[Path]) -> Iterator[AnnotationResult]:
    """Yield results in the order of the images, so that files do not depend on the number of workers."""
    early: dict[Path, AnnotationResult] = {}
    at = 0
    for batch in batches:
        early |= {result.path: result for result in batch}
        while at < len(paths) and paths[at] in early:
            yield early.pop(paths[at])
            at += 1


def _missing_inputs(settings: AnnotateSettings) -> list[str]:
    """Return the inputs and models that were not given, so that empty fields are not taken for a finding."""
    missing = [name for name in (JOINTS, CAPTIONS) if settings.coco and not (Path(settings.coco) / name).is_file()]
    if not settings.coco and not settings.pose_model:
        missing.append("pose model (no poses, no colors of garments)")
    return missing + ([] if settings.captioner_model else ["captioner (texts are template-based)"])


def _list_images(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise InputError("the folder does not exist", "Give a folder of images.", folder)
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in IMAGE_SUFFIXES and path.is_file())
    if not found:
        raise InputError(
            f"the folder has no images ({', '.join(sorted(IMAGE_SUFFIXES))})", "Give another folder.", folder
        )
    duplicates = [name for name, n in Counter(path.stem for path in found).items() if n > 1]
    if duplicates:
        raise InputError(f"several images are named {duplicates[0]}", "Rename them: names must be unique.", folder)
    return found


def _digest(coco: str | None) -> str:
    """Return the SHA-256 of the annotation files, 12 digits."""
    found = hashlib.sha256()
    for file in sorted(Path(coco).glob("*.json")) if coco else ():
        with file.open("rb") as stream:
            found.update(hashlib.file_digest(stream, "sha256").digest())
    return found.hexdigest()[:12]
