"""Fit a pool's weights, and judge the pool beside its sources on groups that took no part in the fit."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from omnisense.reasoning.pooling import POLICY_SOURCES, PoolExample, fit_weights, pool_held_out


@dataclass(frozen=True)
class PairedDifference:
    """How much oftener one of two systems is right than the other, on the same examples.

    Attributes:
        difference: of the accuracies.
        low, high: exact 95% interval, given the examples on which just one is right (Clopper and Pearson, 1934): it
            holds 0 where the test does not reject that the two are as good.
        p: of McNemar's exact test, two-sided.
    """

    difference: float
    low: float
    high: float
    p: float


def compare_right(first: Sequence[bool], second: Sequence[bool]) -> PairedDifference:
    """Compare the first of two systems with the second.

    Args:
        first, second: of the same examples, at least one, whether each system is right.
    """
    from scipy.stats import binomtest

    won = sum(a and not b for a, b in zip(first, second, strict=True))
    lost = sum(b and not a for a, b in zip(first, second, strict=True))
    if won + lost == 0:
        return PairedDifference(0.0, 0.0, 0.0, 1.0)
    test = binomtest(won, won + lost)
    interval, share = test.proportion_ci(method="exact"), (won + lost) / len(first)
    low, high = share * (2 * interval.low - 1), share * (2 * interval.high - 1)
    return PairedDifference((won - lost) / len(first), float(low), float(high), float(test.pvalue))


@dataclass(frozen=True)
class JudgedPool:
    """Examples with their held-out pools.

    Attributes:
        pooled: with weights that were fitted on other groups.
        measured: without the policy.
    """

    examples: Sequence[PoolExample]
    pooled: Sequence[Mapping[str, float]]
    measured: Sequence[Mapping[str, float]]

    def right(self, source: str) -> list[bool]:
        """Return of each example whether a source alone (or a pool) is right; one that says nothing is wrong.

        Args:
            source: of the examples; or ``pooled``, ``measured``, or ``policy`` for what the policy says in any row.
        """
        if source in ("pooled", "measured"):
            pools = self.pooled if source == "pooled" else self.measured
            return [_top(p) == e.answer for e, p in zip(self.examples, pools, strict=True)]
        said = [_said(e).get(source) for e in self.examples]
        return [p is not None and _top(p) == e.answer for e, p in zip(self.examples, said, strict=True)]

    def by_task(self) -> dict[str, dict[str, float]]:
        """Return by task the number of examples, the accuracies, and the pool's difference to its best channel.

        The accuracies are those of the pool and of every source alone; the difference has its interval (``low``,
        ``high``) and its ``p`` (:func:`compare_right`).
        """
        found = {}
        for task in sorted({example.task for example in self.examples}):
            inside = [i for i, example in enumerate(self.examples) if example.task == task]
            own = replace(self, **{name: [getattr(self, name)[i] for i in inside] for name in vars(self)})
            sources = sorted({name for example in own.examples for name in _said(example)})
            right = {name: own.right(name) for name in ("pooled", "measured", *sources)}
            against = compare_right(right["pooled"], right[max(sources, key=lambda name: sum(right[name]))])
            shares = {name: float(np.mean(hits)) for name, hits in right.items()}
            figures = shares | {name: float(value) for name, value in vars(against).items()}
            found[task] = {"n": len(inside)} | {name: round(value, 3) for name, value in figures.items()}
        return found


def fit_pool(examples: Sequence[PoolExample], prior: Mapping[str, float]) -> tuple[dict[str, float], JudgedPool]:
    """Return the weights of a pool, and the examples with the pools of weights that were fitted on other groups.

    The policy's weight is 0 where it adds nothing: where with it the held-out likelihood is not better by a standard
    error, or fewer decisions are right. This is judged for each of its sources alone, and in each fold anew. Where
    nothing was measured the policy alone decides, whatever its weight: such examples tell nothing of weights.

    Args:
        examples: of two groups or more.
        prior: the weight of every source, those of the policy among them.
    """

    def fit(chosen: Sequence[PoolExample]) -> dict[str, float]:
        kept = _without_idle_policy(chosen, prior)
        return fit_weights(chosen, kept, fixed=[name for name in POLICY_SOURCES if kept.get(name) == 0.0])

    silent = dict(prior) | dict.fromkeys(POLICY_SOURCES, 0.0)
    pooled = [example.pooled(dict.fromkeys(example.sources, 1.0)) for example in examples]  # of the policy alone
    measured = [example.pooled(dict.fromkeys(example.sources, 0.0)) for example in examples]  # of nothing
    places = [i for i, example in enumerate(examples) if set(example.sources) - set(POLICY_SOURCES)]
    chosen = [examples[i] for i in places]
    without = pool_held_out(chosen, functools.partial(fit_weights, prior=silent, fixed=POLICY_SOURCES))
    for i, found, channels in zip(places, pool_held_out(chosen, fit), without, strict=True):
        pooled[i], measured[i] = found, channels
    return fit(chosen), JudgedPool(examples, pooled, measured)


def _without_idle_policy(examples: Sequence[PoolExample], prior: Mapping[str, float]) -> dict[str, float]:
    """Return the prior with a weight of 0 for those sources of the policy that add nothing."""
    found = dict(prior)
    for name in POLICY_SOURCES:
        own = [i for i, example in enumerate(examples) if name in example.sources]
        if own and not _adds(examples, found, name, own):
            found[name] = 0.0
    return found


def _adds(examples: Sequence[PoolExample], prior: Mapping[str, float], name: str, own: Sequence[int]) -> bool:
    """Whether a source makes held-out decisions better on the examples that have it."""
    silent = [source for source in POLICY_SOURCES if prior.get(source) == 0.0]
    if len({example.group for example in examples}) < 2:
        return bool(prior[name])
    with_it = pool_held_out(examples, functools.partial(fit_weights, prior=prior, fixed=silent))
    mute = {**prior, name: 0.0}
    without = pool_held_out(examples, functools.partial(fit_weights, prior=mute, fixed=[*silent, name]))
    answers = [examples[i].answer for i in own]
    gain = np.array([np.log(with_it[i][a] / without[i][a]) for i, a in zip(own, answers, strict=True)])
    right = [sum(_top(pools[i]) == a for i, a in zip(own, answers, strict=True)) for pools in (with_it, without)]
    return bool(gain.mean() > gain.std() / np.sqrt(len(gain)) and right[0] >= right[1])


def complete_weights(prior: Mapping[str, float], examples: Sequence[PoolExample]) -> dict[str, float]:
    """Return the prior weights, with one for every source of the examples."""
    return dict.fromkeys((n for e in examples for n in e.sources), 0.5) | dict(prior)


def _said(example: PoolExample) -> dict[str, Mapping[str, float]]:
    """Return what each source says, the policy under one name."""
    return {("policy" if n in POLICY_SOURCES else n): p for n, (_, p) in example.sources.items()}


def _top(probabilities: Mapping[str, float]) -> str:
    return max(probabilities, key=probabilities.__getitem__)
