"""Questions about faces and voices for a small omni model, and its training: part d of ``gpu_check.py``.

Three tasks are made from clips of people who talk to the camera (GRID) and of emotional speech (EmoDB):

- video: two muted faces side by side, one of which talks; which?
- audio: the emotion of a voice;
- both: two faces; the one that moves while a voice is heard speaks. Nobody does where a voice is heard over two still
  faces (that of one of the two: no more than two people are held out), or where a face moves without a voice.

People who are heard or seen in training are not in the test. The model learns from scratch, first the form of answers
on random ones, then video, audio and both, a stage each; beside it, all three at once with as many steps.
"""

from __future__ import annotations

import csv
import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from omnisense.perception.media.encode import write_clip, write_wav
from omnisense.rl.data.converters import SINGLE_CHOICE

_RATE_HZ, _FPS, _SECONDS = 16_000, 10, 2
_FACE_HEIGHT, _FACE_WIDTH = 56, 42  # pixels; the tiny model's processor takes 56 x 84
_REST_S = 0.4  # a clip of GRID begins with a closed mouth
_EMOTIONS = ("anger", "happiness", "neutral", "sadness")
_TASKS = ("video", "audio", "both")
_HELD_OUT = 2  # people of each set


@dataclass(frozen=True)
class _Person:
    """Somebody who talks: frames (N, 56, 42, 3) uint8 at 10 a second, and samples at 16 kHz."""

    frames: np.ndarray
    samples: np.ndarray

    def talking(self, draw: random.Random) -> tuple[np.ndarray, np.ndarray]:
        """Return two seconds of frames and samples."""
        spare = len(self.frames) - _FPS * _SECONDS
        start = draw.randint(0, max(0, spare))
        at = start * _RATE_HZ // _FPS
        return self._turned(self.frames[start : start + _FPS * _SECONDS], draw), self.samples[
            at : at + _RATE_HZ * _SECONDS
        ]

    def resting(self, draw: random.Random) -> np.ndarray:
        """Return two seconds of the face at rest: the beginning of the clip, to and fro."""
        rest = self.frames[: round(_REST_S * _FPS)]
        to_and_fro = np.concatenate([rest, rest[::-1]] * (_FPS * _SECONDS))
        return self._turned(to_and_fro[: _FPS * _SECONDS], draw)

    @staticmethod
    def _turned(frames: np.ndarray, draw: random.Random) -> np.ndarray:
        return frames[:, :, ::-1] if draw.random() < 0.5 else frames


def make_questions(clips: Path, folder: Path, seed: int, train: int, test: int) -> None:
    """Write ``cold.json`` (random answers), and for each task ``TASK.json`` and ``TASK-test.json``, with their media.

    Args:
        clips: with ``grid/*.mpg``, and ``emodb/labels.csv`` beside its sound files.
        folder: to write into.
        seed: of what is drawn.
        train, test: questions of each task.

    Raises:
        FileNotFoundError: too few people are there.
    """
    people = [_read_person(path) for path in sorted((clips / "grid").glob("*.mpg"))]
    voices = _read_voices(clips / "emodb")
    speakers = sorted({speaker for speaker, _, _ in voices})
    if min(len(people), len(speakers)) < 2 * _HELD_OUT:
        raise FileNotFoundError(f"{clips}: {len(people)} faces and {len(speakers)} voices are too few")
    for name in ("videos", "audios"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    draw, cold = random.Random(seed), []
    for side, count in (("", train), ("-test", test)):
        held_out = bool(side)
        faces = people[-_HELD_OUT:] if held_out else people[:-_HELD_OUT]
        heard = [v for v in voices if (v[0] in speakers[-_HELD_OUT:]) == held_out]
        makers: dict[str, Callable[[str], dict[str, Any]]] = {
            "video": lambda name, faces=faces: _who_talks(folder, name, faces, draw),
            "audio": lambda name, heard=heard: _emotion(folder, name, heard, draw),
            "both": lambda name, faces=faces: _who_speaks(folder, name, faces, draw),
        }
        for task, make in makers.items():
            rows = [make(f"{task}{side}-{i}") for i in range(count)]
            (folder / f"{task}{side}.json").write_text(json.dumps(rows) + "\n", "utf-8")
            if not held_out:
                cold += [_with_random_answer(row, draw) for row in rows]
    (folder / "cold.json").write_text(json.dumps(cold) + "\n", "utf-8")


def train_all(data: Path, model: Path, folder: Path, seed: int, steps: int, overrides: Sequence[str]) -> dict[str, Any]:
    """Train stage by stage, and all at once; return by way the comparison on people who were held out.

    Args:
        data: of :func:`make_questions`.
        model: to start from.
        folder: of the runs, which resume.
        seed: of training.
        steps: of GRPO for each task.
        overrides: of the recipe.
    """
    from omnisense.rl.curriculum import train_curriculum
    from omnisense.rl.recipe import read_recipe

    stages = {
        "staged": [{"name": task, **_files(data, [task], steps)} for task in _TASKS],
        "at-once": [{"name": "all", **_files(data, _TASKS, steps * len(_TASKS))}],
    }
    found = {}
    for way, after in stages.items():
        recipe = read_recipe("tiny", [f"policy={model}", f"seed={seed}", "data.frames=8", *overrides])
        form = recipe.stages[0] | {"data": {"files": [str(data / "cold.json")], "test_fraction": 0}}
        form["trainer"] = {**form["trainer"], "max_steps": steps, "save_steps": steps}
        recipe.stages = [form, *after]
        run = folder / f"{way}-{seed}"
        summary = train_curriculum(recipe, run, print)
        assert summary is not None
        assert summary.comparison is not None
        found[way] = {
            **summary.comparison.model_dump(mode="json"),
            "by_task": _by_task(run),
            "seconds": round(sum(stage.log.seconds or 0.0 for stage in summary.stages), 1),
        }
    return found


def _files(data: Path, tasks: Sequence[str], steps: int) -> dict[str, Any]:
    return {
        "data": {
            "files": [str(data / f"{task}.json") for task in tasks],
            "test_files": [str(data / f"{task}-test.json") for task in tasks],
        },
        "trainer": {"max_steps": steps, "save_steps": steps},
    }


def _by_task(run: Path) -> dict[str, dict[str, float]]:
    """Return by system and task the mean score."""
    from omnisense.benchmarks.harness.records import read_records

    found: dict[str, dict[str, float]] = {}
    for evaluated in sorted((run / "evaluation").iterdir()):
        scores: dict[str, list[float]] = {}
        for record in read_records(evaluated):
            scores.setdefault(record.task, []).append(record.strict)
        found[evaluated.name] = {task: round(sum(s) / len(s), 3) for task, s in scores.items()}
    return found


def _who_talks(folder: Path, name: str, people: Sequence[_Person], draw: random.Random) -> dict[str, Any]:
    right = draw.random() < 0.5
    talker, other = draw.sample(people, 2)
    faces = [other.resting(draw), talker.talking(draw)[0]]
    _write_video(folder / f"videos/{name}.mp4", faces if right else faces[::-1], None)
    return _row(f"videos/{name}.mp4", name, "Which face talks?", ["left", "right"], int(right))


def _emotion(
    folder: Path, name: str, voices: Sequence[tuple[str, str, np.ndarray]], draw: random.Random
) -> dict[str, Any]:
    wanted = draw.choice(_EMOTIONS)
    _, _, samples = draw.choice([v for v in voices if v[1] == wanted])
    write_wav(folder / f"audios/{name}.wav", samples)
    return _row(f"audios/{name}.wav", name, "How does the voice sound?", _EMOTIONS, _EMOTIONS.index(wanted))


def _who_speaks(folder: Path, name: str, people: Sequence[_Person], draw: random.Random) -> dict[str, Any]:
    answer = draw.randrange(3)  # left, right, nobody
    talker, other = draw.sample(people, 2)
    moving, voice = talker.talking(draw)
    hiss = np.random.default_rng(draw.randrange(2**31)).normal(0, 0.002, _RATE_HZ * _SECONDS)
    if answer == 2 and draw.random() < 0.5:
        moving = talker.resting(draw)  # a voice, the talker's own, over two still faces
    elif answer == 2:
        voice = np.zeros(0)  # a face moves without a voice
    samples = hiss.copy()
    samples[: len(voice)] += voice
    faces = [moving, other.resting(draw)]
    swapped = answer == 1 or (answer == 2 and draw.random() < 0.5)
    _write_video(folder / f"videos/{name}.mp4", faces[::-1] if swapped else faces, samples.astype(np.float32))
    return _row(f"videos/{name}.mp4", name, "Who speaks?", ["left", "right", "nobody"], answer)


def _row(media: str, name: str, question: str, options: Sequence[str], answer: int) -> dict[str, Any]:
    letters = "ABCD"[: len(options)]
    return {
        "id": name,
        "video_path": media,
        "questions": {
            "task_type": name.split("-")[0], "question": question, "question_pattern": SINGLE_CHOICE,
            "options": [f"{letter}. {option}" for letter, option in zip(letters, options, strict=True)],
            "answer": letters[answer], "group": name,
        },
    }  # fmt: skip


def _with_random_answer(row: dict[str, Any], draw: random.Random) -> dict[str, Any]:
    question = row["questions"]
    letters = [option[0] for option in question["options"]]
    return {
        **row, "id": f"cold-{row['id']}",
        "questions": {**question, "answer": draw.choice(letters), "group": f"cold-{row['id']}"},
    }  # fmt: skip


def _read_person(path: Path) -> _Person:
    import av

    with av.open(str(path)) as clip:
        shown = [
            frame.reformat(_FACE_WIDTH * 4, _FACE_HEIGHT * 4, "rgb24").to_ndarray() for frame in clip.decode(video=0)
        ]
        rate = float(clip.streams.video[0].average_rate or 25)
    picked = [shown[min(len(shown) - 1, round(i * rate / _FPS))] for i in range(int(len(shown) * _FPS / rate))]
    frames = np.stack([frame.reshape(_FACE_HEIGHT, 4, _FACE_WIDTH, 4, 3).mean((1, 3)) for frame in picked])
    return _Person(frames.astype(np.uint8), _read_sound(path))


def _read_sound(path: Path) -> np.ndarray:
    import av

    with av.open(str(path)) as clip:
        resampler = av.AudioResampler("flt", "mono", _RATE_HZ)
        pieces = [out.to_ndarray()[0] for frame in clip.decode(audio=0) for out in resampler.resample(frame)]
    return np.concatenate(pieces)


def _read_voices(folder: Path) -> list[tuple[str, str, np.ndarray]]:
    """Return the speaker, emotion and sound of each utterance."""
    with (folder / "labels.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["emotion"] in _EMOTIONS]
    return [(row["speaker"], row["emotion"], _read_sound(folder / row["file"])) for row in rows]


def _write_video(path: Path, faces: Sequence[np.ndarray], samples: np.ndarray | None) -> None:
    write_clip(path, np.concatenate(faces, axis=2), samples, _FPS)
