"""What ``omnisense train data agent`` reads: GoEmotions as published, labelled texts and clips, or question files."""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence
from pathlib import Path

from omnisense.benchmarks.harness.suite import ModelUnderTest
from omnisense.benchmarks.suites import find_suite
from omnisense.errors import InputError
from omnisense.perception.emotion.tables import comments_by_emotion, read_words
from omnisense.reasoning.calibration_rows import CalibrationRow, read_rows
from omnisense.rl.data.agent_rows import AgentRow
from omnisense.rl.data.record import Recorder, Utterance
from omnisense.rl.progress import OnProgress

HELD_OUT_STRIDE = 5  # every fifth comment is kept for profiles and thresholds: see reasoning/profile_data.py


def record(
    source: Path, limit: int, seed: int, on_progress: OnProgress, recorder: Recorder | None = None
) -> list[AgentRow]:
    """Return what the agent asks its policy about a source.

    Args:
        source: a folder of GoEmotions (``labels.txt``, ``train.tsv``), or one of its files (``dev.tsv``), without every
            fifth comment of the first, on which thresholds and profiles are fitted; a file of labelled texts and clips
            (:mod:`omnisense.reasoning.calibration_rows`); or questions in the format of any suite.
        limit: at most so many texts, clips or questions, of texts equally many of each emotion; 0 for all.
        seed: of their order.
        on_progress: receives a line now and then.
        recorder: by default one whose policy is a script.

    Raises:
        InputError: the source cannot be read.
        MediaError: a clip cannot be opened.
    """
    recorder, draw = recorder or Recorder(), random.Random(f"{seed}:agent")
    if (source / "labels.txt").is_file() or ".tsv" in source.suffixes:
        return list(recorder.utterances(_comments(source, limit, draw), on_progress))
    if source.suffix == ".jsonl":
        labelled = read_rows(source)
        entries = [_utterance(row, i, source) for i, row in enumerate(labelled) if row.question is None]
        if not entries:
            raise InputError("it has no text or clip with an emotion", "Give questions as a .json file.", source)
        draw.shuffle(entries)
        return list(recorder.utterances(entries[: limit or None], on_progress))
    samples = [s for s in find_suite(source).load(source, ModelUnderTest()).samples if not s.problem]
    draw.shuffle(samples)
    return list(recorder.questions(samples[: limit or None], on_progress))


def _utterance(row: CalibrationRow, number: int, source: Path) -> Utterance:
    return Utterance(f"{source.stem}:{number}", row.text, row.clip, row.emotion, row.group, row.task)


def _comments(source: Path, limit: int, draw: random.Random) -> Sequence[Utterance]:
    """Return comments with one of Ekman's emotions or none, equally many of each, as far as there are."""
    folder = source if source.is_dir() else source.parent
    found = sorted(folder.glob("train.tsv*")) if source.is_dir() else [source]
    labels = folder / "labels.txt"
    if not found or not labels.is_file():
        raise InputError("there is no train.tsv with a labels.txt", "Give the folder of GoEmotions.", folder)
    name, by_emotion = found[0].name.partition(".")[0], []
    for emotion, comments in comments_by_emotion(found[0], read_words(labels)).items():
        usable = [(emotion, i, text) for i, text in comments if i % HELD_OUT_STRIDE or not source.is_dir()]
        draw.shuffle(usable)
        by_emotion.append(usable)
    ranks = itertools.zip_longest(*by_emotion)  # a comment of each emotion in turn
    chosen = [row for rank in ranks for row in rank if row is not None][: limit or None]
    return [Utterance(f"{name}-{i}", text, None, emotion, f"{name}-{i}", "comments") for emotion, i, text in chosen]
