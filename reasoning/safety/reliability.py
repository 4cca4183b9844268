"""How often the heads of the safety gate are right, by how sure they are, on sentences that they were not fitted on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from omnisense.perception.emotion.linear import LinearHead
from omnisense.perception.emotion.reliability import read_reliability
from omnisense.reasoning.safety.heads import HarmHead, RiskHeads, calmed
from omnisense.reasoning.safety.train import COLUMNS, Data

Rows = Sequence[Mapping[str, str]]
Claims = list[tuple[float, bool]]  # how sure a head is of what it says, and whether that is right


def risk_claims(heads: RiskHeads, rows: Rows, data: Data) -> dict[str, Claims]:
    """Return what the heads of risk claim of rows of ``sentences.csv``, by file; each row is read as one sentence."""
    texts = [row["text"] for row in rows]
    features = data.embed(texts)
    risks = [score.risk for score in heads.scores(features, data.reader(texts))]
    found = {"risk": _of_two(risks, [row["grade"] in ("risk", "imminent") for row in rows])}
    linear = zip(COLUMNS.items(), (heads.grade, heads.category, heads.person, heads.time), strict=True)
    for (name, column), head in linear:
        chosen = [i for i, row in enumerate(rows) if column == "grade" or (row["category"] not in ("none", ""))]
        found[name] = _of_labels(head, features[chosen], [rows[i][column] for i in chosen])
    return found


def harm_claims(head: HarmHead, rows: Rows, data: Data) -> dict[str, Claims]:
    """Return what the heads of harm claim of rows of ``replies.csv``, by file; each row is read as one sentence."""
    texts = [calmed(row["text"]) for row in rows]
    features = data.embed(texts)
    harms = [probability for _, probability in head.scores(features, data.reader(texts))]
    return {
        "reply_harmful": _of_two(harms, [row["harm"] != "none" for row in rows]),
        "reply_harm": _of_labels(head.kind, features, [row["harm"] for row in rows]),
    }


def diagrams(claims: Mapping[str, Claims]) -> dict[str, Any]:
    """Return the numbers of a reliability diagram of each head, by its name."""
    return {
        name: read_reliability(np.array([sure for sure, _ in made]), np.array([right for _, right in made]))
        for name, made in claims.items()
        if made
    }


def _of_two(probabilities: Sequence[float], truth: Sequence[bool]) -> Claims:
    return [(max(p, 1 - p), (p >= 0.5) == right) for p, right in zip(probabilities, truth, strict=True)]


def _of_labels(head: LinearHead, features: np.ndarray, truth: Sequence[str]) -> Claims:
    if not truth:
        return []
    scores = head.scores(features)
    said = [head.labels[k] for k in scores.argmax(axis=1)]
    return [(float(row.max()), label == right) for row, label, right in zip(scores, said, truth, strict=True)]
