"""Fit the calibration of a judge of empathy on EPITOME's labels, and measure its agreement with the annotators.

The judge's log-probabilities of the three levels are the features of a multinomial logistic regression for each
mechanism, fitted on some seekers' posts and measured on others. If the judge's answers carry no information, the
calibrated levels are the labels' frequencies, the same for every reply, and the reward trains nothing, as it should.
"""

from __future__ import annotations

import logging
import random
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from omnisense.rl.data.epitome import EmpathyPair, read_pairs
from omnisense.rl.rewards.judge import EmpathyReward
from omnisense.rl.rewards.judge_calibration import (
    LEVELS,
    Agreement,
    CalibratedAgreement,
    Calibration,
    CalibrationCard,
    Weights,
    features_of,
    level_probabilities,
)

_log = logging.getLogger(__name__)
_PENALTY = 0.01  # on squared weights, beside the mean log loss: keeps them finite where a level is rare
_FITTED_FRACTION = 0.75
_ABSENT_LOGIT = -30.0  # of a level that no label has


def calibrate_judge(
    epitome: Path, judge: str, limit: int = 600, seed: int = 0, batch_size: int = 8
) -> tuple[Calibration, CalibrationCard]:
    """Fit a calibration on three quarters of the posts and measure it on the rest.

    Args:
        epitome: a folder with EPITOME's three files, plain or gzipped.
        judge: the policy that grades.
        limit: at most so many pairs; the judge is asked three questions about each.
        seed: of the choice of pairs and of the split, which is by seeker's post.
        batch_size: pairs that are judged at once.

    Returns:
        The calibration, and its card: the agreement on the held-out pairs.

    Raises:
        InputError: a file is missing.
    """
    chosen, fitted = _choose_pairs(read_pairs(epitome), limit, seed)
    _log.info("judging %d pairs of EPITOME with %s", len(chosen), judge)
    levels = EmpathyReward(judge=judge, batch_size=batch_size).judge_levels(
        [pair.post for pair in chosen], [pair.reply for pair in chosen]
    )
    weights, agreement = {}, {}
    for mechanism, judged in levels.items():
        features, labels = features_of(judged), np.array([pair.levels[mechanism] for pair in chosen])
        weights[mechanism] = fit_weights(features[fitted], labels[fitted])
        calibrated = level_probabilities(features[~fitted], weights[mechanism])
        agreement[mechanism] = CalibratedAgreement(
            **_measure_agreement(calibrated, labels[~fitted]).model_dump(),
            judge_alone=_measure_agreement(np.array(judged)[~fitted], labels[~fitted]),
        )
    card = CalibrationCard(
        data="EPITOME (Sharma et al., 2020), for non-commercial research",
        pairs_fitted=int(fitted.sum()),
        pairs_held_out=int((~fitted).sum()),
        held_out=agreement,
        seed=seed,
    )
    return Calibration(judge, weights, card), card


def _choose_pairs(pairs: list[EmpathyPair], limit: int, seed: int) -> tuple[list[EmpathyPair], NDArray[np.bool_]]:
    """Return pairs in random order of their posts, and which of them the calibration is fitted on."""
    posts = sorted({pair.post_id for pair in pairs})
    random.Random(seed).shuffle(posts)
    place = {post: i for i, post in enumerate(posts)}
    chosen = sorted(pairs, key=lambda pair: place[pair.post_id])[:limit]
    first_held_out = place[chosen[int(len(chosen) * _FITTED_FRACTION)].post_id]
    return chosen, np.array([place[pair.post_id] < first_held_out for pair in chosen])


def fit_weights(features: NDArray[np.float64], labels: NDArray[Any]) -> Weights:
    """Fit a multinomial logistic regression: mean log loss, plus a penalty on the squared weights, not on the bias.

    Args:
        features: (N, 4), the last of them constant.
        labels: (N,), levels 0 to 2.

    Returns:
        Weights of shape (4, 3).
    """
    from sklearn.linear_model import LogisticRegression

    present = np.unique(labels)
    weights = np.zeros((features.shape[1], LEVELS))
    weights[-1] = _ABSENT_LOGIT
    if len(present) == 1:
        weights[-1, present] = 0.0
        return weights
    # scikit-learn minimizes C * (summed log loss) + (squared weights) / 2, hence C = 1 / (2 * penalty * N). With two
    # classes it fits the difference of their weights, whose square is twice the sum of the two squares.
    c = (2 if len(present) == 2 else 1) / (2 * _PENALTY * len(labels))
    model = LogisticRegression(C=c, tol=1e-8, max_iter=10_000).fit(features[:, :-1], labels)
    found = np.vstack([model.coef_.T, model.intercept_])
    weights[:, present] = np.hstack([-found / 2, found / 2]) if len(present) == 2 else found
    return weights


def _measure_agreement(probabilities: NDArray[Any], labels: NDArray[Any]) -> Agreement:
    """Return the agreement of levels with the annotators' labels.

    Args:
        probabilities: (N, 3), of the levels.
        labels: (N,), levels 0 to 2.
    """
    from scipy.stats import spearmanr

    expected = probabilities @ np.arange(LEVELS)
    varies = len(set(np.round(expected, 9))) > 1 and len(set(labels)) > 1
    counts = np.bincount(labels, minlength=LEVELS)
    return Agreement(
        accuracy=round(float((probabilities.argmax(1) == labels).mean()), 4),
        commonest_level=round(float(counts.max() / counts.sum()), 4),
        rank_correlation=round(float(spearmanr(expected, labels).statistic), 4) if varies else 0.0,
    )
