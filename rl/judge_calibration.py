"""Calibrate a judge of empathy on EPITOME's labels, and say how far it then agrees with the annotators.

The judge's log-probabilities of the three levels go through a multinomial logistic regression for each mechanism,
fitted on some seekers' posts and measured on others. Where the judge tells nothing, its calibrated levels are the
labels' frequencies: a reward that does not vary teaches nothing, which is right.
"""

from __future__ import annotations

import csv
import gzip
import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from omnisense.errors import InputError
from omnisense.rl.judge_rewards import Empathy

FILES = {
    "emotional reactions": "emotional-reactions-reddit.csv",
    "interpretations": "interpretations-reddit.csv",
    "explorations": "explorations-reddit.csv",
}
_PENALTY = 0.01  # on squared weights: enough to keep them finite where a level is rare


class Calibration:
    """Weights (4, 3) by mechanism: from a judge's three log-probabilities and a constant to log-odds of the levels."""

    def __init__(self, judge: str, weights: dict[str, np.ndarray], card: dict[str, Any]) -> None:
        self.judge, self._weights, self.card = judge, weights, card

    @classmethod
    def read(cls, path: Path, judge: str) -> Calibration:
        """Read a calibration of this very judge.

        Raises:
            InputError: unreadable, or made for another judge.
        """
        try:
            found = json.loads(path.read_text("utf-8"))
            weights = {name: np.asarray(rows, float).reshape(4, 3) for name, rows in found["weights"].items()}
            made_for = str(found["judge"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError(
                f"it is no calibration ({error})", "Make one with `omnisense train calibrate-judge`.", path
            ) from error
        if made_for != judge:
            raise InputError(f"it was made for the judge '{made_for}', not '{judge}'", "Make one for this judge.", path)
        return cls(judge, weights, found.get("card", {}))

    def write(self, path: Path) -> None:
        """Write it where recipes can name it."""
        weights = {name: np.round(found, 6).tolist() for name, found in self._weights.items()}
        path.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps({"judge": self.judge, "card": self.card, "weights": weights}, indent=1)
        path.write_text(text + "\n", "utf-8")

    def apply(self, mechanism: str, rows: Sequence[Sequence[float]]) -> list[tuple[float, ...]]:
        """The calibrated probabilities of the levels for a judge's own."""
        return [tuple(row) for row in _probabilities(_features(rows), self._weights[mechanism]).tolist()]


def calibrate(epitome: Path, judge: str, limit: int = 600, seed: int = 0, batch_size: int = 8) -> Calibration:
    """Fit on three quarters of the posts and measure on the rest.

    Args:
        epitome: a folder with EPITOME's three files, plain or gzipped.
        judge: the policy that grades.
        limit: at most so many pairs; each is asked three times.
        seed: of the choice and the split, by seeker's post.
        batch_size: pairs that are judged at once.

    Raises:
        InputError: a file is missing.
    """
    pairs = read_pairs(epitome)
    posts = sorted({pair["post_id"] for pair in pairs})
    random.Random(seed).shuffle(posts)
    place = {post: i for i, post in enumerate(posts)}
    chosen = sorted(pairs, key=lambda pair: place[pair["post_id"]])[:limit]
    cut = place[chosen[int(len(chosen) * 0.75)]["post_id"]]
    fitted = np.array([place[pair["post_id"]] < cut for pair in chosen])
    levels = Empathy(judge=judge, batch_size=batch_size).levels(
        [pair["post"] for pair in chosen], [pair["reply"] for pair in chosen]
    )
    weights, agreement = {}, {}
    for name, rows in levels.items():
        features, labels = _features(rows), np.array([pair[name] for pair in chosen])
        weights[name] = _fit(features[fitted], labels[fitted])
        held = _probabilities(features[~fitted], weights[name])
        agreement[name] = _agreement(held, labels[~fitted]) | {
            "judge_alone": _agreement(np.array(rows)[~fitted], labels[~fitted])
        }
    card = {
        "data": "EPITOME (Sharma et al., 2020), for non-commercial research",
        "pairs_fitted": int(fitted.sum()),
        "pairs_held_out": int((~fitted).sum()),
        "held_out": agreement,
        "seed": seed,
    }
    return Calibration(judge, weights, card)


def read_pairs(folder: Path) -> list[dict[str, Any]]:
    """EPITOME's pairs of post and reply that all three files label: ``post_id``, ``post``, ``reply``, and the levels.

    Raises:
        InputError: a file is missing.
    """
    pairs: dict[tuple[str, str], dict[str, Any]] = {}
    for name, file in FILES.items():
        for line in csv.DictReader(_lines(folder, file)):
            key = (line["sp_id"], line["rp_id"])
            pair = pairs.setdefault(
                key, {"post_id": key[0], "post": line["seeker_post"], "reply": line["response_post"]}
            )
            pair[name] = int(line["level"])
    return [pair for pair in pairs.values() if FILES.keys() <= pair.keys()]


def _lines(folder: Path, name: str) -> list[str]:
    for path in (folder / name, folder / f"{name}.gz"):
        if path.is_file():
            data = path.read_bytes()
            text = gzip.decompress(data) if path.suffix == ".gz" else data
            return text.decode("utf-8").splitlines(keepends=True)
    raise InputError(f"there is no {name} (or {name}.gz)", "Give the folder with EPITOME's three files.", folder)


def _features(rows: Any) -> np.ndarray:
    logs = np.log(np.clip(np.asarray(rows, float).reshape(-1, 3), 1e-6, 1))
    return np.concatenate([logs - logs.mean(1, keepdims=True), np.ones((len(logs), 1))], axis=1)


def _probabilities(features: np.ndarray, weights: np.ndarray) -> np.ndarray:
    scores = features @ weights
    powers = np.exp(scores - scores.max(1, keepdims=True))
    probabilities: np.ndarray = powers / powers.sum(1, keepdims=True)
    return probabilities


def _fit(features: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Multinomial logistic regression (4 features, 3 levels)."""
    from scipy.optimize import minimize

    wanted = np.eye(3)[labels]

    def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
        weights = flat.reshape(4, 3)
        found = _probabilities(features, weights)
        value = -np.log(np.clip((found * wanted).sum(1), 1e-12, 1)).mean() + _PENALTY * (weights[:3] ** 2).sum()
        slope = features.T @ (found - wanted) / len(labels)
        slope[:3] += 2 * _PENALTY * weights[:3]
        return float(value), slope.ravel()

    weights: np.ndarray = minimize(loss, np.zeros(12), jac=True, method="L-BFGS-B").x.reshape(4, 3)
    return weights


def _agreement(probabilities: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """With the annotators, on pairs that were held out: accuracy beside the commonest level's, and rank correlation."""
    from scipy.stats import spearmanr

    expected = probabilities @ np.arange(3)
    varies = len(set(np.round(expected, 9))) > 1 and len(set(labels)) > 1
    counts = np.bincount(labels, minlength=3)
    return {
        "accuracy": round(float((probabilities.argmax(1) == labels).mean()), 4),
        "commonest_level": round(float(counts.max() / counts.sum()), 4),
        "rank_correlation": round(float(spearmanr(expected, labels).statistic), 4) if varies else 0.0,
    }
