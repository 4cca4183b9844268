"""Accuracies with their uncertainty, and whether two runs differ.

Questions about one clip, person or dialogue are not independent, so clusters are resampled, not questions. Intervals
are 95% percentile intervals of the Bayesian bootstrap (Rubin, 1981) over clusters: each resample weights clusters by
exponential variates, so that none leaves a task without questions, however tasks are spread over clusters. Two runs on
the same questions are compared by a sign-flip permutation test over clusters (Good, 2005, chapter 3); the interval of
the difference holds the differences that this test does not reject, so that interval and test agree.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

_RESAMPLES = 2000
_FLIPS = 9_999
_EXACT = 13  # clusters that differ; up to so many all flips are counted
_LEVEL = 0.05
_NOUGHT = 1e-6  # a bound beside 0
_CHUNK = 500  # rows of signs or weights at once: all at once would take gigabytes on a large benchmark


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
        groups: the cluster of each question, in the same form; by default each question is one of its own.
        seed: of the resampling.
    """

    def __init__(
        self,
        scores: Mapping[str, Sequence[float]],
        groups: Mapping[str, Sequence[str]] | None = None,
        seed: int = 0,
    ) -> None:
        self._scores = {task: np.asarray(values, float) for task, values in sorted(scores.items()) if len(values)}
        self._columns = {task: column for column, task in enumerate(self._scores)}
        sums, counts = self._by_cluster(groups)
        self.clusters, self._clusters_of_task = len(sums), (counts > 0).sum(axis=0)
        self._sums, self._counts = _resample(sums, counts, np.random.default_rng(seed))

    def _by_cluster(self, groups: Mapping[str, Sequence[str]] | None) -> tuple[np.ndarray, np.ndarray]:
        """Return the sum of the scores and the number of questions, by cluster and task (C, T)."""
        names: dict[str, int] = {}
        rows, columns, values = [], [], []
        for task, scores in self._scores.items():
            keys = groups[task] if groups is not None else [f"{task}\n{i}" for i in range(len(scores))]
            rows += [names.setdefault(key, len(names)) for key in keys]
            columns += [self._columns[task]] * len(scores)
            values += scores.tolist()
        shape = (len(names), len(self._columns))
        sums, counts = np.zeros(shape), np.zeros(shape)
        np.add.at(sums, (rows, columns), values)
        np.add.at(counts, (rows, columns), 1)
        return sums, counts

    def task(self, task: str) -> Estimate:
        """Return the accuracy of one task."""
        return self.macro([task])._replace(n=len(self._scores.get(task, ())))

    def macro(self, tasks: Sequence[str]) -> Estimate:
        """Return the plain mean over tasks; empty when one is missing, since a mean over fewer is another figure."""
        if not tasks or any(task not in self._scores for task in tasks):
            return Estimate(0, None, None, None)
        means = [self._scores[task].mean() for task in tasks]
        columns = [self._columns[task] for task in tasks]
        draws = (self._sums[:, columns] / self._counts[:, columns]).mean(axis=1)
        return _estimate(len(tasks), float(np.mean(means)), draws)

    def micro(self) -> Estimate:
        """Return the mean over all questions (micro average)."""
        if not self._scores:
            return Estimate(0, None, None, None)
        values = np.concatenate(list(self._scores.values()))
        return _estimate(len(values), float(values.mean()), self._micro_draws())

    def fewest_clusters(self, tasks: Sequence[str]) -> int:
        """Return over how many clusters the task with the fewest is; 0 where one has no questions."""
        return min(
            (int(self._clusters_of_task[self._columns[t]]) if t in self._columns else 0 for t in tasks), default=0
        )

    def minimum_detectable_difference(self, power: float = 0.8) -> float | None:
        """Return the smallest difference to another run on other questions that a test at 5% would likely find.

        Args:
            power: how likely, from 0 to 1.

        Returns:
            The difference; None where the questions' scores say nothing of their spread, or too few clusters for any.
        """
        spread = float(self._micro_draws().std()) if self.clusters > 1 else 0.0
        if spread < _NOUGHT:  # where all score alike nothing is known of it
            return None
        spread *= np.sqrt((self.clusters + 1) / (self.clusters - 1))  # resampling few clusters understates it
        least = float(_quantiles(2 * (self.clusters - 1), power) * np.sqrt(2) * spread)
        return least if least < 1 else None

    def _micro_draws(self) -> np.ndarray:
        draws: np.ndarray = self._sums.sum(axis=1) / self._counts.sum(axis=1)
        return draws

    @property
    def tasks(self) -> list[str]:
        """Tasks that have questions, in order of name."""
        return list(self._scores)


def _resample(sums: np.ndarray, counts: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return resampled sums and counts by task (R, T)."""
    drawn = []
    for start in range(0, _RESAMPLES, _CHUNK):
        weights = rng.exponential(size=(min(_CHUNK, _RESAMPLES - start), len(sums)))
        drawn.append((weights @ sums, weights @ counts))
    return np.concatenate([s for s, _ in drawn]), np.concatenate([c for _, c in drawn])


def _estimate(n: int, mean: float, draws: np.ndarray) -> Estimate:
    low, high = np.percentile(draws, [2.5, 97.5])
    return Estimate(n, mean, float(low), float(high))


def binomial_bounds(successes: int, n: int) -> tuple[float, float]:
    """Return the exact 95% bounds of a share (Clopper and Pearson, 1934)."""
    from scipy.stats import beta

    low = float(beta.ppf(_LEVEL / 2, successes, n - successes + 1)) if successes else 0.0
    high = float(beta.ppf(1 - _LEVEL / 2, successes + 1, n - successes)) if successes < n else 1.0
    return low, high


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values adjusted for how many there are, by Holm's step-down method (1979)."""
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    adjusted, least = [0.0] * len(p_values), 0.0
    for rank, i in enumerate(order):
        least = max(least, min(1.0, (len(p_values) - rank) * p_values[i]))
        adjusted[i] = least
    return adjusted


def _quantiles(degrees: int, power: float) -> float:
    """Return how many standard errors a difference has to be for a t-test at 5% to find it with that power."""
    from scipy.stats import t

    return float(t.ppf(1 - _LEVEL / 2, degrees) + t.ppf(power, degrees))


class Comparison(NamedTuple):
    """A second run against a first, on the questions that both answered.

    Attributes:
        difference: mean score of the second minus the first, with the differences that the test does not reject at 5%.
        p_value: of a two-sided sign-flip permutation test of no difference, over clusters.
        better, worse: questions on which the second scored higher, or lower.
        clusters: over which signs are flipped.
        detectable: the smallest difference that this test would likely (80%) find with so many clusters; None where
            nothing differs.
    """

    difference: Estimate
    p_value: float
    better: int
    worse: int
    clusters: int = 0
    detectable: float | None = None


def compare(
    first: Mapping[str, float],
    second: Mapping[str, float],
    groups: Mapping[str, str] | None = None,
    seed: int = 0,
) -> Comparison:
    """Compare two runs' scores by question id.

    Args:
        first, second: scores by question id.
        groups: the cluster of each question; by default each is one of its own.
        seed: of the flips.
    """
    shared = sorted(first.keys() & second.keys())
    if not shared:
        return Comparison(Estimate(0, None, None, None), 1.0, 0, 0)
    sums: dict[str, float] = defaultdict(float)
    sizes: dict[str, int] = defaultdict(int)
    for key in shared:
        cluster = groups[key] if groups is not None else key
        sums[cluster] += second[key] - first[key]
        sizes[cluster] += 1
    found = np.array([second[key] - first[key] for key in shared])
    test = _SignFlip(np.array([*sums.values()]), np.array([*sizes.values()], float), seed)
    low, high = test.interval()
    return Comparison(
        Estimate(len(shared), float(found.mean()), low, high),
        test.p_value,
        int((found > 0).sum()),
        int((found < 0).sum()),
        len(sums),
        test.detectable(),
    )


class _SignFlip:
    """How often differences arise when the signs of clusters are chance, for any assumed difference.

    Args:
        sums: of the differences in each cluster (C,).
        sizes: questions in each cluster (C,).
        seed: of the flips.
    """

    def __init__(self, sums: np.ndarray, sizes: np.ndarray, seed: int) -> None:
        self._sums, self._sizes = sums, sizes
        rng = np.random.default_rng(seed)
        flipped, weights = [], []
        for start in range(0, _FLIPS, _CHUNK):
            signs = rng.integers(0, 2, size=(min(_CHUNK, _FLIPS - start), len(sums))) * 2.0 - 1
            flipped.append(signs @ sums)
            weights.append(signs @ sizes)
        self._flipped, self._weights = np.concatenate(flipped), np.concatenate(weights)
        self.p_value = self._exact() if np.count_nonzero(sums) <= _EXACT else self._p(0.0)

    def _exact(self) -> float:
        """Return the p-value over all flips of the clusters that differ."""
        unequal = self._sums[self._sums != 0]
        if unequal.size < 2:  # one difference is as large with either sign
            return 1.0
        signs = np.array(list(itertools.product((-1.0, 1.0), repeat=unequal.size)))
        return float(np.mean(np.abs(signs @ unequal) >= abs(unequal.sum()) - 1e-9))

    def _p(self, assumed: float) -> float:
        """Return the p-value of an assumed difference; the observed signs count as one more flip."""
        observed = abs(self._sums.sum() - assumed * self._sizes.sum())
        as_large = np.abs(self._flipped - assumed * self._weights) >= observed - 1e-9
        return float((1 + np.count_nonzero(as_large)) / (1 + len(self._flipped)))

    def interval(self) -> tuple[float, float]:
        """Return the bounds of the differences that are not rejected; 0 lies inside exactly where the test says so."""
        mean = self._sums.sum() / self._sizes.sum()
        low, high = self._bound(mean, -1.0), self._bound(mean, 1.0)
        if self.p_value >= _LEVEL:  # by all flips, where the bounds are by random ones
            return min(low, 0.0), max(high, 0.0)
        return (max(low, _NOUGHT), high) if mean > 0 else (low, min(high, -_NOUGHT))

    def _bound(self, inside: float, outside: float) -> float:
        if self._p(outside) >= _LEVEL:
            return outside
        for _ in range(30):
            middle = (inside + outside) / 2
            inside, outside = (middle, outside) if self._p(middle) >= _LEVEL else (inside, middle)
        return float(inside)

    def detectable(self) -> float | None:
        """Return the smallest difference that is likely (80%) to be found."""
        if len(self._sums) < 2 or not np.any(self._sums):
            return None
        mean = self._sums.sum() / self._sizes.sum()
        residuals = self._sums - mean * self._sizes
        error = np.sqrt((residuals**2).sum() * len(residuals) / (len(residuals) - 1)) / self._sizes.sum()
        least = _quantiles(len(residuals) - 1, 0.8) * float(error)
        return least if _NOUGHT < least < 1 else None


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
