"""Nothing is lost or doubled in runs that are killed and started again: evaluations, annotations, model fetches."""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from omnisense import models
from omnisense.benchmarks.herm.engine.annotate import annotate
from omnisense.benchmarks.herm.engine.annotator import AnnotateSettings
from omnisense.benchmarks.trust.losses import run_and_kill
from omnisense.files import home_dir

_QUESTIONS, _IMAGES, _BYTES = 300, 60, 2_000_000
_TASKS = ("Emotion_Recognition", "Lie_Detection", "Emo_Strategy")
_ANNOTATED = ("images.jsonl", "instances.jsonl", "questions.jsonl", "training.jsonl")
_SEED = 3
_PIP_ENDS_S = 10.0


def kill_evaluations(work: Path, count: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Kill runs of a benchmark, half of them with two workers; each run that ends must have every answer once.

    Args:
        work: an empty folder.
        count: of kills.
        say: receives a line now and then.
    """
    from omnisense.benchmarks.harness.records import read_records
    from omnisense.benchmarks.harness.run import RunSettings, run
    from omnisense.benchmarks.harness.systems import SystemSettings
    from omnisense.benchmarks.humansense.loading import load
    from omnisense.benchmarks.humansense.suite import SUITE

    data = load(write_questions(work / "data"))
    system = SystemSettings(kind="baseline", policy="random", batch_size=5)

    def evaluate(output: Path, workers: int) -> None:
        run(RunSettings(SUITE, system, output=output, workers=workers), data, on_record=lambda _: time.sleep(0.003))

    def answers(output: Path) -> list[tuple[str, str]]:
        return sorted((record.id, record.reply) for record in read_records(output))

    evaluate(work / "whole", 0)
    whole, chosen, killed, runs, wrong = answers(work / "whole"), random.Random(_SEED), 0, 0, 0
    while killed < count:
        output, runs = work / f"run-{runs}", runs + 1
        while killed < count and len(answers(output) if output.exists() else []) < _QUESTIONS:
            workers = 2 * (killed % 2)
            run_and_kill(lambda _, o=output, w=workers: evaluate(o, w), chosen.uniform(0.1, 0.6 + 2 * workers))  # type: ignore[misc]
            killed += 1
            if killed % 20 == 0:
                say(f"{killed} kills, {runs} runs")
        evaluate(output, 0)
        wrong += answers(output) != whole
    return {"kills": count, "runs": runs, "with lost or doubled answers": wrong}


def write_questions(folder: Path) -> Path:
    """Write questions without media in HumanSense's format; return the folder."""
    folder.mkdir()
    rows = [
        {
            "video_path": "",
            "questions": {
                "task_type": _TASKS[i % len(_TASKS)],
                "question": f"Question {i}: what is felt?",
                "question_pattern": "Multiple-choice question (select one answer choice)",
                "answer": "ABCD"[i % 4],
                "options": ["A. happy", "B. sad", "C. angry", "D. surprised"],
                "asr_en": f"Line {i}.",
            },
        }
        for i in range(_QUESTIONS)
    ]
    (folder / "HumanSense_VQA.json").write_text(json.dumps(rows), "utf-8")
    return folder


def kill_annotations(work: Path, count: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Kill annotations of images; each that ends must have written what one that nothing stopped has."""
    images = _write_images(work / "in")
    settings = AnnotateSettings(coco=str(work / "in"))
    annotate(images, work / "whole", settings)
    whole, chosen, killed, runs, wrong = _annotated(work / "whole"), random.Random(_SEED), 0, 0, 0

    def write(output: Path) -> None:
        annotate(images, output, settings, batch_size=2, on_progress=lambda _: time.sleep(0.02))

    while killed < count:
        output, runs = work / f"run-{runs}", runs + 1
        while killed < count and not (output / "summary.json").exists():
            run_and_kill(lambda _, o=output: write(o), chosen.uniform(0.05, 1.0))  # type: ignore[misc]
            killed += 1
            if killed % 20 == 0:
                say(f"{killed} kills, {runs} runs")
        annotate(images, output, settings)
        wrong += _annotated(output) != whole
    return {"kills": count, "runs": runs, "with lost or doubled rows": wrong}


def _annotated(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in _ANNOTATED}


def _write_images(folder: Path) -> Path:
    """Write pictures of one rectangle each, which the COCO file beside them says is a person."""
    from PIL import Image, ImageDraw

    (folder / "images").mkdir(parents=True)
    listed, boxes = [], []
    for i in range(_IMAGES):
        name, box = f"p{i:03}.png", [40 + i, 30, 60, 150]
        picture = Image.new("RGB", (320, 240), (140, 150, 130))
        ImageDraw.Draw(picture).rectangle([box[0], box[1], box[0] + box[2], box[1] + box[3]], fill=(200, 30, 35))
        picture.save(folder / "images" / name)
        listed.append({"id": i + 1, "file_name": name, "width": 320, "height": 240})
        boxes.append({"id": i + 1, "image_id": i + 1, "category_id": 1, "bbox": box, "iscrowd": 0})
    kinds = [{"id": 1, "name": "person"}]
    (folder / "instances.json").write_text(
        json.dumps({"images": listed, "annotations": boxes, "categories": kinds}), "utf-8"
    )
    return folder / "images"


def kill_fetches(work: Path, count: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Kill fetches of a model from a local index; the model must be whole or absent, and nothing is left over."""
    digest = _write_wheel(work)
    own = {
        "OMNISENSE_HOME": str(work / "home"),
        "OMNISENSE_MODELS": str(work / "models.toml"),
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(work),
    }
    before = {name: os.environ.get(name) for name in (*own, "OMNISENSE_OFFLINE")}
    os.environ.pop("OMNISENSE_OFFLINE", None)
    os.environ.update(own)
    chosen, damaged = random.Random(_SEED), 0
    try:
        for number in range(count):
            run_and_kill(lambda _: _fetch_again(), chosen.uniform(0.1, 3.0))
            found = home_dir() / "models" / "toy" / "model.bin"
            damaged += found.exists() and hashlib.sha256(found.read_bytes()).hexdigest() != digest
            if number % 20 == 19:
                say(f"{number + 1} kills, {damaged} damaged")
        time.sleep(_PIP_ENDS_S)  # the pip of a killed process goes on for a while
        shutil.rmtree(home_dir() / "models" / "toy", ignore_errors=True)
        models.fetch("toy")
        left = [path.name for path in (home_dir() / "models").iterdir() if path.name.startswith(".toy.part-")]
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value
    return {"kills": count, "damaged": damaged, "left over": len(left)}


def _fetch_again() -> None:
    while True:
        models.fetch("toy")
        shutil.rmtree(home_dir() / "models" / "toy")


def _write_wheel(work: Path) -> str:
    """Write a wheel with one file of a model and a model list; return the file's SHA-256."""
    payload = random.Random(_SEED).randbytes(_BYTES)
    digest = hashlib.sha256(payload).hexdigest()
    about = "Metadata-Version: 2.1\nName: toy-weights\nVersion: 1.0\n"
    with zipfile.ZipFile(work / "toy_weights-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("toy_weights/model.bin", payload)
        wheel.writestr("toy_weights-1.0.dist-info/METADATA", about)
        wheel.writestr(
            "toy_weights-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr("toy_weights-1.0.dist-info/RECORD", "")
    (work / "models.toml").write_text(
        '[toy]\nrole = "test"\nwheel = "toy-weights==1.0"\n[toy.files."toy_weights/model.bin"]\nas = "model.bin"\n'
        f'sha256 = "{digest}"\n',
        "utf-8",
    )
    return digest
