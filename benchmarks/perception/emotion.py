"""The shipped heads, judged again: they must come out as their cards say."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from omnisense import models
from omnisense.perception.emotion import text, train
from omnisense.perception.emotion.linear import LinearHead

PUBLISHED_BERT = {text.SHIPPED: 0.46, text.SHIPPED_GROUPS: 0.64}  # Demszky et al., 2020, on test


def voice(emodb: Path) -> dict[str, Any]:
    """The vocal head, trained and judged anew with each speaker left out in turn."""
    with tempfile.TemporaryDirectory() as folder:
        return train.train_voice(emodb, Path(folder))


def texts(goemotions: Path) -> dict[str, Any]:
    """The shipped text heads on GoEmotions dev."""
    labels = (goemotions / "labels.txt").read_text().split()
    sentences, truth = train.labelled(goemotions / "dev.tsv.gz", len(labels))
    features = text.SentenceEmbedder(models.fetch(text.EMBEDDING)).embed(sentences)
    figures: dict[str, Any] = {}
    for name, wanted in ((text.SHIPPED, truth), (text.SHIPPED_GROUPS, truth @ train.membership(labels))):
        head = LinearHead.load(shipped=name)
        f1 = train.f1_scores(wanted > 0, head.scores(features) >= head.thresholds)
        figures[name] = {"macro-F1": round(float(f1.mean()), 3), "of published BERT": PUBLISHED_BERT[name]}
    return figures
