"""Labels beside recordings and texts, as the data sets have them, and the F1 of what is found."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from omnisense.errors import InputError
from omnisense.files import read_lines
from omnisense.perception.emotion.text import EKMAN


def read_labels(path: Path) -> list[dict[str, str]]:
    """Return the rows of a ``labels.csv``.

    Raises:
        InputError: it cannot be read.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))
    except OSError as error:
        raise InputError(
            f"the labels cannot be read ({error.strerror})", "Give the data set's folder.", path
        ) from error


def read_words(path: Path) -> tuple[str, ...]:
    """Return the words of a file, such as GoEmotions' ``labels.txt``.

    Raises:
        InputError: it cannot be read.
    """
    try:
        return tuple(path.read_text("utf-8").split())
    except OSError as error:
        raise InputError(
            f"the labels cannot be read ({error.strerror})", "Give the data set's folder.", path
        ) from error


def read_goemotions(path: Path, num_labels: int) -> tuple[list[str], np.ndarray]:
    """Return the texts of a GoEmotions file, plain or gzipped, and (N, num_labels) which labels each has.

    Raises:
        InputError: the file cannot be read.
    """
    try:
        rows = [line.rstrip("\r\n").split("\t") for line in read_lines(path)]
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"the texts cannot be read ({error})", "Give the data set's folder.", path) from error
    truth: np.ndarray = np.zeros((len(rows), num_labels), np.float32)
    for i, row in enumerate(rows):
        truth[i, [int(k) for k in row[1].split(",")]] = 1
    return [row[0] for row in rows], truth


def membership(labels: Sequence[str]) -> np.ndarray:
    """Return (28, 7) which of GoEmotions' labels belong to which of Ekman's emotions."""
    return np.array([[label in EKMAN[group] for group in EKMAN] for label in labels], dtype=np.float32)


def comments_by_emotion(path: Path, labels: Sequence[str]) -> dict[str, list[tuple[int, str]]]:
    """Return the comments of a GoEmotions file whose labels belong to one of Ekman's emotions, or are neutral.

    Args:
        path: of the file.
        labels: the words of its ``labels.txt``.

    Returns:
        By emotion the number of each comment in the file, from 0, and its text.

    Raises:
        InputError: the file cannot be read.
    """
    texts, truth = read_goemotions(path, len(labels))
    groups = truth @ membership(labels) > 0
    alone = groups.sum(axis=1) == 1
    return {
        emotion: [(i, texts[i]) for i in np.flatnonzero(groups[:, k] & alone).tolist()]
        for k, emotion in enumerate(EKMAN)
    }


def f1_scores(truth: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Return (K,) F1 per label, of (N, K) boolean truths and predictions."""
    hits = (truth & predicted).sum(axis=0)
    result: np.ndarray = 2 * hits / np.maximum(truth.sum(axis=0) + predicted.sum(axis=0), 1)
    return result
