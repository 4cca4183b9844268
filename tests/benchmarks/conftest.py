"""A small benchmark in the official format, with media made on the spot."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from omnisense.benchmarks.sample_data import write_samples
from tests.benchmarks.herm.painted import TRIO, Pictures
from tests.conftest import write_media

ONE = "Multiple-choice question (select one answer choice)"
SEVERAL = "Multiple-choice question (select one or more answer choices)"
NUMBER = "Question and answer (Arabic numerals)"
YES_NO = "Judgment question (Yes or No)"


def row(task: str, n: int, media: str = "", pattern: str = ONE, answer: str = "B", **more: Any) -> dict[str, Any]:
    """A row of the official form; the options are there for the patterns that have them."""
    questions = {
        "task_type": task,
        "question": f"Question {n}: what is felt?",
        "question_pattern": pattern,
        "answer": answer,
    }
    if pattern in (ONE, SEVERAL):
        questions["options"] = ["A. happy", "B. sad", "C. angry", "D. surprised"]
    outer = {key: more.pop(key) for key in ("time", "video_or_clip", "id") if key in more}
    return {"video_path": media, "questions": questions | more} | outer


def write_benchmark(folder: Path, video: list[dict[str, Any]], audio: list[dict[str, Any]] | None = None) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "HumanSense_VQA.json").write_text(json.dumps(video))
    if audio:
        (folder / "HumanSense_AQA.json").write_text(json.dumps(audio))
    return folder


@pytest.fixture
def many(tmp_path: Path) -> Path:
    """Sixty questions about texts, over three tasks."""
    tasks = ["Emotion_Recognition", "Lie_Detection", "Emo_Strategy"]
    rows = [row(tasks[i % 3], i, answer="ABCD"[i % 4], asr_en=f"Line {i}.") for i in range(60)]
    return write_benchmark(tmp_path / "many", rows)


@pytest.fixture
def clips(tmp_path: Path) -> Path:
    """Questions about a video, a damaged one, a sound and a text."""
    folder = tmp_path / "clips"
    (folder / "videos").mkdir(parents=True)
    (folder / "audios").mkdir()
    write_media(folder / "videos" / "good.mp4")
    whole = (folder / "videos" / "good.mp4").read_bytes()
    (folder / "videos" / "bad.mp4").write_bytes(whole[: len(whole) // 3])
    write_media(folder / "audios" / "voice.wav", video_s=None, audio_s=1.0, audio_codec="pcm_s16le")
    video = [
        row("Action_Recognition", 1, "data/videos/good.mp4", full_frame_number=50, fps=25),
        row("Talkingperson_Recognition", 2, "videos/good.mp4", full_frame_number=50, fps=25, asr_en="hello"),
        row("Action_Recognition", 3, "videos/bad.mp4", full_frame_number=50, fps=25),
        row("Emotion_Recognition", 4, "videos/good.mp4", time="[0.5 - 1.5]", video_or_clip="clip"),
    ]
    return write_benchmark(folder, video, [row("Psychological_Chat", 5, "audios/voice.wav")])


@pytest.fixture
def trio(tmp_path):
    made = Pictures(tmp_path / "in")
    made.add("trio.png", TRIO, caption="three people stand in a row", things=[(2, [20, 150, 30, 30])])
    return made


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample of every benchmark in its authors' layout."""
    root = tmp_path_factory.mktemp("samples") / "all"
    write_samples(root)
    return root
