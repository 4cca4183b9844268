"""Read OmniBench: ``dataset/batch-5_1142_20240817.jsonl``, beside which lies ``mm_data/``."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from omnisense.benchmarks.harness.dataset import Dataset, Sample
from omnisense.benchmarks.harness.options import letter_options
from omnisense.benchmarks.harness.question_files import RowError, resolve_media
from omnisense.benchmarks.harness.question_rows import (
    Faults,
    Row,
    asked_text,
    build_dataset,
    content_id,
    find_file,
    list_rows,
)
from omnisense.benchmarks.harness.suite import ModelUnderTest
from omnisense.reasoning.answers.question import Question, strip_letter

FILES = ("dataset/batch-5_1142_20240817.jsonl", "batch-5_1142_20240817.jsonl")
SIZE = 1142
Given = Literal["media", "text", "none"]
_NEEDS = ("question", "options", "answer")


def load(
    data: str | Path, model: ModelUnderTest | None = None, image: Given = "media", sound: Given = "media"
) -> Dataset:
    """Read the folder of the authors' repository, or the file itself.

    Args:
        data: the folder or file.
        model: has no effect: the questions are the same for every model.
        image: what is given of the image: itself, the text that describes it, or nothing.
        sound: likewise of the sound.

    Raises:
        InputError: there is no such file, or it is no list of rows.
    """
    root = Path(data).expanduser()
    file = find_file(root, FILES, "OmniBench's dataset/ and mm_data/")
    folder = file.parent.parent if file.parent.name == "dataset" else file.parent
    return build_dataset(
        "omnibench",
        root,
        [file],
        list_rows(file, _NEEDS),
        lambda row, _, faults: _read_row(row, faults, folder, image, sound),
        settings=f"image: {image}, sound: {sound}",
        official_size=SIZE,
    )


def _read_row(row: Row, faults: Faults, folder: Path, image: Given, sound: Given) -> Sample:
    text, named = str(row["question"]).strip(), str(row.get("image_path") or "")
    parsed = faults.attempt(lambda: _question(row), (Question(text, "yes_no"), ""))
    sample = Sample(
        id=content_id(row.get("index"), text, row["options"], named),
        task=str(row.get("task type") or "all"),
        level=0,
        question=parsed[0],
        gold=parsed[1],
        modality="text",
        group=named,
        row={
            "index": row.get("index"),
            "answer": row["answer"],
            "options": _split(row["options"]),
            "image": image,
            "sound": sound,
            **({"image content": str(row.get("image content") or "").strip()} if image == "text" else {}),
            **({"audio content": str(row.get("audio content") or "").strip()} if sound == "text" else {}),
        },
        tags={"audio type": (str(row.get("audio type") or "unknown").strip().lower(),)},
    )
    return _with_media(sample, row, faults, folder, image, sound)


def _with_media(sample: Sample, row: Row, faults: Faults, folder: Path, image: Given, sound: Given) -> Sample:
    """Add the image and the sound, or the texts that stand for them."""
    if image == "media":
        named = str(row.get("image_path") or "")
        path = faults.attempt_media(lambda: resolve_media(named, folder, (), ("mm_data/image",)), None)
        sample = replace(sample, modality="image", media=path)
    if sound == "media":
        named = str(row.get("audio_path") or "")
        heard = faults.attempt_media(lambda: resolve_media(named, folder, (), ("mm_data/audio",)), None)
        if image == "media":
            sample = replace(sample, sound=heard, uses_audio=True)
        else:
            sample = replace(sample, modality="audio", media=heard, uses_audio=True)
    described = [
        f"{what}: {str(row.get(key) or '').strip()}"
        for what, given, key in (("The image", image, "image content"), ("The sound", sound, "audio content"))
        if given == "text"
    ]
    return replace(sample, percepts="\n".join(described))


def _question(row: Row) -> tuple[Question, str]:
    options = _options(row["options"])
    question = Question(asked_text(row["question"]), "one", letter_options(options))
    right = [i for i, option in enumerate(options) if option == _plain(row["answer"])]
    if not right:  # then without case and full stops, where that leaves one
        alike = [i for i, option in enumerate(options) if _folded(option) == _folded(_plain(row["answer"]))]
        right = alike if len(alike) == 1 else []
    if not right:
        raise RowError("impossible answer", f"the right answer {str(row['answer'])[:80]!r} is none of the options")
    return question, chr(65 + right[0])


def _split(given: Any) -> list[str]:
    """Return the texts of the options as they are; they may stand in one text with their letters."""
    if isinstance(given, str):
        return [part.strip() for part in re.split(r"(?:^|\s)[A-D]\.\s*", given) if part.strip()]
    return [str(option) for option in given] if isinstance(given, list) else []


def _options(given: Any) -> list[str]:
    options = [_plain(option) for option in _split(given)]
    if len(options) != 4 or not all(options):
        raise RowError("impossible answer", f"there are {len(options)} options, not four")
    return options


def _plain(option: Any) -> str:
    return strip_letter(" ".join(str(option).split())) or str(option).strip()


def _folded(text: str) -> str:
    return text.casefold().rstrip(". ")
