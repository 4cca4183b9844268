"""The calibration of a judge of empathy: from the judge's probabilities of the levels to those of human annotators."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from omnisense.errors import InputError
from omnisense.text import parse_json

LEVELS = 3
FEATURES = LEVELS + 1  # centered log-probabilities, and a constant

Weights = NDArray[np.float64]
"""Shape (4, 3): from the features of a judgment to logits of the levels."""


class Agreement(BaseModel):
    """How well levels agree with the annotators' labels.

    Attributes:
        accuracy: share of pairs whose likeliest level is the label.
        commonest_level: accuracy of always choosing the commonest level.
        rank_correlation: Spearman's, of the expected level and the label.
    """

    model_config = ConfigDict(frozen=True)

    accuracy: float
    commonest_level: float
    rank_correlation: float


class CalibratedAgreement(Agreement):
    """The agreement of the calibrated levels; ``judge_alone`` is that of the judge without calibration."""

    judge_alone: Agreement


class CalibrationCard(BaseModel):
    """How a calibration was fitted, and its agreement with the annotators by mechanism, on held-out pairs."""

    model_config = ConfigDict(frozen=True)

    data: str
    pairs_fitted: int
    pairs_held_out: int
    held_out: dict[str, CalibratedAgreement]
    seed: int


class Calibration:
    """A multinomial logistic regression for each mechanism of empathy.

    Args:
        judge: the policy that it was fitted for.
        weights: by mechanism, of shape (4, 3).
        card: how it was fitted; None if that is not known.
    """

    def __init__(self, judge: str, weights: Mapping[str, Weights], card: CalibrationCard | None = None) -> None:
        self.judge, self._weights, self.card = judge, dict(weights), card

    @classmethod
    def read(cls, path: Path, judge: str) -> Calibration:
        """Read the calibration of a judge.

        Raises:
            InputError: it cannot be read, or was made for another judge.
        """
        try:
            found = parse_json(path.read_text("utf-8"))
            weights = {
                name: np.asarray(rows, np.float64).reshape(FEATURES, LEVELS) for name, rows in found["weights"].items()
            }
            fitted_for = str(found["judge"])
            card = CalibrationCard.model_validate(found["card"]) if found.get("card") else None
        except (OSError, ValueError, KeyError, TypeError) as error:
            cause = " ".join(str(error).split())
            raise InputError(
                f"this is not a calibration ({cause})", "Create one with `omnisense train calibrate-judge`.", path
            ) from error
        if fitted_for != judge:
            raise InputError(
                f"it was made for the judge '{fitted_for}', not '{judge}'", "Create one for this judge.", path
            )
        return cls(judge, weights, card)

    def write(self, path: Path) -> None:
        """Write it to a JSON file, for the ``calibration`` setting of the empathy reward."""
        content: dict[str, Any] = {
            "judge": self.judge,
            "card": self.card.model_dump() if self.card else {},
            "weights": {name: np.round(found, 6).tolist() for name, found in self._weights.items()},
        }
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content, indent=1) + "\n", "utf-8")

    def apply(self, mechanism: str, judged: Sequence[Sequence[float]]) -> list[tuple[float, ...]]:
        """Return calibrated probabilities of the levels.

        Args:
            mechanism: of empathy.
            judged: the judge's probabilities of the three levels, one row a pair.
        """
        return [tuple(row) for row in level_probabilities(features_of(judged), self._weights[mechanism]).tolist()]


def features_of(judged: Any) -> NDArray[np.float64]:
    """Return centered log-probabilities and a constant, of shape (N, 4), for probabilities of shape (N, 3)."""
    logs = np.log(np.clip(np.asarray(judged, np.float64).reshape(-1, LEVELS), 1e-6, 1))
    return np.concatenate([logs - logs.mean(1, keepdims=True), np.ones((len(logs), 1))], axis=1)


def level_probabilities(features: NDArray[np.float64], weights: Weights) -> NDArray[np.float64]:
    """Return the probabilities of the levels, of shape (N, 3), for features of shape (N, 4)."""
    logits = features @ weights
    powers = np.exp(logits - logits.max(1, keepdims=True))
    probabilities: NDArray[np.float64] = powers / powers.sum(1, keepdims=True)
    return probabilities
