"""What the data engine costs: ``python -m omnisense.benchmarks.speed.annotation IMAGES COCO [--output DIR]``.

Copies of annotated images, a quarter, half and all of a thousand, each amount in its own process: time must not grow
faster than the number of images, and memory hardly at all. The peer does the least that is needed: Pillow decodes the
same images. Writes ``annotating.json`` and ``annotating.md``.
"""

from __future__ import annotations

import itertools
import json
import os
import platform
import shutil
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import click
from PIL import Image

from omnisense.benchmarks.herm.engine.annotate import annotate
from omnisense.benchmarks.herm.engine.annotator import AnnotateSettings
from omnisense.benchmarks.speed.memory import in_new_process, peak_mb

_DIR = click.Path(path_type=Path, file_okay=False, exists=True)
_FULL = 1000


@click.command()
@click.argument("images", type=_DIR)
@click.argument("coco", type=_DIR)
@click.option("--runs", default=3, show_default=True)
@click.option("--output", type=click.Path(path_type=Path, file_okay=False), default="runs/speed", show_default=True)
def main(images: Path, coco: Path, runs: int, output: Path) -> None:
    """Annotate copies of IMAGES with the annotations in COCO."""
    with tempfile.TemporaryDirectory() as folder:
        found = measure(images, coco, Path(folder), runs)
    output.mkdir(parents=True, exist_ok=True)
    (output / "annotating.json").write_text(json.dumps(found, indent=1) + "\n")
    (output / "annotating.md").write_text(as_table(found))
    click.echo(as_table(found))


def measure(images: Path, coco: Path, folder: Path, runs: int) -> dict[str, Any]:
    """Seconds and megabytes by amount, medians of the runs, and the peer's."""
    amounts = (_FULL // 4, _FULL // 2, _FULL)
    for n in amounts:
        _copies(images, coco, folder / str(n), n)
    # In turn, so that a busy moment of the machine falls on all alike.
    timed = [
        (n, in_new_process(_engine, folder / str(n)), in_new_process(_decoding, folder / str(n)))
        for _ in range(runs)
        for n in amounts
    ]
    return {
        "pictures": list(amounts),
        "engine_s": {n: statistics.median(engine[0] for m, engine, _ in timed if m == n) for n in amounts},
        "peak_memory_mb": {n: statistics.median(engine[1] for m, engine, _ in timed if m == n) for n in amounts},
        "decoding_s": {n: statistics.median(peer[0] for m, _, peer in timed if m == n) for n in amounts},
        "machine": {"cpu_count": os.cpu_count(), "python": platform.python_version()},
    }


def _copies(images: Path, coco: Path, folder: Path, count: int) -> None:
    """Make so many copies of the annotated images, each with its own annotations."""
    (folder / "images").mkdir(parents=True)
    files = {f.name: json.loads(f.read_text("utf-8")) for f in coco.glob("*.json")}
    originals = files["instances.json"]["images"]
    picked = [(i, original) for i, original in zip(range(count), itertools.cycle(originals), strict=False)]
    for i, original in picked:
        shutil.copyfile(images / original["file_name"], folder / "images" / f"{i}.jpg")
    for name, content in files.items():
        by_image: dict[int, list[Any]] = {}
        for one in content["annotations"]:
            by_image.setdefault(one["image_id"], []).append(one)
        more = {
            "images": [original | {"id": i, "file_name": f"{i}.jpg"} for i, original in picked],
            "annotations": [
                one | {"image_id": i, "id": f"{i}-{one['id']}"}
                for i, original in picked
                for one in by_image.get(original["id"], ())
            ],
        }
        (folder / name).write_text(json.dumps(content | more))


def _engine(folder: Path) -> tuple[float, float]:
    before_mb = peak_mb()
    with tempfile.TemporaryDirectory() as output:
        began = time.perf_counter()
        annotate(folder / "images", Path(output), AnnotateSettings(coco=str(folder)))
        seconds = time.perf_counter() - began
    return seconds, peak_mb() - before_mb


def _decoding(folder: Path) -> tuple[float, float]:
    began = time.perf_counter()
    for path in sorted((folder / "images").iterdir()):
        with Image.open(path) as image:
            image.convert("RGB")
    return time.perf_counter() - began, 0.0


def as_table(found: dict[str, Any]) -> str:
    """The figures as Markdown."""
    rows = [
        f"| {n} | {found['engine_s'][n]:.1f} | {n / found['engine_s'][n]:.0f} | {found['decoding_s'][n]:.1f} | "
        f"{found['engine_s'][n] / found['decoding_s'][n]:.2f} | {found['peak_memory_mb'][n]:.0f} |\n"
        for n in found["pictures"]
    ]
    return (
        f"{found['machine']['cpu_count']} cores, Python {found['machine']['python']}.\n\n"
        "| pictures | engine, s | a second | Pillow decoding alone, s | engine over decoding | memory added, MB |\n"
        f"| --- | --- | --- | --- | --- | --- |\n{''.join(rows)}"
    )


if __name__ == "__main__":
    main()
