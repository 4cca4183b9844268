"""Read the benchmark's files as their authors publish them, and check them before anything is run.

The files come from other people: a path in them that leaves their folder is refused, and a row that cannot be
asked is kept with its problem instead of being dropped or guessed at.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from omnisense.benchmarks.harness.dataset import Dataset, Modality, Problem, Sample
from omnisense.benchmarks.harness.options import lettered_options
from omnisense.benchmarks.harness.question_files import OPEN, PATTERNS, RowError, read_rows, resolve_media
from omnisense.benchmarks.harness.question_rows import Faults, Row, asked_text, build_dataset, gold_of
from omnisense.benchmarks.harness.suite import ModelUnderTest
from omnisense.benchmarks.humansense.tasks import TASKS, task_of
from omnisense.benchmarks.humansense.windows import Windows, stated_length_s
from omnisense.errors import InputError
from omnisense.reasoning.answers.question import Kind, Question

QUESTION_FILES = ("HumanSense_VQA.json", "HumanSense_AQA.json")
TRAINING_FILES = ("merged_video_wo_audio.json", "merged_audio.json", "merged_video_w_audio.json")
_AUDIO_SUFFIXES = {".wav", ".mp3", ".flac", ".m4a", ".aac", ".ogg", ".opus", ".wma"}
_SOUND_FILES = (QUESTION_FILES[1], TRAINING_FILES[1])
_KINDS = {**PATTERNS, OPEN: "open"}
_SCORED_BY = ("task_type", "question_pattern", "answer", "options")


class _Media(NamedTuple):
    path: str | None
    modality: Modality


def load(data: str | Path, model: ModelUnderTest | None = None, ignore_windows: bool = False) -> Dataset:
    """Read a folder with the official question files (or the training files), or one such file.

    Media are looked for beside the file, under the path that the row gives or its part from ``videos/`` or ``audios/``
    on. Whether a row's time window has been cut out of its file already is decided by the file's length
    (:mod:`omnisense.benchmarks.humansense.windows`). ``ignore_windows`` ignores all windows, as the authors' released
    loop does.

    Raises:
        InputError: nothing to read there, or a file is not a list of rows.
    """
    root = Path(data).expanduser()
    files = _question_files(root)
    folder = root if root.is_dir() else root.parent
    windows = Windows(ignore_windows)
    rows = [(f"{file.name} row {number}", row) for file in files for number, row in enumerate(read_rows(file))]
    dataset = build_dataset(
        "humansense",
        root,
        files,
        rows,
        lambda row, place, faults: _read_row(row, place, faults, folder, windows),
        settings="whole clips" if ignore_windows else "",
    )
    counts = Counter(sample.task for sample in dataset.samples)
    strange = Counter(sample.task for sample in dataset.samples if not sample.level)
    named = [Problem(task, "other task", f"its {n} questions keep that name") for task, n in strange.items()]
    return replace(
        dataset,
        problems=(*dataset.problems, *named),
        is_official=counts == Counter({task.code: task.questions for task in TASKS}),
        notes=windows.notes(),
    )


def _question_files(root: Path) -> list[Path]:
    if root.is_file():
        return [root]
    if not root.is_dir():
        raise InputError("there is no such folder", "Give the folder that holds HumanSense_VQA.json.", root)
    for names in (QUESTION_FILES, TRAINING_FILES):
        if found := [root / name for name in names if (root / name).is_file()]:
            return found
    raise InputError(
        "it holds no HumanSense question files",
        f"Put {' or '.join(QUESTION_FILES)} there, or name one JSON file.",
        root,
    )


def _read_row(row: Row, place: str, faults: Faults, folder: Path, windows: Windows) -> Sample:
    asked = row["questions"]
    task = task_of(str(asked.get("task_type", "")))
    named, is_sound = str(row.get("video_path") or row.get("audio_path") or ""), place.startswith(_SOUND_FILES)
    question, gold = faults.attempt_question(
        lambda: _question(asked), lambda q: _gold(asked, q), Question(str(asked.get("question", "")), "one")
    )
    media = faults.attempt_media(
        lambda: _media(named, folder, is_sound), _Media(None, "audio" if is_sound else "video")
    )
    window = None if faults.of_media else faults.attempt_media(lambda: windows.of(row, media.path), None)
    start_s, end_s = window or (None, None)
    return Sample(
        id=_sample_id(row, named),
        task=task.code,
        level=task.level,
        question=question,
        gold=gold,
        modality=media.modality,
        media=media.path,
        start_s=start_s,
        end_s=end_s,
        length_s=end_s - start_s if start_s is not None and end_s is not None else stated_length_s(asked),
        transcript=str(asked.get("asr_en") or ""),
        percepts=str(asked.get("percepts") or ""),
        uses_audio=task.uses_audio or media.modality == "audio",
        group=str(asked.get("group") or named or asked.get("asr_en") or asked.get("percepts") or ""),
        trace=str(asked.get("think") or ""),
        row={key: asked[key] for key in _SCORED_BY if key in asked},
    )


def _sample_id(row: dict[str, Any], named: str) -> str:
    if re.fullmatch(r"\w[\w.-]{0,79}", str(row.get("id") or "")):  # it also names a file
        return str(row["id"])
    asked = row["questions"]
    # Without media, a text stands for the clip.
    shown = PurePosixPath(named).name or asked.get("asr_en") or asked.get("percepts")
    parts = [shown, row.get("time"), *(asked.get(key) for key in ("task_type", "question", "options"))]
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:12]


def _question(asked: dict[str, Any]) -> Question:
    kind: Kind | None = _KINDS.get(str(asked.get("question_pattern")))  # type: ignore[assignment]
    if kind is None:
        raise RowError("unknown pattern", f"the question pattern {asked.get('question_pattern')!r} is unknown")
    text = asked_text(asked.get("question"))
    if kind in ("number", "yes_no", "open"):
        return Question(text, kind)
    return Question(text, kind, lettered_options(asked.get("options")))


def _gold(asked: dict[str, Any], question: Question) -> str:
    if question.kind == "open":
        return ""
    return gold_of(asked.get("answer", ""), question)


def _media(named: str, folder: Path, sound: bool) -> _Media:
    if not named:
        return _Media(None, "text")
    modality: Modality = "audio" if sound or PurePosixPath(named).suffix.lower() in _AUDIO_SUFFIXES else "video"
    return _Media(resolve_media(named, folder, ("videos", "audios")), modality)
