"""Read EmoBench-M: the files of ``benchmark_json/``, beside which lies ``dataset/``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from omnisense.benchmarks.emobench.official_score import first_match
from omnisense.benchmarks.emobench.sets import EMOTIONS, GROUPS, INTENTS, SETS, EmotionSet, joint_options, set_of
from omnisense.benchmarks.harness.dataset import Dataset, Sample
from omnisense.benchmarks.harness.question_files import resolve_media
from omnisense.benchmarks.harness.question_rows import (
    Faults,
    Row,
    asked_text,
    build_dataset,
    content_id,
    gold_of,
    list_rows,
)
from omnisense.benchmarks.harness.suite import ModelUnderTest
from omnisense.benchmarks.harness.text_metrics import check_installed
from omnisense.errors import InputError
from omnisense.reasoning.answers.question import Question

FOLDER = "benchmark_json"
_SIZE = 5000  # "over 5000 samples", as the authors say
_MEDIA_FOLDERS = ("dataset", "datasets")


def load(data: str | Path, model: ModelUnderTest | None = None) -> Dataset:
    """Read the folder that holds ``benchmark_json/`` and ``dataset/``, that folder's JSON files, or one file of it.

    Raises:
        InputError: there are no such files, or one is no list of rows; or texts are asked for that cannot be scored.
    """
    root = Path(data).expanduser()
    files = _files(root)
    folder = files[0].parent.parent if files[0].parent.name == FOLDER else files[0].parent
    rows: list[tuple[str, Row]] = []
    for file in files:
        found = list_rows(file, ("conversations",))
        emotion_set = set_of(file.stem)
        golds = dict.fromkeys(said.strip().lower() for _, row in found if (said := _said(row, "gpt")).strip())
        labels = tuple(dict.fromkeys([*emotion_set.labels, *golds])) if emotion_set.kind == "label" else ()
        rows += [(place, {**row, "set": emotion_set, "labels": labels, "file": file.stem}) for place, row in found]
    if any(row["set"].kind == "generated" for _, row in rows):
        check_installed()
    used = dict.fromkeys(row["set"] for _, row in rows)
    groups = {name: tuple(s.name for s in used if s.group == name) for name in GROUPS}
    return build_dataset(
        "emobench-m",
        root,
        files,
        rows,
        lambda row, _, faults: _read_row(row, faults, folder),
        groups={name: sets for name, sets in groups.items() if sets},
        official_from=_SIZE if len(used) >= len(SETS) else 0,
    )


def _files(root: Path) -> list[Path]:
    if root.is_file():
        return [root]
    folder = root / FOLDER if (root / FOLDER).is_dir() else root
    found = sorted(folder.glob("*.json")) if folder.is_dir() else []
    if not found:
        raise InputError(f"it holds no JSON files, nor a folder {FOLDER}", "Give EmoBench-M's folder.", root)
    return found


def _said(row: Row, who: str) -> str:
    turns: Any = row.get("conversations")
    if not isinstance(turns, list):
        return ""
    said = (t.get("value") for t in turns if isinstance(t, dict) and t.get("from") == who)
    return next(("" if value is None else str(value) for value in said), "")


def _read_row(row: Row, faults: Faults, folder: Path) -> Sample:
    emotion_set: EmotionSet = row["set"]
    text, right = _said(row, "human").replace("<video>", "").strip(), _said(row, "gpt").strip()
    named = str(row.get("video") or "")
    question, gold = faults.attempt_question(
        lambda: _question(text, emotion_set, row["labels"]), lambda q: _gold(right, q), Question(text, "yes_no")
    )
    media = faults.attempt_media(lambda: resolve_media(named, folder, _MEDIA_FOLDERS, _MEDIA_FOLDERS), None)
    return Sample(
        id=content_id(row["file"], row.get("id"), named, text),
        task=emotion_set.name,
        level=0,
        question=question,
        gold=gold,
        modality="video",
        media=media,
        uses_audio=True,
        group=named,
        row={"id": row.get("id"), "label": right},
        tags={"set": (emotion_set.name,)},
    )


def _question(text: str, emotion_set: EmotionSet, labels: Sequence[str]) -> Question:
    text = asked_text(text)
    if emotion_set.kind == "joint":
        return Question(text, "joint", joint_options(), form="stated")
    return Question(text, emotion_set.kind, tuple(labels), form="stated")


def _gold(right: str, question: Question) -> str:
    if question.kind == "joint" and (emotion := first_match(right, EMOTIONS)):
        intent = first_match(right, INTENTS)
        return f"{emotion}; {intent}" if intent else gold_of(right, question)
    return gold_of(right, question)
