"""The shipped emotion heads, evaluated again: the figures must match their model cards."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from omnisense import models
from omnisense.perception.emotion import text, train
from omnisense.perception.emotion.linear import LinearHead
from omnisense.perception.emotion.train_voice import train_voice

PUBLISHED_BERT = {text.SHIPPED: 0.46, text.SHIPPED_GROUPS: 0.64}  # Demszky et al., 2020, on test


def voice(emodb: Path) -> dict[str, Any]:
    """Return the figures of the vocal emotion head, trained again with each speaker held out in turn."""
    with tempfile.TemporaryDirectory() as folder:
        return train_voice(emodb, Path(folder))


def text_heads(goemotions: Path) -> dict[str, Any]:
    """Return the figures of the shipped text emotion heads on GoEmotions dev."""
    labels = (goemotions / "labels.txt").read_text().split()
    sentences, truth = train.read_goemotions(goemotions / "dev.tsv.gz", len(labels))
    features = text.SentenceEmbedder(models.fetch(text.EMBEDDING)).embed(sentences)
    figures: dict[str, Any] = {}
    for name, target in ((text.SHIPPED, truth), (text.SHIPPED_GROUPS, truth @ train.membership(labels))):
        head = LinearHead.load(shipped=name)
        f1 = train.f1_scores(target > 0, head.scores(features) >= head.thresholds)
        figures[name] = {"macro-F1": round(float(f1.mean()), 3), "of published BERT": PUBLISHED_BERT[name]}
    return figures
