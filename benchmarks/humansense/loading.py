"""Read the benchmark's files as their authors publish them, and check them before anything is run.

The files come from other people: a path in them that leaves their folder is refused, and a row that cannot be
asked is kept with its problem instead of being dropped or guessed at.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from omnisense.benchmarks.harness.dataset import Dataset, Modality, Problem, Sample
from omnisense.benchmarks.harness.question_files import OPEN, PATTERNS, RowError, read_rows, resolve_media, unique_id
from omnisense.benchmarks.harness.scorer import canonical
from omnisense.benchmarks.harness.suite import ModelUnderTest
from omnisense.benchmarks.humansense.tasks import TASKS, task_of
from omnisense.benchmarks.humansense.windows import Windows
from omnisense.errors import InputError
from omnisense.reasoning.answers.question import Kind, Question, strip_letter

QUESTION_FILES = ("HumanSense_VQA.json", "HumanSense_AQA.json")
TRAINING_FILES = ("merged_video_wo_audio.json", "merged_audio.json", "merged_video_w_audio.json")
_AUDIO_SUFFIXES = {".wav", ".mp3", ".flac", ".m4a", ".aac", ".ogg", ".opus", ".wma"}
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
    samples: list[Sample] = []
    problems: list[Problem] = []
    seen: dict[str, str] = {}
    digest = hashlib.sha256(b"whole clips" if ignore_windows else b"")
    windows = Windows(ignore_windows)
    for file in files:
        digest.update(file.read_bytes())
        for place, row in _rows(file):
            sound = file.name in (QUESTION_FILES[1], TRAINING_FILES[1])
            sample, found = _read_row(row, place, folder, sound, windows)
            problems += found
            if sample.id in seen:  # kept, as the authors count it too
                problems.append(Problem(place, "duplicate", f"the same question as {seen[sample.id]}"))
                sample = replace(sample, id=unique_id(sample.id, seen))
            seen[sample.id] = place
            samples.append(sample)
    for media in sorted({i.media for i in samples if i.media}):
        size = os.path.getsize(media) if os.path.isfile(media) else -1
        digest.update(f"{os.path.relpath(media, folder)}:{size}\n".encode())
    strange = Counter(sample.task for sample in samples if not sample.level)
    problems += [Problem(task, "other task", f"its {n} questions keep that name") for task, n in strange.items()]
    names = tuple(str(file) for file in files)
    counts = Counter(sample.task for sample in samples)
    is_official = counts == Counter({task.code: task.questions for task in TASKS})
    return Dataset(
        str(root),
        tuple(samples),
        tuple(problems),
        digest.hexdigest(),
        names,
        "humansense",
        is_official=is_official,
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


def _rows(file: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    for number, row in enumerate(read_rows(file)):
        yield f"{file.name} row {number}", row


def _read_row(
    row: dict[str, Any], place: str, folder: Path, sound: bool, windows: Windows
) -> tuple[Sample, list[Problem]]:
    asked = row["questions"]
    task = task_of(str(asked.get("task_type", "")))
    blocking: list[RowError] = []

    def attempt(read: Any, otherwise: Any) -> Any:
        try:
            return read()
        except RowError as fault:
            blocking.append(fault)
            return otherwise

    named = str(row.get("video_path") or row.get("audio_path") or "")
    question = attempt(lambda: _question(asked), Question(str(asked.get("question", "")), "one"))
    gold = "" if blocking else attempt(lambda: _gold(asked, question), "")
    of_media: list[RowError] = []
    media = _Media(None, "audio" if sound else "video")
    window = None
    try:
        media = _media(named, folder, sound)
        window = windows.of(row, media.path)
    except RowError as fault:
        of_media.append(fault)
    problems = [Problem(place, fault.kind, str(fault)) for fault in (*blocking, *of_media)]
    start_s, end_s = window or (None, None)
    sample = Sample(
        id=_sample_id(row, named),
        task=task.code,
        level=task.level,
        question=question,
        gold=gold,
        modality=media.modality,
        media=media.path,
        start_s=start_s,
        end_s=end_s,
        length_s=end_s - start_s if start_s is not None and end_s is not None else _length(asked),
        transcript=str(asked.get("asr_en") or ""),
        percepts=str(asked.get("percepts") or ""),
        uses_audio=task.uses_audio or media.modality == "audio",
        group=str(asked.get("group") or named or asked.get("asr_en") or asked.get("percepts") or ""),
        trace=str(asked.get("think") or ""),
        problem="; ".join(str(fault) for fault in blocking),
        media_problem="; ".join(str(fault) for fault in of_media),
        source=place,
        row={key: asked[key] for key in _SCORED_BY if key in asked},
    )
    return sample, problems


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
    text, options = str(asked.get("question") or "").strip(), asked.get("options") or []
    if not text:
        raise RowError("no question", "the question is empty")
    if kind in ("number", "yes_no", "open"):
        return Question(text, kind)
    if not isinstance(options, list) or not 2 <= len(options) <= 26:
        raise RowError("impossible answer", "there are no options to choose from")
    return Question(text, kind, _with_letters([str(option) for option in options]))


def _with_letters(options: list[str]) -> tuple[str, ...]:
    """Options with their letters in front, A first; small letters become capital ones."""
    options = [o[:1].upper() + o[1:] if strip_letter(o) != o else o for o in options]
    texts = [strip_letter(option) for option in options]
    if all(option[:1] == chr(65 + i) for i, option in enumerate(options) if texts[i] != option):
        return tuple(
            option if text != option else f"{chr(65 + i)}. {option}"
            for i, (option, text) in enumerate(zip(options, texts, strict=True))
        )
    raise RowError("impossible answer", f"the options are not lettered from A on ({', '.join(o[:2] for o in options)})")


def _gold(asked: dict[str, Any], question: Question) -> str:
    if question.kind == "open":
        return ""
    gold = canonical(str(asked.get("answer", "")), question)
    if not gold:
        among = "whole numbers" if question.kind == "number" else question.letters or "yes and no"
        raise RowError("impossible answer", f"the right answer {asked.get('answer')!r} is not among {among}")
    return gold


def _media(named: str, folder: Path, sound: bool) -> _Media:
    if not named:
        return _Media(None, "text")
    modality: Modality = "audio" if sound or PurePosixPath(named).suffix.lower() in _AUDIO_SUFFIXES else "video"
    return _Media(resolve_media(named, folder, ("videos", "audios")), modality)


def _length(asked: dict[str, Any]) -> float:
    try:
        return float(asked["full_frame_number"]) / float(asked["fps"])
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return 0.0
