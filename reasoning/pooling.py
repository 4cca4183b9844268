"""Log-linear pooling of several sources of evidence, and fitting the weights of the pool.

The pooled probability of an option is proportional to the product of its probabilities in each source, each to the
power of the source's weight (Genest and Zidek, "Combining probability distributions", 1986). A weight of 0 leaves a
source out; a uniform distribution says nothing, whatever its weight.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

Option = TypeVar("Option", bound=str)
# What a policy says counts with a weight of its own where it had no words to read, and sees and hears nothing itself:
# then it can only repeat the notes of what was measured.
POLICY, POLICY_WITHOUT_WORDS = POLICY_SOURCES = "policy", "policy without words"
MIN_PROBABILITY = 0.01  # no source rules an option out
_RIDGE = 1e-3  # how strongly the prior weights pull
# A weight that was fitted on so many speakers, clips or texts lies half way between the prior and the fit: what holds
# of few may not hold of others.
_GROUPS_HALF_WAY = 10


def pool_log_linear(
    sources: Mapping[str, Mapping[Option, float]], weights: Mapping[str, float], options: Sequence[Option]
) -> dict[Option, float]:
    """Pool distributions over the same options.

    Args:
        sources: by name, a distribution over the options; an option that one leaves out has the least probability.
        weights: by the same names, 0 or more.
        options: at least one.

    Returns:
        A distribution over the options: uniform without sources.
    """
    logs = {
        option: math.fsum(
            weights[name] * math.log(max(p.get(option, 0.0), MIN_PROBABILITY)) for name, p in sources.items()
        )
        for option in options
    }
    peak = max(logs.values())
    shares = {option: math.exp(value - peak) for option, value in logs.items()}
    total = math.fsum(shares.values())
    return {option: share / total for option, share in shares.items()}


@dataclass(frozen=True)
class PoolExample:
    """A decision whose right outcome is known, to fit weights on.

    Attributes:
        sources: by name, a reliability (0 to 1, a factor of the weight) and a distribution over the options.
        options: of the decision.
        answer: the right one.
        group: examples of one group (a speaker, a clip) are held out together.
        task: examples are weighted so that every task counts the same, and judged by task.
    """

    sources: Mapping[str, tuple[float, Mapping[str, float]]]
    options: tuple[str, ...]
    answer: str
    group: str
    task: str = ""

    def pooled(self, weights: Mapping[str, float]) -> dict[str, float]:
        """Return the pool of the sources."""
        used = {name: weights[name] * reliability for name, (reliability, _) in self.sources.items()}
        return pool_log_linear({name: p for name, (_, p) in self.sources.items()}, used, self.options)


def fit_weights(
    examples: Sequence[PoolExample], prior: Mapping[str, float], fixed: Collection[str] = ()
) -> dict[str, float]:
    """Return the weights of 0 or more that make the right answers most likely, drawn towards the prior.

    A source that few groups have keeps more of its prior weight: 10 / (n + 10) of it with ``n`` groups, as if weights
    differed between corpora as much as an estimate from ten groups does.

    Args:
        examples: at least one; of several tasks each counts the same.
        prior: the weight of every source; a slight pull towards it decides where the examples do not.
        fixed: sources that keep their prior weight.
    """
    from scipy.optimize import minimize

    names = sorted({name for example in examples for name in example.sources} - set(fixed))
    if not names:
        return dict(prior)
    tasks = Counter(example.task for example in examples)
    share = np.array([1 / (len(tasks) * tasks[example.task]) for example in examples])
    logs, base, right = _log_probabilities(examples, names, prior)
    start = np.array([prior[name] for name in names])

    def loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
        scores = base + np.einsum("nco,c->no", logs, weights)
        scores -= scores.max(axis=1, keepdims=True)
        shares = np.exp(scores)
        shares /= shares.sum(axis=1, keepdims=True)
        rows = np.arange(len(examples))
        at_right = logs[rows, :, right]
        expected = np.einsum("nco,no->nc", logs, shares)
        pull = weights - start
        value = -(share * np.log(shares[rows, right])).sum() + _RIDGE * (pull**2).sum()
        return float(value), -(share[:, None] * (at_right - expected)).sum(axis=0) + 2 * _RIDGE * pull

    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=[(0.0, None)] * len(names))
    fitted = dict(zip(names, found.x, strict=True))
    return {**prior, **{name: round(_shrunk(float(w), prior[name], name, examples), 3) for name, w in fitted.items()}}


def _shrunk(weight: float, prior: float, source: str, examples: Sequence[PoolExample]) -> float:
    """Return a fitted weight, drawn towards the prior where few groups have the source."""
    groups = len({example.group for example in examples if source in example.sources})
    return prior + (weight - prior) * groups / (groups + _GROUPS_HALF_WAY)


def _log_probabilities(
    examples: Sequence[PoolExample], names: Sequence[str], prior: Mapping[str, float]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return log-probabilities (N, C, K) of the named sources, the scores (N, K) of the others, and what is right (N,).

    Options that an example does not have score minus infinity.
    """
    most = max(len(example.options) for example in examples)
    logs: np.ndarray = np.zeros((len(examples), len(names), most))
    base: np.ndarray = np.full((len(examples), most), -np.inf)
    for i, example in enumerate(examples):
        base[i, : len(example.options)] = 0.0
        for name, (reliability, probabilities) in example.sources.items():
            row = [reliability * math.log(max(probabilities.get(o, 0.0), MIN_PROBABILITY)) for o in example.options]
            if name in names:
                logs[i, names.index(name), : len(row)] = row
            else:
                base[i, : len(row)] += prior[name] * np.array(row)
    return logs, base, np.array([example.options.index(example.answer) for example in examples])


def pool_held_out(
    examples: Sequence[PoolExample], fit: Callable[[Sequence[PoolExample]], Mapping[str, float]], folds: int = 5
) -> list[dict[str, float]]:
    """Return the pooled probabilities of each example by weights that were fitted on other groups.

    Args:
        examples: of two groups or more.
        fit: returns weights, such as :func:`fit_weights` with its other arguments.
        folds: how many parts the groups are split in.
    """
    groups = sorted({example.group for example in examples})
    fold_of = {group: i % min(folds, len(groups)) for i, group in enumerate(groups)}
    found: list[dict[str, float]] = [{} for _ in examples]
    for fold in set(fold_of.values()):
        weights = fit([e for e in examples if fold_of[e.group] != fold])
        for i, example in enumerate(examples):
            if fold_of[example.group] == fold:
                found[i] = example.pooled(weights)
    return found
