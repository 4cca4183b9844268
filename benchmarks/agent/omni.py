"""A tiny omni model, trained on questions that only its ears and eyes answer.

It learns to tell angry voices from neutral ones (EmoDB, some speakers held out), which perception can hear too, and
bright from dark clips with high or low sound (:mod:`omnisense.rl.tiny`), of which perception knows nothing. An agent
around it must be as good as the model alone on the second, and may be better on the first.
"""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from omnisense.benchmarks.harness.dataset import Sample
from omnisense.benchmarks.humansense.loading import load
from omnisense.rl import tiny
from omnisense.rl.data.converters import SINGLE_CHOICE

NAME = "tiny omni, trained"
_HELD_OUT_SPEAKERS = ("12", "13")
_TONES = {"anger": ("A", "angry"), "neutral": ("B", "neutral")}
_STEPS, _BATCH, _CLIPS = 240, 16, 24
Row = dict[str, Any]


def trained_omni(data: Path, folder: Path) -> Path:
    """Return the folder of the trained model; it is trained if it is not there yet (some minutes on a CPU).

    Args:
        data: with ``speech/emodb/``.
        folder: for the model and the clips.
    """
    from omnisense.rl.recipe import Recipe
    from omnisense.rl.train import train
    from omnisense.testing.tiny_models import tiny_omni

    final = folder / "run" / "final"
    if (final / "config.json").is_file():
        return final
    tiny_omni(folder / "model")
    tiny.make_data(folder, seed=0, each=_CLIPS)
    _write(folder / "tone.json", _tones(data / "speech" / "emodb", folder, held_out=False))
    settings = {"method": "sft", "policy": str(folder / "model"), "dtype": "float32", "weights": {"train": "full"},
                "data": {"files": [str(folder / f"{name}.json") for name in ("tone", "both", "audio", "video")],
                         "think": False, "audio": True, "frames": "2", "test_fraction": 0},
                "trainer": {"learning_rate": 2e-3, "per_device_train_batch_size": _BATCH, "max_steps": _STEPS,
                            "save_steps": _STEPS, "gradient_checkpointing": False},
                "evaluation": {"run": False}}  # fmt: skip
    train(Recipe.model_validate(settings), folder / "run")
    return final


def omni_samples(data: Path, folder: Path, limit: int) -> list[Sample]:
    """Return held-out questions of what the tiny model was trained on: other speakers, other noise."""
    held_out = folder / "held_out"
    tiny.make_data(held_out, seed=1, each=min(_CLIPS, limit))
    _write(held_out / "tone.json", _tones(data / "speech" / "emodb", held_out, held_out=True))
    files = {"angry or neutral voice": "tone", "bright or dark, high or low": "both"}
    return [
        replace(sample, task=task)
        for task, file in files.items()
        for sample in load(held_out / f"{file}.json").samples[:limit]
    ]


def _tones(emodb: Path, folder: Path, held_out: bool) -> Iterator[Row]:
    if not (emodb / "labels.csv").is_file():
        return
    (folder / "audios").mkdir(parents=True, exist_ok=True)
    with (emodb / "labels.csv").open(encoding="utf-8") as file:
        lines = [line for line in csv.DictReader(file) if line["emotion"] in _TONES]
    for line in sorted(lines, key=lambda line: line["file"][::-1]):  # mixed: names begin with the speaker
        if (line["speaker"] in _HELD_OUT_SPEAKERS) == held_out:
            shutil.copyfile(emodb / line["file"], folder / "audios" / line["file"])
            question = {"task_type": "Voice_Emotion", "question": "How does the speaker sound?",
                        "question_pattern": SINGLE_CHOICE, "answer": _TONES[line["emotion"]][0],
                        "options": [f"{letter}. {name}" for letter, name in _TONES.values()],
                        "group": line["speaker"]}  # fmt: skip
            yield {"video_path": f"audios/{line['file']}", "questions": question}


def _write(file: Path, rows: Iterator[Row]) -> None:
    file.write_text(json.dumps(list(rows), ensure_ascii=False, indent=1) + "\n", "utf-8")
