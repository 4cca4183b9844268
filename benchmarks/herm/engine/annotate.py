"""The data engine: pictures of people in, HERM-100K's rows, questions and training rows out.

A run folder: ``images.jsonl`` and ``instances.jsonl`` grow a picture at a time and are on disk before the next is
counted; what was interrupted goes on where it stopped. ``questions.jsonl``, ``training.jsonl``, ``viewer.html`` and,
last of all, ``summary.json`` are made from them at the end. Pictures are done by one worker or many, here or on a
cluster, and what comes out does not depend on how many.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from omnisense.benchmarks.harness.dispatch import dispatch
from omnisense.benchmarks.harness.executors import make_executor
from omnisense.benchmarks.herm.engine.descriptions import rows_of
from omnisense.benchmarks.herm.engine.facts import ASPECTS, describe
from omnisense.benchmarks.herm.engine.output import INDEX, Annotated, Output, line_of, pictures_of, whole_file
from omnisense.benchmarks.herm.engine.questions import is_held_out, questions_of, training_of
from omnisense.benchmarks.herm.engine.viewer import write_viewer
from omnisense.errors import InputError, MediaError, OmniSenseError, PolicyError
from omnisense.files import write_atomically
from omnisense.perception.images.coco import CAPTIONS, JOINTS, CocoSceneReader, write_index
from omnisense.perception.images.detector import DetectorSceneReader
from omnisense.perception.images.scene import Scene, SceneReader, load_image
from omnisense.reasoning.policies.families import BoxUnit

PICTURES = {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"}
_LEAST_SIDE = 32
_REMOTE = ("chat", "scripted")
Row = dict[str, Any]


@dataclass(frozen=True)
class AnnotateSettings:
    """A run of the engine.

    Attributes:
        coco: a folder with COCO-style annotations, used instead of models.
        detector_model, pose_model: models that find people and joints, where there are no annotations.
        captioner_model: a policy that describes what it is shown; None for texts by rules.
        grounder_model: a zero-shot detector or a policy that finds phrases in pictures; None for boxes by rules.
        writer_model: a language model that makes dense captions by rules fluent; None to leave them.
        boxes: how captioner and grounder write boxes.
        test_fraction: share of the pictures whose questions are kept for the test.
        seed: of the split and of all draws.
        shown: how many pictures the viewer shows.
        index: of the annotations; the run makes it.
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
    shown: int = 200
    index: str | None = None

    def make(self) -> Annotator:
        """Load annotations and models.

        Raises:
            InputError: it is not said where people come from, or the annotations cannot be read.
            ModelError: a model cannot be had.
        """
        return Annotator(self)

    def lost(self, picture: Path, cause: PolicyError) -> Annotated:
        """What stands for a picture that its worker died of."""
        return Annotated(picture, error=str(cause))


class Annotator:
    """Annotates batches of pictures."""

    def __init__(self, settings: AnnotateSettings) -> None:
        self._settings = settings
        self._reader, self._models = _reader(settings), threading.Lock()
        self._writer: Any = None
        self._captioner: Any = None
        if settings.writer_model:
            from omnisense.reasoning.policies.load import load_policy

            self._writer = load_policy(settings.writer_model)
        if settings.captioner_model:
            self._captioner = self._made_captioner(settings.captioner_model)

    def _made_captioner(self, name: str) -> Any:
        from omnisense.benchmarks.herm.engine.captioner import Captioner
        from omnisense.reasoning.policies.load import load_policy

        policy = load_policy(name)
        if "image" not in policy.modalities:
            raise InputError(f"{name} takes no images", "Name a vision-language model.")
        by = self._settings.grounder_model
        grounder = _grounder(by, policy if by == name else None, self._settings) if by else None
        self._crops = tempfile.TemporaryDirectory()
        return Captioner(policy, _notation(name, self._settings), grounder, Path(self._crops.name))

    def work(self, batch: Sequence[Path]) -> list[Annotated]:
        """See :class:`omnisense.benchmarks.harness.executors.Worker`."""
        found = []
        with self._models:
            scenes = self._reader.read(batch)
        for picture, scene in zip(batch, scenes, strict=True):
            try:
                if isinstance(scene, Exception):
                    raise scene
                found.append(self._annotated(scene))
            except OmniSenseError as error:
                found.append(Annotated(picture, error=error.problem))
            except Exception as error:  # whatever is wrong with one picture must not cost the others
                found.append(Annotated(picture, error=f"{type(error).__name__}: {error}"))
        return found

    def _annotated(self, scene: Scene) -> Annotated:
        if min(scene.width, scene.height) < _LEAST_SIDE:
            raise MediaError(f"too small ({scene.width}x{scene.height})", "Give larger pictures.", scene.path)
        picture = load_image(scene.path)
        image, people, dropped = rows_of(scene, describe(scene, picture))
        if not people:
            return Annotated(scene.path, image, (), {"picture: nobody in it": 1} | dict(scene.dropped))
        counted = Counter(dropped) + Counter(scene.dropped)
        with self._models:  # two threads work, and a model answers one at a time
            if self._captioner is not None:
                counted += self._captioner.describe(scene.path, image, people)
            if self._writer is not None:
                from omnisense.benchmarks.herm.engine.captioner import rewrite

                if fault := rewrite(self._writer, image):
                    counted[f"rewritten caption: {fault.partition(' (')[0]}"] += 1
        return Annotated(scene.path, image, tuple(people), dict(counted))


def annotate(
    pictures: Path,
    output: Path,
    settings: AnnotateSettings,
    *,
    limit: int = 0,
    batch_size: int = 8,
    workers: int = 0,
    ray: str | None = None,
    gpus: float = 0.0,
    on_plan: Callable[[int, int], None] = lambda _, __: None,
    on_done: Callable[[Annotated], None] = lambda _: None,
) -> Row:
    """Annotate a folder of pictures; the summary.

    Args:
        pictures: the folder, looked through with its subfolders.
        output: the run folder; the same call goes on there.
        settings: what is done.
        limit: at most so many pictures; 0 for all.
        batch_size: pictures a worker is handed at once.
        workers, ray, gpus: see :func:`omnisense.benchmarks.harness.executors.make_executor`.
        on_plan: told how many pictures there are, and how many are done already; on_done: told of each that is done.

    Raises:
        InputError: no pictures, settings that do not fit the folder, or a full disk.
        ModelError: a model cannot be had.
    """
    there = _listed(pictures)
    listed = there[:limit] if limit else there
    identity = asdict(settings) | {"pictures": str(pictures.resolve()), "coco_files": _digest(settings.coco)}
    del identity["shown"], identity["index"]
    with Output(output, identity) as out:
        waiting = [path for path in listed if path.stem not in out.done]
        on_plan(len(listed), len(listed) - len(waiting))
        if settings.coco:
            write_index(Path(settings.coco), output / INDEX)
            settings = replace(settings, index=str(output / INDEX))
        if waiting:
            executor = make_executor(settings, workers, None, ray, gpus)
            try:
                batches = (waiting[i : i + batch_size] for i in range(0, len(waiting), batch_size))
                for one in _in_order(dispatch(executor, batches), waiting):
                    out.add(one)
                    on_done(one)
            finally:
                executor.close()
        return _finish(output, pictures, {path.stem: path for path in there}, settings, out)


def _finish(output: Path, pictures: Path, paths: Mapping[str, Path], settings: AnnotateSettings, out: Output) -> Row:
    counts: Counter[str] = Counter()
    dimensions: dict[str, Counter[str]] = {"questions": Counter(), "training": Counter()}
    texts: Counter[str] = Counter()
    with whole_file(output / "questions.jsonl") as questions, whole_file(output / "training.jsonl") as training:
        for image, people in pictures_of(output):
            counts["pictures"] += 1
            counts["people"] += len(people)
            counts["pictures with people"] += bool(people)
            texts.update(key for row in people for key in ("refer", *ASPECTS, "appearance_boxes") if row[key])
            if not people:
                continue
            held = is_held_out(image["image_id"], settings.test_fraction, settings.seed)
            made = questions_of(image, people, settings.seed) if held else training_of(image, people, settings.seed)
            name, file = ("questions", questions) if held else ("training", training)
            for row in made:
                dimensions[name][row["dimension"]] += 1
                file.write(line_of(row))
    with_people = (pair for pair in pictures_of(output) if pair[1])
    write_viewer(output, pictures.name, paths, itertools.islice(with_people, settings.shown))
    summary = {
        "counts": dict(counts) | {"failed": len(out.failed)},
        "people with": dict(texts),
        "dropped": dict(out.dropped.most_common()),
        "failed": out.failed,
        "questions": dict(dimensions["questions"]),
        "training": dict(dimensions["training"]),
        "missing": _missing(settings),
    }
    write_atomically(output / "summary.json", json.dumps(summary, indent=1, ensure_ascii=False) + "\n")
    return summary


def _in_order(done: Iterable[list[Annotated]], pictures: Sequence[Path]) -> Iterator[Annotated]:
    """What comes in any order, in the order of the pictures: the same files come of any number of workers."""
    early: dict[Path, Annotated] = {}
    at = 0
    for batch in done:
        early |= {one.picture: one for one in batch}
        while at < len(pictures) and pictures[at] in early:
            yield early.pop(pictures[at])
            at += 1


def _reader(settings: AnnotateSettings) -> SceneReader:
    if settings.coco and (settings.detector_model or settings.pose_model):
        raise InputError(
            "both annotations and models are to find people", "Leave --coco out, or --detector-model and --pose-model."
        )
    if settings.pose_model and not settings.detector_model:
        raise InputError("joints are looked for in people that a detector finds", "Give --detector-model too.")
    if settings.grounder_model and not settings.captioner_model:
        raise InputError(
            "a grounder looks for what a captioner wrote", "Give --captioner-model too, or leave --grounder-model out."
        )
    if settings.coco:
        return CocoSceneReader(Path(settings.coco), Path(settings.index) if settings.index else None)
    if settings.detector_model:
        return DetectorSceneReader(settings.detector_model, settings.pose_model)
    raise InputError(
        "it is not said where people come from",
        "Give --coco DIR with annotations, or --detector-model MODEL that finds them.",
    )


def _grounder(name: str, loaded: Any, settings: AnnotateSettings) -> Any:
    """A zero-shot detector, or a policy that is asked where things are; ``loaded`` where it is the captioner itself."""
    from omnisense import models
    from omnisense.benchmarks.herm.engine.captioner import PolicyGrounder
    from omnisense.perception.images.grounding import ZeroShotGrounder, is_zero_shot_detector
    from omnisense.reasoning.policies.load import load_policy

    if name.partition(":")[0] not in _REMOTE and is_zero_shot_detector(models.fetch(name)):
        return ZeroShotGrounder(name)
    return PolicyGrounder(loaded or load_policy(name), _notation(name, settings))


def _notation(policy: str, settings: AnnotateSettings) -> Any:
    from omnisense import models
    from omnisense.reasoning.answers.box_notation import notation_of

    folder = None if policy.partition(":")[0] in _REMOTE else models.fetch(policy)
    return notation_of(settings.boxes, folder, 1280 * 28 * 28)


def _missing(settings: AnnotateSettings) -> list[str]:
    """What was not there to be used, so that nobody takes its absence for a finding."""
    lacking = [name for name in (JOINTS, CAPTIONS) if settings.coco and not (Path(settings.coco) / name).is_file()]
    if not settings.coco and not settings.pose_model:
        lacking.append("a pose model: no poses, no colours of garments")
    return lacking + ([] if settings.captioner_model else ["a captioner: texts are by rules"])


def _listed(pictures: Path) -> list[Path]:
    if not pictures.is_dir():
        raise InputError("there is no such folder", "Give a folder of pictures.", pictures)
    found = sorted(path for path in pictures.rglob("*") if path.suffix.lower() in PICTURES and path.is_file())
    if not found:
        raise InputError(
            f"there are no pictures in it ({', '.join(sorted(PICTURES))})", "Give another folder.", pictures
        )
    twice = [name for name, n in Counter(path.stem for path in found).items() if n > 1]
    if twice:
        raise InputError(f"several pictures are called {twice[0]}", "Give each a name of its own.", pictures)
    return found


def _digest(coco: str | None) -> str:
    """SHA-256 (12 digits) of the annotations."""
    found = hashlib.sha256()
    for file in sorted(Path(coco).glob("*.json")) if coco else ():
        with file.open("rb") as stream:
            found.update(hashlib.file_digest(stream, "sha256").digest())
    return found.hexdigest()[:12]
