"""A tiny omni model and questions that it can learn on a CPU: ``python -m omnisense.rl.tiny FOLDER``.

An end-to-end check of training that runs on any laptop without a model hub. The model is a Qwen2.5-Omni thinker with
250,000 random weights; the clips are bright or dark, with high or low audio. What the model learns is of no use; that
it learns shows that the whole pipeline works.
"""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import click
import numpy as np

from omnisense.perception.media.clip import SAMPLE_RATE_HZ
from omnisense.perception.media.encode import write_clip, write_wav
from omnisense.rl.data.converters import SINGLE_CHOICE

_FPS, _SECONDS, _HEIGHT, _WIDTH = 4, 2, 56, 84
_CLIPS_PER_KIND = 24


def make_data(folder: Path, seed: int = 0, each: int = _CLIPS_PER_KIND) -> None:
    """Write ``cold.json`` (random answers, to teach the format), ``video.json``, ``audio.json`` and ``both.json``.

    Args:
        folder: for these files and their media.
        seed: of noise and of the random answers.
        each: clips of each kind.
    """
    rng = random.Random(seed)
    for name in ("videos", "audios"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    files: dict[str, list[dict[str, Any]]] = {"cold": [], "video": [], "audio": [], "both": []}
    for i in range(each):
        up = i % 2 == 0
        noise = np.random.default_rng(seed * 1000 + i)
        write_clip(folder / f"videos/mute{i}.mp4", _frames(up, noise), None, _FPS)
        write_clip(folder / f"videos/both{i}.mp4", _frames(up, noise), _audio(up, noise), _FPS)
        write_wav(folder / f"audios/sound{i}.wav", _audio(up, noise))
        clips = {"video": f"videos/mute{i}.mp4", "audio": f"audios/sound{i}.wav", "both": f"videos/both{i}.mp4"}
        for kind, media in clips.items():
            files[kind].append(_row(media, up, f"{kind} {i}"))
            files["cold"].append(_row(media, rng.random() < 0.5, f"cold {kind} {i}"))
    for name, rows in files.items():
        (folder / f"{name}.json").write_text(json.dumps(rows, indent=1) + "\n", "utf-8")


def _row(media: str, up: bool, group: str) -> dict[str, Any]:
    question = {
        "task_type": "Emo_Strategy" if media.startswith("videos/both") else "Brightness_or_Pitch",
        "question": "Up or down?", "question_pattern": SINGLE_CHOICE, "options": ["A. up", "B. down"],
        "answer": "A" if up else "B", "group": group,
    }  # fmt: skip
    return {"id": group.replace(" ", "-"), "video_path": media, "questions": question}


def _frames(bright: bool, noise: np.random.Generator) -> np.ndarray:
    level = 200 if bright else 50
    shape = (_FPS * _SECONDS, _HEIGHT, _WIDTH, 3)
    return np.clip(level + noise.normal(0, 12, shape), 0, 255).astype(np.uint8)


def _audio(high: bool, noise: np.random.Generator) -> np.ndarray:
    t = np.arange(SAMPLE_RATE_HZ * _SECONDS) / SAMPLE_RATE_HZ
    hiss = noise.normal(0, 0.2, t.shape)
    return (hiss if high else 0.3 * np.sin(2 * np.pi * 180 * t) + 0.01 * hiss).astype(np.float32)


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option("--seed", default=0, show_default=True)
@click.option("--each", default=_CLIPS_PER_KIND, show_default=True, help="Clips of each kind.")
def main(folder: Path, seed: int, each: int) -> None:
    """Create a tiny model and its data in FOLDER (the recipe `tiny` expects `tiny`)."""
    from omnisense.testing.tiny_models import tiny_omni

    tiny_omni(folder / "model")
    make_data(folder, seed, each)
    click.echo(f"written to {folder}; now run: omnisense train curriculum tiny --output runs/tiny")


if __name__ == "__main__":
    main()
