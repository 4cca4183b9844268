"""Read Daily-Omni: the authors' ``qa.json``, or HumanOmniV2's ``qa_think.json``."""

from __future__ import annotations

from pathlib import Path

from omnisense.benchmarks.dailyomni.suite import TASKS
from omnisense.benchmarks.harness.dataset import Dataset, Sample
from omnisense.benchmarks.harness.problem_rows import NEEDS, kind_of, read_row
from omnisense.benchmarks.harness.question_files import resolve_media
from omnisense.benchmarks.harness.question_rows import (
    Faults,
    Row,
    build_dataset,
    choice_question,
    content_id,
    find_file,
    gold_of,
    list_rows,
)
from omnisense.benchmarks.harness.suite import ModelUnderTest
from omnisense.reasoning.answers.question import Question

FILES = ("qa.json", "qa_think.json")
SIZE = 1197
_NEEDS = ("Question", "Choice", "Answer", "video_id")
_LENGTHS_S = {"30s": 30.0, "60s": 60.0}
_BREAKDOWNS = {
    "video_category": "video category",
    "video_duration": "video duration",
    "content_parent_category": "content category",
    "content_fine_category": "content subcategory",
}


def load(data: str | Path, model: ModelUnderTest | None = None) -> Dataset:
    """Read the folder that holds the question file and ``Videos/`` (or ``videos/``), or the file itself.

    Raises:
        InputError: there is no such file, or it is no list of rows of one of the two forms.
    """
    root = Path(data).expanduser()
    file = find_file(root, FILES, "Daily-Omni's qa.json")
    rows = list_rows(file, ())
    as_problems = "problem" in rows[0][1]
    rows = list_rows(file, NEEDS if as_problems else _NEEDS)

    def read(row: Row, _: str, faults: Faults) -> Sample:
        if as_problems:
            return read_row(row, faults, file.parent, _task_of(row) or kind_of(row), {})
        return _read_row(row, faults, file.parent)

    return build_dataset("daily-omni", root, [file], rows, read, official_size=SIZE)


def _read_row(row: Row, faults: Faults, folder: Path) -> Sample:
    video, text = str(row["video_id"]), str(row["Question"]).strip()
    question, gold = faults.attempt_question(
        lambda: choice_question(row["Question"], row["Choice"]),
        lambda q: gold_of(row["Answer"], q),
        Question(text, "one"),
    )
    named = f"{video}/{video}_video.mp4"
    media = faults.attempt_media(lambda: resolve_media(named, folder, (), ("Videos", "videos")), None)
    tags = {name: (str(row[key]).strip(),) for key, name in _BREAKDOWNS.items() if row.get(key)}
    return Sample(
        id=content_id(video, text, row["Choice"], row.get("Type")),
        task=_task_of(row) or "all",
        level=0,
        question=question,
        gold=gold,
        modality="video",
        media=media,
        length_s=_LENGTHS_S.get(str(row.get("video_duration")).strip(), 0.0),
        uses_audio=True,
        group=video,
        row={"Answer": row["Answer"], "video_id": video},
        tags=tags,
    )


def _task_of(row: Row) -> str:
    """Return a row's type in the spelling of the authors' table; empty where it has none."""
    given = str(row.get("Type") or "").strip()
    return next((task for task in TASKS if task.casefold() == given.casefold()), given)
