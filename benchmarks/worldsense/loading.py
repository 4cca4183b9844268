"""Read WorldSense: the authors' ``worldsense_qa.json``, or HumanOmniV2's ``qa_think.json``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from omnisense.benchmarks.harness.dataset import Dataset, Sample
from omnisense.benchmarks.harness.problem_rows import NEEDS, kind_of, read_row
from omnisense.benchmarks.harness.question_files import RowError, resolve_media
from omnisense.benchmarks.harness.question_rows import (
    Faults,
    Row,
    build_dataset,
    choice_question,
    content_id,
    find_file,
    gold_of,
    list_rows,
    read_json,
)
from omnisense.benchmarks.harness.suite import ModelUnderTest
from omnisense.errors import InputError
from omnisense.reasoning.answers.question import Question

FILES = ("worldsense_qa.json", "qa_think.json")
SIZE = 3172
_NEEDS = ("question", "candidates", "answer")
_LENGTHS_S = {"<1min": 30.0, "1-2min": 90.0, "2-4min": 180.0, "4-6min": 300.0, "6-8min": 420.0, ">8min": 540.0}


def load(data: str | Path, model: ModelUnderTest | None = None) -> Dataset:
    """Read the folder that holds the question file, ``videos/`` and perhaps ``subtitles/``, or the file itself.

    Lengths of clips are the middles of the classes that the file gives.

    Raises:
        InputError: there is no such file, or it has neither of the two forms.
    """
    root = Path(data).expanduser()
    file = find_file(root, FILES, "WorldSense's worldsense_qa.json")
    found = read_json(file)
    if isinstance(found, list):
        rows = list_rows(file, NEEDS)
        return build_dataset("worldsense", root, [file], rows, lambda row, _, faults: _problem_row(row, faults, file))
    if not isinstance(found, dict) or not found:
        raise InputError("it is neither videos with tasks nor a list of rows", "Give the benchmark's own file.", file)
    rows = list(_tasks(found, file))
    if not rows:
        raise InputError("it holds no questions", "Give the benchmark's own file.", file)
    groups: dict[str, dict[str, None]] = {}
    for _, row in rows:
        groups.setdefault(_named(row, "task_domain"), {})[_named(row, "task_type")] = None
    return build_dataset(
        "worldsense",
        root,
        [file],
        rows,
        lambda row, _, faults: _read_row(row, faults, file.parent),
        groups={name: tuple(tasks) for name, tasks in groups.items()},
        official_size=SIZE,
    )


def _tasks(videos: dict[str, Any], file: Path) -> Iterator[tuple[str, Row]]:
    """Yield the questions of all videos, each with what the file says of its video."""
    for video, entry in videos.items():
        if not isinstance(entry, dict):
            raise InputError(f"the entry of {video[:80]} is not an object", "Fix or remove it.", file)
        shared = {key: entry.get(key) for key in ("duration", "domain", "sub_category", "audio_class")}
        for key, task in entry.items():
            if "task" not in key:
                continue
            place = f"{file.name} {video[:80]} {key}"
            if not isinstance(task, dict) or not set(_NEEDS) <= task.keys():
                raise InputError(f"{place} lacks {' or '.join(_NEEDS)}", "Fix or remove it.", file)
            yield place, {**task, **shared, "video": video}


def _problem_row(row: Row, faults: Faults, file: Path) -> Sample:
    return read_row(row, faults, file.parent, str(row.get("task_type") or kind_of(row)).strip(), {})


def _read_row(row: Row, faults: Faults, folder: Path) -> Sample:
    video, text = str(row["video"]), str(row["question"]).strip()
    question, gold = faults.attempt_question(
        lambda: choice_question(row["question"], row["candidates"]),
        lambda q: gold_of(row["answer"], q),
        Question(text, "one"),
    )
    media = faults.attempt_media(lambda: resolve_media(f"videos/{video}.mp4", folder, ("videos",)), None)
    return Sample(
        id=content_id(video, text, row["candidates"], row.get("task_type")),
        task=_named(row, "task_type"),
        level=0,
        question=question,
        gold=gold,
        modality="video",
        media=media,
        length_s=_LENGTHS_S.get(str(row.get("duration")), 0.0),
        uses_audio=True,
        group=video,
        subtitles=_subtitles(video, folder),
        row={"answer": row["answer"]},
        tags={
            "duration": (str(row.get("duration") or "unknown"),),
            "domain": (str(row.get("domain") or "unknown"),),
            "sub-category": (str(row.get("sub_category") or "unknown"),),
            "audio class": _texts(row.get("audio_class")) or ("unknown",),
        },
    )


def _named(row: Row, key: str) -> str:
    return str(row.get(key) or "").strip() or "other"


def _texts(value: object) -> tuple[str, ...]:
    return tuple(map(str, value)) if isinstance(value, list) else (str(value),) if value else ()


def _subtitles(video: str, folder: Path) -> str | None:
    """Return the file of a video's subtitles; not every video has one."""
    try:
        return resolve_media(f"subtitles/{video}.srt", folder, ("subtitles",))
    except RowError:
        return None
