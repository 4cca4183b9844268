"""Write a small sample of every benchmark in its authors' layout, for those who have no data: to try it, to test.

    python -m omnisense.benchmarks.sample_data OUTPUT [--clip CLIP]

Each benchmark gets a folder of its own name, so that ``omnisense eval all --data OUTPUT`` runs them all. The media are
parts of one clip, by default the demo clip that ships with OmniSense (a portrait in the public domain, a synthetic
voice). Questions and answers are ours and say nothing about any benchmark; what is true to it are names, fields and
folders.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from omnisense.benchmarks.emobench.sets import EMOTIONS, INTENTS, set_of
from omnisense.errors import InputError
from omnisense.perception.media.clip import Clip, open_clip
from omnisense.perception.media.decode import SAMPLE_RATE_HZ
from omnisense.perception.media.encode import write_clip, write_wav
from omnisense.perception.media.sampling import Sampling

DEMO = Path(__file__).resolve().parent.parent / "agent" / "demo.mp4"
_RATE, _LENGTH_S, _PIXELS = 8, 2.0, 160 * 120  # of the clips that are written: frames per second, seconds, pixels
_FEELINGS = ["happy", "sad", "angry", "surprised"]
_LETTERED = [f"{letter}. {word}" for letter, word in zip("ABCD", _FEELINGS, strict=True)]
_EMOBENCH_FILES = (
    "FGMSA_test", "ch-simsv2s_test", "MOSI_test", "MOSEI_test", "SIMS_test", "funny_test", "MUSTARD_test", "MELD_test",
    "mer2023_test", "RAVDSS-song_test", "RAVDSS-speech_test", "MC-EIU-test", "smile_test_data",
)  # fmt: skip


class Media:
    """Media of the samples, cut from one clip, which is decoded once.

    Args:
        clip: what they are cut from.
    """

    def __init__(self, clip: Clip) -> None:
        images = clip.frames(Sampling(rule="rate", fps=_RATE, max_pixels=_PIXELS)).images
        self._frames = images[:, : images.shape[1] // 2 * 2, : images.shape[2] // 2 * 2]
        length_s = len(images) / _RATE
        self._samples = clip.audio() if clip.has_audio else np.zeros(int(length_s * SAMPLE_RATE_HZ), np.float32)
        self._starts, self._written = max(1, int(length_s - _LENGTH_S)), 0

    def video(self, file: Path) -> str:
        """Write another two seconds of the clip; return the file's name."""
        file.parent.mkdir(parents=True, exist_ok=True)
        frames, samples = self._next()
        write_clip(file, frames, samples, _RATE, SAMPLE_RATE_HZ)
        return file.name

    def sound(self, file: Path) -> str:
        """Write the sound of another two seconds as a WAV file; return its name."""
        file.parent.mkdir(parents=True, exist_ok=True)
        write_wav(file, self._next()[1])
        return file.name

    def image(self, file: Path) -> str:
        """Write a frame as a picture; return the file's name."""
        from PIL import Image

        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(self._next()[0][0]).save(file)
        return file.name

    def _next(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the frames (T, H, W, 3) and samples (N,) of the next two seconds, from the start again at the end."""
        start = self._written % self._starts
        self._written += 1
        end = start + _LENGTH_S
        return (self._frames[int(start * _RATE) : int(end * _RATE)],
                self._samples[int(start * SAMPLE_RATE_HZ) : int(end * SAMPLE_RATE_HZ)])  # fmt: skip


def write_samples(output: Path, clip: Path = DEMO) -> list[Path]:
    """Write the samples; return their folders.

    Raises:
        InputError: the output exists already.
        MediaError: the clip cannot be opened, or is no video.
    """
    if output.exists() and any(output.iterdir()):
        raise InputError("it is not empty", "Name another folder.", output)
    media = Media(open_clip(clip))
    folders = []
    for name, write in WRITERS.items():
        folder = output / name
        folder.mkdir(parents=True)
        write(folder, media)
        folders.append(folder)
    return folders


def _write_json(file: Path, rows: Any) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(rows, indent=1, ensure_ascii=False) + "\n", "utf-8")


def _problem(kind: str, answer: str, media: Sequence[str], number: int, **more: Any) -> dict[str, Any]:
    return {
        "problem": f"Question {number}: what does the speaker feel?",
        "problem_type": kind,
        "data_type": "video",
        "path": media[number % len(media)],
        "solution": f"<answer>{answer}</answer>",
    } | more


def _problems(media: Sequence[str]) -> list[dict[str, Any]]:
    """Return rows in HumanOmniV2's form, of each of its kinds."""
    asked = [
        ("multiple choice", "B"), ("emer_ov_mc", "A,C"), ("judge", "Yes"), ("numerical", "3.14"), ("regression", "42"),
        ("multiple choice", "D"), ("emer_ov_mc", "B"), ("judge", "No"), ("free-form", "She is glad to go to space."),
        ("OCR", "NASA"),
    ]  # fmt: skip
    rows = []
    for number, (kind, answer) in enumerate(asked):
        options = {"options": _LETTERED} if kind in ("multiple choice", "emer_ov_mc") else {}
        rows.append(_problem(kind, answer, media, number, **options))
    return rows


def _intentbench(folder: Path, media: Media) -> None:
    names = [media.video(folder / "videos" / f"{i}.mp4") for i in range(2)]
    _write_json(folder / "qa.json", _problems(names))


def _daily_omni(folder: Path, media: Media) -> None:
    types = ["Event Sequence", "AV Event Alignment", "Context understanding", "Reasoning", "Inference", "Comparative"]
    videos = ["aB3-x_1", "cD4-y_2"]
    for video in videos:
        media.video(folder / "Videos" / video / f"{video}_video.mp4")
    _write_json(folder / "qa.json", [
        {
            "Question": f"Question {i}: which sound goes with which picture?",
            "Choice": _LETTERED,
            "Answer": "ABCD"[i % 4],
            "video_id": videos[i % 2],
            "Type": types[i % 6],
            "video_category": ["Education", "Science"][i % 2],
            "video_duration": ["30s", "60s"][i % 2],
            "content_parent_category": "People",
            "content_fine_category": "Interviews",
        }
        for i in range(12)
    ])  # fmt: skip


def _worldsense(folder: Path, media: Media) -> None:
    entries = {}
    for i, video in enumerate(["wS_one", "wS_two"]):
        media.video(folder / "videos" / f"{video}.mp4")
        entries[video] = {
            "duration": ["<1min", "1-2min"][i],
            "domain": ["Daily Life", "Culture & Politics"][i],
            "sub_category": "Interview",
            "audio_class": [["Speech"], ["Speech", "Music"]][i],
            "video_caption": "A person speaks.",
        } | {f"task{n}": _worldsense_task(i, n) for n in range(3)}
    _write_json(folder / "worldsense_qa.json", entries)
    lines = "1\n00:00:00,000 --> 00:00:00,900\nI am going to fly to space!\n\n"
    lines += "2\n00:00:01,000 --> 00:00:02,000\n<i>I worked so hard for it.</i>\n"
    (folder / "subtitles").mkdir()
    (folder / "subtitles" / "wS_one.srt").write_text(lines, "utf-8")


def _worldsense_task(video: int, number: int) -> dict[str, Any]:
    domains = [("Recognition", "Event Recognition"), ("Understanding", "Emotion"), ("Reasoning", "Causal Reasoning")]
    domain, task_type = domains[number]
    options = _LETTERED[: 3 if number == 1 else 4]
    return {"question": f"Video {video}, question {number}: what happens?", "candidates": options,
            "answer": "ABC"[(video + number) % 3], "task_domain": domain, "task_type": task_type}  # fmt: skip


def _emobench(folder: Path, media: Media) -> None:
    for number, name in enumerate(_EMOBENCH_FILES):
        emotion_set = set_of(name)
        place = name.partition("_")[0]
        video = media.video(folder / "dataset" / place / "videos" / f"{number}.mp4")
        rows = []
        for i in range(3):
            asked, answer = _emotion_question(emotion_set.kind, emotion_set.labels, i)
            turns = [{"from": "human", "value": f"<video>\n{asked}"}, {"from": "gpt", "value": answer}]
            rows.append({"id": f"{place}-{i}", "video": f"{place}/videos/{video}", "conversations": turns})
        _write_json(folder / "benchmark_json" / f"{name}.json", rows)


def _emotion_question(kind: str, labels: Sequence[str], i: int) -> tuple[str, str]:
    if kind == "joint":
        choices = f"an emotion ({', '.join(EMOTIONS)}) and an intent ({', '.join(INTENTS)})"
        form = "{'emotion label': '...', 'intent label': '...'}"
        return (
            f"Sentence {i}. Choose {choices}. Answer in the form {form}.",
            f"{{'emotion label': '{EMOTIONS[i]}', 'intent label': '{INTENTS[i]}'}}",
        )
    if kind == "generated":
        return f"Scene {i}: why did the audience laugh?", f"The audience laughed because of joke number {i}."
    return f"Clip {i}: choose one label out of {', '.join(labels)}.", labels[i % len(labels)]


def _omnibench(folder: Path, media: Media) -> None:
    rows = []
    for i in range(6):
        image = media.image(folder / "mm_data" / "image" / f"{i}.png")
        sound = media.sound(folder / "mm_data" / "audio" / f"{i}.wav")
        rows.append({
            "index": i,
            "task type": ["Action and Activity", "Story Description", "Plot Inference"][i % 3],
            "audio type": ["speech", "sound event", "Music"][i % 3],
            "question": f"Question {i}: what are they going to do?",
            "options": [f"They will {verb} together {i}" for verb in ("fly", "sing", "leave", "argue")],
            "answer": f"They will {['fly', 'sing', 'leave', 'argue'][i % 4]} together {i}",
            "audio_path": sound,
            "image_path": image,
            "audio content": "A voice says that it will fly to space.",
            "image content": "A portrait of an astronaut.",
        })  # fmt: skip
    file = folder / "dataset" / "batch-5_1142_20240817.jsonl"
    file.parent.mkdir()
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")


def _humansense(folder: Path, media: Media) -> None:
    name = media.video(folder / "videos" / "one.mp4")
    sound = media.sound(folder / "audios" / "one.wav")
    one = {"question_pattern": "Multiple-choice question (select one answer choice)", "options": _LETTERED,
           "asr_en": "I am going to fly to space!", "full_frame_number": 16, "fps": 8}  # fmt: skip
    tasks = ["Emotion_Recognition", "Emo_Strategy", "Lie_Detection", "Rapport_Recognition"]
    _write_json(folder / "HumanSense_VQA.json", [
        {"video_path": f"data/videos/{name}",
         "questions": {"task_type": task, "question": f"Question {i}: what is felt?", "answer": "ABCD"[i]} | one}
        for i, task in enumerate(tasks)
    ])  # fmt: skip
    _write_json(folder / "HumanSense_AQA.json", [
        {"video_path": f"data/audios/{sound}",
         "questions": {"task_type": "Psychological_Chat", "question": "Which reply fits?", "answer": "A"} | one}
    ])  # fmt: skip


def _herm(folder: Path, media: Media) -> None:
    images = [media.image(folder / "images" / f"{i}.png") for i in range(2)]
    box = [0.25, 0.1, 0.5, 0.8]  # x, y, width, height in fractions of the image
    choices = dict(zip("ABCD", ["a hat", "a space suit", "a scarf", "a coat"], strict=True))
    asked: list[dict[str, Any]] = [
        {"question": "What does the person wear?", "choices": choices, "answer": "B", "dimension": "appearance",
         "field": "basic perception"},
        {"question": "Where is the person?", "answer": box, "dimension": "position", "field": "basic perception"},
        {"question": "Where are all people?", "answer": [box], "dimension": "position", "field": "basic perception"},
        {"question": "What is the person doing?", "choices": choices | {"A": "posing for a portrait"}, "answer": "A",
         "dimension": "activity", "field": "complex understanding"},
    ]  # fmt: skip
    rows = [{"id": f"{i}-{n}", "image": f"images/{image}"} | row
            for i, image in enumerate(images) for n, row in enumerate(asked)]  # fmt: skip
    _write_json(folder / "questions.json", rows)


def _think_form(folder: Path, media: Media) -> None:
    names = [media.video(folder / "videos" / f"{i}.mp4") for i in range(2)]
    _write_json(folder / "qa_think.json", _problems(names)[:3])


WRITERS: dict[str, Callable[[Path, Media], None]] = {
    "humansense": _humansense,
    "intentbench": _intentbench,
    "daily-omni": _daily_omni,
    "worldsense": _worldsense,
    "emobench-m": _emobench,
    "omnibench": _omnibench,
    "herm": _herm,
    "think/Daily-Omni": _think_form,
    "think/WorldSense": _think_form,
}


def main() -> None:
    """Write the samples."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", type=Path)
    parser.add_argument("--clip", type=Path, default=DEMO, help="what the media are cut from")
    given = parser.parse_args()
    for folder in write_samples(given.output, given.clip):
        print(folder)


if __name__ == "__main__":
    main()
