"""The questions: texts, voices, faces, people who talk, from public sets on the user's disk."""

from __future__ import annotations

import json
import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from omnisense.benchmarks.harness.dataset import Sample
from omnisense.benchmarks.humansense.build import Builder
from omnisense.benchmarks.humansense.loading import QUESTION_FILES, load
from omnisense.errors import InputError
from omnisense.perception.emotion.tables import comments_by_emotion, read_words
from omnisense.reasoning.answers.question import strip_letter
from omnisense.rl.data.converters import SINGLE_CHOICE, convert

_NUMBER = "Question and answer (Arabic numerals)"
_COMPOSED_OF = "composed_of.txt"  # beside the questions: what the clips were composed of
_TEXTS_EACH = 300  # of each text set, of which a run takes some
_FEELINGS = {"anger": "anger", "disgust": "disgust", "fear": "fear", "joy": "joy", "sadness": "sadness",
             "surprise": "surprise", "neutral": "no particular emotion"}  # fmt: skip
Row = dict[str, Any]


def load_samples(data: Path, folder: Path, limit: int, seed: int = 0) -> list[Sample]:
    """Return at most ``limit`` questions of each task, their right answers as evenly spread as the task allows.

    Args:
        data: with some or all of ``grid/``, ``faces/``, ``pedestrians/``, ``speech/emodb/`` and ``text/``.
        folder: where the clips and questions are written; what is there already is used if it would be written so
            now.
        limit: of each task.
        seed: of the clips, of wrong options, and of which questions are taken.

    Raises:
        InputError: none of the sources is there, or the clips in the folder were composed of other pictures or sounds
            than are read from the sources now.
    """
    builder = Builder(data, folder, seed, _TEXTS_EACH, training_speakers=True)
    if any((folder / name).is_file() for name in QUESTION_FILES):
        _refuse_stale(folder, builder.clips_digest())
    else:
        builder.build()
        _add_rows(folder / QUESTION_FILES[0], [*_people(folder), *_feelings(data / "text/goemotions"), *_social(data)])
        (folder / _COMPOSED_OF).write_text(builder.clips_digest() + "\n", "utf-8")
    by_task: dict[str, list[Sample]] = defaultdict(list)
    for sample in load(folder).samples:
        if not sample.why_not():
            by_task[_task_of(sample)].append(sample)
    return [
        replace(sample, task=task)
        for task, samples in sorted(by_task.items())
        for sample in _spread(samples, limit, f"{seed}:{task}")
    ]


def _refuse_stale(folder: Path, digest: str) -> None:
    file = folder / _COMPOSED_OF
    if (file.read_text("utf-8").strip() if file.is_file() else "") != digest:
        raise InputError(
            "its clips were composed of other pictures or sounds than are read from the sources now",
            "Give another folder as --state, or remove this one and the answers to questions with clips.",
            folder,
        )


def _task_of(sample: Sample) -> str:
    """Return the task in plain words: the same code stands for faces and for lines of dialogue."""
    if sample.task == "ER":
        return "emotion of a face" if sample.media else "emotion in a dialogue"
    names = {
        "TR": "who talks", "Speech_Content": "what is said", "HC": "people in the street", "People": "people seen",
        "Voice_Emotion": "emotion of a voice", "Text_Emotion": "emotion of a text", "Theory_of_Mind": "theory of mind",
        "Mixed_Emotions": "mixed emotions of a text", "Social_Reasoning": "social reasoning", "LD": "lies",
        "RR2": "rapport", "PC": "best reply"}  # fmt: skip
    return names.get(sample.task, sample.task)


def _spread(samples: Sequence[Sample], limit: int, seed: str) -> list[Sample]:
    """Take so many samples, from the right answers in turn."""
    draw = random.Random(seed)
    by_answer: dict[str, list[Sample]] = defaultdict(list)
    for sample in sorted(samples, key=lambda s: s.id):
        by_answer[_answer_text(sample)].append(sample)
    answers = sorted(by_answer)
    draw.shuffle(answers)
    for answer in answers:
        draw.shuffle(by_answer[answer])
    ranked = [(rank, place, s) for place, a in enumerate(answers) for rank, s in enumerate(by_answer[a])]
    return [sample for _, _, sample in sorted(ranked, key=lambda entry: entry[:2])[:limit]]


def _answer_text(sample: Sample) -> str:
    options = dict(zip(sample.question.letters, sample.question.options, strict=True))
    return " ".join(strip_letter(options[letter]) for letter in sample.gold) if options else sample.gold


def _add_rows(file: Path, rows: list[Row]) -> None:
    there = json.loads(file.read_text("utf-8")) if file.is_file() else []
    file.write_text(json.dumps([*there, *rows], ensure_ascii=False) + "\n", "utf-8")


def _people(folder: Path) -> Iterator[Row]:
    """Clips of one or two heads: how many people are there?"""
    clips = sorted((folder / "videos").glob("*.m*"))
    for clip in clips:
        if clip.suffix == ".mpg" or clip.name.startswith("pair_"):
            count = 2 if clip.name.startswith("pair_") else 1
            asked = {"task_type": "People", "question": "How many people can be seen?", "question_pattern": _NUMBER}
            yield {"video_path": f"videos/{clip.name}", "questions": asked | {"answer": str(count)}}


def _feelings(folder: Path) -> Iterator[Row]:
    """GoEmotions' dev comments with labels of one group: what does the writer feel, out of seven?"""
    if not (folder / "dev.tsv.gz").is_file():
        return
    by_group = comments_by_emotion(folder / "dev.tsv.gz", read_words(folder / "labels.txt"))
    options = [f"{'ABCDEFG'[i]}. {name}" for i, name in enumerate(_FEELINGS.values())]
    for place, group in enumerate(_FEELINGS):
        for _, text in by_group[group][: _TEXTS_EACH // len(_FEELINGS)]:
            yield {"questions": {"task_type": "Text_Emotion", "question": "What does the writer of this feel?",
                                 "question_pattern": SINGLE_CHOICE, "options": options, "answer": "ABCDEFG"[place],
                                 "asr_en": text}}  # fmt: skip


def _social(data: Path) -> list[Row]:
    """Social-IQ 2.0 without its videos: what sense and the wording alone give away."""
    folder = data / "text" / "siq2"
    return convert("siq2", folder, limit=_TEXTS_EACH) if folder.is_dir() else []
