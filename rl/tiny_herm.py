"""A tiny vision-language model and images that it can learn: ``python -m omnisense.rl.tiny_herm FOLDER``.

An end-to-end check of HERM's training that runs on any laptop. Each image shows one person, in a light or dark top, on
the left or on the right. What a Qwen2.5-VL with 100,000 random weights learns is of no use; that it learns captions,
boxes and questions together shows that the whole pipeline works.
"""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import click
import numpy as np
from PIL import Image

_HEIGHT, _WIDTH = 56, 84
_IMAGES_PER_KIND = 40
_TOPS, _SIDES = ("light", "dark"), ("left", "right")
_BOX = {"left": [0.0, 0.0, 0.5, 1.0], "right": [0.5, 0.0, 0.5, 1.0]}  # x, y, w, h


def make_data(folder: Path, seed: int = 0, each: int = _IMAGES_PER_KIND) -> None:
    """Write ``training.jsonl`` and ``questions.jsonl`` with their images, in HERM's format.

    Args:
        folder: for these files and their images.
        seed: of the noise.
        each: images of each of the four kinds; a quarter of them are for the questions.
    """
    (folder / "images").mkdir(parents=True, exist_ok=True)
    files: dict[str, list[dict[str, Any]]] = {"training": [], "questions": []}
    for i in range(4 * each):
        top, side = _TOPS[i % 2], _SIDES[i // 2 % 2]
        name = f"{top}-{side}-{i}.png"
        Image.fromarray(_image(top, side, np.random.default_rng(seed * 10_000 + i))).save(folder / "images" / name)
        questions = _questions(top, side)
        training = [*_captions(top, side), *(row | {"dimension": _TASK_OF[row["dimension"]]} for row in questions)]
        file, rows = ("questions", questions) if i >= 3 * each else ("training", training)
        files[file] += [
            {"id": f"{i}-{n}", "image": f"images/{name}", "group": name} | row for n, row in enumerate(rows)
        ]
    for file, rows in files.items():
        random.Random(seed).shuffle(rows)
        (folder / f"{file}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")


_TASK_OF = {"appearance": "question answering", "person grounding": "referring person"}


def _questions(top: str, side: str) -> list[dict[str, Any]]:
    choice = {"choices": {"A": "light", "B": "dark"}, "answer": "A" if top == "light" else "B"}
    return [
        {"question": "Top?", "dimension": "appearance", "field": "basic perception"} | choice,
        {"question": "Where?", "answer": _BOX[side], "dimension": "person grounding", "field": "basic perception"},
    ]


def _captions(top: str, side: str) -> list[dict[str, Any]]:
    return [
        {"question": "Describe.", "answer": f"{top} top, {side}", "dimension": "dense caption"},
        {"question": "Describe the top.", "answer": top, "dimension": "instance caption"},
    ]


def _image(top: str, side: str, noise: np.random.Generator) -> np.ndarray:
    canvas = np.full((_HEIGHT, _WIDTH, 3), 128.0)
    half = slice(0, _WIDTH // 2) if side == "left" else slice(_WIDTH // 2, _WIDTH)
    canvas[:, half] = 245 if top == "light" else 10
    return np.clip(canvas + noise.normal(0, 8, canvas.shape), 0, 255).astype(np.uint8)


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option("--seed", default=0, show_default=True)
@click.option("--each", default=_IMAGES_PER_KIND, show_default=True, help="Images of each kind.")
def main(folder: Path, seed: int, each: int) -> None:
    """Create a tiny model and its data in FOLDER (the recipe `herm-tiny` expects `tiny-herm`)."""
    from omnisense.testing.tiny_models import tiny_vlm

    tiny_vlm(folder / "model")
    make_data(folder, seed, each)
    click.echo(f"written to {folder}; now run: omnisense train sft herm-tiny --output runs/herm-tiny")


if __name__ == "__main__":
    main()
