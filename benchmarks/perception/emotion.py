"""The shipped emotion heads, evaluated again: the figures must match their model cards."""

from __future__ import annotations

import csv
import gzip
import io
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from omnisense import models
from omnisense.errors import InputError
from omnisense.perception.emotion import text
from omnisense.perception.emotion.linear import LinearHead
from omnisense.perception.emotion.tables import read_goemotions
from omnisense.perception.emotion.text_heads import SHIPPED, SHIPPED_GROUPS, SHIPPED_SPOKEN, TextHeads
from omnisense.perception.emotion.train_text import Lines, dialogue_figures, text_figures
from omnisense.perception.emotion.train_voice import train_voice

PUBLISHED_BERT = {SHIPPED: 0.46, SHIPPED_GROUPS: 0.64}  # Demszky et al., 2020, on test


def voice(emodb: Path) -> dict[str, Any]:
    """Return the figures of the vocal emotion head, trained again with each speaker held out in turn."""
    with tempfile.TemporaryDirectory() as folder:
        return train_voice(emodb, Path(folder))


def text_heads(goemotions: Path) -> dict[str, Any]:
    """Return the figures of the shipped text emotion heads on GoEmotions dev."""
    labels = (goemotions / "labels.txt").read_text().split()
    sentences, truth = read_goemotions(goemotions / "dev.tsv.gz", len(labels))
    features = text.SentenceEmbedder(models.fetch(text.EMBEDDING)).embed(sentences)
    found = text_figures(TextHeads.load(), sentences, features, truth > 0)
    return {
        name: {
            "macro-F1": found[name]["macro_f1"],
            "of published BERT": PUBLISHED_BERT[name],
            "calibration error": found[name]["reliability"]["ece"],
        }
        for name in (SHIPPED, SHIPPED_GROUPS)
    }


def dialogue(meld: Path) -> dict[str, Any]:
    """Return how well the shipped heads for speech read the development dialogues of MELD, on which nothing was fitted.

    Raises:
        InputError: the file cannot be read.
    """
    path = meld / "dev_sent_emo.csv.gz"
    try:
        rows = list(csv.DictReader(io.StringIO(gzip.decompress(path.read_bytes()).decode("utf-8"))))
    except (OSError, ValueError) as error:
        raise InputError(f"the dialogues cannot be read ({error})", "Give MELD's folder.", path) from error
    lines = Lines(
        [row["Utterance"].replace("\x92", "'").replace("\u2019", "'") for row in rows],
        np.array([row["Emotion"] for row in rows]),
        np.array([int(row["Dialogue_ID"]) for row in rows]),
    )
    features = text.SentenceEmbedder(models.fetch(text.EMBEDDING)).embed(lines.sentences)
    found = dialogue_figures(
        TextHeads.load(), lines, features, np.ones(len(rows), bool), LinearHead.load(shipped=SHIPPED_SPOKEN)
    )
    return {
        "lines": found["n"],
        "macro-F1 of 7": found["macro_f1"],
        "accuracy": found["accuracy"],
        "neutral lines given a feeling": found["neutral given a feeling"],
        "others given one": found["others given one"],
        "calibration error": found["reliability"]["ece"],
    }
