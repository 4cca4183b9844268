"""Accuracies with their uncertainty, and whether two runs differ.

Intervals are 95% percentile bootstrap intervals (Efron and Tibshirani, 1993, chapter 13), resampled within tasks. Two
runs on the same questions are compared pair by pair: the interval of the mean difference, and a sign-flip permutation
test.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

_RESAMPLES = 2000
_FLIPS = 9_999


class Estimate(NamedTuple):
    """A mean over ``n`` questions (or tasks) with its 95% interval; None where there are none."""

    n: int
    mean: float | None
    low: float | None
    high: float | None


class Accuracies:
    """Accuracies by task; all of their combinations use the same resampling.

    Args:
        scores: the scores (0 to 1) of each task's questions.
        seed: of the resampling.
    """

    def __init__(self, scores: Mapping[str, Sequence[float]], seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        self._scores = {task: np.asarray(values, float) for task, values in sorted(scores.items()) if len(values)}
        self._resampled = {
            task: values[rng.integers(len(values), size=(_RESAMPLES, len(values)))].mean(axis=1)
            for task, values in self._scores.items()
        }

    def task(self, task: str) -> Estimate:
        """Return the accuracy of one task."""
        return self.macro([task])._replace(n=len(self._scores.get(task, ())))

    def macro(self, tasks: Sequence[str]) -> Estimate:
        """Return the plain mean over tasks; empty when one is missing, since a mean over fewer is another figure."""
        if not tasks or any(task not in self._scores for task in tasks):
            return Estimate(0, None, None, None)
        means = [self._scores[task].mean() for task in tasks]
        return _estimate(len(tasks), float(np.mean(means)), np.mean([self._resampled[t] for t in tasks], axis=0))

    def micro(self) -> Estimate:
        """Return the mean over all questions (micro average)."""
        sizes = np.array([len(values) for values in self._scores.values()], float)
        if not sizes.size:
            return Estimate(0, None, None, None)
        draws = np.average(np.stack(list(self._resampled.values())), axis=0, weights=sizes)
        mean = float(np.concatenate(list(self._scores.values())).mean())
        return _estimate(int(sizes.sum()), mean, draws)

    @property
    def tasks(self) -> list[str]:
        """Tasks that have questions, in order of name."""
        return list(self._scores)


def _estimate(n: int, mean: float, draws: np.ndarray) -> Estimate:
    low, high = np.percentile(draws, [2.5, 97.5])
    return Estimate(n, mean, float(low), float(high))


class Comparison(NamedTuple):
    """A second run against a first, on the questions that both answered.

    Attributes:
        difference: mean score of the second minus the first, with its interval.
        p_value: of a two-sided sign-flip permutation test of no difference.
        better, worse: questions on which the second scored higher, or lower.
    """

    difference: Estimate
    p_value: float
    better: int
    worse: int


def compare(
    first: Mapping[str, float], second: Mapping[str, float], tasks: Mapping[str, str], seed: int = 0
) -> Comparison:
    """Compare two runs' scores by question id, ``tasks`` giving each question's task."""
    shared = sorted(first.keys() & second.keys())
    by_task: dict[str, list[float]] = defaultdict(list)
    for key in shared:
        by_task[tasks[key]].append(second[key] - first[key])
    differences = np.array([d for values in by_task.values() for d in values])
    unequal = differences[differences != 0]
    return Comparison(
        Accuracies(by_task, seed).micro(),
        _sign_flip(unequal, seed),
        int((unequal > 0).sum()),
        int((unequal < 0).sum()),
    )


def _sign_flip(unequal: np.ndarray, seed: int) -> float:
    """Return how often differences of this size arise when their signs are chance (Good, 2005, chapter 3).

    Exact for up to 13 differences; else over 9,999 random flips, the observed signs counted as one more.
    """
    if unequal.size < 2:  # one difference is as large with either sign
        return 1.0
    from scipy.stats import permutation_test

    result = permutation_test(
        (unequal,),
        lambda x, axis: np.abs(x.sum(axis=axis)),  # two-sided
        permutation_type="samples",
        alternative="greater",
        vectorized=True,
        n_resamples=_FLIPS,
        batch=500,  # in parts: all at once would take gigabytes on a large benchmark
        random_state=np.random.default_rng(seed),
    )
    return float(result.pvalue)


class Bin(NamedTuple):
    """Questions whose value lies in ``low`` to ``high``: how many, their mean score, and their mean value."""

    low: float
    high: float
    n: int
    accuracy: float
    confidence: float


def bin_scores(values: Sequence[float], scores: Sequence[float], edges: Sequence[float]) -> list[Bin]:
    """Return the mean score by value, in bins with these edges (the last one closed)."""
    value, scored = np.asarray(values, float), np.asarray(scores, float)
    found = []
    for i, (low, high) in enumerate(itertools.pairwise(edges)):
        inside = (value >= low) & ((value <= high) if i == len(edges) - 2 else (value < high))
        if inside.any():
            found.append(Bin(low, high, int(inside.sum()), float(scored[inside].mean()), float(value[inside].mean())))
    return found


def calibration_error(bins: Sequence[Bin]) -> float:
    """Return the expected calibration error (Guo et al., 2017): confidence against accuracy, weighted by size."""
    total = sum(b.n for b in bins)
    return sum(b.n * abs(b.confidence - b.accuracy) for b in bins) / total if total else 0.0
